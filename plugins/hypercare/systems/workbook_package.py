"""Whether a file that somebody else wrote is a plain, harmless .xlsx package: looked at before any of it is read.

Its kind, its sizes (a zip bomb), macros, document type declarations. Nothing in it is run, and no link is followed.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from typing import IO
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse

from hypercare.errors import ContractError

OLE_FILE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""How .xls files begin, and .xlsx files under a password, which Office wraps in the same container."""
ENCRYPTED_PACKAGE = "EncryptedPackage".encode("utf-16-le")
STRICT = "{http://purl.oclc.org/ooxml/"
"""How elements are named in Excel's "Strict Open XML" files, ISO/IEC 29500-1, which openpyxl does not read."""
OPEN_DOCUMENT = b"application/vnd.oasis.opendocument"
WHOLE = frozenset({"styleSheet", "workbook", "Types", "Relationships"})
"""The roots of parts that openpyxl holds in memory as a whole; sheets and shared text are streamed."""
MACRO_PARTS = ("vbaproject.bin", "macrosheets/")
"""What the parts that hold macros are called: those in Basic, and those of Excel 4."""
READABLE = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


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
    whole_bytes: int = 10_000_000
    """Of a part that openpyxl holds in memory as a whole: 35 times its size, and a second for each megabyte."""
    blocks: int = 1_000
    """Of merged cells on a sheet, and of cells that one formula fills."""


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
    except (KeyError, ValueError, OverflowError, ParseError, DefusedXmlException, zipfile.BadZipFile, zlib.error):
        return Saved()
    return Saved(told.get("lastModifiedBy", "")[:200], at)


def _list_texts(part: IO[bytes]) -> Iterator[tuple[str, str | None]]:
    return ((element.tag, element.text) for _, element in iterparse(part, forbid_dtd=True))


def check_package(content: bytes, file: str, limits: WorkbookLimits) -> None:
    """Raise ContractError, naming the file and what to do, for what is no .xlsx package or too big a one."""
    fault = _find_wrong_kind(content)
    if not fault:
        try:
            with zipfile.ZipFile(BytesIO(content)) as archive:
                fault = (
                    _find_bomb(archive.infolist(), limits)
                    or _find_wrong_parts(archive)
                    or _find_wrong_xml(archive, limits)
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
            return "is protected by a password, or encrypted by a sensitivity label (an OLE container); save it without"
        return "is an old .xls workbook; save it as .xlsx"
    if not content.startswith(b"PK\x03\x04"):
        return f"is no .xlsx workbook, it begins with {content[:16]!r}; save it as .xlsx"
    return ""


def _find_bomb(entries: Sequence[zipfile.ZipInfo], limits: WorkbookLimits) -> str:
    """Judge by the sizes that the package declares: zipfile reads no entry beyond its own."""
    if len(entries) > limits.entries:
        return f"holds {len(entries)} parts, more than {limits.entries}; copy the sheets into a new workbook"
    total = sum(entry.file_size for entry in entries)
    if total > limits.uncompressed_bytes:
        return f"unpacks to {total:,} bytes, more than {limits.uncompressed_bytes:,}; remove what does not belong"
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
    if "mimetype" in names and archive.read(archive.namelist()[names.index("mimetype")]).startswith(OPEN_DOCUMENT):
        return "is an OpenDocument file; save it as .xlsx"
    if len(names) != len(set(names)):
        return "holds two parts of the same name; save it anew from Excel"
    if "[content_types].xml" not in names:
        return "is a zip file, but no workbook; save it as .xlsx"
    if any(part in name for name in names for part in MACRO_PARTS) or b"macroEnabled" in _read_content_types(archive):
        return "holds macros; save it as .xlsx, without them"
    if "xl/workbook.bin" in names:
        return "is a binary .xlsb workbook; save it as .xlsx"
    if not any(name.startswith("xl/workbook") for name in names):
        return "is an Office file, but no workbook; save the tracker as .xlsx"
    return ""


def _read_content_types(archive: zipfile.ZipFile) -> bytes:
    return archive.read(next(name for name in archive.namelist() if name.lower() == "[content_types].xml"))


def _find_wrong_xml(archive: zipfile.ZipFile, limits: WorkbookLimits) -> str:
    """Look at each part up to its first element: before it stands a document type, which is all that entities need."""
    for entry in archive.infolist():
        if entry.filename.lower().endswith((".xml", ".rels")):
            with archive.open(entry) as part:
                fault = _find_part_fault(part, entry, limits)
            if fault:
                return fault
    return ""


def _find_part_fault(part: IO[bytes], entry: zipfile.ZipInfo, limits: WorkbookLimits) -> str:
    name = entry.filename
    try:
        for _, element in iterparse(part, events=("start",), forbid_dtd=True):
            if element.tag.startswith(STRICT):
                return "is a Strict Open XML workbook; save it as Excel Workbook (.xlsx), the usual kind"
            if element.tag.rpartition("}")[2] in WHOLE and entry.file_size > limits.whole_bytes:
                return f"part {name} unpacks to {entry.file_size:,} bytes; copy the sheets into a new workbook"
            break
    except DefusedXmlException:
        return f"part {name} declares a document type, as no Excel does; save the workbook anew from Excel"
    except ParseError as error:
        return f"part {name} is no XML ({error}); save the workbook anew from Excel"
    return ""
