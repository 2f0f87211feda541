"""Which entries are which payments, by cases worked out by hand."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from bank_records import credit, day, debit, match, pairs, pay, states

from hypercare.bank_payments import BankState, Basis

MATCHED, RETURNED = BankState.MATCHED, BankState.RETURNED
AMBIGUOUS, DIFFERS, MISSING = BankState.AMBIGUOUS, BankState.DIFFERS, BankState.MISSING


class TestOneAndOne:
    @pytest.mark.parametrize(
        "entry",
        [
            debit("e", "100.00", "PAY-1"),
            debit("e", "100.00", "pay 1"),
            debit("e", "100.01", "PAY-1"),
            debit("e", "100.00", "PAY-1", on=31),
            debit("e", "100.00", bank_references=("PAY-1",)),
            debit("e", "103.50", "PAY-1", charges=Decimal("3.50")),
            debit("e", "100.00", "PAY-1", charges=Decimal("3.50")),
            debit("e", "92.00", "PAY-1", currency="CHF", instructed_amount=Decimal(100), instructed_currency="EUR"),
        ],
    )
    def test_a_shared_reference_and_amount(self, entry: Any) -> None:
        found = match([pay("1"), pay("2")], [entry])
        assert pairs(found) == {"1": "e"}
        assert found.matches[0].basis is Basis.REFERENCE
        assert states(found)["2"] is MISSING

    def test_a_reference_that_the_bank_cut(self) -> None:
        long = "PAYMENT-OF-A-VERY-LONG-IDENTIFIER-00017"
        assert pairs(match([pay("1", references=(long,))], [debit("e", "100.00", long[:35])])) == {"1": "e"}

    def test_what_leaves_the_account_in_its_own_currency(self) -> None:
        payment = pay("1", account_amount=Decimal("92.00"), account_currency="CHF")
        assert pairs(match([payment], [debit("e", "92.00", "PAY-1", currency="CHF")])) == {"1": "e"}

    @pytest.mark.parametrize("text", ["Rent INV-1, thanks", "SUPPLIER/INV 1/ACME", "pay-1"])
    def test_a_reference_in_the_text(self, text: str) -> None:
        found = match([pay("1"), pay("2")], [debit("e", remittance=text)])
        assert (pairs(found), found.matches[0].basis) == ({"1": "e"}, Basis.REMITTANCE)

    @pytest.mark.parametrize("text", ["INV-12", "XINV-1", "INV"])
    def test_a_text_that_only_resembles(self, text: str) -> None:
        assert pairs(match([pay("1"), pay("2")], [debit("e", remittance=text)])) == {}

    def test_missing_references_leave_amount_and_day(self) -> None:
        found = match([pay("1"), pay("2", "50.00")], [debit("e", "100.00", "NOTPROVIDED")])
        assert (pairs(found), found.matches[0].basis) == ({"1": "e"}, Basis.AMOUNT)

    @pytest.mark.parametrize(
        "entry",
        [
            debit("e", on=18),
            debit("e", on=8),
            debit("e", "100.02"),
            debit("e", currency="USD"),
            debit("e", status="pending"),
            debit("e", transaction_code="PMNT-RDDT-ESDD"),
            debit("e", transaction_code="PMNT-ICDT-CHRG"),
            debit("e", payments_told=2),
            credit("e"),
        ],
    )
    def test_amount_and_day_alone_are_strict(self, entry: Any) -> None:
        assert pairs(match([pay("1")], [entry])) == {}

    def test_an_entry_that_names_something_else_is_shown_and_not_taken(self) -> None:
        found = match([pay("1")], [debit("e", "100.00", "SALARY-3")])
        assert (found.open[0].state, found.open[0].entries) == (MISSING, ("e",))
        assert "names something else" in found.open[0].words

    def test_another_amount_differs_and_is_nobody_elses(self) -> None:
        found = match([pay("1"), pay("2", "90.00")], [debit("e", "90.00", "PAY-1")])
        assert states(found) == {"1": DIFFERS, "2": MISSING}
        assert found.open[0].words == "booked as 90.00 EUR on 2026-03-11"
        assert [one.entry for one in found.unexplained] == ["e"]

    def test_a_value_date_in_time_is_enough(self) -> None:
        assert pairs(match([pay("1")], [debit("e", on=18, value_on=day(17))])) == {"1": "e"}


class TestSeveral:
    def test_one_payment_in_several_bookings(self) -> None:
        found = match([pay("1")], [debit("a", "60.00", "PAY-1"), debit("b", "40.00", "PAY-1"), debit("c", "40.00")])
        assert pairs(found) == {"1": "a+b"}
        assert [one.entry for one in found.unexplained] == ["c"]

    def test_several_payments_in_one_booking_that_names_them(self) -> None:
        payments = [pay("1"), pay("2", "50.00"), pay("3", "7.00")]
        assert pairs(match(payments, [debit("e", "150.00", "PAY-1", "PAY-2")])) == {"1+2": "e"}
        named = debit("e", "157.50", remittance="INV-1 INV-2 INV-3", charges=Decimal("0.50"))
        assert pairs(match(payments, [named])) == {"1+2+3": "e"}

    @pytest.mark.parametrize(
        "changes",
        [
            {"batch_references": ("7",)},
            {"batch_references": ("7",), "on": 30},
            {"payments_told": 2},
            {},
        ],
    )
    def test_a_batch_of_which_only_the_total_is_told(self, changes: dict[str, Any]) -> None:
        payments = [pay("1", batch="7"), pay("2", "50.00", batch="7"), pay("3", "150.00", batch="8", released=12)]
        found = match(payments[:2], [debit("e", "150.00", **changes)])
        assert (pairs(found), found.matches[0].basis) == ({"1+2": "e"}, Basis.BATCH)

    @pytest.mark.parametrize(
        "changes",
        [{"payments_told": 3}, {"batch_references": ("9",)}, {"payer_references": ("X-1",)}, {"on": 30}],
    )
    def test_a_total_that_may_be_another_batch(self, changes: dict[str, Any]) -> None:
        payments = [pay("1", batch="7"), pay("2", "50.00", batch="7")]
        assert pairs(match(payments, [debit("e", "150.00", **changes)])) == {}

    def test_a_batch_is_booked_by_entity_and_without_what_failed(self) -> None:
        payments = [
            pay("1", batch="7", legal_entity="A"),
            pay("2", "50.00", batch="7", legal_entity="A"),
            pay("3", "30.00", batch="7", legal_entity="B"),
            pay("4", "20.00", batch="7", legal_entity="B"),
            pay("5", "10.00", batch="7", legal_entity="B", is_failed=True),
        ]
        found = match(payments, [debit("a", "150.00"), debit("b", "50.00", payments_told=2)])
        assert pairs(found) == {"1+2": "a", "3+4": "b"}
        assert states(found)["5"] is MISSING

    def test_many_entries_of_one_payment(self) -> None:
        parts = [debit(f"e{number:02}", "10.00", "PAY-1") for number in range(30)]
        assert len(match([pay("1", "300.00")], parts).matches[0].entries) == 30


class TestAmbiguous:
    @pytest.mark.parametrize(
        ("payments", "entries"),
        [
            ([pay("1"), pay("2")], [debit("a"), debit("b")]),
            ([pay("1"), pay("2")], [debit("a")]),
            ([pay("1")], [debit("a"), debit("b")]),
            ([pay("1")], [debit("a", "100.00", "PAY-1"), debit("b", "100.00", "PAY-1")]),
            ([pay("1")], [debit(name, "50.00", "PAY-1") for name in "abc"]),
            ([pay("1", batch="7"), pay("2", batch="7")], [debit("a", "200.00"), debit("b", "200.00")]),
        ],
    )
    def test_what_fits_twice_stays_open_and_is_shown(self, payments: list[Any], entries: list[Any]) -> None:
        found = match(payments, entries)
        assert found.matches == ()
        assert set(states(found).values()) == {AMBIGUOUS}
        assert {entry for one in found.open for entry in one.entries} == {entry.id for entry in entries}
        assert [one.entry for one in found.unexplained] == [entry.id for entry in entries]

    def test_a_reference_decides_what_amounts_do_not(self) -> None:
        found = match([pay("1"), pay("2")], [debit("a"), debit("b", "100.00", "PAY-2")])
        assert pairs(found) == {"1": "a", "2": "b"}

    def test_a_reference_used_again_later_is_told_apart_by_the_day(self) -> None:
        payments = [pay("1", references=("CHQ-7",)), pay("2", references=("CHQ-7",), released=20, latest=28)]
        entries = [debit("a", "100.00", "CHQ-7", on=11), debit("b", "100.00", "CHQ-7", on=21)]
        assert pairs(match(payments, entries)) == {"1": "a", "2": "b"}

    def test_a_payment_booked_twice_shows_the_second(self) -> None:
        found = match([pay("1")], [debit("a", "100.00", "PAY-1"), debit("b", "100.00", remittance="PAY-1")])
        assert pairs(found) == {"1": "a"}
        assert [one.entry for one in found.unexplained] == ["b"]


class TestReturned:
    @pytest.mark.parametrize(
        ("first", "back"),
        [
            (debit("a", "100.00", "PAY-1"), credit("b", "100.00", "PAY-1")),
            (debit("a", "100.00", "PAY-1"), credit("b", "100.00", "PAY-1", return_reason="AC04")),
            (debit("a", bank_references=("B1",)), credit("b", bank_references=("B1",), is_reversal=True)),
            (debit("a", "100.00", "PAY-1"), credit("b", is_reversal=True)),
            (debit("a", "100.00", "PAY-1"), credit("b", "98.00", "PAY-1", charges=Decimal(2))),
        ],
    )
    def test_what_the_bank_takes_back_is_not_paid(self, first: Any, back: Any) -> None:
        found = match([pay("1")], [first, back])
        assert states(found) == {"1": RETURNED}
        assert (found.returns[0].entry, found.returns[0].returned_on) == ("b", day(12))
        assert found.matches == found.unexplained == ()

    @pytest.mark.parametrize(
        "back",
        [
            credit("b", "100.00", "PAY-1", on=10),
            credit("b", "60.00", "PAY-1"),
            credit("b"),
            credit("b", "100.00", "CUSTOMER-9", is_reversal=True),
            credit("b", is_reversal=True, on=31),
            credit("b", "100.00", "PAY-1", account="…9999 ffffffff", status="pending"),
        ],
    )
    def test_what_is_no_return_of_it(self, back: Any) -> None:
        assert states(match([pay("1")], [debit("a", "100.00", "PAY-1"), back])) == {"1": MATCHED}

    def test_a_part_brought_back_is_shown(self) -> None:
        found = match([pay("1")], [debit("a", "100.00", "PAY-1"), credit("b", "60.00", "PAY-1")])
        assert found.unexplained[0].words == "names payment 1 and brings back another amount"

    def test_paid_again_under_the_same_reference(self) -> None:
        entries = [
            debit("a", "100.00", "PAY-1"),
            credit("b", "100.00", "PAY-1", on=12),
            debit("c", "100.00", "PAY-1", on=13),
        ]
        found = match([pay("1")], entries)
        assert (pairs(found), states(found)) == ({"1": "c"}, {"1": MATCHED})

    def test_one_of_a_batch_comes_back(self) -> None:
        payments = [pay("1", batch="7"), pay("2", "50.00", batch="7")]
        found = match(payments, [debit("a", "150.00", payments_told=2), credit("b", "50.00", "PAY-2")])
        assert states(found) == {"1": MATCHED, "2": RETURNED}
        assert found.returns[0].entry == "b"

    def test_a_reversal_that_fits_two_bookings_leaves_both_open(self) -> None:
        payments = [pay("1"), pay("2")]
        entries = [debit("a", "100.00", "PAY-1"), debit("b", "100.00", "PAY-2"), credit("c", is_reversal=True)]
        found = match(payments, entries)
        assert set(states(found).values()) == {AMBIGUOUS}
        assert found.open[0].words == "a reversal fits several bookings"


class TestUnexplained:
    def test_only_what_looks_like_a_payment(self) -> None:
        entries = [
            debit("a", "5.00", transaction_code="PMNT-ICDT-ESCT"),
            debit("b", "6.00", transaction_code="own:NTRF+116"),
            debit("c", "7.00", transaction_code="ACMT-MDOP-CHRG"),
            debit("d", "8.00", transaction_code="PMNT-RDDT-ESDD"),
            credit("e", "9.00"),
            debit("f", "0.00"),
        ]
        assert [one.entry for one in match([pay("1")], entries).unexplained] == ["a", "b"]

    def test_nothing_gives_nothing(self) -> None:
        found = match([], [])
        assert (found.matches, found.returns, found.open, found.unexplained) == ((), (), (), ())
        assert states(match([pay("1", "0.00")], [])) == {}
