"""The relational memory: what was pulled, found, told, judged and decided. PostgreSQL only."""

# All tables belong to one metadata.
from hypercare.ledger import row_tables as row_tables
from hypercare.ledger import workbook_tables as workbook_tables
