"""A flat file's bytes as rows of texts: encoding, delimiter, quotes, and whether the file is whole.

Coupa writes UTF-8, commas, and every field in quotes (RFC 4180); files that people opened and saved come otherwise.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from hypercare.errors import ContractError, TransientError

DELIMITERS = (",", ";", "\t", "|")
LONGEST_CELL = 1024 * 1024
MOST_COLUMNS = 1000
WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff")
csv.field_size_limit(LONGEST_CELL)


@dataclass(frozen=True)
class CsvRow:
    """One row: where it begins in the file, from 1, and its cells."""

    line: int
    cells: Sequence[str]

    @property
    def filled(self) -> int:
        """How many cells there are up to the last one that holds something."""
        return next((place for place in range(len(self.cells), 0, -1) if self.cells[place - 1].strip()), 0)


class IncompleteFileError(TransientError):
    """A file that is still being written, or was cut off."""


def read_rows(body: bytes, headers: Collection[str], what: str) -> list[CsvRow]:
    """Return a file's rows, blank ones left out; the delimiter is the one by which the first row names most `headers`.

    `headers` are compared as `str.casefold` has them. Cells keep their text, line breaks included. Raises
    IncompleteFileError for a file that is empty or ends within a row, ContractError naming the line for one that is no
    table of texts.
    """
    text = _decode(body, what)
    if not text.strip():
        msg = f"{what} is empty, without even a header row: it is still being written, or has to be delivered again"
        raise IncompleteFileError(msg)
    delimiter = _find_delimiter(text, headers)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[CsvRow] = []
    line = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append(CsvRow(line, cells))
            line = reader.line_num + 1
    except csv.Error as error:
        if "unexpected end of data" in str(error):
            msg = (
                f"{what} ends within a quoted cell that begins after line {line}: it is still being written, "
                "or was cut off and has to be delivered again"
            )
            raise IncompleteFileError(msg) from error
        msg = f"{what}, line {reader.line_num}: this is no CSV after RFC 4180 ({error}); have it exported again"
        raise ContractError(msg) from error
    widest = max(len(row.cells) for row in rows)
    if widest > MOST_COLUMNS:
        msg = (
            f"{what} has {widest} columns, more than the {MOST_COLUMNS} that are read; is the delimiter {delimiter!r}?"
        )
        raise ContractError(msg)
    # All rows of an export are equally wide: a narrower last one that no line break ends was cut off.
    if len(rows[-1].cells) < widest and text[-1] not in "\r\n":
        msg = (
            f"{what} ends within line {rows[-1].line}: it is still being written, or was cut off and has to be "
            "delivered again"
        )
        raise IncompleteFileError(msg)
    return rows


def _decode(body: bytes, what: str) -> str:
    """Return the text: UTF-8 with or without a mark, UTF-16 with one, else Windows-1252."""
    encodings = ("utf-16",) if body.startswith(WIDE_MARKS) else ("utf-8-sig", "cp1252")
    for encoding in encodings:
        try:
            text = body.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
        break
    msg = f"{what} is no text in UTF-8 or Windows-1252 (a workbook or an archive?); have it exported as CSV"
    raise ContractError(msg)


def _find_delimiter(text: str, headers: Collection[str]) -> str:
    known = {header.casefold() for header in headers}

    def count_known(delimiter: str) -> int:
        reader = csv.reader(io.StringIO(text[: 64 * LONGEST_CELL], newline=""), delimiter=delimiter)
        first = next((cells for cells in reader if cells), [])
        return sum(cell.strip().casefold() in known for cell in first)

    return max(DELIMITERS, key=count_known)
