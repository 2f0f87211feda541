"""The roll-forward (check 10) as its weeks are sealed: what pulls see later moves a later week, by cases by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import records as wire
from reconciling import Judged, bill, books, entry, pay, report

CHECK = "roll_forward"
SHOWN = {"shows": [entry(5, "100.00", "3-11")], "paid": True}
PULLED = ("3-9", "3-16", "3-23", "3-30")
"""The runs of W10 to W13."""
WEEKS = ("3-3", "3-11", "3-18", "3-25")


def seal(folder: Path, *pulls: Mapping[str, Sequence[Any]]) -> Iterator[Judged]:
    """Judge W10 and the weeks after it, each as its own run sees it: one of `pulls` for each."""
    for number, as_of in enumerate(PULLED[: len(pulls)]):
        own = folder / str(number)
        own.mkdir()
        with books(own, *pulls[: number + 1], as_of=as_of) as open_books:
            yield open_books.judge(WEEKS[number], only=CHECK)


def balances(weeks: Sequence[Judged]) -> list[tuple[str, str]]:
    """Opening and closing of each week, which has one legal entity and currency or nothing."""
    rows = [judged.found.roll_forward[0] if judged.found.roll_forward else None for judged in weeks]
    return [(f"{row.opening:.2f}", f"{row.closing:.2f}") if row else ("0.00", "0.00") for row in rows]


def words(judged: Judged) -> str:
    return "; ".join(row.words for row in judged.found.rows.differing)


OPEN = {"invoices": [bill(1)], "payments": []}
PAID = {"invoices": [bill(1, seen="3-11", **SHOWN)], "payments": [pay(1)]}
BACK = pay(1, ended="3-18", status="cancelled")


class TestAPaymentThatComesBack:
    def test_it_is_taken_back_in_the_week_in_which_that_is_seen(self, tmp_path: Path) -> None:
        taken_back = {"invoices": [bill(1, seen="3-18")], "payments": [BACK]}
        weeks = list(seal(tmp_path, OPEN, PAID, taken_back, {}))
        assert balances(weeks) == [("0.00", "100.00"), ("100.00", "0.00"), ("0.00", "100.00"), ("100.00", "100.00")]
        assert [judged.found.roll_forward[0].paid for judged in weeks] == [0, 100, -100, 0]
        assert [words(judged) for judged in weeks] == ["", "", "", ""]

    def test_what_the_document_still_shows_is_named(self, tmp_path: Path) -> None:
        *_, third, fourth = seal(tmp_path, OPEN, PAID, {"payments": [BACK]}, {"invoices": [bill(1, seen="3-24")]})
        assert words(third) == "the return of payment acme/1 of 100.00 USD is not shown on invoice INV-1"
        assert third.exception(CHECK).amount == Decimal(100)
        assert words(fourth) == ""

    def test_a_report_that_is_still_marked_paid_is_named(self, tmp_path: Path) -> None:
        def reported(**changes: Any) -> dict[str, Any]:
            return report(7, approved="3-3", **changes)

        paid = pay(1, to=[("ExpenseReport", 7, "100.00")])
        back = pay(1, to=[("ExpenseReport", 7, "100.00")], ended="3-18", status="completed_with_errors")
        marked = {"expense_reports": [reported(paid=True, updated_at="2026-03-11T12:00:00Z")], "payments": [paid]}
        first = {"expense_reports": [reported()], "payments": [], "invoices": []}
        *sealed, third = seal(tmp_path, first, marked, {"payments": [back]})
        assert [words(judged) for judged in sealed] == ["", ""]
        assert words(third) == "the return of payment acme/1 of 100.00 USD is not shown on expense report acme/7"

    def test_the_discount_and_the_credit_that_it_took_come_back_too(self, tmp_path: Path) -> None:
        allocation = wire.allocation(
            1,
            payable_from_amount="30.00",
            payable_to_amount="30.00",
            source_transaction_from_id=2,
            source_transaction_from_type="InvoiceHeader",
            created_at="2026-03-10T12:00:00Z",
        )
        detail = wire.payment_detail(
            1, transaction_total="70.00", discount_total="2.00", payment_total="68.00", payable_allocations=[allocation]
        )
        note = bill(2, "-30.00", is_credit_note=True, document_type="Credit Note")
        first = {"invoices": [bill(1), note], "payments": []}
        shown = bill(1, seen="3-11", shows=[entry(5, "68.00", "3-11")])
        paid = {"invoices": [shown], "payments": [pay(1, "68.00", payment_details=[detail])]}
        back = pay(1, "68.00", payment_details=[detail], ended="3-18", status="cancelled")
        weeks = list(seal(tmp_path, first, paid, {"invoices": [bill(1, seen="3-18")], "payments": [back]}))
        assert balances(weeks) == [("0.00", "70.00"), ("70.00", "0.00"), ("0.00", "70.00")]
        assert [judged.offending(CHECK) for judged in weeks] == [{}, {}, {}]
        assert weeks[2].found.roll_forward[0].adjusted == -2


def test_a_payment_that_fails_while_the_document_shows_it_is_named_in_that_week(tmp_path: Path) -> None:
    """Until then both sides agreed on money in flight."""
    in_flight = {"invoices": [bill(1, seen="3-10", **SHOWN)], "payments": [pay(1, ended=None)]}
    failed = {"payments": [pay(1, ended="3-18", status="completed_with_errors")]}
    weeks = list(seal(tmp_path, OPEN, in_flight, failed))
    assert [words(judged) for judged in weeks[:2]] == ["", ""]
    assert words(weeks[2]) == "invoice INV-1 shows 100.00 USD paid that no completed payment backs"
    assert balances(weeks) == [("0.00", "100.00"), ("100.00", "100.00"), ("100.00", "0.00")]


def test_a_total_corrected_while_it_is_owed_is_an_adjustment_and_may_come_back(tmp_path: Path) -> None:
    totals = [{"invoices": [bill(1, total, seen=seen)]} for total, seen in (("120.00", "3-12"), ("100.00", "3-19"))]
    weeks = list(seal(tmp_path, OPEN, *totals))
    assert balances(weeks) == [("0.00", "100.00"), ("100.00", "120.00"), ("120.00", "100.00")]
    assert [judged.found.roll_forward[0].adjusted for judged in weeks] == [0, -20, 20]


def test_what_waits_for_approval_with_another_total_is_no_correction(tmp_path: Path) -> None:
    waiting = {"invoices": [bill(1, "80.00", approved=None, seen="3-3")], "payments": []}
    weeks = list(seal(tmp_path, waiting, {"invoices": [bill(1, approved="3-11")]}))
    (row,) = weeks[1].found.roll_forward
    assert (row.approved, row.adjusted, row.closing) == (100, 0, 100)


class TestEntering:
    def test_what_was_held_before_its_approval_was_seen_enters_with_the_end_of_the_hold(self, tmp_path: Path) -> None:
        held = {"invoices": [bill(1, approved="3-4", seen="3-5", status="on_hold")], "payments": []}
        weeks = list(seal(tmp_path, held, {"invoices": [bill(1, approved="3-4", seen="3-12")]}))
        assert balances(weeks) == [("0.00", "0.00"), ("0.00", "100.00")]

    def test_it_stays_while_its_approval_is_repeated(self, tmp_path: Path) -> None:
        repeated = {"invoices": [bill(1, approved=None, seen="3-11")]}
        weeks = list(seal(tmp_path, OPEN, repeated, {"invoices": [bill(1, approved="3-18")]}))
        assert balances(weeks) == [("0.00", "100.00"), ("100.00", "100.00"), ("100.00", "100.00")]

    @pytest.mark.parametrize("status", ["rejected", "voided"])
    def test_what_was_ended_and_comes_back_enters_anew(self, tmp_path: Path, status: str) -> None:
        ended = {"invoices": [bill(1, seen="3-11", status=status)]}
        weeks = list(seal(tmp_path, OPEN, ended, {"invoices": [bill(1, approved="3-18")]}))
        assert balances(weeks) == [("0.00", "100.00"), ("100.00", "0.00"), ("0.00", "100.00")]
        assert weeks[2].found.roll_forward[0].approved == 100


def test_a_report_paid_with_too_much_shows_its_own_size_only(tmp_path: Path) -> None:
    marked = report(7, approved="3-3", paid=True, updated_at="2026-03-11T12:00:00Z")
    paid = pay(1, "110.00", to=[("ExpenseReport", 7, "110.00")])
    with books(tmp_path, {"expense_reports": [marked], "payments": [paid], "invoices": []}) as open_books:
        judged = open_books.judge("3-11", only=CHECK)
    (row,) = judged.found.roll_forward
    assert (row.paid, row.closing, row.difference) == (110, 0, 10)
    assert words(judged) == "payment acme/1 of 10.00 USD is not shown on expense report acme/7"
