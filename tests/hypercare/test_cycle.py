from __future__ import annotations

from calendar import monthrange
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from gate_evidence import (
    ENGAGEMENTS,
    GOOD_VERDICTS,
    POLICY_FILE,
    after,
    judged,
    make_engagement,
    policy_for,
    rank,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from hypercare.cycle import first_full_week, judge_cycle
from hypercare.gate_calendar import find_local_day, list_period_ends, list_run_days
from hypercare.model import COUPA_PAY, Cadence, Engagement, Pause, Verdict
from hypercare.policy import PolicyFile
from hypercare.weeks import Week, last_judgeable_week

PASS, FAIL, UNKNOWN, QUIET, CLEARED, WAIVED = (
    Verdict.PASS,
    Verdict.FAIL,
    Verdict.UNKNOWN,
    Verdict.QUIET,
    Verdict.CLEARED,
    Verdict.WAIVED,
)
PAY = make_engagement()  # live on Monday 5 January 2026, the first day of 2026-W02
MONTHLY = make_engagement(payment_cadence=Cadence.MONTHLY)
W02 = Week(2026, 2)
LETTERS = {"P": PASS, "F": FAIL, "U": UNKNOWN, "Q": QUIET, "C": CLEARED, "W": WAIVED}


def history(letters, first=W02, runs=None):
    """Judgements of consecutive weeks from letters; `o` is a FAIL that may still clear, `-` a week without one."""
    found = []
    for offset, letter in enumerate(letters):
        week = first.shift(offset)
        settled = runs[offset] if runs else 1
        if letter == "o":
            found.append(judged(week, FAIL, settled, open_until=date(2099, 1, 1)))
        elif letter != "-":
            found.append(judged(week, LETTERS[letter], settled))
    return found


def cycle_after(letters, engagement=PAY, runs=None, first=W02, **more):
    last = first.shift(len(letters) - 1)
    return judge_cycle(
        history(letters, first, runs), engagement, policy_for(engagement), after(last, engagement), **more
    )


@pytest.mark.parametrize(
    ("letters", "runs", "verdict", "counted"),
    [
        ("PPPP", None, PASS, 4),
        ("PCQW", None, PASS, 4),
        ("PPP", None, FAIL, 3),
        ("PPPP", [0, 0, 0, 1], FAIL, 4),
        ("PPPP", [2, 0, 0, 0], PASS, 4),
        ("PPPPP", [2, 0, 0, 0, 0], FAIL, 4),
        ("PPFPPP", None, FAIL, 3),
        ("PPCPPP", None, PASS, 4),
        ("PPWPPP", None, PASS, 4),
        ("FPPPP", None, PASS, 4),
        ("PPPPF", None, FAIL, 0),
        ("UPPPP", None, PASS, 4),
        ("PPUP", None, UNKNOWN, 3),
        ("PP-P", None, UNKNOWN, 3),
        ("PPP-", None, UNKNOWN, 3),
        ("UUUU", None, UNKNOWN, 0),
        ("PUP", None, FAIL, 2),
        ("PFUP", None, FAIL, 1),
        ("PPUP", [1, 0, 0, 0], FAIL, 3),
    ],
)
def test_the_latest_four_weeks_decide(letters, runs, verdict, counted):
    cycle = cycle_after(letters, runs=runs)
    assert (cycle.verdict, cycle.weeks_counted) == (verdict, counted), cycle.reason


def test_four_weeks_without_a_period_end_are_not_enough():
    first = Week.containing(date(2026, 6, 1))  # June 2026 begins on a Monday: its first four weeks hold no month's end
    cycle = cycle_after("PPPP", first=first)
    assert (cycle.verdict, cycle.period_ends) == (FAIL, 0)
    assert "period end 0 of 1, next period end 30 June" in cycle.reason
    assert cycle.earliest_otherwise == date(2026, 7, 6)


def test_no_weeks_are_no_cycle():
    cycle = judge_cycle([], PAY, policy_for(PAY), after(W02.shift(9), PAY))
    assert (cycle.verdict, cycle.started, cycle.weeks, cycle.reason) == (
        FAIL,
        False,
        (),
        "cycle not started: no week judged yet",
    )
    assert cycle.earliest_if_cleared is cycle.earliest_otherwise is cycle.first_week is None


@pytest.mark.parametrize(("products", "event"), [({COUPA_PAY}, "payment released"), ((), "approved invoice exported")])
def test_until_the_first_event_the_cycle_has_not_started(products, event):
    engagement = make_engagement(products=frozenset(products))
    weeks = [judged(W02.shift(offset), first=None) for offset in range(5)]
    cycle = judge_cycle(weeks, engagement, policy_for(engagement), after(W02.shift(4), engagement))
    assert (cycle.verdict, cycle.reason) == (FAIL, f"cycle not started: no {event} yet")
    assert cycle.earliest_if_cleared is None


def test_each_product_has_its_own_first_event():
    weeks = history("PPPP")
    invoices_only = [replace(week, facts=replace(week.facts, first_payment_released=None)) for week in weeks]
    without = make_engagement(products=frozenset())
    as_of = after(W02.shift(3), PAY)
    assert judge_cycle(invoices_only, without, policy_for(without), as_of).verdict is PASS
    assert judge_cycle(invoices_only, PAY, policy_for(PAY), as_of).verdict is FAIL


@pytest.mark.parametrize(
    ("go_live", "first_payment", "first_week"),
    [
        (date(2026, 1, 5), date(2026, 1, 5), W02),
        (date(2026, 1, 5), date(2026, 1, 6), W02.shift(1)),
        (date(2026, 1, 7), date(2026, 1, 8), W02.shift(1)),
        (date(2026, 1, 5), date(2025, 12, 20), W02),
        (date(2025, 12, 31), date(2025, 12, 31), W02),
        (date(2025, 12, 29), date(2025, 12, 29), Week(2026, 1)),
        (date(2026, 1, 5), date(2026, 1, 18), W02.shift(2)),
    ],
)
def test_the_cycle_starts_with_the_first_full_week_at_or_after_the_first_payment_and_go_live(
    go_live, first_payment, first_week
):
    engagement = make_engagement(go_live=go_live)
    weeks = [judged(Week(2025, 50).shift(offset), first=first_payment) for offset in range(12)]

    def complete_after(week):
        return judge_cycle(weeks, engagement, policy_for(engagement), after(week, engagement)).verdict is PASS

    assert complete_after(first_week.shift(3))
    assert not complete_after(first_week.shift(2))
    through = judge_cycle(weeks, engagement, policy_for(engagement), after(first_week, engagement))
    assert (through.first_week, through.started, through.weeks) == (first_week, True, (first_week,))


def test_weeks_before_go_live_do_not_count():
    moved = make_engagement(go_live=W02.shift(2).monday)
    cycle = cycle_after("PPPP", moved)
    assert (cycle.verdict, cycle.weeks_counted, cycle.first_week) == (FAIL, 2, W02.shift(2))


def test_a_cycle_that_is_yet_to_start_tells_when():
    engagement = make_engagement(go_live=date(2026, 1, 14))
    cycle = cycle_after("P", engagement)
    assert not cycle.started
    assert cycle.first_week == Week(2026, 4)
    assert cycle.earliest_otherwise == date(2026, 2, 16)
    assert "it starts with 2026-W04" in cycle.reason
    assert "earliest 16 February" in cycle.reason


def test_the_reason_of_a_monthly_payer_whose_run_comes_after_week_four():
    weeks = [judged(Week(2026, 10).shift(offset), QUIET, runs=0) for offset in range(4)]  # 2 to 29 March
    cycle = judge_cycle(weeks, MONTHLY, policy_for(MONTHLY), after(Week(2026, 13), MONTHLY))
    assert cycle.verdict is FAIL
    assert cycle.reason.startswith("week 4 of 4, run 0 of 1, next run 31 March, period end 0 of 1")
    assert cycle.next_run_on == date(2026, 3, 31)
    assert cycle.earliest_if_cleared == cycle.earliest_otherwise == date(2026, 4, 6)
    weeks.append(judged(Week(2026, 14), PASS, runs=1))
    assert judge_cycle(weeks, MONTHLY, policy_for(MONTHLY), after(Week(2026, 14), MONTHLY)).verdict is PASS


def test_no_more_runs_are_counted_than_are_needed():
    cycle = cycle_after("PPP")
    assert cycle.settled_runs == 3
    assert cycle.reason.startswith("week 3 of 4, run 2 of 2, period end 0 of 1")


def test_an_open_failure_shows_two_dates_and_its_reason():
    cycle = cycle_after("PPPo")
    assert cycle.verdict is FAIL
    assert cycle.earliest_if_cleared == date(2026, 2, 2)
    assert cycle.earliest_otherwise == date(2026, 3, 2)
    assert "2026-W05 FAIL: told so (open until 1 January 2099)" in cycle.reason
    assert "earliest 2 February if the open weeks are cleared or repaired, else 2 March" in cycle.reason


def test_a_systemic_failure_has_one_date():
    weeks = [*history("PPP"), judged(W02.shift(3), FAIL, systemic=True, open_until=date(2099, 1, 1))]
    cycle = judge_cycle(weeks, PAY, policy_for(PAY), after(W02.shift(3), PAY))
    assert cycle.earliest_if_cleared == cycle.earliest_otherwise == date(2026, 3, 2)


def test_a_failure_whose_time_has_run_out_has_one_date():
    weeks = [judged(W02, FAIL, open_until=date(2026, 1, 23)), *history("PPP", W02.shift(1))]
    cycle = judge_cycle(weeks, PAY, policy_for(PAY), after(W02.shift(3), PAY))
    assert cycle.earliest_if_cleared == cycle.earliest_otherwise == date(2026, 2, 9)


def test_the_earliest_day_is_never_past_while_the_cycle_is_not_complete():
    weeks = history("PPUP")
    cycle = judge_cycle(weeks, PAY, policy_for(PAY), after(W02.shift(3), PAY, days=3))
    assert cycle.earliest_if_cleared == date(2026, 2, 5)


def test_cleared_undoes_a_restart():
    assert cycle_after("PPoP").weeks_counted == 1
    assert cycle_after("PPCP").completed_on == date(2026, 2, 2)


def test_an_unknown_week_that_is_repaired_completes_the_cycle():
    assert cycle_after("PPUP").verdict is UNKNOWN
    assert "2026-W04 UNKNOWN: told so" in cycle_after("PPUP").reason
    assert cycle_after("PPPP").verdict is PASS
    repaired = [*history("PPUP"), judged(W02.shift(2), PASS, revision=2)]
    assert judge_cycle(repaired, PAY, policy_for(PAY), after(W02.shift(3), PAY)).verdict is PASS


def test_completed_since_the_first_of_unbroken_complete_weeks():
    assert cycle_after("PPPPPPP").completed_on == date(2026, 2, 2)
    assert cycle_after("PPPPFPPPPP").completed_on == date(2026, 3, 9)
    assert cycle_after("PPPP").earliest_if_cleared == date(2026, 2, 2)


def test_a_lapse_of_four_weeks_without_a_period_end_does_not_move_the_day_of_completion():
    lapsed = cycle_after("P" * 12)  # the latest four weeks run from 2 to 29 March
    assert (lapsed.verdict, lapsed.completed_on) == (FAIL, None)
    assert lapsed.earliest_otherwise == date(2026, 4, 6)
    again = cycle_after("P" * 13)
    assert (again.verdict, again.completed_on) == (PASS, date(2026, 2, 2))


def test_the_cycle_as_of_an_earlier_week():
    weeks = history("PPPPF")
    as_of = after(W02.shift(4), PAY)
    assert judge_cycle(weeks, PAY, policy_for(PAY), as_of, through=W02.shift(3)).verdict is PASS
    assert judge_cycle(weeks, PAY, policy_for(PAY), as_of).verdict is FAIL
    assert judge_cycle(weeks, PAY, policy_for(PAY), as_of, through=W02.shift(9)).verdict is FAIL


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Pacific/Kiritimati", "Europe/Berlin"])
def test_a_week_counts_from_two_hours_after_its_own_sunday(zone):
    engagement = make_engagement(time_zone=zone)
    weeks = history("PPPP")
    due = W02.shift(3).judgeable_from(zone)
    assert judge_cycle(weeks, engagement, policy_for(engagement), due).verdict is PASS
    early = judge_cycle(weeks, engagement, policy_for(engagement), due - timedelta(seconds=1))
    assert (early.verdict, early.weeks_counted) == (FAIL, 3)
    assert early.earliest_otherwise == find_local_day(due, zone) == date(2026, 2, 2)


@pytest.mark.parametrize(
    ("letters", "pause", "verdict"),
    [
        ("PPQQ", (2, 3), PASS),
        ("PPQW", (2, 3), PASS),
        ("PPPQ", (2, 3), FAIL),
        ("PPQ-", (2, 3), FAIL),
        ("PQQQ", (1, 3), FAIL),
        ("PQQQPPPP", (1, 3), PASS),
        ("PPQQ", (2, None), PASS),
        ("PQQQ", (1, None), FAIL),
    ],
)
def test_a_pause_breaks_the_cycle_unless_short_and_quiet(letters, pause, verdict):
    first, last = pause
    paused = Pause(W02.shift(first), None if last is None else W02.shift(last), "strike")
    cycle = cycle_after(letters, pauses=[paused])
    assert cycle.verdict is verdict
    if verdict is FAIL:
        assert "paused: strike" in cycle.reason
        assert cycle.earliest_if_cleared == cycle.earliest_otherwise


def test_a_long_pause_to_come_puts_the_earliest_day_off():
    paused = Pause(W02.shift(3), W02.shift(5))
    cycle = cycle_after("PPP", pauses=[paused])
    assert cycle.earliest_if_cleared == cycle.earliest_otherwise == W02.shift(10).monday


def make_four_four_five() -> PolicyFile:
    document = dict(POLICY_FILE.document)
    table = [date(2026, 1, 25), date(2026, 2, 22), date(2026, 3, 29)]
    calendars = document["cycle"]["fiscal_calendars"] | {"4-4-5": table}
    return replace(POLICY_FILE, document=document | {"cycle": document["cycle"] | {"fiscal_calendars": calendars}})


def test_a_table_of_period_ends():
    engagement = make_engagement(fiscal_calendar="4-4-5")
    policy = make_four_four_five().for_engagement(engagement)
    start = W02.shift(3)  # from 26 January, a day after the first period's end
    weeks = [judged(start.shift(offset), first=start.monday) for offset in range(4)]
    assert judge_cycle(weeks, engagement, policy, after(start.shift(3), engagement)).verdict is PASS
    late = start.shift(9)  # after the table's last date
    weeks = [judged(late.shift(offset), first=late.monday) for offset in range(4)]
    cycle = judge_cycle(weeks, engagement, policy, after(late.shift(3), engagement))
    assert (cycle.verdict, cycle.earliest_if_cleared) == (FAIL, None)
    assert "the calendar 4-4-5 names no later one" in cycle.reason


def test_run_days():
    year = (date(2028, 1, 1), date(2028, 12, 31))
    monthly = list_run_days(("last",), *year)
    assert len(monthly) == 12
    assert date(2028, 2, 29) in monthly
    assert len(list_run_days((15, "last"), *year)) == 24
    assert {day.weekday() for day in list_run_days("friday", *year)} == {4}
    assert list_period_ends("month_ends", *year) == monthly
    assert (
        first_full_week(date(2026, 1, 5))
        == W02
        == first_full_week(date(2026, 1, 4))
        == first_full_week(date(2025, 12, 30))
    )


# Laws


@st.composite
def histories(draw, longest=10) -> tuple[Engagement, list, datetime]:
    """An engagement, judgements of its first weeks (some missing), and an instant to judge from."""
    engagement = draw(ENGAGEMENTS)
    first = Week.containing(engagement.go_live).shift(draw(st.integers(-2, 0)))
    count = draw(st.integers(0, longest))
    event = draw(st.one_of(st.none(), st.integers(-10, 30).map(lambda days: engagement.go_live + timedelta(days=days))))
    as_of = after(first.shift(max(count - 1, 0)), engagement, draw(st.floats(0, 6.9)))
    today = find_local_day(as_of, engagement.time_zone)
    weeks = []
    for offset in range(count):
        kind = draw(st.sampled_from(["good", "good", "good", "FAIL", "open", "UNKNOWN", "missing"]))
        if kind == "missing":
            continue
        verdict = draw(st.sampled_from(GOOD_VERDICTS)) if kind == "good" else Verdict(kind.replace("open", "FAIL"))
        judgement = judged(first.shift(offset), verdict, draw(st.integers(0, 2)), event)
        if kind == "open":
            judgement = replace(judgement, open_until=today + timedelta(days=draw(st.integers(0, 9))))
        weeks.append(judgement)
    return engagement, weeks, as_of


def count_expected_runs(engagement, week) -> int:
    """Runs of a week by cadence, counted by hand."""
    runs = 0
    for offset in range(7):
        day = week.monday + timedelta(days=offset)
        last = day.day == monthrange(day.year, day.month)[1]
        match engagement.payment_cadence:
            case Cadence.WEEKLY:
                runs += offset == 4
            case Cadence.SEMI_MONTHLY:
                runs += last or day.day == 15
            case Cadence.MONTHLY:
                runs += last
    return runs


def simulate(engagement, weeks, as_of) -> date | None:
    """Live on week by week, each passing and paid by cadence, until the cycle is found complete; return that day."""
    policy = policy_for(engagement)
    lived = list(weeks)
    now, week = as_of, last_judgeable_week(as_of, engagement.time_zone)
    for _ in range(60):
        if judge_cycle(lived, engagement, policy, now).verdict is PASS:
            return find_local_day(now, engagement.time_zone)
        week = week.shift(1)
        now = week.judgeable_from(engagement.time_zone)
        event = weeks[0].facts.first_payment_released if weeks else None
        lived.append(judged(week, PASS, count_expected_runs(engagement, week), event))
    return None


@settings(max_examples=150)
@given(histories())
def test_the_earliest_day_otherwise_is_the_day_on_which_it_comes_true(drawn):
    engagement, weeks, as_of = drawn
    cycle = judge_cycle(weeks, engagement, policy_for(engagement), as_of)
    simulated = simulate(engagement, weeks, as_of)
    if cycle.verdict is PASS:
        assert cycle.earliest_if_cleared == cycle.earliest_otherwise == cycle.completed_on <= simulated
    else:
        assert cycle.earliest_otherwise == simulated


@settings(max_examples=150)
@given(histories())
def test_the_earliest_day_if_cleared_is_the_day_on_which_it_comes_true(drawn):
    engagement, weeks, as_of = drawn
    cycle = judge_cycle(weeks, engagement, policy_for(engagement), as_of)
    horizon = last_judgeable_week(as_of, engagement.time_zone)
    told = {week.week for week in weeks}
    mended = [
        replace(week, verdict=CLEARED)
        if week.open_until
        else replace(week, verdict=PASS)
        if week.verdict is UNKNOWN
        else week
        for week in weeks
    ]
    if weeks:
        event = weeks[0].facts.first_payment_released
        span = (weeks[0].week.shift(offset) for offset in range(horizon.weeks_since(weeks[0].week) + 1))
        mended += [judged(week, PASS, 0, event) for week in span if week not in told]
        if cycle.first_week and weeks[0].week > cycle.first_week:
            early = (weeks[0].week.shift(-offset) for offset in range(1, 5))
            mended += [judged(week, PASS, 0, event) for week in early]
    simulated = simulate(engagement, mended, as_of)
    if cycle.verdict is not PASS:
        assert cycle.earliest_if_cleared == simulated
        if cycle.earliest_otherwise is not None:
            assert cycle.earliest_if_cleared <= cycle.earliest_otherwise


BETTER = {FAIL: [FAIL, UNKNOWN, *GOOD_VERDICTS], UNKNOWN: [UNKNOWN, *GOOD_VERDICTS]}


@given(histories(), st.data())
def test_better_weeks_never_worsen_the_cycle(drawn, data):
    engagement, weeks, as_of = drawn
    better = []
    for week in weeks:
        verdict = data.draw(st.sampled_from(BETTER.get(week.verdict, GOOD_VERDICTS)))
        open_until = week.open_until if verdict is FAIL else None
        runs = week.facts.settled_runs + data.draw(st.integers(0, 1))
        better.append(
            replace(week, verdict=verdict, open_until=open_until, facts=replace(week.facts, settled_runs=runs))
        )
    policy = policy_for(engagement)
    before, now = (judge_cycle(each, engagement, policy, as_of) for each in (weeks, better))
    assert rank(now.verdict) >= rank(before.verdict)
    if before.earliest_otherwise:
        assert now.earliest_otherwise <= before.earliest_otherwise


@given(histories(), st.data())
def test_a_cycle_with_an_unknown_or_missing_week_among_its_four_is_not_complete(drawn, data):
    engagement, weeks, as_of = drawn
    horizon = last_judgeable_week(as_of, engagement.time_zone)
    victim = horizon.shift(-data.draw(st.integers(0, 3)))
    weeks = [week for week in weeks if week.week != victim]
    if data.draw(st.booleans()):
        weeks.append(judged(victim, UNKNOWN, 2))
    cycle = judge_cycle(weeks, engagement, policy_for(engagement), as_of)
    assert cycle.verdict is not PASS
    assert cycle.completed_on is None


@given(histories(), st.data())
def test_the_order_of_weeks_does_not_matter_to_the_cycle(drawn, data):
    engagement, weeks, as_of = drawn
    policy = policy_for(engagement)
    shuffled = data.draw(st.permutations(weeks))
    assert judge_cycle(shuffled, engagement, policy, as_of) == judge_cycle(weeks, engagement, policy, as_of)


@given(histories())
def test_what_a_cycle_tells_adds_up(drawn):
    engagement, weeks, as_of = drawn
    cycle = judge_cycle(weeks, engagement, policy_for(engagement), as_of)
    verdicts = {week.week: week.verdict for week in weeks}
    assert cycle.reason
    assert cycle.weeks_counted == sum(verdicts.get(week) in GOOD_VERDICTS for week in cycle.weeks)
    assert all(later.weeks_since(week) == 1 for week, later in zip(cycle.weeks, cycle.weeks[1:], strict=False))
    assert all(week.monday >= engagement.go_live for week in cycle.weeks)
    if cycle.verdict is PASS:
        assert cycle.weeks_counted == cycle.weeks_needed == 4
        assert cycle.settled_runs >= cycle.settled_runs_needed
        assert cycle.period_ends >= 1
