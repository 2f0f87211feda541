"""Each metric against figures worked out by hand, over real Parquet."""

import sys
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from records import (
    IN_WEEK,
    METRIC_PARAMETERS,
    ROOT,
    WEEK,
    Records,
    action_item,
    allocation,
    approval,
    approval_step,
    case,
    charge,
    engagement,
    expense_line,
    expense_report,
    feed_health,
    integration_error,
    integration_run,
    invoice,
    invoice_line,
    open_views,
    order_line,
    payment,
    payment_detail,
    purchase_order,
    receipt,
    requisition,
    requisition_line,
    supplier,
    user,
)

from hypercare.metrics import load_metrics, measure_week, set_supplier_targets
from hypercare.model import Engagement, MetricResult, Span, Verdict
from hypercare.weeks import Week

DEFINITIONS = load_metrics(ROOT / "include" / "sql" / "metrics")
LAST_WEEK = "2026-03-17T14:00:00Z"
FEBRUARY = "2026-02-10T14:00:00Z"

Measured = Mapping[tuple[Span, str], MetricResult]


class Bench:
    """Measures one metric over given records."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def measure(
        self,
        metric: str,
        records: Records,
        *,
        who: Engagement | None = None,
        week: Week = WEEK,
        targets: tuple[str, ...] = (),
        **parameters: Any,
    ) -> Measured:
        who = who or engagement()
        with open_views(who, records, self.folder, week=week) as views:
            set_supplier_targets(views, targets)
            results = measure_week(
                views, feed_health(who), {metric: DEFINITIONS[metric]}, {**METRIC_PARAMETERS, **parameters}, who
            )
        return {(result.span, result.dimension): result for result in results}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def share(measured: Measured, dimension: str = "", span: Span = Span.WEEK) -> tuple[str, int]:
    """The value, and n."""
    result = measured[span, dimension]
    return str(result.value), result.n


def figure(measured: Measured, dimension: str = "", span: Span = Span.WEEK) -> str:
    return str(measured[span, dimension].value)


def test_every_metric_has_a_case_of_its_own() -> None:
    cases = [name for name in vars(sys.modules[__name__]) if name.startswith("test_")]
    untested = [metric for metric in DEFINITIONS if not any(name.startswith(f"test_{metric}") for name in cases)]
    assert DEFINITIONS
    assert untested == []


@pytest.mark.parametrize("metric", sorted(DEFINITIONS))
def test_no_records_are_nothing_to_measure_and_never_a_share_of_zero(bench: Bench, metric: str) -> None:
    measured = bench.measure(metric, {})
    assert {span for span, _ in measured} == set(Span)
    for result in measured.values():
        if DEFINITIONS[metric].unit in ("share", "hours", "amount"):
            assert (result.verdict, result.value) == (Verdict.NOT_APPLICABLE, None)
            assert result.reason == "nothing to measure yet"
        else:
            assert (result.verdict, result.value, result.n) == (Verdict.PASS, Decimal(0), 0)


# Times


def test_requisition_to_order_time_over_the_night_of_the_clock_change(bench: Bench) -> None:
    friday_16 = "2026-03-06T21:00:00Z"  # New York went from UTC-5 to UTC-4 on 8 March
    measured = bench.measure(
        "requisition_to_order_time",
        {
            "requisitions": [
                requisition(1, submitted_at=friday_16),
                requisition(2, submitted_at="2026-03-10T14:00:00Z", status="approved"),
                requisition(3, submitted_at="2026-03-09T14:00:00Z", status="withdrawn"),
                requisition(4, submitted_at="2026-03-11T14:00:00Z"),
            ],
            "purchase_orders": [
                purchase_order(1, requisition_header=1, created_at="2026-03-09T14:00:00Z"),
                purchase_order(2, requisition_header=1, created_at="2026-03-12T14:00:00Z"),
                purchase_order(3, requisition_header=4, created_at="2026-03-10T14:00:00Z"),
            ],
        },
        week=Week(2026, 11),
    )
    assert share(measured) == ("2.0000", 1)  # Friday 16-17, Monday 9-10; the later order and the resubmission are out
    assert figure(measured, "elapsed_median") == "65.0000"
    assert measured[Span.WEEK, ""].waiting == 1
    assert measured[Span.WEEK, ""].waiting_since.isoformat() == "2026-03-10T14:00:00+00:00"


def test_invoice_approval_time_runs_from_the_first_step_to_the_last(bench: Bench) -> None:
    monday_9, tuesday_10 = "2026-03-23T13:00:00Z", "2026-03-24T14:00:00Z"
    saturday, monday_10 = "2026-03-21T15:00:00Z", "2026-03-23T14:00:00Z"
    invoices = [
        invoice(
            1,
            approvals=[
                approval_step(1, created_at=monday_9, approval_date=monday_9),
                approval_step(2, created_at=tuesday_10, approval_date=tuesday_10),
            ],
        ),
        invoice(2, approvals=[approval_step(3, created_at=saturday, approval_date=monday_10)]),
        invoice(3, status="voided", approvals=[approval_step(4, created_at=FEBRUARY)]),
        invoice(
            4,
            status="pending_approval",
            approvals=[
                approval_step(5, created_at=LAST_WEEK, approval_date=LAST_WEEK),
                approval_step(6, created_at=LAST_WEEK, status="pending_approval", approval_date=None),
            ],
        ),
        invoice(5, approvals=[approval_step(7, created_at=IN_WEEK, approval_date="2026-03-30T08:00:00Z")]),
        invoice(6, approvals=[]),
    ]
    measured = bench.measure("invoice_approval_time", {"invoices": invoices})
    assert share(measured) == ("5.0000", 2)  # between 9 and 1 business hours
    assert figure(measured, "business_mean") == "5.0000"
    assert figure(measured, "business_p90") == "8.2000"
    assert figure(measured, "elapsed_median") == "36.0000"  # between 25 and 47
    waiting = measured[Span.WEEK, ""]
    assert waiting.waiting == 2  # the fifth was approved on the Monday after
    assert waiting.waiting_since.isoformat() == "2026-03-17T14:00:00+00:00"


def test_expense_approval_time_skips_a_holiday(bench: Bench) -> None:
    reports = [
        expense_report(
            1,
            submitted_at="2026-02-13T21:00:00Z",  # Friday 16:00; Monday 16 February is Washington's Birthday
            approvals=[approval_step(1, approval_date="2026-02-17T15:00:00Z")],
        ),
        expense_report(2, status="rejected", approvals=[approval_step(2, status="rejected")]),
        expense_report(
            3,
            status="pending_approval",
            submitted_at="2026-02-18T15:00:00Z",
            approvals=[approval_step(3, status="pending_approval", approval_date=None)],
        ),
    ]
    measured = bench.measure(
        "expense_approval_time",
        {"expense_reports": reports},
        who=engagement(holiday_calendar="US"),
        week=Week(2026, 8),
    )
    assert share(measured) == ("2.0000", 1)
    assert figure(measured, "elapsed_median") == "90.0000"
    assert measured[Span.WEEK, ""].waiting == 1


def test_payment_batch_approval_time_takes_the_first_release(bench: Bench) -> None:
    batch = {"id": 1, "status": "approved", "created-at": "2026-03-23T13:00:00Z"}
    other = {"id": 2, "status": "pending", "created-at": "2026-03-20T13:00:00Z"}
    payments = [
        payment(1, payment_batch=batch, released_at="2026-03-23T17:00:00Z"),
        payment(2, payment_batch=batch, released_at="2026-03-25T17:00:00Z"),
        payment(3, payment_batch_id=2, payment_batch=other, released_at=None, status="draft"),
        payment(4, payment_batch_id=3, payment_batch=other | {"id": 3}, released_at=None, status="cancelled"),
    ]
    measured = bench.measure("payment_batch_approval_time", {"payments": payments})
    assert share(measured) == ("4.0000", 1)
    assert measured[Span.WEEK, ""].waiting == 1
    assert "proxy" in DEFINITIONS["payment_batch_approval_time"].definition


# Shares of documents


def test_electronic_order_share_counts_mail_by_the_policy(bench: Bench) -> None:
    ways = ["sent_via_cxml", "sent_via_email", "sent_manually", "transmission_failure", "scheduled_for_cxml"]
    orders = [purchase_order(number, transmission_status=way) for number, way in enumerate(ways, start=1)]
    orders += [
        purchase_order(6, status="cancelled"),
        purchase_order(7, type="ExternalOrderHeader"),
        purchase_order(8, created_at=LAST_WEEK),
    ]
    measured = bench.measure("electronic_order_share", {"purchase_orders": orders})
    assert share(measured) == ("0.2500", 4)
    assert share(measured, "email_counted") == ("0.5000", 4)
    assert share(measured, span=Span.LAST_FOUR) == ("0.4000", 5)
    assert measured[Span.WEEK, ""].waiting == 1
    counted = bench.measure("electronic_order_share", {"purchase_orders": orders}, email_is_electronic=True)
    assert share(counted) == ("0.5000", 4)


def test_electronic_invoice_share_leaves_out_what_it_does_not_know(bench: Bench) -> None:
    channels = ["cxml", "CSP", "manual", None, "fax"]
    invoices = [invoice(number, channel=channel) for number, channel in enumerate(channels, start=1)]
    invoices += [
        invoice(6, status="voided"),
        invoice(7, document_type="Credit Note", is_credit_note=True),
        invoice(8, status="draft", channel="manual"),
    ]
    measured = bench.measure("electronic_invoice_share", {"invoices": invoices})
    assert share(measured) == ("0.6667", 3)
    assert measured[Span.WEEK, ""].detail == "left out: 1 fax, 1 without channel"


@pytest.mark.parametrize(
    ("zone", "last_instant_before", "first_instant_of"),
    [
        ("Pacific/Apia", "2026-03-22T10:59:59Z", "2026-03-22T11:00:00Z"),
        ("America/New_York", "2026-03-23T03:59:59Z", "2026-03-23T04:00:00Z"),
    ],
)
def test_electronic_invoice_share_begins_the_week_at_the_customers_midnight(
    bench: Bench, zone: str, last_instant_before: str, first_instant_of: str
) -> None:
    invoices = [invoice(1, created_at=last_instant_before), invoice(2, created_at=first_instant_of, channel="manual")]
    who = engagement(time_zone=zone)
    measured = bench.measure("electronic_invoice_share", {"invoices": invoices}, who=who)
    assert share(measured) == ("0.0000", 1)
    assert share(measured, span=Span.LAST_FOUR) == ("0.5000", 2)
    before = bench.measure("electronic_invoice_share", {"invoices": invoices}, who=who, week=WEEK.shift(-1))
    assert share(before) == ("1.0000", 1)


def test_electronic_invoice_share_of_spans_and_the_week_of_the_clock_change(bench: Bench) -> None:
    sunday_before_midnight, after_midnight = "2026-03-09T03:59:59Z", "2026-03-09T04:00:00Z"
    invoices = [
        invoice(1, created_at=sunday_before_midnight),
        invoice(2, created_at=after_midnight),
        invoice(3, created_at="2026-02-02T04:59:59Z"),  # the last second before go-live
        invoice(4, created_at="2026-02-02T05:00:00Z"),
    ]
    measured = bench.measure("electronic_invoice_share", {"invoices": invoices}, week=Week(2026, 10))
    assert [share(measured, span=span)[1] for span in Span] == [1, 1, 2]


def test_order_backed_invoice_share_tells_the_legacy_apart(bench: Bench) -> None:
    backed = [invoice_line(11, order_line_id=11, po_number="PO-1")]
    invoices = [
        invoice(1, invoice_lines=backed),
        invoice(2, invoice_lines=[invoice_line(21), invoice_line(22, po_number="PO-1")]),
        invoice(3, invoice_date="2026-01-15T00:00:00-05:00"),
        invoice(4, status="rejected", invoice_lines=backed),
        invoice(5, status="voided", invoice_lines=backed),
        invoice(6, is_credit_note=True, invoice_lines=backed),
    ]
    measured = bench.measure("order_backed_invoice_share", {"invoices": invoices})
    assert share(measured) == ("0.6667", 3)
    assert share(measured, "dated_since_go_live") == ("1.0000", 2)


def test_first_time_match_share_leaves_out_duplicates_and_orders_after_the_invoice(bench: Bench) -> None:
    on_order_1, on_order_2 = [invoice_line(1, order_line_id=11)], [invoice_line(2, order_line_id=21)]
    failed = [{"id": 1, "code": "price", "resolved": True, "created-at": IN_WEEK}]
    invoices = [
        invoice(1, invoice_lines=on_order_1),
        invoice(2, invoice_lines=on_order_1, failed_tolerances=failed),
        invoice(3, invoice_lines=on_order_1, tolerance_failures="Quantity"),
        invoice(4, invoice_lines=on_order_1, status="rejected"),
        invoice(5, invoice_lines=on_order_1, status="rejected", invoice_number="INV-1"),
        invoice(6, invoice_lines=on_order_2),
        invoice(7),
        invoice(8, invoice_lines=on_order_1, status="voided"),
        invoice(9, invoice_lines=on_order_1, is_credit_note=True),
        invoice(10, invoice_lines=on_order_1, status="processing"),
    ]
    orders = [
        purchase_order(1, created_at=LAST_WEEK, order_lines=[order_line(11)]),
        purchase_order(2, created_at="2026-03-25T14:00:00Z", order_lines=[order_line(21)]),
    ]
    measured = bench.measure("first_time_match_share", {"invoices": invoices, "purchase_orders": orders})
    assert share(measured) == ("0.2500", 4)


def test_expense_lines_in_policy_share_counts_lines(bench: Bench) -> None:
    reports = [
        expense_report(
            1,
            expense_lines=[expense_line(11), expense_line(12, over_limit=True), expense_line(13), expense_line(14)],
            expense_violations=[
                {"id": 1, "receipt-missing": True, "violator": {"id": 13}},
                {"id": 2, "receipt-missing": True, "violator": {"id": 13}},
            ],
            expense_policy_violations=[{"id": 3, "receipt-missing": True}],
        ),
        expense_report(2, status="draft", expense_lines=[expense_line(21, over_limit=True)]),
    ]
    measured = bench.measure("expense_lines_in_policy_share", {"expense_reports": reports})
    assert share(measured) == ("0.5000", 4)
    assert measured[Span.WEEK, ""].detail == "1 violations of a report as a whole"


# Shares of spend


def test_structured_spend_share_keeps_currencies_apart(bench: Bench) -> None:
    records = {
        "requisitions": [requisition(1, requisition_lines=[requisition_line(5, punchout_site=9)])],
        "purchase_orders": [
            purchase_order(
                1,
                order_lines=[
                    order_line(11, item=4, total="300.00"),
                    order_line(12, total="100.00"),
                    order_line(13, total="900.00", status="cancelled"),
                ],
            ),
            purchase_order(2, currency="EUR", order_lines=[order_line(21, requisition_line_id=5, total="50.00")]),
            purchase_order(3, status="draft"),
        ],
    }
    measured = bench.measure("structured_spend_share", records)
    assert share(measured) == ("0.6667", 3)
    assert share(measured, "USD") == ("0.7500", 2)
    assert share(measured, "EUR") == ("1.0000", 1)


def test_pre_approved_spend_share_asks_when_the_order_was_placed(bench: Bench) -> None:
    records = {
        "purchase_orders": [
            purchase_order(1, created_at="2026-03-25T03:00:00Z", order_lines=[order_line(11)]),  # the 24th in New York
            purchase_order(2, created_at="2026-03-25T14:00:00Z", order_lines=[order_line(21)]),
        ],
        "invoices": [
            invoice(
                1,
                invoice_lines=[
                    invoice_line(1, order_line_id=11, total="60.00"),
                    invoice_line(2, order_line_id=21, total="30.00"),
                    invoice_line(3, order_line_id=999, total="10.00"),
                    invoice_line(4, total="-50.00"),
                ],
            ),
            invoice(2, currency="EUR"),
            invoice(3, is_credit_note=True),
            invoice(4, status="pending_approval"),
            invoice(5, status="voided"),
        ],
    }
    measured = bench.measure("pre_approved_spend_share", records)
    assert share(measured) == ("0.2500", 4)
    assert share(measured, "USD") == ("0.6000", 3)
    assert share(measured, "EUR") == ("0.0000", 1)


def test_on_contract_spend_share_looks_at_line_invoice_and_order(bench: Bench) -> None:
    records = {
        "purchase_orders": [purchase_order(1, order_lines=[order_line(11, contract=7)])],
        "invoices": [
            invoice(
                1,
                invoice_lines=[
                    invoice_line(1, contract=7, total="10.00"),
                    invoice_line(2, order_line_id=11, total="20.00"),
                    invoice_line(3, total="70.00"),
                ],
            ),
            invoice(2, contract=7, currency="EUR"),
        ],
    }
    measured = bench.measure("on_contract_spend_share", records)
    assert share(measured) == ("0.7500", 4)
    assert share(measured, "USD") == ("0.3000", 3)
    assert share(measured, "EUR") == ("1.0000", 1)


# Payments


def test_digital_payment_share_of_invoices_paid(bench: Bench) -> None:
    paid = {"paid": True, "payment_date": "2026-03-25T00:00:00-04:00"}
    check = {"account-kind": "bank", "payment-option": "digital_check"}
    records = {
        "invoices": [
            invoice(1, **paid),
            invoice(2, **paid, total_with_taxes="50.00"),
            invoice(3, **paid, currency="EUR"),
            invoice(4, **paid, is_credit_note=True),
            invoice(5, **paid, status="voided"),
            invoice(6),
        ],
        "payments": [
            payment(1),
            payment(2, pay_from_account=check, payment_details=[payment_detail(21, source_transaction_id=2)]),
            payment(3, status="completed_with_errors", payment_details=[payment_detail(31, source_transaction_id=3)]),
        ],
    }
    measured = bench.measure("digital_payment_share", records)
    assert share(measured) == ("0.3333", 3)
    assert share(measured, "USD") == ("0.6667", 2)
    assert share(measured, "EUR") == ("0.0000", 1)
    assert {dimension for span, dimension in measured if span is Span.WEEK and dimension.startswith("method/")} == {
        "method/bank",
        "method/digital_check",
        "method/outside_coupa_pay",
    }
    counted = bench.measure("digital_payment_share", records, digital_check_is_digital=True)
    assert share(counted) == ("0.6667", 3)


def test_paid_on_time_share_and_what_is_overdue(bench: Bench) -> None:
    due = {"net_due_date": "2026-03-25T00:00:00-04:00"}
    record = {"id": 1, "amount-paid": "100.00", "payment-date": "2026-03-27T12:00:00-04:00"}
    invoices = [
        invoice(1, **due, paid=True, payment_date="2026-03-25T00:00:00-04:00"),
        invoice(2, **due, paid=True, payment_date="2026-03-26T00:00:00-04:00", total_with_taxes="300.00"),
        invoice(3, **due, paid=True, payments=[record], currency="EUR"),
        invoice(4, **due, paid=True, payment_date="2026-03-30T00:00:00-04:00"),
        invoice(5, net_due_date="2026-03-29T00:00:00-04:00"),
        invoice(6, net_due_date="2026-03-30T00:00:00-04:00"),
        invoice(7, **due, status="disputed"),
        invoice(8, net_due_date=None, paid=True, payment_date="2026-03-26T00:00:00-04:00"),
    ]
    measured = bench.measure("paid_on_time_share", {"invoices": invoices})
    assert share(measured) == ("0.3333", 3)
    assert share(measured, "USD") == ("0.2500", 2)
    assert share(measured, "EUR") == ("0.0000", 1)
    assert measured[Span.WEEK, ""].waiting == 2  # the fourth was paid on the Monday after, the fifth not at all
    assert measured[Span.WEEK, ""].waiting_since.isoformat() == "2026-03-25T04:00:00+00:00"


# People and suppliers


def test_active_users_counts_people_once_and_by_part(bench: Bench) -> None:
    records = {
        "users": [user(1), user(2), user(3, api_user=True), user(4, supplier_user=True), user(5)],
        "requisitions": [requisition(1, requested_by=1), requisition(2, requested_by=1)],
        "purchase_orders": [
            purchase_order(1, requisition_header=1, created_by=5),
            purchase_order(2, created_by=1),
        ],
        "receipts": [receipt(1, created_by=2, transaction_date=LAST_WEEK)],
        "invoices": [invoice(1, created_by=3), invoice(2, created_by=4), invoice(3, created_by=77)],
        "approvals": [approval(1, approved_by=2), approval(2, approved_by=5, status="pending_approval")],
        "expense_reports": [expense_report(1, submitted_at=None, expensed_by=5)],
    }
    measured = bench.measure("active_users", records)
    assert figure(measured) == "2"
    parts = ["requester", "buyer", "receiver", "approver", "invoice_entry", "expense_submitter"]
    assert [figure(measured, f"part/{part}") for part in parts] == ["1", "1", "0", "1", "0", "0"]
    assert figure(measured, "part/receiver", Span.LAST_FOUR) == "1"


def test_licensed_user_share_per_licence(bench: Bench) -> None:
    records = {
        "users": [
            user(1, invoicing_user=True),
            user(2),
            user(3, active=False),
            user(4, api_user=True),
            user(5, purchasing_user=False, invoicing_user=True),
            user(6, created_at="2026-03-30T12:00:00Z"),
        ],
        "requisitions": [requisition(1, requested_by=1), requisition(2, requested_by=3)],
        "purchase_orders": [],
        "invoices": [invoice(1, created_by=2)],
        "approvals": [approval(1, approved_by=5), approval(2, approved_by=1, approvable_type="ExpenseReport")],
    }
    measured = bench.measure("licensed_user_share", records)
    assert share(measured) == ("0.6667", 3)  # 1 and 5; user 2 has no licence for what it did
    assert share(measured, "licence/purchasing") == ("0.5000", 2)
    assert share(measured, "licence/invoicing") == ("0.5000", 2)
    assert (Span.WEEK, "licence/expense") not in measured


SUPPLIERS = {
    "suppliers": [
        supplier(1),
        supplier(2, po_method="email"),
        supplier(3, on_hold=True),
        supplier(4),
        supplier(5, allow_inv_from_connect=False),
    ],
    "purchase_orders": [
        purchase_order(1, supplier=1),
        purchase_order(2, supplier=2, transmission_status="sent_via_email"),
        purchase_order(3, supplier=5, status="draft"),
    ],
    "invoices": [
        invoice(1, supplier=1, channel="manual"),
        invoice(2, supplier=3, total_with_taxes="300.00"),
        invoice(3, supplier=4, channel="manual", currency="EUR"),
    ],
}


def test_supplier_enablement_share_of_suppliers_with_spend(bench: Bench) -> None:
    measured = bench.measure("supplier_enablement_share", SUPPLIERS)
    assert share(measured) == ("0.5000", 4)  # 1 and 4 of 1, 2, 3, 4
    assert share(measured, "transacting") == ("0.5000", 2)  # 1 by its order; 4 only by hand
    assert share(measured, "spend/USD") == ("0.2500", 2)
    assert share(measured, "spend/EUR") == ("1.0000", 1)
    assert measured[Span.WEEK, ""].detail == "of suppliers with spend"
    assert share(bench.measure("supplier_enablement_share", SUPPLIERS, email_is_electronic=True)) == ("0.7500", 4)


def test_supplier_enablement_share_of_a_target_list(bench: Bench) -> None:
    measured = bench.measure("supplier_enablement_share", SUPPLIERS, targets=("S-1", "acme/5", "S-404"))
    assert share(measured) == ("0.3333", 3)
    assert share(measured, "transacting") == ("1.0000", 1)
    assert measured[Span.WEEK, ""].detail == "of targeted suppliers"
    by_name = {"suppliers": [supplier(1, name="Acme Paper", number="S-1")]}
    measured = bench.measure("supplier_enablement_share", by_name, targets=(" acme paper", "Nobody"))
    assert share(measured) == ("0.5000", 2)


def test_order_transmission_failures_names_the_newest(bench: Bench) -> None:
    failed = {"transmission_status": "transmission_failure"}
    orders = [
        purchase_order(1, **failed),
        purchase_order(2, **failed, created_at="2026-03-25T14:00:00Z"),
        purchase_order(3, **failed, created_at=LAST_WEEK),
        purchase_order(4, **failed, status="cancelled"),
        purchase_order(5),
    ]
    measured = bench.measure("order_transmission_failures", {"purchase_orders": orders}, listed_ids=1)
    assert figure(measured) == "2"
    assert figure(measured, span=Span.LAST_FOUR) == "3"
    assert measured[Span.WEEK, ""].detail == "PO-2"


# Evidence of production


def test_production_transactions_names_the_chain(bench: Bench) -> None:
    records = {
        "requisitions": [requisition(1), requisition(2, submitted_at="2026-01-20T12:00:00Z")],
        "purchase_orders": [
            purchase_order(1, requisition_header=1, order_lines=[order_line(11, receipt_required=True)]),
            purchase_order(2, requisition_header=2),
        ],
        "receipts": [receipt(1), receipt(2, type="VoidReceivingQuantityConsumption")],
        "invoices": [
            invoice(1, invoice_lines=[invoice_line(1, order_line_id=11)]),
            invoice(2),
            invoice(3, is_credit_note=True, total_with_taxes="-10.00"),
            invoice(4, is_credit_note=True, total_with_taxes="-10.00"),
        ],
        "expense_reports": [expense_report(1, paid=True), expense_report(2)],
        "payments": [
            payment(
                1,
                payment_details=[
                    payment_detail(
                        11,
                        payable_allocations=[
                            allocation(1, source_transaction_from_id=3, source_transaction_from_type="InvoiceHeader")
                        ],
                    )
                ],
            ),
            payment(2, status="payment_initiated", payment_details=[payment_detail(21, source_transaction_id=2)]),
            payment(3, pay_from_account={"account-kind": "virtual_card"}, payment_details=[]),
        ],
        "charges": [charge(1, document_type="CoupaPay::Payment", document_id=3)],
    }
    measured = bench.measure("production_transactions", records)
    detail = {dimension: measured[Span.WEEK, dimension].detail for span, dimension in measured if span is Span.WEEK}
    assert detail == {
        "requisition_to_order": "requisition:acme/1, purchase_order:acme/1",
        "order_to_receipt": "purchase_order:acme/1, receipt:acme/1",
        "order_to_invoice": "purchase_order:acme/1, invoice:acme/1",
        "invoice_to_payment": "invoice:acme/1, payment:acme/1",
        "requisition_to_payment": (
            "requisition:acme/1, purchase_order:acme/1, receipt:acme/1, invoice:acme/1, payment:acme/1"
        ),
        "non_order_invoice_to_payment": "",  # its payment is on the way
        "expense_to_reimbursement": "expense_report:acme/1 paid",
        "virtual_card": "payment:acme/3, charge:acme/1",
        "credit_note": "credit_note:acme/3",
    }
    assert figure(measured, "non_order_invoice_to_payment") == "0"
    assert figure(measured, "credit_note") == "1"


def test_production_transactions_need_the_receipt_that_the_order_asks_for(bench: Bench) -> None:
    records = {
        "requisitions": [requisition(1)],
        "purchase_orders": [
            purchase_order(1, requisition_header=1, order_lines=[order_line(11, receipt_required=True)])
        ],
        "invoices": [invoice(1, invoice_lines=[invoice_line(1, order_line_id=11)])],
        "payments": [payment(1)],
    }
    measured = bench.measure("production_transactions", records)
    assert figure(measured, "requisition_to_payment") == "0"
    assert figure(measured, "invoice_to_payment") == "1"


def test_production_transactions_without_coupa_pay_take_the_paid_mark(bench: Bench) -> None:
    records = {"invoices": [invoice(1, paid=True, payment_date="2026-03-25T00:00:00-04:00"), invoice(2)]}
    measured = bench.measure("production_transactions", records, who=engagement(products=frozenset()))
    assert measured[Span.WEEK, "invoice_to_payment"].detail == "invoice:acme/1 paid"
    assert figure(measured, "invoice_to_payment") == "1"
    assert measured[Span.WEEK, "virtual_card"].verdict is Verdict.NOT_APPLICABLE


# Backlog


def test_invoice_backlog_by_status_and_age(bench: Bench) -> None:
    invoices = [
        invoice(1, status="pending_approval", created_at="2026-03-22T14:00:00Z"),  # 7 days before Sunday
        invoice(2, status="pending_approval", created_at="2026-03-21T14:00:00Z"),  # 8 days
        invoice(3, status="disputed", created_at="2026-01-10T14:00:00Z"),  # before go-live, and still open
        invoice(4, status="rejected"),
        invoice(5, status="draft"),
        invoice(6),
        invoice(7, status="on_hold", created_at="2026-03-30T08:00:00Z"),
        invoice(8, status="pending_approval", is_credit_note=True),
    ]
    measured = bench.measure("invoice_backlog", {"invoices": invoices})
    assert figure(measured) == "3"
    assert figure(measured, "status/pending_approval") == "2"
    ages = [figure(measured, f"age/{label}") for label in ("0-7", "8-14", "15-30", "31+")]
    assert ages == ["1", "1", "0", "1"]
    assert measured[Span.WEEK, ""].waiting_since.isoformat() == "2026-01-10T14:00:00+00:00"
    assert {figure(measured, span=span) for span in Span} == {"3"}


def test_invoices_past_due_per_currency(bench: Bench) -> None:
    due = {"net_due_date": "2026-03-20T00:00:00-04:00"}
    part = {"id": 1, "amount-paid": "40.00", "payment-date": "2026-03-24T12:00:00-04:00"}
    invoices = [
        invoice(1, **due, payments=[part]),
        invoice(2, net_due_date="2026-03-29T00:00:00-04:00", total_with_taxes="11.11"),
        invoice(3, **due, paid=True, payment_date="2026-03-21T00:00:00-04:00"),
        invoice(4, **due, paid=True, payment_date="2026-03-30T00:00:00-04:00"),
        invoice(5, **due, status="pending_approval"),
        invoice(6, currency="EUR"),
        invoice(7, **due, is_credit_note=True),
    ]
    measured = bench.measure("invoices_past_due", {"invoices": invoices})
    assert share(measured, "USD") == ("171.11", 3)
    assert share(measured, "EUR") == ("0.00", 0)
    assert measured[Span.WEEK, "USD"].waiting_since.isoformat() == "2026-03-20T04:00:00+00:00"
    assert (Span.WEEK, "") not in measured


def test_invoices_held_with_their_top_reasons(bench: Bench) -> None:
    open_price = {"id": 1, "code": "price", "resolved": False}
    settled = {"id": 2, "code": "quantity", "resolved": True}
    invoices = [
        invoice(1, status="on_hold", failed_tolerances=[open_price, settled]),
        invoice(2, status="disputed", dispute_reasons=[{"code": "price", "description": "Price"}]),
        invoice(3, status="disputed", dispute_reasons=[{"code": None, "description": "Wrong entity"}]),
        invoice(4, status="pending_approval", failed_tolerances=[open_price]),
    ]
    measured = bench.measure("invoices_held", {"invoices": invoices})
    assert figure(measured) == "3"
    assert figure(measured, "status/disputed") == "2"
    assert figure(measured, "reason/price") == "2"
    assert figure(measured, "reason/Wrong entity") == "1"
    fewer = bench.measure("invoices_held", {"invoices": invoices}, listed_reasons=1)
    assert [name for span, name in fewer if span is Span.WEEK and "reason" in name] == ["reason/price"]


def test_approvals_waiting_by_role_and_document(bench: Bench) -> None:
    pending = {"status": "pending_approval", "approval_date": None, "approved_by": None}
    records = {
        "users": [user(1, roles=[{"id": 1, "name": "AP Manager"}]), user(2)],
        "approvals": [
            approval(1, **pending, created_at=LAST_WEEK),
            approval(2, **pending, position=2),  # not yet its turn
            approval(3, **pending, approvable_id=2, approver_id=2),
            approval(4, **pending, approvable_type="RequisitionHeader", approver_type="ApprovalGroup", approver_id=9),
            approval(5, approvable_id=3),
            approval(6, approvable_id=4, approval_date="2026-03-30T08:00:00Z"),
        ],
    }
    measured = bench.measure("approvals_waiting", records)
    assert figure(measured) == "4"
    assert figure(measured, "document/InvoiceHeader") == "3"
    assert figure(measured, "role/AP Manager") == "2"
    assert figure(measured, "role/User") == "1"
    assert figure(measured, "role/ApprovalGroup") == "1"
    assert measured[Span.WEEK, "role/AP Manager"].waiting_since.isoformat() == "2026-03-17T14:00:00+00:00"


def test_orders_awaiting_receipt_by_age(bench: Bench) -> None:
    asks = {"receipt_required": True, "quantity": "2"}
    orders = [
        purchase_order(1, order_lines=[order_line(11, **asks, received="1"), order_line(12, **asks)]),
        purchase_order(2, order_lines=[order_line(21, **asks, received="2")]),
        purchase_order(3, order_lines=[order_line(31, **asks, type="OrderAmountLine", received="99.00")]),
        purchase_order(4, order_lines=[order_line(41, **asks, type="OrderAmountLine", received="100.00")]),
        purchase_order(5),
        purchase_order(6, status="closed", order_lines=[order_line(61, **asks)]),
        purchase_order(7, created_at=FEBRUARY, order_lines=[order_line(71, **asks)]),
    ]
    measured = bench.measure("orders_awaiting_receipt", {"purchase_orders": orders})
    assert figure(measured) == "3"
    assert figure(measured, "age/0-7") == "2"
    assert figure(measured, "age/31+") == "1"
    assert measured[Span.WEEK, ""].waiting_since.isoformat() == "2026-02-10T14:00:00+00:00"


# Volumes

DOCUMENTS = {
    "requisitions": [requisition(1), requisition(2, submitted_at=None, status="draft")],
    "purchase_orders": [
        purchase_order(1, order_lines=[order_line(11), order_line(12, total="50.25")]),
        purchase_order(2, status="cancelled"),
    ],
    "receipts": [receipt(1), receipt(2, type="VoidReceivingQuantityConsumption")],
    "invoices": [
        invoice(1),
        invoice(2, currency="EUR", created_at=LAST_WEEK),
        invoice(3, status="voided"),
        invoice(4, is_credit_note=True, total_with_taxes="-10.00"),
    ],
    "payments": [payment(1), payment(2, released_at=None, status="draft")],
}


def test_transaction_volume_counts_what_coupa_lists(bench: Bench) -> None:
    measured = bench.measure("transaction_volume", DOCUMENTS)
    week = {name: str(result.value) for (span, name), result in measured.items() if span is Span.WEEK}
    assert week == {
        "requisitions": "1",
        "purchase_orders": "2",
        "receipts": "1",
        "invoices": "2",
        "credit_notes": "1",
        "expense_reports": "0",
        "payments": "1",
        "charges": "0",
    }
    assert figure(measured, "invoices", Span.LAST_FOUR) == "3"


def test_transaction_amount_never_adds_currencies(bench: Bench) -> None:
    measured = bench.measure("transaction_amount", DOCUMENTS)
    week = {name: str(result.value) for (span, name), result in measured.items() if span is Span.WEEK}
    assert week == {
        "requisitions/USD": "100.00",
        "purchase_orders/USD": "150.25",
        "receipts/USD": "100.00",
        "invoices/USD": "100.00",
        "invoices/EUR": "0.00",
        "credit_notes/USD": "-10.00",
        "payments/USD": "100.00",
    }
    assert figure(measured, "invoices/EUR", Span.LAST_FOUR) == "100.00"


# Integrations, items and cases


def test_integration_run_failures_over_finished_runs(bench: Bench) -> None:
    suppliers = {"id": 2, "code": "SUPPLIERS", "name": "Supplier import"}
    runs = [
        integration_run(1),
        integration_run(2, status="failed"),
        integration_run(3, status="errored", integration=suppliers),
        integration_run(4, status="running", start_time=LAST_WEEK),
        integration_run(5, start_time=LAST_WEEK),
    ]
    measured = bench.measure("integration_run_failures", {"integration_runs": runs})
    assert share(measured) == ("0.6667", 3)
    assert share(measured, "integration/PAYMENT_EXPORT") == ("0.5000", 2)
    assert share(measured, "integration/SUPPLIERS") == ("1.0000", 1)
    assert share(measured, span=Span.LAST_FOUR) == ("0.5000", 4)
    assert measured[Span.WEEK, ""].waiting == 1


def test_integration_errors_unresolved_of_the_span_and_in_all(bench: Bench) -> None:
    errors = [
        integration_error(1),
        integration_error(2, resolved=True),
        integration_error(3, created_at=FEBRUARY, document_type="InvoiceHeader"),
    ]
    measured = bench.measure("integration_errors_unresolved", {"integration_errors": errors})
    assert figure(measured) == "1"
    assert figure(measured, span=Span.SINCE_GO_LIVE) == "2"
    assert figure(measured, "document/InvoiceHeader", Span.SINCE_GO_LIVE) == "1"
    assert measured[Span.WEEK, ""].waiting == 2
    assert measured[Span.WEEK, ""].waiting_since.isoformat() == "2026-02-10T14:00:00+00:00"


def test_action_items_new_closed_open_and_aged(bench: Bench) -> None:
    items = [
        action_item("1", priority=" High "),
        action_item("2", priority="critical", raised_on="2026-03-13"),  # the tenth business day after is Friday 27
        action_item("3", priority="HIGH", raised_on="2026-03-02", state="closed", resolved_on="2026-03-29"),
        action_item("4", priority="low", raised_on="2026-03-02", state="closed", resolved_on="2026-03-30"),
        action_item("5", priority="someday"),
        action_item("6", priority=None, raised_on=None),
        action_item("7", raised_on="2026-03-30"),
    ]
    measured = bench.measure("action_items", {"action_items": items})
    assert figure(measured) == "5"
    assert [figure(measured, f"open/{word}") for word in ("high", "medium", "low", "unsorted")] == ["2", "0", "1", "2"]
    assert [figure(measured, f"aged/{word}") for word in ("high", "low")] == ["1", "1"]
    assert [figure(measured, f"new/{word}") for word in ("high", "unsorted")] == ["1", "1"]
    assert figure(measured, "new/high", Span.LAST_FOUR) == "3"
    assert figure(measured, "closed/high") == "1"
    assert figure(measured, "closed/low") == "0"
    assert measured[Span.WEEK, "open/high"].waiting_since.isoformat() == "2026-03-13T04:00:00+00:00"


def test_support_cases_by_priority(bench: Bench) -> None:
    closed = {"is_closed": True, "status": "Closed"}
    cases = [
        case("1", priority="Critical", created_at=FEBRUARY),
        case("2", **closed, closed_at="2026-03-26T14:00:00Z"),
        case("3", **closed, closed_at="2026-03-30T08:00:00Z"),
        case("4", priority="Other"),
    ]
    measured = bench.measure("support_cases", {"cases": cases})
    assert figure(measured) == "3"
    assert figure(measured, "aged/high") == "1"
    assert figure(measured, "closed/medium") == "1"
    assert figure(measured, "open/medium") == "1"
    assert figure(measured, "open/unsorted") == "1"
    assert figure(measured, "new/medium") == "2"
