"""Freeze the rows behind a week's checks: what keeps a roll-forward from closing, bank matches and statements.

Revision ID: 0007
Revises: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "differing_rows",
        *_of_revision("differing_rows"),
        sa.Column("legal_entity", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column(
            "key",
            sa.String(),
            nullable=False,
            comment="the document or payment that keeps a roll-forward from closing",
        ),
        sa.Column("difference", sa.Numeric(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint(
            "engagement", "week", "revision", "legal_entity", "currency", "key", name=op.f("pk_differing_rows")
        ),
    )
    op.create_table(
        "bank_matches",
        *_of_revision("bank_matches"),
        sa.Column("key", sa.String(), nullable=False, comment="the row of check 11"),
        sa.Column("payment", sa.String(), nullable=False),
        sa.Column("legal_entity", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("amount", sa.Numeric(), nullable=False),
        sa.Column("completed_on", sa.Date(), nullable=True),
        sa.Column("state", sa.String(), nullable=False, comment="matched, returned, ambiguous, differs, missing"),
        sa.Column("basis", sa.String(), nullable=False, comment="by what it was matched"),
        sa.Column("verdict", sa.String(), nullable=False, comment="PASS, FAIL, UNKNOWN"),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column(
            "entries",
            postgresql.JSONB(),
            nullable=False,
            comment="hypercare.reconciled_rows.MatchedEntry, each that is or could be it",
        ),
        sa.PrimaryKeyConstraint("engagement", "week", "revision", "key", name=op.f("pk_bank_matches")),
    )
    op.create_table(
        "bank_statements",
        *_of_revision("bank_statements"),
        sa.Column("statement", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False, comment="masked"),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False, comment="the bank's own id of it"),
        sa.Column("covered_from", sa.Date(), nullable=False),
        sa.Column("covered_through", sa.Date(), nullable=False),
        sa.Column("opening", sa.Numeric(), nullable=True),
        sa.Column("closing", sa.Numeric(), nullable=True),
        sa.Column("arithmetic", sa.String(), nullable=False, comment="balanced, unbalanced, untold"),
        sa.Column("continuity", sa.String(), nullable=False, comment="first, linked, gap, untold"),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("file_digest", sa.String(), nullable=False, comment="sha256 of the file's bytes"),
        sa.PrimaryKeyConstraint("engagement", "week", "revision", "statement", name=op.f("pk_bank_statements")),
    )


def downgrade() -> None:
    """Take back."""
    for table in ("bank_statements", "bank_matches", "differing_rows"):
        op.drop_table(table)


def _of_revision(table: str) -> list[sa.Column[object] | sa.ForeignKeyConstraint]:
    return [
        sa.Column("engagement", sa.String(), nullable=False),
        sa.Column("week", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["engagement", "week", "revision"],
            ["week_revisions.engagement", "week_revisions.week", "week_revisions.revision"],
            name=op.f(f"fk_{table}_engagement_week_revision"),
            ondelete="CASCADE",
        ),
    ]
