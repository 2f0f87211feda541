"""The frozen evidence of engagement-weeks: revisions with their metrics, checks and exceptions (rule R6).

A revision is begun, filled by measuring and by reconciling, and sealed; sealed it never changes: writing to it raises
PermanentError. Until then a repeated try starts it anew. Callers hold the engagement's lease (hypercare.ledger.leases).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection, Engine, Row, Table, delete, func, insert, select, update

from hypercare.canonical import plain
from hypercare.errors import PermanentError
from hypercare.ledger import tables
from hypercare.ledger.chain import append_link, revision_digest, revision_subject
from hypercare.ledger.reconciled_rows import replace_rows
from hypercare.model import (
    CheckResult,
    ExceptionState,
    FeedHealth,
    FlowVerification,
    MetricResult,
    ReconciliationException,
    Span,
    Verdict,
    WeekEvidence,
    WeekFacts,
    WeekJudgement,
)
from hypercare.reconciled_rows import NO_ROWS, ReconciledRows
from hypercare.weeks import Week

FEEDS = TypeAdapter(tuple[FeedHealth, ...])
FACTS = TypeAdapter(WeekFacts)
REVISIONS = tables.week_revisions
RECONSTRUCTED = "reconstructed"
"""The reason of the first revision of a week that lay before the engagement was connected."""
FLOW_METRIC = "production_transactions"
"""The metric whose dimensions are the flows of the production transaction verification."""


@dataclass(frozen=True)
class RevisionKey:
    """One revision of one engagement's week."""

    engagement: str
    week: Week
    revision: int

    def matches(self, table: Table) -> Any:  # noqa: ANN401 - an SQL condition
        """Return the condition that picks this revision's rows of a table."""
        same_week = (table.c.engagement == self.engagement) & (table.c.week == str(self.week))
        return same_week & (table.c.revision == self.revision)


@dataclass(frozen=True)
class Revision:
    """A sealed revision, as the gate and the pages need it."""

    key: RevisionKey
    reason: str
    as_of: datetime
    evidence: WeekEvidence
    judgement: WeekJudgement
    digest: str


def latest_revisions(engine: Engine, engagement: str) -> dict[Week, Revision]:
    """Return the last sealed revision of every week of an engagement, in order of the weeks."""
    newest = (
        select(REVISIONS.c.week, func.max(REVISIONS.c.revision).label("revision"))
        .where(REVISIONS.c.engagement == engagement, REVISIONS.c.sealed)
        .group_by(REVISIONS.c.week)
        .subquery()
    )
    query = (
        select(REVISIONS)
        .join(newest, (REVISIONS.c.week == newest.c.week) & (REVISIONS.c.revision == newest.c.revision))
        .where(REVISIONS.c.engagement == engagement)
        .order_by(REVISIONS.c.week)
    )
    with engine.connect() as connection:
        return {
            revision.key.week: revision for revision in (_read(connection, row) for row in connection.execute(query))
        }


def reconstructed_weeks(engine: Engine, engagement: str) -> frozenset[Week]:
    """Return the weeks that lay before the engagement was connected, whichever revision of them stands now (R5)."""
    query = select(REVISIONS.c.week).where(
        REVISIONS.c.engagement == engagement, REVISIONS.c.sealed, REVISIONS.c.reason == RECONSTRUCTED
    )
    with engine.connect() as connection:
        return frozenset(Week.parse(week) for week in connection.execute(query).scalars())


def read_flows(engine: Engine, key: RevisionKey) -> tuple[FlowVerification, ...]:
    """Return, per flow, the newest production chain since go-live that a revision's metrics have seen (rule R13)."""
    table = tables.metrics
    query = (
        select(table.c.dimension, table.c.verdict, table.c.value, table.c.detail)
        .where(key.matches(table), table.c.metric == FLOW_METRIC, table.c.span == Span.SINCE_GO_LIVE.value)
        .order_by(table.c.dimension)
    )
    with engine.connect() as connection:
        return tuple(_flow(row) for row in connection.execute(query))


def begin_revision(connection: Connection, key: RevisionKey, values: dict[str, Any]) -> bool:
    """Begin a revision, or start an unsealed one anew; False when it is sealed already.

    `values` are its own columns: reason, words, as_of, pulls, feeds, facts.
    """
    if _is_sealed(connection, key):
        return False
    connection.execute(delete(REVISIONS).where(key.matches(REVISIONS)))
    row = {"engagement": key.engagement, "week": str(key.week), "revision": key.revision, "sealed": False}
    connection.execute(insert(REVISIONS).values(**row, **values))
    return True


def write_metrics(connection: Connection, key: RevisionKey, results: Sequence[MetricResult]) -> None:
    """Write the metrics of an unsealed revision."""
    _require_open(connection, key)
    _replace(connection, key, tables.metrics, [_columns(result) for result in results])


def write_reconciliation(
    connection: Connection,
    key: RevisionKey,
    checks: Sequence[CheckResult],
    exceptions: Sequence[ReconciliationException],
    rows: ReconciledRows = NO_ROWS,
) -> None:
    """Write checks and exceptions of an unsealed revision, and the rows behind them."""
    _require_open(connection, key)
    _replace(connection, key, tables.checks, [_columns(check) for check in checks])
    _replace(connection, key, tables.exceptions, [_exception_columns(item) for item in exceptions])
    replace_rows(connection, key, rows)


