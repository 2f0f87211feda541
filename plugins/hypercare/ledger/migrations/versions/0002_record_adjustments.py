"""Record adjustments and their confirmations; waivers are adjustments, so their own table goes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Apply."""
    op.alter_column("chain", "kind", comment="revision, decision or adjustment")
    op.create_table(
        "adjustments",
        sa.Column("engagement", sa.String(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False, comment="its link in the chain"),
        sa.Column(
            "digest", sa.String(), nullable=False, comment="sha256 of all that the adjustment says: its natural key"
        ),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("adjustment", postgresql.JSONB(), nullable=False, comment="hypercare.adjustments.Adjustment"),
        sa.Column(
            "effect", postgresql.JSONB(), nullable=False, comment="what was shown before it was confirmed, line by line"
        ),
        sa.Column(
            "judge_from",
            sa.String(),
            nullable=True,
            comment="the first week to be judged again; null where no decision rests on it",
        ),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("requested_by", sa.String(), nullable=False),
        sa.Column("confirmed_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["engagement", "sequence"],
            ["chain.engagement", "chain.sequence"],
            name=op.f("fk_adjustments_engagement_sequence"),
        ),
        sa.PrimaryKeyConstraint("engagement", "sequence", name=op.f("pk_adjustments")),
        sa.UniqueConstraint("engagement", "digest", name=op.f("uq_adjustments_engagement_digest")),
    )
    op.create_table(
        "confirmations",
        sa.Column("run", sa.String(), nullable=False, comment="the run that asked: `dag_id run_id`"),
        sa.Column("option", sa.String(), nullable=False, comment="what was chosen: Approve or Reject"),
        sa.Column("responded_by", sa.String(), nullable=False, comment="the user id under which somebody answered"),
        sa.Column("responded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("shown", sa.Text(), nullable=False, comment="what the person was shown"),
        sa.PrimaryKeyConstraint("run", name=op.f("pk_confirmations")),
    )
    op.drop_table("waivers")


def downgrade() -> None:
    """Take back."""
    op.create_table(
        "waivers",
        sa.Column("engagement", sa.String(), nullable=False),
        sa.Column(
            "criterion", sa.String(), nullable=False, comment="a criterion of the exit policy, or `week:2026-W10`"
        ),
        sa.Column("requested_as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("requested_by", sa.String(), nullable=False),
        sa.Column("approved_by", sa.String(), nullable=False),
        sa.Column("expires_on", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("engagement", "criterion", "requested_as_of", name=op.f("pk_waivers")),
    )
    op.drop_table("confirmations")
    op.drop_table("adjustments")
    op.alter_column("chain", "kind", comment="revision or decision")
