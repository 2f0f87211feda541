"""Short ways to write payments and bank entries for the matching tests. Days are days of March 2026."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from hypercare.bank_entries import BankEntry
from hypercare.bank_matching import match_payments
from hypercare.bank_payments import BankMatching, BankPayment, BankState

CENT = Decimal("0.01")


def day(number: int) -> date:
    return date(2026, 3, number)


def pay(id: str, amount: str = "100.00", *, released: int = 9, latest: int = 17, **changes: Any) -> BankPayment:
    """A payment in EUR with its id as its reference."""
    plain = BankPayment(
        id, Decimal(amount), "EUR", day(released), day(latest), references=(f"PAY-{id}",), documents=(f"INV-{id}",)
    )
    return replace(plain, **changes)


def debit(id: str, amount: str = "100.00", *references: str, on: int = 11, **changes: Any) -> BankEntry:
    """A booked debit of an account in EUR."""
    plain = BankEntry(
        id, "…1234 0a1b2c3d", "EUR", Decimal(amount), is_credit=False, booked_on=day(on), payer_references=references
    )
    return replace(plain, **changes)


def credit(id: str, amount: str = "100.00", *references: str, on: int = 12, **changes: Any) -> BankEntry:
    return debit(id, amount, *references, on=on, is_credit=True, **changes)


def match(payments: list[BankPayment], entries: list[BankEntry]) -> BankMatching:
    return match_payments(payments, entries, CENT)


def pairs(found: BankMatching) -> dict[str, str]:
    """Payments to entries, both joined by `+`."""
    return {"+".join(one.payments): "+".join(one.entries) for one in found.matches}


def states(found: BankMatching) -> dict[str, BankState]:
    """The state of every payment; one that was returned out of a booking of several is returned."""
    told = {payment: BankState.MATCHED for one in found.matches for payment in one.payments}
    told |= {one.payment: one.state for one in found.open}
    return told | {one.payment: BankState.RETURNED for one in found.returns}
