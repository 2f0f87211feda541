"""What was read off the hypercare workbooks: each version of a file, and each accepted row since when (rule R15)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, select, update
from sqlalchemy.dialects.postgresql import distinct_on, insert

from hypercare.canonical import plain
from hypercare.ledger.workbook_tables import workbook_entries, workbook_versions
from hypercare.systems.hypercare_workbook import SheetRead, WorkbookRead
from hypercare.workbook_entries import Entry, Refusal

MOST_REFUSALS = 2_000
"""How many refusals of one file are kept and answered."""
ENTRY_KEY = [workbook_entries.c[name] for name in ("engagement", "sheet", "key", "version")]


@dataclass(frozen=True)
class WorkbookVersion:
    """One version of a people's file."""

    version: int
    file: str
    digest: str
    saved_by: str
    saved_at: datetime | None
    """As the file tells."""
    first_as_of: datetime
    last_as_of: datetime
    refused: str
    """Why the whole file is refused; empty: it was read."""
    sheets: tuple[SheetRead, ...]
    """Without their entries."""
    accepted: dict[str, int]
    """How many rows of each sheet were accepted."""
    refusals: tuple[Refusal, ...]


def record_version(
    connection: Connection, engagement: str, as_of: datetime, read: WorkbookRead, refused: str = ""
) -> int:
    """Keep which file a run read; return its number: the last one's where the bytes are the same."""
    table = workbook_versions
    told = {
        "sheets": [
            {
                "name": sheet.name,
                "title": sheet.title,
                "is_refused": sheet.is_refused,
                "ignored": list(sheet.ignored),
                "accepted": sum(entry.is_complete for entry in sheet.entries),
            }
            for sheet in read.sheets
        ],
        "refusals": plain(read.refusals[:MOST_REFUSALS]),
    }
    last = connection.execute(
        select(table).where(table.c.engagement == engagement).order_by(table.c.version.desc()).limit(1)
    ).one_or_none()
    if last is not None and (last.digest, last.file) == (read.digest, read.file):
        same = (table.c.engagement == engagement) & (table.c.version == last.version)
        connection.execute(
            update(table)
            .where(same)
            .values(last_as_of=max(as_of, last.last_as_of), refused=refused, **({} if refused else told))
        )
        return int(last.version)
    version = last.version + 1 if last is not None else 1
    own = {"engagement": engagement, "version": version, "file": read.file, "digest": read.digest}
    saved = {"saved_by": read.saved.by, "saved_at": read.saved.at, "first_as_of": as_of, "last_as_of": as_of}
    connection.execute(insert(table).values(**own, **saved, refused=refused, **told))
    return version


def record_entries(connection: Connection, engagement: str, version: int, as_of: datetime, read: WorkbookRead) -> int:
    """Keep the rows that a file tells anew, and that rows are gone; return how many were written.

    Rows of a sheet that the file lacks, or that is refused, stay as they were told last. Of a row that only moved the
    cells are kept, so that answers name those of the file read last.
    """
    known = {(row.sheet, row.key): row for row in _list_latest(connection, engagement)}
    common = {"engagement": engagement, "version": version, "as_of": as_of}
    rows: list[dict[str, Any]] = []
    for sheet in read.sheets:
        if sheet.is_refused:
            continue
        told = {entry.key: entry for entry in sheet.entries}
        for entry in told.values():
            before = known.get((sheet.name, entry.key))
            if before is None or _differs(before, entry):
                rows.append(common | _columns(entry, read.saved.by))
            elif before.cells != entry.cells:
                rows.append(dict(before._mapping) | {"cells": dict(entry.cells)})
        gone = [row for (name, key), row in known.items() if name == sheet.name and key not in told]
        rows += [common | _columns(_entry(row), row.told_by) | {"withdrawn": True} for row in gone if not row.withdrawn]
    if rows:
        # A release that knows more headers reads more off the same bytes.
        statement = insert(workbook_entries)
        read_anew = {name: statement.excluded[name] for name in ("values", "cells", "complete", "told_by", "withdrawn")}
        connection.execute(statement.on_conflict_do_update(index_elements=ENTRY_KEY, set_=read_anew), rows)
    return len(rows)


def read_entries(engine: Engine, engagement: str) -> list[Entry]:
    """Return every row that people tell now, by sheet and key."""
    with engine.connect() as connection:
        return [_entry(row) for row in _list_latest(connection, engagement) if not row.withdrawn]


def latest_version(engine: Engine, engagement: str) -> WorkbookVersion | None:
    """Return the version of the people's file that was read last."""
    table = workbook_versions
    query = select(table).where(table.c.engagement == engagement).order_by(table.c.version.desc()).limit(1)
    with engine.connect() as connection:
        row = connection.execute(query).one_or_none()
    return None if row is None else _version(row)


def list_versions(engine: Engine, engagement: str) -> list[WorkbookVersion]:
    """Return every version of the people's file that was read, the first one first."""
    table = workbook_versions
    query = select(table).where(table.c.engagement == engagement).order_by(table.c.version)
    with engine.connect() as connection:
        return [_version(row) for row in connection.execute(query)]


def list_sheets_seen(engine: Engine, engagement: str) -> dict[str, str]:
    """Return the sheets that any version had: name in the form to the title that was last seen."""
    table = workbook_versions
    query = select(table.c.sheets).where(table.c.engagement == engagement).order_by(table.c.version)
    with engine.connect() as connection:
        return {sheet["name"]: sheet["title"] for sheets in connection.execute(query).scalars() for sheet in sheets}


def _list_latest(connection: Connection, engagement: str) -> Sequence[Row[Any]]:
    table = workbook_entries
    query = (
        select(table)
        .ext(distinct_on(table.c.sheet, table.c.key))
        .where(table.c.engagement == engagement)
        .order_by(table.c.sheet, table.c.key, table.c.version.desc())
    )
    return connection.execute(query).all()


def _differs(row: Row[Any], entry: Entry) -> bool:
    # `values` is also a method of a row.
    told = (row._mapping["values"], row.complete)
    return bool(row.withdrawn) or told != (dict(entry.values), entry.is_complete)


def _columns(entry: Entry, saved_by: str) -> dict[str, Any]:
    return {
        "sheet": entry.sheet,
        "key": entry.key,
        "values": dict(entry.values),
        "cells": dict(entry.cells),
        "complete": entry.is_complete,
        "told_by": entry.told_by or saved_by,
        "withdrawn": False,
    }


def _entry(row: Row[Any]) -> Entry:
    return Entry(row.sheet, row.key, row._mapping["values"], row.cells, row.complete, row.told_by, row.as_of)


def _version(row: Row[Any]) -> WorkbookVersion:
    return WorkbookVersion(
        version=row.version,
        file=row.file,
        digest=row.digest,
        saved_by=row.saved_by,
        saved_at=row.saved_at,
        first_as_of=row.first_as_of,
        last_as_of=row.last_as_of,
        refused=row.refused,
        sheets=tuple(
            SheetRead(each["name"], each["title"], (), each["is_refused"], tuple(each["ignored"]))
            for each in row.sheets
        ),
        accepted={each["name"]: each["accepted"] for each in row.sheets},
        refusals=tuple(Refusal(**each) for each in row.refusals),
    )
