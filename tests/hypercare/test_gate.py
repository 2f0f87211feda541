from __future__ import annotations

import ast
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import gate_evidence
import pytest
from gate_evidence import (
    GOOD_VERDICTS,
    POLICY_FILE,
    after,
    judged,
    make_check,
    make_checks,
    make_engagement,
    make_evidence,
    make_feeds,
    rank,
)
from hypothesis import given
from hypothesis import strategies as st

import hypercare
from hypercare.errors import ConfigurationError
from hypercare.gate import judge_exit
from hypercare.model import (
    ActionItem,
    Delivery,
    ExitState,
    FeedHealth,
    FeedState,
    FlowVerification,
    ReadinessAnswer,
    Severity,
    Verdict,
    Waiver,
    WeekFacts,
)
from hypercare.week_verdict import judge_week
from hypercare.weeks import Week

PAY = make_engagement()
NO_PAY = make_engagement(products=frozenset())
FIRST = Week(2026, 2)
WEEKS = [FIRST.shift(offset) for offset in range(4)]
TODAY = date(2026, 2, 2)
TOMORROW, YESTERDAY = TODAY + timedelta(days=1), TODAY - timedelta(days=1)
SOURCES = [FeedHealth("action_items", FeedState.VALID, True), FeedHealth("cases", FeedState.VALID, True)]
FLOWS = [
    FlowVerification(flow, Verdict.PASS, ("invoice:7",))
    for flow in ("requisition_to_order", "order_to_invoice", "invoice_to_payment")
]


def good_week(week, engagement=PAY, **changes):
    return judged(week, feeds=make_feeds(engagement), evidence_level=2, **changes)


def high(**changes):
    return replace(ActionItem("1", "tracker", "Payment file rejected", Severity.HIGH, is_open=True), **changes)


PLAN = {"plan_owner": "SA", "plan_date": TOMORROW, "plan_accepted_by": "CVM: Ada"}
PLANNED = high(**PLAN)


def policy_for(engagement):
    """The shipped policy without the criteria that people answer: those have tests of their own."""
    policy = gate_evidence.policy_for(engagement)
    silent = {name: replace(policy.criteria[name], enabled=False) for name in ("exit_checklist", "customer_ready")}
    return replace(policy, criteria={**policy.criteria, **silent})


def policy_with(engagement=PAY, **criteria):
    policy = policy_for(engagement)
    changed = {name: replace(policy.criteria[name], **changes) for name, changes in criteria.items()}
    return replace(policy, criteria={**policy.criteria, **changed})


def exit_of(engagement=PAY, weeks=None, items=(), feeds=SOURCES, policy=None, **more):
    weeks = [good_week(week, engagement) for week in WEEKS] if weeks is None else weeks
    more.setdefault("flows", FLOWS)
    return judge_exit(
        engagement, weeks, items, feeds, policy or policy_for(engagement), after(WEEKS[-1], engagement), **more
    )


def criterion(judgement, name):
    return next(result for result in judgement.criteria if result.criterion == name)


# The exit


def test_all_good_is_ready():
    judgement = exit_of()
    assert (judgement.state, judgement.verdict) == (ExitState.READY, Verdict.PASS), judgement.reasons
    assert judgement.reasons == ("all 4 criteria met",)
    assert judgement.policy_version == "exit_gate.v1"
    assert [week.week for week in judgement.weeks] == WEEKS
    for result in judgement.criteria:
        assert result.title
        assert result.value
        assert result.threshold
        assert result.reason
        assert result.evidence or result.criterion == "action_items"
    assert criterion(judgement, "action_items").source == "seed 4.4"
    assert criterion(judgement, "evidence_level").source == "policy"


def test_people_confirm_before_anybody_leaves():
    shipped = gate_evidence.policy_for(PAY)
    assert exit_of(policy=shipped).state is ExitState.CYCLE_COMPLETE
    answers = [replace(CHECKED, role="EM"), CONFIRMED]
    assert exit_of(policy=shipped, answers=answers).state is ExitState.READY
    assert exit_of(policy=shipped, answers=answers[:1]).state is ExitState.CYCLE_COMPLETE


