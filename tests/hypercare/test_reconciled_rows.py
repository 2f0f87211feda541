"""The rows that a reconciled week hands over to be frozen, by cases worked out by hand."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import records as wire
from banking import booked, judge
from reconciling import bill, books, entry, pay

from hypercare.model import ErpLeg
from hypercare.reconciled_rows import LegTotal

FILE = "bank statement S1.xml"


class TestBankRows:
    def test_a_combined_booking_stands_at_each_of_its_payments(self, tmp_path: Path) -> None:
        payments = [pay(1), pay(2, "50.00")]
        rows = judge(tmp_path, payments, [booked("1", "150.00", "PAY-1|PAY-2", file_digest="ab" * 32)]).found.rows
        assert [(row.payment, row.amount, row.state, row.basis, row.verdict) for row in rows.bank] == [
            ("acme/1", Decimal(100), "matched", "reference", "PASS"),
            ("acme/2", Decimal(50), "matched", "reference", "PASS"),
        ]
        assert rows.bank[0].entries == rows.bank[1].entries
        (entry_,) = rows.bank[0].entries
        assert (entry_.amount, entry_.booked_on, entry_.statement) == (Decimal(150), date(2026, 3, 11), "S1")
        assert (entry_.file, entry_.file_digest, entry_.place) == (FILE, "ab" * 32, "Stmt 1, Ntry 1")
        assert rows.bank[0].completed_on == date(2026, 3, 11)

    def test_there_are_as_many_as_the_check_judged(self, tmp_path: Path) -> None:
        payments = [pay(1), pay(2, "50.00"), pay(3, "25.00", ended="3-23")]
        judged = judge(tmp_path, payments, [booked()])
        assert len(judged.found.rows.bank) == judged.rows("bank_side") == 2

    def test_what_fits_twice_is_left_open_with_both(self, tmp_path: Path) -> None:
        (row,) = judge(tmp_path, [pay(1)], [booked(), booked("2")]).found.rows.bank
        assert (row.state, row.basis, row.verdict) == ("ambiguous", "", "FAIL")
        assert [one.entry for one in row.entries] == ["1", "2"]
        assert "several entries, or payments, fit" in row.words

    def test_what_no_statement_covers_yet_is_unknown(self, tmp_path: Path) -> None:
        statements = [wire.bank_statement("S1", covered_through="2026-03-18")]
        (row,) = judge(tmp_path, [pay(1)], [], statements=statements).found.rows.bank
        assert (row.state, row.verdict, row.entries) == ("missing", "UNKNOWN", ())

    def test_statements_of_the_week_and_of_what_was_matched_are_named(self, tmp_path: Path) -> None:
        statements = [
            wire.bank_statement("S1", covered_from="2026-03-01", covered_through="2026-03-14"),
            wire.bank_statement("S2", covered_from="2026-03-15", covered_through="2026-03-31"),
            wire.bank_statement("S0", covered_from="2026-02-01", covered_through="2026-02-28"),
        ]
        rows = judge(tmp_path, [pay(1)], [booked()], statements=statements).found.rows
        assert [(one.statement, one.covered_through) for one in rows.statements] == [
            ("S1", date(2026, 3, 14)),
            ("S2", date(2026, 3, 31)),
        ]

    def test_without_statements_there_are_none(self, tmp_path: Path) -> None:
        with books(tmp_path, {"invoices": [bill(1)], "payments": [pay(1)]}) as open_books:
            found = open_books.judge("3-19").found
        assert (found.rows.bank, found.rows.statements) == ((), ())
        assert {leg.check for leg in found.legs} <= {"erp_leg"}


class TestLegs:
    def test_the_erp_leg_is_told_by_kind_entity_and_currency(self, tmp_path: Path) -> None:
        invoices = [
            bill(1, approved="3-9", exported=True),
            bill(2, "30.00", approved="3-9", exported=False),
            bill(3, "7.00", approved="3-9", entity="Acme GmbH", currency="EUR", exported=True),
        ]
        payments = [pay(1, exported=True, legal_entity_name="Acme Inc.")]
        who = wire.engagement(erp_leg=ErpLeg.EXPORTED_FLAG)
        with books(tmp_path, {"invoices": invoices, "payments": payments}, who=who) as open_books:
            found = open_books.judge("3-11").found
        hundred, none, thirty = Decimal(100), Decimal(0), Decimal(30)
        assert found.legs == (
            LegTotal("erp_leg", "invoice", "Acme GmbH", "EUR", 1, Decimal(7), 0, none),
            LegTotal("erp_leg", "invoice", "Acme Inc.", "USD", 2, hundred + thirty, 1, thirty),
            LegTotal("erp_leg", "payment", "Acme Inc.", "USD", 1, hundred, 0, none),
        )
        assert found.details["legs"][1]["open_amount"] == "30.0000"


class TestDifferingRows:
    def test_rows_that_make_up_for_each_other_are_told_though_the_sum_closes(self, tmp_path: Path) -> None:
        invoices = [bill(1), bill(2, shows=[entry(5, "100.00", "3-11")], paid=True)]
        with books(tmp_path, {"invoices": invoices, "payments": [pay(1)]}) as open_books:
            judged = open_books.judge("3-11")
        assert judged.offending("roll_forward") == {}
        assert [(row.key, row.difference) for row in judged.found.rows.differing] == [
            ("invoice:acme/1", Decimal(100)),
            ("invoice:acme/2", Decimal(-100)),
        ]

    def test_all_are_told_and_add_up_to_the_difference(self, tmp_path: Path) -> None:
        invoices = [bill(number) for number in range(1, 7)]
        shown = bill(9, payment_channel="erp", shows=[entry(90, "1.00", "2-27")])
        payments = [pay(number, f"{number * 10}.00", to=number) for number in range(1, 7)]
        with books(tmp_path, {"invoices": [*invoices, shown], "payments": payments}) as open_books:
            found = open_books.judge("3-11").found
        assert len(found.rows.differing) == 6
        assert sum(row.difference for row in found.rows.differing) == found.roll_forward[0].difference == 210
        assert all(f"payment {row.key.removeprefix('invoice:')} of" in row.words for row in found.rows.differing)

    def test_a_payment_of_nothing_known_is_a_row_of_its_own(self, tmp_path: Path) -> None:
        with books(tmp_path, {"invoices": [], "payments": [pay(1)]}) as open_books:
            (row,) = open_books.judge("3-11").found.rows.differing
        assert (row.key, row.difference) == ("payment:acme/1", Decimal(100))
