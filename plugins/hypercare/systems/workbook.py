"""Reading .xlsx workbooks that somebody else wrote: refused with a reason where they are no plain, harmless table.

The package is checked before openpyxl sees it. Sheets are then streamed; what a stream does not tell by itself is read
from the sheet's XML.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import openpyxl
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.formula import ArrayFormula, DataTableFormula

from hypercare.errors import ContractError
from hypercare.systems.sheet_layout import Block, read_blocks
from hypercare.systems.workbook_package import WorkbookLimits, check_package

FORMULA, ERROR = "f", "e"
MOST_CHARACTERS = 32_767
"""Of a cell, in Excel and LibreOffice alike."""
CARRIAGE_RETURN = "_x000D_"
"""How Office writes one into a cell's text; nobody sees it."""


@dataclass(frozen=True)
class Cell:
    """One cell: `value` is None, text, a number, a bool, a date, a time or a duration; `kind` is openpyxl's type.

    Of a formula `value` is the formula's text.
    """

    row: int
    column: int
    value: Any
    kind: str
    is_percentage: bool = False
    """Whether a number is shown a hundredfold, with its sign."""

    @property
    def name(self) -> str:
        """Its place, such as `B7`."""
        return f"{get_column_letter(self.column)}{self.row}"

    @property
    def is_blank(self) -> bool:
        """Whether nobody sees anything in it."""
        return self.value is None or (isinstance(self.value, str) and not self.value.strip())

    @property
    def fault(self) -> str:
        """Why its value cannot be taken, in words; empty: it can."""
        if self.kind == FORMULA:
            return f"holds the formula {self.value[:60]!r}: paste its value instead"
        if self.kind == ERROR:
            return f"shows {self.value}: correct it"
        if isinstance(self.value, str) and len(self.value) > MOST_CHARACTERS:
            return f"holds {len(self.value):,} characters, and cells end at {MOST_CHARACTERS:,}: shorten it"
        return ""


class Sheet:
    """One worksheet of an open workbook."""

    def __init__(self, sheet: Any, archive: zipfile.ZipFile, file: str, limits: WorkbookLimits) -> None:  # noqa: ANN401 - openpyxl's
        self.name: str = sheet.title
        self._sheet = sheet
        self._archive = archive
        self._place = f"{file}, sheet {self.name!r}"
        self._limits = limits

    def rows(self, first: int = 1, last: int | None = None, columns: int | None = None) -> Iterator[list[Cell]]:
        """Yield the rows from `first` to `last`, hidden ones too, each with its cells that are not empty.

        `columns`: how many from the left are looked at; None: as many as the limits allow.
        """
        with _reporting_damage(self._place):
            # A workbook may claim any size for its sheet, and rows and columns are filled up to it.
            self._sheet.reset_dimensions()
            for row in self._sheet.iter_rows(min_row=first, max_row=last, max_col=columns or self._limits.columns):
                yield [_read_cell(cell) for cell in row if cell.value is not None]

    def read_blocks(self) -> list[Block]:
        """Return the sheet's merged cells, and those that one formula fills.

        Raises ContractError where rows or cells stand in disorder, since reading them would skip some.
        """
        with _reporting_damage(self._place), self._archive.open(self._sheet._worksheet_path) as part:
            return read_blocks(part, self._limits.blocks)


def _read_cell(cell: Any) -> Cell:  # noqa: ANN401 - openpyxl's
    value, kind = cell.value, cell.data_type
    if isinstance(value, ArrayFormula):
        value = value.text
    elif isinstance(value, DataTableFormula):
        value = f"=TABLE({value.r1 or ''},{value.r2 or ''})"
    elif isinstance(value, str) and CARRIAGE_RETURN in value:
        value = value.replace(CARRIAGE_RETURN, "")
    is_percentage = isinstance(value, int | float) and kind == "n" and "%" in cell.number_format
    return Cell(cell.row, cell.column, value, kind, is_percentage)


@contextmanager
def open_workbook(content: bytes, file: str, limits: WorkbookLimits | None = None) -> Iterator[Sequence[Sheet]]:
    """Yield the worksheets of a workbook's bytes; `file` names it in messages.

    Raises ContractError for what is no harmless .xlsx workbook, and for one that cannot be read to its end.
    """
    limits = limits or WorkbookLimits()
    check_package(content, file, limits)
    with zipfile.ZipFile(BytesIO(content)) as archive:
        with _reporting_damage(file):
            workbook = openpyxl.load_workbook(BytesIO(content), read_only=True, keep_links=False)
        try:
            yield [Sheet(sheet, archive, file, limits) for sheet in workbook.worksheets]
        finally:
            workbook.close()


@contextmanager
def _reporting_damage(place: str) -> Iterator[None]:
    """Name the place, also of what openpyxl's parsers happen to raise on a damaged part (KeyError, TypeError …)."""
    try:
        yield
    except ContractError as error:
        msg = f"{place}: {error}"
        raise ContractError(msg) from error
    except Exception as error:
        words = " ".join(str(error).splitlines()[:1])
        msg = f"{place}: the workbook is damaged ({type(error).__name__}: {words}); open it in Excel and save it anew"
        raise ContractError(msg) from error