def test_nothing_at_all_is_nothing():
    judgement = judge_exit(PAY, [], [], [], policy_for(PAY), after(WEEKS[-1], PAY))
    assert (judgement.state, judgement.verdict) == (ExitState.IN_CYCLE, Verdict.FAIL)
    verdicts = {result.criterion: result.verdict for result in judgement.criteria}
    assert verdicts == {
        "reconciliation_cycle": Verdict.FAIL,
        "evidence_level": Verdict.FAIL,
        "action_items": Verdict.UNKNOWN,
        "required_feeds": Verdict.UNKNOWN,
        "production_transaction_verification": Verdict.UNKNOWN,
    }


def test_an_incomplete_cycle_is_in_cycle_whatever_the_rest():
    late = make_engagement(go_live=WEEKS[1].monday)
    judgement = exit_of(late, weeks=[good_week(week, late) for week in WEEKS[1:]])
    assert judgement.state is ExitState.IN_CYCLE
    assert judgement.reasons[0].startswith("Full reconciliation cycle: week 3 of 4")


def test_a_complete_cycle_with_something_open_is_cycle_complete():
    judgement = exit_of(items=[high()])
    assert (judgement.state, judgement.verdict) == (ExitState.CYCLE_COMPLETE, Verdict.FAIL)
    wanting = "tracker 1 Payment file rejected has neither a resolution nor a plan that counts"
    assert judgement.reasons == (f"High-priority items resolved or planned: {wanting}",)


def test_fail_outranks_unknown_at_the_exit():
    assert exit_of(items=[high()], feeds=[]).verdict is Verdict.FAIL
    assert exit_of(feeds=[]).verdict is Verdict.UNKNOWN


def test_an_advisory_criterion_shows_and_does_not_block():
    judgement = exit_of(flows=[])
    verification = criterion(judgement, "production_transaction_verification")
    assert verification.verdict is Verdict.UNKNOWN
    assert verification.advisory
    assert judgement.state is ExitState.READY
    required = policy_with(production_transaction_verification={"advisory": False})
    assert exit_of(flows=[], policy=required).state is ExitState.CYCLE_COMPLETE


def test_a_criterion_without_a_function_is_refused():
    policy = policy_for(PAY)
    entry = policy.criteria["action_items"]
    with pytest.raises(ConfigurationError, match="star_sign"):
        exit_of(policy=replace(policy, criteria={**policy.criteria, "star_sign": entry}))
    off = replace(policy, criteria={**policy.criteria, "star_sign": replace(entry, enabled=False)})
    assert exit_of(policy=off).state is ExitState.READY


@pytest.mark.parametrize("change", [{"enabled": False}, {"advisory": True}])
def test_the_cycle_can_not_be_switched_off(change):
    with pytest.raises(ConfigurationError, match="waive it instead"):
        exit_of(policy=policy_with(reconciliation_cycle=change))


def test_the_exit_as_of_an_earlier_week():
    later = good_week(FIRST.shift(4), verdict=Verdict.FAIL)
    weeks = [*(good_week(week) for week in WEEKS), later]
    as_of = after(FIRST.shift(4), PAY)
    policy = policy_for(PAY)
    assert judge_exit(PAY, weeks, [], SOURCES, policy, as_of).state is ExitState.IN_CYCLE
    earlier = judge_exit(PAY, weeks, [], SOURCES, policy, as_of, through=WEEKS[-1])
    assert earlier.state is ExitState.READY
    assert [week.week for week in earlier.weeks] == WEEKS


# Action items


def test_a_plan_counts_up_to_its_date():
    assert criterion(exit_of(items=[PLANNED]), "action_items").verdict is Verdict.PASS
    assert criterion(exit_of(items=[replace(PLANNED, plan_date=TODAY)]), "action_items").verdict is Verdict.PASS
    assert criterion(exit_of(items=[replace(PLANNED, plan_date=YESTERDAY)]), "action_items").verdict is Verdict.FAIL


OLD, YOUNG = date(2026, 1, 23), date(2026, 1, 26)  # the fifth business day after them: 30 January, 2 February
UNSORTED = high(severity=Severity.UNSORTED)


