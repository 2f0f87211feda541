"""Which credits undo which debits: reversals and returns of payments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from hypercare.bank_amounts import list_entry_sums
from hypercare.bank_entries import BankEntry
from hypercare.bank_references import name_keys

UNNAMED_WITHIN = timedelta(days=14)
"""How long after a debit a reversal that names nothing may be its: returns of transfers take banks days, not weeks."""


@dataclass(frozen=True)
class Reversals:
    """What credits do to debits, by the entries' ids."""

    undone: Mapping[str, str]
    """Debit to the credit that undoes it."""
    unclear: frozenset[str]
    """Entries of which several combinations fit: neither side can be relied on."""
    left: tuple[str, ...]
    """Credits that undo no debit as a whole."""


def pair_reversals(entries: Collection[BankEntry], tolerance: Decimal) -> Reversals:
    """Pair each credit with the one earlier debit of its account and amount that it undoes.

    The bank's own reference counts first, then the payer's; at last, for what the bank marks as reversed or returned,
    the amount within two weeks, unless both name different things. What fits twice stays unclear.
    """
    debits = {entry.id: entry for entry in entries if not entry.is_credit}
    credits = {entry.id: entry for entry in entries if entry.is_credit}
    undone: dict[str, str] = {}
    unclear: set[str] = set()
    for fits in (_share_bank_reference, _share_reference, _is_unnamed_return):
        taken = {*undone, *undone.values(), *unclear}
        by_account: dict[tuple[str, str], list[BankEntry]] = {}
        for debit in debits.values():
            if debit.id not in taken:
                by_account.setdefault((debit.account, debit.currency), []).append(debit)
        pairs = [
            (debit.id, credit.id)
            for credit in credits.values()
            if credit.id not in taken
            for debit in by_account.get((credit.account, credit.currency), ())
            if _may_undo(credit, debit, tolerance) and fits(credit, debit)
        ]
        _settle(pairs, undone, unclear)
    left = tuple(name for name in credits if name not in undone.values() and name not in unclear)
    return Reversals(undone, frozenset(unclear), left)


def _settle(pairs: Iterable[tuple[str, str]], undone: dict[str, str], unclear: set[str]) -> None:
    listed = list(pairs)
    claims = Counter(name for pair in listed for name in pair)
    for debit, credit in listed:
        if claims[debit] == claims[credit] == 1:
            undone[debit] = credit
        else:
            unclear.update((debit, credit))


def _may_undo(credit: BankEntry, debit: BankEntry, tolerance: Decimal) -> bool:
    if credit.booked_on < debit.booked_on:
        return False
    return any(
        currency == other and abs(amount - booked) <= tolerance
        for currency, amount in list_entry_sums([credit])
        for other, booked in list_entry_sums([debit])
    )


def _share_bank_reference(credit: BankEntry, debit: BankEntry) -> bool:
    return bool(name_keys(credit.bank_references) & name_keys(debit.bank_references))


def _share_reference(credit: BankEntry, debit: BankEntry) -> bool:
    return bool(name_keys(credit.payer_references) & name_keys(debit.payer_references))


def _is_unnamed_return(credit: BankEntry, debit: BankEntry) -> bool:
    marked = credit.is_reversal or bool(credit.return_reason)
    names = name_keys(credit.payer_references), name_keys(debit.payer_references)
    return marked and credit.booked_on - debit.booked_on <= UNNAMED_WITHIN and not all(names)
