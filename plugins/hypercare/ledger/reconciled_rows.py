"""The rows behind a week's checks, frozen with its revision."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter
from sqlalchemy import Connection, Engine, Row, Table, delete, insert, select

from hypercare.canonical import plain
from hypercare.ledger.row_tables import ROW_TABLES, bank_matches, bank_statements, differing_rows
from hypercare.reconciled_rows import BankRow, DifferingRow, MatchedEntry, ReconciledRows, StatementRow

if TYPE_CHECKING:
    from hypercare.ledger.evidence import RevisionKey

ENTRIES = TypeAdapter(tuple[MatchedEntry, ...])
OWN = ("engagement", "week", "revision")


def replace_rows(connection: Connection, key: RevisionKey, rows: ReconciledRows) -> None:
    """Write a revision's rows in the place of those that an earlier try wrote; the caller knows that it is open."""
    for table in ROW_TABLES:
        connection.execute(delete(table).where(key.matches(table)))
    _insert(connection, key, differing_rows, map(vars, rows.differing))
    _insert(connection, key, bank_matches, ({**vars(row), "entries": plain(row.entries)} for row in rows.bank))
    _insert(connection, key, bank_statements, map(vars, rows.statements))


def read_rows(engine: Engine, key: RevisionKey) -> ReconciledRows:
    """Return the rows of a revision, by their keys; none of one that a release before these tables sealed."""
    with engine.connect() as connection:
        found = {table.name: [_own(row) for row in connection.execute(_select(table, key))] for table in ROW_TABLES}
    return ReconciledRows(
        differing=tuple(DifferingRow(**row) for row in found["differing_rows"]),
        bank=tuple(
            BankRow(**{**row, "entries": ENTRIES.validate_python(row["entries"])}) for row in found["bank_matches"]
        ),
        statements=tuple(StatementRow(**row) for row in found["bank_statements"]),
    )


def _insert(connection: Connection, key: RevisionKey, table: Table, rows: Iterable[dict[str, Any]]) -> None:
    common = {"engagement": key.engagement, "week": str(key.week), "revision": key.revision}
    values = [common | row for row in rows]
    if values:
        connection.execute(insert(table), values)


def _select(table: Table, key: RevisionKey) -> Any:  # noqa: ANN401 - a query
    return select(table).where(key.matches(table)).order_by(*table.primary_key.columns)


def _own(row: Row[Any]) -> dict[str, Any]:
    return {name: value for name, value in row._mapping.items() if name not in OWN}
