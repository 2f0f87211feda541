"""What a bank says of its accounts: statements and their entries, the same whichever file they came from (rule R8.11).

Accounts are kept under a mask, parties not at all: matching needs amounts, days and references only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from typing import Any

BOOKED = "booked"
PENDING = "pending"
SEPARATOR = "|"
"""Between references of one kind in a row of the feed; no bank's character set has it."""
NO_REFERENCES = frozenset({"NOTPROVIDED", "NONREF"})
"""What banks write where the payer gave no reference: ISO 20022's word and SWIFT's."""
PAYMENT_CODES = ("PMNT-ICDT", "PMNT-IRCT", "PMNT-ICHQ")
"""ISO 20022 transaction codes of money that the account's owner sends: transfers, real-time transfers, cheques."""
COST_CODES = frozenset({"CHRG", "FEES", "COMM", "COME", "COMI", "COMT", "INTR", "TAXE", "LBCA"})
"""Their sub-families of charges, interest and taxes."""


@dataclass(frozen=True)
class BankEntry:
    """One movement on an account: a booking, or one payment of a batch booking where the bank tells its amount."""

    id: str
    """The same whenever the same movement is delivered again."""
    account: str
    """Masked, see `mask_account`."""
    currency: str
    amount: Decimal
    """In the account's currency, never negative."""
    is_credit: bool
    """Money that comes in; a reversal of a debit is a credit too."""
    booked_on: date
    value_on: date | None = None
    status: str = BOOKED
    is_reversal: bool = False
    return_reason: str = ""
    """The code under which the other bank sent the money back, such as AC04."""
    payer_references: tuple[str, ...] = ()
    """What the payer's side named it: end-to-end id, instruction id, cheque number."""
    bank_references: tuple[str, ...] = ()
    """What banks named it."""
    batch_references: tuple[str, ...] = ()
    """What the payer's side named the batch: payment information id, message id."""
    batch: str = ""
    """The booking of which this is one payment; empty: a booking of its own."""
    payments_told: int | None = None
    """How many payments the bank says that this booking holds."""
    remittance: str = ""
    charges: Decimal = Decimal(0)
    """What the bank took within `amount`."""
    instructed_amount: Decimal | None = None
    instructed_currency: str = ""
    exchange_rate: Decimal | None = None
    transaction_code: str = ""
    """ISO 20022 `domain-family-subfamily`, or the bank's own behind `own:`."""
    statement: str = ""
    """Id of the statement that shows it."""
    file: str = ""
    file_digest: str = ""
    """sha256 of the file's bytes, in hex."""
    place: str = ""
    """Where in the file it stands."""

    @property
    def looks_like_payment(self) -> bool:
        """Whether it is money that the account's owner sent somebody, as far as the bank tells."""
        if self.is_credit or self.status != BOOKED or self.is_reversal:
            return False
        if not self.transaction_code or self.transaction_code.startswith("own:"):
            return True
        return self.transaction_code.startswith(PAYMENT_CODES) and self.transaction_code[-4:] not in COST_CODES


@dataclass(frozen=True)
class BankStatement:
    """What one statement says of its account as a whole; balances are negative where overdrawn."""

    id: str
    account: str
    currency: str
    name: str
    """The bank's own id of the statement."""
    page: int
    sequence: int | None
    covered_from: date
    covered_through: date
    opening: Decimal | None
    closing: Decimal | None
    entries: int
    """How many bookings it lists, a batch counting once."""
    movement: Decimal
    """The sum of its booked entries, debits negative."""
    is_duplicate: bool = False
    """Whether the bank marks it as a copy of one that it sent before."""
    continuity: str = "untold"
    """`first` of its account, `linked` to the one before, `gap`, or `untold`."""
    file: str = ""
    file_digest: str = ""
    place: str = ""

    @property
    def arithmetic(self) -> str:
        """Whether opening and entries come to the closing balance: `balanced`, `unbalanced` or `untold`."""
        if self.opening is None or self.closing is None:
            return "untold"
        return "balanced" if self.opening + self.movement == self.closing else "unbalanced"


def mask_account(identification: str) -> str:
    """Return by what an account is known here: its last four characters, and a digest that tells it from others."""
    plain = "".join(identification.split()).upper()
    return f"…{plain[-4:]} {digest_of(plain)[:8]}"


def digest_of(*parts: object) -> str:
    """Return the sha256 of some values, as hex."""
    return hashlib.sha256("\x1f".join(map(str, parts)).encode()).hexdigest()


def drop_empty(references: Sequence[str | None]) -> tuple[str, ...]:
    """Return the references that say something, each once, in their order."""
    plain = (" ".join(reference.split()) for reference in references if reference)
    return tuple(dict.fromkeys(text for text in plain if text and text.upper() not in NO_REFERENCES))


def write_row(record: BankEntry | BankStatement) -> dict[str, Any]:
    """Return a record as a row of its feed: wire names, amounts as text, references joined."""
    row: dict[str, Any] = {}
    for field in fields(record):
        value = getattr(record, field.name)
        if isinstance(value, tuple):
            value = SEPARATOR.join(item.replace(SEPARATOR, "/") for item in value)
        row[field.name] = format(value, "f") if isinstance(value, Decimal) else value
    if isinstance(record, BankStatement):
        row["arithmetic"] = record.arithmetic
    return row


def read_entry(row: Mapping[str, Any]) -> BankEntry:
    """Return the entry that a typed row of the feed holds; an empty text is none there."""
    known = {field.name: field for field in fields(BankEntry)}
    values = {name: value for name, value in row.items() if name in known and value is not None}
    for name in ("payer_references", "bank_references", "batch_references"):
        values[name] = tuple(part for part in values.get(name, "").split(SEPARATOR) if part)
    return BankEntry(**values)
