"""Action item trackers: real workbooks written by openpyxl, and packages made by hand."""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import fsspec
import pytest
import yaml
from openpyxl import Workbook
from openpyxl.workbook.protection import WorkbookProtection
from openpyxl.worksheet.formula import ArrayFormula
from openpyxl.worksheet.worksheet import Worksheet

from hypercare.contracts import Scalar, load_contracts
from hypercare.errors import ConfigurationError, ContractError, ResourceMissingError
from hypercare.systems.tracker import TrackerRead, load_tracker_mapping, read_tracker
from hypercare.systems.workbook_package import WorkbookLimits
from sandbox.trackers import Item, ItemChange, Tracker, write_trackers

ROOT = Path(__file__).resolve().parents[3]
MAPPING_FILE = ROOT / "include" / "mappings" / "tracker.yaml"
MAPPING = load_tracker_mapping(MAPPING_FILE)
CONTRACT = load_contracts(ROOT / "include" / "schemas" / "feeds")["action_items"]
HEADERS = ["ID", "Problem", "State", "Priority", "Due", "Internal Only", "Case Number"]
ROW: list[Any] = [1, "Payment file rejected", "Active", "High", date(2026, 11, 16), "No", "00001001"]
NAME = "acme.xlsx"


def write(folder: Path, fill: Callable[[Worksheet], None], sheet: str = "Action Items") -> Path:
    workbook = Workbook()
    active = workbook.active
    assert active is not None
    active.title = sheet
    fill(active)
    workbook.save(folder / NAME)
    return folder / NAME


def write_rows(folder: Path, *rows: list[Any], headers: list[Any] | None = None, sheet: str = "Action Items") -> Path:
    def fill(active: Worksheet) -> None:
        active.append(HEADERS if headers is None else headers)
        for row in rows:
            active.append(row)

    return write(folder, fill, sheet)


def read(folder: Path, **options: Any) -> TrackerRead:
    return read_tracker(str(folder), NAME, MAPPING, **options)


def refusal(folder: Path, **options: Any) -> str:
    with pytest.raises(ContractError) as caught:
        read(folder, **options)
    told = str(caught.value)
    assert told.startswith(f"tracker {NAME}")
    return told


def repack(path: Path, change: Callable[[str, bytes], bytes | None], extra: dict[str, bytes] | None = None) -> None:
    """Write a workbook's package anew with changed parts; None leaves a part out."""
    target = io.BytesIO()
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in source.namelist():
            content = change(name, source.read(name))
            if content is not None:
                packed.writestr(name, content)
        for name, content in (extra or {}).items():
            packed.writestr(name, content)
    path.write_bytes(target.getvalue())


