"""All that speaks to the outside, one module a system. Nothing here knows the gate."""
