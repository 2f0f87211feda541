"""Builders of requisitions, purchase orders, receipts, invoices and approvals; see `shapes` for what they share."""

from __future__ import annotations

from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from typing import TYPE_CHECKING

from sandbox.coupa.building import NEW_YEAR, ONE, ZERO, Body, record, round_amount, supplier_stub, user_stub

if TYPE_CHECKING:
    from collections.abc import Sequence


def requisition(
    *,
    id: int,
    created_at: datetime = NEW_YEAR,
    zone: tzinfo = UTC,
    status: str = "approved",
    submitted_at: datetime | None = None,
    requested_by: Body | None = None,
    total: Decimal = ZERO,
    currency: str = "USD",
    lines: Sequence[Body] = (),
    approvals: Sequence[Body] = (),
    **more: object,
) -> Body:
    """Build a requisition (`requisitions`)."""
    values = {
        "id": id,
        "status": status,
        "exported": False,
        "submitted_at": submitted_at,
        "requested_by": requested_by or user_stub(1),
        "req_title": f"Requisition {id}",
        "total": total,
        "line_count": len(lines),
        "requisition_lines": list(lines),
        "approvals": list(approvals),
    }
    return record("RequisitionHeader", created_at, zone, values, more, currency=currency)


def requisition_line(
    *,
    id: int,
    created_at: datetime = NEW_YEAR,
    zone: tzinfo = UTC,
    line_num: int = 1,
    quantity: Decimal = ONE,
    unit_price: Decimal = ZERO,
    currency: str = "USD",
    supplier: Body | None = None,
    source_type: str = "Non-Catalog Request",
    **more: object,
) -> Body:
    """Build a line of a requisition; `item`, `punchout_site`, `contract`, `order_line_id` by `more`."""
    values = {
        "id": id,
        "line_num": line_num,
        "line_type": "RequisitionQuantityLine",
        "status": "ordered",
        "source_type": source_type,
        "description": f"Line {line_num}",
        "quantity": quantity,
        "unit_price": unit_price,
        "total": round_amount(quantity * unit_price, currency),
        "supplier": supplier or supplier_stub(1),
        "receipt_required": False,
    }
    return record("RequisitionLine", created_at, zone, values, more, currency=currency)


def purchase_order(
    *,
    id: int,
    created_at: datetime = NEW_YEAR,
    zone: tzinfo = UTC,
    status: str = "issued",
    transmission_status: str = "sent_via_cxml",
    requisition_id: int | None = None,
    supplier: Body | None = None,
    currency: str = "USD",
    version: int = 1,
    lines: Sequence[Body] = (),
    **more: object,
) -> Body:
    """Build a purchase order (`purchase_orders`), whose header has no total; `type` may be ExternalOrderHeader."""
    values = {
        "id": id,
        "po_number": str(id),
        "status": status,
        "type": "OrderHeader",
        "version": version,
        "internal_revision": version,
        "exported": False,
        "acknowledged_flag": False,
        "transmission_status": transmission_status,
        "transmission_method_override": "supplier_default",
        "requisition_header": None if requisition_id is None else {"id": requisition_id},
        "supplier": supplier or supplier_stub(1),
        "order_lines": list(lines),
    }
    return record("OrderHeader", created_at, zone, values, more, currency=currency)


def order_line(
    *,
    id: int,
    created_at: datetime = NEW_YEAR,
    zone: tzinfo = UTC,
    line_num: int = 1,
    order_id: int | None = None,
    quantity: Decimal = ONE,
    price: Decimal = ZERO,
    currency: str = "USD",
    match_type: str = "3-way",
    status: str = "created",
    **more: object,
) -> Body:
    """Build a line of a purchase order (also `purchase_order_lines`); `line-num` is text on the wire."""
    values = {
        "id": id,
        "line_num": str(line_num),
        "type": "OrderQuantityLine",
        "order_header_id": order_id,
        "order_header_number": None if order_id is None else str(order_id),
        "description": f"Line {line_num}",
        "quantity": quantity,
        "price": price,
        "total": round_amount(quantity * price, currency),
        "received": ZERO,
        "invoiced": ZERO,
        "status": status,
        "match_type": match_type,
        "receipt_required": False,
        "version": 1,
    }
    return record("OrderLine", created_at, zone, values, more, currency=currency)


