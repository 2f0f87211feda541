"""Validation of typed Parquet by the feeds' contracts: what passes, what fails, what breaks, and whose fault it is."""

from __future__ import annotations

import csv
import dataclasses
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import fsspec
import jsonschema
import pytest
import records as wire
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from hypercare.contracts import Contract, Rule, load_contracts
from hypercare.errors import ContractError
from hypercare.feed_tables import TypedPull
from hypercare.model import FeedState
from hypercare.quality import FeedPulls, FeedValidation, RuleResult, ValidationLimits, validate_batch
from hypercare.quality_expectations import Outcome, Validator, load_suite
from hypercare.quality_suites import list_checks, suite_document
from hypercare.typed import write_typed

CONTRACTS = wire.CONTRACTS
SCHEMAS = wire.ROOT / "include" / "schemas"
IN_DUCKDB = ValidationLimits(rows_in_frame=0)
BOTH_WAYS = pytest.mark.parametrize("limits", [ValidationLimits(), IN_DUCKDB], ids=["frame", "counted"])
Rows = Sequence[Mapping[str, Any]]


def write(
    folder: Path,
    feed: str,
    *pulls: Rows,
    instance: str = "acme",
    contract: Contract | None = None,
    days_apart: float = 7,
    **changes: Any,
) -> FeedPulls:
    """Write each of `pulls` as typed Parquet, a week apart, the last one at OBSERVED_AT."""
    typed, rejects = [], []
    with duckdb.connect() as connection:
        for number, rows in enumerate(pulls):
            source = folder / f"{feed}-{instance}-{number}.json"
            source.write_text(json.dumps(list(rows)))
            file = write_typed(connection, contract or CONTRACTS[feed], source, source.with_suffix(".parquet"))
            observed_at = wire.OBSERVED_AT - timedelta(days=days_apart * (len(pulls) - 1 - number))
            typed.append(TypedPull(feed, instance, f"{number:04d}", str(file.path), observed_at))
            rejects += [str(file.rejects_path)] if file.rejects_path else []
    return dataclasses.replace(FeedPulls(feed, instance, tuple(typed), rejects=tuple(rejects)), **changes)


def validate(*batch: FeedPulls, contracts: Mapping[str, Contract] = CONTRACTS, **options: Any) -> list[FeedValidation]:
    return validate_batch(contracts, batch, **options)


def rule_of(validation: FeedValidation, name: str) -> RuleResult:
    found = [result for result in validation.rules if result.rule == f"{validation.feed}.{name}"]
    assert len(found) == 1, f"{name} is not once among {[result.rule for result in validation.rules]}"
    return found[0]


def failing_rows(validation: FeedValidation) -> list[list[str]]:
    """Read the file of failing rows, its header first."""
    with Path(str(validation.failing_rows_path)).open(newline="") as file:
        return list(csv.reader(file))


def with_rule(feed: str, **rule: Any) -> dict[str, Contract]:
    contract = dataclasses.replace(CONTRACTS[feed], rules=(Rule(**{"severity": "critical", "id": "added", **rule}),))
    return {**CONTRACTS, feed: contract}


# --- contracts and suites