def write_by_hand(path: Path, header: str = "") -> None:
    """Write a workbook as Excel does: its text in shared strings, one of them in several runs."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    offices = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    texts = ["ID", "Problem", "State", "A-1", "Active"]
    shared = "".join(f"<si><t>{text}</t></si>" for text in texts)
    shared += "<si><r><t>Payment file </t></r><r><rPr><b/></rPr><t>rejected</t></r></si>"
    cells = ("".join(f'<c t="s"><v>{number}</v></c>' for number in row) for row in ((0, 1, 2), (3, 5, 4)))
    rows = "".join(f'<row r="{number}">{entries}</row>' for number, entries in enumerate(cells, start=1))
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types">'
        f'<Override PartName="/xl/workbook.xml" ContentType="{kind}.sheet.main+xml"/>'
        f'<Override PartName="/xl/sharedStrings.xml" ContentType="{kind}.sharedStrings+xml"/></Types>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{offices}"><sheets>'
        '<sheet name="Action Items" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
        f'Type="{offices}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/sharedStrings.xml": f'{header}<sst xmlns="{main}">{shared}</sst>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{rows}</sheetData></worksheet>',
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in parts.items():
            packed.writestr(name, content)


# What is read


def test_a_workbook_as_excel_writes_it(tmp_path: Path):
    write_by_hand(tmp_path / NAME)
    (row,) = read(tmp_path).rows
    assert (row["id"], row["title"], row["state"]) == ("A-1", "Payment file rejected", "Active")


def test_shared_strings_resolve_no_entities(tmp_path: Path):
    write_by_hand(tmp_path / NAME, header='<!DOCTYPE a [<!ENTITY x "boom">]>')
    assert "part xl/sharedStrings.xml declares a document type" in refusal(tmp_path)


def test_a_tracker_of_the_sandbox_is_read_whole(tmp_path: Path):
    at = datetime(2026, 11, 9, 12, tzinfo=UTC)
    values = {
        "title": "Payment file rejected", "state": "Active", "category": "Payments", "priority": "Sev 2",
        "impact": "No wires", "owner": "Erin", "raised_on": date(2026, 11, 2), "due_on": date(2026, 11, 16),
        "plan": "Patch", "plan_owner": "Sam", "plan_date": date(2026, 11, 20), "plan_accepted_by": "CVM: Chris",
        "escalated_to": "Support", "case_number": "00001001", "internal_only": True,
    }  # fmt: skip
    item = Item("A-1", (ItemChange(at, values),))
    write_trackers([Tracker(NAME, [item])], tmp_path, at)
    found = read(tmp_path)
    assert found.rows == [
        {
            **dict.fromkeys(CONTRACT.columns.fields),
            **values,
            "id": "A-1",
            "raised_on": "2026-11-02",
            "due_on": "2026-11-16",
            "plan_date": "2026-11-20",
            "updated_on": "2026-11-09",
        }
    ]
    assert (found.file, found.sheet) == (NAME, "Action Items")
    assert found.digest == hashlib.sha256((tmp_path / NAME).read_bytes()).hexdigest()
    json.dumps(found.rows)


def test_columns_may_be_renamed_moved_and_joined_by_others(tmp_path: Path):
    write_rows(
        tmp_path,
        ["x", "ends here", "open", "Payment", "", "No. 7"],
        headers=["Notes", "Due\n Date", " STATUS ", "problem  title*", None, "no."],
    )
    with pytest.raises(ContractError, match="B2"):
        read(tmp_path)
    write_rows(
        tmp_path,
        ["x", "2026-11-16", "open", "Payment", "", 7.0],
        headers=["Notes", "Due\n Date", " STATUS ", "problem  title*", None, "no."],
    )
    (row,) = read(tmp_path).rows
    assert (row["id"], row["title"], row["state"], row["due_on"], row["owner"]) == (
        "7", "Payment", "open", "2026-11-16", None,
    )  # fmt: skip


def test_of_two_accepted_headers_the_one_named_first_in_the_mapping_counts(tmp_path: Path):
    write_rows(tmp_path, [1, "long text", "Title", "open"], headers=["ID", "Description", "Title", "State"])
    assert read(tmp_path).rows[0]["title"] == "Title"


def test_title_rows_above_the_header_are_skipped(tmp_path: Path):
    def fill(sheet: Worksheet) -> None:
        sheet["A1"] = "Acme action items"
        sheet.merge_cells("A1:G1")
        sheet["A2"] = "=TODAY()"
        sheet.append([])
        sheet.append(HEADERS)
        sheet.append(ROW)

    write(tmp_path, fill)
    assert [row["id"] for row in read(tmp_path).rows] == ["1"]


def test_hidden_rows_are_read_and_blank_and_merely_numbered_ones_skipped(tmp_path: Path):
    def fill(sheet: Worksheet) -> None:
        sheet.append(HEADERS)
        sheet.append(ROW)
        sheet.append([2, "Hidden", "Active"])
        sheet.row_dimensions[3].hidden = True
        sheet.append(["", "  ", None])
        sheet.append([3])
        sheet["A900"] = 4
        sheet["B900"] = "Far below"

    write(tmp_path, fill)
    assert [(row["id"], row["title"]) for row in read(tmp_path).rows] == [
        ("1", "Payment file rejected"), ("2", "Hidden"), ("4", "Far below"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        (date(2026, 11, 16), "2026-11-16"),
        (datetime(2026, 11, 16, 23, 59), "2026-11-16"),  # noqa: DTZ001 - a spreadsheet's dates have no zone
        ("2026-11-16", "2026-11-16"),
        (" 2026-11-16 10:30 ", "2026-11-16"),
        ("16 Nov 2026", "2026-11-16"),
        ("November 16, 2026", "2026-11-16"),
        (None, None),
    ],
)
def test_dates_as_dates_or_text(tmp_path: Path, entry: object, told: str | None):
    write_rows(tmp_path, [1, "x", "Active", "High", entry])
    assert read(tmp_path).rows[0]["due_on"] == told


@pytest.mark.parametrize("entry", ["11/16/2026", "soon", "16.11.", 46342, 46342.5, time(10, 30), True])
def test_what_is_no_date_names_its_cell(tmp_path: Path, entry: object):
    write_rows(tmp_path, ROW, [2, "x", "Active", "High", entry])
    told = refusal(tmp_path)
    assert "sheet 'Action Items': cell E3 holds" in told
    assert "write it as 2026-11-16" in told


def test_every_faulty_cell_is_told_at_once(tmp_path: Path):
    write_rows(tmp_path, *([number, "x", "Active", "High", "soon", "perhaps"] for number in range(1, 9)))
    told = refusal(tmp_path)
    assert "cell E2 holds 'soon'" in told
    assert "cell F2 holds 'perhaps': write one of yes" in told
    assert told.endswith("; and 6 more")


@pytest.mark.parametrize(("entry", "told"), [("Yes", True), (True, True), (1, True), (" x ", True), ("no", False),
                                             (False, False), (0, False), (None, None)])  # fmt: skip
def test_flags(tmp_path: Path, entry: object, told: bool | None):
    write_rows(tmp_path, [1, "x", "Active", "High", None, entry])
    assert read(tmp_path).rows[0]["internal_only"] is told


@pytest.mark.parametrize(("entry", "told"), [("Done", "closed"), ("CLOSED ", "closed"), ("Fixed", "resolved"),
                                             ("Resolved pending root cause", "resolved"), ("On hold", "On hold"),
                                             ("Not done", "Not done")])  # fmt: skip
def test_only_the_mappings_words_close_an_item(tmp_path: Path, entry: str, told: str):
    write_rows(tmp_path, [1, "x", entry])
    assert read(tmp_path).rows[0]["state"] == told


def test_numbers_become_text_as_people_see_them(tmp_path: Path):
    write_rows(tmp_path, [12.0, "x", "Active", 1, None, None, 1001])
    row = read(tmp_path).rows[0]
    assert (row["id"], row["priority"], row["case_number"]) == ("12", "1", "1001")


def test_text_that_looks_like_a_formula_is_text(tmp_path: Path):
    def fill(sheet: Worksheet) -> None:
        sheet.append(HEADERS)
        sheet.append(ROW)
        sheet["B2"].value = "=not a formula"
        sheet["B2"].data_type = "s"

    write(tmp_path, fill)
    assert read(tmp_path).rows[0]["title"] == "=not a formula"


def test_a_long_tracker_is_read(tmp_path: Path):
    def fill(sheet: Worksheet) -> None:
        sheet.append(HEADERS)
        for number in range(20_000):
            sheet.append([number, f"Item {number}", "Active", "Low"])

    write(tmp_path, fill)
    rows = read(tmp_path).rows
    assert (len(rows), rows[-1]["title"]) == (20_000, "Item 19999")


def test_an_empty_tracker_has_no_items(tmp_path: Path):
    write_rows(tmp_path)
    assert read(tmp_path).rows == []


def test_a_tracker_in_an_object_store(tmp_path: Path):
    write_rows(tmp_path, ROW)
    memory = fsspec.filesystem("memory")
    memory.pipe("/trackers/emea/acme.xlsx", (tmp_path / NAME).read_bytes())
    assert len(read_tracker("memory://trackers", "emea/acme.xlsx", MAPPING).rows) == 1
    with pytest.raises(ResourceMissingError, match=r"other\.xlsx"):
        read_tracker("memory://trackers", "other.xlsx", MAPPING)


# Where the file stands


@pytest.mark.parametrize("name", ["missing.xlsx", ""])
def test_a_missing_file_says_what_to_do(tmp_path: Path, name: str):
    with pytest.raises(ResourceMissingError, match="ICM record"):
        read_tracker(str(tmp_path), name, MAPPING)


@pytest.mark.parametrize(
    "name", ["../acme.xlsx", "/etc/passwd", "a/../../b.xlsx", "http://evil.example/x.xlsx", "zip::x.xlsx", "..\\x.xlsx"]
)
def test_a_name_leads_nowhere_but_below_the_folder(tmp_path: Path, name: str):
    folder = tmp_path / "trackers"
    folder.mkdir()
    write_rows(tmp_path, ROW)
    with pytest.raises(ConfigurationError, match="below the tracker folder"):
        read_tracker(str(folder), name, MAPPING)


def test_an_unknown_store_is_a_matter_of_configuration():
    with pytest.raises(ConfigurationError, match="cannot be opened"):
        read_tracker("nosuch://trackers", NAME, MAPPING)


# What is no tracker


def test_formulas_are_refused_by_cell(tmp_path: Path):
    def fill(sheet: Worksheet) -> None:
        sheet.append(HEADERS)
        sheet.append(ROW)
        sheet["D2"] = '=IF(A2>1,"High","Low")'
        sheet["E2"] = ArrayFormula("E2:E2", "=TODAY()")

    write(tmp_path, fill)
    told = refusal(tmp_path)
    assert "sheet 'Action Items': cell D2 holds the formula '=IF(A2>1" in told
    assert "cell E2 holds the formula '=TODAY()'" in told


def test_a_formula_in_the_header_is_refused(tmp_path: Path):
    def fill(sheet: Worksheet) -> None:
        sheet.append([*HEADERS, '="Own"&"er"'])

    write(tmp_path, fill)
    assert "cell H1 holds the formula" in refusal(tmp_path)


def test_error_values_are_refused_by_cell(tmp_path: Path):
    def fill(sheet: Worksheet) -> None:
        sheet.append(HEADERS)
        sheet.append(ROW)
        sheet["B2"] = "#REF!"

    write(tmp_path, fill)
    assert "cell B2 shows #REF!" in refusal(tmp_path)


@pytest.mark.parametrize(("merged", "words"), [("C1:D1", "C1:D1 are merged in the header"),
                                               ("A2:A4", "A2:A4 are merged: unmerge")])  # fmt: skip
def test_merged_cells_are_refused(tmp_path: Path, merged: str, words: str):
    def fill(sheet: Worksheet) -> None:
        sheet.append(HEADERS)
        for number in (1, 2, 3):
            sheet.append([number, *ROW[1:]])
        sheet.merge_cells(merged)

    write(tmp_path, fill)
    assert words in refusal(tmp_path)


def test_merged_cells_beside_the_table_do_not_matter(tmp_path: Path):
    def fill(sheet: Worksheet) -> None:
        sheet.append(HEADERS)
        sheet.append(ROW)
        sheet.merge_cells("J1:K9")

    write(tmp_path, fill)
    assert len(read(tmp_path).rows) == 1


def test_a_missing_header_lists_what_was_found_and_what_is_accepted(tmp_path: Path):
    write_rows(tmp_path, headers=["ID", "Problem", "Phase"])
    told = refusal(tmp_path)
    assert "state (accepted: State, Status)" in told
    assert "found there: A1 'ID', B1 'Problem', C1 'Phase'" in told
    assert "title (" not in told


def test_the_same_header_twice_is_refused(tmp_path: Path):
    write_rows(tmp_path, ROW, headers=[*HEADERS, " priority"])
    assert "cells D1 and H1 bear the same header 'Priority'" in refusal(tmp_path)


def test_a_foreign_sheet_lists_the_sheets_and_names_the_one_that_fits(tmp_path: Path):
    path = write_rows(tmp_path, ROW, sheet="Issues")
    told = refusal(tmp_path)
    assert "there is no sheet 'Action Items'; its sheets are 'Issues'; 'Issues' has the required headers" in told
    workbook = Workbook()
    for title in ("One", "Two"):
        workbook.create_sheet(title).append(HEADERS)
    workbook.save(path)
    told = refusal(tmp_path)
    assert "its sheets are 'Sheet', 'One', 'Two'" in told
    assert "has the required headers" not in told


def test_items_without_or_with_the_same_id_are_refused(tmp_path: Path):
    write_rows(tmp_path, ROW, [None, "No id", "Active"], ROW)
    told = refusal(tmp_path)
    assert "cell A3 is blank, though B3 is not" in told
    assert "cell A4 repeats the id '1' of A2" in told


# Harmful and broken packages


def test_a_zip_bomb_is_refused_before_it_unpacks(tmp_path: Path):
    path = write_rows(tmp_path, ROW)
    repack(path, lambda name, content: content + b" " * 30_000_000 if "sheet1" in name else content)
    assert path.stat().st_size < 100_000
    assert "like a zip bomb" in refusal(tmp_path)


def test_too_many_bytes_packed_or_not_and_too_many_parts_are_refused(tmp_path: Path):
    path = write_rows(tmp_path, ROW)
    assert "larger than 100 bytes" in refusal(tmp_path, limits=replace(WorkbookLimits(), compressed_bytes=100))
    assert "unpacks to" in refusal(tmp_path, limits=replace(WorkbookLimits(), uncompressed_bytes=1000))
    repack(path, lambda _, content: content, {f"xl/media/{number}": b"" for number in range(2001)})
    assert "parts, more than 2000" in refusal(tmp_path)


def test_a_part_larger_than_it_declares_is_not_unpacked_further(tmp_path: Path):
    path = write_rows(tmp_path, ROW)
    repack(path, lambda name, content: content + b" " * 3_000_000 if "sheet1" in name else content)
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        size = packed.getinfo("xl/worksheets/sheet1.xml").file_size
    lie = content.replace(struct.pack("<L", size), struct.pack("<L", 900))
    assert lie != content
    path.write_bytes(lie)
    refusal(tmp_path)


@pytest.mark.parametrize("part", ["xl/worksheets/sheet1.xml", "xl/styles.xml", "xl/workbook.xml"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_document_types_and_entities_are_refused(tmp_path: Path, part: str, encoding: str):
    secret = tmp_path / "secret.txt"
    secret.write_text("do not read me")

    def declare(name: str, content: bytes) -> bytes:
        if name != part:
            return content
        text = content.decode()
        body = text.split("?>", 1)[1] if text.startswith("<?xml") else text
        head = f'<?xml version="1.0" encoding="{encoding}"?><!DOCTYPE a [<!ENTITY x SYSTEM "file://{secret}">]>'
        return (head + body).encode(encoding)

    repack(write_rows(tmp_path, ROW), declare)
    told = refusal(tmp_path)
    assert f"part {part} declares a document type" in told
    assert "do not read me" not in told


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"id,title,state\n1,x,open\n", "is no .xlsx workbook, it begins with b'id,title,state"),
        (b"<html>Sign in to SharePoint</html>", "is no .xlsx workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "old .xls workbook"),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600 + "EncryptedPackage".encode("utf-16-le"),
            "protected by a password",
        ),
        (b"PK\x03\x04" + b"\0" * 100, "damaged or cut short"),
    ],
)
def test_other_kinds_of_files_are_named(tmp_path: Path, content: bytes, words: str):
    (tmp_path / NAME).write_bytes(content)
    assert words in refusal(tmp_path)


def test_other_kinds_of_packages_are_named(tmp_path: Path):
    path = tmp_path / NAME
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("readme.txt", "hello")
    assert "is a zip file, but no workbook" in refusal(tmp_path)
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("[Content_Types].xml", "<Types/>")
        packed.writestr("word/document.xml", "<document/>")
    assert "is an Office file, but no workbook" in refusal(tmp_path)
    repack(write_rows(tmp_path, ROW), lambda _, content: content, {"xl/vbaProject.bin": b"macro"})
    assert "holds macros" in refusal(tmp_path)


def test_a_file_cut_short_or_with_broken_parts_is_damaged_not_a_crash(tmp_path: Path):
    path = write_rows(tmp_path, ROW)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert "damaged or cut short" in refusal(tmp_path)
    for part in ("xl/workbook.xml", "xl/_rels/workbook.xml.rels", "xl/worksheets/sheet1.xml", "xl/styles.xml"):
        path.write_bytes(whole)
        repack(path, lambda name, content, part=part: None if name == part else content)  # type: ignore[misc]
        refusal(tmp_path)
        path.write_bytes(whole)
        repack(path, lambda name, content, part=part: content[:-40] if name == part else content)  # type: ignore[misc]
        assert "damaged" in refusal(tmp_path)


def test_rows_in_disorder_are_refused_since_the_reader_would_skip_them(tmp_path: Path):
    path = write_rows(tmp_path, ROW, [2, "x", "Active"])
    repack(
        path,
        lambda name, content: content.replace(b'<row r="3"', b'<row r="1"') if name.endswith("sheet1.xml") else content,
    )
    assert "row 1 follows row 2" in refusal(tmp_path)


@pytest.mark.parametrize("claimed", ["A1:XFD1048576", "A1:C1"])
def test_a_sheets_claimed_size_neither_adds_nor_drops_rows(tmp_path: Path, claimed: str):
    path = write_rows(tmp_path, ROW)

    def claim(name: str, content: bytes) -> bytes:
        return content.replace(b'<dimension ref="A1:G2"', f'<dimension ref="{claimed}"'.encode())

    repack(path, claim)
    with zipfile.ZipFile(path) as packed:
        assert claimed.encode() in packed.read("xl/worksheets/sheet1.xml")
    assert [row["case_number"] for row in read(tmp_path).rows] == ["00001001"]


def test_a_protected_structure_is_no_password(tmp_path: Path):
    workbook = Workbook()
    sheet = workbook.create_sheet("Action Items")
    sheet.append(HEADERS)
    sheet.append(ROW)
    workbook.security = WorkbookProtection(lockStructure=True)
    sheet.protection.sheet = True
    workbook.save(tmp_path / NAME)
    assert len(read(tmp_path).rows) == 1


# The mapping


def test_the_mapping_covers_the_contract():
    scalars = {name: node for name, node in CONTRACT.columns.fields.items() if isinstance(node, Scalar)}
    kinds = {name: "text" if node.kind == "id" else node.kind for name, node in scalars.items()}
    assert {name: column.kind for name, column in MAPPING.columns.items()} == kinds
    assert set(MAPPING.required) == {column.name for column in CONTRACT.required_columns}


def test_a_wrong_mapping_lists_its_faults(tmp_path: Path):
    document = yaml.safe_load(MAPPING_FILE.read_text(encoding="utf-8"))
    path = tmp_path / "tracker.yaml"
    document["date_formats"] = ["%d of %B"]
    document["columns"]["owner"]["kind"] = "person"
    document["shet"] = "Items"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load_tracker_mapping(path)
    for words in ("3 faults", "date_formats", "columns.owner.kind", "shet"):
        assert words in str(caught.value)


def test_a_header_belongs_to_one_column(tmp_path: Path):
    document = yaml.safe_load(MAPPING_FILE.read_text(encoding="utf-8"))
    document["columns"]["plan"]["headers"].append("Plan  OWNER")
    path = tmp_path / "tracker.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    with pytest.raises(ConfigurationError, match="under both plan and plan_owner"):
        load_tracker_mapping(path)
