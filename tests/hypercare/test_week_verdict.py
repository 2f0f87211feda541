from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from gate_evidence import (
    GOOD_VERDICTS,
    after,
    cleared,
    explained,
    judged,
    make_check,
    make_checks,
    make_engagement,
    make_evidence,
    make_exception,
    make_feeds,
    policy_for,
    rank,
)
from hypothesis import given
from hypothesis import strategies as st

from hypercare.gate_calendar import add_business_days
from hypercare.model import COUPA_PAY, ErpLeg, FeedState, Verdict, Waiver, WeekEvidence, WeekFacts
from hypercare.week_verdict import judge_week, list_weeks_to_rejudge
from hypercare.weeks import Week

PAY = make_engagement()
WEEK = Week(2026, 4)  # 19 to 25 January; ten business days later is 6 February
DEADLINE = date(2026, 2, 6)
ONE_OPEN = make_check("details_add_up", Verdict.FAIL, exceptions=1)


def judge(evidence, engagement=PAY, days=0.0, **more):
    return judge_week(evidence, policy_for(engagement), after(evidence.week, engagement, days), engagement, **more)


def evidence_with(*checks, **changes):
    return make_evidence(WEEK, PAY, checks=make_checks(PAY, *checks), **changes)


QUIET = WeekFacts(activity=False)
OPEN = {"checks": make_checks(PAY, ONE_OPEN), "exceptions": (make_exception(WEEK),)}
SYSTEMIC = make_check("details_add_up", Verdict.FAIL, exceptions=5, rows=200)

