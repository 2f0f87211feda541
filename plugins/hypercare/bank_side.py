"""Matches an engagement's payments with its bank entries, and lays the result beside its records as SQL tables.

- `bank_matches`: one row a released payment that can show on a bank account: payment_id, state (see `BankState`),
  basis, entries, booked_on, returned_on, words
- `bank_unexplained`: one row an entry that is no payment's: entry_id, booked_on, amount, currency, account, words

Without statements both are there and empty. Payments by virtual card are the card partner's matter (check 9).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import duckdb

from hypercare.bank_entries import BankEntry, read_entry
from hypercare.bank_matching import match_payments
from hypercare.bank_payments import BankMatching, BankPayment, BankState

PAYMENTS = """
select * exclude (own_references, payment_option), own_references as "references", payment_option as method
from bank_payments order by id
"""
ENTRIES = "select * from bank_entries"
STATEMENTS = "select count(*) from bank_statements"
BANK_QUERIES = (ENTRIES, STATEMENTS)
"""What matching reads of an engagement's records beside the shared table `bank_payments`."""
TABLES = """
create or replace temp table bank_matches (
    payment_id varchar, state varchar, basis varchar, entries varchar, booked_on date, returned_on date, words varchar
);
create or replace temp table bank_unexplained (
    entry_id varchar, booked_on date, amount decimal(24, 5), currency varchar, account varchar, words varchar
);
"""
SHOWN_ENTRIES = 5


def load_bank_matches(connection: duckdb.DuckDBPyConnection, tolerance: Decimal) -> None:
    """Match what the connection's tables hold and create `bank_matches` and `bank_unexplained` there.

    The shared tables of the checks must be there, else duckdb.Error. Amounts within `tolerance` are the same.
    """
    connection.execute(TABLES)
    if not connection.execute(STATEMENTS).fetchall()[0][0]:
        return
    entries = {one.id: one for one in map(read_entry, _fetch(connection, ENTRIES))}
    payments = [BankPayment(**_freeze(row)) for row in _fetch(connection, PAYMENTS)]
    found = match_payments(payments, list(entries.values()), tolerance)
    _insert(connection, "bank_matches", _list_matches(found, entries))
    _insert(connection, "bank_unexplained", _list_unexplained(found, entries))


def _fetch(connection: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    cursor = connection.execute(query)
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _freeze(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}


def _insert(connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[Sequence[Any]]) -> None:
    if rows:
        places = ", ".join("?" for _ in rows[0])
        connection.executemany(f"insert into {table} values ({places})", [list(row) for row in rows])


def _list_matches(found: BankMatching, entries: Mapping[str, BankEntry]) -> list[tuple[Any, ...]]:
    returned = {one.payment: one for one in found.returns}
    rows: list[tuple[Any, ...]] = []
    for match in found.matches:
        names = ", ".join(match.entries)
        for payment in match.payments:
            if payment not in returned:
                words = _name_entries(match.entries, entries)
                rows.append((payment, BankState.MATCHED, match.basis, names, match.booked_on, None, words))
    for one in found.returns:
        words = f"the bank took it back on {one.returned_on}: {_name_entries([one.entry], entries)}"
        rows.append((one.payment, BankState.RETURNED, None, one.entry, None, one.returned_on, words))
    for still_open in found.open:
        words = f"{still_open.words}{': ' if still_open.entries else ''}{_name_entries(still_open.entries, entries)}"
        rows.append((still_open.payment, still_open.state, None, ", ".join(still_open.entries), None, None, words))
    return sorted(rows, key=lambda row: str(row[0]))


def _list_unexplained(found: BankMatching, entries: Mapping[str, BankEntry]) -> list[tuple[Any, ...]]:
    rows = []
    for one in found.unexplained:
        entry = entries[one.entry]
        words = f"{_name_entries([one.entry], entries)} of {entry.booked_on} {one.words}"
        rows.append((entry.id, entry.booked_on, entry.amount, entry.currency, entry.account, words))
    return rows


def _name_entries(names: Sequence[str], entries: Mapping[str, BankEntry]) -> str:
    """Name entries by file and place, as people look them up."""
    shown = [f"{entries[name].file.removeprefix('bank statement ')}, {entries[name].place}" for name in names]
    more = f" and {len(shown) - SHOWN_ENTRIES} more" if len(shown) > SHOWN_ENTRIES else ""
    return "; ".join(shown[:SHOWN_ENTRIES]) + more
