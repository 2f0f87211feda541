"""The relational memory: what was pulled, found, told, judged and decided. PostgreSQL only."""

from hypercare.ledger import workbook_tables as workbook_tables  # all tables belong to one metadata