PRECEDENCE = [
    ("all passes", {}, Verdict.PASS),
    ("nothing happened", {"facts": QUIET}, Verdict.QUIET),
    ("an open exception", OPEN, Verdict.FAIL),
    ("an open exception in a week without activity", {**OPEN, "facts": QUIET}, Verdict.FAIL),
    (
        "a broken feed beside an open exception",
        {**OPEN, "feeds": make_feeds(PAY, payments=FeedState.INVALID)},
        "UNKNOWN",
    ),
    (
        "a broken feed in a week without activity",
        {"feeds": make_feeds(PAY, users=FeedState.FAULT), "facts": QUIET},
        "UNKNOWN",
    ),
    ("a required check unknown", {"checks": make_checks(PAY, make_check("erp_leg", Verdict.UNKNOWN))}, "UNKNOWN"),
    (
        "a required check unknown beside systemic failure",
        {"checks": make_checks(PAY, SYSTEMIC, make_check("erp_leg", Verdict.UNKNOWN))},
        "UNKNOWN",
    ),
    (
        "systemic failure of which all is cleared",
        {
            "checks": make_checks(PAY, SYSTEMIC),
            "exceptions": tuple(cleared(make_exception(WEEK, f"payment:{n}"), WEEK.sunday) for n in range(5)),
        },
        "FAIL",
    ),
    ("all cleared", {**OPEN, "exceptions": (cleared(make_exception(WEEK), DEADLINE),)}, "CLEARED"),
    ("all explained", {**OPEN, "exceptions": (explained(make_exception(WEEK), DEADLINE),)}, "CLEARED"),
    (
        "all cleared, nothing else happened",
        {**OPEN, "facts": QUIET, "exceptions": (cleared(make_exception(WEEK), DEADLINE),)},
        "CLEARED",
    ),
    ("cleared a day late", {**OPEN, "exceptions": (cleared(make_exception(WEEK), date(2026, 2, 7)),)}, "FAIL"),
    (
        "cleared, nobody knows when",
        {**OPEN, "exceptions": (replace(cleared(make_exception(WEEK), DEADLINE), resolved_on=None),)},
        "FAIL",
    ),
    (
        "explained, accepted by the same person",
        {**OPEN, "exceptions": (explained(make_exception(WEEK), DEADLINE, "a "),)},
        "FAIL",
    ),
    ("explained, accepted by nobody", {**OPEN, "exceptions": (explained(make_exception(WEEK), DEADLINE, ""),)}, "FAIL"),
    ("failed, but no row is listed", {"checks": make_checks(PAY, ONE_OPEN)}, "FAIL"),
    ("passed, but a row is open", {"exceptions": (make_exception(WEEK),)}, "FAIL"),
    (
        "two found, one listed and cleared",
        {
            "checks": make_checks(PAY, replace(ONE_OPEN, exceptions=2)),
            "exceptions": (cleared(make_exception(WEEK), DEADLINE),),
        },
        "FAIL",
    ),
    (
        "explained in an earlier week and carried",
        {"exceptions": (explained(make_exception(WEEK.shift(-1)), date(2026, 1, 22)),)},
        "PASS",
    ),
    (
        "found earlier, explained later",
        {"exceptions": (explained(make_exception(WEEK.shift(-1)), DEADLINE),)},
        "CLEARED",
    ),
    ("found earlier, still open", {"exceptions": (make_exception(WEEK.shift(-1)),)}, "FAIL"),
    (
        "an advisory check failed",
        {"checks": make_checks(PAY, make_check("no_duplicates", Verdict.FAIL, exceptions=9))},
        "PASS",
    ),
    ("an open row of an advisory check", {"exceptions": (make_exception(WEEK, check="no_duplicates"),)}, "PASS"),
    (
        "the policy outranks what a check says of itself",
        {"checks": make_checks(PAY, make_check("details_add_up", Verdict.FAIL, required=False, advisory=True))},
        "FAIL",
    ),
    (
        "a check that the policy does not know binds as it says",
        {"checks": make_checks(PAY, make_check("new_one", Verdict.FAIL))},
        "FAIL",
    ),
    (
        "a check that the policy does not know, advisory",
        {"checks": make_checks(PAY, make_check("new_one", Verdict.FAIL, advisory=True))},
        "PASS",
    ),
    (
        "a bank file that differs",
        {"checks": make_checks(PAY, make_check("bank_side", Verdict.FAIL, exceptions=1))},
        "FAIL",
    ),
    (
        "a bank file that can't be read",
        {"checks": make_checks(PAY, make_check("bank_side", Verdict.UNKNOWN))},
        "UNKNOWN",
    ),
    ("no bank file", {"checks": make_checks(PAY, make_check("bank_side", Verdict.NOT_APPLICABLE))}, "PASS"),
    ("a required check left out", {"checks": make_checks(PAY)[1:]}, "UNKNOWN"),
    ("no checks at all", {"checks": ()}, "UNKNOWN"),
    ("no checks in a week without activity", {"checks": (), "facts": QUIET}, "UNKNOWN"),
    (
        "all checks not applicable",
        {"checks": tuple(replace(check, verdict=Verdict.NOT_APPLICABLE) for check in make_checks(PAY))},
        "UNKNOWN",
    ),
    ("no feeds", {"feeds": ()}, "UNKNOWN"),
    (
        "no row judged although there was activity",
        {"checks": tuple(replace(check, rows=0) for check in make_checks(PAY))},
        "UNKNOWN",
    ),
    (
        "no row judged, nothing happened",
        {"checks": tuple(replace(check, rows=0) for check in make_checks(PAY)), "facts": QUIET},
        "QUIET",
    ),
    ("settled runs are activity", {"facts": WeekFacts(settled_runs=1, activity=False)}, "PASS"),
    ("waived and failed", {**OPEN, "waived": True}, "WAIVED"),
    ("waived and unknown", {"feeds": (), "waived": True}, "WAIVED"),
    ("waived and passed", {"waived": True}, "PASS"),
]


@pytest.mark.parametrize(("changes", "verdict"), [pytest.param(c, v, id=name) for name, c, v in PRECEDENCE])
def test_precedence(changes, verdict):
    judgement = judge(make_evidence(WEEK, PAY, **changes))
    assert judgement.verdict == verdict, judgement.reasons
    assert judgement.reasons


