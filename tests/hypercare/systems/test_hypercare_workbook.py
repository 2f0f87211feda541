"""The hypercare workbook as people's tools leave it: read right, or refused by sheet and cell."""

from __future__ import annotations

import io
import random
import zipfile
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook
from openpyxl.comments import Comment

from hypercare.errors import ConfigurationError, ContractError
from hypercare.systems.hypercare_workbook import WorkbookRead, read_workbook
from hypercare.systems.tracker import read_tracker
from hypercare.systems.tracker_mapping import load_tracker_mapping
from hypercare.systems.workbook_files import fetch_workbook, has_file, name_answers, write_own_file
from hypercare.systems.workbook_form import load_workbook_form
from hypercare.systems.workbook_making import HEADER_ROW, Table, TableColumn, form_tables, write_tables
from hypercare.systems.workbook_package import WorkbookLimits
from tests.hypercare.workbooks import (
    CODES,
    FORM,
    ROOT,
    headers_of,
    inline_row,
    make_by_hand,
    make_file,
    row_of,
    save,
)

NAME = "acme.xlsx"
EXPLAINED = {
    "check": "errors_resolved",
    "row": "payment:776",
    "amount": 1234.5,
    "currency": "EUR",
    "reason_code": "timing",
    "explanation": "Paid again on Monday",
    "explained_by": "Ana Example",
    "explained_on": date(2026, 3, 20),
    "accepted_by": "Bo Example",
    "accepted_on": "2026-03-23",
}


def read(content: bytes) -> WorkbookRead:
    return read_workbook(content, NAME, FORM)


def exceptions(*rows: list[Any], title: str = "Exceptions") -> bytes:
    return make_file({title: [headers_of("exceptions"), *rows]})


def refusals(content: bytes) -> list[tuple[str, str, str]]:
    """Sheet, cell and reason of everything refused; there must be something."""
    found = [(each.sheet, each.cell, each.reason) for each in read(content).refusals]
    assert found
    assert all(each.remedy for each in read(content).refusals)
    return found


# What is read


def test_a_row_is_read_cell_by_cell():
    (entry,) = read(exceptions(row_of("exceptions", **EXPLAINED))).entries
    assert entry.is_complete
    assert entry.key == "errors_resolved | payment:776"
    assert entry.number("amount") == Decimal("1234.5")
    assert (entry.day("explained_on"), entry.day("accepted_on")) == (date(2026, 3, 20), date(2026, 3, 23))
    assert (entry.told_by, entry.cells["amount"]) == ("Ana Example", "D2")


def test_the_file_tells_who_saved_it_and_its_bytes_are_its_version():
    content = exceptions(row_of("exceptions", **EXPLAINED))
    found = read(content)
    assert found.saved.by == "Ana Example"
    assert found.saved.at is not None
    assert found.digest == read(content).digest != read(exceptions()).digest


def test_a_new_workbook_is_read_without_entries_and_without_refusals():
    tracker = load_tracker_mapping(ROOT / "include" / "mappings" / "tracker.yaml")
    tables = form_tables(FORM, tracker, {"exit_checklist": [("CP-1", "A full cycle has passed")]})
    found = read(write_tables(tables, to_be_filled=True))
    assert {sheet.name for sheet in found.sheets} == set(FORM.sheets)
    assert (found.entries, found.refusals) == ([], ())


def test_a_new_workbook_guides_who_fills_it(tmp_path: Path):
    tracker = load_tracker_mapping(ROOT / "include" / "mappings" / "tracker.yaml")
    (tmp_path / NAME).write_bytes(write_tables(form_tables(FORM, tracker, {}), to_be_filled=True))
    workbook = load_workbook(tmp_path / NAME)
    assert workbook.sheetnames[:2] == ["Action items", "Exceptions"]
    assert len(workbook.sheetnames) == 10  # nine to fill, one hidden with the lists
    sheet = workbook["Exceptions"]
    assert sheet.freeze_panes == f"A{HEADER_ROW + 1}"
    assert "Explain a payment" in str(sheet["A1"].value)
    rules = {rule.type for rule in sheet.data_validations.dataValidation}
    assert rules == {"list", "date", "decimal"}
    codes = next(rule for rule in sheet.data_validations.dataValidation if rule.type == "list")
    assert str(codes.formula1) == f"Lists!$A$1:$A${len(CODES)}"
    assert workbook["Lists"].sheet_state == "hidden"
    assert [cell.value for cell in workbook["Lists"]["A"]][: len(CODES)] == list(CODES)
    assert read_tracker(str(tmp_path), NAME, tracker).rows == []


