"""Running the checks: what is refused, counted, told and derived, and how strictly the files are read."""

from __future__ import annotations

import dataclasses
import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import records as wire
from reconciling import CHECKS, POLICY, bill, books, day, entry, pay, report, week_of

from hypercare.errors import ConfigurationError, ContractError
from hypercare.model import Cadence, ErpLeg, FeedHealth, FeedState, Verdict
from hypercare.reconciliation import CurrencyTotal, reconcile_week, reconciliation_parameters
from hypercare.reconciliation_checks import FeedNeed, load_checks

FOLDER = wire.ROOT / "include" / "sql" / "reconciliation"
BANK = ("bank_side", "bank_unexplained")
"""Not applicable where no statements are given, as in these tests."""
NO_COUPA_PAY = wire.engagement(products=frozenset())
PAID = {"shows": [entry(5, "100.00", "3-11")], "paid": True}


def healthy() -> dict[str, Any]:
    return {"invoices": [bill(1, **PAID)], "payments": [pay(1)]}


class TestTheFiles:
    def test_there_are_twelve_and_they_are_those_of_the_policy(self) -> None:
        assert len(list(FOLDER.glob("*.sql"))) == 12
        assert [check.number for check in CHECKS.checks] == list(range(1, 13))
        known = POLICY.for_engagement(wire.engagement()).reconciliation.checks
        told = {check.name: (check.number, check.title) for check in CHECKS.checks}
        assert told == {name: (c.number, c.title) for name, c in known.items()}

    def test_every_header_says_what_it_judges(self) -> None:
        for check in CHECKS.checks:
            assert check.definition
            assert check.judged_on
            assert check.source == f"rule R8.{min(check.number, 11)}"
        assert {check.name for check in CHECKS.checks if check.advisory} == {"no_duplicates"}
        assert {check.name for check in CHECKS.checks if check.reported} == {
            "adjustments_explain_the_rest",
            "bank_unexplained",
        }

    def test_feeds_are_read_with_their_conditions(self) -> None:
        leg = next(check for check in CHECKS.checks if check.name == "erp_leg")
        assert set(leg.feeds) == {
            FeedNeed("invoices"),
            FeedNeed("invoices", part="changes"),
            FeedNeed("payments", condition="Coupa Pay"),
            FeedNeed("payments", condition="Coupa Pay", part="changes"),
            FeedNeed("integration_runs", condition="integration_runs"),
            FeedNeed("integration_errors", optional=True, condition="integration_runs"),
        }
        assert leg.erp_legs == {"exported_flag", "integration_runs"}

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            (("-- source: rule R8.5\n", ""), "not_stuck.sql: lacks source"),
            (("-- source:", "-- origin:"), "can't read the header line '-- origin: rule R8.5'"),
            (("-- check: not_stuck", "-- check: stuck"), "the check is called 'stuck', its file 'not_stuck'"),
            (("-- number: 5", "-- number: five"), "'five' is no number"),
            (("-- number: 5", "-- number: 2"), "have the same number"),
            (("-- feeds: payments", "-- feeds: perhaps: payments"), "can't read the feeds 'perhaps: payments"),
            (("-- source: rule R8.5", "-- source: rule R8.5\n-- advisory: yes"), "advisory is written `true`"),
        ],
    )
    def test_a_header_that_is_wrong_is_refused(self, tmp_path: Path, change: tuple[str, str], words: str) -> None:
        for path in FOLDER.rglob("*.sql"):
            target = tmp_path / path.relative_to(FOLDER)
            target.parent.mkdir(exist_ok=True)
            text = path.read_text(encoding="utf-8")
            target.write_text(text.replace(*change) if path.name == "not_stuck.sql" else text, encoding="utf-8")
        with pytest.raises(ContractError) as refused:
            load_checks(tmp_path)
        assert words in str(refused.value)

    def test_a_file_without_query_and_an_empty_folder_are_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ContractError, match="no reconciliation checks"):
            load_checks(tmp_path)
        header = (FOLDER / "not_stuck.sql").read_text(encoding="utf-8").partition("\nselect")[0]
        (tmp_path / "not_stuck.sql").write_text(header, encoding="utf-8")
        with pytest.raises(ContractError, match=r"not_stuck\.sql: lacks a query"):
            load_checks(tmp_path)