def invoice(
    *,
    id: int,
    created_at: datetime = NEW_YEAR,
    zone: tzinfo = UTC,
    status: str = "approved",
    total: Decimal = ZERO,
    currency: str = "USD",
    supplier: Body | None = None,
    account_type: Body | None = None,
    channel: str | None = "cXML",
    invoice_date: date | None = None,
    net_due_date: date | None = None,
    paid: bool = False,
    credit_note: bool = False,
    lines: Sequence[Body] = (),
    payments: Sequence[Body] = (),
    approvals: Sequence[Body] = (),
    **more: object,
) -> Body:
    """Build an invoice or credit note (`invoices`); `account_type` is its legal entity."""
    values = {
        "id": id,
        "invoice_number": f"INV-{id}",
        "document_type": "Credit Note" if credit_note else "Invoice",
        "is_credit_note": credit_note,
        "status": status,
        "invoice_date": invoice_date or created_at.astimezone(zone).date(),
        "date_received": created_at,
        "net_due_date": net_due_date,
        "gross_total": total,
        "total_with_taxes": total,
        "supplier_total": total,
        "amount_due": ZERO if paid else total,
        "supplier": supplier or supplier_stub(1),
        "account_type": account_type,
        "channel": channel,
        "canceled": False,
        "compliant": True,
        "supplier_created": channel == "CSP",
        "exported": False,
        "paid": paid,
        "line_count": len(lines),
        "invoice_lines": list(lines),
        "payments": list(payments),
        "approvals": list(approvals),
    }
    return record("InvoiceHeader", created_at, zone, values, more, currency=currency)


def invoice_line(
    *,
    id: int,
    created_at: datetime = NEW_YEAR,
    zone: tzinfo = UTC,
    line_num: int = 1,
    quantity: Decimal = ONE,
    price: Decimal = ZERO,
    currency: str = "USD",
    po_number: str | None = None,
    order_line_id: int | None = None,
    status: str | None = None,
    **more: object,
) -> Body:
    """Build a line of an invoice; without `po_number` it is unbacked."""
    values = {
        "id": id,
        "line_num": line_num,
        "type": "InvoiceQuantityLine",
        "line_type": "InvoiceQuantityLine",
        "description": f"Line {line_num}",
        "quantity": quantity,
        "price": price,
        "total": round_amount(quantity * price, currency),
        "po_number": po_number,
        "order_header_num": po_number,
        "order_line_id": order_line_id,
        "order_line_num": None if order_line_id is None else str(line_num),
        "status": status,
    }
    return record("InvoiceLine", created_at, zone, values, more, currency=currency)


def invoice_payment(
    *,
    id: int,
    created_at: datetime = NEW_YEAR,
    zone: tzinfo = UTC,
    amount_paid: Decimal = ZERO,
    currency: str = "USD",
    payment_date: datetime | None = None,
    invoice_id: int | None = None,
    **more: object,
) -> Body:
    """Build an element of an invoice's `payments`; it has no currency of its own, `currency` sets its decimals."""
    values = {
        "id": id,
        "amount_paid": amount_paid,
        "payment_date": payment_date or created_at,
        "category": "payment",
        "payable_id": invoice_id,
        "payable_type": "InvoiceHeader",
    }
    return record("Payment", created_at, zone, values, more, currency=currency)


def approval(
    *,
    id: int,
    created_at: datetime = NEW_YEAR,
    zone: tzinfo = UTC,
    approvable_type: str = "InvoiceHeader",
    approvable_id: int | None = None,
    status: str = "approved",
    approval_date: datetime | None = None,
    approver: Body | None = None,
    position: int = 1,
    **more: object,
) -> Body:
    """Build an approval (`approvals`, and nested); `approval_date` and `approved-by` are set once it is decided."""
    approver = approver or user_stub(2)
    values = {
        "id": id,
        "approvable_type": approvable_type,
        "approvable_id": approvable_id,
        "status": status,
        "approval_date": approval_date,
        "approver": approver,
        "approver_id": approver["id"],
        "approver_type": "User",
        "approved_by": approver if approval_date else None,
        "position": position,
        "type": "ManagementHierarchyApproval",
        "holdable": False,
    }
    return record("Approval", created_at, zone, values, more)


def receipt(
    *,
    id: int,
    created_at: datetime = NEW_YEAR,
    zone: tzinfo = UTC,
    type: str = "InventoryReceipt",
    order_line_id: int | None = None,
    order_id: int | None = None,
    quantity: Decimal = ONE,
    price: Decimal = ZERO,
    currency: str = "USD",
    transaction_date: datetime | None = None,
    **more: object,
) -> Body:
    """Build a receipt (`receiving_transactions`); other `type`s are consumption, disposal, return and their voids."""
    order_line_reference = {"id": order_line_id, "order-header-id": order_id}
    values = {
        "id": id,
        "type": type,
        "status": "created",
        "quantity": quantity,
        "price": price,
        "total": round_amount(quantity * price, currency),
        "transaction_date": transaction_date or created_at,
        "order_line": None if order_line_id is None else order_line_reference,
        "exported": False,
    }
    return record("InventoryTransaction", created_at, zone, values, more, currency=currency)
