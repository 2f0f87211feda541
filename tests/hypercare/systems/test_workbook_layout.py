"""Sheets that people laid out anew: moved, renamed, merged, hidden, commented; read right or refused by cell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hypercare.errors import ContractError
from tests.hypercare.peoples_files import (
    EXPLAINED,
    KEY,
    READ,
    Case,
    enter,
    excel,
    explained,
    key,
    libreoffice,
    read,
    read_case,
    read_items,
)
from tests.hypercare.workbooks import FORM, headers_of, inline_row, make_by_hand, row_of

TYPED = {**EXPLAINED, "explained_on": (46101, 1), "accepted_on": (46104, 1)}
"""With dates as numbers of a date format, as packages keep them."""


def row_by_hand(number: int, attributes: str = "", **changes: Any) -> str:
    return inline_row(number, row_of("exceptions", **TYPED | changes), attributes)


def move_and_rename(workbook: Any, sheet: Any) -> None:
    """The columns backwards from column E on, under their last names in capitals, three rows lower."""
    columns = list(reversed(FORM.sheets["exceptions"].columns.items()))
    as_date = workbook.add_format({"num_format": "d. mmmm yyyy"})
    sheet.write(0, 0, "What Acme explains")
    sheet.write_row(3, 4, [column.headers[-1].upper() + " *" for _, column in columns])
    sheet.write_row(4, 4, [EXPLAINED.get(name) for name, _ in columns], as_date)
    amount = [name for name, _ in columns].index("amount")
    sheet.write(4, 4 + amount, EXPLAINED["amount"])


def comment_and_hide(workbook: Any, sheet: Any) -> None:
    enter(workbook, sheet, explained(row="payment:1"), explained(row="payment:2"))
    sheet.write_comment("D2", "=1+1", {"author": "Ana Example"})
    sheet.write_comment("A1", "Is this right?")
    sheet.set_row(2, None, None, {"hidden": True, "level": 2})
    sheet.set_column("D:E", None, None, {"hidden": True})
    sheet.autofilter("A1:N3")
    sheet.filter_column("B", "x == payment:1")
    workbook.add_worksheet("Private").very_hidden()


def merge(workbook: Any, sheet: Any) -> None:
    enter(workbook, sheet, *(explained(row=f"payment:{number}") for number in (1, 2, 3)))
    sheet.merge_range("L2:L3", "20 March 2026")
    sheet.merge_range("R1:S9", "beside the table")


def make_a_table(workbook: Any, sheet: Any) -> None:
    """Excel's own tables, with stripes, filter buttons and a line of totals."""
    enter(workbook, sheet, EXPLAINED, first=2)
    columns = [{"header": header} for header in headers_of("exceptions")]
    columns[3] |= {"total_function": "sum"}
    columns[0] |= {"total_string": "Total"}
    sheet.add_table("A3:N5", {"columns": columns, "total_row": True})
    enter(workbook, sheet, EXPLAINED, first=2)