@pytest.fixture(scope="module")
def contract_schema() -> jsonschema.Draft202012Validator:
    document = json.loads((SCHEMAS / "contract.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(document)
    return jsonschema.Draft202012Validator(document)


def test_every_contract_file_keeps_the_schema(contract_schema: jsonschema.Draft202012Validator) -> None:
    files = sorted((SCHEMAS / "feeds").glob("*.yaml"))
    assert len(files) >= 17
    wrong = [
        f"{file.name} {error.json_path}: {error.message}"
        for file in files
        for error in contract_schema.iter_errors(yaml.safe_load(file.read_text()))
    ]
    assert wrong == []


@pytest.mark.parametrize(
    "change",
    [
        {"rules": [{"id": "a", "column": "b", "expect": "not_nul", "severity": "warning"}]},
        {"rules": [{"id": "a", "column": "b", "expect": "between", "mim": 0, "severity": "warning"}]},
        {"rules": [{"id": "a", "column": "b", "expect": "in_set", "values": [], "severity": "warning"}]},
        {"rules": [{"id": "a", "column": "b", "expect": "not_null", "severity": "fatal"}]},
        {"columns": {"id": "id!", "total": "money"}},
        {"columns": {"id": "id"}},
        {"colums": {}},
        {"scope": "core.user.write"},
    ],
)
def test_the_schema_refuses(contract_schema: jsonschema.Draft202012Validator, change: dict[str, Any]) -> None:
    document = yaml.safe_load((SCHEMAS / "feeds" / "users.yaml").read_text())
    assert contract_schema.is_valid(document)
    assert not contract_schema.is_valid({**document, **change})


@pytest.mark.parametrize("feed", sorted(CONTRACTS))
def test_every_contract_makes_a_suite_of_all_its_rules(feed: str) -> None:
    contract = CONTRACTS[feed]
    checks = list_checks(contract)
    document = suite_document(contract, checks)
    suite = load_suite(json.loads(json.dumps(document)))
    assert len(suite.expectations) == len(checks) == len(document["expectations"])
    assert {f"{feed}.{rule.id}" for rule in contract.rules} <= {check.rule for check in checks}
    assert {f"{feed}.{column.name}_required" for column in contract.required_columns} <= {c.rule for c in checks}


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"column": "status", "expect": "not_nul"}, "unknown expectation 'not_nul'"),
        ({"column": "statsu", "expect": "not_null"}, "no value called 'statsu'"),
        ({"column": "roles", "expect": "not_null"}, "no value called 'roles'"),
        ({"column": "status", "expect": "in_set", "arguments": {"value": ["a"]}}, "value"),
        ({"column": "status", "expect": "in_set", "arguments": {"values": []}}, "no values"),
        ({"column": "status", "expect": "between", "arguments": {"min": 0}}, "integer, decimal, date, timestamp only"),
        ({"column": "updated_at", "expect": "between", "arguments": {}}, "neither min nor max"),
        ({"column": "status", "expect": "matches", "arguments": {"pattern": "["}}, "unterminated"),
        ({"column": "updated_at", "expect": "not_before", "arguments": {"other": "status"}}, "same kind"),
        ({"column": "status", "expect": "not_null", "severity": "fatal"}, "unknown severity 'fatal'"),
    ],
)
def test_a_wrong_rule_is_refused_by_name(rule: dict[str, Any], said: str, tmp_path: Path) -> None:
    feed = write(tmp_path, "suppliers", [wire.supplier(1)])
    with pytest.raises(ContractError, match=r"contract suppliers: rule added.*") as refused:
        validate(feed, contracts=with_rule("suppliers", **rule))
    assert said in str(refused.value)


@BOTH_WAYS
def test_a_condition_that_is_none_is_refused_by_name(limits: ValidationLimits, tmp_path: Path) -> None:
    feed = write(tmp_path, "suppliers", [wire.supplier(1)])
    contracts = with_rule("suppliers", column="status", expect="not_null", where="statsu = 'active'")
    with pytest.raises(ContractError, match=r"contract suppliers: rule suppliers\.added: .*statsu"):
        validate(feed, contracts=contracts, limits=limits)


def test_two_rules_of_one_name_are_refused() -> None:
    contract = CONTRACTS["suppliers"]
    with pytest.raises(ContractError, match=r"contract suppliers: .*twice.*status_known"):
        list_checks(dataclasses.replace(contract, rules=(*contract.rules, contract.rules[0])))


def expectation(kind: str, rule: str, **arguments: Any) -> dict[str, Any]:
    return {"type": kind, "kwargs": {"column": "n", **arguments}, "meta": {"rule": rule}, "severity": "critical"}


def test_a_suite_loads_whole_or_not_at_all() -> None:
    good = expectation("expect_column_values_to_not_be_null", "feed.good")
    with pytest.raises(ContractError, match=r"suite s: .*feed\.typo \(expect_nope\)"):
        load_suite({"name": "s", "expectations": [good, expectation("expect_nope", "feed.typo")]})
    with pytest.raises(ContractError, match=r"suite s: rule feed\.bound"):
        bound = expectation("expect_column_values_to_be_between", "feed.bound", min_value="many")
        load_suite({"name": "s", "expectations": [good, bound]})
    with pytest.raises(ContractError, match="at least one rule"):
        load_suite({"name": "s", "expectations": []})
    with pytest.raises(ContractError, match="each but once"):
        load_suite({"name": "s", "expectations": [good, good]})


def test_a_crash_is_told_from_a_failure() -> None:
    import pandas

    document = {
        "name": "s",
        "expectations": [
            expectation("expect_column_values_to_be_between", "below", max_value=1),
            expectation("expect_column_values_to_not_be_null", "lost", column="nowhere"),
            expectation("expect_column_values_to_be_between", "bounds", min_value="2026-01-01"),
        ],
    }
    outcomes = Validator().run(pandas.DataFrame({"n": [1, 2, None]}), document)
    assert (outcomes["below"].evaluated, outcomes["below"].unexpected, outcomes["below"].fault) == (2, 1, "")
    assert "nowhere" in outcomes["lost"].fault
    assert outcomes["bounds"].fault
    assert not outcomes["lost"].success


def test_nothing_heavy_is_imported_before_it_is_needed() -> None:
    code = "import sys, hypercare.quality; print({'great_expectations', 'pandas'} & set(sys.modules))"
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=wire.ROOT / "plugins"
    )
    assert found.stdout.strip() == "set()"


