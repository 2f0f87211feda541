"""Builders of wire records, and real typed Parquet made of them, for the tests of metrics and reconciliation.

Each builder returns what Coupa (Salesforce, the tracker) puts on the wire, with a plain, healthy record as the default:
`invoice(7, status="disputed", total_with_taxes="90.00")` changes top-level keys, underscores standing for hyphens.
`currency="EUR"`, `supplier=3` and the like are short for the objects. `_instance` moves a record to another instance.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from hypercare.contracts import Contract, load_contracts
from hypercare.feed_tables import TypedPull
from hypercare.model import COUPA_PAY, Engagement, FeedHealth, FeedState, Segment
from hypercare.typed import write_typed
from hypercare.week_views import WeekViews
from hypercare.weeks import Week

ROOT = Path(__file__).resolve().parents[2]
CONTRACTS: Mapping[str, Contract] = load_contracts(ROOT / "include" / "schemas" / "feeds")

INSTANCE = "acme"
GO_LIVE = date(2026, 2, 2)
WEEK = Week(2026, 13)
"""23 to 29 March: the eighth week after GO_LIVE; the last four weeks begin on 2 March."""
OBSERVED_AT = datetime(2026, 3, 30, 9, 0, tzinfo=UTC)
IN_WEEK = "2026-03-24T14:00:00Z"
"""A Tuesday within WEEK; the default of every instant."""

METRIC_PARAMETERS: Mapping[str, Any] = {
    "email_is_electronic": False,
    "digital_check_is_digital": False,
    "electronic_channels": ["cxml", "sftp", "api", "csp", "san", "email"],
    "other_channels": ["manual", "ui"],
    "backlog_age_days": [7, 14, 30],
    "aged_after_business_days": 10,
    "listed_reasons": 5,
    "listed_ids": 10,
    "priority_words": {
        "tracker": {"high": ["critical", "high"], "medium": ["medium"], "low": ["low"]},
        "salesforce": {"high": ["critical", "high"], "medium": ["medium"], "low": ["low"]},
    },
}

Records = Mapping[str, Sequence[Mapping[str, Any]]]


def engagement(**changes: Any) -> Engagement:
    """A US customer with Coupa Pay, live since GO_LIVE, without holidays."""
    plain = Engagement(
        id="a0X000000000001",
        name="Acme go-live 1",
        customer="Acme",
        account_id="001000000000001",
        segment=Segment.ENTERPRISE,
        region="US",
        go_live=GO_LIVE,
        products=frozenset({COUPA_PAY}),
        time_zone="America/New_York",
        instances=(INSTANCE,),
    )
    return dataclasses.replace(plain, **changes)


def open_views(
    who: Engagement,
    records: Records,
    folder: Path,
    *,
    later: Sequence[Records] = (),
    week: Week = WEEK,
    observed_at: datetime = OBSERVED_AT,
) -> WeekViews:
    """Write the records as typed Parquet below `folder` and open them as the engagement's tables, turned to `week`.

    `records` is the first pull, each of `later` a further one. Close the result, or use it in a with statement.
    """
    pulls = [
        pull
        for number, one in enumerate([records, *later])
        for pull in write_pull(who, one, folder, number, observed_at - timedelta(days=len(later) - number))
    ]
    views = WeekViews(who, CONTRACTS, pulls)
    views.select_week(week, observed_at)
    return views


def write_pull(
    who: Engagement, records: Records, folder: Path, number: int, observed_at: datetime
) -> Iterator[TypedPull]:
    """Write one pull of every feed in `records` and instance, and yield what was written."""
    with duckdb.connect() as connection:
        for feed, rows in records.items():
            contract = CONTRACTS[feed]
            home = who.instances[0] if contract.system == "coupa" else who.id
            for owner in dict.fromkeys([home, *(str(row.get("_instance", home)) for row in rows)]):
                own = [row for row in rows if str(row.get("_instance", home)) == owner]
                stem = folder / f"{feed}-{owner}-{number}"
                source, target = stem.with_suffix(".json"), stem.with_suffix(".parquet")
                source.write_text(json.dumps([{k: v for k, v in row.items() if k != "_instance"} for row in own]))
                write_typed(connection, contract, source, target)
                yield TypedPull(feed, owner, f"{number:04d}", str(target), observed_at)


def feed_health(who: Engagement, **states: FeedState) -> list[FeedHealth]:
    """Every feed of the engagement's products, VALID unless named in `states`; bank statements are not given."""
    states = dict.fromkeys(("bank_statements", "bank_entries"), FeedState.ABSENT) | states
    return [
        FeedHealth(
            feed=contract.feed,
            state=states.get(contract.feed, FeedState.VALID),
            required=not contract.optional,
            reason="" if contract.feed not in states else f"{contract.feed} is {states[contract.feed]}",
        )
        for contract in CONTRACTS.values()
        if contract.feed != "engagements" and (not contract.products or contract.products & who.products)
    ]