@pytest.mark.parametrize(
    ("exceptions", "rows", "exception_value", "value", "systemic"),
    [
        (2, 2, 0, 0, False),
        (3, 150, 0, 0, False),
        (3, 149, 0, 0, True),
        (4, 200, 10, 1000, False),
        (4, 200, "10.01", 1000, True),
        (3, 0, 0, 0, True),
        (3, 1000, -11, -1000, True),
    ],
)
def test_systemic_is_more_than_2_percent_of_rows_or_1_percent_of_value_and_3_rows(
    exceptions, rows, exception_value, value, systemic
):
    check = make_check(
        "details_add_up",
        Verdict.FAIL,
        exceptions=exceptions,
        rows=rows,
        value=Decimal(value),
        exception_value=Decimal(exception_value),
    )
    judgement = judge(evidence_with(check))
    assert judgement.verdict is Verdict.FAIL
    assert judgement.systemic is systemic
    assert (judgement.open_until is None) is systemic


def test_a_week_is_open_until_ten_business_days_after_its_end():
    evidence = evidence_with(ONE_OPEN, exceptions=(make_exception(WEEK),))
    assert judge(evidence).open_until == DEADLINE
    with_holiday = judge(evidence, holidays={date(2026, 1, 26), date(2026, 2, 1)})
    assert with_holiday.open_until == date(2026, 2, 9)
    assert judge(evidence, holidays=lambda day: day == date(2026, 1, 26)).open_until == date(2026, 2, 9)
    assert judge(evidence, days=11.5).open_until == DEADLINE
    assert judge(evidence, days=13).open_until is None


def test_the_last_open_day_is_a_local_one():
    evidence = evidence_with(ONE_OPEN, exceptions=(make_exception(WEEK),))
    still_friday_in_new_york = datetime.fromisoformat("2026-02-07T03:00:00+00:00")
    assert judge_week(evidence, policy_for(PAY), still_friday_in_new_york, PAY).open_until == DEADLINE
    in_berlin = make_engagement(time_zone="Europe/Berlin")
    assert judge_week(evidence, policy_for(in_berlin), still_friday_in_new_york, in_berlin).open_until is None


def test_a_week_that_was_cleared_late_is_no_longer_open():
    late = (cleared(make_exception(WEEK), date(2026, 2, 9)), make_exception(WEEK, "payment:2"))
    judgement = judge(evidence_with(replace(ONE_OPEN, exceptions=2), exceptions=late))
    assert judgement.verdict is Verdict.FAIL
    assert judgement.open_until is None
    assert "payment:1" in judgement.reasons[0]
    assert judgement.open_exceptions == 1


def test_a_feed_that_files_cannot_hold_is_no_fault():
    evidence = make_evidence(WEEK, PAY, feeds=make_feeds(PAY, payments=FeedState.NOT_HELD))
    assert judge(evidence).verdict is judge(make_evidence(WEEK, PAY)).verdict is Verdict.PASS


@pytest.mark.parametrize("state", [state for state in FeedState if state not in (FeedState.VALID, FeedState.NOT_HELD)])
def test_a_feed_that_is_not_valid_is_named_and_repairable_unless_refused(state):
    judgement = judge(make_evidence(WEEK, PAY, feeds=make_feeds(PAY, payments=state)))
    assert judgement.verdict is Verdict.UNKNOWN
    assert judgement.through_fault is (state is not FeedState.REFUSED)
    assert judgement.reasons[0] == f"feed payments is {state}: told so"


def test_an_unknown_check_over_valid_feeds_is_no_fault_of_a_feed():
    assert not judge(evidence_with(make_check("erp_leg", Verdict.UNKNOWN))).through_fault


