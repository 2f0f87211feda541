"""Which bank entries are which payments (rule R8.11): by reference, amount and value date. Pure, and never a guess.

Evidence is tried from the strongest kind to the weakest: a reference that bank and payment share, one within the
remittance text, the total of a payment batch, the amount alone. On each level every combination that fits is listed;
one that shares no payment and no entry with another is a match, and what several combinations claim stays open, also
for weaker evidence. So the result depends neither on the order nor on entries that fit nothing.

Reversals come first: a credit that undoes a debit takes it away from the payments, and gives a payment back that only
it had paid.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property

from hypercare.bank_amounts import AmountIndex, list_entry_sums, list_payment_sums, list_subsets
from hypercare.bank_entries import BOOKED, BankEntry
from hypercare.bank_payments import (
    BankMatch,
    BankMatching,
    BankPayment,
    BankReturn,
    BankState,
    Basis,
    Money,
    OpenPayment,
    UnexplainedEntry,
)
from hypercare.bank_references import list_words, name_keys
from hypercare.bank_reversals import pair_reversals


@dataclass(frozen=True)
class _Candidate:
    """A combination that fits on one level."""

    payments: frozenset[str]
    entries: frozenset[str]
    total: Money


@dataclass
class _Board:
    """Payments and entries by their names, and what became of them so far."""

    payments: Mapping[str, BankPayment]
    entries: Mapping[str, BankEntry]
    tolerance: Decimal
    matches: list[BankMatch] = field(default_factory=list)
    contested: dict[str, set[str]] = field(default_factory=dict)
    """By payment, the entries that it and others could be."""
    differing: dict[str, set[str]] = field(default_factory=dict)
    """By payment, the entries that name it with another amount."""
    used_payments: set[str] = field(default_factory=set)
    used_entries: set[str] = field(default_factory=set)

    @cached_property
    def named(self) -> Mapping[str, frozenset[str]]:
        """By entry, the payments of which it bears a reference of their own."""
        return _relate(
            {p.id: name_keys(p.references) for p in self.payments.values()},
            {e.id: name_keys((*e.payer_references, *e.bank_references)) for e in self.entries.values()},
        )

    @cached_property
    def mentioned(self) -> Mapping[str, frozenset[str]]:
        """By entry, the payments of which it mentions a reference or a document anywhere."""
        return _relate(
            {p.id: list_words((*p.references, *p.documents), whole=True) for p in self.payments.values()},
            {e.id: list_words((*e.payer_references, e.remittance)) for e in self.entries.values()},
        )

    @property
    def free_payments(self) -> list[BankPayment]:
        taken = self.used_payments | set(self.contested) | set(self.differing)
        return [payment for payment in self.payments.values() if payment.id not in taken]

    @property
    def free_entries(self) -> list[BankEntry]:
        return [entry for entry in self.entries.values() if entry.id not in self.used_entries]

    def settle(self, basis: Basis, candidates: Iterable[_Candidate]) -> None:
        """Accept the combinations that share nothing with another; what others claim is contested from here on."""
        listed = set(candidates)
        claims = Counter(member for one in listed for member in (*_tag(one.payments), *_tag(one.entries, "entry ")))
        for one in sorted(listed, key=lambda candidate: (sorted(candidate.payments), sorted(candidate.entries))):
            alone = all(claims[member] == 1 for member in (*_tag(one.payments), *_tag(one.entries, "entry ")))
            self.used_entries |= one.entries
            if alone:
                self.used_payments |= one.payments
                booked_on = max(self.entries[entry].booked_on for entry in one.entries)
                self.matches.append(
                    BankMatch(tuple(sorted(one.payments)), tuple(sorted(one.entries)), basis, one.total, booked_on)
                )
            else:
                for payment in one.payments:
                    self.contested.setdefault(payment, set()).update(one.entries)


def _tag(names: Iterable[str], prefix: str = "payment ") -> list[str]:
    return [f"{prefix}{name}" for name in names]


def match_payments(
    payments: Collection[BankPayment], entries: Collection[BankEntry], tolerance: Decimal
) -> BankMatching:
    """Match payments with booked entries; amounts within `tolerance` of each other are the same.

    Entries that are not booked, and payments and entries without an amount, are let be. Ids must be unique. The result
    is the same for any order of both.
    """
    wanted = {one.id: one for one in sorted(payments, key=lambda one: one.id) if one.amount > 0}
    booked = {one.id: one for one in sorted(entries, key=lambda one: one.id) if one.status == BOOKED and one.amount > 0}
    reversals = pair_reversals(booked.values(), tolerance)
    debits = {name: one for name, one in booked.items() if not one.is_credit}
    standing = {name: one for name, one in debits.items() if name not in reversals.undone}
    board = _Board(wanted, standing, tolerance)
    board.used_entries |= reversals.unclear
    _match_all(board)
    returns = _list_undone(board, {n: debits[n] for n in reversals.undone}, reversals.undone, booked)
    left = [booked[name] for name in reversals.left]
    returns += _list_returned_parts(board, left)
    returned, taking = {one.payment for one in returns}, {one.entry for one in returns}
    return BankMatching(
        matches=tuple(sorted(board.matches, key=lambda match: match.payments)),
        returns=tuple(sorted(returns, key=lambda one: one.payment)),
        open=tuple(_describe_open(board, reversals.unclear, debits, returned)),
        unexplained=tuple(_list_unexplained(board, reversals.unclear, [one for one in left if one.id not in taking])),
    )


def _match_all(board: _Board) -> None:
    """Try every kind of evidence, the strongest first."""
    board.settle(Basis.REFERENCE, _combine(board, board.named, _is_in_time))
    board.settle(Basis.REFERENCE, _combine(board, board.named, _is_after_release))
    _set_differing_apart(board)
    board.settle(Basis.REMITTANCE, _combine(board, board.mentioned, _is_in_time))
    board.settle(Basis.BATCH, _combine_batches(board))
    board.settle(Basis.AMOUNT, _pair_amounts(board))


def _relate(payments: Mapping[str, frozenset[str]], entries: Mapping[str, frozenset[str]]) -> dict[str, frozenset[str]]:
    """Return, by entry, the payments with which it shares a key."""
    holders: dict[str, set[str]] = {}
    for payment, keys in payments.items():
        for key in keys:
            holders.setdefault(key, set()).add(payment)
    return {
        entry: frozenset(payment for key in keys & holders.keys() for payment in holders[key])
        for entry, keys in entries.items()
    }


def _is_after_release(payment: BankPayment, entry: BankEntry) -> bool:
    return max(entry.booked_on, entry.value_on or entry.booked_on) >= payment.earliest


def _is_in_time(payment: BankPayment, entry: BankEntry) -> bool:
    days = {entry.booked_on, entry.value_on or entry.booked_on}
    return any(payment.earliest <= day <= payment.latest for day in days)


def _combine(
    board: _Board,
    related: Mapping[str, frozenset[str]],
    fits_in_time: Callable[[BankPayment, BankEntry], bool],
) -> Iterator[_Candidate]:
    """Yield a payment with each set of its entries that comes to it, and an entry with each set of its payments."""
    free = {payment.id: payment for payment in board.free_payments}
    by_payment: dict[str, list[BankEntry]] = {}
    for entry in board.free_entries:
        own = [free[name] for name in sorted(related[entry.id] & free.keys()) if fits_in_time(free[name], entry)]
        for payment in own:
            by_payment.setdefault(payment.id, []).append(entry)
        for several in list_subsets(own, least=2):
            yield from _compare(several, [entry], board.tolerance)
    for name, entries in by_payment.items():
        for some in list_subsets(entries, least=1):
            yield from _compare([free[name]], some, board.tolerance)


def _compare(payments: Sequence[BankPayment], entries: Sequence[BankEntry], tolerance: Decimal) -> Iterator[_Candidate]:
    """Yield the combination where both sides come to the same in one currency."""
    for currency, total in list_payment_sums(payments):
        for other, booked in list_entry_sums(entries):
            if currency == other and abs(total - booked) <= tolerance:
                names = frozenset(payment.id for payment in payments), frozenset(entry.id for entry in entries)
                yield _Candidate(*names, (currency, total))
                return


def _set_differing_apart(board: _Board) -> None:
    """Look nowhere else for what an entry names with another amount, and give that entry to nobody else."""
    free = {payment.id for payment in board.free_payments}
    for entry in board.free_entries:
        for name in board.named[entry.id] & free:
            if _is_after_release(board.payments[name], entry):
                board.differing.setdefault(name, set()).add(entry.id)
    board.used_entries |= {entry for entries in board.differing.values() for entry in entries}


def _combine_batches(board: _Board) -> Iterator[_Candidate]:
    """Yield the payments of a batch with a booking of their total.

    The booking names the batch; or it names nothing, holds as many payments as the bank says, and is in time.
    """
    naming: dict[str, list[BankEntry]] = {}
    nameless = []
    for entry in board.free_entries:
        for key in name_keys(entry.batch_references):
            naming.setdefault(key, []).append(entry)
        names = name_keys((*entry.batch_references, *entry.payer_references))
        if entry.looks_like_payment and not names and not board.named[entry.id]:
            nameless.append(entry)
    index = AmountIndex(nameless, board.tolerance)
    for group in _group_batches(board.free_payments):
        named = [entry for key in name_keys([group[0].batch]) for entry in naming.get(key, ())]
        fitting = [entry for entry in named if all(_is_after_release(payment, entry) for payment in group)]
        for entry in index.find(*group):
            if entry.payments_told in (None, len(group)) and all(_is_in_time(payment, entry) for payment in group):
                fitting.append(entry)
        for entry in fitting:
            yield from _compare(group, [entry], board.tolerance)


def _group_batches(payments: Iterable[BankPayment]) -> list[tuple[BankPayment, ...]]:
    """Return what a bank may book as one: a batch, its part of an entity or a method, with or without the failed."""
    groups: dict[tuple[str, ...], list[BankPayment]] = {}
    for payment in payments:
        if not payment.batch:
            continue
        for entity in {"", payment.legal_entity}:
            for method in {"", payment.method}:
                groups.setdefault((payment.batch, "all", entity, method), []).append(payment)
                if not payment.is_failed:
                    groups.setdefault((payment.batch, "sound", entity, method), []).append(payment)
    several = {tuple(sorted(group, key=lambda one: one.id)) for group in groups.values() if len(group) > 1}
    return sorted(several, key=lambda group: [payment.id for payment in group])


def _pair_amounts(board: _Board) -> Iterator[_Candidate]:
    """Yield a payment with an entry of its amount in its days, where the entry names nothing of its own."""
    nameless = [
        entry
        for entry in board.free_entries
        if entry.looks_like_payment and entry.payments_told in (None, 1) and not name_keys(entry.payer_references)
    ]
    index = AmountIndex(nameless, board.tolerance)
    for payment in board.free_payments:
        for entry in index.find(payment):
            if _is_in_time(payment, entry):
                yield from _compare([payment], [entry], board.tolerance)


def _list_undone(
    board: _Board, undone: Mapping[str, BankEntry], by: Mapping[str, str], booked: Mapping[str, BankEntry]
) -> list[BankReturn]:
    """Return the payments that only debits had paid that were taken back."""
    left = {payment.id: payment for payment in board.free_payments}
    taken_back = _Board(left, undone, board.tolerance)
    _match_all(taken_back)
    returns = []
    for match in taken_back.matches:
        credit = max((booked[by[entry]] for entry in match.entries), key=lambda one: (one.booked_on, one.id))
        returns += [BankReturn(payment, credit.id, credit.booked_on) for payment in match.payments]
    board.used_payments |= {one.payment for one in returns}
    return returns


def _list_returned_parts(board: _Board, credits: Collection[BankEntry]) -> list[BankReturn]:
    """Return the payments of a booking, usually a batch's, that a credit of their own amount names."""
    booked_on = {payment: match.booked_on for match in board.matches for payment in match.payments}
    by_id = {credit.id: credit for credit in credits}
    found: dict[str, BankReturn] = {}
    for name, payments in _name_payments(board, credits).items():
        credit = by_id[name]
        for payment in payments & booked_on.keys():
            fits = any(_compare([board.payments[payment]], [credit], board.tolerance))
            if fits and credit.booked_on >= booked_on[payment]:
                own = BankReturn(payment, credit.id, credit.booked_on)
                found[payment] = min(own, found.get(payment, own), key=lambda one: (one.returned_on, one.entry))
    return list(found.values())


