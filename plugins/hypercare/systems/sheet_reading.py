"""Reading a table off a sheet by its form: the header wherever it stands, each cell by its column's kind.

Nothing is guessed: what does not fit is a fault that names its cell, says what is wrong, and what to do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from math import isfinite
from typing import Any

from hypercare.systems.sheet_form import SheetForm, normalise
from hypercare.systems.sheet_layout import Block
from hypercare.systems.workbook import Cell, Sheet
from hypercare.weeks import Week

PLAIN_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
EXCEL_DIGITS = ".15g"
"""Spreadsheets keep and show 15 digits; what a float has beyond them is no one's."""


@dataclass(frozen=True)
class CellFault:
    """Why a cell, or a few of them, cannot be taken."""

    cell: str
    """`B7`, `A5:A6` or `D1 and H1`."""
    words: str
    """They follow the cell's name, and end in what to do."""
    value: str = ""

    def __str__(self) -> str:
        several = ":" in self.cell or " and " in self.cell
        return f"{'cells' if several else 'cell'} {self.cell} {self.words}"


@dataclass(frozen=True)
class Header:
    """Where the columns stand on a sheet."""

    row: int
    places: Mapping[str, int]
    """Column of the form to the sheet's column, from 1."""
    faults: tuple[CellFault, ...] = ()
    unknown: tuple[Cell, ...] = ()
    """Headers that the form does not know."""


@dataclass(frozen=True)
class SheetRow:
    """One row of a table that is not empty."""

    number: int
    values: dict[str, Any]
    """Every column of the form; None for blanks and faults, dates as ISO text, weeks as labels."""
    cells: Mapping[str, Cell]
    """The cells that are not blank."""
    faults: list[CellFault] = field(default_factory=list)


def find_header(sheet: Sheet, form: SheetForm) -> list[Cell] | None:
    """Return the cells of the first row that holds every required header, or None."""
    wanted = [{normalise(known) for known in form.columns[name].headers} for name in form.required]
    for cells in sheet.rows(last=form.header_within_rows):
        found = {_header_of(cell) for cell in cells}
        if all(found & accepted for accepted in wanted):
            return [cell for cell in cells if not cell.is_blank]
    return None


def read_header(sheet: Sheet, form: SheetForm) -> Header | None:
    """Return where the columns stand, with what is wrong there; None where no row holds the required headers."""
    cells = find_header(sheet, form)
    if cells is None:
        return None
    faults = [CellFault(cell.name, cell.fault) for cell in cells if cell.fault]
    by_header: dict[str, list[Cell]] = {}
    for cell in cells:
        by_header.setdefault(_header_of(cell), []).append(cell)
    places: dict[str, int] = {}
    for name, column in form.columns.items():
        standing = next((by_header[normalise(known)] for known in column.headers if normalise(known) in by_header), [])
        if len(standing) > 1:
            named = " and ".join(cell.name for cell in standing)
            words = f"bear the same header {str(standing[0].value).strip()!r}: keep one of them"
            faults.append(CellFault(named, words))
        elif standing:
            places[name] = standing[0].column
    known_words = {normalise(word) for column in form.columns.values() for word in column.headers}
    unknown = tuple(cell for cell in cells if _header_of(cell) not in known_words and not cell.fault)
    return Header(cells[0].row, places, tuple(faults), unknown)


def describe_missing_headers(sheet: Sheet, form: SheetForm, file: str) -> str:
    """Say what the row that comes closest lacks; `file` is the form's own, to which a header can be added."""
    known = {normalise(header) for column in form.columns.values() for header in column.headers}
    rows = [cells for cells in sheet.rows(last=form.header_within_rows) if cells]
    closest = max(rows, key=lambda cells: len({_header_of(cell) for cell in cells} & known), default=[])
    found = {_header_of(cell) for cell in closest}
    missing = [
        f"{name} (accepted: {', '.join(form.columns[name].headers)})"
        for name in form.required
        if not found & {normalise(header) for header in form.columns[name].headers}
    ]
    shown = ", ".join(f"{cell.name} {str(cell.value).strip()[:40]!r}" for cell in closest[:40]) or "nothing"
    return (
        f"none of the first {form.header_within_rows} rows holds the required headers; missing in the "
        f"closest: {'; '.join(missing)}; found there: {shown}. Rename the columns, or add their names to {file}"
    )


def list_block_faults(sheet: Sheet, header: Header) -> list[tuple[Block, CellFault]]:
    """Return the blocks of cells in the table that are merged, or filled by one formula: they are not what one sees."""
    used = header.places.values()
    return [
        (block, CellFault(block.name, _describe_block(block, in_header=block.first_row <= header.row)))
        for block in sheet.read_blocks()
        if block.last_row >= header.row and any(block.first_column <= place <= block.last_column for place in used)
    ]


