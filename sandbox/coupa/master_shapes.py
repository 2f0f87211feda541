"""Builders of users, suppliers, contracts, expenses and integration records; see `shapes` for what they share."""

from __future__ import annotations

from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from typing import TYPE_CHECKING

from sandbox.coupa.building import NEW_YEAR, ZERO, Body, record, supplier_stub, user_stub

if TYPE_CHECKING:
    from collections.abc import Sequence


def user(
    *,
    id: int,
    created_at: datetime = NEW_YEAR,
    zone: tzinfo = UTC,
    firstname: str = "Demo",
    lastname: str | None = None,
    active: bool = True,
    licences: Sequence[str] = ("purchasing", "expense"),
    **more: object,
) -> Body:
    """Build a user (`users`); `licences` are the words before `-user`, such as purchasing, invoicing, analytics."""
    flags = ("analytics", "contracts", "expense", "inventory", "invoicing", "purchasing", "sourcing", "travel")
    values: Body = {
        **user_stub(id, firstname, lastname),
        **{f"{flag}-user": flag in licences for flag in flags},
        "active": active,
        "api_user": False,
        "support_user": False,
        "supplier_user": False,
        "authentication_method": "saml",
    }
    return record("User", created_at, zone, values, more)


def supplier(
    *,
    id: int,
    created_at: datetime = NEW_YEAR,
    zone: tzinfo = UTC,
    name: str | None = None,
    number: str | None = None,
    status: str = "active",
    po_method: str = "cxml",
    payment_method: str = "invoice",
    matching_level: str = "3-way",
    connected: bool = True,
    **more: object,
) -> Body:
    """Build a supplier (`suppliers`); `connected`: it may send invoices from the supplier portal."""
    values = {
        **supplier_stub(id, name, number),
        "status": status,
        "po_method": po_method,
        "po_change_method": po_method,
        "po_email": f"orders{id}@example.com",
        "payment_method": payment_method,
        "invoice_matching_level": matching_level,
        "allow_inv_from_connect": connected,
        "allow_inv_no_backing_doc_from_connect": False,
        "allow_cxml_invoicing": po_method == "cxml",
        "on_hold": False,
        "one_time_supplier": False,
        "supplier_community_enablement": 1 if connected else 0,
    }
    return record("Supplier", created_at, zone, values, more)


def contract(
    *,
    id: int,
    created_at: datetime = NEW_YEAR,
    zone: tzinfo = UTC,
    status: str = "published",
    supplier: Body | None = None,
    start_date: date | None = None,
    end_date: date | None = None,
    currency: str = "USD",
    **more: object,
) -> Body:
    """Build a contract (`contracts`)."""
    values = {
        "id": id,
        "number": f"C{id:05d}",
        "name": f"Contract {id}",
        "status": status,
        "type": "MasterContract",
        "start_date": start_date or created_at.astimezone(zone).date(),
        "end_date": end_date,
        "supplier": supplier or supplier_stub(1),
        "used_for_buying": True,
        "version": 1,
    }
    return record("Contract", created_at, zone, values, more, currency=currency)


def expense_report(
    *,
    id: int,
    created_at: datetime = NEW_YEAR,
    zone: tzinfo = UTC,
    status: str = "approved",
    submitted_at: datetime | None = None,
    expensed_by: Body | None = None,
    total: Decimal = ZERO,
    currency: str = "USD",
    lines: Sequence[Body] = (),
    approvals: Sequence[Body] = (),
    **more: object,
) -> Body:
    """Build an expense report (`expense_reports`)."""
    values = {
        "id": id,
        "title": f"Expense report {id}",
        "status": status,
        "submitted_at": submitted_at,
        "expensed_by": expensed_by or user_stub(1),
        "total": total,
        "reimbursable_total_amount": total,
        "paid": status == "paid",
        "past_due": False,
        "exported": False,
        "is_trip": False,
        "expense_lines": list(lines),
        "approvals": list(approvals),
    }
    return record("ExpenseReport", created_at, zone, values, more, currency=currency)


def expense_line(
    *,
    id: int,
    created_at: datetime = NEW_YEAR,
    zone: tzinfo = UTC,
    line_number: int = 1,
    report_id: int | None = None,
    amount: Decimal = ZERO,
    currency: str = "USD",
    expense_date: date | None = None,
    over_limit: bool = False,
    **more: object,
) -> Body:
    """Build a line of an expense report (also `expense_lines`)."""
    values = {
        "id": id,
        "line_number": line_number,
        "expense_report_id": report_id,
        "amount": amount,
        "approved_amount": amount,
        "expense_date": expense_date or created_at.astimezone(zone).date(),
        "over_limit": over_limit,
        "requires_receipt": False,
        "employee_reimbursable": True,
        "description": f"Line {line_number}",
        "merchant": "Example Travel",
    }
    return record("ExpenseLine", created_at, zone, values, more, currency=currency)


def integration(
    *,
    id: int,
    created_at: datetime = NEW_YEAR,
    zone: tzinfo = UTC,
    code: str | None = None,
    direction: str = "from_coupa",
    business_object: str = "InvoiceHeader",
    **more: object,
) -> Body:
    """Build an integration (`integrations`); `direction` is to_coupa or from_coupa."""
    values = {
        "id": id,
        "code": code or f"INT-{id}",
        "name": f"Integration {id}",
        "direction": direction,
        "business_object": business_object,
        "end_system": "ERP",
        "integration_type": "api",
        "standard": True,
    }
    return record("Integration", created_at, zone, values, more)


def integration_run(
    *,
    id: int,
    created_at: datetime = NEW_YEAR,
    zone: tzinfo = UTC,
    status: str = "successful",
    integration: Body | None = None,
    total_records: int = 0,
    records_processed: int | None = None,
    end_time: datetime | None = None,
    errors: Sequence[Body] = (),
    **more: object,
) -> Body:
    """Build a run of an integration (`integration_runs`)."""
    values = {
        "id": id,
        "status": status,
        "integration": integration,
        "start_time": created_at,
        "end_time": end_time,
        "total_records": total_records,
        "records_processed": total_records if records_processed is None else records_processed,
        "integration_errors": list(errors),
    }
    return record("IntegrationRun", created_at, zone, values, more)


def integration_error(
    *,
    id: int,
    created_at: datetime = NEW_YEAR,
    zone: tzinfo = UTC,
    document_type: str = "InvoiceHeader",
    document_id: int | None = None,
    run_id: int | None = None,
    resolved: bool = False,
    **more: object,
) -> Body:
    """Build an error of an integration (`integration_errors`)."""
    values = {
        "id": id,
        "document_type": document_type,
        "document_id": document_id,
        "integration_run_id": run_id,
        "integration_run": None if run_id is None else {"id": run_id},
        "resolved": resolved,
        "status": "resolved" if resolved else "created",
        "contact_alert_type": "Functional",
        "creation_method": "api",
    }
    return record("IntegrationError", created_at, zone, values, more)
