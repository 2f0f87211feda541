"""Explanations of exceptions (rule R9), from workbooks and forms, with their history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, select
from sqlalchemy.dialects.postgresql import distinct_on, insert

from hypercare.canonical import digest
from hypercare.explaining import Explanation, RowId
from hypercare.ledger.workbook_tables import explanations

WORKBOOK, FORM = "workbook", "form"
KEY = [explanations.c[name] for name in ("engagement", "check", "key", "source", "recorded_as_of")]


def record_explanation(
    connection: Connection, engagement: str, as_of: datetime, explanation: Explanation, source: str = FORM
) -> bool:
    """Keep an explanation, unless the same was told before; return whether it is new.

    The same words told again do not explain a row that has changed meanwhile: what was recorded with them, the amount
    and the status of then, stays. Who may explain and accept is checked by `hypercare.explaining.read_explanation`.
    """
    told = digest(_told(explanation))
    last = _list_latest(connection, engagement, source).get(explanation.row)
    if last is not None and not last.withdrawn and last.told == told:
        return False
    _write(connection, engagement, as_of, source, {**asdict(explanation), "told": told, "withdrawn": False})
    return True


def withdraw_explanations(
    connection: Connection, engagement: str, as_of: datetime, told: set[RowId], source: str = FORM
) -> int:
    """Keep that the explanations of all other rows than these no longer stand; return how many did."""
    standing = {row: last for row, last in _list_latest(connection, engagement, source).items() if not last.withdrawn}
    gone = sorted(set(standing) - told)
    for row in gone:
        values = {
            name: value
            for name, value in standing[row]._mapping.items()
            if name not in ("engagement", "source", "recorded_as_of")
        }
        _write(connection, engagement, as_of, source, {**values, "withdrawn": True})
    return len(gone)


def read_explanations(engine: Engine, engagement: str) -> dict[RowId, Explanation]:
    """Return the explanations that stand, accepted or not, by row; of several sources the one recorded last."""
    with engine.connect() as connection:
        found = [
            row
            for source in (WORKBOOK, FORM)
            for row in _list_latest(connection, engagement, source).values()
            if not row.withdrawn
        ]
    ordered = sorted(found, key=lambda row: (row.recorded_as_of, row.source))
    return {(row.check, row.key): _explanation(row._mapping) for row in ordered}


def _told(explanation: Explanation) -> Mapping[str, Any]:
    return {name: value for name, value in asdict(explanation).items() if name != "status"}


def _list_latest(connection: Connection, engagement: str, source: str) -> dict[RowId, Row[Any]]:
    table = explanations
    query = (
        select(table)
        .ext(distinct_on(table.c.check, table.c.key))
        .where(table.c.engagement == engagement, table.c.source == source)
        .order_by(table.c.check, table.c.key, table.c.recorded_as_of.desc())
    )
    return {(row.check, row.key): row for row in connection.execute(query)}


def _write(connection: Connection, engagement: str, as_of: datetime, source: str, values: Mapping[str, Any]) -> None:
    row = {**values, "engagement": engagement, "source": source, "recorded_as_of": as_of}
    names = {column.name for column in KEY}
    changed = {name: value for name, value in row.items() if name not in names}
    connection.execute(insert(explanations).values(row).on_conflict_do_update(index_elements=KEY, set_=changed))


def _explanation(row: Mapping[Any, Any]) -> Explanation:
    return Explanation(**{name: row[name] for name in Explanation.__dataclass_fields__})