def _describe_block(block: Block, *, in_header: bool) -> str:
    where = " in the header" if in_header else ""
    if block.is_merged:
        return f"are merged{where}: unmerge them"
    return f"are filled by one formula{where}: paste their values instead"


def read_rows(sheet: Sheet, form: SheetForm, header: Header) -> Iterator[SheetRow]:
    """Yield the rows below the header in which a mapped column is not blank, hidden ones too."""
    read = ValueReader(form)
    for cells in sheet.rows(first=header.row + 1, columns=max(header.places.values())):
        standing = {cell.column: cell for cell in cells if not cell.is_blank}
        entries = {name: standing[place] for name, place in header.places.items() if place in standing}
        if not entries:
            continue
        row = SheetRow(cells[0].row, dict.fromkeys(form.columns), entries)
        for name, cell in entries.items():
            try:
                row.values[name] = read(name, cell)
            except ValueError as fault:
                row.faults.append(CellFault(cell.name, str(fault), write_text(cell.value)[:200]))
        yield row


class ValueReader:
    """Reads a cell as its column's kind; a call raises ValueError with words that follow the cell's name."""

    def __init__(self, form: SheetForm) -> None:
        self._form = form
        self._answers = {normalise(word): True for word in form.yes_words}
        self._answers.update({normalise(word): False for word in form.no_words})
        self._readers: dict[str, Callable[[str, Any], str | bool | Decimal]] = {
            "text": lambda _, value: write_text(value),
            "date": self._read_date,
            "boolean": self._read_answer,
            "number": self._read_number,
            "week": self._read_week,
            "choice": self._read_choice,
        }

    def __call__(self, name: str, cell: Cell) -> str | bool | Decimal:
        """Return the value of a cell of the column `name`."""
        if cell.fault:
            raise ValueError(cell.fault)
        if cell.is_percentage:
            msg = f"holds {write_text(cell.value)} shown as a percentage: format it as a number, as it is meant"
            raise ValueError(msg)
        return self._readers[self._form.columns[name].kind](name, cell.value)

    def _read_date(self, _: str, value: Any) -> str:  # noqa: ANN401 - a cell holds anything
        if isinstance(value, datetime):
            return value.date().isoformat()
        if isinstance(value, date):
            return value.isoformat()
        if not isinstance(value, str):
            msg = f"holds {write_text(value)!r}, which is no date: format it as a date, or write it as 2026-11-16"
            raise ValueError(msg)
        text = value.strip()
        with suppress(ValueError):
            return datetime.fromisoformat(text).date().isoformat()
        for form in self._form.date_formats:
            with suppress(ValueError):
                return datetime.strptime(text, form).date().isoformat()  # noqa: DTZ007 - a date only
        msg = f"holds {text!r}, which is no date in any format of the mapping: write it as 2026-11-16"
        raise ValueError(msg)

    def _read_answer(self, _: str, value: Any) -> bool:  # noqa: ANN401 - a cell holds anything
        if isinstance(value, bool):
            return value
        answer = self._answers.get(normalise(write_text(value)))
        if answer is None:
            accepted = ", ".join((*self._form.yes_words, *self._form.no_words))
            msg = f"holds {write_text(value)!r}: write one of {accepted}"
            raise ValueError(msg)
        return answer

    def _read_number(self, _: str, value: Any) -> Decimal:  # noqa: ANN401 - a cell holds anything
        if isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value):
            return Decimal(format(value, EXCEL_DIGITS) if isinstance(value, float) else value)
        text = write_text(value)
        if isinstance(value, str) and PLAIN_NUMBER.fullmatch(text):
            return Decimal(text)
        msg = f"holds {text!r}, which is no number: format it as a number, or write it as 1234.50"
        raise ValueError(msg)

    def _read_week(self, _: str, value: Any) -> str:  # noqa: ANN401 - a cell holds anything
        text = write_text(value).upper()
        with suppress(ValueError):
            return str(Week.parse(text))
        msg = f"holds {text!r}, which is no week: write it as 2026-W46"
        raise ValueError(msg)

    def _read_choice(self, name: str, value: Any) -> str:  # noqa: ANN401 - a cell holds anything
        choices = self._form.list_choices(name)
        text = write_text(value)
        for choice in choices:
            if normalise(choice) == normalise(text):
                return choice
        msg = f"holds {text!r}: write one of {', '.join(choices)}"
        raise ValueError(msg)


def write_text(value: Any) -> str:  # noqa: ANN401 - a cell holds anything
    """Write a cell's value as people see it, nearly: whole numbers without a point, dates in ISO form."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == datetime.min.time() else value.isoformat(sep=" ")
    return str(value).strip()


def _header_of(cell: Cell) -> str:
    return normalise(str(cell.value))