# --- records


@BOTH_WAYS
def test_healthy_feeds_are_valid(limits: ValidationLimits, tmp_path: Path) -> None:
    feeds = [
        write(tmp_path, "invoices", [wire.invoice(1), wire.invoice(2, status="draft", net_due_date=None)]),
        write(tmp_path, "payments", [wire.payment(1)]),
        write(tmp_path, "suppliers", [wire.supplier(1)]),
        write(tmp_path, "users", [wire.user(1)]),
        write(tmp_path, "action_items", [wire.action_item("A-1")]),
    ]
    found = validate(*feeds, limits=limits, failing_rows_folder=tmp_path / "failing")
    assert [(one.feed, one.instance) for one in found] == [(feed.feed, feed.instance) for feed in feeds]
    for one in found:
        assert (one.state, one.reason, one.failing_rows_path) == (FeedState.VALID, "", None)
        assert all(result.outcome == "passed" and result.evaluated > 0 for result in one.rules)
    assert rule_of(found[0], "due_date_when_approved").evaluated == 1
    assert rule_of(found[0], "id_unique").evaluated == 2


KINDS = [
    ("invoices", "status_required", {"status": ""}, "critical"),
    ("invoices", "currency_code_required", {"currency": None}, "critical"),
    ("invoices", "invoice_lines_id_required", {"invoice_lines": [wire.invoice_line(5), {"id": None}]}, "critical"),
    ("invoices", "currency_is_iso", {"currency": "usd"}, "critical"),
    ("invoices", "currency_is_iso", {"currency": "USD\n"}, "critical"),
    ("invoices", "due_date_when_approved", {"net_due_date": None}, "critical"),
    ("invoices", "due_date_plausible", {"net_due_date": "2206-04-23"}, "warning"),
    ("invoices", "invoice_number_length", {"invoice_number": "x" * 41}, "warning"),
    ("invoices", "status_known", {"status": "sleeping"}, "warning"),
    ("payments", "total_positive", {"pay_to_total": "-0.0001"}, "critical"),
    ("payments", "payment_details_id_required", {"payment_details": [{"payment-total": "1"}]}, "critical"),
    ("contracts", "ends_after_start", {"end_date": "2025-12-31"}, "warning"),
]


@BOTH_WAYS
@pytest.mark.parametrize(("feed", "rule", "change", "severity"), KINDS)
def test_a_bad_record_fails_its_rule(
    feed: str, rule: str, change: dict[str, Any], severity: str, limits: ValidationLimits, tmp_path: Path
) -> None:
    build = {"invoices": wire.invoice, "payments": wire.payment, "contracts": wire.contract}[feed]
    (good,) = validate(write(tmp_path, feed, [build(1), build(2)]), limits=limits)
    assert (good.state, rule_of(good, rule).outcome) == (FeedState.VALID, "passed")
    (bad,) = validate(write(tmp_path, feed, [build(1), build(2, **change)]), limits=limits)
    result = rule_of(bad, rule)
    assert (result.outcome, result.unexpected, result.sample) == ("failed", 1, ("2",))
    assert result.severity == severity
    assert bad.state is (FeedState.INVALID if severity == "critical" else FeedState.VALID)
    assert f"{feed}.{rule}: 1 of 2 records" in bad.reason
    assert "(ids 2)" in bad.reason


def test_a_record_without_id_is_invalid(tmp_path: Path) -> None:
    (found,) = validate(write(tmp_path, "suppliers", [wire.supplier(1), {**wire.supplier(2), "id": None}]))
    assert found.state is FeedState.INVALID
    assert rule_of(found, "id_required").sample == ("(no id)",)
    assert rule_of(found, "id_unique").outcome == "passed"


@BOTH_WAYS
def test_one_instance_s_bad_row_is_its_own(limits: ValidationLimits, tmp_path: Path) -> None:
    invoices = [wire.invoice(n) for n in (1, 2, 3)]
    bad = [*invoices[:2], wire.invoice(3, currency="Euro"), wire.invoice(4, currency="")]
    feeds = [
        write(tmp_path, "invoices", invoices, instance="acme"),
        write(tmp_path, "invoices", bad, instance="beta"),
        write(tmp_path, "invoices", invoices, instance="gamma"),
    ]
    acme, beta, other = validate(*feeds, limits=limits, failing_rows_folder=tmp_path / "failing")
    assert (acme.state, other.state) == (FeedState.VALID, FeedState.VALID)
    assert acme.failing_rows_path is None
    assert beta.state is FeedState.INVALID
    assert "invoices of beta: " in beta.reason
    assert "'Euro' (1)" in beta.reason
    assert str(beta.failing_rows_path) in beta.reason
    assert failing_rows(beta) == [
        ["rule", "id", "column", "value"],
        ["invoices.currency_code_required", "4", "currency_code", ""],
        ["invoices.currency_is_iso", "3", "currency_code", "Euro"],
    ]


