"""Every adjustment at every state of an engagement: the effect, or the refusal and its reason (rules R15, R16)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from adjusting import (
    AS_OF,
    ASKED,
    BY_VERA,
    HIGH,
    LATER,
    RISK,
    SAID,
    TODAY,
    WEEKS,
    adjust_by,
    make_evidences,
    make_exception,
    make_standing,
    standing_in,
)

from hypercare.adjustment_effects import Effect, check_adjustment, tell_effect
from hypercare.adjustment_rules import Refusal
from hypercare.adjustment_terms import list_open_criteria
from hypercare.adjustments import (
    Cancelled,
    Extended,
    GoLiveMoved,
    Kind,
    OwnerChanged,
    PauseEnded,
    PauseStarted,
    RoutingDecided,
    WaiverApproved,
    WaiverAsked,
    list_fields,
    read_form,
)
from hypercare.errors import ConfigurationError
from hypercare.model import ExitState, Verdict

IN_CYCLE, COMPLETE, READY, EXCEPTION, HANDED_OVER, PAUSED, CANCELLED = ExitState
OPEN = (IN_CYCLE, COMPLETE, READY, EXCEPTION, PAUSED)
STARTED = "before go-live: kept, not counted"
BROKEN_05 = ["2026-W05: PASS → PASS, paused: breaks the cycle"]
MOVED = [f"2026-W0{number}: PASS → PASS, {STARTED}" for number in (2, 3)]

# Kind, state: the gate afterwards, the cycle before and afterwards, the weeks that come to count otherwise, and the
# first week that is judged again.
EFFECTS = {
    (Kind.PAUSE, IN_CYCLE): ("PAUSED", "UNKNOWN", "FAIL", BROKEN_05, WEEKS[3]),
    (Kind.PAUSE, COMPLETE): ("PAUSED", "PASS", "FAIL", BROKEN_05, WEEKS[3]),
    (Kind.PAUSE, READY): ("PAUSED", "PASS", "FAIL", BROKEN_05, WEEKS[3]),
    (Kind.RESUME, PAUSED): ("IN CYCLE", "FAIL", "FAIL", [], WEEKS[3]),
    (Kind.GO_LIVE_MOVED, IN_CYCLE): ("IN CYCLE", "UNKNOWN", "FAIL", MOVED, WEEKS[0]),
    (Kind.GO_LIVE_MOVED, COMPLETE): ("IN CYCLE", "PASS", "FAIL", MOVED, WEEKS[0]),
    (Kind.GO_LIVE_MOVED, READY): ("IN CYCLE", "PASS", "FAIL", MOVED, WEEKS[0]),
    (Kind.GO_LIVE_MOVED, EXCEPTION): ("IN CYCLE", "PASS", "FAIL", MOVED, WEEKS[0]),
    (Kind.GO_LIVE_MOVED, PAUSED): ("PAUSED", "FAIL", "FAIL", MOVED, WEEKS[0]),
    (Kind.EXTENDED, IN_CYCLE): ("IN CYCLE", "UNKNOWN", "UNKNOWN", [], WEEKS[3]),
    (Kind.EXTENDED, COMPLETE): ("CYCLE COMPLETE", "PASS", "PASS", [], WEEKS[3]),
    (Kind.EXTENDED, READY): ("CYCLE COMPLETE", "PASS", "PASS", [], WEEKS[3]),
    (Kind.EXTENDED, EXCEPTION): ("CYCLE COMPLETE", "PASS", "PASS", [], WEEKS[3]),
    (Kind.EXTENDED, PAUSED): ("PAUSED", "FAIL", "FAIL", [], WEEKS[3]),
    (Kind.WAIVER_ASKED, IN_CYCLE): ("IN CYCLE", "UNKNOWN", "UNKNOWN", [], None),
    (Kind.WAIVER_APPROVED, IN_CYCLE): ("IN CYCLE", "UNKNOWN", "UNKNOWN", [], WEEKS[3]),
    (Kind.WAIVER_APPROVED, COMPLETE): ("READY", "PASS", "PASS", [], WEEKS[3]),
    (Kind.WAIVER_APPROVED, EXCEPTION): ("EXCEPTION", "PASS", "PASS", [], WEEKS[3]),
    (Kind.WAIVER_APPROVED, PAUSED): ("PAUSED", "FAIL", "FAIL", [], WEEKS[3]),
    (Kind.WAIVER_REJECTED, IN_CYCLE): ("IN CYCLE", "UNKNOWN", "UNKNOWN", [], None),
    (Kind.WAIVER_REJECTED, COMPLETE): ("CYCLE COMPLETE", "PASS", "PASS", [], None),
    (Kind.WAIVER_REJECTED, EXCEPTION): ("EXCEPTION", "PASS", "PASS", [], None),
    (Kind.WAIVER_REJECTED, PAUSED): ("PAUSED", "FAIL", "FAIL", [], None),
    (Kind.EXIT_BY_EXCEPTION, IN_CYCLE): ("EXCEPTION", "UNKNOWN", "UNKNOWN", [], WEEKS[3]),
    (Kind.EXIT_BY_EXCEPTION, COMPLETE): ("EXCEPTION", "PASS", "PASS", [], WEEKS[3]),
    **{
        (kind, state): (after or state.value, cycle, cycle, [], None)
        for kind, after in ((Kind.CANCELLED, "CANCELLED"), (Kind.OWNER_CHANGED, ""), (Kind.ROUTING_DECIDED, ""))
        for state, cycle in zip(OPEN, ("UNKNOWN", "PASS", "PASS", "PASS", "FAIL"), strict=True)
    },
}
REFUSALS = {
    (Kind.PAUSE, EXCEPTION): ("R16", "an exit by exception is decided"),
    (Kind.PAUSE, PAUSED): ("R16", "it rests from 2026-01-28 through now"),
    **{(Kind.RESUME, state): ("R16", "it does not rest on the day before 2026-02-02") for state in OPEN[:4]},
    **{(Kind.WAIVER_ASKED, state): ("R15", "2026-W04 is PASS") for state in OPEN[1:]},
    (Kind.WAIVER_APPROVED, READY): ("R15", "nobody has asked to waive action_items"),
    (Kind.WAIVER_REJECTED, READY): ("R15", "nobody has asked to waive action_items"),
    (Kind.EXIT_BY_EXCEPTION, READY): ("R15", "every criterion is met"),
    (Kind.EXIT_BY_EXCEPTION, EXCEPTION): ("R15", "an exit by exception is decided already"),
    (Kind.EXIT_BY_EXCEPTION, PAUSED): ("R16", "the engagement rests"),
    **{(kind, HANDED_OVER): ("R16", "the engagement is handed over") for kind in Kind},
    **{(kind, CANCELLED): ("R16", "hypercare is cancelled") for kind in Kind},
}
CASES = [(kind, state) for kind in Kind for state in ExitState]


def test_the_table_holds_every_kind_at_every_state() -> None:
    assert len(CASES) == 77
    assert EFFECTS.keys() | REFUSALS.keys() == set(CASES)
    assert not EFFECTS.keys() & REFUSALS.keys()


@pytest.mark.parametrize(("kind", "state"), CASES)
def test_each_adjustment_at_each_state_has_its_effect_or_is_refused(kind, state) -> None:
    standing = standing_in(state)
    assert standing.state is state
    outcome = check_adjustment(standing, adjust_by(kind, standing))
    if (kind, state) in REFUSALS:
        rule, why = REFUSALS[kind, state]
        assert isinstance(outcome, Refusal), outcome
        assert (outcome.rule, outcome.why) == (rule, why)
        assert outcome.what_to_do
        return
    assert isinstance(outcome, Effect), outcome
    gate, cycle_before, cycle_after, weeks, judge_from = EFFECTS[kind, state]
    assert outcome.gate.before.startswith(f"{state} (")
    assert outcome.gate.after.startswith(f"{gate} (")
    assert outcome.cycle.before.startswith(cycle_before)
    assert outcome.cycle.after.startswith(cycle_after)
    assert [week.tell() for week in outcome.weeks] == weeks
    assert outcome.judge_from == judge_from
    assert outcome.summary in tell_effect(adjust_by(kind, standing), outcome)


COMPLETE_STANDING = standing_in(COMPLETE)
DETAILED = [
    (
        "decided in the future",
        lambda: PauseStarted(starts_on=TODAY, **(SAID | {"decided_on": LATER})),
        "R16",
        "to come",
    ),
    (
        "on behalf, no evidence",
        lambda: Cancelled(**(SAID | {"decided_by": "Olaf"})),
        "R2",
        "Ana records on behalf of Olaf",
    ),
    ("pause before go-live", lambda: PauseStarted(starts_on=date(2026, 1, 1), **SAID), "R16", "before the go-live"),
    (
        "pause backwards",
        lambda: PauseStarted(starts_on=TODAY, ends_on=date(2026, 2, 1), **SAID),
        "R16",
        "before it begins",
    ),
    ("go-live as it is", lambda: GoLiveMoved(go_live=date(2026, 1, 5), **SAID), "R16", "2026-01-05 already"),
    ("extended to today", lambda: Extended(until=TODAY, **SAID), "R16", "no day to come"),
    ("the same owner", lambda: OwnerChanged(role="EM", person=" ana", **SAID), "R16", "is EM already"),
    (
        "a waiver of nothing",
        lambda: WaiverAsked(criterion="required_feeds", expires_on=LATER, **SAID),
        "R15",
        "keeps nobody",
    ),
    ("a waiver twice", lambda: ASKED, "R15", "asked for already"),
    ("an expired waiver", lambda: replace(ASKED, expires_on=TODAY), "R15", "would have expired"),
    ("a week of another criterion", lambda: replace(ASKED, week=str(WEEKS[0])), "R15", "can't be waived"),
    (
        "a week not judged",
        lambda: replace(ASKED, criterion="reconciliation_cycle", week="2026-W06"),
        "R15",
        "2026-W06 is not judged",
    ),
    ("approved by who asked", lambda: WaiverApproved(criterion="action_items", **SAID), "R15", "Ana asked for it"),
    (
        "approved by who asked, recorded by another",
        lambda: WaiverApproved(criterion="action_items", **(SAID | {"recorded_by": "Vera", "evidence": "mail"})),
        "R15",
        "Ana asked for it",
    ),
    (
        "an exception over the wrong criteria",
        lambda: make_exception(["required_feeds"]),
        "R15",
        "leaves out action_items",
    ),
    (
        "an exception over more",
        lambda: make_exception(["action_items", "required_feeds"]),
        "R15",
        "required_feeds does not fail",
    ),
    (
        "one acceptor for both",
        lambda: make_exception(["action_items"], accepted_by_support="carl"),
        "R15",
        "both CVM and Support",
    ),
    (
        "a risk without a day to come",
        lambda: make_exception(["action_items"], risks=(replace(RISK, due_on=TODAY),)),
        "R15",
        "payment file",
    ),
]


@pytest.mark.parametrize(("make", "rule", "why"), [case[1:] for case in DETAILED], ids=[case[0] for case in DETAILED])
def test_what_the_rules_refuse_names_rule_and_reason(make, rule, why) -> None:
    outcome = check_adjustment(COMPLETE_STANDING, make())
    assert isinstance(outcome, Refusal), outcome
    assert outcome.rule == rule
    assert why in outcome.why
    assert outcome.tell().startswith(f"refused by {rule}: ")


@pytest.mark.parametrize("name", ["Ana", "Rob", " rob "])
def test_neither_who_asked_for_a_waiver_nor_who_recorded_that_answers_it(name) -> None:
    asked = replace(ASKED, recorded_by="Rob", evidence="mail")
    answer = WaiverApproved(criterion="action_items", **(BY_VERA | {"decided_by": name, "evidence": "mail"}))
    outcome = check_adjustment(make_standing(asked, items=[HIGH]), answer)
    assert isinstance(outcome, Refusal)
    assert outcome.what_to_do == "somebody else must decide"


def test_a_decision_is_recorded_on_behalf_of_somebody_with_evidence() -> None:
    cancelled = Cancelled(**(SAID | {"decided_by": "Olaf", "evidence": "mail of 2 February"}))
    outcome = check_adjustment(standing_in(READY), cancelled)
    assert isinstance(outcome, Effect)
    assert "Decided by Olaf" in tell_effect(cancelled, outcome)
    assert "Recorded by Ana, evidence: mail of 2 February" in tell_effect(cancelled, outcome)


def test_a_pause_that_ends_anyway_needs_no_resuming_and_one_to_come_may_be_cut_short() -> None:
    paused = make_standing(PauseStarted(starts_on=TODAY, ends_on=LATER, **SAID))
    assert isinstance(check_adjustment(paused, PauseEnded(resumes_on=LATER + timedelta(days=1), **SAID)), Refusal)
    early = check_adjustment(paused, PauseEnded(resumes_on=date(2026, 2, 9), **SAID))
    assert isinstance(early, Effect)
    assert isinstance(check_adjustment(paused, PauseStarted(starts_on=LATER, **SAID)), Refusal)
    next_one = PauseStarted(starts_on=LATER + timedelta(days=1), **SAID)
    assert isinstance(check_adjustment(paused, next_one), Effect)


def test_a_route_of_the_policy_is_not_decided_anew_and_a_decision_is_not_repeated() -> None:
    routing = RoutingDecided(transition="customer_calls", **SAID)
    standing = standing_in(READY)
    routed = replace(standing, engagement=replace(standing.engagement, region="EMEA"))
    assert "by customer calls" in check_adjustment(routed, routing).why
    assert check_adjustment(standing.add(routing), routing).why == "that is decided already"


def test_a_waived_week_heals_the_cycle_until_the_waiver_expires() -> None:
    asked = WaiverAsked(
        criterion="reconciliation_cycle", week=str(WEEKS[2]), expires_on=TODAY + timedelta(days=1), **SAID
    )
    approved = WaiverApproved(criterion="reconciliation_cycle", week=str(WEEKS[2]), **BY_VERA)
    standing = make_standing(asked, evidences=make_evidences(WEEKS[2]))
    effect = check_adjustment(standing, approved)
    assert isinstance(effect, Effect)
    assert [week.tell() for week in effect.weeks] == ["2026-W04: UNKNOWN → WAIVED"]
    assert effect.cycle.after.startswith("PASS")
    assert effect.judge_from == WEEKS[2]
    expired = make_standing(
        asked, approved, evidences=make_evidences(WEEKS[2]), today=LATER, as_of=AS_OF + timedelta(days=20)
    )
    assert expired.judgement.cycle.verdict is not Verdict.PASS


def test_an_exception_covers_no_criterion_that_comes_to_fail_later() -> None:
    decided = make_exception(["action_items"])
    standing = make_standing(decided, items=[HIGH])
    assert standing.state is EXCEPTION
    assert standing.judgement.verdict is Verdict.FAIL
    assert standing.judgement.reasons[:2] == (
        "exit by exception, decided by Eve on 2 February: agreed with the customer",
        "open risk: payment file, Ines by 22 February",
    )
    worse = make_standing(decided, evidences=make_evidences(WEEKS[3]), items=[HIGH])
    assert worse.state is IN_CYCLE
    assert "does not cover reconciliation_cycle" in worse.judgement.reasons[-1]
    again = make_exception(list_open_criteria(worse.judgement))
    assert isinstance(check_adjustment(worse, again), Effect)


def test_an_exception_doubles_the_relapse_watch() -> None:
    standing = standing_in(COMPLETE)
    effect = check_adjustment(standing, make_exception(["action_items"]))
    assert "after the handover a relapse is watched for 8 weeks instead of 4" in effect.also
    assert standing_in(EXCEPTION).terms.count_relapse_watch_weeks(standing.policy) == 8


def test_an_extension_closes_the_exit_through_its_last_day() -> None:
    extended = Extended(until=TODAY + timedelta(days=2), **SAID)
    assert make_standing(extended).state is COMPLETE
    assert list_open_criteria(make_standing(extended).judgement) == ("extension",)
    assert make_standing(extended, today=extended.until).state is COMPLETE
    over = make_standing(extended, today=TODAY + timedelta(days=3))
    assert over.state is READY


FORM = {
    "kind": "pause",
    "reason": "year end",
    "decided_by": "Ana",
    "starts_on": "2026-02-02",
    "ends_on": None,
    "risks": [],
}


def test_a_form_gives_the_adjustment_and_an_empty_day_is_today() -> None:
    assert read_form(FORM, recorded_by="ops", today=TODAY) == PauseStarted(
        starts_on=TODAY, decided_on=TODAY, decided_by="Ana", recorded_by="ops", reason="year end"
    )
    risky = {name: value for name, value in FORM.items() if name != "starts_on"} | {
        "kind": "exit_by_exception",
        "criteria": ["action_items"],
        "executive": "Eve",
        "risks": ["payment file | Ines | 2026-02-22"],
        "accepted_by_cvm": "Carl",
        "accepted_by_support": "Sue",
    }
    assert read_form(risky, recorded_by="ops", today=TODAY).risks == (RISK,)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": ""}, "Param kind: choose one of pause, resume"),
        ({"starts_on": ""}, "Param starts_on: a pause needs it"),
        ({"reason": "  "}, "Param reason: a pause needs it"),
        ({"starts_on": "2 Feb"}, "Param starts_on: "),
        ({"go_live": "2026-02-02"}, "Param go_live: a pause says nothing of that"),
        ({"kind": "waiver_approved", "starts_on": None, "criterion": "x", "week": "46"}, "Param week: "),
        ({"kind": "exit_by_exception", "starts_on": None, "risks": ["soon"]}, "'soon' is not `risk | owner |"),
        ({"kind": "exit_by_exception", "starts_on": None, "risks": "soon"}, "Param risks: give a list"),
    ],
)
def test_a_form_that_is_wrong_is_refused_by_its_entry(change, words) -> None:
    with pytest.raises(ConfigurationError) as refused:
        read_form(FORM | change, recorded_by="ops", today=TODAY)
    assert words in str(refused.value)


def test_every_kind_can_be_given_by_a_form() -> None:
    standing = standing_in(COMPLETE)
    for kind in Kind:
        adjustment = adjust_by(kind, standing)
        form = {name: getattr(adjustment, name) for name in list_fields(kind)} | {"kind": kind.value}
        if kind is Kind.EXIT_BY_EXCEPTION:
            form["risks"] = [f"{each.risk} | {each.owner} | {each.due_on}" for each in adjustment.risks]
        assert read_form(form, recorded_by=adjustment.recorded_by, today=TODAY) == adjustment
