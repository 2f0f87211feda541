"""Action items: tracker rows and Cases as one list (rule R12)."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hypercare.action_items import parse_action_items
from hypercare.errors import ContractError
from hypercare.model import ActionItem, Severity
from tests.hypercare.gate_evidence import POLICY_FILE, make_engagement

POLICY = POLICY_FILE.for_engagement(make_engagement())


def item(**fields: Any) -> dict[str, Any]:
    return {"id": "A-1", "title": "Payment file rejected", "state": "Active", "priority": "Sev 2", **fields}


def case(**fields: Any) -> dict[str, Any]:
    return {
        "id": "500000000000001AAA",
        "case_number": "00001001",
        "account_id": "001000000000001AAA",
        "subject": "Payments fail",
        "status": "New",
        "priority": "High",
        "is_closed": False,
        "created_at": datetime(2026, 11, 2, 23, 30, tzinfo=UTC),
        "closed_at": None,
        "owner": "Sam Support",
        **fields,
    }


CLOSED = {"is_closed": True, "closed_at": "2026-11-10T09:00:00+00:00", "status": "Closed"}


def parse(tracker: list[dict[str, Any]], cases: list[dict[str, Any]] | None = None) -> tuple[ActionItem, ...]:
    return parse_action_items(tracker, cases or [], POLICY)


def test_a_tracker_row_becomes_an_item_with_its_plan():
    (found,) = parse(
        [
            item(
                owner="Erin",
                raised_on=date(2026, 11, 2),
                plan_owner="Sam",
                plan_date="2026-11-20",
                plan_accepted_by="CVM: Chris",
                internal_only=True,
            )
        ]
    )
    assert found == ActionItem(
        id="A-1",
        source="tracker",
        title="Payment file rejected",
        severity=Severity.HIGH,
        is_open=True,
        owner="Erin",
        raised_on=date(2026, 11, 2),
        plan_owner="Sam",
        plan_date=date(2026, 11, 20),
        plan_accepted_by="CVM: Chris",
        internal_only=True,
    )


@pytest.mark.parametrize(
    ("state", "is_open"),
    [
        ("closed", False),
        (" Resolved ", False),
        ("Active", True),
        ("reopened", True),
        ("not closed", True),
        (None, True),
    ],
)
def test_only_closed_and_resolved_end_an_item(state: str | None, is_open: bool):
    (found,) = parse([item(state=state, resolved_on="2026-11-09", resolution="Patched")])
    assert found.is_open is is_open
    assert found.resolved_on == (None if is_open else date(2026, 11, 9))


def test_a_case_that_no_item_names_stands_for_itself_while_open():
    open_one, closed_one = case(), case(id="500000000000002AAA", case_number="00001002", **CLOSED)
    (found,) = parse([], [open_one, closed_one])
    assert (found.source, found.id, found.case_number, found.title) == (
        "salesforce", "00001001", "00001001", "Payments fail",
    )  # fmt: skip
    assert (found.severity, found.raised_on, found.owner) == (Severity.HIGH, date(2026, 11, 2), "Sam Support")


@pytest.mark.parametrize("entry", ["00001001", "1001", 1001, "Case 00001001", "#1001", " case #1001 ", "1001, 7"])
def test_a_case_and_the_item_that_names_it_are_one(entry: object):
    (found,) = parse([item(case_number=entry)], [case()])
    assert (found.source, found.id, found.title) == ("tracker", "A-1", "Payment file rejected")
    assert found.case_number == "00001001"


@pytest.mark.parametrize("entry", ["10010", "001001x", "100", "", None, "see mail"])
def test_other_numbers_do_not_match(entry: str | None):
    assert [found.source for found in parse([item(case_number=entry)], [case()])] == ["tracker", "salesforce"]


@pytest.mark.parametrize(
    ("state", "closed", "is_open"),
    [("closed", False, True), ("Active", True, True), ("closed", True, False), ("Active", False, True)],
)
def test_a_matter_is_open_while_either_is(state: str, closed: bool, is_open: bool):
    (found,) = parse([item(state=state, case_number="1001")], [case(**(CLOSED if closed else {}))])
    assert found.is_open is is_open
    assert found.resolved_on == (None if is_open else date(2026, 11, 10))


def test_the_trackers_words_win_and_its_blanks_are_filled():
    (found,) = parse([item(title="Ours", owner="Erin", raised_on="2026-10-30", case_number="1001")], [case()])
    assert (found.title, found.owner, found.raised_on) == ("Ours", "Erin", date(2026, 10, 30))
    (found,) = parse([item(title=None, owner=None, case_number="1001")], [case()])
    assert (found.title, found.owner, found.raised_on) == ("Payments fail", "Sam Support", date(2026, 11, 2))


@pytest.mark.parametrize(
    ("tracker", "salesforce", "severity"),
    [
        ("Low", "High", Severity.HIGH),
        ("Critical", "Low", Severity.HIGH),
        (None, "Medium", Severity.MEDIUM),
        ("Low", None, Severity.LOW),
        ("whatever", None, Severity.UNSORTED),
    ],
)
def test_the_tracker_cannot_play_a_case_down(tracker: str | None, salesforce: str | None, severity: Severity):
    (found,) = parse([item(priority=tracker, case_number="1001")], [case(priority=salesforce)])
    assert found.severity is severity


def test_an_item_may_name_several_cases_and_a_case_be_named_by_several_items():
    cases = [case(**CLOSED), case(id="500000000000002AAA", case_number="00001002")]
    found = parse([item(state="closed", case_number="1001; 1002"), item(id="A-2", case_number="1002")], cases)
    assert [(each.id, each.is_open, each.case_number) for each in found] == [
        ("A-1", True, "00001001, 00001002"), ("A-2", True, "00001002"),
    ]  # fmt: skip


def test_a_date_that_is_none_is_told():
    with pytest.raises(ContractError, match="tracker item A-1: 'soon'"):
        parse([item(plan_date="soon")])


NUMBERS = st.lists(st.integers(1, 12), max_size=8, unique=True)


@given(named=st.lists(st.integers(1, 12), max_size=8), open_cases=NUMBERS, closed_cases=NUMBERS)
def test_nothing_open_is_ever_lost(named: list[int], open_cases: list[int], closed_cases: list[int]):
    closed_only = [number for number in closed_cases if number not in open_cases]
    rows = [item(id=f"A-{place}", state="closed", case_number=str(number)) for place, number in enumerate(named)]
    cases = [case(id=f"open {n}", case_number=f"{n:08d}") for n in open_cases]
    cases += [case(id=f"closed {n}", case_number=f"{n:08d}", **CLOSED) for n in closed_only]
    found = parse(rows, cases)
    assert [each.id for each in found[: len(named)]] == [row["id"] for row in rows]
    still_open = {each.case_number for each in found if each.is_open}
    assert still_open == {f"{n:08d}" for n in open_cases}
