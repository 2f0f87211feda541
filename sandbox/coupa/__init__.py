"""A stand-in for Coupa's Core REST API that serves many tenants from one process."""
