"""The finance workbook's bytes: the same pages and instant make the same file.

Nothing in it is computed when it is opened: there is no formula that could be stale, and text that looks like one stays
text.
"""

from __future__ import annotations

import math
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

from openpyxl import Workbook
from openpyxl.packaging.core import DocumentProperties
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.page import PageMargins
from openpyxl.worksheet.worksheet import Worksheet

from hypercare.finance.looks import CELL, HEADER, HEADING, LABEL, LEAD, TITLE, TOLD, Looks, Sheet
from hypercare.finance.page import Attention, Block, Cover, Page
from hypercare.systems.workbook_making import HEADER_ROW

MOST_ROWS = 1_000_000
"""Rows of a sheet; what is more stands on a next one. Excel holds 1,048,576."""
CORE = "docProps/core.xml"
MODIFIED = re.compile(rb"(<dcterms:modified[^>]*>)[^<]*")
ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)
LINE_HEIGHT = 15
MOST_LINES = 20
MARGINS = PageMargins(left=0.4, right=0.4, top=0.5, bottom=0.6, header=0.3, footer=0.3)


def write_workbook(cover: Cover, pages: Iterable[Page], title: str, at: datetime) -> bytes:
    """Return an .xlsx workbook; `at` (aware UTC) is told as its time of making."""
    workbook = Workbook(write_only=True)
    workbook.properties = DocumentProperties(title=title, creator="Hypercare", lastModifiedBy="Hypercare", created=at)
    looks = Looks()
    _Writer(_add_sheet(workbook, "Summary", cover.widths), cover.widths, looks).write_cover(cover)
    for page in pages:
        widths = [column.width for column in page.columns]
        for part, rows in enumerate(_cut(page.rows), start=1):
            name = page.title if part == 1 else f"{page.title} ({part})"
            _Writer(_add_sheet(workbook, name, widths), widths, looks).write_page(page, rows)
    stream = BytesIO()
    workbook.save(stream)
    return _fix_time(stream.getvalue(), at)


def _cut(rows: Sequence[Sequence[Any]]) -> Iterator[Sequence[Sequence[Any]]]:
    for start in range(0, max(len(rows), 1), MOST_ROWS):
        yield rows[start : start + MOST_ROWS]


def _add_sheet(workbook: Workbook, name: str, widths: Sequence[int]) -> Sheet:
    sheet = workbook.create_sheet(name)
    for position, width in enumerate(widths, start=1):
        sheet.column_dimensions[get_column_letter(position)].width = width
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.paperSize = Worksheet.PAPERSIZE_A4
    sheet.page_setup.fitToHeight = 0
    sheet.page_margins = MARGINS
    sheet.sheet_properties.pageSetUpPr.fitToPage = True
    sheet.oddFooter.left.text, sheet.oddFooter.right.text = "&A", "&P of &N"
    return sheet


class _Writer:
    """Writes one sheet from its top down."""

    def __init__(self, sheet: Sheet, widths: Sequence[int], looks: Looks) -> None:
        self._sheet, self._widths, self._looks = sheet, widths, looks
        self._number = 1
        """The row that comes next."""

    def write_cover(self, cover: Cover) -> None:
        self._sheet.freeze_panes = "A3"
        self._append([self._looks.make_cell(self._sheet, cover.title, TITLE)])
        self._append([self._looks.make_cell(self._sheet, cover.lead, LEAD)])
        for block in cover.blocks:
            self._append([])
            self._append([self._looks.make_cell(self._sheet, block.title, HEADING)])
            self._write_block(block)

    def _write_block(self, block: Block) -> None:
        if block.headers:
            numeric = [not isinstance(_plain(value), str) for value in block.rows[0]]
            self._append_headers(block.headers, numeric)
            for row in block.rows:
                self._append_row(row)
            return
        for label, *told in block.rows:
            first = self._looks.make_cell(self._sheet, label, LABEL if told else TOLD)
            self._append([first, *(self._looks.make_cell(self._sheet, value, TOLD) for value in told)])

    def write_page(self, page: Page, rows: Sequence[Sequence[Any]]) -> None:
        last = f"{get_column_letter(len(page.columns))}{HEADER_ROW + max(len(rows), 1)}"
        self._sheet.freeze_panes = f"A{HEADER_ROW + 1}"
        self._sheet.print_title_rows = f"{HEADER_ROW}:{HEADER_ROW}"
        self._sheet.auto_filter.ref = f"A{HEADER_ROW}:{last}"
        lead = page.lead if rows else f"{page.lead} There are none."
        self._append([self._looks.make_cell(self._sheet, lead, LEAD)])
        self._append([])
        self._append_headers([each.header for each in page.columns], [each.is_number for each in page.columns])
        for row in rows:
            self._append_row(row)

    def _append_headers(self, titles: Sequence[str], numeric: Sequence[bool]) -> None:
        right = replace(HEADER, side="right")
        pairs = zip(titles, numeric, strict=True)
        cells = [self._looks.make_cell(self._sheet, title, right if number else HEADER) for title, number in pairs]
        self._append(cells, max(map(_count_lines, titles, self._widths)))

    def _append_row(self, row: Sequence[Any]) -> None:
        """Append a table's row, as high as its texts need: not every program finds that out by itself."""
        lines = max(map(_count_lines, row, self._widths))
        self._append([self._looks.make_cell(self._sheet, value, CELL) for value in row], lines)

    def _append(self, cells: Sequence[Any], lines: int = 1) -> None:
        if lines > 1:
            self._sheet.row_dimensions[self._number].height = LINE_HEIGHT * min(lines, MOST_LINES)
        self._sheet.append(cells)
        self._number += 1


def _plain(value: Any) -> Any:  # noqa: ANN401
    return value.value if isinstance(value, Attention) else value


def _count_lines(value: Any, width: int) -> int:  # noqa: ANN401
    """Return in how many lines a text stands in a column, rather one too many."""
    text = _plain(value)
    if not isinstance(text, str) or (len(text) * 1.1 <= width and "\n" not in text):
        return 1
    return sum(math.ceil(max(len(line), 1) * 1.1 / width) for line in text.split("\n"))


def _fix_time(content: bytes, at: datetime) -> bytes:
    """Return the same workbook with `at` in the place of the clock, which openpyxl writes in two ways."""
    stream = BytesIO()
    with zipfile.ZipFile(BytesIO(content)) as old, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            data = old.read(name)
            if name == CORE:
                data = MODIFIED.sub(rb"\g<1>" + f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}".encode(), data)
            member = zipfile.ZipInfo(name, ZIP_EPOCH)
            member.compress_type = zipfile.ZIP_DEFLATED
            member.create_system = 3  # else it tells on which system it was made
            new.writestr(member, data)
    return stream.getvalue()
