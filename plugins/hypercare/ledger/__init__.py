"""The relational memory: what was pulled, found, measured, judged and decided. PostgreSQL only."""
