"""Reconciliation of every due week: checks and exceptions, and the seal that freezes the week's evidence."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert, select

from hypercare.business_calendar import holidays_between
from hypercare.errors import HypercareError
from hypercare.ledger import tables
from hypercare.ledger.evidence import (
    Revision,
    RevisionKey,
    begin_revision,
    drop_unsealed,
    seal_revision,
    write_reconciliation,
)
from hypercare.ledger.faults import Fault
from hypercare.model import ExceptionState, Verdict, WeekEvidence, WeekJudgement
from hypercare.reconciliation import Reconciliation, reconcile_week, reconciliation_parameters
from hypercare.reconciliation_checks import CheckBook, load_checks
from hypercare.runtime import Runtime
from hypercare.week_verdict import judge_week
from hypercare.week_views import WeekViews
from hypercare.weekly.explained import apply_explanations, resolve_rows
from hypercare.weekly.issues import FINDING, find_issues
from hypercare.weekly.revisions import is_done, last_revisions, next_key, opening_values
from hypercare.weekly.steps import EngagementStep, each_engagement
from hypercare.weekly.work import Batch, RevisionReason, WorkItem

HOLIDAYS_AHEAD = timedelta(days=60)
"""Deadlines lie in the future: their holidays must be known."""
log = logging.getLogger(__name__)


def reconcile_batch(runtime: Runtime, batch: Batch, as_of: datetime, words: str = "") -> list[Fault]:
    """Reconcile every due week of a batch and seal its evidence, and find what fails technically.

    `words` is a restatement's reason. Returns what went wrong, and for whom.
    """

    def handle(step: EngagementStep) -> list[Fault]:
        with step.open_views() as views:
            _reconcile(step, views, words)
            return find_issues(step, views)

    return each_engagement(runtime, batch, as_of, "reconcile", handle, [FINDING])


def _reconcile(step: EngagementStep, views: WeekViews, words: str) -> None:
    checks = load_checks(step.runtime.settings.include_folder / "sql" / "reconciliation")
    last = last_revisions(step)
    for item in step.items:
        before = last.get(item.week)
        if is_done(before, step):
            continue
        found = _reconcile_week(step, views, item, checks)
        if item.reason is RevisionReason.EXCEPTIONS_CLEARED:
            _clear(step, item, before, found)
        else:
            _freeze(step, item, before, found, words)


def _reconcile_week(step: EngagementStep, views: WeekViews, item: WorkItem, checks: CheckBook) -> Reconciliation:
    views.select_week(item.week, step.as_of)
    parameters = reconciliation_parameters(step.policy, step.engagement)
    return reconcile_week(views, item.week, step.engagement, step.feeds, checks, parameters)


def _details(found: Reconciliation) -> dict[str, Any]:
    """Return the figures beside the checks that pages show."""
    return {
        "main_currency": found.main_currency,
        "totals": found.totals,
        "roll_forward": found.roll_forward,
        "notes": found.notes,
        "legs": found.legs,
    }


def _freeze(step: EngagementStep, item: WorkItem, before: Revision | None, found: Reconciliation, words: str) -> None:
    """Seal a revision, unless it repairs nothing."""
    key = next_key(step, item, before)
    found = apply_explanations(step, item.week, found)
    evidence = WeekEvidence(
        week=item.week,
        revision=key.revision,
        checks=tuple(found.checks),
        exceptions=tuple(found.exceptions),
        feeds=step.feeds,
        facts=found.facts,
        revision_reason=item.reason.value,
    )
    judgement = _judge(step, evidence)
    with step.runtime.engine.begin() as connection:
        step.lease.hold(connection)
        if item.reason is RevisionReason.FAULT_REPAIRED and judgement.verdict is Verdict.UNKNOWN:
            drop_unsealed(connection, key)
            return
        _refuse_unmeasured(connection, key, step)
        write_reconciliation(connection, key, found.checks, found.exceptions, found.rows)
        seal_revision(connection, key, judgement, found.facts, _details(found))
    log.info("%s %s revision %d: %s", step.engagement.name, item.week, key.revision, judgement.verdict)


def _clear(step: EngagementStep, item: WorkItem, before: Revision | None, found: Reconciliation) -> None:
    """Seal a revision that repeats the week's figures, once all its exceptions are cleared or explained."""
    if before is None or any(check.verdict is Verdict.UNKNOWN for check in found.checks):
        return
    rows = resolve_rows(step, before.evidence.exceptions, found.exceptions)
    if any(row.state is ExceptionState.OPEN for row in rows):
        return
    key = next_key(step, item, before)
    evidence = replace(
        before.evidence,
        revision=key.revision,
        exceptions=rows,
        feeds=step.feeds,
        revision_reason=item.reason.value,
    )
    judgement = _judge(step, evidence)
    with step.runtime.engine.begin() as connection:
        step.lease.hold(connection)
        if begin_revision(connection, key, opening_values(step, item, "")):
            _repeat_metrics(connection, before.key, key)
            write_reconciliation(connection, key, evidence.checks, rows, found.rows)
            seal_revision(connection, key, judgement, evidence.facts, _details(found))
    log.info("%s %s revision %d: %s", step.engagement.name, item.week, key.revision, judgement.verdict)


def _judge(step: EngagementStep, evidence: WeekEvidence) -> WeekJudgement:
    last = (step.as_of + HOLIDAYS_AHEAD).date()
    holidays = holidays_between(step.engagement.holiday_calendar, evidence.week.monday, last)
    return judge_week(evidence, step.policy, step.as_of, step.engagement, holidays=holidays)


def _refuse_unmeasured(connection: Connection, key: RevisionKey, step: EngagementStep) -> None:
    query = select(tables.week_revisions.c.sealed).where(key.matches(tables.week_revisions))
    if connection.execute(query).scalar_one_or_none() is None:
        msg = f"{step.engagement.name} {key.week}: it was not measured, see the measure step; the next run repeats it"
        raise HypercareError(msg)


def _repeat_metrics(connection: Connection, source: RevisionKey, target: RevisionKey) -> None:
    rows = [
        {**row._mapping, "revision": target.revision}
        for row in connection.execute(select(tables.metrics).where(source.matches(tables.metrics)))
    ]
    if rows:
        connection.execute(insert(tables.metrics), rows)
