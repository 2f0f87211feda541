"""Matches an engagement's payments with its bank entries, and lays the result beside its records as SQL tables.

- `bank_matches`: one row a released payment that can show on a bank account: payment_id, state (see `BankState`),
  basis, entries, booked_on, returned_on, words
- `bank_unexplained`: one row an entry that is no payment's: entry_id, booked_on, amount, currency, account, words

Without statements both are there and empty. Payments by virtual card are the card partner's matter (check 9).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb

from hypercare.bank_entries import BankEntry, read_entry
from hypercare.bank_matching import match_payments
from hypercare.bank_payments import BankMatching, BankPayment, BankState

PAYMENTS = """
with documents_paid as (
    select payment_id, list(distinct source_transaction_reference order by source_transaction_reference) as documents
    from payment_details
    where source_transaction_reference is not null
    group by payment_id
)

select
    released_payments.id,
    released_payments.amount,
    released_payments.currency,
    released_payments.released_on - 1 as earliest,
    coalesce(
        add_business_days(
            released_payments.final_on, released_payments.business_days + $bank_match_business_days
        ),
        add_business_days(released_payments.deadline, $bank_match_business_days),
        released_payments.deadline
    ) as latest,
    payments.pay_from_total as account_amount,
    coalesce(payments.pay_from_currency_code, '') as account_currency,
    list_filter(
        [payments.payment_identifier, payments.external_ref_id, payments.digital_check_check_number],
        lambda reference: reference is not null
    ) as "references",
    coalesce(documents_paid.documents, []) as documents,
    coalesce(split_part(released_payments.payment_batch_id, '/', -1), '') as batch,
    released_payments.is_failed,
    coalesce(payments.pay_from_account_payment_option, '') as method,
    released_payments.legal_entity
from released_payments
inner join payments on released_payments.id = payments.id
left join documents_paid on released_payments.id = documents_paid.payment_id
where coalesce(payments.pay_from_account_account_kind, '') <> 'virtual_card'
order by released_payments.id
"""
ENTRIES = "select * from bank_entries"
STATEMENTS = "select count(*) from bank_statements"
BANK_QUERIES = (PAYMENTS, ENTRIES, STATEMENTS)
"""What matching reads of an engagement's records."""
TABLES = """
create or replace temp table bank_matches (
    payment_id varchar, state varchar, basis varchar, entries varchar, booked_on date, returned_on date, words varchar
);
create or replace temp table bank_unexplained (
    entry_id varchar, booked_on date, amount decimal(24, 5), currency varchar, account varchar, words varchar
);
"""
SHOWN_ENTRIES = 5


def load_bank_matches(connection: duckdb.DuckDBPyConnection, parameters: Mapping[str, Any]) -> None:
    """Match what the connection's tables hold and create `bank_matches` and `bank_unexplained` there.

    `parameters`: of the checks' queries; `tolerance` and `bank_match_business_days` are used. Raises duckdb.Error where
    a table is missing.
    """
    connection.execute(TABLES)
    if not connection.execute(STATEMENTS).fetchall()[0][0]:
        return
    entries = {one.id: one for one in map(read_entry, _fetch(connection, ENTRIES, {}))}
    days = {"bank_match_business_days": parameters["bank_match_business_days"]}
    payments = [BankPayment(**_freeze(row)) for row in _fetch(connection, PAYMENTS, days)]
    found = match_payments(payments, list(entries.values()), parameters["tolerance"])
    _insert(connection, "bank_matches", _list_matches(found, entries))
    _insert(connection, "bank_unexplained", _list_unexplained(found, entries))


def _fetch(connection: duckdb.DuckDBPyConnection, query: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
    cursor = connection.execute(query, parameters)
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