class TestParameters:
    @pytest.mark.parametrize(
        ("cadence", "weekday", "days"),
        [(Cadence.WEEKLY, 5, []), (Cadence.SEMI_MONTHLY, None, [15, 31]), (Cadence.MONTHLY, None, [31])],
    )
    def test_they_are_the_policys(self, cadence: Cadence, weekday: int | None, days: list[int]) -> None:
        who = wire.engagement(payment_cadence=cadence)
        parameters = reconciliation_parameters(POLICY.for_engagement(who), who)
        assert parameters["payment_run_weekday"] == weekday
        assert parameters["payment_run_days_of_month"] == days
        assert parameters["tolerance"] == Decimal("0.01")
        assert parameters["digital_check_business_days"] == 15

    def test_one_that_is_missing_names_the_file(self, tmp_path: Path) -> None:
        with books(tmp_path, healthy()) as open_books:
            open_books.judge("3-11")
            with pytest.raises(
                ContractError, match=r"released_payments\.sql needs the parameters \['ach_business_days'"
            ):
                reconcile_week(open_books.views, week_of("3-11"), open_books.who, [], CHECKS, {"tolerance": Decimal(0)})

    def test_another_week_than_the_tables_show_is_refused(self, tmp_path: Path) -> None:
        with books(tmp_path, healthy()) as open_books:
            open_books.judge("3-11")
            with pytest.raises(ConfigurationError, match="asked for 2026-W12, but the tables are turned to"):
                reconcile_week(open_books.views, week_of("3-18"), open_books.who, [], CHECKS, {})


class TestFeeds:
    def judge(self, folder: Path, who: Any = None, **states: FeedState) -> dict[str, tuple[Verdict, str]]:
        engagement = who or wire.engagement()
        with books(folder, healthy(), who=engagement) as open_books:
            found = open_books.judge("3-11", wire.feed_health(engagement, **states)).found
        return {check.check: (check.verdict, check.reason) for check in found.checks}

    @pytest.mark.parametrize(
        "state", [FeedState.FAULT, FeedState.INVALID, FeedState.BROKEN, FeedState.REFUSED, FeedState.ABSENT]
    )
    def test_a_required_feed_that_is_not_valid_makes_what_rests_on_it_unknown(
        self, tmp_path: Path, state: FeedState
    ) -> None:
        results = self.judge(tmp_path, payments=state)
        unknown = {name for name, (verdict, _) in results.items() if verdict is Verdict.UNKNOWN}
        assert unknown == {check.name for check in CHECKS.checks} - {"no_duplicates", "card_statements", *BANK}
        assert results["not_stuck"] == (Verdict.UNKNOWN, f"feed payments is {state}: payments is {state}")

    def test_an_optional_feed_that_is_refused_is_done_without(self, tmp_path: Path) -> None:
        results = self.judge(tmp_path, expense_reports=FeedState.REFUSED, statements=FeedState.REFUSED)
        assert results["card_statements"] == (
            Verdict.NOT_APPLICABLE,
            "feed statements is REFUSED: statements is REFUSED",
        )
        others = {verdict for name, (verdict, _) in results.items() if name not in ("card_statements", *BANK)}
        assert others == {Verdict.PASS}

    def test_an_optional_feed_that_is_broken_can_not_be_done_without(self, tmp_path: Path) -> None:
        results = self.judge(tmp_path, expense_reports=FeedState.FAULT, charges=FeedState.FAULT)
        assert {name for name, (verdict, _) in results.items() if verdict is Verdict.UNKNOWN} == {
            "paid_what_was_approved",
            "both_sides_agree",
            "roll_forward",
            "card_statements",
        }

    def test_a_feed_that_nobody_speaks_of_was_never_pulled(self, tmp_path: Path) -> None:
        with books(tmp_path, healthy()) as open_books:
            found = open_books.judge("3-11", [FeedHealth("invoices", FeedState.VALID, required=True)]).found
        results = {check.check: (check.verdict, check.reason) for check in found.checks}
        assert results["not_stuck"] == (Verdict.UNKNOWN, "feed payments is ABSENT: never pulled")
        assert results["card_statements"][0] is Verdict.NOT_APPLICABLE

    def test_without_coupa_pay_four_checks_apply(self, tmp_path: Path) -> None:
        results = self.judge(tmp_path, NO_COUPA_PAY)
        judged = {name for name, (verdict, _) in results.items() if verdict is not Verdict.NOT_APPLICABLE}
        assert judged == {"both_sides_agree", "erp_leg", "no_duplicates", "roll_forward"}
        assert results["not_stuck"] == (Verdict.NOT_APPLICABLE, "Coupa Pay was not bought")

    def test_integration_runs_are_required_by_their_leg_only(self, tmp_path: Path) -> None:
        assert self.judge(tmp_path, integration_runs=FeedState.FAULT)["erp_leg"][0] is Verdict.PASS
        leg = wire.engagement(erp_leg=ErpLeg.INTEGRATION_RUNS)
        other = tmp_path / "other"
        other.mkdir()
        assert self.judge(other, leg, integration_runs=FeedState.REFUSED)["erp_leg"][0] is Verdict.UNKNOWN


