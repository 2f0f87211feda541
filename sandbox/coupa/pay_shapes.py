"""Builders of Coupa Pay's payments, card statements and charges; see `shapes` for what they share."""

from __future__ import annotations

from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from typing import TYPE_CHECKING

from sandbox.coupa.building import NEW_YEAR, ZERO, Body, currency_stub, record, supplier_stub, write_instant

if TYPE_CHECKING:
    from collections.abc import Sequence


def payment(
    *,
    id: int,
    created_at: datetime = NEW_YEAR,
    zone: tzinfo = UTC,
    status: str = "completed_successfully",
    batch_id: int = 1,
    total: Decimal = ZERO,
    currency: str = "USD",
    released_at: datetime | None = None,
    exported: bool = False,
    account_kind: str = "bank",
    payment_option: str = "direct_bank_integration",
    supplier: Body | None = None,
    legal_entity_name: str | None = None,
    details: Sequence[Body] = (),
    **more: object,
) -> Body:
    """Build a payment (`coupa_pay/payments`), paid from and to accounts in one currency unless `more` says otherwise.

    `account_kind`: bank, virtual_card or digital_wallet; `payment_option`: direct_debit, direct_bank_integration,
    digital_check, push or paypal.
    """
    money = currency_stub(currency)
    payee = supplier or supplier_stub(1)
    stamp = write_instant(created_at, zone)
    values = {
        "id": id,
        "status": status,
        "type": "CoupaPay::Payment",
        "payment_identifier": f"PAY-{id}",
        "external_ref_id": 1_000_000 + id,
        "line_num": 1,
        "payment_batch_id": batch_id,
        "payment_batch": {"id": batch_id, "status": "approved", "created-at": stamp, "updated-at": stamp},
        "exchange_rate": Decimal("1.000000000"),
        "pay_from_total": total,
        "estimated_pay_from_total": total,
        "pay_to_total": total,
        "pay_from_currency": money,
        "pay_to_currency": money,
        "released_at": released_at,
        "exported": exported,
        "payee": payee,
        "legal_entity_name": legal_entity_name,
        "pay_from_account": _company_account(account_kind, payment_option, money),
        "pay_to_account": {"id": payee["id"], "type": "CoupaPay::SupplierPaymentAccount", "currency": money},
        "payment_details": list(details),
    }
    return record("CoupaPay-Payment", created_at, zone, values, more, currency=currency)


def _company_account(account_kind: str, payment_option: str, currency: Body) -> Body:
    return {
        "id": 1,
        "account-kind": account_kind,
        "account-name": "Operating account",
        "payment-option": payment_option,
        "payment-partner": {"id": 1, "name": "Example Bank", "issuing-bank": None, "type": None},
        "currency": currency,
    }


def payment_detail(
    *,
    id: int,
    created_at: datetime = NEW_YEAR,
    zone: tzinfo = UTC,
    payment_id: int | None = None,
    invoice_id: int | None = None,
    invoice_number: str | None = None,
    payable_type: str = "Payables::Invoice",
    payable_id: int | None = None,
    transaction_total: Decimal = ZERO,
    discount_total: Decimal = ZERO,
    adjustment_total: Decimal = ZERO,
    payment_total: Decimal | None = None,
    currency: str = "USD",
    allocations: Sequence[Body] = (),
    **more: object,
) -> Body:
    """Build an element of a payment's `payment-details`; `payment-id` is text on the wire.

    `payment_total` defaults to the transaction total less discount plus adjustment.
    """
    paid = transaction_total - discount_total + adjustment_total if payment_total is None else payment_total
    values = {
        "id": id,
        "payment_id": None if payment_id is None else str(payment_id),
        "payable_type": payable_type,
        "payable_id": invoice_id if payable_id is None else payable_id,
        "source_transaction_id": invoice_id,
        "source_transaction_type": "InvoiceHeader",
        "source_transaction_reference": invoice_number or (None if invoice_id is None else f"INV-{invoice_id}"),
        "transaction_total": transaction_total,
        "discount_total": discount_total,
        "adjustment_total": adjustment_total,
        "payment_total": paid,
        "payable_allocations": list(allocations),
    }
    return record("CoupaPay-PaymentDetail", created_at, zone, values, more, currency=currency)


def payable_allocation(
    *,
    id: int,
    created_at: datetime = NEW_YEAR,
    zone: tzinfo = UTC,
    amount: Decimal = ZERO,
    currency: str = "USD",
    from_invoice_id: int | None = None,
    to_invoice_id: int | None = None,
    reason_code: str = "payment",
    source: str = "coupa_pay",
    **more: object,
) -> Body:
    """Build an allocation of a credit note to an invoice (`payables/allocations`, and nested in payment details)."""
    money = currency_stub(currency)
    values = {
        "id": id,
        "payable_from_type": "Payables::Invoice",
        "payable_to_type": "Payables::Invoice",
        "payable_from_amount": amount,
        "payable_to_amount": amount,
        "payable_from_currency": money,
        "payable_to_currency": money,
        "source_transaction_from_id": from_invoice_id,
        "source_transaction_from_type": "InvoiceHeader",
        "source_transaction_to_id": to_invoice_id,
        "source_transaction_to_type": "InvoiceHeader",
        "reason_code": reason_code,
        "source": source,
        "status": "applied",
    }
    return record("Payables-Allocation", created_at, zone, values, more, currency=currency)


def statement(
    *,
    id: int,
    created_at: datetime = NEW_YEAR,
    zone: tzinfo = UTC,
    status: str = "approved_for_payment",
    statement_date: date | None = None,
    number_of_lines: int = 0,
    total: Decimal = ZERO,
    currency: str = "USD",
    **more: object,
) -> Body:
    """Build a card partner's statement (`coupa_pay/statements`); the API filters by `status` but never shows it."""
    values = {
        "id": id,
        "name": f"Statement {id}",
        "external_ref_id": f"ST-{id}",
        "statement_date": statement_date or created_at.astimezone(zone).date(),
        "number_of_lines": number_of_lines,
        "total": total,
        "payment_partner": {"id": 1, "name": "Example Card Partner"},
        "exported": False,
    }
    return {**record("CoupaPay-Statement", created_at, zone, values, more, currency=currency), "status": status}


def charge(
    *,
    id: int,
    created_at: datetime = NEW_YEAR,
    zone: tzinfo = UTC,
    statement_id: int | None = None,
    virtual_card_id: int | None = None,
    document_type: str | None = None,
    document_id: int | None = None,
    total: Decimal = ZERO,
    currency: str = "USD",
    charge_date: datetime | None = None,
    **more: object,
) -> Body:
    """Build a card charge (`charges`); without `document_type` it is unbacked."""
    values = {
        "id": id,
        "statement_id": statement_id,
        "coupa_pay_statement_id": statement_id,
        "virtual_card_id": virtual_card_id,
        "virtual_card": None if virtual_card_id is None else {"id": virtual_card_id},
        "document_type": document_type,
        "document_id": document_id,
        "total": total,
        "merchant_total": total,
        "merchant_currency": currency_stub(currency),
        "charge_date": charge_date or created_at,
        "posting_date": charge_date or created_at,
        "issuer_reconciliation_id": f"IR-{id}",
        "exported": False,
    }
    return record("Charge", created_at, zone, values, more, currency=currency)