@pytest.mark.parametrize(
    ("items", "verdict"),
    [
        ([], Verdict.PASS),
        ([high()], Verdict.FAIL),
        ([high(is_open=False)], Verdict.PASS),
        ([high(severity=Severity.MEDIUM), high(id="2", severity=Severity.LOW)], Verdict.PASS),
        ([PLANNED], Verdict.PASS),
        ([PLANNED, high(id="2")], Verdict.FAIL),
        ([replace(PLANNED, plan_owner=" ")], Verdict.FAIL),
        ([replace(PLANNED, plan_date=None)], Verdict.FAIL),
        ([replace(PLANNED, plan_accepted_by="")], Verdict.FAIL),
        ([replace(PLANNED, plan_accepted_by="CVM:")], Verdict.FAIL),
        ([replace(PLANNED, plan_accepted_by="EM: Ada")], Verdict.FAIL),
        ([replace(PLANNED, plan_accepted_by="support: Grace")], Verdict.PASS),
        ([replace(UNSORTED, raised_on=OLD)], Verdict.UNKNOWN),
        ([replace(UNSORTED, raised_on=YOUNG)], Verdict.PASS),
        ([replace(UNSORTED, raised_on=None)], Verdict.UNKNOWN),
        ([replace(UNSORTED, raised_on=OLD, is_open=False)], Verdict.PASS),
        ([replace(UNSORTED, raised_on=OLD), high(id="2")], Verdict.FAIL),
        ([high(internal_only=True)], Verdict.FAIL),
    ],
)
def test_action_items(items, verdict):
    result = criterion(exit_of(items=items), "action_items")
    assert result.verdict is verdict, result.reason


def test_the_age_of_an_unsorted_item_is_in_business_days():
    items = [replace(UNSORTED, raised_on=OLD)]
    assert criterion(exit_of(items=items, holidays={date(2026, 1, 26)}), "action_items").verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("tracker", "case", "verdict"),
    [
        (PLANNED, high(), Verdict.PASS),
        (high(), high(), Verdict.FAIL),
        (high(is_open=False), high(severity=Severity.LOW), Verdict.FAIL),
        (high(is_open=False), high(is_open=False), Verdict.PASS),
        (high(severity=Severity.MEDIUM), replace(UNSORTED, raised_on=OLD), Verdict.PASS),
    ],
)
def test_an_item_and_its_case_are_one_matter(tracker, case, verdict):
    items = [replace(tracker, case_number="0042"), replace(case, id="c", source="salesforce", case_number=" 0042")]
    assert criterion(exit_of(items=items), "action_items").verdict is verdict


@pytest.mark.parametrize(
    "feeds", [[], SOURCES[:1], SOURCES[1:], [SOURCES[0], replace(SOURCES[1], state=FeedState.FAULT)]]
)
def test_a_tracker_that_is_not_there_is_unknown(feeds):
    judgement = exit_of(feeds=feeds, items=[PLANNED])
    assert criterion(judgement, "action_items").verdict is Verdict.UNKNOWN
    assert judgement.state is ExitState.CYCLE_COMPLETE


# Feeds


def test_a_required_feed_that_was_not_valid_in_one_of_the_weeks():
    broken = good_week(WEEKS[1], verdict=Verdict.UNKNOWN)
    broken = replace(broken, feeds=make_feeds(PAY, payments=FeedState.REFUSED))
    result = criterion(exit_of(weeks=[good_week(WEEKS[0]), broken, *map(good_week, WEEKS[2:])]), "required_feeds")
    assert (result.verdict, result.reason) == (Verdict.UNKNOWN, "2026-W03: payments REFUSED")


def test_the_feeds_of_a_waived_week_are_waived_too():
    waived = replace(good_week(WEEKS[1], verdict=Verdict.WAIVED), feeds=())
    assert exit_of(weeks=[good_week(WEEKS[0]), waived, *map(good_week, WEEKS[2:])]).state is ExitState.READY


def test_a_week_without_feeds_or_without_a_judgement_is_unknown():
    silent = replace(good_week(WEEKS[1]), feeds=())
    for weeks in ([*map(good_week, WEEKS[1:])], [good_week(WEEKS[0]), silent, *map(good_week, WEEKS[2:])]):
        assert criterion(exit_of(weeks=weeks), "required_feeds").verdict is Verdict.UNKNOWN