NO_HEADER = (
    "none of the first 10 rows holds the required headers; missing in the closest: row (accepted: Row, Key, Record); "
    "amount (accepted: Amount); reason_code (accepted: Reason Code, Reason); explanation (accepted: Explanation, "
    "Comment, Comments); explained_by (accepted: Explained By, By, Name); accepted_by (accepted: Accepted By, Approved "
    "By); accepted_on (accepted: Accepted On, Date Accepted, Approved On); found there: A1 'Check', B1 'Payment'"
)
CASES = {
    "moved, renamed, hidden and commented, by LibreOffice": Case(
        libreoffice("filled.xlsx"),
        entries={
            KEY: READ,
            key("payment:777"): READ | {"row": "payment:777"},
            ("success_targets", "Invoices on time"): {"goal": "Invoices on time", "target": "95", "unit": "%"},
            ("people", "EM | Ana Example"): {"role": "EM", "name": "Ana Example", "portal_access": True},
        },
    ),
    "moved and renamed, by XlsxWriter": Case(excel(move_and_rename)),
    "moved and renamed, by hand": Case(
        lambda: make_by_hand(
            " reconciliation EXCEPTIONS:",
            [
                "<row/>",
                inline_row(2, [None, *(column.headers[-1] for column in FORM.sheets["exceptions"].columns.values())]),
                inline_row(3, [None, *row_of("exceptions", **TYPED)]),
            ],
        )
    ),
    "hidden and commented, by XlsxWriter": Case(
        excel(comment_and_hide), {key(row): READ | {"row": row} for row in ("payment:1", "payment:2")}
    ),
    "hidden and collapsed, by hand": Case(
        lambda: make_by_hand(
            "Exceptions",
            [inline_row(1, headers_of("exceptions")), row_by_hand(2, 'hidden="1" outlineLevel="3" collapsed="1"')],
        )
    ),
    "merged, by LibreOffice": Case(
        libreoffice("merged.xlsx"),
        entries={key("payment:1"): None, key("payment:2"): None, key("payment:3"): READ | {"row": "payment:3"}},
        refused=(
            ("Exceptions", "K4:K5", "are merged", "unmerge them"),
            ("Handover notes", "A3:B3", "are merged in the header", "unmerge them"),
        ),
    ),
    "merged, by XlsxWriter": Case(
        excel(merge),
        entries={key("payment:1"): None, key("payment:2"): None, key("payment:3"): READ | {"row": "payment:3"}},
        refused=(("Exceptions", "L2:L3", "are merged", "unmerge them"),),
    ),
    "merged over whole columns, by hand": Case(
        lambda: make_by_hand(
            "Exceptions",
            [inline_row(1, headers_of("exceptions")), row_by_hand(2)],
            after='<mergeCells><mergeCell ref="M:N"/></mergeCells>',
        ),
        entries={},
        refused=(("Exceptions", "M:N", "are merged in the header", "unmerge them"),),
    ),
    "a table with totals, by XlsxWriter": Case(
        excel(make_a_table)
    ),
    "without a header that is known, by XlsxWriter": Case(
        excel(lambda workbook, sheet: sheet.write_row(0, 0, ["Check", "Payment"])),
        entries={},
        refused=(
            (
                "Exceptions",
                "",
                NO_HEADER,
                "Rename the columns, or add their names to templates/workbook.yaml",
            ),
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_sheet_is_read_right_or_refused_by_cell(tmp_path: Path, case: Case):
    assert read_case(tmp_path, case) == (case.entries, case.refused)


def test_the_cells_are_those_where_people_see_them(tmp_path: Path):
    first, _ = (entry for entry in read(tmp_path, libreoffice("filled.xlsx")()).entries if entry.sheet == "exceptions")
    assert (first.cells["accepted_by"], first.cells["check"], first.cells["ticket"]) == ("A4", "B4", "C4")


def test_headers_that_are_not_known_are_named(tmp_path: Path):
    sheet = next(s for s in read(tmp_path, libreoffice("filled.xlsx")()).sheets if s.name == "exceptions")
    assert (sheet.title, sheet.ignored) == ("Reconciliation exceptions", ("I3 'Our own remark'",))


def test_action_items_by_libreoffice_are_read_hidden_ones_too(tmp_path: Path):
    common = {"priority": "High", "due_on": "2026-03-27", "internal_only": False}
    assert read_items(tmp_path, libreoffice("filled.xlsx")()) == [
        common | {"id": "1", "title": "Payment file rejected", "state": "Active"},
        common | {"id": "2", "title": "Hidden", "state": "closed"},
    ]


def test_action_items_of_merged_cells_are_refused_by_sheet_and_cell(tmp_path: Path):
    with pytest.raises(ContractError) as caught:
        read_items(tmp_path, libreoffice("merged.xlsx")())
    assert str(caught.value) == "tracker acme.xlsx, sheet 'Action items': cells B5:B6 are merged: unmerge them"