def seal_revision(
    connection: Connection, key: RevisionKey, judgement: WeekJudgement, facts: WeekFacts, details: dict[str, Any]
) -> str:
    """Freeze a revision with its verdict, link it into the engagement's chain, and return its digest."""
    _require_open(connection, key)
    connection.execute(
        update(REVISIONS)
        .where(key.matches(REVISIONS))
        .values(
            verdict=judgement.verdict.value,
            reasons=list(judgement.reasons),
            open_until=judgement.open_until,
            systemic=judgement.systemic,
            through_fault=judgement.through_fault,
            facts=plain(facts),
            details=plain(details),
        )
    )
    sealed = revision_digest(connection, key.engagement, str(key.week), key.revision)
    connection.execute(update(REVISIONS).where(key.matches(REVISIONS)).values(sealed=True, digest=sealed))
    append_link(connection, key.engagement, "revision", revision_subject(str(key.week), key.revision), sealed)
    return sealed


def drop_unsealed(connection: Connection, key: RevisionKey) -> None:
    """Forget a revision that turned out to change nothing."""
    connection.execute(delete(REVISIONS).where(key.matches(REVISIONS), ~REVISIONS.c.sealed))


def _is_sealed(connection: Connection, key: RevisionKey) -> bool | None:
    """Return whether a revision is sealed, and keep it so until the transaction ends; None where it was not begun."""
    query = select(REVISIONS.c.sealed).where(key.matches(REVISIONS)).with_for_update()
    return connection.execute(query).scalar_one_or_none()


def _require_open(connection: Connection, key: RevisionKey) -> None:
    sealed = _is_sealed(connection, key)
    if sealed is not False:
        state = "is sealed and never changes" if sealed else "was not begun"
        msg = f"{key.engagement} {key.week}: revision {key.revision} {state}"
        raise PermanentError(msg)


def _replace(connection: Connection, key: RevisionKey, table: Table, rows: list[dict[str, Any]]) -> None:
    connection.execute(delete(table).where(key.matches(table)))
    if rows:
        common = {"engagement": key.engagement, "week": str(key.week), "revision": key.revision}
        connection.execute(insert(table), [common | row for row in rows])


def _columns(record: Any) -> dict[str, Any]:  # noqa: ANN401 - a frozen record of the model
    return {name: getattr(value, "value", value) for name, value in vars(record).items()}


def _exception_columns(item: ReconciliationException) -> dict[str, Any]:
    columns = _columns(item)
    # Its own week is the one in which it was found; the row belongs to the revision's.
    columns["found_week"] = str(columns.pop("week"))
    return columns


def _read(connection: Connection, row: Row[Any]) -> Revision:
    key = RevisionKey(row.engagement, Week.parse(row.week), row.revision)
    feeds, facts = FEEDS.validate_python(row.feeds), FACTS.validate_python(row.facts)
    checks = connection.execute(select(tables.checks).where(key.matches(tables.checks)).order_by(tables.checks.c.check))
    found = connection.execute(
        select(tables.exceptions)
        .where(key.matches(tables.exceptions))
        .order_by(tables.exceptions.c.check, tables.exceptions.c.key)
    )
    evidence = WeekEvidence(
        week=key.week,
        revision=key.revision,
        checks=tuple(_check(check) for check in checks),
        exceptions=tuple(_exception(item) for item in found),
        feeds=feeds,
        facts=facts,
        revision_reason=row.reason,
    )
    judgement = WeekJudgement(
        week=key.week,
        verdict=Verdict(row.verdict),
        reasons=tuple(row.reasons),
        open_until=row.open_until,
        systemic=row.systemic,
        through_fault=row.through_fault,
        facts=facts,
        revision=key.revision,
        feeds=feeds,
    )
    return Revision(key, row.reason, row.as_of, evidence, judgement, row.digest)


def _flow(row: Row[Any, Any, Any, Any]) -> FlowVerification:
    if row.verdict != Verdict.PASS.value:
        return FlowVerification(row.dimension, Verdict(row.verdict))
    seen = bool(row.value)
    documents = tuple(row.detail.split(", ")) if seen and row.detail else ()
    return FlowVerification(row.dimension, Verdict.PASS if seen else Verdict.FAIL, documents)


def _check(row: Row[Any]) -> CheckResult:
    return CheckResult(
        check=row.check,
        title=row.title,
        verdict=Verdict(row.verdict),
        required=row.required,
        advisory=row.advisory,
        rows=row.rows,
        exceptions=row.exceptions,
        value=row.value,
        exception_value=row.exception_value,
        reason=row.reason,
    )


def _exception(row: Row[Any]) -> ReconciliationException:
    return ReconciliationException(
        check=row.check,
        key=row.key,
        week=Week.parse(row.found_week),
        words=row.words,
        amount=row.amount,
        currency=row.currency,
        legal_entity=row.legal_entity,
        state=ExceptionState(row.state),
        resolved_on=row.resolved_on,
        reason_code=row.reason_code,
        explanation=row.explanation,
        ticket=row.ticket,
        explained_by=row.explained_by,
        accepted_by=row.accepted_by,
    )
