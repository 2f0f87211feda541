"""Payments as they are looked for with the bank, and what became of each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

Money = tuple[str, Decimal]
"""A currency and an amount in it."""


class Basis(StrEnum):
    """By what a payment was found."""

    REFERENCE = "reference"
    REMITTANCE = "remittance text"
    BATCH = "batch total"
    AMOUNT = "amount and day"


class BankState(StrEnum):
    """How a payment stands with the bank."""

    MATCHED = "matched"
    RETURNED = "returned"
    AMBIGUOUS = "ambiguous"
    """Several combinations of entries fit."""
    DIFFERS = "differs"
    """Entries name it, and their amounts are not its."""
    MISSING = "missing"


@dataclass(frozen=True)
class BankPayment:
    """A released payment, as it is looked for."""

    id: str
    amount: Decimal
    """What the payee is to get, in `currency`."""
    currency: str
    earliest: date
    """Before this day the bank can't have booked it."""
    latest: date
    """By this day it should have; later it is found by a reference only."""
    account_amount: Decimal | None = None
    account_currency: str = ""
    """What leaves the payer's account by Coupa's own reckoning, where that is another currency."""
    references: tuple[str, ...] = ()
    """What names this payment alone: its identifier, the partner's id, a cheque number."""
    documents: tuple[str, ...] = ()
    """The documents that it pays; others may pay them too."""
    batch: str = ""
    is_failed: bool = False
    method: str = ""
    legal_entity: str = ""


@dataclass(frozen=True)
class BankMatch:
    """Payments and the entries that book them: one and one, one in several bookings, or several in one."""

    payments: tuple[str, ...]
    entries: tuple[str, ...]
    basis: Basis
    total: Money
    """Currency and amount to which both sides come."""
    booked_on: date
    """The day of the last booking."""


@dataclass(frozen=True)
class BankReturn:
    """A payment that the bank booked and took back."""

    payment: str
    entry: str
    """The entry that took it back."""
    returned_on: date


@dataclass(frozen=True)
class OpenPayment:
    """A payment that no entry is known to be, and the entries that could be."""

    payment: str
    state: BankState
    entries: tuple[str, ...]
    words: str


@dataclass(frozen=True)
class UnexplainedEntry:
    """A debit that looks like a payment and is none that is known, or a credit that names a payment."""

    entry: str
    words: str


@dataclass(frozen=True)
class BankMatching:
    """Where each payment and each payment-like debit stands; every payment is in exactly one of the first three.

    Of a booking of several payments one can be returned: it stands in both `matches` and `returns`, which then counts.
    """

    matches: tuple[BankMatch, ...]
    returns: tuple[BankReturn, ...]
    open: tuple[OpenPayment, ...]
    unexplained: tuple[UnexplainedEntry, ...]