def test_only_what_stands_now_is_judged(tmp_path: Path) -> None:
    wrong, right = wire.invoice(1, currency="usd"), wire.invoice(1)
    (found,) = validate(write(tmp_path, "invoices", [wrong, wire.invoice(2)], [], [right]))
    assert (found.state, rule_of(found, "currency_is_iso").evaluated) == (FeedState.VALID, 2)
    (found,) = validate(write(tmp_path, "invoices", [right, wire.invoice(2)], [], [wrong]))
    assert found.state is FeedState.INVALID


@BOTH_WAYS
def test_ids_are_unique_within_a_pull(limits: ValidationLimits, tmp_path: Path) -> None:
    rows = [wire.supplier(1), wire.supplier(2)]
    (found,) = validate(write(tmp_path, "suppliers", rows, rows), limits=limits)
    assert found.state is FeedState.VALID
    (found,) = validate(write(tmp_path, "suppliers", rows, [*rows, wire.supplier(2)]), limits=limits)
    assert found.state is FeedState.INVALID
    assert (rule_of(found, "id_unique").unexpected, rule_of(found, "id_unique").sample) == (2, ("2",))
    both = [write(tmp_path, "suppliers", rows, instance=name) for name in ("acme", "beta")]
    assert {one.state for one in validate(*both, limits=limits)} == {FeedState.VALID}


def test_an_unknown_status_is_kept_and_named(tmp_path: Path) -> None:
    rows = [wire.invoice(1, status="parked"), wire.invoice(2, status="parked"), wire.invoice(3, status="lost")]
    (found,) = validate(write(tmp_path, "invoices", [*rows, wire.invoice(4)]))
    result = rule_of(found, "status_known")
    assert (found.state, result.outcome, result.severity) == (FeedState.VALID, "failed", "warning")
    assert (result.evaluated, result.unexpected) == (4, 3)
    assert result.message.endswith("'parked' (2), 'lost' (1)")
    assert result.message in found.reason


def test_a_value_that_does_not_fit(tmp_path: Path) -> None:
    good = wire.invoice(1)
    feed = write(tmp_path, "invoices", [good, wire.invoice(2, date_received="someday")])
    (found,) = validate(feed, failing_rows_folder=tmp_path)
    assert (found.state, rule_of(found, "other_values_fit").outcome) == (FeedState.VALID, "failed")
    assert "'someday' (1)" in found.reason
    assert ["invoices.other_values_fit", "2", "date-received", "someday"] in failing_rows(found)
    for change in (
        {"total_with_taxes": "12.34567"},
        {"paid": "perhaps"},
        {"net_due_date": "soon"},
        {"currency": ["USD"]},
    ):
        feed = write(tmp_path, "invoices", [good, wire.invoice(2, **change)])
        (found,) = validate(feed)
        assert rule_of(found, "required_values_fit").sample == ("2",)
        assert found.state is FeedState.INVALID, change
    corrected = write(tmp_path, "invoices", [wire.invoice(2, paid="perhaps")], [wire.invoice(2)])
    assert len(corrected.rejects) == 1
    assert validate(corrected)[0].state is FeedState.VALID


def test_a_misfit_that_no_file_explains_is_critical(tmp_path: Path) -> None:
    feed = write(tmp_path, "invoices", [wire.invoice(1), wire.invoice(2, date_received="someday")])
    (found,) = validate(dataclasses.replace(feed, rejects=(str(tmp_path / "of-another-pull.rejects.parquet"),)))
    assert (found.state, rule_of(found, "required_values_fit").unexpected) == (FeedState.INVALID, 1)


def test_failing_values_hide_people(tmp_path: Path) -> None:
    rows = [
        wire.invoice(1, document_type="ask jane.doe@example.com please"),
        wire.invoice(2, requested_by={"id": {"login": "jdoe", "fullname": "Jane Doe"}}),
        wire.invoice(3, document_type="x" * 500),
        wire.invoice(4, requested_by="Jane Doe"),
        wire.invoice(5, document_type="=1+2"),
    ]
    (found,) = validate(write(tmp_path, "invoices", rows), failing_rows_folder=tmp_path)
    shown = Path(str(found.failing_rows_path)).read_text() + found.reason
    assert "(a mail address)" in shown
    assert "(an object)" in shown
    assert "(not the object that belongs there)" in shown
    assert "'=1+2" in {row[3] for row in failing_rows(found)}, "a spreadsheet must not reckon with it"
    assert not any(word in shown for word in ("jane.doe", "Jane Doe", "jdoe", "x" * 100))


