"""Reading .xlsx workbooks that somebody else wrote: refused with a reason where they are no plain, harmless table.

The package is checked before openpyxl sees it: its kind, its sizes (a zip bomb), macros, document type declarations.
Sheets are then streamed; what a stream does not tell by itself (merged cells) is read from the sheet's XML.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from typing import IO, Any
from xml.etree.ElementTree import ParseError
from xml.parsers.expat import ParserCreate

import openpyxl
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse
from openpyxl.utils import get_column_letter, range_boundaries

from hypercare.errors import ContractError

OLE_FILE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""How .xls files begin, and .xlsx files under a password, which Office wraps in the same container."""
ENCRYPTED_PACKAGE = "EncryptedPackage".encode("utf-16-le")
READABLE = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
FORMULA, ERROR = "f", "e"


@dataclass(frozen=True)
class WorkbookLimits:
    """From what size on a workbook is refused; 20,000 rows of 20 columns take about 3 MB, 40 MB uncompressed."""

    compressed_bytes: int = 25_000_000
    uncompressed_bytes: int = 150_000_000
    entries: int = 2_000
    compression_ratio: int = 200
    """Of an entry whose content exceeds `ratio_from_bytes`: less repeats itself a lot without harm."""
    ratio_from_bytes: int = 1_000_000
    columns: int = 256
    """What stands further right is not looked at."""


@dataclass(frozen=True)
class Cell:
    """One cell: `value` is None, text, a number, a bool, a date, a time or a duration; `kind` is openpyxl's type."""

    row: int
    column: int
    value: Any
    kind: str

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
            formula = str(getattr(self.value, "text", self.value))[:60]
            return f"holds the formula {formula!r}: paste its value instead"
        if self.kind == ERROR:
            return f"shows {self.value}: correct it"
        return ""


@dataclass(frozen=True)
class MergedCells:
    """A block of merged cells; rows and columns count from 1, both ends belong to it."""

    name: str
    first_column: int
    first_row: int
    last_column: int
    last_row: int


class Sheet:
    """One worksheet of an open workbook."""

    def __init__(self, sheet: Any, archive: zipfile.ZipFile, file: str, columns: int) -> None:  # noqa: ANN401 - openpyxl's
        self.name: str = sheet.title
        self._sheet = sheet
        self._archive = archive
        self._file = file
        self._columns = columns

    def rows(self, first: int = 1, last: int | None = None, columns: int | None = None) -> Iterator[list[Cell]]:
        """Yield the rows from `first` to `last`, hidden ones too, each with its cells that are not empty.

        `columns`: how many from the left are looked at; None: as many as the limits allow.
        """
        with _reporting_damage(self._file):
            # A workbook may claim any size for its sheet, and rows and columns are filled up to it.
            self._sheet.reset_dimensions()
            for row in self._sheet.iter_rows(min_row=first, max_row=last, max_col=columns or self._columns):
                yield [
                    Cell(cell.row, cell.column, cell.value, cell.data_type) for cell in row if cell.value is not None
                ]

    def read_merged_cells(self) -> list[MergedCells]:
        """Return the sheet's merged cells; raise ContractError where its rows stand in disorder."""
        found: list[MergedCells] = []
        last = 0

        def note(tag: str, attributes: dict[str, str]) -> None:
            nonlocal last
            kind = tag.rpartition(":")[2]
            if kind == "mergeCell":
                left, top, right, bottom = (int(bound or 0) for bound in range_boundaries(attributes["ref"]))
                found.append(MergedCells(attributes["ref"], left, top, right, bottom))
            elif kind == "row":
                number = int(attributes.get("r") or last + 1)
                if number <= last:
                    msg = f"row {number} follows row {last}"
                    raise ValueError(msg)
                last = number

        # openpyxl tells a streamed sheet's merged cells nowhere, and skips rows that do not ascend. Expat builds no
        # tree; document types, the way to its known attacks, are refused.
        parser = ParserCreate()
        parser.StartElementHandler = note
        parser.StartDoctypeDeclHandler = _refuse_declaration
        with _reporting_damage(self._file), self._archive.open(self._sheet._worksheet_path) as part:
            parser.ParseFile(part)
        return found


@dataclass(frozen=True)
class Saved:
    """Who saved a workbook last and when (UTC), as its own file tells; blank where it does not."""

    by: str = ""
    at: datetime | None = None


def read_saved(content: bytes) -> Saved:
    """Return what a package that was checked tells about its last saving; never an error, it is only a hint."""
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive, archive.open("docProps/core.xml") as part:
            told = {tag.rpartition("}")[2]: (text or "").strip() for tag, text in _list_texts(part)}
        at = datetime.fromisoformat(told["modified"]) if told.get("modified") else None
        if at is not None:  # the format asks for UTC, and for its letter
            at = at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (KeyError, ValueError, ParseError, DefusedXmlException, zipfile.BadZipFile, zlib.error):
        return Saved()
    return Saved(told.get("lastModifiedBy", "")[:200], at)


