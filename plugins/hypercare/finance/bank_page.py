"""The page of payments and the bank entries that stand for them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hypercare.bank_payments import BankState
from hypercare.finance.evidence import FinanceEvidence, FinanceWeek
from hypercare.finance.page import Attention, Column, Money, Page
from hypercare.finance.pages import CURRENCY, ENTITY, WEEK
from hypercare.model import Verdict
from hypercare.reconciled_rows import BankRow, MatchedEntry

FOUND = frozenset({BankState.MATCHED.value, BankState.RETURNED.value})


def make_bank_matches(evidence: FinanceEvidence) -> Page:
    """List each payment that was judged with the bank, a row for each entry that is it or could be."""
    columns = (
        WEEK,
        Column("Payment", 18),
        ENTITY,
        Column("Amount", 16, is_number=True),
        CURRENCY,
        Column("Completed", 12),
        Column("State", 12),
        Column("Matched by", 17),
        Column("Verdict", 11),
        Column("Booked", 12),
        Column("Value date", 12),
        Column("Booked amount", 16, is_number=True),
        Column("Booked in", 10),
        Column("Debit or credit", 10),
        Column("Payments in the booking", 12, is_number=True),
        Column("Account", 18),
        Column("Statement", 20),
        Column("File", 40),
        Column("Place", 28),
        Column("Note", 70),
    )
    lead = (
        "The bank entry that stands for each payment whose days for it ended in the week. What fits twice is left "
        "open: its entries are those that could be it."
    )
    return Page("Bank matches", lead, columns, [line for week in evidence.weeks for line in _list_week(week)])


def _list_week(week: FinanceWeek) -> Iterator[tuple[Any, ...]]:
    names = {each.statement: each.name for each in week.rows.statements}
    together: dict[str, set[str]] = {}
    for row in week.rows.bank:
        for shared in row.entries:
            together.setdefault(shared.entry, set()).add(row.payment)
    for row in week.rows.bank:
        told = (str(week.week), *_tell_payment(row))
        entries: Sequence[MatchedEntry | None] = row.entries or (None,)
        for entry in entries:
            shown = len(together[entry.entry]) if entry and row.state in FOUND else None
            yield (*told, *_tell_entry(entry, shown, names), row.words)


def _tell_payment(row: BankRow) -> tuple[Any, ...]:
    verdict: Any = row.verdict if row.verdict == Verdict.PASS else Attention(row.verdict)
    amount = Money(row.amount, row.currency)
    return row.payment, row.legal_entity, amount, row.currency, row.completed_on, row.state, row.basis, verdict


def _tell_entry(entry: MatchedEntry | None, shown: int | None, names: Mapping[str, str]) -> tuple[Any, ...]:
    if entry is None:
        return (None,) * 10
    return (
        entry.booked_on,
        entry.value_on,
        Money(entry.amount, entry.currency),
        entry.currency,
        "credit" if entry.is_credit else "debit",
        shown,
        entry.account,
        names.get(entry.statement, entry.statement),
        entry.file,
        entry.place,
    )