def test_no_failing_row_goes_without_a_trace(tmp_path: Path) -> None:
    rows = [wire.supplier(n, status="odd") for n in range(1, 8)]
    limits = ValidationLimits(failing_rows_kept=3)
    (found,) = validate(write(tmp_path, "suppliers", rows), failing_rows_folder=tmp_path, limits=limits)
    lines = failing_rows(found)
    assert rule_of(found, "status_known").unexpected == 7
    assert len(lines) == 1 + 3 + 1
    assert lines[-1] == ["suppliers.status_known", "", "", "and 4 more"]


# --- what breaks


@BOTH_WAYS
def test_bad_bounds_break_the_check_and_not_the_feed(limits: ValidationLimits, tmp_path: Path) -> None:
    feeds = [write(tmp_path, "statements", [wire.statement(1)], instance=name) for name in ("acme", "beta")]
    contracts = with_rule("statements", column="total", expect="between", arguments={"min": "2026-01-01"})
    for found in validate(*feeds, contracts=contracts, limits=limits):
        assert (found.state, rule_of(found, "added").outcome) == (FeedState.BROKEN, "broke")
        assert rule_of(found, "added").evaluated == 0
        assert "not of the customer's data" in found.reason


def test_a_broken_check_does_not_hide_a_failed_one(tmp_path: Path) -> None:
    contracts = with_rule("statements", column="total", expect="between", arguments={"min": "2026-01-01"})
    (found,) = validate(write(tmp_path, "statements", [wire.statement(1, total=None)]), contracts=contracts)
    assert found.state is FeedState.INVALID


def test_an_unreadable_file_breaks_its_own_instance_only(tmp_path: Path) -> None:
    acme = write(tmp_path, "suppliers", [wire.supplier(1)], instance="acme")
    beta = write(tmp_path, "suppliers", [wire.supplier(1)], instance="beta")
    invoices = write(tmp_path, "invoices", [wire.invoice(1)], instance="acme")
    Path(beta.pulls[0].path).write_bytes(b"no parquet")
    first, second, third = validate(acme, beta, invoices)
    assert (first.state, second.state, third.state) == (FeedState.VALID, FeedState.BROKEN, FeedState.VALID)
    assert "cannot be read" in second.reason
    assert rule_of(third, "supplier_id_in_suppliers").outcome == "passed"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("select * exclude (po_method) from {0}", "lacks po_method"),
        ("select * replace ('many' as id, 'odd' as updated_at) from {0}", "cannot be read"),
    ],
)
def test_a_file_typed_by_another_contract_breaks(change: str, said: str, tmp_path: Path) -> None:
    acme = write(tmp_path, "suppliers", [wire.supplier(1)], instance="acme")
    beta = write(tmp_path, "suppliers", [wire.supplier(1)], instance="beta")
    path = beta.pulls[0].path
    with duckdb.connect() as connection:
        rows = connection.sql(change.format(f"read_parquet('{path}')")).to_arrow_table()
        connection.register("rows", rows)
        connection.execute(f"copy rows to '{path}' (format parquet)")
    first, second = validate(acme, beta)
    assert (first.state, second.state) == (FeedState.VALID, FeedState.BROKEN)
    assert said in second.reason