def _list_texts(part: IO[bytes]) -> Iterator[tuple[str, str | None]]:
    return ((element.tag, element.text) for _, element in iterparse(part, forbid_dtd=True))


def _refuse_declaration(*_: object) -> None:
    msg = "it declares a document type"
    raise ValueError(msg)


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
            yield [Sheet(sheet, archive, file, limits.columns) for sheet in workbook.worksheets]
        finally:
            workbook.close()


@contextmanager
def _reporting_damage(file: str) -> Iterator[None]:
    """Turn what openpyxl's parsers happen to raise on a damaged part (KeyError, TypeError …) into a ContractError."""
    try:
        yield
    except Exception as error:
        msg = f"{file}: the workbook is damaged ({type(error).__name__}: {error}); open it in Excel and save it anew"
        raise ContractError(msg) from error


def check_package(content: bytes, file: str, limits: WorkbookLimits) -> None:
    """Raise ContractError, naming the file and what to do, for what is no .xlsx package or too big a one."""
    fault = _find_wrong_kind(content)
    if not fault:
        try:
            with zipfile.ZipFile(BytesIO(content)) as archive:
                fault = (
                    _find_bomb(archive.infolist(), limits) or _find_wrong_parts(archive) or _find_declaration(archive)
                )
        except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, OSError, ValueError) as error:
            fault = f"is damaged or cut short ({error}); save it again"
    if fault:
        msg = f"{file}: {fault}"
        raise ContractError(msg)


def _find_wrong_kind(content: bytes) -> str:
    if not content:
        return "is empty"
    if content.startswith(OLE_FILE):
        if ENCRYPTED_PACKAGE in content:
            return "is protected by a password; save it without one"
        return "is an old .xls workbook; save it as .xlsx"
    if not content.startswith(b"PK\x03\x04"):
        return f"is no .xlsx workbook, it begins with {content[:16]!r}; save it as .xlsx"
    return ""


def _find_bomb(entries: Sequence[zipfile.ZipInfo], limits: WorkbookLimits) -> str:
    """Judge by the sizes that the package declares: zipfile reads no entry beyond its own."""
    if len(entries) > limits.entries:
        return f"holds {len(entries)} parts, more than {limits.entries}: this is no tracker"
    total = sum(entry.file_size for entry in entries)
    if total > limits.uncompressed_bytes:
        return f"unpacks to {total:,} bytes, more than {limits.uncompressed_bytes:,}: remove what is no action item"
    for entry in entries:
        ratio = entry.file_size // max(1, entry.compress_size)
        if entry.file_size > limits.ratio_from_bytes and ratio > limits.compression_ratio:
            return f"part {entry.filename} is packed {ratio}-fold, like a zip bomb; save the workbook anew from Excel"
        if entry.flag_bits & 1:
            return f"part {entry.filename} is encrypted; save the workbook without a password"
        if entry.compress_type not in READABLE:
            return f"part {entry.filename} is packed in a way that Excel does not use; save the workbook anew"
    return ""


def _find_wrong_parts(archive: zipfile.ZipFile) -> str:
    names = [name.lower() for name in archive.namelist()]
    if len(names) != len(set(names)):
        return "holds two parts of the same name; save it anew from Excel"
    if "[content_types].xml" not in names:
        return "is a zip file, but no workbook; save it as .xlsx"
    if any(name.endswith("vbaproject.bin") for name in names) or b"macroEnabled" in _read_content_types(archive):
        return "holds macros; save it as .xlsx, without them"
    if "xl/workbook.bin" in names:
        return "is a binary .xlsb workbook; save it as .xlsx"
    if not any(name.startswith("xl/workbook") for name in names):
        return "is an Office file, but no workbook; save the tracker as .xlsx"
    return ""


def _read_content_types(archive: zipfile.ZipFile) -> bytes:
    return archive.read(next(name for name in archive.namelist() if name.lower() == "[content_types].xml"))


def _find_declaration(archive: zipfile.ZipFile) -> str:
    """Find a document type declaration, which stands before a part's first element and is all that entities need."""
    for name in archive.namelist():
        if name.lower().endswith((".xml", ".rels")):
            with archive.open(name) as part:
                fault = _find_part_declaration(part, name)
            if fault:
                return fault
    return ""


def _find_part_declaration(part: IO[bytes], name: str) -> str:
    try:
        next(iter(iterparse(part, events=("start",), forbid_dtd=True)), None)
    except DefusedXmlException:
        return f"part {name} declares a document type, as no Excel does; save the workbook anew from Excel"
    except ParseError as error:
        return f"part {name} is no XML ({error}); save the workbook anew from Excel"
    return ""