def _describe_open(
    board: _Board, unclear: Collection[str], debits: Mapping[str, BankEntry], returned: Collection[str]
) -> Iterator[OpenPayment]:
    """Yield the payments that are neither matched nor returned, each with what could be it."""
    doubtful = AmountIndex([debits[name] for name in sorted(unclear) if name in debits], board.tolerance)
    free = AmountIndex(board.free_entries, board.tolerance)
    for payment in board.payments.values():
        if payment.id in board.used_payments or payment.id in returned:
            continue
        contested, differing = board.contested.get(payment.id, set()), board.differing.get(payment.id, set())
        reversed_ones = {entry.id for entry in doubtful.find(payment) if _could_be(board, payment, entry)}
        near = {entry.id for entry in free.find(payment) if _is_in_time(payment, entry)}
        if contested:
            names, state, words = contested, BankState.AMBIGUOUS, "several entries, or payments, fit"
        elif reversed_ones:
            names, state, words = (
                reversed_ones,
                BankState.AMBIGUOUS,
                "a reversal fits several bookings",
            )
        elif differing:
            some = sorted((debits[name] for name in differing), key=lambda one: (one.booked_on, one.id))
            words = "booked as " + ", ".join(f"{one.amount} {one.currency} on {one.booked_on}" for one in some)
            names, state = differing, BankState.DIFFERS
        else:
            words = "no entry books it" + (", though one of its amount names something else" if near else "")
            names, state = near, BankState.MISSING
        yield OpenPayment(payment.id, state, tuple(sorted(names)), words)