@pytest.mark.parametrize("told", [Outcome(True, 0, 0), Outcome(True, 2, 1), Outcome(False, 2, 0)])
def test_what_the_records_contradict_is_no_pass(told: Outcome, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    real = Validator.run

    def run(self: Validator, frame: Any, document: Mapping[str, Any]) -> dict[str, Outcome]:
        return {name: told if name == "users.id_required" else one for name, one in real(self, frame, document).items()}

    monkeypatch.setattr(Validator, "run", run)
    (found,) = validate(write(tmp_path, "users", [wire.user(1), wire.user(2)]))
    assert (found.state, rule_of(found, "id_required").outcome) == (FeedState.BROKEN, "broke")


def test_figures_that_great_expectations_contradicts_are_no_pass(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    real = Validator.run

    def run(self: Validator, frame: Any, document: Mapping[str, Any]) -> dict[str, Outcome]:
        own = document["name"] == "feed_statistics.v1"
        return {name: Outcome(True) if own else one for name, one in real(self, frame, document).items()}

    monkeypatch.setattr(Validator, "run", run)
    (found,) = validate(write(tmp_path, "users", [wire.user(1)]))
    assert (found.state, rule_of(found, "columns_present").outcome) == (FeedState.BROKEN, "broke")


# --- what is empty


def test_an_empty_batch_has_no_answer() -> None:
    assert validate() == []


def test_no_pull_is_no_pass() -> None:
    (found,) = validate(FeedPulls("users", "acme", ()))
    assert (found.state, found.rules) == (FeedState.BROKEN, ())
    assert "no published pull" in found.reason


@BOTH_WAYS
def test_no_rows_are_valid_by_what_the_manifest_says(limits: ValidationLimits, tmp_path: Path) -> None:
    feeds = [write(tmp_path, "receipts", []), write(tmp_path, "users", [wire.user(1)])]
    empty, full = validate(*feeds, limits=limits)
    assert (empty.state, full.state) == (FeedState.VALID, FeedState.VALID)
    assert [result.rule for result in empty.rules] == ["receipts.columns_present", "receipts.other_columns_present"]
    assert all(result.evaluated > 0 for result in empty.rules)


def test_a_feed_twice_or_without_contract_is_refused(tmp_path: Path) -> None:
    feed = write(tmp_path, "users", [wire.user(1)])
    with pytest.raises(ValueError, match="twice"):
        validate(feed, feed)
    with pytest.raises(ContractError, match="feed unheard has no contract"):
        validate(dataclasses.replace(feed, feed="unheard"))


# --- the feed as a whole


@pytest.mark.parametrize(
    ("missing", "state", "rule"),
    [
        ("currency", FeedState.INVALID, "columns_present"),
        ("currency.code", FeedState.INVALID, "columns_present"),
        ("net_due_date", FeedState.INVALID, "columns_present"),
        ("net-due-date", FeedState.INVALID, "columns_present"),
        ("invoice-lines", FeedState.INVALID, "columns_present"),
        ("tolerance-failures", FeedState.VALID, "other_columns_present"),
        ("supplier.name", FeedState.VALID, "other_columns_present"),
    ],
)
def test_missing_columns(missing: str, state: FeedState, rule: str, tmp_path: Path) -> None:
    feeds = [
        write(tmp_path, "invoices", [wire.invoice(1)], columns_missing=(missing,)),
        write(tmp_path, "invoices", [wire.invoice(1)], instance="beta"),
    ]
    found, other = validate(*feeds)
    assert (found.state, rule_of(found, rule).outcome) == (state, "failed")
    assert f"no answer carried {missing}" in found.reason
    assert (other.state, rule_of(other, rule).outcome) == (FeedState.VALID, "passed")


def test_references_that_lead_nowhere_are_warnings(tmp_path: Path) -> None:
    orders = write(tmp_path, "purchase_orders", [wire.purchase_order(1, supplier=7)])
    lines = [wire.invoice_line(1, order_line_id=11), wire.invoice_line(2, order_line_id=99), wire.invoice_line(3)]
    invoices = write(tmp_path, "invoices", [wire.invoice(5, supplier=7, invoice_lines=lines), wire.invoice(6)])
    suppliers = write(tmp_path, "suppliers", [wire.supplier(1)])
    found_orders, found, _ = validate(orders, invoices, suppliers, failing_rows_folder=tmp_path)
    by_header = rule_of(found, "supplier_id_in_suppliers")
    assert (by_header.outcome, by_header.severity, by_header.evaluated) == ("failed", "warning", 2)
    assert (by_header.unexpected, by_header.sample) == (1, ("5",))
    by_line = rule_of(found, "invoice_lines_order_line_id_in_order_lines")
    assert (by_line.outcome, by_line.evaluated, by_line.unexpected, by_line.sample) == ("failed", 2, 1, ("5",))
    assert found.state is FeedState.VALID
    lines_of = failing_rows(found)
    assert [by_line.rule, "5", "invoice_lines.order_line_id", "99"] in lines_of
    assert not any("requisitions" in result.rule for result in found_orders.rules), "that feed is not in the batch"


def test_references_end_at_the_instance(tmp_path: Path) -> None:
    feeds = [
        write(tmp_path, "invoices", [wire.invoice(1)], instance="acme"),
        write(tmp_path, "suppliers", [wire.supplier(1)], instance="beta"),
        write(tmp_path, "suppliers", [wire.supplier(2)], instance="acme"),
        write(tmp_path, "invoices", [wire.invoice(1)], instance="gamma"),
    ]
    acme, _, _, gamma = validate(*feeds)
    assert rule_of(acme, "supplier_id_in_suppliers").outcome == "failed"
    assert not any(result.kind == "reference" for result in gamma.rules)


def test_the_policy_may_make_references_critical_but_for_the_first_weeks(tmp_path: Path) -> None:
    limits = ValidationLimits(severity="critical")
    suppliers = write(tmp_path, "suppliers", [wire.supplier(1)])
    invoices = write(tmp_path, "invoices", [wire.invoice(1, supplier=9)])
    assert validate(invoices, suppliers, limits=limits)[0].state is FeedState.INVALID
    assert validate(dataclasses.replace(invoices, lenient=True), suppliers, limits=limits)[0].state is FeedState.VALID


def changed(count: int, at: datetime) -> list[dict[str, Any]]:
    return [wire.supplier(n, updated_at=at.isoformat()) for n in range(1, count + 1)]


def weekly(*counts: int) -> list[list[dict[str, Any]]]:
    """One pull a week, each of whose records changed a day before it."""
    last = len(counts) - 1
    return [changed(n, wire.OBSERVED_AT - timedelta(days=7 * (last - week) + 1)) for week, n in enumerate(counts)]


@pytest.mark.parametrize(
    ("counts", "outcome"),
    [
        ((500, 40, 50, 45, 44), "passed"),
        ((500, 40, 50, 45, 2), "failed"),
        ((500, 40, 50, 45, 400), "failed"),
        ((500, 4, 5, 3, 0), None),
        ((500, 40, 50, 2), None),
    ],
)
def test_volume_is_held_against_the_instance_s_past(
    counts: tuple[int, ...], outcome: str | None, tmp_path: Path
) -> None:
    (found,) = validate(write(tmp_path, "suppliers", *weekly(*counts)))
    results = [result for result in found.rules if result.rule == "suppliers.volume"]
    assert [result.outcome for result in results] == ([outcome] if outcome else [])
    assert found.state is FeedState.VALID
    assert ("by its own past it should be about" in found.reason) == (outcome == "failed")


def test_a_pull_right_after_another_says_nothing_of_volume(tmp_path: Path) -> None:
    (found,) = validate(write(tmp_path, "suppliers", *weekly(500, 40, 50, 45, 2), days_apart=0.01))
    assert "suppliers.volume" not in {result.rule for result in found.rules}


def test_freshness_is_held_against_the_instance_s_past(tmp_path: Path) -> None:
    pulls = weekly(5, 5, 5, 5, 5, 5)
    (found,) = validate(write(tmp_path, "suppliers", *pulls))
    assert rule_of(found, "fresh").outcome == "passed"
    for heard, days in ((4, 15), (3, 22)):
        silence: list[list[dict[str, Any]]] = [[]] * (6 - heard)
        (found,) = validate(
            write(tmp_path, "suppliers", changed(9, wire.OBSERVED_AT - timedelta(days=43)), *pulls[:heard], *silence)
        )
        result = rule_of(found, "fresh")
        assert (result.outcome, result.severity, found.state) == ("failed", "warning", FeedState.VALID)
        assert f"its newest change is {days}.0 days old" in result.message
    quiet = [pulls[0], [], [], [], pulls[4], []]
    (found,) = validate(write(tmp_path, "suppliers", *quiet))
    assert rule_of(found, "fresh").outcome == "passed", "it has been quiet for longer before"
    (found,) = validate(write(tmp_path, "suppliers", pulls[0], [], [], [], []))
    assert "suppliers.fresh" not in {result.rule for result in found.rules}, "it has no past to compare with"


def test_another_filesystem_is_read_through_attach(tmp_path: Path) -> None:
    local = write(tmp_path, "suppliers", [wire.supplier(1), wire.supplier(2, on_hold="maybe")])
    memory = fsspec.filesystem("memory")
    path = "memory://lake/suppliers.parquet"
    memory.put_file(local.pulls[0].path, path)
    memory.put_file(local.rejects[0], "memory://lake/suppliers.rejects.parquet")
    feed = dataclasses.replace(
        local,
        pulls=(dataclasses.replace(local.pulls[0], path=path),),
        rejects=("memory://lake/suppliers.rejects.parquet",),
    )
    (found,) = validate(feed, attach=lambda connection: connection.register_filesystem(memory))
    assert (found.state, rule_of(found, "other_values_fit").sample) == (FeedState.VALID, ("2",))


# --- both ways say the same

PARCELS = """
feed: parcels
version: 1
system: tracker
record: parcel
baseline: {all: true}
columns:
  id: id!
  kind: text!
  code: text
  weight: decimal(9,2)
  pieces: integer
  sealed: boolean
  sent-on: date
  arrived-on: date
  seen-at: timestamp
  items:
    - id: id!
      labels: [{id: id!}]
tables: {items: items, items.labels: labels}
rules:
  - {id: kind_known, column: kind, expect: in_set, values: [box, "it's"], severity: warning}
  - {id: code_form, column: code, expect: matches, pattern: "[A-Z]\\\\d|^b$", severity: critical}
  - {id: code_length, column: code, expect: length_between, min: 1, max: 2, severity: info}
  - {id: code_when_sealed, column: code, expect: not_null, where: "sealed and kind <> 'box'", severity: critical}
  - {id: weight_range, column: weight, expect: between, min: 0.1, max: 20, where: "kind = 'box'", severity: critical}
  - {id: pieces_range, column: pieces, expect: between, min: 1, severity: warning}
  - {id: sent_range, column: sent_on, expect: between, min: 2026-01-02, severity: warning}
  - {id: seen_range, column: seen_at, expect: between, max: 2026-01-02T12:00:00Z, severity: warning}
  - {id: arrives_later, column: arrived_on, expect: not_before, other: sent_on, severity: critical}
"""
DAYS = st.sampled_from([None, "", "2026-01-01", "2026-01-02", "2026-01-03", "never"])
PARCEL = st.fixed_dictionaries(
    {
        "id": st.sampled_from([None, "", *"123456789"]),
        "kind": st.sampled_from([None, "", "box", "it's", "Box", "tube"]),
        "code": st.none() | st.text(alphabet="A1b\u0661\u00e9\n $", max_size=3),
        "weight": st.sampled_from([None, "0.09", "0.1", "0.10", "20", "20.01", "-1", "1.234", "heavy"]),
        "pieces": st.none() | st.integers(-1, 2),
        "sealed": st.sampled_from([None, True, False, "perhaps"]),
        "sent-on": DAYS,
        "arrived-on": DAYS,
        "seen-at": st.sampled_from([None, "2026-01-02T12:00:00Z", "2026-01-02T13:00:01+01:00", "later"]),
        "items": st.lists(
            st.fixed_dictionaries(
                {
                    "id": st.sampled_from([None, "", 1]),
                    "labels": st.lists(st.fixed_dictionaries({"id": st.sampled_from([None, 2])}), max_size=2),
                }
            ),
            max_size=2,
        ),
    }
)


@pytest.fixture(scope="module")
def parcels(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Contract]:
    folder = tmp_path_factory.mktemp("contracts")
    (folder / "parcels.yaml").write_text(PARCELS)
    return load_contracts(folder)


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # each try takes a second: shrinking would take minutes
)
@given(
    pulls=st.lists(st.tuples(st.sampled_from(["acme", "beta"]), st.lists(PARCEL, max_size=12)), min_size=1, max_size=4)
)
def test_frames_and_counts_say_the_same(
    parcels: Mapping[str, Contract], pulls: list[tuple[str, list[dict[str, Any]]]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        feeds = [
            write(Path(folder), "parcels", *own, instance=name, contract=parcels["parcels"])
            for name in ("acme", "beta")
            if (own := [rows for owner, rows in pulls if owner == name])
        ]
        by_frame = validate(*feeds, contracts=parcels)
        by_count = validate(*feeds, contracts=parcels, limits=IN_DUCKDB)
    for one, other in zip(by_frame, by_count, strict=True):
        assert sorted(one.rules, key=lambda result: result.rule) == sorted(other.rules, key=lambda result: result.rule)
        assert FeedState.BROKEN not in (one.state, other.state), one.reason + other.reason
        assert one.state is other.state


def test_both_ways_find_what_is_wrong_with_parcels(parcels: Mapping[str, Contract], tmp_path: Path) -> None:
    """Anchor the comparison: the figures that both must find, counted by hand."""
    rows = [
        {"id": 1, "kind": "box", "code": "A1", "weight": "0.10", "pieces": 1, "sealed": True, "items": []},
        {"id": 2, "kind": "box", "code": "A\u0661", "weight": "0.09", "pieces": 0, "sealed": True},
        {"id": 3, "kind": "tube", "code": "", "weight": "0.01", "sealed": True, "sent-on": "2026-01-03"},
        {"id": 4, "kind": "it's", "code": "b\n", "sent-on": "2026-01-03", "arrived-on": "2026-01-01"},
        {"id": 5, "kind": "it's", "seen-at": "2026-01-02T12:00:00.000001Z", "items": [{"labels": [{}, {"id": 1}]}]},
    ]
    feed = write(tmp_path, "parcels", rows, contract=parcels["parcels"])
    expected = {
        "kind_known": (5, ("3",)),
        "code_form": (3, ("2", "4")),
        "code_length": (3, ()),
        "code_when_sealed": (1, ("3",)),
        "weight_range": (2, ("2",)),
        "pieces_range": (2, ("2",)),
        "sent_range": (2, ()),
        "seen_range": (1, ("5",)),
        "arrives_later": (1, ("4",)),
        "items_id_required": (1, ("5",)),
        "labels_id_required": (1, ("5",)),
    }
    for limits in (ValidationLimits(), IN_DUCKDB):
        (found,) = validate(feed, contracts=parcels, limits=limits)
        results = {name: rule_of(found, name) for name in expected}
        assert {name: (one.evaluated, one.sample) for name, one in results.items()} == expected
        assert found.state is FeedState.INVALID
