"""Explanations of exceptions: which stand, and what they do to a week (rule R9)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from gate_evidence import after, make_check, make_checks, make_engagement, make_feeds, policy_for
from hypothesis import given
from hypothesis import strategies as st

from hypercare.explaining import (
    Explanation,
    describe_status,
    explain_row,
    explain_rows,
    is_carried,
    leave_out_carried,
    read_explanation,
)
from hypercare.model import ExceptionState, ReconciliationException, Verdict, WeekEvidence, WeekFacts, WeekJudgement
from hypercare.week_verdict import judge_week
from hypercare.weeks import Week
from hypercare.workbook_entries import Entry

WEEK = Week(2026, 12)
TODAY = date(2026, 3, 25)
ROW = ReconciliationException(
    check="errors_resolved",
    key="payment:776",
    week=WEEK,
    words="payment 776 failed on 2026-03-18: 100.00 EUR for invoice 7, no later success",
    amount=Decimal("100.00"),
    currency="EUR",
)
STANDING = {(ROW.check, ROW.key): ROW}
PEOPLE = {"bo example": frozenset({"CVM"}), "terry client": frozenset({"finance contact"})}
VALUES: dict[str, Any] = {
    "check": "errors_resolved",
    "row": "payment:776",
    "amount": "100",
    "currency": "EUR",
    "reason_code": "outside_coupa",
    "explanation": "paid by cheque",
    "explained_by": "Ana Example",
    "explained_on": "2026-03-23",
    "accepted_by": "Bo  example",
    "accepted_on": "2026-03-24",
}


def entry(**changes: Any) -> Entry:
    values = {name: value for name, value in (VALUES | changes).items() if value is not None}
    return Entry("exceptions", "key", values, {})


def explanation(**changes: Any) -> Explanation:
    found, faults = read_explanation(entry(**changes), STANDING, PEOPLE, TODAY)
    assert found is not None, faults
    return found


def test_an_accepted_explanation_explains_its_row():
    row = explain_row(ROW, explanation())
    assert row.state is ExceptionState.EXPLAINED
    assert (row.resolved_on, row.reason_code, row.accepted_by) == (date(2026, 3, 24), "outside_coupa", "Bo  example")


def test_one_that_waits_for_a_second_person_explains_nothing():
    told = explanation(accepted_by=None, accepted_on=None)
    assert not told.is_accepted
    assert explain_row(ROW, told) == ROW


@pytest.mark.parametrize(
    ("changes", "column", "words"),
    [
        ({"row": "payment:1"}, "row", "no exception of errors_resolved"),
        ({"amount": "99"}, "amount", "of 99.00 EUR, the row stands at 100.00 EUR"),
        ({"amount": None}, "amount", "of no amount, the row stands at 100.00 EUR"),
        ({"accepted_by": "ANA example"}, "accepted_by", "accepted by who gave it"),
        ({"accepted_by": "Nobody Known"}, "accepted_by", "nobody of this engagement"),
        ({"accepted_on": None}, "accepted_on", "needs a name and a date"),
        ({"accepted_by": None}, "accepted_by", "needs a name and a date"),
        ({"accepted_on": "2026-03-26"}, "accepted_on", "in the future"),
        ({"accepted_on": "2026-03-22"}, "accepted_on", "before it was explained"),
    ],
)
def test_one_that_does_not_stand_says_which_cell(changes: dict[str, Any], column: str, words: str):
    found, faults = read_explanation(entry(**changes), STANDING, PEOPLE, TODAY)
    assert found is None
    assert [fault.column for fault in faults] == [column]
    assert words in faults[0].reason
    assert faults[0].remedy


@pytest.mark.parametrize(
    ("change", "still"),
    [
        ({"words": ROW.words.replace("2026-03-18", "2026-03-19")}, True),
        ({"amount": Decimal("100.01")}, False),
        ({"currency": "USD"}, False),
        ({"words": ROW.words.replace("failed", "was cancelled")}, False),
    ],
)
def test_it_carries_until_amount_or_status_changes(change: dict[str, Any], still: bool):
    later = replace(ROW, **change)
    assert explanation().fits(later) is still
    assert (explain_row(later, explanation()).state is ExceptionState.EXPLAINED) is still


def test_a_status_leaves_out_days_and_amounts():
    assert describe_status(ROW) == "payment # failed on #: # EUR for invoice #, no later success"


def judge(week: Week, rows: tuple[ReconciliationException, ...], **figures: Any) -> WeekJudgement:
    engagement = make_engagement()
    check = make_check("errors_resolved", Verdict.FAIL, exceptions=len(rows), rows=200, **figures)
    checks = leave_out_carried((check,), rows, week, "EUR")
    evidence = WeekEvidence(week, 1, make_checks(engagement, *checks), rows, make_feeds(engagement), WeekFacts(2, True))
    return judge_week(evidence, policy_for(engagement), after(week, engagement, days=9), engagement)


def test_a_difference_explained_in_its_week_clears_it_and_weighs_on_no_later_one():
    explained = {(ROW.check, ROW.key): explanation()}
    own = explain_rows([ROW], explained, {})
    assert judge(WEEK, own).verdict is Verdict.CLEARED
    for weeks in (1, 2, 3):
        week = WEEK.shift(weeks)
        carried = explain_rows([replace(ROW, week=week)], explained, {(ROW.check, ROW.key): WEEK})
        assert carried[0].week == WEEK
        assert is_carried(carried[0], week)
        assert judge(week, carried).verdict is Verdict.PASS


def test_one_that_changes_on_the_way_is_open_again():
    week = WEEK.shift(2)
    changed = replace(ROW, week=week, amount=Decimal("250"))
    rows = explain_rows([changed], {(ROW.check, ROW.key): explanation()}, {(ROW.check, ROW.key): WEEK})
    assert judge(week, rows).verdict is Verdict.FAIL


def test_explaining_does_not_heal_what_is_systemic():
    rows = tuple(replace(ROW, key=f"payment:{n}") for n in range(5))
    explained = {(row.check, row.key): replace(explanation(), key=row.key) for row in rows}
    found = explain_rows(rows, explained, {})
    assert {row.state for row in found} == {ExceptionState.EXPLAINED}
    judgement = judge(WEEK, found)
    assert judgement.verdict is Verdict.FAIL
    assert judgement.systemic


@given(late=st.integers(-10, 30))
def test_an_explanation_counts_only_within_the_days_to_clear(late: int):
    accepted = WEEK.sunday + timedelta(days=late)
    row = explain_row(ROW, replace(explanation(), accepted_on=accepted))
    deadline = date(2026, 4, 3)  # ten business days after Sunday 22 March
    assert judge(WEEK, (row,)).verdict is (Verdict.CLEARED if accepted <= deadline else Verdict.FAIL)


def test_leaving_out_what_is_carried_keeps_the_rest():
    carried = replace(explain_row(ROW, explanation()), week=WEEK.shift(-1), resolved_on=WEEK.monday)
    own = replace(ROW, key="payment:2", amount=Decimal(7))
    check = make_check("errors_resolved", Verdict.FAIL, exceptions=2, exception_value=Decimal(107), reason="2 of 9")
    (left,) = leave_out_carried((check,), (carried, own), WEEK, "EUR")
    assert (left.verdict, left.exceptions, left.exception_value) == (Verdict.FAIL, 1, Decimal(7))
    assert left.reason == "2 of 9, 1 explained in an earlier week"
