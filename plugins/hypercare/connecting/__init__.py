"""Connecting a customer: what is asked of its admin, the connections made from the answer, and whether they work."""
