"""Create the ledger."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "action_items",
        sa.Column("engagement", sa.String(), nullable=False),
        sa.Column("week", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column(
            "item",
            postgresql.JSONB(),
            nullable=False,
            comment="hypercare.model.ActionItem as of that week",
        ),
        sa.PrimaryKeyConstraint("engagement", "week", "source", "id", name=op.f("pk_action_items")),
    )
    op.create_table(
        "chain",
        sa.Column("engagement", sa.String(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False, comment="revision or decision"),
        sa.Column("subject", sa.String(), nullable=False, comment="what the link stands for: `2026-W10 revision 1`"),
        sa.Column(
            "payload_digest", sa.String(), nullable=False, comment="sha256 of the canonical JSON of what it stands for"
        ),
        sa.Column("previous_hash", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("engagement", "sequence", name=op.f("pk_chain")),
    )
    op.create_table(
        "engagements",
        sa.Column("id", sa.String(), nullable=False, comment="the ICM record's Salesforce id"),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column(
            "facts",
            postgresql.JSONB(),
            nullable=False,
            comment="the engagement as hypercare.model.Engagement, as last read",
        ),
        sa.Column("seen_as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("first_seen_as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("in_hypercare", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_engagements")),
    )
    op.create_table(
        "faults",
        sa.Column("subject", sa.String(), nullable=False, comment="an instance or engagement"),
        sa.Column("feed", sa.String(), nullable=False),
        sa.Column(
            "cause", sa.String(), nullable=False, comment="pull, refused, invalid, broken, measure, reconcile, judge"
        ),
        sa.Column("first_as_of", sa.DateTime(timezone=True), nullable=False, comment="the run that saw it first"),
        sa.Column("last_as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cleared_as_of", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "engagements",
            postgresql.JSONB(),
            nullable=False,
            comment="names of the engagements it concerns",
        ),
        sa.Column("required", sa.Boolean(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("known_until", sa.Date(), nullable=True, comment="acknowledged until then: no red run before"),
        sa.PrimaryKeyConstraint("subject", "feed", "cause", "first_as_of", name=op.f("pk_faults")),
    )
    op.create_table(
        "instances",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("first_seen_as_of", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_instances")),
    )
    op.create_table(
        "leases",
        sa.Column("resource", sa.String(), nullable=False, comment="pull:<instance> or week:<engagement>"),
        sa.Column(
            "fence", sa.BigInteger(), nullable=False, comment="raised by every taker; only the highest may write"
        ),
        sa.Column("holder", sa.String(), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("resource", name=op.f("pk_leases")),
    )
    op.create_table(
        "pulls",
        sa.Column("feed", sa.String(), nullable=False),
        sa.Column(
            "owner", sa.String(), nullable=False, comment="instance, or engagement for Salesforce and tracker feeds"
        ),
        sa.Column("pull", sa.String(), nullable=False, comment="the run's as_of, YYYYMMDDTHHMMSSZ"),
        sa.Column("outcome", sa.String(), nullable=False, comment="published, fault, refused"),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False, comment="typed Parquet, relative to the lake"),
        sa.Column("rejects_path", sa.Text(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("misfits", sa.BigInteger(), nullable=False),
        sa.Column("columns_missing", postgresql.JSONB(), nullable=False),
        sa.Column(
            "observed_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="the server's own time at the first answer",
        ),
        sa.Column("watermark", sa.DateTime(timezone=True), nullable=True),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False, comment="hypercare.model.FeedState after validation"),
        sa.Column("state_reason", sa.Text(), nullable=False),
        sa.Column("failing_rows_path", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("feed", "owner", "pull", name=op.f("pk_pulls")),
    )
    op.create_table(
        "runs",
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("weeks_judged", sa.Integer(), nullable=False),
        sa.Column("faults", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("as_of", name=op.f("pk_runs")),
    )
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
    op.create_table(
        "week_revisions",
        sa.Column("engagement", sa.String(), nullable=False),
        sa.Column("week", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column(
            "reason",
            sa.String(),
            nullable=False,
            comment="first, reconstructed, fault repaired, exceptions cleared, restated",
        ),
        sa.Column("words", sa.Text(), nullable=False, comment="a restatement's reason, in a person's words"),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "sealed", sa.Boolean(), nullable=False, comment="false while it is being computed; then it never changes"
        ),
        sa.Column(
            "pulls",
            postgresql.JSONB(),
            nullable=False,
            comment="[feed, owner, pull, digest] of everything it rests on",
        ),
        sa.Column("feeds", postgresql.JSONB(), nullable=False, comment="state and reason of each feed"),
        sa.Column("facts", postgresql.JSONB(), nullable=False),
        sa.Column(
            "details",
            postgresql.JSONB(),
            nullable=False,
            comment="roll-forward rows and other figures of the checks",
        ),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("reasons", postgresql.JSONB(), nullable=False),
        sa.Column("open_until", sa.Date(), nullable=True),
        sa.Column("systemic", sa.Boolean(), nullable=False),
        sa.Column("through_fault", sa.Boolean(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("engagement", "week", "revision", name=op.f("pk_week_revisions")),
    )
    op.create_table(
        "checks",
        sa.Column("engagement", sa.String(), nullable=False),
        sa.Column("week", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("check", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("required", sa.Boolean(), nullable=False),
        sa.Column("advisory", sa.Boolean(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("exceptions", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.Numeric(), nullable=False),
        sa.Column("exception_value", sa.Numeric(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["engagement", "week", "revision"],
            ["week_revisions.engagement", "week_revisions.week", "week_revisions.revision"],
            name=op.f("fk_checks_engagement_week_revision"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("engagement", "week", "revision", "check", name=op.f("pk_checks")),
    )
    op.create_table(
        "decisions",
        sa.Column("engagement", sa.String(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False, comment="its link in the chain"),
        sa.Column("week", sa.String(), nullable=False),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("criteria", postgresql.JSONB(), nullable=False),
        sa.Column("reasons", postgresql.JSONB(), nullable=False),
        sa.Column("cycle", postgresql.JSONB(), nullable=False),
        sa.Column("policy_version", sa.String(), nullable=False),
        sa.Column("inputs_digest", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["engagement", "sequence"],
            ["chain.engagement", "chain.sequence"],
            name=op.f("fk_decisions_engagement_sequence"),
        ),
        sa.PrimaryKeyConstraint("engagement", "sequence", name=op.f("pk_decisions")),
    )
    op.create_table(
        "exceptions",
        sa.Column("engagement", sa.String(), nullable=False),
        sa.Column("week", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("check", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False, comment="the offending thing; the same over weeks and revisions"),
        sa.Column("found_week", sa.String(), nullable=False, comment="the week in which it was first found"),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("amount", sa.Numeric(), nullable=True),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("legal_entity", sa.String(), nullable=False),
        sa.Column(
            "resolved_on",
            sa.Date(),
            nullable=True,
            comment="local date on which it was cleared, or its explanation accepted",
        ),
        sa.Column("reason_code", sa.String(), nullable=False),
        sa.Column("explanation", sa.Text(), nullable=False),
        sa.Column("ticket", sa.String(), nullable=False),
        sa.Column("explained_by", sa.String(), nullable=False),
        sa.Column("accepted_by", sa.String(), nullable=False, comment="without it an explanation does not count"),
        sa.ForeignKeyConstraint(
            ["engagement", "week", "revision"],
            ["week_revisions.engagement", "week_revisions.week", "week_revisions.revision"],
            name=op.f("fk_exceptions_engagement_week_revision"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("engagement", "week", "revision", "check", "key", name=op.f("pk_exceptions")),
    )
    op.create_table(
        "metrics",
        sa.Column("engagement", sa.String(), nullable=False),
        sa.Column("week", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("metric", sa.String(), nullable=False),
        sa.Column("span", sa.String(), nullable=False),
        sa.Column("dimension", sa.String(), nullable=False),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("value", sa.Numeric(), nullable=True),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("numerator", sa.Numeric(), nullable=True),
        sa.Column("denominator", sa.Numeric(), nullable=True),
        sa.Column("waiting", sa.BigInteger(), nullable=True),
        sa.Column("waiting_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["engagement", "week", "revision"],
            ["week_revisions.engagement", "week_revisions.week", "week_revisions.revision"],
            name=op.f("fk_metrics_engagement_week_revision"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "engagement", "week", "revision", "metric", "span", "dimension", name=op.f("pk_metrics")
        ),
    )
    op.create_table(
        "rule_results",
        sa.Column("feed", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("pull", sa.String(), nullable=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("severity", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False, comment="passed, failed, broke"),
        sa.Column("evaluated", sa.BigInteger(), nullable=False),
        sa.Column("unexpected", sa.BigInteger(), nullable=False),
        sa.Column("sample", postgresql.JSONB(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["feed", "owner", "pull"],
            ["pulls.feed", "pulls.owner", "pulls.pull"],
            name=op.f("fk_rule_results_feed_owner_pull"),
        ),
        sa.PrimaryKeyConstraint("feed", "owner", "pull", "rule", name=op.f("pk_rule_results")),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("rule_results")
    op.drop_table("metrics")
    op.drop_table("exceptions")
    op.drop_table("decisions")
    op.drop_table("checks")
    op.drop_table("week_revisions")
    op.drop_table("waivers")
    op.drop_table("runs")
    op.drop_table("pulls")
    op.drop_table("leases")
    op.drop_table("instances")
    op.drop_table("faults")
    op.drop_table("engagements")
    op.drop_table("chain")
    op.drop_table("action_items")
