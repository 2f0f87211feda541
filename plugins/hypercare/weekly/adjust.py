"""Adjustments, from the form to the ledger: checked, shown, confirmed by a person, recorded, judged (rule R16)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hypercare.adjustment_effects import Effect, check_adjustment, tell_effect
from hypercare.adjustment_rules import Refusal
from hypercare.adjustment_standing import EngagementStanding
from hypercare.adjustment_terms import Terms, adjust_engagement, read_terms
from hypercare.adjustments import Adjustment, WaiverApproved, WaiverAsked, WaiverRejected, read_form
from hypercare.errors import PermanentError
from hypercare.gate_calendar import find_local_day
from hypercare.ledger.adjustments import (
    Confirmation,
    RecordedAdjustment,
    is_recorded,
    read_adjustments,
    record_adjustment,
)
from hypercare.ledger.chain import lock_engagement
from hypercare.ledger.decisions import latest_decisions
from hypercare.ledger.evidence import latest_revisions
from hypercare.ledger.roster import find_engagement, replace_engagement
from hypercare.model import Engagement, ExitState, Judgement
from hypercare.runtime import Runtime
from hypercare.weekly.approvers import Approver, find_approver, list_approvers, require_answer
from hypercare.weekly.asking import read_asked
from hypercare.weekly.items import read_items
from hypercare.weekly.judge import judge, judge_engagement
from hypercare.weeks import last_judgeable_week


@dataclass(frozen=True)
class AdjustmentRequest:
    """One adjustment that somebody asks for."""

    engagement: Engagement
    adjustment: Adjustment
    as_of: datetime
    requested_by: str
    """The Airflow user who asks, or the name given on the command line."""


def read_request(
    runtime: Runtime, form: Mapping[str, Any], due: datetime, requested_by: str | None
) -> AdjustmentRequest:
    """Return what a form asks for; `due` stands in for an empty `as_of`.

    See `read_asked`; raises ConfigurationError naming what is wrong with the form.
    """
    asked, entries = read_asked(runtime, form, due, requested_by)
    adjustment = read_form(entries, recorded_by=asked.requested_by, today=asked.today)
    return AdjustmentRequest(asked.engagement, adjustment, asked.as_of, asked.requested_by)


def find_effect(runtime: Runtime, request: AdjustmentRequest) -> Effect:
    """Return what an adjustment would change; nothing is recorded.

    Raises PermanentError saying by which rule it is refused, and what to do instead.
    """
    outcome = check_adjustment(_open_standing(runtime, request), request.adjustment)
    if isinstance(outcome, Refusal):
        msg = f"{request.engagement.name}, {request.adjustment.kind}: {outcome.tell()}"
        raise PermanentError(msg)
    return outcome


def _open_standing(runtime: Runtime, request: AdjustmentRequest) -> EngagementStanding:
    engagement = find_engagement(runtime.engine, request.engagement.id)
    revisions = latest_revisions(runtime.engine, engagement.id)
    through = max(revisions, default=last_judgeable_week(request.as_of, engagement.time_zone))
    items = read_items(runtime, engagement, request.as_of)
    decision = latest_decisions(runtime.engine).get(engagement.id)

    def judge_under(adjusted: Engagement, terms: Terms) -> Judgement:
        return judge(runtime, adjusted, request.as_of, revisions, items, through, terms)

    return EngagementStanding(
        engagement=engagement,
        adjustments=tuple(each.adjustment for each in read_adjustments(runtime.engine, engagement.id)),
        policy=runtime.policy.for_engagement(engagement),
        today=find_local_day(request.as_of, engagement.time_zone),
        judge=judge_under,
        handed_over=decision is not None and decision["state"] == ExitState.HANDED_OVER,
    )


def list_confirmers(runtime: Runtime, request: AdjustmentRequest) -> list[Approver]:
    """Return who may confirm an adjustment: HYPERCARE_APPROVERS, where a second person is needed without the requester.

    Raises ConfigurationError where too few are left to ask.
    """
    kind = request.adjustment.kind
    if not kind.needs_second_person:
        return list_approvers(runtime, f"a {kind}")
    needed = runtime.policy.for_engagement(request.engagement).handover.min_possible_approvers
    return list_approvers(runtime, f"a {kind}", _list_asking(runtime, request), needed)


def _list_asking(runtime: Runtime, request: AdjustmentRequest) -> list[str]:
    """Return who may not confirm: who asks now, and who asked for the waiver that is answered."""
    if not isinstance(request.adjustment, WaiverApproved | WaiverRejected):
        return [request.requested_by]
    asked = [
        each
        for each in read_adjustments(runtime.engine, request.engagement.id)
        if isinstance(each.adjustment, WaiverAsked) and each.adjustment.subject == request.adjustment.subject
    ]
    return [
        request.requested_by,
        *(name for each in asked[-1:] for name in (each.requested_by, each.adjustment.decided_by)),
    ]


def record_confirmed(runtime: Runtime, request: AdjustmentRequest, run: str) -> bool:
    """Record an adjustment that a person has confirmed in a run; return whether it was new.

    Only the ledger's own row of the answer counts. Raises PermanentError where there is none, where it was given by
    somebody who may not, or where the effect is no longer the one that was shown.
    """
    what = f"this {request.adjustment.kind}"
    return record(runtime, request, require_answer(runtime, run, request.engagement.name, what))


def record(runtime: Runtime, request: AdjustmentRequest, answer: Confirmation) -> bool:
    """Record an adjustment that a person has answered; see `record_confirmed`."""
    engagement, adjustment = request.engagement, request.adjustment
    confirmers = list_confirmers(runtime, request)
    approver = find_approver(answer, confirmers, engagement.name, f"this {adjustment.kind}")
    with runtime.engine.begin() as connection:
        lock_engagement(connection, engagement.id)
        if is_recorded(connection, engagement.id, adjustment):
            return False
        effect = find_effect(runtime, request)
        if tell_effect(adjustment, effect) != answer.shown:
            msg = f"{engagement.name}: its state has changed since {approver.id} confirmed; start again"
            raise PermanentError(msg)
        recorded = RecordedAdjustment(
            adjustment=adjustment,
            effect=(effect.summary, *effect.list_lines()),
            judge_from=effect.judge_from,
            as_of=request.as_of,
            requested_by=request.requested_by,
            confirmed_by=approver.id,
        )
        record_adjustment(connection, engagement.id, recorded)
        held = find_engagement(runtime.engine, engagement.id)
        replace_engagement(connection, adjust_engagement(held, read_terms([adjustment])))
    return True


def judge_adjusted(runtime: Runtime, request: AdjustmentRequest) -> int:
    """Judge an engagement again from the first week on which its last adjustments bear; return the decisions."""
    engagement = find_engagement(runtime.engine, request.engagement.id)
    same = [
        each.judge_from
        for each in read_adjustments(runtime.engine, engagement.id)
        if each.adjustment == request.adjustment
    ]
    return judge_engagement(runtime, engagement, request.as_of, judge_from=next(iter(same), None))
