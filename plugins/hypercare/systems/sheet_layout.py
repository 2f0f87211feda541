"""What openpyxl tells nowhere of a sheet that it streams: blocks of cells, and whether rows and cells stand in order.

Two kinds of cells are not what they look like: all but the first of merged ones are empty in the file, and all but the
first of those that one array formula fills hold a value without a formula.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import IO
from xml.parsers.expat import ParserCreate

from openpyxl.utils import range_boundaries
from openpyxl.utils.cell import coordinate_to_tuple

from hypercare.errors import ContractError

MOST_ROWS, MOST_COLUMNS = 1_048_576, 16_384
"""Of a sheet, in Excel and LibreOffice alike."""
FILLING = ("array", "dataTable")
"""The kinds of formulas that stand in one cell and fill others."""


@dataclass(frozen=True)
class Block:
    """A block of cells; rows and columns count from 1, both ends belong to it."""

    name: str
    first_column: int
    first_row: int
    last_column: int
    last_row: int
    is_merged: bool
    """Else it is filled by one formula."""


@dataclass
class _Layout:
    most_blocks: int
    blocks: list[Block] = field(default_factory=list)
    row: int = 0
    column: int = 0

    def note(self, tag: str, attributes: dict[str, str]) -> None:
        """Take in one element as it begins."""
        match tag.rpartition(":")[2]:
            case "row":
                self._note_row(attributes)
            case "c":
                self._note_cell(attributes)
            case "f" if attributes.get("t") in FILLING and "ref" in attributes:
                self._note_block(attributes["ref"], is_merged=False)
            case "mergeCell":
                self._note_block(attributes["ref"], is_merged=True)

    def _note_row(self, attributes: dict[str, str]) -> None:
        number = int(attributes.get("r") or self.row + 1)
        if number <= self.row:
            _refuse(f"row {number} follows row {self.row}")
        if number > MOST_ROWS:
            _refuse(f"there is a row {number:,}, and sheets end at {MOST_ROWS:,}")
        self.row, self.column = number, 0

    def _note_cell(self, attributes: dict[str, str]) -> None:
        name = attributes.get("r")
        row, column = coordinate_to_tuple(name) if name else (self.row, self.column + 1)
        if row != self.row:
            _refuse(f"cell {name} stands in row {self.row}")
        if column <= self.column:
            _refuse(f"cell {name} stands twice, or after one to its right")
        self.column = column

    def _note_block(self, name: str, *, is_merged: bool) -> None:
        left, top, right, bottom = range_boundaries(name)
        if (left, top) == (right, bottom):
            return
        if len(self.blocks) >= self.most_blocks:
            msg = f"more than {self.most_blocks:,} blocks of cells are merged or filled by one formula; undo that"
            raise ContractError(msg)
        self.blocks.append(Block(name, left or 1, top or 1, right or MOST_COLUMNS, bottom or MOST_ROWS, is_merged))


def read_blocks(part: IO[bytes], most_blocks: int) -> list[Block]:
    """Return the blocks of more than one cell in a worksheet's XML.

    Raises ContractError, which names no file, where the sheet is not in order: openpyxl would skip rows or cells, or
    count up to any row.
    """
    layout = _Layout(most_blocks)
    # Expat builds no tree; document types, the way to its known attacks, are refused.
    parser = ParserCreate()
    parser.StartElementHandler = layout.note
    parser.StartDoctypeDeclHandler = _refuse_declaration
    parser.ParseFile(part)
    return layout.blocks


def _refuse(words: str) -> None:
    msg = f"{words}; open the workbook in Excel and save it anew"
    raise ContractError(msg)


def _refuse_declaration(*_: object) -> None:
    _refuse("it declares a document type")