def _could_be(board: _Board, payment: BankPayment, entry: BankEntry) -> bool:
    """Whether an entry of a payment's amount names it, or names nothing and is in time."""
    named = board.named.get(entry.id, frozenset())
    return payment.id in named or (not named and _is_in_time(payment, entry))


def _list_unexplained(
    board: _Board, unclear: Collection[str], credits: Collection[BankEntry]
) -> Iterator[UnexplainedEntry]:
    """Yield the debits that are no payment's, and the `credits` that name a payment without returning it."""
    matched = {entry for match in board.matches for entry in match.entries}
    claimed = {entry for entries in (*board.contested.values(), *board.differing.values()) for entry in entries}
    for entry in board.entries.values():
        if entry.id in matched or not entry.looks_like_payment:
            continue
        named = sorted(board.named[entry.id])
        if entry.id in claimed:
            words = "could be several payments, or differs from the one that it names"
        elif entry.id in unclear:
            words = "may have been reversed: a reversal fits several bookings"
        elif named:
            words = f"names payment {', '.join(named)}, which another entry books"
        else:
            words = "names no payment that was released"
        yield UnexplainedEntry(entry.id, words)
    for credit, payments in sorted(_name_payments(board, credits).items()):
        yield UnexplainedEntry(credit, f"names payment {', '.join(sorted(payments))} and brings back another amount")


def _name_payments(board: _Board, credits: Collection[BankEntry]) -> dict[str, frozenset[str]]:
    """Return, by credit, the payments that it names."""
    keys = {payment.id: name_keys(payment.references) for payment in board.payments.values()}
    named = _relate(keys, {one.id: name_keys((*one.payer_references, *one.bank_references)) for one in credits})
    return {credit: payments for credit, payments in named.items() if payments}
