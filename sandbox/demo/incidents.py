"""The particular things that happen to some engagements, each by its name in a customer's `stories`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sandbox.coupa import shapes
from sandbox.demo.paying import Payment
from sandbox.demo.purchasing import Bill
from sandbox.demo.story import LAST_DAY, Story, list_days

WEEK_TWO, WEEK_THREE, WEEK_FOUR = date(2026, 3, 9), date(2026, 3, 16), date(2026, 3, 23)
"""The Mondays of the weeks in which incidents happen."""


def invoice_on(
    story: Story,
    day: date,
    total: Decimal,
    terms: int,
    then: Callable[[datetime, Bill], None],
    *,
    credit_note: bool = False,
) -> None:
    """Enter an invoice without an order on a day, and tell `then` its bill once it is approved."""
    books = story.books
    vendor = books.vendors[4]
    books.timeline.plan(
        books.timeline.moment(day, 9, 5),
        lambda now: story.purchasing.receive_invoice(
            now, vendor, total=total, terms=terms, then=then, credit_note=credit_note
        ),
    )


def return_payment(story: Story) -> None:
    """Pay an invoice before it is due in week three; the bank returns the payment, and the invoice is kept back."""
    _pay_in_advance(story, is_paid_again=False)


def _pay_in_advance(story: Story, *, is_paid_again: bool) -> None:
    found: list[Bill] = []

    def keep(_at: datetime, bill: Bill) -> None:
        bill.is_kept_back = True
        found.append(bill)

    invoice_on(story, WEEK_TWO, Decimal("3480.00"), 45, keep)

    def pay(at: datetime, day: date, payments: list[Payment]) -> None:
        week = day - timedelta(days=day.weekday())
        if week not in ({WEEK_THREE, WEEK_FOUR} if is_paid_again else {WEEK_THREE}):
            return
        bill = found[0]
        payment = story.paying.draft_payment(at, payments[0].batch, len(payments) + 1, [(bill, bill.total)])
        if week == WEEK_THREE:
            payment.outcome = "completed_with_errors"
        payments.append(payment)

    story.paying.after_drafting.append(pay)


def return_payment_and_pay_again(story: Story) -> None:
    """Pay an invoice in week three, see it returned, and pay it in week four."""
    _pay_in_advance(story, is_paid_again=True)


def give_discount(story: Story) -> None:
    """Take an early payment discount of 2 % off one invoice."""

    def agree(_at: datetime, bill: Bill) -> None:
        bill.discount = (bill.total * Decimal("0.02")).quantize(Decimal("0.01"))

    invoice_on(story, WEEK_TWO, Decimal("1250.00"), 12, agree)


def credit_invoice(story: Story) -> None:
    """Credit a part of an invoice; the payment takes it off."""
    found: list[Bill] = []
    invoice_on(story, WEEK_TWO + timedelta(days=1), Decimal("2400.00"), 14, lambda _at, bill: found.append(bill))

    def allocate(at: datetime, note: Bill) -> None:
        found[0].credit = shapes.payable_allocation(
            id=story.books.next_id("payable_allocations"), created_at=at, zone=story.books.zone, amount=-note.total,
            currency=story.customer.currency, from_invoice_id=note.document.id, to_invoice_id=found[0].document.id,
        )  # fmt: skip

    invoice_on(story, WEEK_TWO + timedelta(days=3), Decimal("-400.00"), 14, allocate, credit_note=True)


def void_invoice(story: Story) -> None:
    """Void an approved invoice two days later, before any run pays it."""

    def plan(at: datetime, bill: Bill) -> None:
        bill.is_kept_back = True
        story.books.timeline.plan(at + timedelta(days=2), lambda now: void(now, bill))

    def void(at: datetime, bill: Bill) -> None:
        bill.remaining = Decimal(0)
        story.books.save(bill.document, at, status="voided", amount_due=Decimal(0))

    invoice_on(story, WEEK_THREE, Decimal("910.50"), 30, plan)


def pay_in_parts(story: Story) -> None:
    """Pay three fifths of an invoice in one run and the rest in the next."""

    def split(_at: datetime, bill: Bill) -> None:
        bill.next_part = Decimal("3600.00")

    invoice_on(story, WEEK_TWO, Decimal("6000.00"), 14, split)


def lose_export(story: Story, monday: date = WEEK_THREE) -> None:
    """Let the ERP never take over one payment of a week's run."""

    def lose(_at: datetime, day: date, payments: list[Payment]) -> None:
        if monday <= day < monday + timedelta(days=7):
            payments[0].is_exported_later = False

    story.paying.after_drafting.append(lose)


def spoil_total(story: Story) -> None:
    """Show one payment's total as `n/a` from the end of week two, and mend it in week three."""
    timeline = story.books.timeline

    def spoil(_at: datetime, day: date, payments: list[Payment]) -> None:
        if not WEEK_TWO <= day < WEEK_THREE:
            return
        document = payments[0].document
        spoilt_at = timeline.moment(WEEK_TWO + timedelta(days=4), 8)
        timeline.plan(spoilt_at, lambda now: story.books.spoil(document, now, **{"pay-to-total": "n/a"}))
        timeline.plan(timeline.moment(WEEK_THREE + timedelta(days=2), 9), lambda now: story.books.save(document, now))

    story.paying.after_drafting.append(spoil)


def use_cards(story: Story) -> None:
    """Let the card partner send a statement every Friday; each charge but the last is backed by an order."""
    for day in list_days(story.customer.go_live, LAST_DAY):
        if day.weekday() == 4:
            story.books.timeline.plan(story.books.timeline.moment(day, 17), lambda at: _write_statement(story, at))


def _write_statement(story: Story, at: datetime) -> None:
    books, currency = story.books, story.customer.currency
    orders = [order.id for order in books.documents["purchase_orders"][-3:]]
    totals = [(Decimal(books.random.randint(1500, 60000)) / 100).quantize(Decimal("0.01")) for _ in [*orders, None]]
    statement = books.open(
        "coupa_pay/statements", shapes.statement, at, number_of_lines=len(totals), total=sum(totals, Decimal(0)),
        currency=currency, exported=True,
    )  # fmt: skip
    for order, total in zip([*orders, None], totals, strict=True):
        backing: dict[str, Any] = {"document_type": "OrderHeader", "document_id": order} if order else {}
        books.open(
            "charges", shapes.charge, at, statement_id=statement.id, virtual_card_id=order or 1, total=total,
            currency=currency, charge_date=at - timedelta(days=2), **backing,
        )  # fmt: skip


INCIDENTS: Mapping[str, Callable[[Story], None]] = {
    "returned": return_payment,
    "returned_and_paid_again": return_payment_and_pay_again,
    "early_payment_discount": give_discount,
    "credit_note": credit_invoice,
    "voided_invoice": void_invoice,
    "partial_payment": pay_in_parts,
    "not_exported": lose_export,
    "not_exported_in_week_two": lambda story: lose_export(story, WEEK_TWO),
    "wrong_type": spoil_total,
    "cards": use_cards,
}
"""What happens in the records; stories that are not here happen to the instance, the tracker or the API."""
