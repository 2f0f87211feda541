"""How cells of the finance workbook look, and cells made so."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from babel.numbers import get_currency_precision
from openpyxl.cell.cell import Cell, WriteOnlyCell
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side

from hypercare.finance.page import Attention, Money
from hypercare.systems.workbook_making import make_text

FORMULA_LIKE = re.compile(r"\s*[=+\-@]")
RULE = Border(bottom=Side(style="hair", color="BBBBBB"))
ALERT, ALERT_FILL, HEADER_FILL = "9C0006", "FFE3E0", "DDE6F0"

Sheet = Any
"""A write-only sheet, of which openpyxl's stubs know little."""


@dataclass(frozen=True)
class Look:
    """What a cell looks like, apart from its value."""

    size: int = 11
    is_bold: bool = False
    is_italic: bool = False
    colour: str = "000000"
    fill: str = ""
    wraps: bool = False
    is_ruled: bool = False
    side: str | None = None
    number_format: str = "General"
    is_quoted: bool = False
    """Without it a spreadsheet would read a text that looks like a formula as one, once somebody edits the cell."""


CELL = Look(wraps=True, is_ruled=True)
TOLD = Look(side="left")
"""What is said beside a label; it runs on over the empty cells behind."""
LABEL, HEADING, TITLE = Look(is_bold=True), Look(is_bold=True, size=12), Look(is_bold=True, size=15)
LEAD = Look(is_italic=True, colour="555555")
HEADER = Look(is_bold=True, fill=HEADER_FILL, wraps=True)


class Looks:
    """Makes the cells of one workbook; each look is registered with it once, which takes most of the time."""

    def __init__(self) -> None:
        self._styles: dict[Look, Any] = {}

    def make_cell(self, sheet: Sheet, value: Any, look: Look = CELL) -> Any:  # noqa: ANN401 - openpyxl's Cell
        """Return a cell for a value of a page."""
        told = value.value if isinstance(value, Attention) else value
        cell: Any = WriteOnlyCell(sheet)
        look = self._fill(cell, told, look)
        if isinstance(value, Attention):
            look = replace(look, is_bold=True, colour=ALERT, fill=ALERT_FILL)
        style = self._styles.get(look)
        if style is None:
            _apply(cell, look)
            self._styles[look] = cell._style  # an index of openpyxl's tables, as its documentation has one copy it
        else:
            cell._style = style
        return cell

    def _fill(self, cell: Cell, value: Any, look: Look) -> Look:  # noqa: ANN401
        """Give a cell its value, and return the look with what this kind of value asks for."""
        if isinstance(value, str):
            cell.value, cell.data_type = make_text(value), "s"
            return replace(look, is_quoted=True) if FORMULA_LIKE.match(value) else look
        if value is None:
            return look
        number_format = "#,##0"
        if isinstance(value, Money):
            value, number_format = value.amount, _format(value)
        elif isinstance(value, datetime):
            value, number_format = value.astimezone(UTC).replace(tzinfo=None), 'yyyy-mm-dd hh:mm" UTC"'
        elif isinstance(value, date):
            number_format = "yyyy-mm-dd"
        elif isinstance(value, Decimal):
            number_format = "#,##0.00"
        cell.value = value
        return replace(look, number_format=number_format, side=look.side or "right", wraps=False)


def _apply(cell: Cell, look: Look) -> None:
    cell.font = Font(
        name="Calibri", size=look.size, bold=look.is_bold or None, italic=look.is_italic or None, color=look.colour
    )
    if look.fill:
        cell.fill = PatternFill("solid", start_color=look.fill)
    if look.is_ruled:
        cell.border = RULE
    cell.alignment = Alignment(look.side, "top", wrap_text=look.wraps, indent=look.side == "right")
    cell.number_format = look.number_format
    cell.quotePrefix = look.is_quoted


def _format(money: Money) -> str:
    """Return the number format of an amount: nothing of it is rounded away on the page."""
    exponent = money.amount.normalize().as_tuple().exponent
    own = -exponent if isinstance(exponent, int) else 0
    decimals = max(get_currency_precision(money.currency) if money.currency else 2, own)
    return "#,##0" + ("." + "0" * decimals if decimals else "")
