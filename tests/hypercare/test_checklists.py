"""The exit checklist, the customer's readiness and the sign-off of the cycle (rules R10, R14)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from gate_evidence import make_engagement, policy_for

from hypercare.checklists import Checklist, load_checklist, read_checklist
from hypercare.errors import ConfigurationError
from hypercare.model import Delivery, Engagement, ReadinessAnswer
from hypercare.signing_off import WeekTotal, read_sign_offs
from hypercare.weeks import Week
from hypercare.workbook_entries import Entry, EntryFault, list_people

PATH = Path(__file__).resolve().parents[2] / "include" / "checklists" / "coupa_pay_exit.v1.yaml"
CHECKLIST = load_checklist(PATH)
COMPLETED = date(2026, 4, 6)
TODAY = date(2026, 4, 8)
ENGAGEMENT = make_engagement(delivery=Delivery.PARTNER)
POLICY = policy_for(ENGAGEMENT)


def fill(criterion: str = "exit_checklist", **changes: Any) -> list[Entry]:
    values = {"answer": "Yes", "answered_by": "Casey Partner", "role": "partner PM", "answered_on": "2026-04-07"}
    values |= {"customer_contact": "Pat Client"} | changes
    items = [item.id for item in CHECKLIST.items if item.criterion == criterion]
    return [Entry("exit_checklist", item, {"item": item, **values}, {}) for item in items]


def weigh(
    entries: list[Entry], completed_on: date | None = COMPLETED, engagement: Engagement = ENGAGEMENT
) -> tuple[list[ReadinessAnswer], list[EntryFault]]:
    return read_checklist(entries, CHECKLIST, engagement, POLICY, TODAY, completed_on)


def test_an_answer_comes_of_all_items():
    (answer,), faults = weigh(fill())
    assert (answer.criterion, answer.confirmed, answer.role) == ("exit_checklist", True, "partner PM")
    assert answer.answered_on == date(2026, 4, 7)
    assert answer.evidence[:2] == ("coupa_pay_exit.v1", "CP-1 Yes, Casey Partner, 2026-04-07")
    assert faults == []


@pytest.mark.parametrize("left_out", range(7))
def test_one_item_without_an_answer_is_no_answer(left_out: int):
    entries = fill()
    assert len(entries) == 7
    assert weigh(entries[:left_out] + entries[left_out + 1 :]) == ([], [])
    unreadable = Entry("exit_checklist", "x", entries[left_out].values, {}, is_complete=False)
    assert weigh([*entries[:left_out], unreadable, *entries[left_out + 1 :]]) == ([], [])


def test_a_no_and_what_always_applies():
    entries = fill()
    (answer,), _ = weigh([*entries[:-1], *fill(answer="No")[-1:]])
    assert not answer.confirmed
    (answer,), (fault,) = weigh([*fill(answer="Not applicable")[:1], *entries[1:]])
    assert not answer.confirmed
    assert (fault.column, fault.reason) == ("answer", "CP-1 always applies")


def test_answers_before_the_cycle_was_complete_are_told_and_dated_so():
    early = fill(answered_on="2026-04-03")[:1] + fill()[1:]
    (answer,), (fault,) = weigh(early)
    assert answer.answered_on == date(2026, 4, 3)
    assert "before the reconciliation cycle was complete, which it was on 2026-04-06" in fault.reason
    assert fault.remedy == "answer again on 2026-04-06 or later"
    _, faults = weigh(fill(), completed_on=None)
    assert len(faults) == 7
    assert "before the reconciliation cycle is complete" in faults[0].reason


def test_who_may_answer_depends_on_who_delivers():
    (answer,), faults = weigh(fill(role="EM"))
    assert answer.role == "EM"
    assert all("cannot answer this, partner-led" in fault.reason for fault in faults)
    (answer,), faults = weigh(fill(role="EM"), engagement=make_engagement())
    assert (answer.role, faults) == ("EM", [])


def test_the_customers_readiness_names_the_customer_and_may_come_early():
    (answer,), faults = weigh(fill("customer_ready", role="EM", answered_on="2026-03-01"))
    assert (answer.criterion, answer.customer_contact, faults) == ("customer_ready", "Pat Client", [])
    _, (fault,) = weigh(fill("customer_ready", customer_contact=""))
    assert fault.column == "customer_contact"


def test_without_coupa_pay_only_the_readiness_is_asked():
    plain = make_engagement(products=frozenset({"Invoicing"}))
    assert {item.criterion for item in CHECKLIST.list_applicable(plain, POLICY)} == {"customer_ready"}
    assert weigh(fill(), engagement=plain) == ([], [])


def test_what_lies_in_the_future_and_what_no_version_asks():
    answers, faults = weigh(fill(answered_on="2026-04-09"))
    assert answers == []
    assert all("in the future" in fault.reason for fault in faults)
    _, (fault,) = weigh([Entry("exit_checklist", "CP-99", fill()[0].values | {"item": "CP-99"}, {})])
    assert "has no such item" in fault.reason


def test_a_checklist_that_cannot_be_right(tmp_path: Path):
    (tmp_path / "x.yaml").write_text(PATH.read_text().replace("CP-2", "CP-1"))
    with pytest.raises(ConfigurationError, match="same id"):
        load_checklist(tmp_path / "x.yaml")
    assert isinstance(CHECKLIST, Checklist)
    assert {item.criterion for item in CHECKLIST.items} <= set(POLICY.criteria)
    assert {item.evidence for item in CHECKLIST.items if item.evidence} <= set(POLICY.criteria)


# The sign-off

WEEKS = [Week(2026, 11), Week(2026, 12)]
TOTALS = [
    WeekTotal(week, entity, "EUR", Decimal("100.00"), Decimal("60.00"), Decimal("40.00"))
    for week in WEEKS
    for entity in ("Acme SE", "")
]
PEOPLE = list_people(
    [Entry("people", "p", {"role": "finance contact", "name": "Terry Client"}, {})], {"EM": "Mo Vendor"}
)


def sign(total: WeekTotal, **changes: Any) -> Entry:
    values = {
        "week": str(total.week),
        "legal_entity": total.legal_entity,
        "currency": "eur",
        "approved": "100",
        "paid": "60.00",
        "closing": "40",
        "signed_by": "terry client",
        "signed_on": "2026-04-07",
    }
    return Entry("finance_sign_off", f"{total.week}{total.legal_entity}", values | changes, {})


def weigh_signed(entries: list[Entry]) -> tuple[list[ReadinessAnswer], list[EntryFault]]:
    return read_sign_offs(entries, TOTALS, PEOPLE, ["finance contact"], TODAY, Decimal("0.01"))


def test_a_cycle_signed_on_two_days_is_one_answer_from_the_first_on():
    entries = [sign(TOTALS[0]), sign(TOTALS[1]), sign(TOTALS[2], signed_on="2026-04-08"), sign(TOTALS[3])]
    (first, second), faults = weigh_signed(entries)
    assert (first.answered_on, first.weeks, first.role) == (date(2026, 4, 7), tuple(WEEKS), "finance contact")
    assert first.customer_contact == "terry client"
    assert (second.answered_on, second.weeks) == (date(2026, 4, 8), ())
    assert first.evidence[0] == "2026-W11  EUR: approved 100, paid 60.00, closing 40"
    assert faults == []


def test_a_week_is_signed_when_each_of_its_entities_is():
    (answer,), _ = weigh_signed([sign(TOTALS[0]), sign(TOTALS[2]), sign(TOTALS[3])])
    assert answer.weeks == (WEEKS[1],)


@pytest.mark.parametrize(
    ("changes", "column", "words"),
    [
        ({"paid": "60.02"}, "paid", "it says 60.02, the ledger 60.00 EUR paid"),
        ({"closing": "-40"}, "closing", "it says -40.00, the ledger 40.00 EUR closing"),
        ({"signed_by": "Mo Vendor"}, "signed_by", "is not the finance contact"),
        ({"signed_on": "2026-04-09"}, "signed_on", "in the future"),
        ({"week": "2026-W13"}, "week", "no such week"),
        ({"currency": "USD"}, "week", "no such week"),
    ],
)
def test_a_sign_off_that_does_not_stand_says_both_figures(changes: dict[str, Any], column: str, words: str):
    answers, (fault,) = weigh_signed([sign(TOTALS[0], **changes)])
    assert answers == []
    assert fault.column == column
    assert words in fault.reason


def test_nothing_signed_is_no_answer():
    assert weigh_signed([]) == ([], [])