def test_checks_none_of_which_applies_are_no_quiet_week():
    none = tuple(replace(check, verdict=Verdict.NOT_APPLICABLE) for check in make_checks(PAY))
    assert judge(make_evidence(WEEK, PAY, checks=none, facts=QUIET)).verdict is Verdict.UNKNOWN


def test_a_row_explained_within_its_own_week_still_clears_it():
    exceptions = (explained(make_exception(WEEK), WEEK.sunday),)
    assert judge(make_evidence(WEEK, PAY, exceptions=exceptions)).verdict is Verdict.CLEARED


def test_a_feed_not_required_does_not_matter():
    feeds = (*make_feeds(PAY), replace(make_feeds(PAY)[0], feed="charges", required=False, state=FeedState.FAULT))
    assert judge(make_evidence(WEEK, PAY, feeds=feeds)).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("checks", "facts", "level"),
    [
        ([], WeekFacts(settled_runs=1, activity=True), 2),
        ([make_check("bank_side")], WeekFacts(settled_runs=1, activity=True), 3),
        ([make_check("bank_side", rows=0)], WeekFacts(settled_runs=1, activity=True), 2),
        ([make_check("erp_leg", rows=0)], WeekFacts(settled_runs=1, activity=True), 1),
        ([make_check("erp_leg", rows=0)], WeekFacts(activity=True), None),
        ([make_check("erp_leg", Verdict.FAIL, exceptions=1)], WeekFacts(settled_runs=1, activity=True), 1),
    ],
)
def test_evidence_level(checks, facts, level):
    assert judge(evidence_with(*checks, facts=facts)).evidence_level == level


def test_without_an_erp_leg_evidence_is_of_coupa_only():
    alone = make_engagement(erp_leg=ErpLeg.NONE)
    assert judge(make_evidence(WEEK, alone), alone).evidence_level == 1


@pytest.mark.parametrize(
    ("waiver", "verdict"),
    [
        ({}, Verdict.WAIVED),
        ({"expires_on": date(2026, 1, 25)}, Verdict.FAIL),
        ({"approved_by": " em "}, Verdict.FAIL),
        ({"approved_by": ""}, Verdict.FAIL),
        ({"reason": " "}, Verdict.FAIL),
        ({"week": WEEK.shift(1)}, Verdict.FAIL),
        ({"week": None}, Verdict.FAIL),
        ({"criterion": "action_items"}, Verdict.FAIL),
    ],
)
def test_a_waiver_of_one_week(waiver, verdict):
    given_waiver = replace(
        Waiver("reconciliation_cycle", "bank merger", "EM", "Director", date(2026, 1, 26), WEEK), **waiver
    )
    evidence = evidence_with(ONE_OPEN, exceptions=(make_exception(WEEK),))
    judgement = judge(evidence, waivers=[given_waiver])
    assert judgement.verdict is verdict
    if verdict is Verdict.WAIVED:
        assert "Director" in judgement.reasons[0]
        assert "was FAIL" in judgement.reasons[1]


def test_which_weeks_a_run_judges_again():
    weeks = [WEEK.shift(-offset) for offset in range(7)]
    judgements = [judged(week, Verdict.UNKNOWN) for week in weeks]
    found = list_weeks_to_rejudge(judgements, policy_for(PAY), after(WEEK, PAY), PAY)
    assert list(found) == sorted(weeks[:5])
    open_fail = judged(weeks[6], Verdict.FAIL, open_until=date(2026, 1, 26))
    closed_fail = judged(weeks[0], Verdict.FAIL, open_until=date(2026, 1, 25))
    lost = judged(weeks[1], Verdict.FAIL, systemic=True)
    good = [judged(week, verdict) for week, verdict in zip(weeks[2:6], GOOD_VERDICTS, strict=True)]
    judgements = [open_fail, closed_fail, lost, *good]
    assert list_weeks_to_rejudge(judgements, policy_for(PAY), after(WEEK, PAY), PAY) == (weeks[6],)
    assert list_weeks_to_rejudge([], policy_for(PAY), after(WEEK, PAY), PAY) == ()


