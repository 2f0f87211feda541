"""Propose action items for technical issues.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table of proposals."""
    op.create_table(
        "proposals",
        sa.Column("engagement", sa.String(), nullable=False),
        sa.Column("identity", sa.String(), nullable=False, comment="the failed integration and document"),
        sa.Column("state", sa.String(), nullable=False, comment="open, cleared"),
        sa.Column("first_week", sa.String(), nullable=False),
        sa.Column("last_week", sa.String(), nullable=False, comment="the last week that found a failure of it"),
        sa.Column("cleared_week", sa.String(), nullable=True),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False, comment="the run that changed it last"),
        sa.Column("proposal", postgresql.JSONB(), nullable=False, comment="hypercare.technical_issues.Proposal"),
        sa.Column("tracker", sa.String(), nullable=False, comment="where it is written: jira:acme/HC; empty: nowhere"),
        sa.Column("external_id", sa.String(), nullable=False, comment="the issue's id in that tracker"),
        sa.Column("external_key", sa.String(), nullable=False, comment="what people call it: HC-12"),
        sa.Column("intended", sa.Boolean(), nullable=False, comment="about to be created: it may be there already"),
        sa.Column("told", sa.String(), nullable=False, comment="the mark of what the tracker was told last"),
        sa.PrimaryKeyConstraint("engagement", "identity", name=op.f("pk_proposals")),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("proposals")
