"""Every reconciliation check by cases worked out by hand, over real Parquet.

The weeks: W10 is 2 to 8 March 2026, W11 9 to 15, W12 16 to 22, W13 23 to 29. A default payment is released on Tuesday
the 10th by ACH (three business days: Friday the 13th) and completes on Wednesday the 11th.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import records as wire
from reconciling import POLICY, at, bill, books, day, entry, pay, report

from hypercare.model import Cadence, ErpLeg, Verdict

PAID = {"shows": [entry(5, "100.00", "3-11")], "paid": True}
NO_COUPA_PAY = wire.engagement(products=frozenset())


def healthy() -> dict[str, Any]:
    return {"invoices": [bill(1, **PAID)], "payments": [pay(1)]}


def test_a_paid_invoice_passes_every_check_in_the_week_of_its_payment(tmp_path: Path) -> None:
    with books(tmp_path, {**healthy(), "statements": [], "charges": []}) as open_books:
        judged = open_books.judge("3-11")
    assert judged.found.exceptions == ()
    given = [check for check in judged.found.checks if not check.check.startswith("bank_")]
    assert {check.verdict for check in given} == {Verdict.PASS}
    assert {check.check: check.rows for check in given} == {
        "paid_what_was_approved": 1,
        "details_add_up": 1,
        "adjustments_explain_the_rest": 1,
        "both_sides_agree": 2,
        "not_stuck": 1,
        "errors_resolved": 1,
        "erp_leg": 1,
        "no_duplicates": 0,
        "card_statements": 0,
        "roll_forward": 1,
    }


class TestPaidWhatWasApproved:
    CHECK = "paid_what_was_approved"

    @pytest.mark.parametrize(
        ("invoices", "payments", "words"),
        [
            ([bill(1, approved=None)], [pay(1)], "invoice INV-1 is not approved (pending_approval)"),
            ([], [pay(1)], "invoice INV-1 is not among the records pulled"),
            ([bill(1, status="voided", seen="3-5")], [pay(1)], "invoice INV-1 was voided before, on 2026-03-05"),
            (
                [bill(1, "80.00")],
                [pay(1)],
                "invoice INV-1 was payable with 80.00 USD and has 100.00 USD released",
            ),
            (
                [bill(1, lines=[entry(9, "30.00", "3-9", "credit")])],
                [pay(1)],
                "invoice INV-1 was payable with 100.00 USD and has 100.00 USD released and 30.00 USD credited",
            ),
            ([bill(1)], [pay(1, to=[])], "it names no document that it pays"),
        ],
    )
    def test_a_payment_offends(self, tmp_path: Path, invoices: list[Any], payments: list[Any], words: str) -> None:
        with books(tmp_path, {"invoices": invoices, "payments": payments}) as open_books:
            judged = open_books.judge("3-11")
        assert judged.offending(self.CHECK) == {"payment:acme/1": f"payment acme/1 of 100.00 USD: {words}"}
        assert judged.check(self.CHECK).verdict is Verdict.FAIL

    def test_paid_twice_blames_the_payment_released_last_and_clears_when_the_other_fails(self, tmp_path: Path) -> None:
        twice = {"invoices": [bill(1)], "payments": [pay(1, released="3-9"), pay(2, released="3-10", ended="3-12")]}
        failed = {"payments": [pay(1, released="3-9", status="completed_with_errors", ended="3-17")]}
        with books(tmp_path, twice) as open_books:
            assert list(open_books.judge("3-11").offending(self.CHECK)) == ["payment:acme/2"]
        with books(tmp_path, twice, failed, as_of="3-23") as open_books:
            judged = open_books.judge("3-11")
        assert judged.offending(self.CHECK) == {}
        assert judged.rows(self.CHECK) == 1

    def test_partial_payments_and_a_credit_up_to_the_payable_pass(self, tmp_path: Path) -> None:
        invoice = bill(1, lines=[entry(9, "30.00", "3-9", "credit")])
        payments = [pay(1, "40.00"), pay(2, "30.00", released="3-12", ended="3-13")]
        with books(tmp_path, {"invoices": [invoice], "payments": payments}) as open_books:
            judged = open_books.judge("3-11")
        assert judged.offending(self.CHECK) == {}
        assert judged.check(self.CHECK).value == Decimal("70.00")

    @pytest.mark.parametrize(
        ("amount_due", "shows", "payments", "is_fine"),
        [
            ("80.00", [], [pay(1, "80.00")], True),  # 20.00 of taxes are withheld
            ("80.00", [], [pay(1, "81.00")], False),
            ("60.00", [entry(5, "40.00", "3-11")], [pay(1, "40.00"), pay(2, "60.00", ended="3-12")], True),
            ("60.00", [], [pay(1, "40.00"), pay(2, "60.00", ended=None, released="3-9")], True),
            ("0.00", [entry(5, "100.00", "3-11")], [pay(1)], True),
            ("0.00", [], [pay(1, "101.00")], False),
        ],
    )
    def test_an_amount_due_is_less_taxes_or_less_payments(
        self, tmp_path: Path, amount_due: str, shows: list[Any], payments: list[Any], is_fine: bool
    ) -> None:
        records = {"invoices": [bill(1, amount_due=amount_due, shows=shows)], "payments": payments}
        with books(tmp_path, records) as open_books:
            judged = open_books.judge("3-11")
        assert (judged.offending(self.CHECK) == {}) is is_fine

    def test_failed_payments_do_not_count(self, tmp_path: Path) -> None:
        failed = pay(1, released="3-9", status="completed_with_errors")
        payments = [failed, pay(2, "40.00"), pay(3, "60.00", released="3-11", ended="3-12")]
        with books(tmp_path, {"invoices": [bill(1)], "payments": payments}) as open_books:
            judged = open_books.judge("3-11")
        assert (judged.rows(self.CHECK), judged.offending(self.CHECK)) == (2, {})

    def test_the_tolerance_is_a_cent(self, tmp_path: Path) -> None:
        records = {"invoices": [bill(1, "99.99"), bill(2, "99.98")], "payments": [pay(1), pay(2, to=2)]}
        with books(tmp_path, records) as open_books:
            assert list(open_books.judge("3-11").offending(self.CHECK)) == ["payment:acme/2"]

    def test_approval_after_the_payment_clears_it(self, tmp_path: Path) -> None:
        early = {"invoices": [bill(1, approved=None)], "payments": [pay(1)]}
        with books(tmp_path, early, {"invoices": [bill(1, approved="3-17")]}, as_of="3-23") as open_books:
            assert open_books.judge("3-11").offending(self.CHECK) == {}

    def test_instances_do_not_mix_equal_ids(self, tmp_path: Path) -> None:
        other = {"_instance": "acme-eu"}
        records = {
            "invoices": [bill(1), {**bill(1, "500.00"), **other}],
            "payments": [pay(1), {**pay(1, "500.00"), **other}],
        }
        with books(tmp_path, records, who=wire.engagement(instances=("acme", "acme-eu"))) as open_books:
            judged = open_books.judge("3-11")
        assert judged.offending(self.CHECK) == {}
        assert judged.rows(self.CHECK) == 2

    def test_an_expense_report_needs_its_approval_too(self, tmp_path: Path) -> None:
        payments = [pay(1, to=[("ExpenseReport", 1, "100.00")]), pay(2, to=[("ExpenseReport", 2, "100.00")])]
        reports = [report(1), report(2, approved=None)]
        with books(tmp_path, {"expense_reports": reports, "payments": payments}) as open_books:
            judged = open_books.judge("3-11")
        assert judged.offending(self.CHECK) == {
            "payment:acme/2": "payment acme/2 of 100.00 USD: expense report acme/2 is not approved (pending_approval)"
        }

    def test_payments_of_orders_are_judged_by_nothing_pulled(self, tmp_path: Path) -> None:
        records = {"invoices": [bill(1)], "payments": [pay(1, to=[("OrderHeader", 7, "100.00")])]}
        with books(tmp_path, records) as open_books:
            judged = open_books.judge("3-11")
        assert judged.offending(self.CHECK) == judged.offending("roll_forward") == {}

    def test_in_flight_within_its_days_is_not_judged_and_later_stays_on_its_deadline(self, tmp_path: Path) -> None:
        flying = {"invoices": [bill(1, "80.00")], "payments": [pay(1, released="3-12", ended=None)]}
        with books(tmp_path, flying) as open_books:
            assert open_books.judge("3-12").rows(self.CHECK) == 0
        landed = {"payments": [pay(1, released="3-12", ended="3-25")]}
        with books(tmp_path, flying, landed, as_of="3-30") as open_books:
            weeks = {week: list(open_books.judge(week).offending(self.CHECK)) for week in ("3-12", "3-17", "3-25")}
        assert weeks == {"3-12": [], "3-17": ["payment:acme/1"], "3-25": []}

    @pytest.mark.parametrize(
        ("cadence", "due", "late"),
        [
            # Due on Monday 2 March: the run on Friday the 6th, three business days: Wednesday the 11th.
            (Cadence.WEEKLY, "3-2", "3-11"),
            (Cadence.WEEKLY, "3-6", "3-11"),
            (Cadence.WEEKLY, "3-7", "3-18"),
            (Cadence.SEMI_MONTHLY, "3-2", "3-18"),  # the 15th, a Sunday
            (Cadence.SEMI_MONTHLY, "3-16", "4-3"),  # the 31st
            (Cadence.MONTHLY, "2-28", "3-4"),  # the last of February is its own run day
            (Cadence.MONTHLY, "3-1", "4-3"),
        ],
    )
    def test_late_is_after_the_next_run_of_the_cadence(
        self, tmp_path: Path, cadence: Cadence, due: str, late: str
    ) -> None:
        records = {"invoices": [bill(1, approved="2-20", due=due)], "payments": []}
        with books(tmp_path, records, who=wire.engagement(payment_cadence=cadence), as_of="4-20") as open_books:
            offending = [
                week
                for week in ("2-25", "3-4", "3-11", "3-18", "3-25", "4-3", "4-8")
                if open_books.judge(week).offending(self.CHECK)
            ]
        assert offending == [late]

    def test_a_late_invoice_clears_when_a_payment_is_released_and_stays_in_its_week(self, tmp_path: Path) -> None:
        unpaid = {"invoices": [bill(1, due="3-2")], "payments": []}
        with books(tmp_path, unpaid) as open_books:
            judged = open_books.judge("3-11")
            assert judged.offending(self.CHECK) == {
                "invoice:acme/1": "invoice INV-1 is unpaid: 100.00 USD, due 2026-03-02, payment run 2026-03-06, "
                "late after 2026-03-11"
            }
            assert judged.exception(self.CHECK).amount == Decimal("100.00")
        with books(tmp_path, unpaid, {"payments": [pay(1, released="3-17", ended="3-18")]}, as_of="3-23") as open_books:
            judged = open_books.judge("3-11")
            assert judged.offending(self.CHECK) == {}
            assert judged.rows(self.CHECK) == 1
            assert open_books.judge("3-18").offending(self.CHECK) == {}

    def test_an_invoice_that_something_was_released_for_in_time_is_not_late_when_that_fails(
        self, tmp_path: Path
    ) -> None:
        failed = pay(1, released="3-10", ended="3-12", status="completed_with_errors")
        with books(tmp_path, {"invoices": [bill(1, due="3-2")], "payments": [failed]}) as open_books:
            judged = open_books.judge("3-11")
        assert judged.rows(self.CHECK) == 0
        assert list(judged.offending("errors_resolved")) == ["payment:acme/1"]

    @pytest.mark.parametrize(
        ("changes", "supplier", "apart"),
        [
            ({"status": "disputed"}, {}, "disputed"),
            ({"status": "on_hold"}, {}, "on hold"),
            ({}, {"on_hold": True}, "supplier on hold"),
        ],
    )
    def test_held_and_disputed_are_listed_apart(
        self, tmp_path: Path, changes: dict[str, Any], supplier: dict[str, Any], apart: str
    ) -> None:
        first = {"invoices": [bill(1, due="3-2")], "payments": [], "suppliers": [wire.supplier(1, **supplier)]}
        held = {"invoices": [bill(1, due="3-2", seen="3-5", **changes)]}
        with books(tmp_path, first, held) as open_books:
            judged = open_books.judge("3-11")
        assert judged.offending(self.CHECK) == {}
        assert judged.notes(self.CHECK) == {
            "invoice:acme/1": f"invoice INV-1 is unpaid: 100.00 USD, due 2026-03-02, {apart}"
        }

    def test_after_a_hold_the_days_begin_anew(self, tmp_path: Path) -> None:
        held = {"invoices": [bill(1, due="3-2", status="on_hold", seen="3-9")]}
        freed = {"invoices": [bill(1, due="3-2", seen="3-16")]}
        with books(tmp_path, {"invoices": [bill(1, due="3-2")]}, held, freed, as_of="3-30") as open_books:
            weeks = [week for week in ("3-11", "3-18", "3-25") if open_books.judge(week).offending(self.CHECK)]
        assert weeks == ["3-18"]  # held until the 9th, run on the 13th, Wednesday the 18th

    def test_an_invoice_that_the_erp_pays_is_not_late_here(self, tmp_path: Path) -> None:
        invoices = [bill(1, due="3-2", payment_channel="erp"), bill(2, due="3-2", payment_channel="coupa_pay_invoice")]
        with books(tmp_path, {"invoices": invoices, "payments": []}) as open_books:
            assert list(open_books.judge("3-11").offending(self.CHECK)) == ["invoice:acme/2"]


class TestDetailsAddUp:
    def test_a_detail_that_is_missing_offends(self, tmp_path: Path) -> None:
        short = pay(1, "100.00", to=[("InvoiceHeader", 1, "60.00"), ("InvoiceHeader", 2, "39.99")])
        short_by_two = pay(2, "100.00", to=[("InvoiceHeader", 3, "99.98")])
        with books(tmp_path, {"payments": [short, short_by_two]}) as open_books:
            judged = open_books.judge("3-11")
        assert judged.rows("details_add_up") == 2
        assert judged.offending("details_add_up") == {
            "payment:acme/2": "payment acme/2 pays 100.00 USD, its 1 details add up to 99.98 USD"
        }


class TestAdjustmentsExplainTheRest:
    def test_either_sign_explains_and_the_rest_is_reported_only(self, tmp_path: Path) -> None:
        def detail(**totals: str) -> list[dict[str, Any]]:
            return [wire.payment_detail(1, **totals)]

        payments = [
            pay(1, payment_details=detail(transaction_total="120.00", discount_total="20.00")),
            pay(2, payment_details=detail(transaction_total="110.00", adjustment_total="10.00")),
            pay(3, payment_details=detail(transaction_total="90.00", adjustment_total="10.00")),
            pay(4, payment_details=detail(transaction_total="130.00", adjustment_total="10.00")),
        ]
        with books(tmp_path, {"payments": payments}) as open_books:
            judged = open_books.judge("3-11")
        result = judged.check("adjustments_explain_the_rest")
        assert (result.verdict, result.rows, result.exceptions) == (Verdict.PASS, 4, 0)
        assert result.reason == "1 of 4 rows differ, reported only"
        assert judged.offending("adjustments_explain_the_rest") == {}
        assert judged.notes("adjustments_explain_the_rest") == {
            "payment:acme/4": "payment acme/4 (USD): INV-1 pays 100.00 of 130.00, unexplained 30.00"
        }


class TestBothSidesAgree:
    CHECK = "both_sides_agree"

    @pytest.mark.parametrize(
        ("invoices", "key", "words"),
        [
            (
                [bill(1), bill(2, shows=[entry(6, "1.00", "1-5")])],
                "payment:acme/1",
                "payment acme/1 of 100.00 USD completed on 2026-03-11: invoice INV-1 does not show it",
            ),
            (
                [bill(1)],
                "payment:acme/1",
                "payment acme/1 of 100.00 USD completed on 2026-03-11: invoice INV-1 is not marked paid",
            ),
            (
                [bill(1, shows=[entry(5, "100.00", "3-11")])],
                "payment:acme/1",
                "payment acme/1 of 100.00 USD completed on 2026-03-11: invoice INV-1 is covered and not marked paid",
            ),
            (
                [bill(1, "60.00", paid=True)],
                "payment:acme/1",
                "payment acme/1 of 100.00 USD completed on 2026-03-11: invoice INV-1 needed no more than 60.00 USD",
            ),
            (
                [bill(1, "150.00", shows=[entry(5, "100.00", "3-11")], paid=True)],
                "payment:acme/1",
                (
                    "payment acme/1 of 100.00 USD completed on 2026-03-11: "
                    "invoice INV-1 is marked paid and shows 100.00 USD of 150.00 USD"
                ),
            ),
            (
                [bill(1, currency="EUR", paid=True, shows=[entry(5, "100.00", "3-25")])],
                "payment:acme/1",
                "payment acme/1 of 100.00 USD completed on 2026-03-11: invoice INV-1 is in EUR",
            ),
            (
                [bill(1, **PAID), bill(2, shows=[entry(6, "70.00", "3-12")])],
                "invoice_payment:acme/6",
                "invoice INV-2 shows 70.00 USD paid on 2026-03-12: no Coupa Pay payment backs it",
            ),
            (
                [bill(1, **PAID), bill(2, paid=True, seen="3-12")],
                "invoice:acme/2",
                "invoice INV-2 is marked paid, of 100.00 USD Coupa Pay payments lack 100.00 USD",
            ),
        ],
    )
    def test_one_side_alone_offends(self, tmp_path: Path, invoices: list[Any], key: str, words: str) -> None:
        with books(tmp_path, {"invoices": invoices, "payments": [pay(1)]}) as open_books:
            judged = open_books.judge("3-11")
        assert judged.offending(self.CHECK) == {key: words}

    def test_the_invoice_catching_up_clears_it_in_the_same_week(self, tmp_path: Path) -> None:
        behind = {"invoices": [bill(1)], "payments": [pay(1)]}
        caught_up = {"invoices": [bill(1, paid=True, shows=[entry(5, "100.00", "3-17")], seen="3-17")]}
        with books(tmp_path, behind, caught_up, as_of="3-23") as open_books:
            judged = open_books.judge("3-11")
            assert judged.offending(self.CHECK) == {}
            assert judged.rows(self.CHECK) == 1
            assert open_books.judge("3-17").offending(self.CHECK) == {}

    def test_a_payment_shown_at_its_release_is_backed_while_in_flight(self, tmp_path: Path) -> None:
        records = {
            "invoices": [bill(1, shows=[entry(5, "100.00", "3-12")])],
            "payments": [pay(1, released="3-12", ended=None)],
        }
        with books(tmp_path, records) as open_books:
            judged = open_books.judge("3-12")
        assert judged.offending(self.CHECK) == judged.offending("roll_forward") == {}
        assert judged.found.roll_forward[0].closing == Decimal("100.00")

    def test_an_entry_dated_back_offends_in_the_week_of_its_entry(self, tmp_path: Path) -> None:
        back = {**entry(5, "100.00", "3-4"), "created-at": at("3-11")}
        with books(tmp_path, {"invoices": [bill(1, shows=[back])], "payments": []}) as open_books:
            weeks = [week for week in ("3-4", "3-11") if open_books.judge(week).offending(self.CHECK)]
        assert weeks == ["3-11"]

    def test_a_void_after_the_payment_offends_in_the_week_of_the_void(self, tmp_path: Path) -> None:
        voided = {"invoices": [bill(1, **{**PAID, "status": "voided"}, seen="3-18")]}
        with books(tmp_path, healthy(), voided, as_of="3-23") as open_books:
            assert open_books.judge("3-11").offending(self.CHECK) == {}
            assert open_books.judge("3-18").offending(self.CHECK) == {
                "invoice:acme/1:ended": "invoice INV-1 is voided although 100.00 USD was paid on it"
            }

    def test_partial_payments_that_both_sides_show_pass(self, tmp_path: Path) -> None:
        shows = [entry(5, "40.00", "3-10"), entry(6, "60.00", "3-17")]
        records = {
            "invoices": [bill(1, shows=shows, paid=True, seen="3-19")],
            "payments": [pay(1, "40.00"), pay(2, "60.00", released="3-17", ended="3-19")],
        }
        with books(tmp_path, records, as_of="3-23") as open_books:
            for week in ("3-11", "3-18"):
                assert open_books.judge(week).offending(self.CHECK) == {}

    def test_an_expense_report_tells_by_its_mark(self, tmp_path: Path) -> None:
        records = {
            "expense_reports": [report(1, paid=True), report(2)],
            "payments": [pay(1, to=[("ExpenseReport", 1, "100.00")]), pay(2, to=[("ExpenseReport", 2, "100.00")])],
        }
        with books(tmp_path, records) as open_books:
            assert list(open_books.judge("3-11").offending(self.CHECK)) == ["payment:acme/2"]

    @pytest.mark.parametrize(
        ("changes", "key", "words"),
        [
            ({"paid": True, "shows": [entry(5, "100.00", "3-11")]}, None, None),
            ({"paid": False, "shows": [entry(5, "40.00", "3-11")]}, None, None),
            (
                {"paid": True, "shows": [entry(5, "40.00", "3-11")], "seen": "3-11"},
                "invoice:acme/1",
                "invoice INV-1 is marked paid and shows 40.00 USD of 100.00 USD",
            ),
            (
                {"paid": False, "shows": [entry(5, "100.00", "3-11")]},
                "invoice:acme/1",
                "invoice INV-1 shows 100.00 USD paid and is not marked paid",
            ),
            (
                {"paid": True, "shows": [entry(5, "100.00", "3-10"), entry(6, "20.00", "3-11")]},
                "invoice_payment:acme/6",
                "invoice INV-1 shows 20.00 USD paid on 2026-03-11: that makes 120.00 USD of 100.00 USD",
            ),
        ],
    )
    def test_without_coupa_pay_the_invoice_is_held_against_itself(
        self, tmp_path: Path, changes: dict[str, Any], key: str | None, words: str | None
    ) -> None:
        with books(tmp_path, {"invoices": [bill(1, **changes)]}, who=NO_COUPA_PAY) as open_books:
            judged = open_books.judge("3-11")
        assert judged.offending(self.CHECK) == ({key: words} if key else {})
        assert judged.rows(self.CHECK) >= 1


class TestNotStuck:
    @pytest.mark.parametrize(
        ("changes", "deadline"),
        [
            ({}, "3-13"),
            ({"transfer_type": "sepa"}, "3-13"),
            ({"transfer_type": "wire"}, "3-12"),
            ({"pay_from_account": {"account-kind": "bank", "payment-option": "digital_check"}}, "3-31"),
            ({"pay_from_account": {"account-kind": "virtual_card", "payment-option": "push"}}, "5-12"),
            ({"transfer_type": None}, "3-13"),
            ({"requested_execution_date": "2026-03-13"}, "3-18"),
        ],
    )
    def test_the_method_gives_the_days(self, tmp_path: Path, changes: dict[str, Any], deadline: str) -> None:
        flying = pay(1, ended=None, **changes)
        with books(tmp_path, {"invoices": [bill(1)], "payments": [flying]}, as_of="6-1") as open_books:
            words = {
                week: words
                for week in ("3-12", "3-18", "3-31", "5-12")
                for words in open_books.judge(week).offending("not_stuck").values()
            }
        assert len(words) == 1
        assert f"ended on {day(deadline)}" in next(iter(words.values()))

    def test_holidays_of_the_customer_give_more_days(self, tmp_path: Path) -> None:
        # Released on Friday 13 February, Presidents' Day on Monday the 16th: Thursday the 19th, not Wednesday.
        records = {"payments": [pay(1, released="2-13", ended=None)]}
        with books(tmp_path, records, who=wire.engagement(holiday_calendar="US")) as open_books:
            (words,) = open_books.judge("2-19").offending("not_stuck").values()
        assert words.endswith("its 3 business days ended on 2026-02-19")

    def test_late_completion_clears_it_and_it_stays_on_its_deadline(self, tmp_path: Path) -> None:
        flying = {"payments": [pay(1, ended=None)]}
        with books(tmp_path, flying) as open_books:
            assert open_books.judge("3-13").offending("not_stuck") == {
                "payment:acme/1": "payment acme/1 of 100.00 USD is payment in progress since 2026-03-10, "
                "its 3 business days ended on 2026-03-13"
            }
        with books(tmp_path, flying, {"payments": [pay(1, ended="3-20")]}, as_of="3-23") as open_books:
            first, second = open_books.judge("3-13"), open_books.judge("3-20")
        assert (first.rows("not_stuck"), first.offending("not_stuck")) == (1, {})
        assert second.rows("not_stuck") == 0

    def test_a_later_change_of_the_record_does_not_move_it(self, tmp_path: Path) -> None:
        exported = {"payments": [pay(1, ended="3-20")]}
        with books(tmp_path, {"payments": [pay(1, ended="3-11")]}, exported, as_of="3-23") as open_books:
            assert open_books.judge("3-11").rows("not_stuck") == 1
            assert open_books.judge("3-20").rows("not_stuck") == 0

    @pytest.mark.parametrize(
        ("zone", "instant", "week"),
        [
            # New York went to summer time on Sunday 8 March: its W10 ends at 04:00 UTC, not 05:00.
            ("America/New_York", "2026-03-09T03:59:59Z", "3-8"),
            ("America/New_York", "2026-03-09T04:00:00Z", "3-9"),
            ("America/New_York", "2026-03-02T04:59:59Z", "3-1"),
            ("America/New_York", "2026-03-02T05:00:00Z", "3-2"),
            ("Pacific/Apia", "2026-03-08T10:59:59Z", "3-8"),
            ("Pacific/Apia", "2026-03-08T11:00:00Z", "3-9"),
        ],
    )
    def test_weeks_are_the_customers_own(self, tmp_path: Path, zone: str, instant: str, week: str) -> None:
        payment = pay(1, released=instant, ended=instant)
        with books(tmp_path, {"payments": [payment]}, who=wire.engagement(time_zone=zone)) as open_books:
            rows = {one: open_books.judge(one).rows("not_stuck") for one in ("3-1", "3-2", "3-9")}
        expected = {"3-1": "3-1", "3-2": "3-2", "3-8": "3-2", "3-9": "3-9"}[week]
        assert rows == {one: int(one == expected) for one in rows}


class TestErrorsResolved:
    CHECK = "errors_resolved"

    def test_a_returned_payment_clears_by_a_later_success(self, tmp_path: Path) -> None:
        returned = {"invoices": [bill(1)], "payments": [pay(1, status="completed_with_errors")]}
        again = {"payments": [pay(2, released="3-17", ended="3-18")]}
        with books(tmp_path, returned) as open_books:
            judged = open_books.judge("3-11")
            assert judged.offending(self.CHECK) == {
                "payment:acme/1": "payment acme/1 completed with errors: 100.00 USD for invoice INV-1, no later success"
            }
            assert judged.check(self.CHECK).verdict is Verdict.FAIL
        with books(tmp_path, returned, again, as_of="3-23") as open_books:
            first, second = open_books.judge("3-11"), open_books.judge("3-18")
        assert (first.rows(self.CHECK), first.offending(self.CHECK)) == (1, {})
        assert (second.rows(self.CHECK), second.offending(self.CHECK)) == (1, {})

    @pytest.mark.parametrize(
        "other",
        [
            pay(2, released="3-9", ended="3-17"),  # released before
            pay(2, "60.00", released="3-17", ended="3-18"),  # not enough
            pay(2, to=2, released="3-17", ended="3-18"),  # another invoice
            pay(2, released="3-17", ended=None),  # not completed
            pay(2, released="3-17", ended="3-18", pay_to_currency="EUR"),
        ],
    )
    def test_what_is_no_later_success(self, tmp_path: Path, other: dict[str, Any]) -> None:
        records = {"invoices": [bill(1)], "payments": [pay(1, status="cancelled"), other]}
        with books(tmp_path, records, as_of="3-19") as open_books:
            assert open_books.judge("3-11").offending(self.CHECK) == {
                "payment:acme/1": "payment acme/1 was cancelled: 100.00 USD for invoice INV-1, no later success"
            }

    def test_the_same_record_completing_later_clears_its_own_week(self, tmp_path: Path) -> None:
        failed = {"payments": [pay(1, status="completed_with_errors")]}
        with books(tmp_path, failed, {"payments": [pay(1, ended="3-18")]}, as_of="3-23") as open_books:
            first, second = open_books.judge("3-11"), open_books.judge("3-18")
        assert (first.rows(self.CHECK), first.offending(self.CHECK)) == (1, {})
        assert second.rows(self.CHECK) == 0
        in_time = pay(2, released="3-11", ended="3-13", status="completed_with_errors")
        again = tmp_path / "again"
        again.mkdir()
        with books(
            again,
            {"payments": [in_time]},
            {"payments": [pay(2, released="3-11", ended="3-16")]},
            as_of="3-23",
        ) as open_books:
            weeks = [open_books.judge(week).rows("details_add_up") for week in ("3-11", "3-16")]
        assert weeks == [1, 0]

    def test_a_payment_returned_after_its_success_offends_in_the_week_of_the_return(self, tmp_path: Path) -> None:
        returned = {"payments": [pay(1, status="completed_with_errors", ended="3-18")]}
        with books(tmp_path, {"payments": [pay(1)]}, returned, as_of="3-23") as open_books:
            assert open_books.judge("3-11").offending(self.CHECK) == {}
            assert list(open_books.judge("3-18").offending(self.CHECK)) == ["payment:acme/1"]

    def test_a_payment_cancelled_before_its_release_is_nothing(self, tmp_path: Path) -> None:
        with books(tmp_path, {"payments": [pay(1, status="cancelled", released_at=None)]}) as open_books:
            assert open_books.judge("3-11").rows(self.CHECK) == 0


class TestErpLeg:
    CHECK = "erp_leg"

    def test_what_is_not_exported_by_the_next_business_day_offends_there(self, tmp_path: Path) -> None:
        records = {
            "invoices": [bill(1, **PAID, exported=False), bill(2), bill(3, approved=None, exported=False)],
            "payments": [pay(1, exported=False, ended="3-13")],
        }
        with books(tmp_path, records, as_of="3-23") as open_books:
            weeks = {week: open_books.judge(week) for week in ("3-3", "3-13", "3-16")}
        assert weeks["3-3"].offending(self.CHECK) == {
            "invoice:acme/1": "invoice INV-1 of 100.00 USD, approved 2026-03-02, is not marked exported"
        }
        assert weeks["3-3"].rows(self.CHECK) == 2
        assert weeks["3-13"].rows(self.CHECK) == 0
        assert weeks["3-16"].offending(self.CHECK) == {
            "payment:acme/1": "payment acme/1 of 100.00 USD, completed 2026-03-13, is not marked exported"
        }

    def test_how_long_the_export_may_take_is_the_policys_to_say(self, tmp_path: Path) -> None:
        who = wire.engagement()
        override = {"engagements": {who.id: {"reconciliation": {"erp_leg_business_days": 4}}}, "segments": {}}
        patient = replace(POLICY, document={**POLICY.document, "overrides": override})
        outcomes = {}
        for name, policy in {"as shipped": POLICY, "overridden": patient}.items():
            (tmp_path / name).mkdir()
            records = {"payments": [pay(1, exported=False)]}
            with books(tmp_path / name, records, as_of="3-23", who=who, policy=policy) as open_books:
                judged = [open_books.judge(week) for week in ("3-11", "3-17")]
            outcomes[name] = [(week.rows(self.CHECK), list(week.offending(self.CHECK))) for week in judged]
        assert outcomes == {
            "as shipped": [(1, ["payment:acme/1"]), (0, [])],
            "overridden": [(0, []), (1, ["payment:acme/1"])],
        }

    def test_an_invoice_that_was_voided_before_its_export_need_not_be(self, tmp_path: Path) -> None:
        voided = {"invoices": [bill(1, exported=False, status="voided", seen="3-5")]}
        with books(tmp_path, {"invoices": [bill(1, exported=False)]}, voided) as open_books:
            judged = open_books.judge("3-3")
        assert (judged.rows(self.CHECK), judged.offending(self.CHECK)) == (0, {})

    def test_a_later_export_clears_it_in_its_week(self, tmp_path: Path) -> None:
        late = {"payments": [pay(1, exported=False)]}
        with books(tmp_path, late, {"payments": [pay(1, ended="3-18")]}, as_of="3-23") as open_books:
            judged = open_books.judge("3-11")
        assert (judged.rows(self.CHECK), judged.offending(self.CHECK)) == (1, {})

    @pytest.mark.parametrize(
        ("runs", "errors", "fault"),
        [
            ([wire.integration_run(1, start_time=at("3-11"))], [], None),
            ([wire.integration_run(1, start_time=at("3-10"))], [], "has no successful integration run after it"),
            (
                [wire.integration_run(1, start_time=at("3-11"), status="failed")],
                [],
                "has no successful integration run after it",
            ),
            (
                [wire.integration_run(1, integration={"id": 1, "direction": "to_coupa"}, start_time=at("3-12"))],
                [],
                "has no successful integration run after it",
            ),
            (
                [wire.integration_run(1, start_time=at("3-11"))],
                [wire.integration_error(1)],
                "has an unresolved integration error",
            ),
            ([wire.integration_run(1, start_time=at("3-11"))], [wire.integration_error(1, resolved=True)], None),
        ],
    )
    def test_integration_runs(self, tmp_path: Path, runs: list[Any], errors: list[Any], fault: str | None) -> None:
        records = {"payments": [pay(1, exported=False)], "integration_runs": runs, "integration_errors": errors}
        with books(tmp_path, records, who=wire.engagement(erp_leg=ErpLeg.INTEGRATION_RUNS)) as open_books:
            judged = open_books.judge("3-12")
        assert judged.rows(self.CHECK) == 1
        assert [words.partition("2026-03-11, ")[2] for words in judged.offending(self.CHECK).values()] == (
            [fault] if fault else []
        )

    @pytest.mark.parametrize("leg", [ErpLeg.NONE, ErpLeg.FILE])
    def test_other_legs_are_not_seen_in_coupa(self, tmp_path: Path, leg: ErpLeg) -> None:
        with books(tmp_path, {"payments": [pay(1)]}, who=wire.engagement(erp_leg=leg)) as open_books:
            assert open_books.judge("3-11").check(self.CHECK).verdict is Verdict.NOT_APPLICABLE


class TestNoDuplicates:
    CHECK = "no_duplicates"

    @staticmethod
    def twin(id: int, **changes: Any) -> dict[str, Any]:
        return bill(id, **{"invoice_number": "R-7", "created_at": at("3-11"), **changes})

    def test_the_later_of_two_offends_and_is_advisory(self, tmp_path: Path) -> None:
        twins = [self.twin(1), self.twin(2, invoice_number=" r-7", created_at=at("3-12"))]
        with books(tmp_path, {"invoices": twins}) as open_books:
            judged = open_books.judge("3-11")
        result = judged.check(self.CHECK)
        assert (result.verdict, result.advisory, result.required, result.rows) == (Verdict.FAIL, True, False, 2)
        assert judged.offending(self.CHECK) == {
            "invoice:acme/2": "invoice  r-7 of Supplier 1 over 100.00 USD is there twice: acme/1 and acme/2"
        }

    @pytest.mark.parametrize(
        "changes",
        [
            {"total_with_taxes": "100.01"},
            {"supplier": 2},
            {"currency": "EUR"},
            {"invoice_number": "R-8"},
            {"status": "voided"},
            {"status": "rejected"},
            {"status": "abandoned"},
            {"canceled": True},
        ],
    )
    def test_what_is_no_duplicate(self, tmp_path: Path, changes: dict[str, Any]) -> None:
        with books(tmp_path, {"invoices": [self.twin(1), self.twin(2, **changes)]}) as open_books:
            judged = open_books.judge("3-11")
        assert (judged.rows(self.CHECK), judged.offending(self.CHECK)) == (2, {})

    def test_a_void_of_the_first_or_a_full_credit_clears_it(self, tmp_path: Path) -> None:
        twins = {"invoices": [self.twin(1), self.twin(2)]}
        credit = self.twin(
            3, total="-100.00", invoice_number="C-1", original_invoice_number="R-7", is_credit_note=True, seen="3-18"
        )
        for number, repair in enumerate((self.twin(1, status="voided", seen="3-18"), credit)):
            folder = tmp_path / str(number)
            folder.mkdir()
            with books(folder, twins, {"invoices": [repair]}, as_of="3-23") as open_books:
                assert open_books.judge("3-11").offending(self.CHECK) == {}


class TestCardStatements:
    CHECK = "card_statements"

    @pytest.mark.parametrize(
        ("statement", "charges", "words"),
        [
            ({}, [wire.charge(1)], None),
            ({}, [], "statement ST-1 says 100.00 USD in 1 lines, its charges 0.00 USD in 0"),
            (
                {"number_of_lines": 2},
                [wire.charge(1)],
                "statement ST-1 says 100.00 USD in 2 lines, its charges 100.00 USD in 1",
            ),
            (
                {"total": "99.00"},
                [wire.charge(1)],
                "statement ST-1 says 99.00 USD in 1 lines, its charges 100.00 USD in 1",
            ),
        ],
    )
    def test_total_and_lines(
        self, tmp_path: Path, statement: dict[str, Any], charges: list[Any], words: str | None
    ) -> None:
        one = wire.statement(
            1, **{"name": "ST-1", "created_at": at("3-11"), "statement_date": "2026-03-09", **statement}
        )
        with books(tmp_path, {"statements": [one], "charges": charges}) as open_books:
            judged = open_books.judge("3-11")
        assert judged.rows(self.CHECK) == 1
        assert judged.offending(self.CHECK) == ({"statement:acme/1": words} if words else {})

    def test_unbacked_charges_are_information(self, tmp_path: Path) -> None:
        one = wire.statement(1, name="ST-1", created_at=at("3-16"), statement_date="2026-03-13")
        with books(
            tmp_path, {"statements": [one], "charges": [wire.charge(1, document_type=None)]}, as_of="3-23"
        ) as open_books:
            judged = open_books.judge("3-16")  # created in the week after its date
        assert (judged.rows(self.CHECK), judged.offending(self.CHECK)) == (1, {})
        assert judged.notes(self.CHECK) == {
            "statement:acme/1": "statement ST-1: 1 charges without a document, 100.00 USD"
        }
