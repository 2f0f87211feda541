"""What people told in forms, each in the shape of the workbook's row that asks the same, with its history."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, Engine, select
from sqlalchemy.dialects.postgresql import distinct_on, insert

from hypercare.ledger.workbook_tables import form_entries
from hypercare.workbook_entries import Entry

KEY = [form_entries.c[name] for name in ("engagement", "sheet", "key", "recorded_as_of")]


def record_form_entry(
    connection: Connection, engagement: str, as_of: datetime, entry: Entry, requested_by: str, confirmed_by: str = ""
) -> bool:
    """Keep what a form says, unless it said the same last; return whether it is new.

    `requested_by` filled in the form, `confirmed_by` is the second person where one is asked.
    """
    table = form_entries
    same = (table.c.engagement == engagement) & (table.c.sheet == entry.sheet) & (table.c.key == entry.key)
    query = select(table.c["values"], table.c.told_by).where(same).order_by(table.c.recorded_as_of.desc()).limit(1)
    last = connection.execute(query).one_or_none()
    if last is not None and tuple(last) == (dict(entry.values), entry.told_by):
        return False
    told = {"values": dict(entry.values), "told_by": entry.told_by}
    asked = {"requested_by": requested_by, "confirmed_by": confirmed_by}
    statement = insert(table).values(
        engagement=engagement, sheet=entry.sheet, key=entry.key, recorded_as_of=as_of, **told, **asked
    )
    connection.execute(statement.on_conflict_do_update(index_elements=KEY, set_=told | asked))
    return True


def read_form_entries(engine: Engine, engagement: str, sheet: str) -> list[Entry]:
    """Return what forms say now in the place of one sheet's rows, by key."""
    table = form_entries
    query = (
        select(table)
        .ext(distinct_on(table.c.key))
        .where(table.c.engagement == engagement, table.c.sheet == sheet)
        .order_by(table.c.key, table.c.recorded_as_of.desc())
    )
    with engine.connect() as connection:
        return [
            Entry(row.sheet, row.key, row._mapping["values"], {}, True, row.told_by, row.recorded_as_of)
            for row in connection.execute(query)
        ]