def test_weeks_before_go_live_need_no_feeds():
    moved = make_engagement(go_live=WEEKS[2].monday)
    assert criterion(exit_of(moved, weeks=[*map(good_week, WEEKS[2:])]), "required_feeds").verdict is Verdict.PASS


# Evidence level


def levels(*of_weeks):
    return [replace(good_week(week), evidence_level=level) for week, level in zip(WEEKS, of_weeks, strict=True)]


@pytest.mark.parametrize(
    ("of_weeks", "verdict"),
    [
        ((2, 2, 2, 2), Verdict.PASS),
        ((3, 3, 3, 3), Verdict.PASS),
        ((3, 2, None, 3), Verdict.PASS),
        ((2, 1, 2, 2), Verdict.FAIL),
        ((None, None, None, None), Verdict.FAIL),
    ],
)
def test_evidence_level(of_weeks, verdict):
    result = criterion(exit_of(weeks=levels(*of_weeks)), "evidence_level")
    assert result.verdict is verdict, result.reason


def test_evidence_level_is_asked_of_coupa_pay_only():
    judgement = exit_of(NO_PAY, weeks=[replace(good_week(week, NO_PAY), evidence_level=1) for week in WEEKS])
    assert criterion(judgement, "evidence_level").verdict is Verdict.NOT_APPLICABLE
    assert judgement.state is ExitState.READY


SIGNED = ReadinessAnswer(
    "evidence_level", True, TODAY, "EM", "finance contact", customer_contact="F. Nance", weeks=tuple(WEEKS)
)


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({}, Verdict.PASS),
        ({"answered_on": YESTERDAY}, Verdict.FAIL),
        ({"answered_on": TOMORROW}, Verdict.FAIL),
        ({"weeks": tuple(WEEKS[1:])}, Verdict.FAIL),
        ({"role": "EM"}, Verdict.FAIL),
        ({"customer_contact": ""}, Verdict.FAIL),
        ({"confirmed": False}, Verdict.FAIL),
        ({"criterion": "customer_ready"}, Verdict.FAIL),
    ],
)
def test_the_finance_contact_may_sign_off_the_cycle(change, verdict):
    judgement = exit_of(weeks=levels(1, 1, 1, 1), answers=[replace(SIGNED, **change)])
    assert criterion(judgement, "evidence_level").verdict is verdict


def test_a_sign_off_stays_good_while_the_cycle_stays_complete():
    more = [*levels(1, 1, 1, 1), replace(good_week(FIRST.shift(4)), evidence_level=1)]
    judgement = judge_exit(
        PAY, more, [], SOURCES, policy_for(PAY), after(FIRST.shift(4), PAY), answers=[SIGNED], flows=FLOWS
    )
    assert judgement.state is ExitState.READY


def test_the_level_is_not_known_while_a_week_of_the_cycle_is_not():
    for verdict in (Verdict.FAIL, Verdict.UNKNOWN):
        weeks = [*levels(2, 2, 2, 2)[:3], replace(good_week(WEEKS[3], verdict=verdict), evidence_level=None)]
        assert criterion(exit_of(weeks=weeks), "evidence_level").verdict is Verdict.UNKNOWN
    assert criterion(exit_of(weeks=levels(2, 2, 2, 2)[1:]), "evidence_level").verdict is Verdict.UNKNOWN


# Answers

CHECKLIST = {"exit_checklist": {"enabled": True}}
READY = {"customer_ready": {"enabled": True}}
CHECKED = ReadinessAnswer("exit_checklist", True, TODAY, "Ms. Partner", "partner PM")
CONFIRMED = ReadinessAnswer("customer_ready", True, TODAY, "Mr. EM", "EM", customer_contact="A. P. Lead")


@pytest.mark.parametrize("criteria", [CHECKLIST, READY])
def test_an_answer_that_is_not_there_blocks(criteria):
    judgement = exit_of(policy=policy_with(**criteria))
    (name,) = criteria
    assert criterion(judgement, name).verdict is Verdict.FAIL
    assert criterion(judgement, name).reason == "not answered yet"
    assert judgement.state is ExitState.CYCLE_COMPLETE