class TestCounting:
    def test_nothing_to_judge_passes_and_says_so(self, tmp_path: Path) -> None:
        with books(tmp_path, {"invoices": [], "payments": []}) as open_books:
            found = open_books.judge("3-11").found
        assert {(check.verdict, check.rows, check.reason) for check in found.checks if check.check not in BANK} == {
            (Verdict.PASS, 0, "nothing to judge")
        }
        assert found.main_currency == ""
        assert found.facts.activity is False

    def test_values_are_of_the_main_currency_and_kept_by_currency(self, tmp_path: Path) -> None:
        payments = [
            pay(1, "10.00"),
            pay(2, "20.00", ended=None),
            pay(3, "500.00", ended=None, pay_to_currency="EUR"),
            pay(4, "40.00", ended=None),
        ]
        with books(tmp_path, {"invoices": [], "payments": payments}) as open_books:
            judged = open_books.judge("3-11")
        result = judged.check("not_stuck")
        assert judged.found.main_currency == "USD"
        assert (result.rows, result.exceptions) == (4, 3)
        assert (result.value, result.exception_value) == (Decimal(70), Decimal(60))
        assert [total for total in judged.found.totals if total.check == "not_stuck"] == [
            CurrencyTotal("not_stuck", "EUR", 1, 1, Decimal(500), Decimal(500)),
            CurrencyTotal("not_stuck", "USD", 3, 2, Decimal(70), Decimal(60)),
        ]
        exception = next(row for row in judged.found.exceptions if row.check == "not_stuck")
        assert (exception.key, exception.week, exception.legal_entity) == (
            "payment:acme/2",
            week_of("3-11"),
            "Acme Inc.",
        )

    def test_amounts_are_decimals_and_details_are_json(self, tmp_path: Path) -> None:
        with books(tmp_path, {**healthy(), "invoices": [bill(1)]}) as open_books:
            found = open_books.judge("3-11").found
        assert found.exceptions
        assert {type(check.value) for check in found.checks} == {Decimal}
        assert {type(row.amount) for row in found.exceptions} == {Decimal}
        details = json.loads(json.dumps(found.details))
        assert details["roll_forward"][0]["difference"] == "100.0000"
        assert details["main_currency"] == "USD"

    def test_the_same_records_give_the_same_result_in_any_order(self, tmp_path: Path) -> None:
        invoices = [bill(number, due="3-2") for number in range(1, 12)]
        payments = [pay(number, to=number, exported=False) for number in range(1, 9)]
        results = []
        for number in range(2):
            folder = tmp_path / str(number)
            folder.mkdir()
            with books(folder, {"invoices": invoices, "payments": payments}) as open_books:
                results += [open_books.judge("3-11").found, open_books.judge("3-11").found]
            invoices, payments = invoices[::-1], payments[::-1]
        assert results[0].exceptions
        assert all(dataclasses.astuple(result) == dataclasses.astuple(results[0]) for result in results)

    def test_every_row_falls_into_one_week(self, tmp_path: Path) -> None:
        records = {
            "invoices": [bill(1, **PAID), bill(2, due="3-2"), bill(3, due="3-9", created_at="2026-03-16T12:00:00Z")],
            "payments": [pay(1), pay(2, ended=None), pay(3, released="3-17", ended="3-30", status="cancelled")],
            "expense_reports": [report(1, paid=True)],
        }
        with books(tmp_path, records, as_of="4-20") as open_books:
            weeks = [open_books.judge(week_of("2-23").shift(number)) for number in range(8)]
        for check in ("not_stuck", "errors_resolved", "details_add_up", "no_duplicates"):
            assert sum(week.rows(check) for week in weeks) == {"errors_resolved": 2}.get(check, 3)
        keys = [(row.check, row.key) for week in weeks for row in week.found.exceptions]
        assert keys
        assert len(keys) == len(set(keys))