def test_a_naive_instant_is_refused():
    with pytest.raises(ValueError, match="time zone"):
        judge_week(make_evidence(WEEK, PAY), policy_for(PAY), datetime(2026, 1, 27), PAY)  # noqa: DTZ001


@given(
    st.dates(date(2020, 1, 1), date(2030, 1, 1)),
    st.integers(0, 30),
    st.sets(st.dates(date(2020, 1, 1), date(2030, 3, 1)), max_size=9),
)
def test_adding_business_days_passes_over_just_that_many(day, count, holidays):
    end = add_business_days(day, count, holidays)
    passed = [day + timedelta(days=n) for n in range(1, (end - day).days + 1)]
    working = [each for each in passed if each.weekday() < 5 and each not in holidays]
    assert len(working) == count
    assert not count or end == working[-1]


# Laws

ENGAGEMENT = st.sampled_from([PAY, make_engagement(products=frozenset()), make_engagement(erp_leg=ErpLeg.NONE)])
CHECK_VERDICTS = [Verdict.FAIL, Verdict.UNKNOWN, Verdict.PASS, Verdict.NOT_APPLICABLE]
STATES = st.sampled_from(["open", "cleared", "late", "explained", "unaccepted"])


@st.composite
def rows(draw, check):
    row = make_exception(WEEK, draw(st.sampled_from(["payment:1", "payment:2", "payment:3"])), check=check)
    row = replace(row, week=WEEK.shift(draw(st.integers(-2, 0))))
    match draw(STATES):
        case "cleared":
            return cleared(row, DEADLINE)
        case "late":
            return cleared(row, DEADLINE + timedelta(days=1))
        case "explained":
            return explained(row, draw(st.sampled_from([WEEK.sunday, DEADLINE])))
        case "unaccepted":
            return explained(row, DEADLINE, "")
    return row


@st.composite
def evidences(draw):
    """An engagement and any evidence of a week, mostly nearly good."""
    engagement = draw(ENGAGEMENT)
    names = [check.check for check in make_checks(engagement)]
    names += [name for name in ("no_duplicates", "bank_side") if draw(st.booleans())]
    mostly_pass = st.one_of(st.just(Verdict.PASS), st.sampled_from(CHECK_VERDICTS))
    checks = tuple(
        make_check(
            name, draw(mostly_pass), exceptions=draw(st.integers(0, 5)), rows=draw(st.sampled_from([0, 100, 500]))
        )
        for name in names
        if draw(st.integers(0, 9)) > 0
    )
    listed = draw(st.lists(st.sampled_from(names).flatmap(rows), max_size=4))
    mostly_valid = st.one_of(st.just(FeedState.VALID), st.sampled_from(FeedState))
    feeds = tuple(replace(feed, state=draw(mostly_valid)) for feed in make_feeds(engagement))
    facts = WeekFacts(settled_runs=draw(st.integers(0, 2)), activity=draw(st.booleans()))
    return engagement, make_evidence(
        WEEK, engagement, checks=checks, exceptions=tuple(listed), feeds=feeds, facts=facts
    )


def improve(draw, evidence: WeekEvidence) -> WeekEvidence:
    """The same evidence with any of its parts better: FAIL to UNKNOWN to PASS, open to cleared, invalid to valid."""

    def better_check(check):
        if not draw(st.booleans()):
            return check
        if check.verdict is Verdict.FAIL and draw(st.booleans()):
            return replace(check, verdict=Verdict.UNKNOWN)
        if check.verdict is Verdict.NOT_APPLICABLE:
            return check
        return replace(check, verdict=Verdict.PASS, exceptions=draw(st.integers(0, check.exceptions)))

    def better_row(row):
        return cleared(row, min(row.resolved_on or DEADLINE, DEADLINE)) if draw(st.booleans()) else row

    exceptions = tuple(better_row(row) for row in evidence.exceptions)
    feeds = tuple(replace(feed, state=FeedState.VALID) if draw(st.booleans()) else feed for feed in evidence.feeds)
    return replace(evidence, checks=tuple(map(better_check, evidence.checks)), exceptions=exceptions, feeds=feeds)