def test_what_somebody_wrote_never_comes_back_as_a_formula():
    table = Table(
        "Not taken", "Correct these", (TableColumn("Value"),), (('=HYPERLINK("http://example.com")',), ("a\x07b",))
    )
    sheet = load_workbook(io.BytesIO(write_tables([table], to_be_filled=False)))["Not taken"]
    assert (sheet["A4"].value, sheet["A4"].data_type) == ('=HYPERLINK("http://example.com")', "s")
    assert sheet["A5"].value == "a b"


COLUMNS = st.permutations(list(FORM.sheets["exceptions"].columns))


@settings(max_examples=25, deadline=None)
@given(order=COLUMNS, aliases=st.randoms(use_true_random=False), above=st.integers(0, 8))
def test_the_same_cells_in_any_order_and_under_any_known_header_read_the_same(
    order: list[str], aliases: random.Random, above: int
):
    columns = FORM.sheets["exceptions"].columns
    usual = read(exceptions(row_of("exceptions", **EXPLAINED))).entries
    header = [aliases.choice(columns[column].headers).upper() for column in order]
    rows = [*([["a line above"]] * above), header, [EXPLAINED.get(column) for column in order]]
    (moved,) = read(make_file({" exceptions ": rows})).entries
    assert [(moved.key, moved.values, moved.is_complete)] == [(e.key, e.values, e.is_complete) for e in usual]


def test_a_file_as_libreoffice_writes_it():
    """Inline strings, dates as numbers under a date format, a dimension that is too small, a hidden row."""
    header = inline_row(1, headers_of("exceptions"))
    values: dict[str, Any] = {**EXPLAINED, "explained_on": (46101, 1), "accepted_on": "23 Mar 2026"}
    rows = [header, inline_row(2, row_of("exceptions", **values), 'hidden="1"')]
    (entry,) = read(make_by_hand("Exceptions", rows, dimension="A1:B1")).entries
    assert entry.is_complete
    assert (entry.day("explained_on"), entry.day("accepted_on")) == (date(2026, 3, 20), date(2026, 3, 23))
    assert entry.number("amount") == Decimal("1234.5")


def test_comments_hidden_rows_columns_and_sheets_change_nothing():
    workbook = load_workbook(io.BytesIO(exceptions(row_of("exceptions", **EXPLAINED))))
    sheet = workbook["Exceptions"]
    sheet["A2"].comment = Comment("=1+1", "Ana Example")
    sheet.row_dimensions[2].hidden = True
    sheet.column_dimensions["D"].hidden = True
    workbook.create_sheet("Private")
    sheet.sheet_state = "hidden"
    found = read(save(workbook))
    assert [entry.is_complete for entry in found.entries] == [True]
    assert found.refusals == ()


@pytest.mark.parametrize(
    ("number", "exact"), [(0.1 + 0.2, "0.3"), (1e3, "1000"), (-12.345678, "-12.345678"), ("-5.20", "-5.20")]
)
def test_numbers_are_what_a_spreadsheet_shows(number: Any, exact: str):
    (entry,) = read(exceptions(row_of("exceptions", **EXPLAINED | {"amount": number}))).entries
    assert entry.number("amount") == Decimal(exact)


def test_twenty_thousand_rows():
    rows = [row_of("supplier_targets", supplier=f"Supplier {n}", target_date=date(2026, 4, 1)) for n in range(20_000)]
    found = read(make_file({"Supplier targets": [headers_of("supplier_targets"), *rows]}))
    assert len(found.entries) == 20_000
    assert all(entry.is_complete for entry in found.entries)


