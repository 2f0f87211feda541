"""What payments and bank entries come to, in the ways in which they may be compared: a currency and an amount each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import combinations
from typing import TypeVar

from hypercare.bank_entries import BankEntry
from hypercare.bank_payments import BankPayment, Money

MOST_PARTS = 10
"""Of more entries, or payments, only single ones and all together are compared."""
Part = TypeVar("Part")


def list_payment_sums(payments: Sequence[BankPayment]) -> list[Money]:
    """Return the sum that the payees get, and the one that leaves the account, where each is of one currency."""
    ways = [
        [(payment.currency, payment.amount) for payment in payments],
        [
            (payment.account_currency, payment.account_amount)
            for payment in payments
            if payment.account_amount is not None and payment.account_currency
        ],
    ]
    return _add_up([way for way in ways if len(way) == len(payments)])


def list_entry_sums(entries: Sequence[BankEntry]) -> list[Money]:
    """Return the sum as booked, the one without the bank's charges, and the one that was instructed.

    Charges lessen what a debit paid, and what a credit brings.
    """
    ways: list[list[Money]] = [
        [(entry.currency, entry.amount) for entry in entries],
        [(entry.currency, entry.amount + (entry.charges if entry.is_credit else -entry.charges)) for entry in entries],
        [
            (entry.instructed_currency, entry.instructed_amount)
            for entry in entries
            if entry.instructed_amount is not None
        ],
    ]
    return _add_up([way for way in ways if len(way) == len(entries)])


def _add_up(ways: Sequence[Sequence[Money]]) -> list[Money]:
    of_one_currency = [way for way in ways if len({currency for currency, _ in way}) == 1]
    sums = [(way[0][0], sum((amount for _, amount in way), Decimal(0))) for way in of_one_currency]
    return list(dict.fromkeys(sums))


def list_subsets(parts: Sequence[Part], least: int) -> Iterator[tuple[Part, ...]]:
    """Yield every subset of at least so many parts; of too many parts only single ones and all."""
    if len(parts) <= MOST_PARTS:
        sizes: Sequence[int] = range(least, len(parts) + 1)
    else:
        sizes = [size for size in (1, len(parts)) if size >= least]
    for size in sizes:
        yield from combinations(parts, size)


class AmountIndex:
    """Entries by what each comes to."""

    def __init__(self, entries: Iterable[BankEntry], tolerance: Decimal) -> None:
        self._tolerance = tolerance
        self._entries: dict[tuple[str, int], dict[str, tuple[BankEntry, Decimal]]] = {}
        for entry in entries:
            for currency, amount in list_entry_sums([entry]):
                self._entries.setdefault((currency, int(amount)), {})[f"{entry.id} {amount}"] = (entry, amount)

    def find(self, *payments: BankPayment) -> list[BankEntry]:
        """Return the entries that come to what the payments come to together, within the tolerance, each once."""
        found = {}
        for currency, wanted in list_payment_sums(payments):
            for whole in range(int(wanted - self._tolerance), int(wanted + self._tolerance) + 1):
                for entry, amount in self._entries.get((currency, whole), {}).values():
                    if abs(amount - wanted) <= self._tolerance:
                        found[entry.id] = entry
        return list(found.values())
