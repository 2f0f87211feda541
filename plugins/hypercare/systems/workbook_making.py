"""Workbooks that we make anew: tables with a line on how to fill them, a frozen header, and lists to choose from.

Nothing here opens a file of somebody else: openpyxl drops what it does not know, so theirs are never saved over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from io import BytesIO
from typing import Any, Literal

from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE, Cell
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

from hypercare.systems.tracker_mapping import TrackerMapping
from hypercare.systems.workbook_form import WorkbookForm

HEADER_ROW = 3
LAST_ROW = 5_000
"""Down to which row the lists to choose from are offered."""
LISTS = "Lists"
WIDE = frozenset({"title", "impact", "resolution", "plan"})
ITEMS_FILL = (
    "One issue a row, with an id of its own. A high priority needs a resolution, or a plan with owner, date and an "
    'acceptor, written as "CVM: name" or "Support: name".'
)

Kind = Literal["text", "date", "boolean", "number", "week", "choice"]


@dataclass(frozen=True)
class TableColumn:
    """One column that we print."""

    header: str
    kind: Kind = "text"
    width: int = 14
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """One sheet that we print; values are text, dates, decimals, numbers or None."""

    title: str
    fill: str
    columns: tuple[TableColumn, ...]
    rows: tuple[tuple[Any, ...], ...] = ()


def form_tables(
    form: WorkbookForm, tracker: TrackerMapping, given: Mapping[str, Sequence[Sequence[Any]]]
) -> list[Table]:
    """Return the sheets of a new workbook; `given` are rows to print, by sheet, from its first column on."""
    items = tuple(
        TableColumn(column.headers[0], column.kind, 40 if name in WIDE else 16)
        for name, column in tracker.columns.items()
    )
    tables = [Table(tracker.sheet.capitalize(), ITEMS_FILL, items)]
    for name, sheet in form.sheets.items():
        columns = tuple(
            TableColumn(column.headers[0], column.kind, column.width, column.choices)
            for column in sheet.columns.values()
        )
        rows = given.get(name) or [(row,) for row in sheet.rows]
        tables.append(Table(sheet.title, sheet.fill, columns, tuple(map(tuple, rows))))
    return tables


def write_tables(tables: Sequence[Table], *, to_be_filled: bool) -> bytes:
    """Return a new .xlsx workbook; `to_be_filled` adds validations and lists to choose from."""
    workbook = Workbook()
    assert workbook.active is not None
    workbook.remove(workbook.active)
    lists: dict[tuple[str, ...], str] = {}
    for table in tables:
        sheet = workbook.create_sheet(table.title[:31])
        _write_table(sheet, table)
        if to_be_filled:
            for position, column in enumerate(table.columns, start=1):
                _validate(sheet, column, get_column_letter(position), lists)
    if lists:
        _write_lists(workbook, lists)
    stream = BytesIO()
    workbook.save(stream)
    return stream.getvalue()


def _write_table(sheet: Worksheet, table: Table) -> None:
    _write(sheet, 1, 1, table.fill).font = Font(italic=True, color="555555")
    for position, column in enumerate(table.columns, start=1):
        cell = _write(sheet, HEADER_ROW, position, column.header)
        cell.font = Font(bold=True)
        cell.fill = PatternFill("solid", start_color="DDE6F0")
        cell.alignment = Alignment(wrap_text=True, vertical="top")
        dimension = sheet.column_dimensions[get_column_letter(position)]
        dimension.width = column.width
        if column.kind == "date":
            dimension.number_format = "yyyy-mm-dd"
    sheet.freeze_panes = f"A{HEADER_ROW + 1}"
    for number, row in enumerate(table.rows, start=HEADER_ROW + 1):
        for position, value in enumerate(row, start=1):
            _write(sheet, number, position, value)


def make_text(value: str) -> str:
    """Return a text as a cell can hold it: without control characters, and not too long."""
    return ILLEGAL_CHARACTERS_RE.sub(" ", value)[:32_000]


def _write(sheet: Worksheet, row: int, column: int, value: Any) -> Cell:  # noqa: ANN401 - a cell holds anything
    cell = sheet.cell(row, column)
    assert isinstance(cell, Cell)
    if isinstance(value, str):
        cell.value = make_text(value)
        # What begins with = is a text that somebody wrote, and must not come back as a formula of ours.
        cell.data_type = "s"
    elif isinstance(value, date) and not isinstance(value, datetime):
        cell.value = value
        cell.number_format = "yyyy-mm-dd"
    elif value is not None:
        cell.value = value
        if isinstance(value, Decimal):
            cell.number_format = "#,##0.00"
    return cell


def _validate(sheet: Worksheet, column: TableColumn, letter: str, lists: dict[tuple[str, ...], str]) -> None:
    if column.kind == "choice":
        place = lists.setdefault(column.choices, get_column_letter(len(lists) + 1))
        formula = f"{LISTS}!${place}$1:${place}${len(column.choices)}"
        rule = DataValidation(type="list", formula1=formula, allow_blank=True)
        rule.error = "Choose one of the list."
    elif column.kind == "boolean":
        rule = DataValidation(type="list", formula1='"Yes,No"', allow_blank=True)
        rule.error = "Choose Yes or No."
    elif column.kind == "date":
        rule = DataValidation(type="date", operator="greaterThan", formula1="36526", allow_blank=True)
        rule.error = "Write a date, such as 2026-11-16."
    elif column.kind == "number":
        rule = DataValidation(type="decimal", operator="between", formula1="-1E+15", formula2="1E+15", allow_blank=True)
        rule.error = "Write a number."
    else:
        return
    rule.showErrorMessage = True
    rule.add(f"{letter}{HEADER_ROW + 1}:{letter}{LAST_ROW}")
    sheet.add_data_validation(rule)


def _write_lists(workbook: Workbook, lists: Mapping[tuple[str, ...], str]) -> None:
    sheet = workbook.create_sheet(LISTS)
    sheet.sheet_state = "hidden"
    for position, choices in enumerate(lists, start=1):
        for row, choice in enumerate(choices, start=1):
            _write(sheet, row, position, choice)