class TestFacts:
    def facts(self, folder: Path, records: dict[str, Any], *weeks: str, who: Any = None) -> list[Any]:
        with books(folder, records, who=who, as_of="4-20") as open_books:
            return [open_books.judge(week, only="no_duplicates").found.facts for week in weeks]

    def test_a_run_settles_with_its_last_payment(self, tmp_path: Path) -> None:
        payments = [
            pay(1, ended="3-11", payment_batch_id=7),
            pay(2, ended="3-18", status="completed_with_errors", payment_batch_id=7),
            pay(3, ended="3-12", payment_batch_id=8),
            pay(4, ended=None, payment_batch_id=9),
            pay(5, ended="3-12", payment_batch_id=9),
        ]
        facts = self.facts(tmp_path, {"payments": payments}, "3-11", "3-18", "3-25")
        assert [one.settled_runs for one in facts] == [1, 1, 0]

    @pytest.mark.parametrize(
        ("records", "active"),
        [
            ({}, []),
            ({"payments": [pay(1, released="3-10", ended="3-13")]}, ["3-11"]),
            ({"payments": [pay(1, released="3-10", ended="3-16")]}, ["3-11"]),
            ({"payments": [pay(1, released="3-12", ended="3-19")]}, ["3-11"]),
            ({"payments": [pay(1, released="3-12", ended="3-24")]}, ["3-11", "3-18"]),
            ({"payments": [pay(1, released="3-10", ended=None)]}, ["3-11", "3-18", "3-25"]),
            ({"invoices": [bill(1, due="3-19")]}, ["3-18", "3-25"]),
            ({"invoices": [bill(1, due="3-12", **PAID)], "payments": [pay(1)]}, ["3-11"]),
            ({"invoices": [bill(1, due="3-31")]}, []),
            ({"invoices": [bill(1, approved=None, due="3-9")]}, []),
        ],
    )
    def test_activity(self, tmp_path: Path, records: dict[str, Any], active: list[str]) -> None:
        weeks = ("3-4", "3-11", "3-18", "3-25")
        facts = self.facts(tmp_path, records, *weeks)
        assert [week for week, one in zip(weeks, facts, strict=True) if one.activity] == active

    def test_without_coupa_pay_a_payment_on_an_invoice_is_activity(self, tmp_path: Path) -> None:
        records = {"invoices": [bill(1, **PAID)]}
        facts = self.facts(tmp_path, records, "3-4", "3-11", "3-18", who=NO_COUPA_PAY)
        assert [one.activity for one in facts] == [False, True, False]
        assert [one.settled_runs for one in facts] == [0, 1, 0]

    def test_the_first_release_and_the_first_export_are_local_dates_whenever_they_were(self, tmp_path: Path) -> None:
        records = {
            "payments": [pay(2, released="3-17"), pay(1, released="2026-03-10T03:00:00Z")],
            "invoices": [
                bill(1, last_exported_at="2026-03-06T04:59:59Z"),
                bill(2, last_exported_at="2026-03-07T12:00:00Z"),
                bill(3, exported=False),
                bill(4, approved=None, last_exported_at="2026-03-01T12:00:00Z"),
            ],
        }
        (facts,) = self.facts(tmp_path, records, "3-25")
        assert facts.first_payment_released == date(2026, 3, 9)
        assert facts.first_invoice_exported == day("3-5")

    def test_nothing_ever_has_no_first_dates(self, tmp_path: Path) -> None:
        (facts,) = self.facts(tmp_path, {}, "3-11")
        assert (facts.first_payment_released, facts.first_invoice_exported) == (None, None)