@pytest.mark.parametrize(
    ("delivery", "role", "verdict"),
    [
        (Delivery.PARTNER, "partner PM", Verdict.PASS),
        (Delivery.PARTNER, "EM", Verdict.FAIL),
        (Delivery.VENDOR, "EM", Verdict.PASS),
        (Delivery.VENDOR, "partner PM", Verdict.FAIL),
        (Delivery.CO, "EM", Verdict.PASS),
        (Delivery.CO, "partner PM", Verdict.PASS),
        (Delivery.CO, "CVM", Verdict.FAIL),
    ],
)
def test_who_fills_the_exit_checklist(delivery, role, verdict):
    engagement = make_engagement(delivery=delivery)
    judgement = exit_of(engagement, policy=policy_with(engagement, **CHECKLIST), answers=[replace(CHECKED, role=role)])
    assert criterion(judgement, "exit_checklist").verdict is verdict


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ([replace(CHECKED, answered_on=YESTERDAY)], "answered before the cycle was complete"),
        ([replace(CHECKED, answered_on=TOMORROW)], "not answered yet"),
        ([replace(CHECKED, confirmed=False)], "answered no"),
        ([CHECKED, replace(CHECKED, confirmed=False)], "answered no"),
        ([replace(CHECKED, answered_by="")], "answered in another role"),
    ],
)
def test_an_exit_checklist_that_does_not_count(answers, reason):
    engagement = make_engagement(delivery=Delivery.PARTNER)
    result = criterion(
        exit_of(engagement, policy=policy_with(engagement, **CHECKLIST), answers=answers), "exit_checklist"
    )
    assert result.verdict is Verdict.FAIL
    assert result.reason.startswith(reason)


def test_a_later_answer_in_another_role_does_not_undo_one_that_counts():
    engagement = make_engagement(delivery=Delivery.PARTNER)
    answers = [CHECKED, replace(CHECKED, role="CVM", confirmed=False)]
    judgement = exit_of(engagement, policy=policy_with(engagement, **CHECKLIST), answers=answers)
    assert criterion(judgement, "exit_checklist").verdict is Verdict.PASS


def test_the_checklist_is_of_coupa_pay_only():
    judgement = exit_of(NO_PAY, policy=policy_with(NO_PAY, **CHECKLIST))
    assert criterion(judgement, "exit_checklist").verdict is Verdict.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("change", "verdict"),
    [({}, Verdict.PASS), ({"customer_contact": ""}, Verdict.FAIL), ({"answered_on": YESTERDAY}, Verdict.PASS)],
)
def test_customer_ready(change, verdict):
    judgement = exit_of(policy=policy_with(**READY), answers=[replace(CONFIRMED, **change)])
    assert criterion(judgement, "customer_ready").verdict is verdict


# Production transactions


@pytest.mark.parametrize(
    ("engagement", "flows", "verdict"),
    [
        (PAY, FLOWS, Verdict.PASS),
        (PAY, FLOWS[:2], Verdict.UNKNOWN),
        (NO_PAY, FLOWS[:2], Verdict.PASS),
        (PAY, [*FLOWS[:2], replace(FLOWS[2], verdict=Verdict.FAIL)], Verdict.FAIL),
        (PAY, [*FLOWS[:2], replace(FLOWS[2], documents=())], Verdict.UNKNOWN),
        (PAY, [], Verdict.UNKNOWN),
    ],
)
def test_production_transaction_verification(engagement, flows, verdict):
    result = criterion(exit_of(engagement, flows=flows), "production_transaction_verification")
    assert result.verdict is verdict, result.reason


# Waivers

WAIVER = Waiver("action_items", "fix ships in May", "EM", "Director", TODAY)


@pytest.mark.parametrize(
    ("change", "waived"),
    [
        ({}, True),
        ({"expires_on": YESTERDAY}, False),
        ({"approved_by": "em"}, False),
        ({"requested_by": ""}, False),
        ({"reason": ""}, False),
        ({"criterion": "required_feeds"}, False),
        ({"week": WEEKS[0]}, False),
    ],
)
def test_a_waiver_counts_when_somebody_else_approved_it_and_until_it_expires(change, waived):
    judgement = exit_of(items=[high()], waivers=[replace(WAIVER, **change)])
    result = criterion(judgement, "action_items")
    assert result.verdict is (Verdict.WAIVED if waived else Verdict.FAIL)
    assert judgement.state is (ExitState.READY if waived else ExitState.CYCLE_COMPLETE)
    assert "neither a resolution nor a plan" in result.reason
    if waived:
        assert "waived by Director until 2 February: fix ships in May (was FAIL" in result.reason