def requisition(id: int, **changes: Any) -> dict[str, Any]:
    """An ordered requisition of one line."""
    return _record(
        {
            **_coupa(id),
            "status": "ordered",
            "submitted-at": IN_WEEK,
            "req-title": f"Requisition {id}",
            "total": "100.00",
            "currency": "USD",
            "line-count": 1,
            "requested-by": 1,
            "created-by": 1,
            "department": {"name": "Operations"},
            "requisition-lines": [],
            "approvals": [],
        },
        changes,
    )


def requisition_line(id: int, **changes: Any) -> dict[str, Any]:
    """A line without item, punch-out site or contract."""
    return _record(
        {"id": id, "line-num": 1, "line-type": "RequisitionQuantityLine", "status": "created", "total": "100.00"},
        changes,
    )


def purchase_order(id: int, **changes: Any) -> dict[str, Any]:
    """An issued order, sent by cXML, of one line of 100.00."""
    return _record(
        {
            **_coupa(id),
            "status": "issued",
            "po-number": f"PO-{id}",
            "version": 1,
            "transmission-status": "sent_via_cxml",
            "currency": "USD",
            "supplier": 1,
            "requisition-header": None,
            "created-by": 1,
            "exported": True,
            "order-lines": [order_line(id * 10 + 1)],
        },
        changes,
    )


def order_line(id: int, **changes: Any) -> dict[str, Any]:
    """A line of 100.00 that asks for no receipt, without item or contract."""
    return _record(
        {
            "id": id,
            "line-num": "1",
            "type": "OrderQuantityLine",
            "status": "created",
            "quantity": "1.0",
            "price": "100.00",
            "total": "100.00",
            "received": "0",
            "invoiced": "0",
            "match-type": "2-way",
            "receipt-required": False,
        },
        changes,
    )


def invoice(id: int, **changes: Any) -> dict[str, Any]:
    """An approved, unpaid invoice of 100.00 USD, received by cXML, due in April, of one line without an order."""
    return _record(
        {
            **_coupa(id),
            "status": "approved",
            "invoice-number": f"INV-{id}",
            "invoice-date": "2026-03-24T00:00:00-04:00",
            "document-type": "Invoice",
            "is-credit-note": False,
            "channel": "cxml",
            "net-due-date": "2026-04-23T00:00:00-04:00",
            "gross-total": "100.00",
            "total-with-taxes": "100.00",
            "currency": "USD",
            "supplier": 1,
            "account-type": {"name": "Acme Chart", "legal-entity-name": "Acme Inc."},
            "payment-channel": "coupa_pay_invoice_payment",
            "paid": False,
            "canceled": False,
            "exported": True,
            "created-by": 1,
            "dispute-reasons": [],
            "failed-tolerances": [],
            "invoice-lines": [invoice_line(id * 10 + 1)],
            "payments": [],
            "reconciliation-lines": [],
            "approvals": [],
        },
        changes,
    )


def invoice_line(id: int, **changes: Any) -> dict[str, Any]:
    """A line of 100.00 without an order."""
    return _record(
        {
            "id": id,
            "line-num": 1,
            "type": "InvoiceQuantityLine",
            "status": "new",
            "total": "100.00",
            "quantity": "1.0",
            "price": "100.00",
            "po-number": None,
            "order-line-id": None,
        },
        changes,
    )


def approval_step(id: int, **changes: Any) -> dict[str, Any]:
    """A finished approval as it stands inside an invoice, requisition or expense report."""
    return _record(
        {"id": id, "position": 1, "status": "approved", "created-at": IN_WEEK, "approval-date": IN_WEEK}, changes
    )


def approval(id: int, **changes: Any) -> dict[str, Any]:
    """A finished approval of the approvals feed, of the invoice with id 1."""
    return _record(
        {
            **_coupa(id),
            "approvable-type": "InvoiceHeader",
            "approvable-id": 1,
            "status": "approved",
            "position": 1,
            "type": "ManagementHierarchyApproval",
            "approver-id": 1,
            "approver-type": "User",
            "approval-date": IN_WEEK,
            "approved-by": 1,
        },
        changes,
    )


def receipt(id: int, **changes: Any) -> dict[str, Any]:
    """A receipt of 100.00 on order line 11 of order 1."""
    return _record(
        {
            **_coupa(id),
            "type": "ReceivingQuantityConsumption",
            "status": "created",
            "transaction-date": IN_WEEK,
            "quantity": "1.0",
            "price": "100.00",
            "total": "100.00",
            "currency": "USD",
            "order-line": {"id": 11, "order-header-id": 1},
            "created-by": 1,
        },
        changes,
    )


