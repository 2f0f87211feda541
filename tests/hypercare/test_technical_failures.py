"""What counts as a technical failure, by cases worked out by hand, over real Parquet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import records as wire
from reconciling import CHECKS, POLICY, at, bill, entry, pay

from hypercare.errors import ContractError
from hypercare.model import FeedState, Severity
from hypercare.reconciliation import reconciliation_parameters
from hypercare.technical_failures import find_failures, load_failure_kinds, select_judged
from hypercare.technical_issues import Failure

KINDS = load_failure_kinds(wire.ROOT / "include" / "sql" / "technical_issues")
BEFORE, IN_WEEK, LATER, AFTER = at("1-20"), at("3-24"), at("3-26"), at("3-30")
OTHER = {"id": 2, "code": "PO_EXPORT", "name": "Order export"}


def find(folder: Path, records: wire.Records, *later: wire.Records) -> dict[str, Failure]:
    who = wire.engagement()
    parameters = reconciliation_parameters(POLICY.for_engagement(who), who)
    with wire.open_views(who, records, folder, later=later) as views:
        return {each.id: each for each in find_failures(views, KINDS, CHECKS, parameters)}


def run(id: int, status: str = "failed", on: str = IN_WEEK, **changes: Any) -> dict[str, Any]:
    return wire.integration_run(id, status=status, start_time=on, created_at=on, **changes)


def test_records_without_failures_give_none(tmp_path: Path) -> None:
    healthy = {
        "integration_runs": [run(1, "successful")],
        "integration_errors": [wire.integration_error(1, resolved=True), wire.integration_error(2, status="resolved")],
        "invoices": [bill(1, shows=[entry(5, "100.00", "3-11")], paid=True)],
        "payments": [pay(1)],
        "purchase_orders": [wire.purchase_order(1)],
    }
    assert find(tmp_path, healthy) == {}
    assert find(tmp_path, {}) == {}


def test_a_failed_run_counts_until_the_integration_succeeds(tmp_path: Path) -> None:
    runs = [
        run(1, on=IN_WEEK),
        run(2, "errored", LATER),
        run(3, integration=OTHER),
        run(4, "successful", LATER, integration=OTHER),
        run(5, "running", LATER),
        run(6, on=AFTER),
        run(7, on=BEFORE),
    ]
    found = find(tmp_path, {"integration_runs": runs})
    assert set(found) == {"integration_run:acme/1", "integration_run:acme/2"}
    assert {each.identity for each in found.values()} == {"integration acme/1"}
    assert found["integration_run:acme/2"].severity is Severity.HIGH
    assert found["integration_run:acme/2"].what == "Integration Payment export fails (run acme/2 errored on 2026-03-26)"


def test_a_success_after_the_week_clears_it(tmp_path: Path) -> None:
    assert find(tmp_path, {"integration_runs": [run(1), run(2, "successful", AFTER)]}) == {}


def test_unresolved_errors_stand_for_integration_and_document(tmp_path: Path) -> None:
    errors = [
        wire.integration_error(1, document_id=7, document_type="InvoiceHeader"),
        wire.integration_error(2, document_id=None),
        wire.integration_error(3, created_at=AFTER),
    ]
    found = find(tmp_path, {"integration_errors": errors})
    assert {each.id: each.identity for each in found.values()} == {
        "integration_error:acme/1": "integration acme/1 document InvoiceHeader:acme/7",
        "integration_error:acme/2": "integration acme/1",
    }
    assert found["integration_error:acme/1"].what == "InvoiceHeader acme/7 does not get through Payment export"
    mended = {"integration_errors": [{**error, "resolved": True} for error in errors]}
    assert find(tmp_path, {"integration_errors": errors}, mended) == {}


def test_a_failed_payment_counts_in_any_week_until_it_is_made_good(tmp_path: Path) -> None:
    records = {"invoices": [bill(1)], "payments": [pay(1, status="completed_with_errors")]}
    found = find(tmp_path, records)
    assert set(found) == {"payment:acme/1"}
    assert found["payment:acme/1"].identity == "document payment:acme/1"
    assert found["payment:acme/1"].what.startswith("Payment acme/1 completed with errors: 100.00 USD for invoice")
    assert found["payment:acme/1"].impact == "the supplier waits for 100.00 USD"
    assert find(tmp_path, records, {"payments": [pay(2, released="3-25", ended="3-26")]}) == {}


def test_an_order_that_was_not_transmitted_counts_until_it_is_sent_or_cancelled(tmp_path: Path) -> None:
    lost = {"transmission_status": "transmission_failure"}
    orders = [
        wire.purchase_order(1, **lost),
        wire.purchase_order(2, **lost, status="cancelled"),
        wire.purchase_order(3, **lost, created_at=AFTER),
    ]
    found = find(tmp_path, {"purchase_orders": orders})
    assert {each.identity for each in found.values()} == {"document purchase_order:acme/1"}
    assert " was not transmitted" in found["purchase_order:acme/1"].what
    assert find(tmp_path, {"purchase_orders": orders}, {"purchase_orders": [wire.purchase_order(1)]}) == {}


def test_only_kinds_whose_feeds_are_valid_are_judged() -> None:
    who = wire.engagement()
    states = {"payments": FeedState.INVALID, "integration_errors": FeedState.REFUSED}
    judged = {kind.name for kind in select_judged(KINDS, wire.feed_health(who, **states))}
    assert judged == {"failed_integration_runs", "failed_order_transmissions"}
    assert len(select_judged(KINDS, wire.feed_health(who))) == 4
    assert select_judged(KINDS, []) == ()


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("-- issue: other", "must be called broken"),
        ("-- severity: dreadful", "one of high, low, medium"),
        ("-- colour: red", "can't read the header line"),
    ],
)
def test_a_wrong_file_is_refused_by_name(tmp_path: Path, header: str, words: str) -> None:
    key = header.removeprefix("-- ").partition(":")[0]
    plain = {"issue": "broken", "title": "T", "definition": "D", "severity": "high", "feeds": "payments", "source": "S"}
    lines = [header, *(f"-- {name}: {value}" for name, value in plain.items() if name != key), "", "select 1"]
    (tmp_path / "broken.sql").write_text("\n".join(lines))
    with pytest.raises(ContractError, match=rf"broken\.sql.*{words}"):
        load_failure_kinds(tmp_path)


def test_a_folder_without_kinds_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="no kinds of technical failures"):
        load_failure_kinds(tmp_path)