def test_what_passes_is_not_waived():
    assert criterion(exit_of(waivers=[WAIVER]), "action_items").verdict is Verdict.PASS


def test_a_waived_cycle_opens_the_checklist():
    waiver = replace(WAIVER, criterion="reconciliation_cycle")
    answers = [replace(CHECKED, role="EM")]
    judgement = exit_of(weeks=[*map(good_week, WEEKS[2:])], policy=policy_with(**CHECKLIST), answers=answers)
    assert criterion(judgement, "exit_checklist").verdict is Verdict.FAIL
    judgement = exit_of(
        weeks=[*map(good_week, WEEKS[2:])], policy=policy_with(**CHECKLIST), answers=answers, waivers=[waiver]
    )
    assert criterion(judgement, "reconciliation_cycle").verdict is Verdict.WAIVED
    assert criterion(judgement, "exit_checklist").verdict is Verdict.PASS
    assert judgement.state is ExitState.CYCLE_COMPLETE


# From evidence to exit


def test_from_evidence_to_exit():
    def run(*evidence):
        as_of = after(WEEKS[-1], PAY)
        return exit_of(weeks=[judge_week(each, policy_for(PAY), as_of, PAY) for each in evidence])

    evidence = [make_evidence(week, PAY) for week in WEEKS]
    assert run(*evidence).state is ExitState.READY
    failed = replace(evidence[3], checks=make_checks(PAY, make_check("not_stuck", Verdict.FAIL, exceptions=1)))
    judgement = run(*evidence[:3], failed)
    assert judgement.state is ExitState.IN_CYCLE
    assert judgement.cycle.earliest_if_cleared == TODAY
    assert (
        run(*evidence[:3], replace(evidence[3], feeds=make_feeds(PAY, users=FeedState.FAULT))).state
        is ExitState.IN_CYCLE
    )
    quiet = [replace(each, facts=WeekFacts(first_payment_released=FIRST.monday)) for each in evidence]
    judgement = run(*quiet)
    assert {week.verdict for week in judgement.weeks} == {Verdict.QUIET}
    assert "run 0 of 2" in judgement.cycle.reason


# Laws

VERDICTS = st.sampled_from([Verdict.FAIL, Verdict.UNKNOWN, *GOOD_VERDICTS, Verdict.PASS, Verdict.PASS])
RAISED = st.sampled_from([None, OLD, YOUNG])


@st.composite
def items(draw):
    item = high(id=str(draw(st.integers(1, 9))), severity=draw(st.sampled_from(Severity)), is_open=draw(st.booleans()))
    plan = PLAN if draw(st.booleans()) else {}
    return replace(item, raised_on=draw(RAISED), case_number=draw(st.sampled_from(["", "", "0042"])), **plan)


@st.composite
def dossiers(draw):
    """Any evidence at all that an exit may be asked of, mostly nearly good."""
    engagement = draw(st.sampled_from([PAY, NO_PAY]))
    everything = {name: {"enabled": draw(st.booleans())} for name in ("exit_checklist", "customer_ready")}
    verdicts = [draw(st.one_of(st.just(Verdict.PASS), VERDICTS)) for _ in range(6)]
    weeks = []
    for week, verdict in zip([FIRST.shift(offset) for offset in range(-2, 4)], verdicts, strict=True):
        feeds = tuple(
            replace(feed, state=draw(st.sampled_from(FeedState)) if verdict is Verdict.UNKNOWN else FeedState.VALID)
            for feed in make_feeds(engagement)
        )
        level = draw(st.sampled_from([1, 2, 2, 3]))
        weeks.append(judged(week, verdict, draw(st.integers(0, 2)), feeds=feeds, evidence_level=level))
    states = st.one_of(st.just(FeedState.VALID), st.sampled_from(FeedState))
    answers = [CHECKED, replace(CHECKED, role="EM"), CONFIRMED, SIGNED]
    return {
        "engagement": engagement,
        "policy": policy_with(engagement, **everything),
        "weeks": weeks,
        "items": draw(st.lists(items(), max_size=4)),
        "feeds": [replace(feed, state=draw(states)) for feed in SOURCES],
        "flows": [flow for flow in FLOWS if draw(st.booleans())],
        "answers": draw(st.lists(st.sampled_from(answers), unique=True)),
    }


