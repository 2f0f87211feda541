"""The first step: which engagements are in hypercare, and which of their weeks are due."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import func, select

from hypercare.adjustment_terms import NoticeAbout, settle_with_salesforce
from hypercare.errors import ConfigurationError
from hypercare.gate_calendar import find_local_day
from hypercare.ledger import tables
from hypercare.ledger.adjustments import read_terms_of
from hypercare.ledger.evidence import Revision, latest_revisions
from hypercare.ledger.faults import Fault, open_faults, record_faults
from hypercare.ledger.roster import connected_since, read_engagements, record_engagements
from hypercare.model import Engagement
from hypercare.policy import Policy
from hypercare.runtime import Runtime
from hypercare.week_verdict import list_weeks_to_rejudge
from hypercare.weekly.request import RunRequest
from hypercare.weekly.work import Batch, RevisionReason, WorkItem, plan_batches
from hypercare.weeks import Week, last_judgeable_week

SALESFORCE_DIFFERS = tuple(NoticeAbout)
"""The causes of faults that say so."""
log = logging.getLogger(__name__)


def discover_work(runtime: Runtime, request: RunRequest) -> list[Batch]:
    """Read the engagements from Salesforce and return the batches of a run; an empty list when nothing is due.

    Raises ConfigurationError for an engagement that nobody has.
    """
    refresh_engagements(runtime, request.as_of)
    return plan_work(runtime, request)


def plan_work(runtime: Runtime, request: RunRequest) -> list[Batch]:
    """Return the batches of a run for the engagements that the ledger knows."""
    known = _select(_list_running(runtime), request.engagements)
    items = _restated(known, request) or [
        item for engagement in known for item in _due(runtime, engagement, request) if request.week in (None, item.week)
    ]
    batches = plan_batches(known, items, _weights(runtime), runtime.settings.batches)
    log.info("%d engagements in hypercare, %d weeks due, %d batches", len(known), len(items), len(batches))
    return batches


def _list_running(runtime: Runtime) -> list[Engagement]:
    """Return the engagements in hypercare that are not cancelled."""
    known = read_engagements(runtime.engine)
    return [engagement for engagement in known if not read_terms_of(runtime.engine, engagement.id).cancellation]


def _restated(known: Sequence[Engagement], request: RunRequest) -> list[WorkItem]:
    if not request.restate or request.week is None:
        return []
    return [WorkItem(engagement.id, request.week, RevisionReason.RESTATED) for engagement in known]


def _due(runtime: Runtime, engagement: Engagement, request: RunRequest) -> list[WorkItem]:
    connected = connected_since(runtime.engine)
    return due_weeks(
        engagement,
        latest_revisions(runtime.engine, engagement.id),
        runtime.policy.for_engagement(engagement),
        request.as_of,
        connected.get(engagement.id, request.as_of),
    )


def refresh_engagements(runtime: Runtime, as_of: datetime) -> None:
    """Read the engagements in hypercare from Salesforce into the ledger, as their adjustments have them (rule R16).

    Records that can't be read become faults, and so does a go-live that changed and waits for somebody's decision.
    """
    from hypercare.systems.salesforce import open_salesforce

    found = open_salesforce(runtime.settings).read_engagements()
    faults = [Fault(name, "engagements", "engagement", words, (name,)) for name, words in found.problems]
    names = {fault.subject for fault in faults} | {fault.subject for fault in open_faults(runtime.engine)}
    record_faults(runtime.engine, as_of, faults, checked=names, causes=["engagement"])
    settled = [_settle(runtime, engagement, as_of) for engagement in found.engagements]
    notices = [notice for _, notices in settled for notice in notices]
    ids = [engagement.id for engagement in found.engagements]
    record_faults(runtime.engine, as_of, notices, checked=ids, causes=SALESFORCE_DIFFERS)
    record_engagements(runtime.engine, [held for held, _ in settled], as_of, [row["id"] for row in found.rows])


def _settle(runtime: Runtime, found: Engagement, as_of: datetime) -> tuple[Engagement, list[Fault]]:
    """Return what the ledger is to hold of an engagement, and where Salesforce differs from that."""
    known = read_engagements(runtime.engine, [found.id])
    today = find_local_day(as_of, found.time_zone)
    terms = read_terms_of(runtime.engine, found.id)
    held, notices = settle_with_salesforce(found, known[0] if known else None, terms, today)
    if terms.cancellation:
        return held, []
    return held, [
        Fault(found.id, "engagements", notice.about, notice.words, (found.name,), required=notice.needs_decision)
        for notice in notices
    ]


def due_weeks(
    engagement: Engagement,
    revisions: Mapping[Week, Revision],
    policy: Policy,
    as_of: datetime,
    connected: datetime,
) -> list[WorkItem]:
    """Return the weeks of an engagement whose evidence a run as of an instant computes, oldest first.

    Every closed week since go-live that has none; and those that rule R6 has judged again without being asked.
    """
    last = last_judgeable_week(as_of, engagement.time_zone)
    connected_week = last_judgeable_week(connected, engagement.time_zone)
    items = []
    week = Week.containing(engagement.go_live)
    while week <= last:
        if week not in revisions:
            reason = RevisionReason.RECONSTRUCTED if week < connected_week else RevisionReason.FIRST
            items.append(WorkItem(engagement.id, week, reason))
        week = week.shift(1)
    judged = [revision.judgement for revision in revisions.values()]
    for again in list_weeks_to_rejudge(judged, policy, as_of, engagement):
        unknown = revisions[again].judgement.verdict == "UNKNOWN"
        reason = RevisionReason.FAULT_REPAIRED if unknown else RevisionReason.EXCEPTIONS_CLEARED
        items.append(WorkItem(engagement.id, again, reason))
    return sorted(items, key=lambda item: item.week)


def _select(known: Sequence[Engagement], wanted: Collection[str]) -> list[Engagement]:
    names = {name for engagement in known for name in (engagement.id, engagement.name)}
    unknown = sorted(set(wanted) - names)
    if unknown:
        msg = f"no engagement in hypercare is called {', '.join(unknown)}; there are {', '.join(e.name for e in known)}"
        raise ConfigurationError(msg)
    return [e for e in known if not wanted or e.id in wanted or e.name in wanted]


def _weights(runtime: Runtime) -> dict[str, int]:
    """Return each instance's rows over all its pulls: what its evidence costs to compute."""
    query = select(tables.pulls.c.owner, func.sum(tables.pulls.c.rows).label("rows")).group_by(tables.pulls.c.owner)
    with runtime.engine.connect() as connection:
        return {row.owner: int(row.rows or 0) + 1 for row in connection.execute(query)}
