"""The finance workbook's bytes: the same pages and instant make the same file.

Nothing in it is computed when it is opened: there is no formula that could be stale, and text that looks like one stays
text.
"""

from __future__ import annotations

import math
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO
from typing import Any

from babel.numbers import get_currency_precision
from openpyxl import Workbook
from openpyxl.cell.cell import Cell, WriteOnlyCell
from openpyxl.packaging.core import DocumentProperties
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.page import PageMargins
from openpyxl.worksheet.worksheet import Worksheet

from hypercare.finance.page import Attention, Cover, Money, Page
from hypercare.systems.workbook_making import HEADER_ROW, make_text

Sheet = Any
"""A write-only sheet, of which openpyxl's stubs know little."""
MOST_ROWS = 1_000_000
"""Rows of a sheet; what is more stands on a next one. Excel holds 1,048,576."""
CORE = "docProps/core.xml"
MODIFIED = re.compile(rb"(<dcterms:modified[^>]*>)[^<]*")
ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)
FORMULA_LIKE = re.compile(r"\s*[=+\-@]")

FONT = "Calibri"
TITLE, HEADING = Font(name=FONT, bold=True, size=15), Font(name=FONT, bold=True, size=12)
PLAIN, LEAD = Font(name=FONT, size=11), Font(name=FONT, size=11, italic=True, color="555555")
HEADER, HEADER_FILL = Font(name=FONT, size=11, bold=True), PatternFill("solid", start_color="DDE6F0")
MARKED, MARKED_FILL = Font(name=FONT, size=11, bold=True, color="9C0006"), PatternFill("solid", start_color="FFE3E0")
RULE = Border(bottom=Side(style="hair", color="BBBBBB"))
LINE_HEIGHT = 15
MOST_LINES = 20
MARGINS = PageMargins(left=0.4, right=0.4, top=0.5, bottom=0.6, header=0.3, footer=0.3)


def write_workbook(cover: Cover, pages: Iterable[Page], title: str, at: datetime) -> bytes:
    """Return an .xlsx workbook; `at` (aware UTC) is told as its time of making."""
    workbook = Workbook(write_only=True)
    workbook.properties = DocumentProperties(title=title, creator="Hypercare", lastModifiedBy="Hypercare", created=at)
    _write_cover(_add_sheet(workbook, "Summary", cover.widths), cover)
    for page in pages:
        for part, rows in enumerate(_cut(page.rows), start=1):
            name = page.title if part == 1 else f"{page.title} ({part})"
            _write_page(_add_sheet(workbook, name, [column.width for column in page.columns]), page, rows)
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


def _write_cover(sheet: Sheet, cover: Cover) -> None:
    sheet.freeze_panes = "A3"
    number = 2
    sheet.append([_make_cell(sheet, cover.title, font=TITLE)])
    sheet.append([_make_cell(sheet, cover.lead, font=LEAD)])
    for block in cover.blocks:
        sheet.append([])
        sheet.append([_make_cell(sheet, block.title, font=HEADING)])
        number += 2
        if block.headers:
            number += 1
            numeric = [not isinstance(_plain(value), str) for value in block.rows[0]]
            _append_headers(sheet, number, block.headers, cover.widths, numeric)
        for row in block.rows:
            number += 1
            if block.headers:
                _append_row(sheet, number, row, cover.widths)
            else:
                _append_pair(sheet, row)


def _append_pair(sheet: Sheet, row: Sequence[Any]) -> None:
    """Append a label and what is said of it, which runs on over the empty cells behind."""
    label, *told = row
    cells = [_make_cell(sheet, value) for value in told]
    for cell in cells:
        cell.alignment = Alignment(horizontal="left", vertical="top")
    sheet.append([_make_cell(sheet, label, font=HEADER if told else PLAIN), *cells])


