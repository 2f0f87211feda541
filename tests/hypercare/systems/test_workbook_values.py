"""Cells as people and their programs fill them: dates, numbers, formulas, links; read right or refused by cell."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from hypercare.errors import ContractError
from tests.hypercare.peoples_files import (
    EXPLAINED,
    KEY,
    READ,
    Case,
    Told,
    enter,
    excel,
    explained,
    key,
    libreoffice,
    read_case,
    read_items,
)
from tests.hypercare.workbooks import CODES, FORM, headers_of, inline_row, make_by_hand

PASTE = "paste its value instead"
AS_NUMBER = "format it as a number, or write it as 1234.50"
PASTE_ALL = "paste their values instead"
COLUMNS = list(FORM.sheets["exceptions"].columns)


def typed(write: Callable[[Any, Any], None], **options: Any) -> Callable[[], bytes]:
    """A file of XlsxWriter with one explained row, in which one more thing is written."""

    def fill(workbook: Any, sheet: Any) -> None:
        enter(workbook, sheet, EXPLAINED)
        write(workbook, sheet)

    return excel(fill, **options)


def value(column: str, entry: Any) -> Callable[[], bytes]:
    return excel(lambda workbook, sheet: enter(workbook, sheet, explained(**{column: entry})))


def by_hand(column: str, cell: str) -> Callable[[], bytes]:
    """A package with one explained row, one cell of which is this XML."""
    values: dict[str, Any] = {**EXPLAINED, "explained_on": (46101, 1), "accepted_on": (46104, 1)}

    def make() -> bytes:
        row = inline_row(2, [values.get(name) for name in COLUMNS if name != column])
        before = inline_row(2, [values.get(name) for name in COLUMNS[: COLUMNS.index(column)]])
        after = row.removeprefix(before.removesuffix("</row>"))
        return make_by_hand(
            "Exceptions", [inline_row(1, headers_of("exceptions")), before.removesuffix("</row>") + cell + after]
        )

    return make


def refused(cell: str, reason: str, remedy: str = PASTE) -> Case:
    return Case(bytes, {KEY: None}, (("Exceptions", cell, reason, remedy),))


def link_another_file(workbook: Any, sheet: Any) -> None:
    sheet.write_formula("J2", "='C:\\Users\\ana\\[other.xlsx]Sheet1'!$A$1", None, "00001001")


def show_a_percentage(workbook: Any, sheet: Any) -> None:
    sheet.write_number("D2", 0.95, workbook.add_format({"num_format": "0.0%"}))


def write_in_bold(workbook: Any, sheet: Any) -> None:
    bold = workbook.add_format({"bold": True})
    sheet.write_rich_string("I2", "Paid ", bold, "again", " on Monday")


def spill(workbook: Any, sheet: Any) -> None:
    """A formula that fills three rows, which Excel writes in the first of them only."""
    enter(workbook, sheet, *(explained(row=f"payment:{number}") for number in (1, 2, 3, 4)))
    sheet.write_dynamic_array_formula("D2:D4", "=SEQUENCE(3)", None, 1)
    for row in (2, 3):
        sheet.write_number(row, 3, row)


NO_DATE = "which is no date in any format of the mapping"
READ_RIGHT = {
    "dates as text, by LibreOffice": Case(
        libreoffice("filled.xlsx"),
        {KEY: READ, key("payment:777"): READ | {"row": "payment:777"}},
    ),
    "dates from 1904, by LibreOffice": Case(libreoffice("dates_from_1904.xlsx")),
    "dates from 1904, by XlsxWriter": Case(typed(lambda workbook, sheet: None, date_1904=True)),
    "a date as ISO text": Case(value("explained_on", "2026-03-20")),
    "a date as English text": Case(value("explained_on", " 20 March 2026 ")),
    "a date with a time": Case(value("explained_on", datetime(2026, 3, 20, 23, 59))),  # noqa: DTZ001
    "a date in ISO form, by hand": Case(by_hand("explained_on", '<c t="d"><v>2026-03-20T00:00:00Z</v></c>')),
    "text in several runs": Case(typed(write_in_bold)),
    "text in several runs with a reading aid, by hand": Case(
        by_hand(
            "explanation",
            '<c t="inlineStr"><is><r><t xml:space="preserve">Paid again </t></r><r><t>on Monday</t></r>'
            '<rPh sb="0" eb="1"><t>pade</t></rPh></is></c>',
        )
    ),
    "a carriage return, as Office writes it": Case(
        by_hand("explanation", '<c t="inlineStr"><is><t>Paid again_x000D_ on Monday_x000D_</t></is></c>')
    ),
    "a calculated text that was pasted": Case(by_hand("explanation", '<c t="str"><v>Paid again on Monday</v></c>')),
    "a number as text": Case(value("amount", "1234.50")),
    "a number with what floats add": Case(by_hand("amount", "<c><v>1234.5000000000002</v></c>")),
    "a number with an exponent": Case(by_hand("amount", "<c><v>1.2345E3</v></c>")),
    "a link to a page": Case(typed(lambda _, sheet: sheet.write_url("J2", "http://127.0.0.1:9/x", string="00001001"))),
    "a case number as a number": Case(value("ticket", 1001), {KEY: READ | {"ticket": "1001"}}),
}
REFUSED: dict[str, tuple[Callable[[], bytes], Case]] = {
    "a formula": (
        typed(lambda _, sheet: sheet.write_formula("D2", "=1000+234.5", None, 1234.5)),
        refused("D2", "holds the formula '=1000+234.5'"),
    ),
    "a text that looks like a formula": (
        value("amount", "=1"),
        refused("D2", "holds '=1', which is no number", AS_NUMBER),
    ),
    "a link into another file": (
        typed(link_another_file),
        refused("J2", "holds the formula \"='C:\\\\Users\\\\ana\\\\[other.xlsx]Sheet1'!$A$1\""),
    ),
    "a formula for one cell that counts as many": (
        typed(lambda _, sheet: sheet.write_array_formula("D2", "{=SUM(A1:A2*1)}", None, 1234.5)),
        refused("D2", "holds the formula '=SUM(A1:A2*1)'"),
    ),
    "an error": (by_hand("explanation", '<c t="e"><v>#N/A</v></c>'), refused("I2", "shows #N/A", "correct it")),
    "a percentage": (
        typed(show_a_percentage),
        refused("D2", "holds 0.95 shown as a percentage", "format it as a number, as it is meant"),
    ),
    "an American date as text": (
        value("explained_on", "03/20/2026"),
        refused("L2", f"holds '03/20/2026', {NO_DATE}", "write it as 2026-11-16"),
    ),
    "a day that is none": (
        value("explained_on", "31 Feb 2026"),
        refused("L2", f"holds '31 Feb 2026', {NO_DATE}", "write it as 2026-11-16"),
    ),
    "a date without its format": (
        value("explained_on", 46101),
        refused("L2", "holds '46101', which is no date", "format it as a date, or write it as 2026-11-16"),
    ),
    "a date beyond all calendars, by hand": (
        by_hand("explained_on", '<c s="1"><v>9999999</v></c>'),
        refused("L2", "shows #VALUE!", "correct it"),
    ),
    "a number with a thousands mark": (
        value("amount", "1,234.50"),
        refused("D2", "holds '1,234.50', which is no number", AS_NUMBER),
    ),
    "a number beyond all numbers, by hand": (
        by_hand("amount", "<c><v>1e999</v></c>"),
        refused("D2", "holds 'inf', which is no number", AS_NUMBER),
    ),
    "a text longer than cells are, by hand": (
        by_hand("explanation", f'<c t="inlineStr"><is><t>{"x" * 40_000}</t></is></c>'),
        refused("I2", "holds 40,000 characters, and cells end at 32,767", "shorten it"),
    ),
    "a choice that is not offered": (
        value("reason_code", "because"),
        refused("H2", "holds 'because'", f"write one of {', '.join(CODES)}"),
    ),
}


@pytest.mark.parametrize("case", READ_RIGHT.values(), ids=READ_RIGHT)
def test_a_cell_is_read_right(tmp_path: Path, case: Case):
    entries, told = read_case(tmp_path, case)
    assert {name: entries[name] for name in case.entries} == case.entries
    assert told == ()


@pytest.mark.parametrize(("make", "case"), REFUSED.values(), ids=REFUSED)
def test_a_cell_that_cannot_be_taken_is_refused_by_its_place(tmp_path: Path, make: Callable[[], bytes], case: Case):
    assert read_case(tmp_path, Case(make)) == (case.entries, case.refused)


FILLED: tuple[Told, ...] = (
    ("Exceptions", "D2", "holds the formula '=_xlfn.SEQUENCE(3)'", PASTE),
    ("Exceptions", "D2:D4", "are filled by one formula", PASTE_ALL),
)


def test_what_one_formula_fills_is_refused_in_every_row(tmp_path: Path):
    """But for the first of them, its cells hold values as if somebody had entered those."""
    rows = {key(f"payment:{number}"): None for number in (1, 2, 3)}
    entries, told = read_case(tmp_path, Case(excel(spill)))
    assert entries == {**rows, key("payment:4"): READ | {"row": "payment:4"}}
    assert told == FILLED


def test_a_data_table_by_hand_is_refused_in_every_row(tmp_path: Path):
    make = by_hand("amount", '<c><f t="dataTable" ref="D2:D3" dt2D="0" dtr="0" r1="A1"/><v>7</v></c>')
    entries, told = read_case(tmp_path, Case(make))
    assert entries == {KEY: None}
    assert told == (
        ("Exceptions", "D2", "holds the formula '=TABLE(A1,)'", PASTE),
        ("Exceptions", "D2:D3", "are filled by one formula", PASTE_ALL),
    )


def test_formulas_by_libreoffice(tmp_path: Path):
    rows: dict[tuple[str, str], Any] = {key(f"payment:{number}"): None for number in range(1, 7)}
    entries, told = read_case(tmp_path, Case(libreoffice("formulas.xlsx")))
    assert entries == rows
    assert told == (
        ("Exceptions", "D4", "holds the formula '=1000+234.5'", PASTE),
        ("Exceptions", "D5", "holds the formula '={1,2,3}*2'", PASTE),
        ("Exceptions", "D5:D7", "are filled by one formula", PASTE_ALL),
        ("Exceptions", "J8", "holds the formula '=[1]Sheet1!A1'", PASTE),
        ("Exceptions", "I9", "holds the formula '=1/0'", PASTE),
    )


def test_action_items_that_one_formula_fills_are_refused_by_sheet_and_cell(tmp_path: Path):
    with pytest.raises(ContractError) as caught:
        read_items(tmp_path, libreoffice("formulas.xlsx")())
    assert str(caught.value) == (
        "tracker acme.xlsx, sheet 'Action items': cells C5:C6 are filled by one formula: paste their values instead"
    )


def test_a_formula_in_an_action_item_is_refused_by_sheet_and_cell(tmp_path: Path):
    def fill(workbook: Any, sheet: Any) -> None:
        sheet.write_row("A1", ["ID", "Problem", "State", "Priority", "Due"])
        sheet.write_row("A2", [1, "Payment file rejected", "Active"])
        sheet.write_formula("D2", '=IF(A2>1,"High","Low")', None, "Low")
        sheet.write_datetime("E2", datetime(2026, 3, 27), workbook.add_format({"num_format": "d mmm"}))  # noqa: DTZ001

    with pytest.raises(ContractError) as caught:
        read_items(tmp_path, excel(fill, "Action Items")())
    assert str(caught.value) == (
        "tracker acme.xlsx, sheet 'Action Items': cell D2 holds the formula '=IF(A2>1,\"High\",\"Low\")': "
        "paste its value instead"
    )


def test_personal_data_that_cannot_be_read_is_not_repeated(tmp_path: Path):
    def fill(workbook: Any, sheet: Any) -> None:
        sheet.write_row("A1", headers_of("people"))
        sheet.write_row("A2", ["EM", "Ana Example"])
        sheet.write_formula("C2", '="secret@"&"example.com"', None, "secret@example.com")

    _, told = read_case(tmp_path, Case(excel(fill, "People and access")))
    assert told == (("People and access", "C2", "cannot be read as what the column asks", PASTE),)
