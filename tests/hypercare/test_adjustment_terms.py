"""What adjustments come to: laws over drawn histories, pauses by weeks, and Salesforce saying otherwise."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from adjusting import ASKED, BY_KIND, BY_VERA, ENGAGEMENT, HIGH, LATER, SAID, TODAY, make_standing
from gate_evidence import after, make_check, make_checks, make_evidence, make_feeds, rank
from hypothesis import given, settings
from hypothesis import strategies as st

from hypercare.adjustment_effects import Effect, check_adjustment
from hypercare.adjustment_terms import NoticeAbout, read_terms, settle_with_salesforce
from hypercare.adjustments import (
    Cancelled,
    Extended,
    GoLiveMoved,
    Kind,
    OwnerChanged,
    PauseEnded,
    PauseStarted,
    WaiverApproved,
    identify,
)
from hypercare.model import ExitState, FeedState, Pause, Verdict, WeekFacts
from hypercare.weeks import Week

LONG = [Week(2026, 2).shift(offset) for offset in range(8)]
FIRST_PAYMENT = date(2026, 1, 5)
QUIET = {"facts": WeekFacts(first_payment_released=FIRST_PAYMENT)}
UNKNOWN = {"feeds": make_feeds(ENGAGEMENT, invoices=FeedState.INVALID)}
FAILED = {"checks": make_checks(ENGAGEMENT, make_check("details_add_up", Verdict.FAIL, exceptions=1))}


@st.composite
def histories(draw):
    """Weeks that are good, quiet, UNKNOWN or FAIL, as many as there are in `LONG` at most."""
    count = draw(st.integers(1, len(LONG)))
    kinds = st.sampled_from([{}, {}, {}, QUIET, UNKNOWN, FAILED])
    return [make_evidence(week, ENGAGEMENT, **draw(kinds)) for week in LONG[:count]]


@st.composite
def pauses(draw):
    first = draw(st.dates(date(2026, 1, 5), date(2026, 3, 1)))
    length = draw(st.none() | st.integers(0, 30))
    return PauseStarted(starts_on=first, ends_on=None if length is None else first + timedelta(days=length), **SAID)


def stand(evidences, *adjustments):
    last = evidences[-1].week
    as_of = after(last, ENGAGEMENT)
    return make_standing(*adjustments, evidences=evidences, as_of=as_of, today=last.sunday + timedelta(days=1))


@settings(max_examples=150)
@given(histories(), st.lists(pauses(), min_size=1, max_size=3))
def test_pausing_never_improves_a_verdict(evidences, drawn) -> None:
    before, paused = stand(evidences), stand(evidences, *drawn)
    assert rank(paused.judgement.cycle.verdict) <= rank(before.judgement.cycle.verdict)
    assert rank(paused.judgement.verdict) <= rank(before.judgement.verdict)
    if before.judgement.state is ExitState.IN_CYCLE:
        assert paused.judgement.state is ExitState.IN_CYCLE


def test_that_law_is_not_about_nothing() -> None:
    evidences = [make_evidence(week, ENGAGEMENT) for week in LONG]
    assert stand(evidences).judgement.cycle.verdict is Verdict.PASS
    pause = PauseStarted(starts_on=LONG[-2].monday, **SAID)
    assert stand(evidences, pause).judgement.cycle.verdict is Verdict.FAIL


INDEPENDENT = [
    PauseStarted(starts_on=date(2026, 1, 28), ends_on=date(2026, 2, 1), **SAID),
    PauseStarted(starts_on=date(2026, 2, 3), **SAID),
    BY_KIND[Kind.GO_LIVE_MOVED],
    BY_KIND[Kind.EXTENDED],
    BY_KIND[Kind.OWNER_CHANGED],
    OwnerChanged(role="CVM", person="Carl", **SAID),
    BY_KIND[Kind.ROUTING_DECIDED],
    ASKED,
    BY_KIND[Kind.WAIVER_ASKED],
]


@settings(max_examples=40)
@given(st.permutations(INDEPENDENT))
def test_the_order_of_independent_adjustments_is_irrelevant(shuffled) -> None:
    told, other = (make_standing(*each, items=[HIGH]) for each in (INDEPENDENT, shuffled))
    assert other.judgement == told.judgement
    assert other.engagement == told.engagement
    assert other.state == told.state
    assert other.terms.list_pauses() == told.terms.list_pauses()
    assert replace(other.terms, rests=()) == replace(told.terms, rests=())


@settings(max_examples=60)
@given(histories(), st.sampled_from([each for each in BY_KIND.values() if each.kind is not Kind.RESUME]))
def test_an_effect_is_what_judging_with_the_adjustment_gives(evidences, adjustment) -> None:
    standing = stand(evidences)
    adjustment = replace(adjustment, decided_on=min(TODAY, standing.today))
    outcome = check_adjustment(standing, adjustment)
    if isinstance(outcome, Effect):
        after_it = standing.add(adjustment)
        assert outcome.gate.after.startswith(f"{after_it.state} ({after_it.judgement.reasons[0]}")
        assert outcome.cycle.after == f"{after_it.judgement.cycle.verdict} ({after_it.judgement.cycle.reason})"


def rest(first: str, last: str | None = None) -> PauseStarted:
    return PauseStarted(
        starts_on=date.fromisoformat(first),
        ends_on=date.fromisoformat(last) if last else None,
        **(SAID | {"reason": "r"}),
    )


def resume(day: str) -> PauseEnded:
    return PauseEnded(resumes_on=date.fromisoformat(day), **SAID)


W05, W06, W07, W08 = (Week(2026, number) for number in (5, 6, 7, 8))


@pytest.mark.parametrize(
    ("adjustments", "expected"),
    [
        ([rest("2026-01-28")], [(W05, None)]),
        ([rest("2026-01-28"), resume("2026-02-02")], [(W05, W05)]),
        ([rest("2026-01-28"), resume("2026-02-04")], [(W05, W06)]),
        ([rest("2026-01-28", "2026-02-15"), resume("2026-02-02")], [(W05, W05)]),
        ([rest("2026-01-26", "2026-02-01"), rest("2026-02-16", "2026-02-22")], [(W05, W05), (W08, W08)]),
        ([rest("2026-01-26", "2026-02-08"), rest("2026-02-09", "2026-02-15")], [(W05, W07)]),
        ([rest("2026-01-26", "2026-02-08"), rest("2026-02-09")], [(W05, None)]),
    ],
)
def test_days_of_rest_become_paused_weeks_and_neighbours_one_pause(adjustments, expected) -> None:
    found = read_terms(adjustments).list_pauses()
    assert found == tuple(Pause(first, last, "r") for first, last in expected)


def test_two_short_quiet_pauses_in_a_row_are_a_long_one() -> None:
    quiet = [make_evidence(week, ENGAGEMENT, **(QUIET if week in LONG[4:] else {})) for week in LONG]
    short = PauseStarted(starts_on=LONG[4].monday, ends_on=LONG[5].sunday, **SAID)
    next_one = PauseStarted(starts_on=LONG[6].monday, ends_on=LONG[7].sunday, **SAID)
    assert "still counts" in check_adjustment(stand(quiet), short).weeks[0].after
    two = check_adjustment(stand(quiet, short), next_one)
    assert [week.after for week in two.weeks] == ["QUIET, paused: breaks the cycle"] * 4
    assert stand(quiet, short, next_one).judgement.cycle.weeks_counted == 0


def test_a_waiver_that_was_rejected_or_answered_twice_waives_nothing_more() -> None:
    approved = WaiverApproved(criterion="action_items", **BY_VERA)
    rejected = BY_KIND[Kind.WAIVER_REJECTED]
    assert read_terms([ASKED, rejected, approved]).waivers == ()
    assert len(read_terms([ASKED, approved, approved]).waivers) == 1
    assert read_terms([approved]).waivers == ()
    (waiver,) = read_terms([ASKED, approved]).waivers
    assert (waiver.requested_by, waiver.approved_by, waiver.expires_on) == ("Ana", "Vera", LATER)


SALESFORCE = replace(ENGAGEMENT, go_live=date(2026, 1, 19), roles={"EM": "Zoe"})
MOVED = GoLiveMoved(go_live=date(2026, 1, 12), **SAID)


@pytest.mark.parametrize(
    ("held", "adjustments", "today", "go_live", "needs_decision"),
    [
        (None, [], TODAY, SALESFORCE.go_live, None),
        (ENGAGEMENT, [], date(2026, 1, 11), SALESFORCE.go_live, None),
        (ENGAGEMENT, [], date(2026, 1, 12), ENGAGEMENT.go_live, True),
        (replace(ENGAGEMENT, go_live=MOVED.go_live), [MOVED], TODAY, MOVED.go_live, False),
        (replace(ENGAGEMENT, go_live=MOVED.go_live), [MOVED], date(2026, 1, 6), MOVED.go_live, False),
        (ENGAGEMENT, [replace(MOVED, go_live=SALESFORCE.go_live)], TODAY, SALESFORCE.go_live, None),
        (SALESFORCE, [], TODAY, SALESFORCE.go_live, None),
    ],
    ids=["new", "week 1", "after week 1", "decided", "decided, early", "confirmed", "unchanged"],
)
def test_a_go_live_that_changed_in_salesforce_after_week_1_waits_for_a_decision(
    held, adjustments, today, go_live, needs_decision
) -> None:
    settled, notices = settle_with_salesforce(SALESFORCE, held, read_terms(adjustments), today)
    assert settled.go_live == go_live
    assert [notice.needs_decision for notice in notices] == ([] if needs_decision is None else [needs_decision])
    assert all(notice.about is NoticeAbout.GO_LIVE and "go_live_moved" in notice.words for notice in notices)
    assert settled.roles == {"EM": "Zoe"}


def test_an_owner_that_was_decided_stays_and_salesforce_is_told_of_until_it_agrees() -> None:
    ben = OwnerChanged(role="EM", person="Ben", **SAID)
    settled, (notice,) = settle_with_salesforce(SALESFORCE, SALESFORCE, read_terms([ben]), TODAY)
    assert settled.roles == {"EM": "Ben"}
    assert (notice.about, notice.needs_decision) == (NoticeAbout.OWNER, False)
    assert "Salesforce names Zoe as EM, held is Ben" in notice.words
    agreed = replace(SALESFORCE, roles={"EM": "Ben"})
    assert settle_with_salesforce(agreed, SALESFORCE, read_terms([ben]), TODAY) == (agreed, ())


def test_what_is_said_differently_is_another_adjustment() -> None:
    assert identify(Cancelled(**SAID)) == identify(Cancelled(**SAID))
    others = {identify(each) for each in (*BY_KIND.values(), ASKED, Extended(until=TODAY, **SAID))}
    assert len(others) == len(BY_KIND) + 2
