"""How approved documents get paid: runs of Coupa Pay from draft to completion, or the customer's own ERP."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sandbox.coupa import shapes
from sandbox.demo.books import Body, Document
from sandbox.demo.purchasing import Bill, Purchasing
from sandbox.demo.timeline import add_working_days

ZERO = Decimal(0)
LOOKS_AHEAD = timedelta(days=6)
"""A run pays what falls due before the next one."""
RETURNED = "R03: the receiving bank returned the payment, no account found at this number"


@dataclass
class Payment:
    """One payment on its way, with the bills that it pays and how much of each."""

    document: Document
    parts: list[tuple[Bill, Decimal]]
    batch: Body
    outcome: str = "completed_successfully"
    is_exported_later: bool = True
    details: list[Body] = field(default_factory=list)


Hook = Callable[[datetime, date, list[Payment]], None]


class Paying:
    """The payment runs of one engagement on one instance."""

    def __init__(self, purchasing: Purchasing) -> None:
        self.purchasing = purchasing
        self.books = purchasing.books
        self.customer = purchasing.customer
        self.after_drafting: list[Hook] = []
        """Stories that change what becomes of a run; told the instant, the local day and the drafts."""

    def plan_run(self, day: date) -> None:
        """Let a payment run take place on a local day."""
        start = self.books.timeline.moment(day, 9, 30)
        act = self._draft if self.customer.has_coupa_pay else self._pay_outside
        self.books.timeline.plan(start, lambda at: act(at, day))

    def _choose(self, day: date) -> list[Bill]:
        return [
            bill
            for bill in self.purchasing.bills
            if bill.remaining - bill.reserved > ZERO and not bill.is_kept_back and bill.due <= day + LOOKS_AHEAD
        ]

    def _draft(self, at: datetime, day: date) -> None:
        by_payee: dict[tuple[bool, int], list[Bill]] = {}
        for bill in self._choose(day):
            by_payee.setdefault((bill.is_invoice, bill.supplier["id"]), []).append(bill)
        if not by_payee:
            return
        batch = self._open_batch(at)
        payments = [
            self.draft_payment(at, batch, number, [(bill, self._part_of(bill)) for bill in bills])
            for number, bills in enumerate(by_payee.values(), start=1)
        ]
        for hook in self.after_drafting:
            hook(at, day, payments)
        timeline = self.books.timeline
        release = timeline.moment(day, 14)
        for payment in payments:
            timeline.plan(timeline.moment(day, 11), lambda now, each=payment: self._approve(now, each))
            timeline.plan(release, lambda now, each=payment: self._release(now, day, each))

    def _part_of(self, bill: Bill) -> Decimal:
        """Return what a run pays of a bill: what remains, less what a credit note or a discount takes off."""
        if bill.next_part is not None:
            part, bill.next_part = bill.next_part, None
            return part
        credited = Decimal(bill.credit["payable-to-amount"]) if bill.credit else ZERO
        return bill.remaining - bill.reserved - credited - bill.discount

    def _open_batch(self, at: datetime) -> Body:
        stamp = shapes.write_instant(at, self.books.zone)
        return {
            "id": self.books.next_id("payment_batches"),
            "status": "pending_approval",
            "description": f"Run of {at.astimezone(self.books.zone):%d %B}",
            "created-at": stamp,
            "updated-at": stamp,
            "created-by": self.books.people[2],
            "updated-by": self.books.people[2],
        }

    def draft_payment(self, at: datetime, batch: Body, number: int, parts: list[tuple[Bill, Decimal]]) -> Payment:
        """Draft one payment to the payee of its parts: bills, each with the amount that is paid of it."""
        books, currency = self.books, self.customer.currency
        total = sum((amount for _, amount in parts), ZERO)
        payment_id = books.next_id("payment_numbers")
        details = [self._detail(at, payment_id, bill, amount) for bill, amount in parts]
        more: dict[str, Any] = {}
        if not parts[0][0].is_invoice:
            more["pay_to_account"] = {"id": parts[0][0].supplier["id"], "type": "CoupaPay::EmployeePaymentAccount"}
        document = books.open(
            "coupa_pay/payments", shapes.payment, at, status="draft", batch_id=batch["id"], payment_batch=batch,
            line_num=number, total=total, currency=currency, supplier=_payee(parts[0][0]), details=details,
            legal_entity_name=self.customer.legal_entity, transfer_type=self.customer.method,
            payment_identifier=f"PAY-{payment_id}", **more,
        )  # fmt: skip
        for bill, amount in parts:
            bill.reserved += amount
        return Payment(document, parts, batch, details=details)

    def _detail(self, at: datetime, payment_id: int, bill: Bill, amount: Decimal) -> Body:
        kind = "InvoiceHeader" if bill.is_invoice else "ExpenseReport"
        return shapes.payment_detail(
            id=self.books.next_id("payment_details"), created_at=at, zone=self.books.zone, payment_id=payment_id,
            invoice_id=bill.document.id, source_transaction_type=kind,
            invoice_number=bill.document.body.get("invoice-number", f"ER-{bill.document.id}"),
            payable_type="Payables::Invoice" if bill.is_invoice else "Payables::Expense",
            transaction_total=bill.total, discount_total=bill.discount, payment_total=amount,
            currency=self.customer.currency, allocations=[bill.credit] if bill.credit else [],
        )  # fmt: skip

    def _approve(self, at: datetime, payment: Payment) -> None:
        stamp = shapes.write_instant(at, self.books.zone)
        payment.batch = {**payment.batch, "status": "approved", "updated-at": stamp}
        self.books.save(payment.document, at, status="approved", payment_batch=payment.batch)

    def _release(self, at: datetime, day: date, payment: Payment) -> None:
        timeline, days = self.books.timeline, self.customer.settles_in
        self.books.save(payment.document, at, status="payment_initiated", released_at=at, requested_execution_date=day)
        timeline.plan(
            at + timedelta(hours=2), lambda now: self.books.save(payment.document, now, status="payment_in_progress")
        )
        final = timeline.moment(add_working_days(day, days), 6) if days else timeline.moment(day, 18)
        timeline.plan(final, lambda now: self._finish(now, payment))

    def _finish(self, at: datetime, payment: Payment) -> None:
        books = self.books
        failed = payment.outcome != "completed_successfully"
        books.save(payment.document, at, status=payment.outcome, error_text=RETURNED if failed else None)
        for bill, amount in payment.parts:
            bill.reserved -= amount
            if not failed:
                self._settle(at, bill, amount, reference=payment.document.facts["payment_identifier"])
        if self.customer.erp_leg != "none" and payment.is_exported_later:
            books.timeline.plan(
                at + timedelta(hours=1),
                lambda now: books.save(payment.document, now, exported=True, last_exported_at=now),
            )

    def _settle(self, at: datetime, bill: Bill, amount: Decimal, reference: str) -> None:
        """Write a completed payment onto the document that it paid."""
        if not bill.is_invoice:
            bill.remaining = ZERO
            self.books.save(bill.document, at, status="paid", paid=True)
            return
        currency = self.customer.currency
        credited = Decimal(bill.credit["payable-to-amount"]) if bill.credit else ZERO
        bill.remaining -= amount + credited + bill.discount
        bill.payments.append(
            shapes.invoice_payment(
                id=self.books.next_id("invoice_payments"),
                created_at=at,
                zone=self.books.zone,
                amount_paid=amount,
                currency=currency,
                invoice_id=bill.document.id,
                notes=reference,
            )
        )
        changes: dict[str, Any] = {"payments": list(bill.payments), "amount_due": bill.remaining}
        if bill.credit:
            self._use_up(at, bill.credit)
        if bill.discount:
            changes["reconciliation_lines"] = [self._discount_line(at, bill)]
        if not bill.remaining:
            changes |= {"paid": True, "payment_date": at}
        self.books.save(bill.document, at, **changes)
        bill.credit, bill.discount = None, ZERO

    def _use_up(self, at: datetime, credit: Body) -> None:
        """Mark the credit note of an allocation as used."""
        note = next(
            bill
            for bill in self.purchasing.bills
            if bill.document.id == credit["source-transaction-from-id"] and bill.is_invoice
        )
        note.remaining = ZERO
        self.books.save(note.document, at, amount_due=ZERO, paid=True, payment_date=at)

    def _discount_line(self, at: datetime, bill: Bill) -> Body:
        return shapes.build(
            "Invoice-ReconciliationLine",
            {
                "id": self.books.next_id("reconciliation_lines"),
                "amount": bill.discount,
                "category": "discount",
                "adjustment_date": at,
                "created_at": at,
                "updated_at": at,
                "note": "Early payment discount of 2 %",
            },
            zone=self.books.zone,
            currency=self.customer.currency,
        )

    def _pay_outside(self, at: datetime, day: date) -> None:
        """Let the customer's ERP pay, and report back to Coupa."""
        for number, bill in enumerate(self._choose(day), start=1):
            self._settle(at, bill, bill.remaining, reference=f"ERP-{day:%m%d}-{number}")


def _payee(bill: Bill) -> Body:
    return {key: value for key, value in bill.supplier.items() if key in ("id", "name", "number", "fullname", "login")}
