"""The ledger's tables. Every row has a natural key, so that a repeated write finds itself."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    ForeignKeyConstraint,
    Integer,
    MetaData,
    Numeric,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Instant = DateTime(timezone=True)
Exact = Numeric()
"""Without a scale: what is written is what is read, nothing is rounded on the way."""

engagements = Table(
    "engagements",
    metadata,
    Column("id", String, primary_key=True, comment="the ICM record's Salesforce id"),
    Column("name", String, nullable=False),
    Column("facts", JSONB, nullable=False, comment="the engagement as hypercare.model.Engagement, as last read"),
    Column("seen_as_of", Instant, nullable=False),
    Column("first_seen_as_of", Instant, nullable=False),
    Column("in_hypercare", Boolean, nullable=False),
)

instances = Table(
    "instances",
    metadata,
    Column("name", String, primary_key=True),
    Column("first_seen_as_of", Instant, nullable=False),
)

leases = Table(
    "leases",
    metadata,
    Column("resource", String, primary_key=True, comment="pull:<instance> or week:<engagement>"),
    Column("fence", BigInteger, nullable=False, comment="raised by every taker; only the highest may write"),
    Column("holder", String, nullable=False),
    Column("taken_at", Instant, nullable=False),
)

pulls = Table(
    "pulls",
    metadata,
    Column("feed", String, primary_key=True),
    Column("owner", String, primary_key=True, comment="instance, or engagement for Salesforce and tracker feeds"),
    Column("pull", String, primary_key=True, comment="the run's as_of, YYYYMMDDTHHMMSSZ"),
    Column("outcome", String, nullable=False, comment="published, fault, refused, not held"),
    Column("reason", Text, nullable=False, default=""),
    Column("path", Text, nullable=False, default="", comment="typed Parquet, relative to the lake"),
    Column("rejects_path", Text, nullable=False, default=""),
    Column("rows", BigInteger, nullable=False, default=0),
    Column("misfits", BigInteger, nullable=False, default=0),
    Column("columns_missing", JSONB, nullable=False, default=list),
    Column("observed_at", Instant, comment="the server's own time at the first answer"),
    Column("watermark", Instant),
    Column("digest", String, nullable=False, default=""),
    Column("state", String, nullable=False, default="", comment="hypercare.model.FeedState after validation"),
    Column("state_reason", Text, nullable=False, default=""),
    Column("failing_rows_path", Text, nullable=False, default=""),
)

rule_results = Table(
    "rule_results",
    metadata,
    Column("feed", String, primary_key=True),
    Column("owner", String, primary_key=True),
    Column("pull", String, primary_key=True),
    Column("rule", String, primary_key=True),
    Column("severity", String, nullable=False),
    Column("outcome", String, nullable=False, comment="passed, failed, broke"),
    Column("evaluated", BigInteger, nullable=False),
    Column("unexpected", BigInteger, nullable=False),
    Column("sample", JSONB, nullable=False),
    Column("message", Text, nullable=False),
    ForeignKeyConstraint(["feed", "owner", "pull"], ["pulls.feed", "pulls.owner", "pulls.pull"]),
)

week_revisions = Table(
    "week_revisions",
    metadata,
    Column("engagement", String, primary_key=True),
    Column("week", String, primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column(
        "reason", String, nullable=False, comment="first, reconstructed, fault repaired, exceptions cleared, restated"
    ),
    Column("words", Text, nullable=False, default="", comment="a restatement's reason, in a person's words"),
    Column("as_of", Instant, nullable=False),
    Column("sealed", Boolean, nullable=False, comment="false while it is being computed; then it never changes"),
    Column("pulls", JSONB, nullable=False, comment="[feed, owner, pull, digest] of everything it rests on"),
    Column("feeds", JSONB, nullable=False, comment="state and reason of each feed"),
    Column("facts", JSONB, nullable=False),
    Column("details", JSONB, nullable=False, default=dict, comment="roll-forward rows and other figures of the checks"),
    Column("verdict", String, nullable=False, default=""),
    Column("reasons", JSONB, nullable=False, default=list),
    Column("open_until", Date),
    Column("systemic", Boolean, nullable=False, default=False),
    Column("through_fault", Boolean, nullable=False, default=False),
    Column("digest", String, nullable=False, default=""),
)
_revision_key = ["week_revisions.engagement", "week_revisions.week", "week_revisions.revision"]


def columns_of_revision() -> list[Column[object] | ForeignKeyConstraint]:
    """Return the columns by which a row belongs to a revision."""
    return [
        Column("engagement", String, primary_key=True),
        Column("week", String, primary_key=True),
        Column("revision", Integer, primary_key=True),
        ForeignKeyConstraint(["engagement", "week", "revision"], _revision_key, ondelete="CASCADE"),
    ]


metrics = Table(
    "metrics",
    metadata,
    *columns_of_revision(),
    Column("metric", String, primary_key=True),
    Column("span", String, primary_key=True),
    Column("dimension", String, primary_key=True),
    Column("verdict", String, nullable=False),
    Column("value", Exact),
    Column("n", BigInteger, nullable=False),
    Column("numerator", Exact),
    Column("denominator", Exact),
    Column("waiting", BigInteger),
    Column("waiting_since", Instant),
    Column("detail", Text, nullable=False),
    Column("reason", Text, nullable=False),
)

checks = Table(
    "checks",
    metadata,
    *columns_of_revision(),
    Column("check", String, primary_key=True),
    Column("title", String, nullable=False),
    Column("verdict", String, nullable=False),
    Column("required", Boolean, nullable=False),
    Column("advisory", Boolean, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("exceptions", BigInteger, nullable=False),
    Column("value", Exact, nullable=False),
    Column("exception_value", Exact, nullable=False),
    Column("reason", Text, nullable=False),
)

exceptions = Table(
    "exceptions",
    metadata,
    *columns_of_revision(),
    Column("check", String, primary_key=True),
    Column("key", String, primary_key=True, comment="the offending thing; the same over weeks and revisions"),
    Column("found_week", String, nullable=False, comment="the week in which it was first found"),
    Column("state", String, nullable=False),
    Column("words", Text, nullable=False),
    Column("amount", Exact),
    Column("currency", String, nullable=False),
    Column("legal_entity", String, nullable=False),
    Column("resolved_on", Date, comment="local date on which it was cleared, or its explanation accepted"),
    Column("reason_code", String, nullable=False),
    Column("explanation", Text, nullable=False),
    Column("ticket", String, nullable=False),
    Column("explained_by", String, nullable=False),
    Column("accepted_by", String, nullable=False, comment="without it an explanation does not count"),
)

action_items = Table(
    "action_items",
    metadata,
    Column("engagement", String, primary_key=True),
    Column("week", String, primary_key=True),
    Column("source", String, primary_key=True),
    Column("id", String, primary_key=True),
    Column("item", JSONB, nullable=False, comment="hypercare.model.ActionItem as of that week"),
)

chain = Table(
    "chain",
    metadata,
    Column("engagement", String, primary_key=True),
    Column("sequence", Integer, primary_key=True),
    Column("kind", String, nullable=False, comment="revision, decision or adjustment"),
    Column("subject", String, nullable=False, comment="what the link stands for: `2026-W10 revision 1`"),
    Column("payload_digest", String, nullable=False, comment="sha256 of the canonical JSON of what it stands for"),
    Column("previous_hash", String, nullable=False),
    Column("hash", String, nullable=False),
)

decisions = Table(
    "decisions",
    metadata,
    Column("engagement", String, primary_key=True),
    Column("sequence", Integer, primary_key=True, comment="its link in the chain"),
    Column("week", String, nullable=False),
    Column("as_of", Instant, nullable=False),
    Column("state", String, nullable=False),
    Column("verdict", String, nullable=False),
    Column("criteria", JSONB, nullable=False),
    Column("reasons", JSONB, nullable=False),
    Column("cycle", JSONB, nullable=False),
    Column("policy_version", String, nullable=False),
    Column("inputs_digest", String, nullable=False),
    ForeignKeyConstraint(["engagement", "sequence"], ["chain.engagement", "chain.sequence"]),
)

adjustments = Table(
    "adjustments",
    metadata,
    Column("engagement", String, primary_key=True),
    Column("sequence", Integer, primary_key=True, comment="its link in the chain"),
    Column("digest", String, nullable=False, comment="sha256 of all that the adjustment says: its natural key"),
    Column("kind", String, nullable=False),
    Column("adjustment", JSONB, nullable=False, comment="hypercare.adjustments.Adjustment"),
    Column("effect", JSONB, nullable=False, comment="what was shown before it was confirmed, line by line"),
    Column("judge_from", String, comment="the first week to be judged again; null where no decision rests on it"),
    Column("as_of", Instant, nullable=False),
    Column("requested_by", String, nullable=False),
    Column("confirmed_by", String, nullable=False),
    ForeignKeyConstraint(["engagement", "sequence"], ["chain.engagement", "chain.sequence"]),
    UniqueConstraint("engagement", "digest"),
)

confirmations = Table(
    "confirmations",
    metadata,
    Column("run", String, primary_key=True, comment="the run that asked: `dag_id run_id`"),
    Column("option", String, nullable=False, comment="what was chosen: Approve or Reject"),
    Column("responded_by", String, nullable=False, comment="the user id under which somebody answered"),
    Column("responded_at", Instant, nullable=False),
    Column("shown", Text, nullable=False, comment="what the person was shown"),
)

faults = Table(
    "faults",
    metadata,
    Column("subject", String, primary_key=True, comment="an instance or engagement"),
    Column("feed", String, primary_key=True),
    Column("cause", String, primary_key=True, comment="pull, refused, invalid, broken, measure, reconcile, judge"),
    Column("first_as_of", Instant, primary_key=True, comment="the run that saw it first"),
    Column("last_as_of", Instant, nullable=False),
    Column("cleared_as_of", Instant),
    Column("engagements", JSONB, nullable=False, comment="names of the engagements it concerns"),
    Column("required", Boolean, nullable=False),
    Column("words", Text, nullable=False),
    Column("known_until", Date, comment="acknowledged until then: no red run before"),
)

acknowledgements = Table(
    "acknowledgements",
    metadata,
    Column("subject", String, primary_key=True),
    Column("feed", String, primary_key=True),
    Column("cause", String, primary_key=True),
    Column("acknowledged_at", Instant, primary_key=True),
    Column("until", Date, nullable=False, comment="the last day, UTC, on which no run is red for it"),
    Column("reason", Text, nullable=False),
    Column("who", String, nullable=False),
)

runs = Table(
    "runs",
    metadata,
    Column("as_of", Instant, primary_key=True),
    Column("weeks_judged", Integer, nullable=False),
    Column("faults", Integer, nullable=False),
    Column(
        "ops_digest",
        Text,
        nullable=False,
        default="",
        comment="what operations should know of it, in Markdown",
    ),
)

proposals = Table(
    "proposals",
    metadata,
    Column("engagement", String, primary_key=True),
    Column("identity", String, primary_key=True, comment="the failed integration and document"),
    Column("state", String, nullable=False, comment="open, cleared"),
    Column("first_week", String, nullable=False),
    Column("last_week", String, nullable=False, comment="the last week that found a failure of it"),
    Column("cleared_week", String),
    Column("as_of", Instant, nullable=False, comment="the run that changed it last"),
    Column("proposal", JSONB, nullable=False, comment="hypercare.technical_issues.Proposal"),
    Column("tracker", String, nullable=False, default="", comment="where it is written: jira:acme/HC; empty: nowhere"),
    Column("external_id", String, nullable=False, default="", comment="the issue's id in that tracker"),
    Column("external_key", String, nullable=False, default="", comment="what people call it: HC-12"),
    Column("intended", Boolean, nullable=False, default=False, comment="about to be created: it may be there already"),
    Column("told", String, nullable=False, default="", comment="the mark of what the tracker was told last"),
)