def without_unknowns(evidence: WeekEvidence, engagement) -> WeekEvidence:
    """The same evidence as it would be judged if nothing in it were unknown."""
    checks = tuple(replace(c, verdict=Verdict.PASS) if c.verdict is Verdict.UNKNOWN else c for c in evidence.checks)
    present = {check.check for check in checks}
    checks += tuple(check for check in make_checks(engagement) if check.check not in present)
    return replace(evidence, checks=checks, feeds=make_feeds(engagement))


@given(evidences(), st.data())
def test_better_evidence_never_worsens_a_week(drawn, data):
    """UNKNOWN outranks FAIL (rule R9), so repairing may reveal a failure that was there; nothing else may worsen."""
    engagement, evidence = drawn
    before = judge(evidence, engagement)
    now = judge(improve(data.draw, evidence), engagement)
    hid_failure = (
        before.verdict is Verdict.UNKNOWN
        and judge(without_unknowns(evidence, engagement), engagement).verdict is Verdict.FAIL
    )
    assert rank(now.verdict) >= rank(before.verdict) or hid_failure


@given(evidences(), st.data())
def test_no_week_is_good_with_an_unknown_required_input(drawn, data):
    engagement, evidence = drawn
    if data.draw(st.booleans()):
        victim = data.draw(st.sampled_from(evidence.feeds))
        known = {FeedState.VALID, FeedState.NOT_HELD}
        state = data.draw(st.sampled_from([state for state in FeedState if state not in known]))
        feeds = tuple(replace(feed, state=state) if feed == victim else feed for feed in evidence.feeds)
        evidence = replace(evidence, feeds=feeds)
    else:
        name = data.draw(st.sampled_from([check.check for check in make_checks(engagement)]))
        others = tuple(check for check in evidence.checks if check.check != name)
        unknown = (make_check(name, Verdict.UNKNOWN),) if data.draw(st.booleans()) else ()
        evidence = replace(evidence, checks=(*others, *unknown))
    assert judge(evidence, engagement).verdict is Verdict.UNKNOWN


@given(evidences(), st.data())
def test_what_a_source_cannot_hold_leaves_the_week_to_the_checks(drawn, data):
    engagement, evidence = drawn
    victim = data.draw(st.sampled_from(evidence.feeds))
    held = tuple(replace(feed, state=FeedState.VALID) if feed == victim else feed for feed in evidence.feeds)
    not_held = tuple(replace(feed, state=FeedState.NOT_HELD) if feed == victim else feed for feed in evidence.feeds)
    verdicts = {judge(replace(evidence, feeds=feeds), engagement).verdict for feeds in (held, not_held)}
    assert len(verdicts) == 1


@given(evidences(), st.data())
def test_the_order_of_rows_does_not_matter_to_a_week(drawn, data):
    engagement, evidence = drawn
    shuffled = replace(
        evidence,
        checks=tuple(data.draw(st.permutations(evidence.checks))),
        exceptions=tuple(data.draw(st.permutations(evidence.exceptions))),
        feeds=tuple(data.draw(st.permutations(evidence.feeds))),
    )
    assert judge(shuffled, engagement) == judge(evidence, engagement)


@given(evidences())
def test_a_week_passes_only_on_rows_and_without_an_open_one(drawn):
    engagement, evidence = drawn
    judgement = judge(evidence, engagement)
    if judgement.verdict is Verdict.PASS:
        assert sum(check.rows for check in evidence.checks) > 0
    if judgement.verdict in GOOD_VERDICTS:
        assert judgement.open_exceptions == 0
        assert judgement.open_until is None
    assert COUPA_PAY in engagement.products or judgement.evidence_level != 3