def expense_report(id: int, **changes: Any) -> dict[str, Any]:
    """A report of one line of 100.00, approved for payment."""
    return _record(
        {
            **_coupa(id),
            "status": "approved_for_payment",
            "submitted-at": IN_WEEK,
            "title": f"Report {id}",
            "total": "100.00",
            "currency": "USD",
            "expensed-by": 1,
            "created-by": 1,
            "paid": False,
            "expense-lines": [expense_line(id * 10 + 1)],
            "expense-policy-violations": [],
            "expense-violations": [],
            "approvals": [],
        },
        changes,
    )


def expense_line(id: int, **changes: Any) -> dict[str, Any]:
    """A line of 100.00 within its limit."""
    return _record(
        {
            "id": id,
            "line-number": 1,
            "status": "created",
            "amount": "100.00",
            "expense-date": "2026-03-20",
            "over-limit": False,
        },
        changes,
    )


def payment(id: int, **changes: Any) -> dict[str, Any]:
    """A completed bank payment of 100.00 USD, released and batched within the week, of invoice 1."""
    return _record(
        {
            **_coupa(id),
            "status": "completed_successfully",
            "payment-batch-id": 1,
            "payment-batch": {"id": 1, "status": "approved", "created-at": IN_WEEK, "updated-at": IN_WEEK},
            "payment-identifier": f"PAY-{id}",
            "released-at": IN_WEEK,
            "transfer-type": "ach",
            "exchange-rate": "1.0",
            "pay-from-total": "100.00",
            "pay-to-total": "100.00",
            "pay-from-currency": "USD",
            "pay-to-currency": "USD",
            "legal-entity-name": "Acme Inc.",
            "exported": True,
            "pay-from-account": {"account-kind": "bank", "payment-option": "direct_bank_integration"},
            "payment-details": [payment_detail(id * 10 + 1)],
        },
        changes,
    )


def payment_detail(id: int, **changes: Any) -> dict[str, Any]:
    """What pays invoice 1 in full."""
    return _record(
        {
            "id": id,
            "payable-id": 1,
            "payable-type": "Payables::Invoice",
            "source-transaction-id": 1,
            "source-transaction-type": "InvoiceHeader",
            "source-transaction-reference": "INV-1",
            "transaction-total": "100.00",
            "discount-total": "0.00",
            "adjustment-total": "0.00",
            "payment-total": "100.00",
            "payable-allocations": [],
        },
        changes,
    )


def allocation(id: int, **changes: Any) -> dict[str, Any]:
    """A credit of 10.00 that went to invoice 1."""
    return _record(
        {
            "id": id,
            "status": "applied",
            "reason-code": "payment",
            "source": "coupa_pay",
            "payable-from-amount": "10.00",
            "payable-to-amount": "10.00",
            "source-transaction-to-id": 1,
            "source-transaction-to-type": "InvoiceHeader",
            "created-at": IN_WEEK,
        },
        changes,
    )


def statement(id: int, **changes: Any) -> dict[str, Any]:
    """A card statement of one line of 100.00."""
    return _record(
        {
            **_coupa(id),
            "external-ref-id": f"ST-{id}",
            "name": f"Statement {id}",
            "statement-date": "2026-03-24",
            "number-of-lines": 1,
            "total": "100.00",
            "currency": "USD",
            "exported": True,
        },
        changes,
    )


def charge(id: int, **changes: Any) -> dict[str, Any]:
    """A charge of 100.00 on statement 1 for order 1."""
    return _record(
        {
            **_coupa(id),
            "statement-id": 1,
            "virtual-card-id": 1,
            "document-type": "OrderHeader",
            "document-id": 1,
            "total": "100.00",
            "merchant-total": "100.00",
            "currency": "USD",
            "charge-date": "2026-03-23",
            "posting-date": "2026-03-24",
        },
        changes,
    )


def supplier(id: int, **changes: Any) -> dict[str, Any]:
    """An active supplier whose orders go out by cXML."""
    return _record(
        {
            **_coupa(id),
            "status": "active",
            "name": f"Supplier {id}",
            "number": f"S-{id}",
            "po-method": "cxml",
            "allow-inv-from-connect": True,
            "allow-cxml-invoicing": False,
            "on-hold": False,
            "one-time-supplier": False,
        },
        changes,
    )


def user(id: int, **changes: Any) -> dict[str, Any]:
    """An active person with a purchasing licence and no role."""
    return _record(
        {
            **_coupa(id),
            "active": True,
            "api-user": False,
            "support-user": False,
            "supplier-user": False,
            "purchasing-user": True,
            "expense-user": False,
            "invoicing-user": False,
            "sourcing-user": False,
            "contracts-user": False,
            "inventory-user": False,
            "analytics-user": False,
            "department": {"name": "Operations"},
            "roles": [],
        },
        changes,
    )


