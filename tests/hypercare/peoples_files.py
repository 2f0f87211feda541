"""The files of people: made by LibreOffice, by XlsxWriter as Excel does, and by hand; read, and untouched by that."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import xlsxwriter

from hypercare.systems.hypercare_workbook import WorkbookRead, read_workbook
from hypercare.systems.tracker import read_tracker
from hypercare.systems.tracker_mapping import load_tracker_mapping
from hypercare.systems.workbook_files import fetch_workbook
from hypercare.systems.workbook_package import WorkbookLimits
from tests.hypercare.workbooks import FORM, ROOT, headers_of

NAME = "acme.xlsx"
LIBREOFFICE = ROOT / "tests" / "data" / "workbooks"
TRACKER = load_tracker_mapping(ROOT / "include" / "mappings" / "tracker.yaml")
EXPLAINED: dict[str, Any] = {
    "check": "errors_resolved",
    "row": "payment:776",
    "week": "2026-W12",
    "amount": 1234.5,
    "currency": "EUR",
    "reason_code": "timing",
    "explanation": "Paid again on Monday",
    "ticket": "00001001",
    "explained_by": "Ana Example",
    "explained_on": date(2026, 3, 20),
    "accepted_by": "Bo Example",
    "accepted_on": date(2026, 3, 23),
}
"""One row of the exceptions as somebody enters it."""
READ: dict[str, Any] = EXPLAINED | {"amount": "1234.5", "explained_on": "2026-03-20", "accepted_on": "2026-03-23"}
"""The same as it is to be read."""
KEY = ("exceptions", "errors_resolved | payment:776")

Told = tuple[str, str, str, str]
"""A refusal: sheet, cell, reason, remedy."""


@dataclass(frozen=True)
class Case:
    """A file, and what reading it must come to."""

    make: Callable[[], bytes]
    entries: Mapping[tuple[str, str], Mapping[str, Any] | None] = field(default_factory=lambda: {KEY: READ})
    """By sheet and key: the cells that are read, or None for a row that is not acted on."""
    refused: tuple[Told, ...] = ()


def libreoffice(name: str) -> Callable[[], bytes]:
    """A file that LibreOffice made."""
    return (LIBREOFFICE / name).read_bytes


def explained(**changes: Any) -> dict[str, Any]:
    """A row that is explained, of another payment where `row` names it."""
    return EXPLAINED | changes


def key(row: str) -> tuple[str, str]:
    """The key of an exception of this row."""
    return "exceptions", f"errors_resolved | {row}"


@contextmanager
def writing_excel(**options: Any) -> Iterator[tuple[xlsxwriter.Workbook, Callable[[], bytes]]]:
    """Open a workbook of XlsxWriter; the second value returns its bytes once it is closed."""
    stream = io.BytesIO()
    workbook = xlsxwriter.Workbook(stream, {"in_memory": True, **options})
    yield workbook, stream.getvalue
    workbook.close()


def excel(
    fill: Callable[[xlsxwriter.Workbook, Any], None], title: str = "Exceptions", **options: Any
) -> Callable[[], bytes]:
    """A file of one sheet that XlsxWriter wrote."""

    def make() -> bytes:
        with writing_excel(**options) as (workbook, written):
            fill(workbook, workbook.add_worksheet(title))
        return written()

    return make


def enter(workbook: xlsxwriter.Workbook, sheet: Any, *rows: Mapping[str, Any], first: int = 0) -> None:
    """Write the header of the exceptions and rows below it; dates as Excel keeps them."""
    as_date = workbook.add_format({"num_format": "dd/mm/yyyy"})
    sheet.write_row(first, 0, headers_of("exceptions"))
    for number, values in enumerate(rows, start=first + 1):
        for position, column in enumerate(FORM.sheets["exceptions"].columns):
            value = values.get(column)
            if isinstance(value, date):
                sheet.write_datetime(number, position, datetime.combine(value, datetime.min.time()), as_date)
            elif isinstance(value, str):
                sheet.write_string(number, position, value)
            elif value is not None:
                sheet.write(number, position, value)


@contextmanager
def standing(folder: Path, content: bytes) -> Iterator[Path]:
    """Lay a file where people keep theirs, and find it and its folder as they were, whatever the block came to."""
    path = folder / NAME
    path.write_bytes(content)
    at = path.stat().st_mtime_ns
    try:
        yield path
    finally:
        assert path.read_bytes() == content
        assert path.stat().st_mtime_ns == at
        assert [each.name for each in folder.iterdir()] == [NAME]


def read(folder: Path, content: bytes) -> WorkbookRead:
    """Read a people's file as the weekly run does."""
    with standing(folder, content):
        return read_workbook(fetch_workbook(str(folder), NAME, WorkbookLimits(), "workbook"), NAME, FORM)


def read_items(folder: Path, content: bytes) -> list[dict[str, Any]]:
    """Read the action items of a people's file; blanks are left out."""
    with standing(folder, content):
        rows = read_tracker(str(folder), NAME, TRACKER).rows
    return [{name: value for name, value in row.items() if value is not None} for row in rows]


def read_case(folder: Path, case: Case) -> tuple[dict[tuple[str, str], dict[str, Any] | None], tuple[Told, ...]]:
    """Read a case's file; return what was found as the case tells it: entries and refusals."""
    found = read(folder, case.make())
    entries = {(e.sheet, e.key): dict(e.values) if e.is_complete else None for e in found.entries}
    return entries, tuple((each.sheet, each.cell, each.reason, each.remedy) for each in found.refusals)
