"""Engagements in every state, and one adjustment of every kind, for the tests of adjustments."""

from __future__ import annotations

from datetime import date, timedelta

from gate_evidence import after, make_engagement, make_evidence, make_feeds, policy_for

from hypercare.adjustment_standing import EngagementStanding
from hypercare.adjustment_terms import adjust_engagement, apply_terms, list_open_criteria, read_terms
from hypercare.adjustments import (
    Adjustment,
    Cancelled,
    ExitByException,
    Extended,
    GoLiveMoved,
    Kind,
    OpenRisk,
    OwnerChanged,
    PauseEnded,
    PauseStarted,
    RoutingDecided,
    WaiverApproved,
    WaiverAsked,
    WaiverRejected,
)
from hypercare.gate import judge_exit
from hypercare.model import ActionItem, ExitState, FeedHealth, FeedState, ReadinessAnswer, Severity
from hypercare.week_verdict import judge_week
from hypercare.weeks import Week

ENGAGEMENT = make_engagement(roles={"EM": "Ana"})
WEEKS = [Week(2026, 2).shift(offset) for offset in range(4)]
AS_OF = after(WEEKS[-1], ENGAGEMENT)
TODAY = date(2026, 2, 2)
LATER = TODAY + timedelta(days=20)
SOURCES = (FeedHealth("action_items", FeedState.VALID, True), FeedHealth("cases", FeedState.VALID, True))
ANSWERS = (
    ReadinessAnswer("exit_checklist", True, TODAY, "Ana", "EM"),
    ReadinessAnswer("customer_ready", True, TODAY, "Ana", "EM", customer_contact="A. P. Lead"),
)
HIGH = ActionItem("1", "tracker", "Payment file rejected", Severity.HIGH, is_open=True)
SAID = {"decided_on": TODAY, "decided_by": "Ana", "recorded_by": "Ana", "reason": "agreed with the customer"}
BY_VERA = SAID | {"decided_by": "Vera", "recorded_by": "Vera"}


def make_evidences(broken: Week | None = None, weeks=WEEKS):
    """Return good weeks; of the broken one a required feed is invalid."""
    invalid = {"feeds": make_feeds(ENGAGEMENT, invoices=FeedState.INVALID)}
    return [make_evidence(week, ENGAGEMENT, **(invalid if week == broken else {})) for week in weeks]


def make_standing(*adjustments: Adjustment, evidences=None, items=(), today=TODAY, as_of=AS_OF, handed_over=False):
    """Return the standing of an engagement that is judged by the real gate."""
    evidences = make_evidences() if evidences is None else evidences
    policy = policy_for(ENGAGEMENT)

    def judge(engagement, terms):
        weeks = [judge_week(each, policy, as_of, engagement, waivers=terms.waivers) for each in evidences]
        told = {"waivers": terms.waivers, "pauses": terms.list_pauses(), "answers": ANSWERS}
        found = judge_exit(engagement, weeks, items, SOURCES, policy, as_of, **told)
        return apply_terms(found, terms, today)

    held = adjust_engagement(ENGAGEMENT, read_terms(adjustments))
    return EngagementStanding(held, adjustments, policy, today, judge, handed_over)


ASKED = WaiverAsked(criterion="action_items", expires_on=LATER, **SAID)
RISK = OpenRisk(risk="payment file", owner="Ines", due_on=LATER)


def make_exception(criteria, **changes):
    values = {
        "criteria": tuple(criteria) or ("action_items",),
        "executive": "Eve",
        "risks": (RISK,),
        "accepted_by_cvm": "Carl",
        "accepted_by_support": "Sue",
    }
    return ExitByException(**(SAID | values | changes))


def standing_in(state: ExitState) -> EngagementStanding:
    """Return an engagement that is in a state; where something fails, a waiver of its open item is asked for."""
    match state:
        case ExitState.IN_CYCLE:
            return make_standing(ASKED, evidences=make_evidences(WEEKS[2]), items=[HIGH])
        case ExitState.CYCLE_COMPLETE:
            return make_standing(ASKED, items=[HIGH])
        case ExitState.READY:
            return make_standing()
        case ExitState.EXCEPTION:
            return make_standing(ASKED, make_exception(["action_items"]), items=[HIGH])
        case ExitState.HANDED_OVER:
            return make_standing(handed_over=True)
        case ExitState.PAUSED:
            return make_standing(ASKED, PauseStarted(starts_on=date(2026, 1, 28), **SAID), items=[HIGH])
        case ExitState.CANCELLED:
            return make_standing(Cancelled(**SAID))


BY_KIND: dict[Kind, Adjustment] = {
    Kind.PAUSE: PauseStarted(starts_on=date(2026, 1, 26), **SAID),
    Kind.RESUME: PauseEnded(resumes_on=TODAY, **SAID),
    Kind.GO_LIVE_MOVED: GoLiveMoved(go_live=date(2026, 1, 19), **SAID),
    Kind.EXTENDED: Extended(until=LATER, **SAID),
    Kind.CANCELLED: Cancelled(**SAID),
    Kind.OWNER_CHANGED: OwnerChanged(role="EM", person="Ben", **SAID),
    Kind.ROUTING_DECIDED: RoutingDecided(transition="customer_calls", **SAID),
    Kind.WAIVER_ASKED: WaiverAsked(criterion="reconciliation_cycle", week=str(WEEKS[2]), expires_on=LATER, **SAID),
    Kind.WAIVER_APPROVED: WaiverApproved(criterion="action_items", **BY_VERA),
    Kind.WAIVER_REJECTED: WaiverRejected(criterion="action_items", **BY_VERA),
}


def adjust_by(kind: Kind, standing: EngagementStanding) -> Adjustment:
    """Return one adjustment of a kind, the same for every standing but for the criteria of an exception."""
    if kind is Kind.EXIT_BY_EXCEPTION:
        return make_exception(list_open_criteria(standing.judgement))
    return BY_KIND[kind]