def contract(id: int, **changes: Any) -> dict[str, Any]:
    """A published contract with supplier 1, for the year."""
    return _record(
        {
            **_coupa(id),
            "status": "published",
            "number": f"C-{id}",
            "name": f"Contract {id}",
            "type": "MasterContract",
            "start-date": "2026-01-01",
            "end-date": "2026-12-31",
            "used-for-buying": True,
            "supplier": 1,
        },
        changes,
    )


def integration_run(id: int, **changes: Any) -> dict[str, Any]:
    """A successful export of payments."""
    return _record(
        {
            **_coupa(id),
            "status": "successful",
            "start-time": IN_WEEK,
            "end-time": IN_WEEK,
            "total-records": 10,
            "records-processed": 10,
            "integration": {
                "id": 1,
                "code": "PAYMENT_EXPORT",
                "name": "Payment export",
                "direction": "from_coupa",
                "business-object": "CoupaPay::Payment",
            },
        },
        changes,
    )


def integration_error(id: int, **changes: Any) -> dict[str, Any]:
    """An unresolved error of a payment in run 1."""
    return _record(
        {
            **_coupa(id),
            "status": "failed",
            "resolved": False,
            "document-type": "CoupaPay::Payment",
            "document-id": 1,
            "integration-run-id": 1,
            "integration": {"id": 1, "code": "PAYMENT_EXPORT", "name": "Payment export"},
        },
        changes,
    )


def case(id: str, **changes: Any) -> dict[str, Any]:
    """An open Salesforce case of medium priority."""
    plain = {
        "id": id,
        "case_number": id,
        "account_id": "001000000000001",
        "subject": f"Case {id}",
        "status": "New",
        "priority": "Medium",
        "is_closed": False,
        "created_at": IN_WEEK,
        "closed_at": None,
        "owner": "Support",
    }
    return {**plain, **changes}


def action_item(id: str, **changes: Any) -> dict[str, Any]:
    """An open action item of medium priority with an owner and a due date."""
    plain = {
        "id": id,
        "title": f"Item {id}",
        "state": "open",
        "priority": "Medium",
        "owner": "EM",
        "raised_on": "2026-03-24",
        "due_on": "2026-04-07",
        "internal_only": False,
    }
    return {**plain, **changes}


def bank_statement(id: str, **changes: Any) -> dict[str, Any]:
    """A statement of one account over the whole of March, without entries."""
    plain = {
        "id": id,
        "account": "…1234 0a1b2c3d",
        "currency": "USD",
        "name": f"Statement {id}",
        "page": 1,
        "covered_from": "2026-02-01",
        "covered_through": "2026-03-31",
        "entries": 0,
        "movement": "0",
        "arithmetic": "untold",
        "continuity": "first",
        "file": f"bank statement {id}.xml",
        "file_digest": "0" * 64,
        "place": "Stmt 1",
    }
    return {**plain, **changes}


def bank_entry(id: str, **changes: Any) -> dict[str, Any]:
    """A booked debit of 100.00 USD within the week that names payment PAY-1."""
    plain = {
        "id": id,
        "account": "…1234 0a1b2c3d",
        "currency": "USD",
        "amount": "100.00",
        "is_credit": False,
        "booked_on": "2026-03-24",
        "value_on": "2026-03-24",
        "status": "booked",
        "is_reversal": False,
        "payer_references": "PAY-1",
        "charges": "0",
        "statement": "S1",
        "file": "bank statement S1.xml",
        "file_digest": "0" * 64,
        "place": f"Stmt 1, Ntry {id}",
    }
    return {**plain, **changes}


def _coupa(id: int) -> dict[str, Any]:
    return {"id": id, "created-at": IN_WEEK, "updated-at": IN_WEEK}


REFERENCES = {"supplier", "contract", "item", "punchout-site", "requested-by", "created-by", "expensed-by"} | {
    "approved-by",
    "requisition-header",
}
CURRENCIES = {"currency", "pay-to-currency", "pay-from-currency"}


def _record(plain: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Lay the changes over the plain record and spell out what stands short."""
    renamed = {name if name.startswith("_") else name.replace("_", "-"): value for name, value in changes.items()}
    return {name: _spelled_out(name, value) for name, value in {**plain, **renamed}.items()}


def _spelled_out(name: str, value: Any) -> Any:
    if name in REFERENCES and isinstance(value, int):
        return {"id": value, "name": f"Supplier {value}"} if name == "supplier" else {"id": value}
    if name in CURRENCIES and isinstance(value, str):
        return {"code": value}
    return value
