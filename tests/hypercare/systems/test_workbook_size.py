"""Sheets of 20,000 rows by several writers, and sheets whose rows are not where they claim to be."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from hypercare.errors import ContractError
from tests.hypercare.peoples_files import excel, read, read_items
from tests.hypercare.workbooks import headers_of, inline_row, make_by_hand, make_file

ROWS = 20_000
HEADER = headers_of("supplier_targets")
ITEMS = ["ID", "Problem", "State"]


def supplier(number: int) -> list[Any]:
    return [f"Supplier {number}", f"{number:05}", "cXML", "2026-04-01", f"Wave {number % 7}"]


def write_all(_: Any, sheet: Any) -> None:
    sheet.write_row(0, 0, HEADER)
    for number in range(ROWS):
        sheet.write_row(number + 1, 0, supplier(number))


WRITERS: dict[str, Callable[[], bytes]] = {
    "XlsxWriter, with shared text": excel(write_all, "Supplier targets"),
    "XlsxWriter, row by row": excel(write_all, "Supplier targets", constant_memory=True),
    "openpyxl": lambda: make_file({"Supplier targets": [HEADER, *map(supplier, range(ROWS))]}),
    "hand": lambda: make_by_hand(
        "Supplier targets", [inline_row(1, HEADER), *(inline_row(n + 2, supplier(n)) for n in range(ROWS))]
    ),
}


@pytest.mark.parametrize("make", WRITERS.values(), ids=WRITERS)
def test_twenty_thousand_rows_are_read_to_the_last(tmp_path: Path, make: Callable[[], bytes]):
    found = read(tmp_path, make())
    assert found.refusals == ()
    assert [entry.key for entry in found.entries] == [f"Supplier {number}" for number in range(ROWS)]
    last = found.entries[-1]
    assert (last.text("number"), last.day("target_date"), last.cells["wave"]) == ("19999", date(2026, 4, 1), "E20001")


def test_twenty_thousand_action_items_are_read_to_the_last(tmp_path: Path):
    def fill(_: Any, sheet: Any) -> None:
        sheet.write_row(0, 0, ITEMS)
        for number in range(ROWS):
            sheet.write_row(number + 1, 0, [number, f"Item {number}", "Active"])

    rows = read_items(tmp_path, excel(fill, "Action Items")())
    assert [row["id"] for row in rows] == [str(number) for number in range(ROWS)]


def test_what_stands_in_the_last_row_of_all_is_read(tmp_path: Path):
    rows = [inline_row(1, HEADER), inline_row(1_048_576, supplier(1))]
    (entry,) = read(tmp_path, make_by_hand("Supplier targets", rows)).entries
    assert entry.cells["supplier"] == "A1048576"


def many_blocks() -> str:
    return "".join(f'<mergeCell ref="A{number}:A{number + 1}"/>' for number in range(2, 2_100, 2))


DISORDER: dict[str, tuple[list[str], str, str]] = {
    "a row beyond the last": (
        ['<row r="4000000000"><c><v>1</v></c></row>'],
        "",
        "there is a row 4,000,000,000, and sheets end at 1,048,576",
    ),
    "the same row twice": ([inline_row(2, [1]), inline_row(2, [2])], "", "row 2 follows row 2"),
    "rows that descend": ([inline_row(3, [1]), inline_row(2, [2])], "", "row 2 follows row 3"),
    "the same cell twice": (
        ['<row r="2"><c r="A2"><v>1</v></c><c r="A2"><v>2</v></c></row>'],
        "",
        "cell A2 stands twice, or after one to its right",
    ),
    "cells that descend": (
        ['<row r="2"><c r="B2"><v>1</v></c><c r="A2"><v>2</v></c></row>'],
        "",
        "cell A2 stands twice, or after one to its right",
    ),
    "a cell of another row": (['<row r="2"><c r="A9"><v>1</v></c></row>'], "", "cell A9 stands in row 2"),
    "more blocks than anybody merges": (
        [],
        f"<mergeCells>{many_blocks()}</mergeCells>",
        "more than 1,000 blocks of cells are merged or filled by one formula",
    ),
}


@pytest.mark.parametrize(("rows", "after", "words"), DISORDER.values(), ids=DISORDER)
def test_a_sheet_in_disorder_is_refused_since_rows_or_cells_would_be_lost(
    tmp_path: Path, rows: list[str], after: str, words: str
):
    """Reading on would skip what does not ascend, or count up to any number."""
    remedy = "undo that" if after else "open the workbook in Excel and save it anew"
    content = make_by_hand("Supplier targets", [inline_row(1, HEADER), *rows], after=after)
    found = read(tmp_path, content)
    (refusal,) = found.refusals
    assert (refusal.sheet, refusal.cell) == ("Supplier targets", "")
    assert refusal.reason == f"workbook acme.xlsx, sheet 'Supplier targets': {words}"
    assert refusal.remedy == remedy
    assert [sheet.is_refused for sheet in found.sheets] == [True]
    items = make_by_hand("Action Items", [inline_row(1, ITEMS), *rows], after=after)
    with pytest.raises(ContractError) as caught:
        read_items(tmp_path, items)
    assert str(caught.value) == f"tracker acme.xlsx, sheet 'Action Items': {words}; {remedy}"


def test_cells_without_places_count_on_from_the_one_before(tmp_path: Path):
    """Writers may leave places out of rows and cells."""
    row = '<row><c r="A2" t="inlineStr"><is><t>Supplier 1</t></is></c><c t="inlineStr"><is><t>0001</t></is></c></row>'
    (entry,) = read(tmp_path, make_by_hand("Supplier targets", [inline_row(1, HEADER), row])).entries
    assert (entry.key, entry.text("number"), entry.cells["number"]) == ("Supplier 1", "0001", "B2")


def test_parts_whose_elements_bear_a_prefix(tmp_path: Path):
    """As Microsoft's own library writes them."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    cells = "".join(f'<x:c t="inlineStr"><x:is><x:t>{header}</x:t></x:is></x:c>' for header in HEADER)
    name = '<x:c t="inlineStr"><x:is><x:t>Supplier 1</x:t></x:is></x:c>'
    sheet = (
        f'<x:worksheet xmlns:x="{main}"><x:sheetData><x:row r="1">{cells}</x:row><x:row r="2">{name}</x:row>'
        f'<x:row r="3">{name}</x:row></x:sheetData><x:mergeCells><x:mergeCell ref="A3:B3"/></x:mergeCells>'
        "</x:worksheet>"
    )
    found = read(tmp_path, make_by_hand("Supplier targets", [], extra={"xl/worksheets/sheet1.xml": sheet}))
    assert [(each.cell, each.reason) for each in found.refusals] == [
        ("A3:B3", "are merged"),
        ("A3", "repeats 'Supplier 1' of A2"),
    ]
    assert [(entry.key, entry.is_complete) for entry in found.entries] == [("Supplier 1", True)]
