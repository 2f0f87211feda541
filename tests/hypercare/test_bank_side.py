"""The checks of the bank side by cases worked out by hand, over real Parquet; see banking.py for the defaults."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import records as wire
from banking import CHECK, GIVEN, PAID, booked, judge
from reconciling import POLICY, bill, books, entry, pay, week_of

from hypercare.model import ErpLeg, FeedState, Verdict, WeekEvidence
from hypercare.week_verdict import judge_week


class TestMatched:
    def test_a_payment_on_the_statement_passes_on_the_last_of_its_days(self, tmp_path: Path) -> None:
        judged = judge(tmp_path, [pay(1)], [booked()])
        check = judged.check(CHECK)
        assert (check.verdict, check.rows, check.exceptions, check.reason) == (Verdict.PASS, 1, 0, "")

    def test_it_is_judged_in_that_week_only(self, tmp_path: Path) -> None:
        assert judge(tmp_path, [pay(1)], [booked()], week="3-11").check(CHECK).reason == "nothing to judge"

    def test_before_the_days_are_over_nothing_is_judged(self, tmp_path: Path) -> None:
        assert judge(tmp_path, [pay(1)], [], as_of="3-19", week="3-11").rows(CHECK) == 0

    def test_split_and_combined_bookings_and_a_batch_total(self, tmp_path: Path) -> None:
        payments = [
            pay(1),
            pay(2, "50.00"),
            pay(3, "25.00"),
            pay(4, "10.00", payment_batch_id=77),
            pay(5, "15.00", payment_batch_id=77),
        ]
        entries = [
            booked("1", "60.00"),
            booked("2", "40.00"),
            booked("3", "75.00", "PAY-2|PAY-3"),
            booked("4", "25.00", "", payments_told=2, batch_references="77"),
        ]
        check = judge(tmp_path, payments, entries).check(CHECK)
        assert (check.verdict, check.rows) == (Verdict.PASS, 5)

    def test_a_cheque_number_an_invoice_in_the_text_and_another_currency(self, tmp_path: Path) -> None:
        payments = [
            pay(1, payment_identifier=None, digital_check={"check-number": "004711"}),
            pay(2, "50.00", to=[("InvoiceHeader", 8844, "50.00")], payment_identifier=None),
            pay(3, "25.00", pay_from_total="23.10", pay_from_currency="CHF"),
        ]
        entries = [
            booked("1", "100.00", "004711"),
            booked("2", "50.00", "", remittance="Payment for INV-8844"),
            booked("3", "23.10", "PAY-3", currency="CHF"),
        ]
        check = judge(tmp_path, payments, entries).check(CHECK)
        assert (check.verdict, check.rows) == (Verdict.PASS, 3)

    def test_virtual_cards_are_not_on_bank_accounts(self, tmp_path: Path) -> None:
        card = {"account-kind": "virtual_card", "payment-option": "push"}
        judged = judge(tmp_path, [pay(1, pay_from_account=card)], [], week="5-20", as_of="6-30")
        assert judged.rows(CHECK) == 0

    def test_with_all_of_its_payments_matched_a_week_is_of_level_three(self, tmp_path: Path) -> None:
        payments = [pay(1), pay(2, "50.00", to=2)]
        invoices = [bill(1, **PAID), bill(2, "50.00", shows=[entry(6, "50.00", "3-11")], paid=True)]
        levels = []
        for name, entries in (("all", [booked(), booked("2", "50.00", "PAY-2")]), ("one", [booked()])):
            folder = tmp_path / name
            folder.mkdir()
            records = {
                "invoices": invoices,
                "payments": payments,
                "bank_statements": [wire.bank_statement("S1")],
                "bank_entries": entries,
            }
            who = wire.engagement(erp_leg=ErpLeg.NONE)
            with books(folder, records, who=who, as_of="3-23") as open_books:
                feeds = wire.feed_health(who, **GIVEN)
                found = open_books.judge("3-19", feeds).found
            evidence = WeekEvidence(week_of("3-19"), 0, found.checks, found.exceptions, tuple(feeds), found.facts)
            as_of = datetime(2026, 3, 23, 12, tzinfo=UTC)
            levels.append(judge_week(evidence, POLICY.for_engagement(who), as_of, who).evidence_level)
        assert levels == [3, None]


class TestOffending:
    @pytest.mark.parametrize(
        ("entries", "words"),
        [
            ([], "no entry books it"),
            ([booked(amount="90.00")], "booked as 90.00000 USD on 2026-03-11: S1.xml, Stmt 1, Ntry 1"),
            (
                [booked(), booked("2")],
                "several entries, or payments, fit: S1.xml, Stmt 1, Ntry 1; S1.xml, Stmt 1, Ntry 2",
            ),
            (
                [booked(), booked("2", on="3-13", is_credit=True)],
                "the bank took it back on 2026-03-13: S1.xml, Stmt 1, Ntry 2",
            ),
        ],
    )
    def test_a_payment_that_is_not_found(self, tmp_path: Path, entries: Sequence[Any], words: str) -> None:
        judged = judge(tmp_path, [pay(1)], entries)
        start = "payment acme/1 of 100.00 USD completed on 2026-03-11 and has until 2026-03-19; "
        assert judged.offending(CHECK) == {"payment:acme/1": start + words}
        assert judged.check(CHECK).verdict is Verdict.FAIL

    def test_a_late_booking_clears_it_in_its_week(self, tmp_path: Path) -> None:
        late = {"bank_entries": [booked(on="3-26")]}
        judged = judge(tmp_path, [pay(1)], [], as_of="3-30", later=[late])
        assert (judged.rows(CHECK), judged.offending(CHECK)) == (1, {})

    def test_what_the_bank_takes_back_later_offends_on_that_day(self, tmp_path: Path) -> None:
        entries = [booked(), booked("2", on="3-26", is_credit=True)]
        for number, (week, keys) in enumerate({"3-19": [], "3-26": ["payment:acme/1:returned"]}.items()):
            folder = tmp_path / str(number)
            folder.mkdir()
            judged = judge(folder, [pay(1)], entries, week=week, as_of="3-30")
            assert (judged.rows(CHECK), list(judged.offending(CHECK))) == (1, keys)

    def test_a_failed_payment_that_the_bank_booked(self, tmp_path: Path) -> None:
        failed = pay(1, status="completed_with_errors")
        judged = judge(tmp_path, [failed], [booked(on="3-12")], week="3-12")
        assert list(judged.offending(CHECK)) == ["payment:acme/1:booked"]
        assert judged.exception(CHECK).words.endswith("the bank booked it on 2026-03-12: S1.xml, Stmt 1, Ntry 1")

    def test_a_failed_payment_that_came_back_or_never_left_is_nothing(self, tmp_path: Path) -> None:
        failed = [pay(1, status="completed_with_errors"), pay(2, "50.00", status="cancelled")]
        judged = judge(tmp_path, failed, [booked(), booked("2", on="3-12", is_credit=True)])
        assert judged.rows(CHECK) == 0


class TestCoverage:
    def test_what_no_statement_covers_yet_is_unknown_and_names_it(self, tmp_path: Path) -> None:
        statements = [wire.bank_statement("S1", covered_through="2026-03-18")]
        check = judge(tmp_path, [pay(1)], [], statements=statements).check(CHECK)
        assert (check.verdict, check.exceptions) == (Verdict.UNKNOWN, 0)
        assert check.reason == (
            "1 of 1 rows can't be told yet: payment acme/1 of 100.00 USD completed on 2026-03-11 and has until "
            "2026-03-19; the statements end on 2026-03-18"
        )

    def test_what_was_found_needs_no_more_statements(self, tmp_path: Path) -> None:
        statements = [wire.bank_statement("S1", covered_through="2026-03-12")]
        assert judge(tmp_path, [pay(1)], [booked()], statements=statements).check(CHECK).verdict is Verdict.PASS

    def test_each_account_must_be_covered(self, tmp_path: Path) -> None:
        statements = [
            wire.bank_statement("S1"),
            wire.bank_statement("S2", account="…9 1", covered_through="2026-03-12"),
        ]
        assert judge(tmp_path, [pay(1)], [], statements=statements).check(CHECK).verdict is Verdict.UNKNOWN

    def test_before_the_statements_begin_only_what_was_found_is_judged(self, tmp_path: Path) -> None:
        statements = [wire.bank_statement("S1", covered_from="2026-03-11")]
        payments = [pay(1), pay(2, "50.00")]
        check = judge(tmp_path, payments, [booked()], statements=statements).check(CHECK)
        assert (check.verdict, check.rows) == (Verdict.PASS, 1)

    @pytest.mark.parametrize("state", [FeedState.ABSENT, FeedState.REFUSED])
    def test_without_statements_it_does_not_apply(self, tmp_path: Path, state: FeedState) -> None:
        judged = judge(tmp_path, [pay(1)], [], statements=[], bank_statements=state, bank_entries=state)
        for name in (CHECK, "bank_unexplained"):
            check = judged.check(name)
            assert (check.verdict, check.reason) == (Verdict.NOT_APPLICABLE, "no bank entries are given")

    @pytest.mark.parametrize("state", [FeedState.FAULT, FeedState.INVALID, FeedState.BROKEN])
    def test_statements_that_can_not_be_read_are_unknown(self, tmp_path: Path, state: FeedState) -> None:
        check = judge(tmp_path, [pay(1)], [], bank_entries=state).check(CHECK)
        assert (check.verdict, check.reason) == (
            Verdict.UNKNOWN,
            f"feed bank_entries is {state}: bank_entries is {state}",
        )


class TestUnexplained:
    def test_debits_of_no_payment_are_told_in_the_week_of_their_booking_and_never_fail(self, tmp_path: Path) -> None:
        entries = [booked(), booked("2", "12.00", "RENT"), booked("3", "3.00", "", transaction_code="ACMT-MDOP-CHRG")]
        judged = judge(tmp_path, [pay(1)], entries, week="3-11")
        assert judged.notes("bank_unexplained") == {
            "bank_entry:2": "S1.xml, Stmt 1, Ntry 2 of 2026-03-11 names no payment that was released"
        }
        check = judged.check("bank_unexplained")
        assert (check.verdict, check.exceptions, check.required) == (Verdict.PASS, 0, False)
        assert judged.rows(CHECK) == 0


def test_the_statements_of_records_are_typed(tmp_path: Path) -> None:
    with books(tmp_path, {"bank_statements": [wire.bank_statement("S1")], "payments": [], "invoices": []}) as opened:
        query = "select covered_through, page from bank_statements"
        opened.views.load([query])
        found = opened.views.connection.execute(query).fetchall()
    assert found == [(date(2026, 3, 31), 1)]
