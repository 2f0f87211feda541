"""What stands behind a week's checks, row by row, so that finance can follow the figures to payments and bookings.

The records are frozen with the week; they are read off the DuckDB tables in which its checks ran.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb

LEGS = frozenset({"erp_leg", "bank_side"})
"""The checks that hold Coupa's records against another system."""


@dataclass(frozen=True)
class LegTotal:
    """What another system shows of one kind of record, of one legal entity and currency (checks 7 and 11)."""

    check: str
    kind: str
    """`invoice` or `payment`: their amounts are never added up."""
    legal_entity: str
    currency: str
    rows: int
    amount: Decimal
    open_rows: int
    """Of `rows`, those that the other system does not show, or can't be asked for yet."""
    open_amount: Decimal


@dataclass(frozen=True)
class DifferingRow:
    """A document or payment that keeps a roll-forward from closing, or would if another did not make up for it."""

    legal_entity: str
    currency: str
    key: str
    """`invoice:acme/7`, or `payment:acme/9` where it pays no document that is known."""
    difference: Decimal
    words: str


@dataclass(frozen=True)
class MatchedEntry:
    """A bank entry that stands for a payment, or could."""

    entry: str
    account: str
    """Masked."""
    currency: str
    amount: Decimal
    is_credit: bool
    booked_on: date
    value_on: date | None
    statement: str
    file: str
    file_digest: str
    place: str


@dataclass(frozen=True)
class BankRow:
    """A payment that was judged with the bank: a row of check 11."""

    key: str
    payment: str
    legal_entity: str
    currency: str
    amount: Decimal
    completed_on: date | None
    """None where it failed in Coupa."""
    state: str
    """A `hypercare.bank_payments.BankState`."""
    basis: str
    """By what it was matched; empty where it was not."""
    verdict: str
    """PASS, FAIL, or UNKNOWN while no statement covers its days."""
    words: str
    entries: tuple[MatchedEntry, ...]


@dataclass(frozen=True)
class StatementRow:
    """A bank statement on which a week's bank rows rest."""

    statement: str
    account: str
    currency: str
    name: str
    covered_from: date
    covered_through: date
    opening: Decimal | None
    closing: Decimal | None
    arithmetic: str
    continuity: str
    file: str
    file_digest: str


@dataclass(frozen=True)
class ReconciledRows:
    """The rows of one engagement-week that are frozen beside its checks and exceptions."""

    differing: tuple[DifferingRow, ...] = ()
    bank: tuple[BankRow, ...] = ()
    statements: tuple[StatementRow, ...] = ()


NO_ROWS = ReconciledRows()
LEG_TOTALS = """
select
    split_part(key, ':', 1) as kind, legal_entity, currency, count(*), coalesce(sum(amount), 0),
    count(*) filter (where offending is distinct from false),
    coalesce(sum(amount) filter (where offending is distinct from false), 0)
from judged group by all order by all
"""
BANK_ROWS = "select key, legal_entity, currency, amount, offending, words, detail from judged order by key"
ENTRIES = """
select id, account, currency, amount, is_credit, booked_on, value_on, statement, file, file_digest, place
from bank_entries where list_contains($wanted, id)
"""
STATEMENTS = """
select
    statements.id, account, currency, statements.name, covered_from, covered_through, opening, closing, arithmetic,
    continuity, file, file_digest
from bank_statements as statements cross join engagement
where
    list_contains($wanted, statements.id)
    or (covered_from <= engagement.week_sunday and covered_through >= engagement.week_monday)
order by statements.id
"""
ROW_QUERIES = (ENTRIES, STATEMENTS)
"""What is read of an engagement's records beside what the checks read."""


def read_legs(connection: duckdb.DuckDBPyConnection, check: str) -> list[LegTotal]:
    """Return what the check that was judged last came to, by kind of record, legal entity and currency."""
    return [LegTotal(check, *row) for row in connection.execute(LEG_TOTALS).fetchall()]


def read_differing(legal_entity: str, currency: str, rows: Sequence[Mapping[str, Any]]) -> list[DifferingRow]:
    """Return the rows that a roll-forward names in its detail."""
    return [DifferingRow(legal_entity, currency, row["key"], Decimal(row["difference"]), row["words"]) for row in rows]


def read_bank_rows(connection: duckdb.DuckDBPyConnection) -> tuple[list[BankRow], list[StatementRow]]:
    """Return the rows of check 11, just judged, and the statements of their entries and of the week's days."""
    cursor = connection.execute(BANK_ROWS)
    names = [column[0] for column in cursor.description or ()]
    rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    for row in rows:
        row["detail"] = json.loads(row["detail"])
    wanted = sorted({name for row in rows for name in _names(row)})
    found = connection.execute(ENTRIES, {"wanted": wanted}).fetchall()
    entries = {entry.entry: entry for entry in (MatchedEntry(*row) for row in found)}
    statements = sorted({entry.statement for entry in entries.values()})
    shown = connection.execute(STATEMENTS, {"wanted": statements}).fetchall()
    return [_bank_row(row, entries) for row in rows], [StatementRow(*row) for row in shown]


def _bank_row(row: Mapping[str, Any], entries: Mapping[str, MatchedEntry]) -> BankRow:
    detail, offending = row["detail"], row["offending"]
    return BankRow(
        key=row["key"],
        payment=detail["payment"],
        legal_entity=row["legal_entity"],
        currency=row["currency"],
        amount=row["amount"],
        completed_on=date.fromisoformat(detail["completed_on"]) if detail["completed_on"] else None,
        state=detail["state"],
        basis=detail["basis"] or "",
        verdict="UNKNOWN" if offending is None else "FAIL" if offending else "PASS",
        words=row["words"] or "",
        entries=tuple(entries[name] for name in _names(row)),
    )


def _names(row: Mapping[str, Any]) -> list[str]:
    return [name for name in (row["detail"]["entries"] or "").split(", ") if name]