def _write_page(sheet: Sheet, page: Page, rows: Sequence[Sequence[Any]]) -> None:
    last = f"{get_column_letter(len(page.columns))}{HEADER_ROW + max(len(rows), 1)}"
    sheet.freeze_panes = f"A{HEADER_ROW + 1}"
    sheet.print_title_rows = f"{HEADER_ROW}:{HEADER_ROW}"
    sheet.auto_filter.ref = f"A{HEADER_ROW}:{last}"
    sheet.append([_make_cell(sheet, page.lead if rows else f"{page.lead} There are none.", font=LEAD)])
    sheet.append([])
    widths = [column.width for column in page.columns]
    titles, numeric = [each.header for each in page.columns], [each.is_number for each in page.columns]
    _append_headers(sheet, HEADER_ROW, titles, widths, numeric)
    for number, row in enumerate(rows, start=HEADER_ROW + 1):
        _append_row(sheet, number, row, widths)


def _append_headers(
    sheet: Sheet, number: int, titles: Sequence[str], widths: Sequence[int], numeric: Sequence[bool]
) -> None:
    lines = max(_count_lines(title, width) for title, width in zip(titles, widths, strict=False))
    sheet.row_dimensions[number].height = LINE_HEIGHT * lines
    pairs = zip(titles, numeric, strict=True)
    sheet.append([_make_header(sheet, title, is_number=is_number) for title, is_number in pairs])


def _append_row(sheet: Sheet, number: int, row: Sequence[Any], widths: Sequence[int]) -> None:
    """Append a table's row, as high as its texts need: not every program finds that out by itself."""
    texts = [(_plain(value), width) for value, width in zip(row, widths, strict=False)]
    lines = max(_count_lines(value, width) if isinstance(value, str) else 1 for value, width in texts)
    if lines > 1:
        sheet.row_dimensions[number].height = LINE_HEIGHT * min(lines, MOST_LINES)
    cells = [_make_cell(sheet, value) for value in row]
    for cell in cells:
        cell.border = RULE
    sheet.append(cells)


def _count_lines(text: str, width: int) -> int:
    """Return in how many lines a text stands in a column, a little more than less."""
    return sum(math.ceil(max(len(line), 1) * 1.1 / width) for line in text.split("\n"))


def _make_header(sheet: Sheet, words: str, *, is_number: bool) -> Cell:
    cell = _make_cell(sheet, words, font=HEADER)
    cell.fill = HEADER_FILL
    cell.alignment = Alignment(
        wrap_text=True, vertical="top", horizontal="right" if is_number else None, indent=is_number
    )
    return cell


def _plain(value: Any) -> Any:  # noqa: ANN401
    return value.value if isinstance(value, Attention) else value


def _make_cell(sheet: Sheet, value: Any, *, font: Font = PLAIN) -> Cell:  # noqa: ANN401 - a cell holds anything
    cell: Cell = WriteOnlyCell(sheet)
    told = _plain(value)
    _fill(cell, told)
    cell.font = font
    if isinstance(told, str):
        cell.alignment = Alignment(wrap_text=font is PLAIN, vertical="top")
    else:
        cell.alignment = Alignment(horizontal="right", vertical="top", indent=1)
    if isinstance(value, Attention):
        cell.font, cell.fill = MARKED, MARKED_FILL
    return cell


def _fill(cell: Cell, value: Any) -> None:  # noqa: ANN401
    if isinstance(value, str):
        cell.value = make_text(value)
        cell.data_type = "s"
        # Without it a spreadsheet would read the text as a formula once somebody edits the cell.
        cell.quotePrefix = bool(FORMULA_LIKE.match(value))
    elif isinstance(value, Money):
        cell.value, cell.number_format = value.amount, _format(value)
    elif isinstance(value, datetime):
        cell.value, cell.number_format = value.astimezone(UTC).replace(tzinfo=None), 'yyyy-mm-dd hh:mm" UTC"'
    elif isinstance(value, date):
        cell.value, cell.number_format = value, "yyyy-mm-dd"
    elif value is not None:
        cell.value = value
        cell.number_format = "#,##0.00" if isinstance(value, Decimal) else "#,##0"


def _format(money: Money) -> str:
    """Return the number format of an amount: nothing of it is rounded away on the page."""
    exponent = money.amount.normalize().as_tuple().exponent
    own = -exponent if isinstance(exponent, int) else 0
    decimals = max(get_currency_precision(money.currency) if money.currency else 2, own)
    return "#,##0" + ("." + "0" * decimals if decimals else "")


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
