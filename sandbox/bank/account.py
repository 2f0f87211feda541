"""An account of a customer and what is booked on it; its statements come week by week, as files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

CREDIT_TRANSFER = ("PMNT", "ICDT", "ESCT")
CHARGE = ("ACMT", "MDOP", "CHRG")
INCOMING_TRANSFER = ("PMNT", "RCDT", "ESCT")
"""ISO 20022 transaction codes: domain, family, sub-family."""

DELIVERED_AT_HOUR = 5
"""Local hour of the Monday at which last week's statement is there."""


@dataclass(frozen=True)
class Transfer:
    """One payment of a booking, as the bank tells it; `reference`: the payer's end-to-end id, empty: not told."""

    amount: Decimal
    reference: str = ""
    remittance: str = ""


@dataclass(frozen=True)
class Booking:
    """One movement on the account on a local day, and the payments in it.

    `batch`: what the payer named a batch booking, whose payments are listed only where `is_itemised`; the amount is
    the sum of its transfers.
    """

    booked_on: date
    transfers: tuple[Transfer, ...]
    is_credit: bool = False
    code: tuple[str, str, str] = CREDIT_TRANSFER
    batch: str = ""
    is_itemised: bool = True
    words: str = ""
    value_on: date | None = None

    @property
    def amount(self) -> Decimal:
        """What is booked, never negative."""
        return sum((transfer.amount for transfer in self.transfers), Decimal(0))

    @property
    def signed_amount(self) -> Decimal:
        """The same, negative where it goes out."""
        return self.amount if self.is_credit else -self.amount


@dataclass(frozen=True)
class Statement:
    """One calendar week of an account, Monday to Sunday, both included."""

    account: BankAccount
    monday: date
    opening: Decimal
    bookings: tuple[Booking, ...]

    @property
    def sunday(self) -> date:
        """Its last day."""
        return self.monday + timedelta(days=6)

    @property
    def closing(self) -> Decimal:
        """The balance after its last booking."""
        return self.opening + sum((booking.signed_amount for booking in self.bookings), Decimal(0))

    @property
    def created_at(self) -> datetime:
        """When the bank delivers it (aware)."""
        morning = datetime.combine(self.sunday + timedelta(days=1), datetime.min.time(), self.account.zone)
        return morning.replace(hour=DELIVERED_AT_HOUR)

    @property
    def sequence(self) -> int:
        """Its number in the year: the calendar week's."""
        return self.monday.isocalendar().week

    @property
    def name(self) -> str:
        """By what the bank tells it from others."""
        return f"{self.monday.isocalendar().year}-{self.sequence:02d}"


@dataclass(frozen=True)
class BankAccount:
    """An account of an engagement (ICM record id); `opens_on` is the Monday of its first statement."""

    engagement: str
    iban: str
    currency: str
    zone: ZoneInfo
    opens_on: date
    opening: Decimal
    bookings: Sequence[Booking]

    def list_statements(self, at: datetime) -> Iterator[Statement]:
        """Yield the statements that the bank has delivered by an instant (aware), oldest first."""
        monday, opening = self.opens_on, self.opening
        while True:
            sunday = monday + timedelta(days=6)
            bookings = sorted(
                (each for each in self.bookings if monday <= each.booked_on <= sunday), key=lambda each: each.booked_on
            )
            statement = Statement(self, monday, opening, tuple(bookings))
            if statement.created_at > at:
                return
            yield statement
            monday, opening = sunday + timedelta(days=1), statement.closing
