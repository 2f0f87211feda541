"""The gate, for every engagement whose evidence changed: one decision for each week from the changed one on."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime

from hypercare.adjustment_terms import Terms, apply_terms, read_terms
from hypercare.business_calendar import holidays_between
from hypercare.gate import judge_exit
from hypercare.gate_calendar import find_local_day
from hypercare.ledger.adjustments import read_adjustments
from hypercare.ledger.answers import answered_as_of, read_answers
from hypercare.ledger.decisions import decided_as_of, read_action_items, record_action_items, record_decision
from hypercare.ledger.evidence import Revision, latest_revisions, read_flows, reconstructed_weeks
from hypercare.ledger.faults import Fault, record_faults
from hypercare.ledger.roster import read_engagements
from hypercare.model import ActionItem, Engagement, FeedHealth, FeedState, Judgement
from hypercare.policy import Policy
from hypercare.runtime import Runtime
from hypercare.week_verdict import judge_week
from hypercare.weekly.items import read_items
from hypercare.weekly.reconcile import HOLIDAYS_AHEAD
from hypercare.weekly.steps import find_fault
from hypercare.weekly.told import record_told_answers
from hypercare.weeks import Week

NOT_READ_THEN = "the week lay before the engagement was connected; how this stood then is not known"
log = logging.getLogger(__name__)


def judge_all(runtime: Runtime, as_of: datetime) -> int:
    """Judge every engagement in hypercare whose evidence is newer than its decisions; return how many were appended.

    What went wrong for whom is recorded as a fault.
    """
    appended: list[int] = []
    faults: list[Fault] = []
    everyone = read_engagements(runtime.engine)
    for engagement in everyone:

        def act(member: Engagement = engagement) -> None:
            appended.append(judge_engagement(runtime, member, as_of))

        fault = find_fault(engagement, "judge", act)
        faults += [fault] if fault else []
    record_faults(runtime.engine, as_of, faults, checked=[e.id for e in everyone], causes=["judge"])
    return sum(appended)


def judge_engagement(
    runtime: Runtime, engagement: Engagement, as_of: datetime, *, judge_from: Week | None = None
) -> int:
    """Judge one engagement from the first week on whose evidence, adjustments or answers are newer than its decision.

    `judge_from` has weeks judged again from there on anyway. A cancelled engagement is not judged. Returns how many
    decisions were appended.
    """
    recorded = read_adjustments(runtime.engine, engagement.id)
    terms = read_terms(each.adjustment for each in recorded)
    if terms.cancellation:
        return 0
    record_told_answers(runtime, engagement, as_of)
    revisions = latest_revisions(runtime.engine, engagement.id)
    decided = decided_as_of(runtime.engine, engagement.id)
    changed = [w for w, revision in revisions.items() if w not in decided or decided[w] < revision.as_of]
    changed += [
        w for each in recorded if each.judge_from for w in decided if each.judge_from <= w and decided[w] < each.as_of
    ]
    answered = answered_as_of(runtime.engine, engagement.id)
    if answered and decided and decided[max(decided)] < answered:
        changed.append(max(decided))
    changed += [judge_from] if judge_from else []
    if not changed:
        return 0
    items = read_items(runtime, engagement, as_of)
    reconstructed = reconstructed_weeks(runtime.engine, engagement.id)
    return sum(
        _decide(runtime, engagement, as_of, revisions, week, None if week in reconstructed else items, terms)
        for week in revisions
        if week >= min(changed)
    )


def _decide(
    runtime: Runtime,
    engagement: Engagement,
    as_of: datetime,
    revisions: Mapping[Week, Revision],
    week: Week,
    current_items: tuple[ActionItem, ...] | None,
    terms: Terms,
) -> bool:
    """Judge the engagement as of the end of one week, on its evidence up to there.

    `current_items` is None for a week before the engagement was connected: what was open then, nobody read.
    """
    if current_items is not None:
        with runtime.engine.begin() as connection:
            record_action_items(connection, engagement.id, week, current_items)
    items = read_action_items(runtime.engine, engagement.id, week)
    used = {w: revision for w, revision in revisions.items() if w <= week}
    judgement = judge(runtime, engagement, as_of, used, items, week, terms, items_read=current_items is not None)
    inputs = {
        "revisions": {str(w): revision.digest for w, revision in used.items()},
        "action_items": items,
        "adjustments": terms,
        "answers": read_answers(runtime.engine, engagement.id),
        "policy": runtime.policy.digest,
    }
    with runtime.engine.begin() as connection:
        return record_decision(connection, engagement.id, week, as_of, judgement, inputs)


def judge(
    runtime: Runtime,
    engagement: Engagement,
    as_of: datetime,
    revisions: Mapping[Week, Revision],
    items: Sequence[ActionItem],
    through: Week,
    terms: Terms,
    *,
    items_read: bool = True,
) -> Judgement:
    """Return the gate's answer on frozen evidence, under the terms of its adjustments; writes nothing.

    Without `items_read` the sources of action items count as absent, since what they hold now says nothing of then.
    """
    policy = runtime.policy.for_engagement(engagement)
    holidays = holidays_between(engagement.holiday_calendar, engagement.go_live, (as_of + HOLIDAYS_AHEAD).date())
    weeks = [
        judge_week(revision.evidence, policy, as_of, engagement, holidays=holidays, waivers=terms.waivers)
        for revision in revisions.values()
    ]
    last = revisions.get(through)
    feeds = last.evidence.feeds if last else ()
    if not items_read:
        feeds = _without_sources(feeds, policy)
    judgement = judge_exit(
        engagement,
        weeks,
        items,
        feeds,
        policy,
        as_of,
        waivers=terms.waivers,
        answers=read_answers(runtime.engine, engagement.id),
        flows=read_flows(runtime.engine, last.key) if last else (),
        pauses=terms.list_pauses(),
        holidays=holidays,
        through=through,
    )
    return apply_terms(judgement, terms, find_local_day(as_of, engagement.time_zone))


def _without_sources(feeds: Sequence[FeedHealth], policy: Policy) -> tuple[FeedHealth, ...]:
    sources = policy.action_items.required_sources
    absent = [FeedHealth(feed, FeedState.ABSENT, required=False, reason=NOT_READ_THEN) for feed in sources]
    return (*(feed for feed in feeds if feed.feed not in sources), *absent)
