"""The bank of the engagement whose payments are matched with it: what is booked on its account, and how it is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal

from sandbox.bank.account import CHARGE, INCOMING_TRANSFER, BankAccount, Booking, Transfer
from sandbox.demo.evidenced import RAVENNA
from sandbox.world import Body, Instance, World

IBAN = "IT60X0542811101000000123456"
"""The example that Italy's banks publish."""
OPENING = Decimal("250000.00")
FUNDED_ON = (date(2026, 3, 6), date(2026, 3, 27))
FUNDING = Decimal("40000.00")
CHARGED_ON = date(2026, 3, 31)
CHARGED = Decimal("18.50")

Way = Callable[[date, Sequence[Body]], list[Booking]]


def open_accounts(world: World, engagements: Mapping[str, str]) -> tuple[BankAccount, ...]:
    """Return the accounts of the demo world's bank; `engagements` are the ids of the ICM records by name."""
    instance = world.instances[RAVENNA.instances[0]]
    monday = RAVENNA.go_live - timedelta(days=RAVENNA.go_live.weekday())
    bookings = (*_book_payments(instance), *_book_the_rest())
    account = BankAccount(
        engagements[RAVENNA.name], IBAN, RAVENNA.currency, instance.time_zone, monday, OPENING, bookings
    )
    return (account,)


def _book_payments(instance: Instance) -> Iterator[Booking]:
    """Yield what books the completed payments, each run in another way of telling."""
    runs: dict[tuple[date, int], list[Body]] = {}
    for payment_id, completed_at in _find_completions(instance):
        body = instance.versions_of("coupa_pay/payments", payment_id)[-1].body
        if body is not None:
            day = completed_at.astimezone(instance.time_zone).date()
            runs.setdefault((day, int(body["payment-batch-id"])), []).append(body)
    for number, ((day, _), payments) in enumerate(sorted(runs.items(), key=lambda run: run[0])):
        yield from WAYS[number % len(WAYS)](day, payments)


def _find_completions(instance: Instance) -> Iterator[tuple[int, datetime]]:
    found: set[int] = set()
    for version in instance.timeline("coupa_pay/payments"):
        done = version.body is not None and version.body["status"] == "completed_successfully"
        if done and version.record_id not in found:
            found.add(version.record_id)
            yield version.record_id, version.at


def _book_each(day: date, payments: Sequence[Body]) -> list[Booking]:
    """Book each payment by itself, with its reference."""
    transfers = [Transfer(_amount(each), each["payment-identifier"], _name_documents(each)) for each in payments]
    return [Booking(day, (transfer,)) for transfer in transfers]


def _book_as_batch(day: date, payments: Sequence[Body]) -> list[Booking]:
    """Book a run at once, its payments listed."""
    transfers = tuple(Transfer(_amount(each), each["payment-identifier"]) for each in payments)
    return [Booking(day, transfers, batch=str(payments[0]["payment-batch-id"]))]


def _book_by_invoices(day: date, payments: Sequence[Body]) -> list[Booking]:
    """Book each payment a day later and without its reference: only the text names its invoices."""
    return [
        Booking(day, (Transfer(_amount(each), remittance=_name_documents(each)),), value_on=day + timedelta(days=1))
        for each in payments
    ]


def _book_as_total(day: date, payments: Sequence[Body]) -> list[Booking]:
    """Book a run at once, of which the bank tells nothing but the batch and how many payments it holds."""
    (booking,) = _book_as_batch(day, payments)
    return [Booking(day, booking.transfers, batch=booking.batch, is_itemised=False)]


WAYS: tuple[Way, ...] = (_book_each, _book_as_batch, _book_by_invoices, _book_as_total)


def _book_the_rest() -> Iterator[Booking]:
    """Yield what is on the account beside the payments: money that comes in, and what the bank takes."""
    for day in FUNDED_ON:
        yield Booking(day, (Transfer(FUNDING, remittance="Cash pool"),), is_credit=True, code=INCOMING_TRANSFER)
    yield Booking(CHARGED_ON, (Transfer(CHARGED),), code=CHARGE, words="Account charges of March")


def _amount(payment: Body) -> Decimal:
    return Decimal(payment["pay-to-total"])


def _name_documents(payment: Body) -> str:
    return " ".join(detail["source-transaction-reference"] for detail in payment["payment-details"])
