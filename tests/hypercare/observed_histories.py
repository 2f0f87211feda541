"""The records that a pull sees of a history at the end of a day."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

import records as wire
from payment_histories import FIRST_DAY, GROUPS, Document, History, Payment
from reconciling import bill, entry, pay, report


def say_day(when: int) -> str:
    """A day as the record builders take it."""
    one = FIRST_DAY + timedelta(days=when)
    return f"{one.month}-{one.day}"


def say(cents: int) -> str:
    return f"{Decimal(cents) / 100:.2f}"


def observe(history: History, when: int) -> dict[str, list[Mapping[str, Any]]]:
    """The records of a pull that looks at the end of a day."""
    seen = [document for document in history.documents if document.created <= when]
    records: dict[str, list[Mapping[str, Any]]] = {
        "invoices": [_show_invoice(one, when, history) for one in seen if one.kind != "expense"],
        "expense_reports": [_show_report(one, when) for one in seen if one.kind == "expense"],
        "payments": [record for one in seen for record in _show_payments(one, when)],
    }
    # One invoice that the ERP pays shows that the instance writes payments on invoices.
    paid_elsewhere = {"payment_channel": "erp", "approved": "2-2", "shows": [entry(9_999_990, "100.00", "2-3")]}
    records["invoices"].append(bill(999_999, **paid_elsewhere))
    return records


def _show_invoice(document: Document, when: int, history: History) -> dict[str, Any]:
    entity, currency = GROUPS[document.group]
    shows = [shown for payment in document.payments for shown in _show_entries(payment, when)]
    lines = [one for one in document.settlements if one.day <= when]
    total = document.total_on(when)
    settled = sum(amount for _, amount, _ in shows) + sum(one.amount for one in lines)
    is_used = document.used is not None and document.used <= when
    sign = "-" if document.kind == "credit" else ""
    return bill(
        document.id,
        sign + say(total),
        approved=say_day(document.approved) if document.approved <= when else None,
        seen=say_day(_last_change(document, when)),
        shows=[entry(id, say(amount), say_day(shown)) for id, amount, shown in shows],
        lines=[entry(one.id, say(one.amount), say_day(one.day), one.category) for one in lines],
        entity=entity,
        currency=currency,
        status=_status(document, when),
        payment_channel="coupa_pay",
        is_credit_note=document.kind == "credit",
        paid=is_used or (document.kind == "invoice" and settled >= total),
        amount_due=say(max(total - settled, 0)) if history.lowers_due and document.kind == "invoice" else None,
    )


def _status(document: Document, when: int) -> str:
    if document.voided is not None and document.voided <= when:
        return "voided"
    if document.held and document.held[0] <= when < document.held[1]:
        return "on_hold"
    return "approved" if document.approved <= when else "pending_approval"


def _last_change(document: Document, when: int) -> int:
    days = [document.created, document.approved, *(changed for changed, _ in document.corrections)]
    days += [day for day in (document.voided, document.used, *(document.held or ())) if day is not None]
    days += [one.day for one in document.settlements]
    days += [day for one in document.payments for day in (one.shown, one.failed) if day is not None]
    if document.kind == "expense":
        days += [one.completed for one in document.payments if one.completed is not None]
    return max(day for day in days if day <= when)


def _show_entries(payment: Payment, when: int) -> Iterator[tuple[int, int, int]]:
    """Id, amount and day of what a document shows of a payment."""
    has_failed = payment.failed is not None and payment.failed <= when
    if payment.shown <= when and (payment.is_countered or not has_failed):
        yield payment.id * 10 + 1, payment.amount, payment.shown
        if has_failed and payment.failed is not None:
            yield payment.id * 10 + 2, -payment.amount, payment.failed


def _show_report(document: Document, when: int) -> dict[str, Any]:
    entity, currency = GROUPS[document.group]
    line = wire.expense_line(document.id, account={"account-type": {"legal-entity-name": entity}})
    is_paid = any(
        one.completed is not None and one.completed <= when and not (one.failed is not None and one.failed <= when)
        for one in document.payments
    )
    seen = FIRST_DAY + timedelta(days=_last_change(document, when))
    return report(
        document.id,
        say(document.total),
        approved=say_day(document.approved) if document.approved <= when else None,
        currency=currency,
        paid=is_paid,
        expense_lines=[line],
        updated_at=f"{seen.isoformat()}T12:00:00Z",
    )


def _show_payments(document: Document, when: int) -> Iterator[dict[str, Any]]:
    entity, currency = GROUPS[document.group]
    kind = "ExpenseReport" if document.kind == "expense" else "InvoiceHeader"
    for one in document.payments:
        if one.released > when:
            continue
        changes = [(one.released, "payment_in_progress")]
        changes += [(one.completed, "completed_successfully")] if one.completed is not None else []
        changes += [(one.failed, one.status)] if one.failed is not None else []
        changed, status = [change for change in changes if change[0] <= when][-1]
        yield pay(
            one.id,
            say(one.amount if one.paid is None else one.paid),
            to=[(kind, document.id if one.to is None else one.to, say(one.amount if one.paid is None else one.paid))],
            released=say_day(one.released),
            ended=say_day(changed),
            status=status,
            pay_to_currency=currency,
            legal_entity_name=entity,
        )