# What is refused


@pytest.mark.parametrize(
    ("change", "cell", "reason"),
    [
        ({"amount": "=SUM(D3:D9)"}, "D2", "holds the formula '=SUM(D3:D9)'"),
        ({"ticket": "='[other.xlsx]Sheet1'!A1"}, "J2", "holds the formula"),
        ({"amount": "1,234.50"}, "D2", "which is no number"),
        ({"amount": True}, "D2", "which is no number"),
        ({"accepted_on": "soon"}, "N2", "which is no date"),
        ({"accepted_on": 46000}, "N2", "which is no date"),
        ({"reason_code": "because"}, "H2", "holds 'because'"),
        ({"week": "week 12"}, "C2", "which is no week"),
        ({"explained_by": "  "}, "K2", "is blank, though"),
        ({"explanation": "#REF!"}, "I2", "shows #REF!"),
    ],
)
def test_a_cell_that_cannot_be_taken_keeps_its_row_from_being_acted_on(change: dict[str, Any], cell: str, reason: str):
    good = row_of("exceptions", **EXPLAINED | {"row": "payment:1"})
    content = exceptions(row_of("exceptions", **EXPLAINED | change), good)
    ((sheet, refused, words),) = refusals(content)
    assert (sheet, refused) == ("Exceptions", cell)
    assert reason in words
    bad, fine = read(content).entries
    assert not bad.is_complete
    assert fine.is_complete
    assert "explanation" in fine.values


def test_a_row_without_its_key_and_one_told_twice():
    twice = row_of("exceptions", **EXPLAINED)
    content = exceptions(twice, row_of("exceptions", **EXPLAINED | {"row": None}), twice)
    (_, cell, blank), (_, again, repeated) = refusals(content)
    assert (cell, again) == ("B3", "A4")
    assert "is blank" in blank
    assert "repeats 'errors_resolved | payment:776' of A2" in repeated
    assert len(read(content).entries) == 1


def merged(block: str) -> bytes:
    workbook = load_workbook(io.BytesIO(exceptions(*(row_of("exceptions", **EXPLAINED | {"row": n}) for n in "123"))))
    workbook["Exceptions"].merge_cells(block)
    return save(workbook)


def test_merged_cells_refuse_the_rows_they_touch():
    content = merged("L2:L3")
    assert ("Exceptions", "L2:L3", "are merged") in refusals(content)
    assert [entry.is_complete for entry in read(content).entries] == [False, False, True]


def test_merged_cells_in_the_header_refuse_the_sheet_and_no_other():
    workbook = load_workbook(io.BytesIO(merged("A1:B1")))
    notes = workbook.create_sheet("Handover notes")
    notes.append(headers_of("handover_notes"))
    notes.append(["Contacts", "Ask Ana"])
    found = read(save(workbook))
    assert [entry.sheet for entry in found.entries] == ["handover_notes"]
    assert [sheet.is_refused for sheet in found.sheets] == [True, False]


def test_a_sheet_without_its_headers_says_which():
    content = make_file({"Exceptions": [["Check", "Payment no."], ["a", "b"]]})
    ((sheet, cell, words),) = refusals(content)
    assert (sheet, cell) == ("Exceptions", "")
    assert "row (accepted: Row, Key, Record)" in words
    assert "found there: A1 'Check', B1 'Payment no.'" in words
    assert "templates/workbook.yaml" in read(content).refusals[0].remedy


def test_two_columns_or_sheets_of_one_meaning():
    double = [*headers_of("exceptions"), "Reason"]
    ((_, cell, words),) = refusals(make_file({"Exceptions": [double[:-1] + ["Reason Code"]]}))
    assert cell == "H1 and O1"
    assert "bear the same header" in words
    both = make_file({"Exceptions": [headers_of("exceptions")], "Reconciliation exceptions": [["x"]]})
    assert all("are one sheet to us" in words for _, _, words in refusals(both))
    assert all(sheet.is_refused for sheet in read(both).sheets)


