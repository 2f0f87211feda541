"""The ledger's tables of the rows behind a week's checks: frozen with its revision, for finance to follow figures."""

from __future__ import annotations

from sqlalchemy import Column, Date, String, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from hypercare.ledger.tables import Exact, columns_of_revision, metadata

differing_rows = Table(
    "differing_rows",
    metadata,
    *columns_of_revision(),
    Column("legal_entity", String, primary_key=True),
    Column("currency", String, primary_key=True),
    Column("key", String, primary_key=True, comment="the document or payment that keeps a roll-forward from closing"),
    Column("difference", Exact, nullable=False),
    Column("words", Text, nullable=False),
)

bank_matches = Table(
    "bank_matches",
    metadata,
    *columns_of_revision(),
    Column("key", String, primary_key=True, comment="the row of check 11"),
    Column("payment", String, nullable=False),
    Column("legal_entity", String, nullable=False),
    Column("currency", String, nullable=False),
    Column("amount", Exact, nullable=False),
    Column("completed_on", Date),
    Column("state", String, nullable=False, comment="matched, returned, ambiguous, differs, missing"),
    Column("basis", String, nullable=False, comment="by what it was matched"),
    Column("verdict", String, nullable=False, comment="PASS, FAIL, UNKNOWN"),
    Column("words", Text, nullable=False),
    Column(
        "entries", JSONB, nullable=False, comment="hypercare.reconciled_rows.MatchedEntry, each that is or could be it"
    ),
)

bank_statements = Table(
    "bank_statements",
    metadata,
    *columns_of_revision(),
    Column("statement", String, primary_key=True),
    Column("account", String, nullable=False, comment="masked"),
    Column("currency", String, nullable=False),
    Column("name", Text, nullable=False, comment="the bank's own id of it"),
    Column("covered_from", Date, nullable=False),
    Column("covered_through", Date, nullable=False),
    Column("opening", Exact),
    Column("closing", Exact),
    Column("arithmetic", String, nullable=False, comment="balanced, unbalanced, untold"),
    Column("continuity", String, nullable=False, comment="first, linked, gap, untold"),
    Column("file", Text, nullable=False),
    Column("file_digest", String, nullable=False, comment="sha256 of the file's bytes"),
)

ROW_TABLES = (differing_rows, bank_matches, bank_statements)