def improve(draw, dossier):
    def better_week(week):
        if week.verdict not in (Verdict.FAIL, Verdict.UNKNOWN) or not draw(st.booleans()):
            return week
        if week.verdict is Verdict.FAIL and draw(st.booleans()):
            return replace(week, verdict=Verdict.UNKNOWN)
        return replace(week, verdict=Verdict.PASS, feeds=make_feeds(dossier["engagement"]))

    def better_item(item):
        if not draw(st.booleans()):
            return item
        return replace(item, is_open=False) if draw(st.booleans()) else replace(item, **PLAN)

    def better_feed(feed):
        return replace(feed, state=FeedState.VALID) if draw(st.booleans()) else feed

    return dossier | {
        "weeks": [better_week(week) for week in dossier["weeks"]],
        "items": [better_item(item) for item in dossier["items"]],
        "feeds": [better_feed(feed) for feed in dossier["feeds"]],
        "flows": FLOWS if draw(st.booleans()) else dossier["flows"],
    }


@given(dossiers(), st.data())
def test_better_evidence_never_worsens_the_exit(dossier, data):
    before, now = exit_of(**dossier), exit_of(**improve(data.draw, dossier))
    assert rank(now.verdict) >= rank(before.verdict)
    order = [ExitState.IN_CYCLE, ExitState.CYCLE_COMPLETE, ExitState.READY]
    assert order.index(now.state) >= order.index(before.state)
    for result in before.criteria:
        better = criterion(now, result.criterion)
        assert rank(better.verdict) >= rank(result.verdict), result.criterion


def stands(feed: FeedHealth) -> bool:
    return feed.is_valid or feed.state is FeedState.NOT_HELD


@given(dossiers())
def test_ready_means_that_every_enabled_criterion_is_met_and_nothing_required_unknown(dossier):
    judgement = exit_of(**dossier)
    blocking = [result for result in judgement.criteria if not result.advisory]
    assert {result.criterion for result in judgement.criteria} == {
        name for name, entry in dossier["policy"].criteria.items() if entry.enabled
    }
    met = all(result.verdict in (Verdict.PASS, Verdict.NOT_APPLICABLE) for result in blocking)
    assert (judgement.state is ExitState.READY) is met is (judgement.verdict is Verdict.PASS)
    if judgement.state is ExitState.READY:
        assert all(stands(feed) for feed in dossier["feeds"])
        assert all(week.verdict in GOOD_VERDICTS for week in judgement.weeks[-4:])
        assert all(stands(feed) for week in judgement.weeks[-4:] if week.verdict != "WAIVED" for feed in week.feeds)


@given(dossiers(), st.data())
def test_the_order_of_rows_does_not_matter_to_the_exit(dossier, data):
    parts = ("weeks", "items", "feeds", "flows", "answers")
    shuffled = {part: data.draw(st.permutations(dossier[part])) for part in parts}
    assert exit_of(**(dossier | shuffled)) == exit_of(**dossier)


def test_the_gate_is_pure():
    """Only the standard library and the gate's own modules; no clock, no files, no network."""
    folder = Path(hypercare.__file__).parent
    pure = {"criteria", "cycle", "gate", "gate_calendar", "week_verdict", "model", "weeks", "errors"}
    allowed = {"calendar", "collections", "dataclasses", "datetime", "decimal", "enum", "zoneinfo", "__future__"}
    for name in pure:
        tree = ast.parse((folder / f"{name}.py").read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                modules = [node.module or ""]
            else:
                called = node.func.attr if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else ""
                assert called not in ("now", "today", "utcnow"), (name, node.lineno)
                continue
            for module in modules:
                inner = module.removeprefix("hypercare.")
                assert inner in pure | {"policy"} or module.split(".")[0] in allowed, (name, module)


def test_the_policy_of_these_tests_is_the_shipped_one():
    assert POLICY_FILE.version == "exit_gate.v1"
    assert after(WEEKS[-1], PAY) == datetime.fromisoformat("2026-02-02T07:00:00+00:00")