def test_an_unknown_header_is_told():
    (sheet,) = read(make_file({"Exceptions": [[*headers_of("exceptions"), "OK'd by"]]})).sheets
    assert sheet.ignored == ('O1 "OK\'d by"',)


def test_personal_data_is_not_repeated():
    row = row_of("people", role="EM", name="Ana Example", email="=secret@example.com")
    (refusal,) = read(make_file({"People and access": [headers_of("people"), row]})).refusals
    assert refusal.cell == "C2"
    assert "secret" not in f"{refusal.value}{refusal.reason}{refusal.remedy}"


def with_part(name: str, content: bytes) -> bytes:
    stream = io.BytesIO(exceptions())
    with zipfile.ZipFile(stream, "a", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(name, content)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"), "protected by a password"),
        (b"", "is empty"),
        (b"ID,Problem\n", "is no .xlsx workbook"),
        (with_part("xl/vbaProject.bin", b"macro"), "holds macros"),
        (with_part("xl/media/huge.bin", b"0" * 60_000_000), "like a zip bomb"),
    ],
    ids=["password", "empty", "csv", "macros", "zip bomb"],
)
def test_a_file_that_is_no_harmless_workbook(content: bytes, words: str):
    with pytest.raises(ContractError, match=words) as caught:
        read(content)
    assert str(caught.value).startswith(f"workbook {NAME}: ")


def test_a_billion_laughs_and_a_broken_properties_part():
    bomb = '<!DOCTYPE a [<!ENTITY x "boom">]><row/>'
    with pytest.raises(ContractError, match="declares a document type"):
        read(make_by_hand("Exceptions", [], extra={"xl/worksheets/sheet1.xml": bomb}))
    named = make_by_hand(
        "Exceptions", [inline_row(1, headers_of("exceptions"))], extra={"docProps/core.xml": "<a>x</a>"}
    )
    assert (read(named).saved.by, read(named).saved.at) == ("", None)


# The file, and the form


def test_the_peoples_file_is_opened_to_read_and_stays_as_it_is(tmp_path: Path):
    path = tmp_path / NAME
    path.write_bytes(exceptions(row_of("exceptions", **EXPLAINED)))
    path.chmod(0o444)
    tmp_path.chmod(0o555)
    before, at = path.read_bytes(), path.stat().st_mtime_ns
    read(fetch_workbook(str(tmp_path), NAME, WorkbookLimits(), "workbook"))
    tmp_path.chmod(0o755)
    assert path.read_bytes() == before
    assert path.stat().st_mtime_ns == at
    assert [each.name for each in tmp_path.iterdir()] == [NAME]


def test_our_file_is_written_to_an_object_store_too():
    assert not has_file("memory://books", NAME)
    write_own_file("memory://books", NAME, b"first")
    write_own_file("memory://books", NAME, b"second")
    assert has_file("memory://books", NAME)
    assert fetch_workbook("memory://books", NAME, WorkbookLimits()) == b"second"
    with pytest.raises(ConfigurationError, match="only the file's name"):
        write_own_file("memory://books", "../acme.xlsx", b"")


def test_our_file_never_bears_the_name_of_theirs():
    assert name_answers("acme.xlsx") == "acme.answers.xlsx"
    with pytest.raises(ConfigurationError, match="rename it"):
        name_answers("acme.answers.xlsx")


@pytest.mark.parametrize(
    ("line", "broken", "words"),
    [
        ("key: [check, row]", "key: [check, rows]", "no columns rows"),
        ("choices_from: reason_codes", "choices_from: reasons", "choices belong to"),
        ("titles: [Weekly review, Weekly reviews]", "titles: [People]", "stands under both"),
        ("kind: week, headers: [Week], given", "kind: weeks, headers: [Week], given", "kind"),
    ],
)
def test_a_form_that_cannot_be_right(tmp_path: Path, line: str, broken: str, words: str):
    text = (ROOT / "include" / "templates" / "workbook.yaml").read_text()
    assert line in text
    (tmp_path / "workbook.yaml").write_text(text.replace(line, broken))
    with pytest.raises(ConfigurationError, match=words):
        load_workbook_form(tmp_path / "workbook.yaml", CODES)
