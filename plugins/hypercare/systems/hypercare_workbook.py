"""The hypercare workbook that people fill, read by its form: what can be taken, and what cannot, cell by cell.

A sheet whose header cannot be trusted is refused as a whole, a row with a faulty cell as an entry; the other sheets and
rows are read all the same. The file itself is only ever opened to read.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from hypercare.canonical import plain
from hypercare.errors import ContractError
from hypercare.systems.sheet_form import normalise
from hypercare.systems.sheet_layout import Block
from hypercare.systems.sheet_reading import (
    CellFault,
    Header,
    SheetRow,
    describe_missing_headers,
    list_block_faults,
    read_header,
    read_rows,
)
from hypercare.systems.workbook import Cell, Sheet, open_workbook
from hypercare.systems.workbook_form import WorkbookForm, WorkbookSheet
from hypercare.systems.workbook_package import Saved, WorkbookLimits, read_saved
from hypercare.workbook_entries import Entry, Refusal

FORM_FILE = "templates/workbook.yaml"
NOT_REPEATED = "(personal data, not repeated here)"


@dataclass(frozen=True)
class SheetRead:
    """One sheet that was found."""

    name: str
    title: str
    """What the people's file calls it."""
    entries: tuple[Entry, ...] = ()
    is_refused: bool = False
    ignored: tuple[str, ...] = ()
    """Headers that the form does not know, with their cells."""


@dataclass(frozen=True)
class WorkbookRead:
    """What a workbook says."""

    file: str
    digest: str
    """sha256 of the bytes, in hex: the file's version."""
    saved: Saved
    sheets: tuple[SheetRead, ...]
    refusals: tuple[Refusal, ...]

    @property
    def entries(self) -> list[Entry]:
        """Every entry of every sheet."""
        return [entry for sheet in self.sheets for entry in sheet.entries]


def digest_file(content: bytes) -> str:
    """Return a file's version: the sha256 of its bytes, in hex."""
    return hashlib.sha256(content).hexdigest()


def read_workbook(content: bytes, name: str, form: WorkbookForm, limits: WorkbookLimits | None = None) -> WorkbookRead:
    """Read a workbook's bytes; raise ContractError for what is no harmless .xlsx workbook at all."""
    sheets: list[SheetRead] = []
    refusals: list[Refusal] = []
    with open_workbook(content, f"workbook {name}", limits or WorkbookLimits()) as found:
        standing = [(form.find_sheet(sheet.name), sheet) for sheet in found]
        counts = Counter(known for known, _ in standing if known)
        for known, sheet in standing:
            if known is None:
                continue
            if counts[known] > 1:
                both = " and ".join(repr(other.name) for name_, other in standing if name_ == known)
                refused = [Refusal(sheet.name, "", "", f"{both} are one sheet to us", "keep one of them")]
                sheets.append(SheetRead(known, sheet.name, is_refused=True))
            else:
                read, refused = _read_sheet(sheet, known, form.sheets[known])
                sheets.append(read)
            refusals += refused
    return WorkbookRead(name, digest_file(content), read_saved(content), tuple(sheets), tuple(refusals))


def _read_sheet(sheet: Sheet, name: str, form: WorkbookSheet) -> tuple[SheetRead, list[Refusal]]:
    try:
        header = read_header(sheet, form)
        if header is None:
            return _refuse_sheet(sheet, name, CellFault("", describe_missing_headers(sheet, form, FORM_FILE)))
        blocks = list_block_faults(sheet, header)
        fatal = [*header.faults, *(fault for block, fault in blocks if block.first_row <= header.row)]
        if fatal:
            return _refuse_sheet(sheet, name, *fatal)
        entries, refusals = _read_entries(sheet, name, form, header, blocks)
    except ContractError as error:
        return _refuse_sheet(sheet, name, CellFault("", str(error)))
    ignored = tuple(f"{cell.name} {str(cell.value).strip()[:60]!r}" for cell in header.unknown)
    return SheetRead(name, sheet.name, tuple(entries), ignored=ignored), refusals


def _refuse_sheet(sheet: Sheet, name: str, *faults: CellFault) -> tuple[SheetRead, list[Refusal]]:
    return SheetRead(name, sheet.name, is_refused=True), [_refusal(sheet.name, fault) for fault in faults]


def _read_entries(
    sheet: Sheet,
    name: str,
    form: WorkbookSheet,
    header: Header,
    blocks: Sequence[tuple[Block, CellFault]],
) -> tuple[list[Entry], list[Refusal]]:
    entries: list[Entry] = []
    refusals: list[Refusal] = []
    seen: dict[str, str] = {}
    personal = {place for column, place in header.places.items() if form.columns[column].contact}
    for row in read_rows(sheet, form, header):
        if all(form.columns[column].given for column in row.cells):
            continue
        cells = {column: Cell(row.number, place, None, "n").name for column, place in header.places.items()}
        faults = [*row.faults, *_list_row_faults(row, form, cells, blocks)]
        key, repeated = _find_key(row, form, cells, seen)
        faults += repeated
        hidden = {cell.name for cell in row.cells.values() if cell.column in personal}
        refusals += [_refusal(sheet.name, fault, NOT_REPEATED if fault.cell in hidden else None) for fault in faults]
        if key:
            entries.append(_make_entry(name, key, row, form, cells, is_complete=not faults))
    return entries, list(dict.fromkeys(refusals))  # a block of cells is a fault of each of its rows


def _list_row_faults(
    row: SheetRow, form: WorkbookSheet, cells: Mapping[str, str], blocks: Sequence[tuple[Block, CellFault]]
) -> Iterator[CellFault]:
    for column, known in form.columns.items():
        if known.filled and column not in row.cells:
            beside = next(iter(row.cells.values())).name
            yield CellFault(cells[column], f"is blank, though {beside} is not: fill it in, or empty the row")
    for block, fault in blocks:
        if block.first_row <= row.number <= block.last_row:
            yield fault


def _find_key(
    row: SheetRow, form: WorkbookSheet, cells: Mapping[str, str], seen: dict[str, str]
) -> tuple[str, list[CellFault]]:
    """Return what tells a row from others, empty where its cells cannot be read; `seen` collects keys and cells."""
    parts = [row.values[column] for column in form.key]
    missing = [column for column in form.key if row.values[column] is None and form.columns[column].filled]
    if missing:
        return "", []
    key = " | ".join(str(part) for part in parts if part is not None)
    cell = cells[form.key[0]]
    first = seen.setdefault(normalise(key), cell)
    if first != cell:
        return "", [CellFault(cell, f"repeats {key!r} of {first}: keep one of the two rows", key)]
    return key, []


def _make_entry(
    name: str, key: str, row: SheetRow, form: WorkbookSheet, cells: Mapping[str, str], *, is_complete: bool
) -> Entry:
    values = {column: plain(value) for column, value in row.values.items() if value is not None}
    told_by = str(values.get(form.told_by, "")) if form.told_by else ""
    return Entry(name, key, values, cells, is_complete, told_by)


def _refusal(sheet: str, fault: CellFault, value: str | None = None) -> Refusal:
    """Split a fault's words, which end in what to do; `value` stands for one that must not be repeated."""
    mark = ": " if fault.cell else ". " if ". " in fault.words else "; "
    reason, found, remedy = fault.words.rpartition(mark)
    if not found:
        reason, remedy = fault.words, "correct it and save the workbook"
    if value is not None:
        reason = "cannot be read as what the column asks"
    return Refusal(sheet, fault.cell, fault.value if value is None else value, reason, remedy)
