"""Take forms: what people tell without a workbook.

Revision ID: 0008
Revises: 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "form_entries",
        sa.Column("engagement", sa.String(), nullable=False),
        sa.Column("sheet", sa.String(), nullable=False, comment="the workbook's sheet that asks the same"),
        sa.Column("key", sa.Text(), nullable=False, comment="as a row of that sheet bears it"),
        sa.Column("recorded_as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("values", postgresql.JSONB(), nullable=False, comment="by column of that sheet"),
        sa.Column("told_by", sa.Text(), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False, comment="who filled in the form"),
        sa.Column("confirmed_by", sa.Text(), nullable=False, comment="empty: nobody is asked to confirm"),
        sa.PrimaryKeyConstraint("engagement", "sheet", "key", "recorded_as_of", name=op.f("pk_form_entries")),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("form_entries")
