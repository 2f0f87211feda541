"""Keep who acknowledged a fault and why, and the digest of a run for the operations team."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "acknowledgements",
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("feed", sa.String(), nullable=False),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.Date(), nullable=False, comment="the last day, UTC, on which no run is red for it"),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("who", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("subject", "feed", "cause", "acknowledged_at", name=op.f("pk_acknowledgements")),
    )
    op.add_column(
        "runs",
        sa.Column(
            "ops_digest",
            sa.Text(),
            nullable=False,
            server_default="",
            comment="what operations should know of it, in Markdown",
        ),
    )
    op.alter_column("runs", "ops_digest", server_default=None)
