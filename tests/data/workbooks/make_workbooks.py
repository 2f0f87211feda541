"""Makes the workbooks of this folder with LibreOffice, from our own template; README.md says how to run it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uno
from com.sun.star.beans import NamedValue, PropertyValue
from com.sun.star.sheet.FillDirection import TO_BOTTOM
from com.sun.star.table import CellAddress, CellRangeAddress
from com.sun.star.util import Date

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
XLSX, XLSM = "Calc MS Excel 2007 XML", "Calc MS Excel 2007 VBA XML"
TEMPLATE = """
import sys
from hypercare.systems.tracker_mapping import load_tracker_mapping
from hypercare.systems.workbook_making import form_tables, write_tables
from tests.hypercare.workbooks import FORM, ROOT
tracker = load_tracker_mapping(ROOT / "include" / "mappings" / "tracker.yaml")
checklist = [(f"CP-{number}", "A statement") for number in range(1, 8)]
tables = form_tables(FORM, tracker, {"exit_checklist": checklist})
sys.stdout.buffer.write(write_tables(tables, to_be_filled=True))
"""
ENCRYPTION = uno.Any(
    "[]com.sun.star.beans.NamedValue", (NamedValue("OOXPassword", "let me in"), NamedValue("CryptoType", "Standard"))
)
HEADER = 2
"""The header's row in the template, from 0."""
EXPLAINED = {
    "Check": "errors_resolved",
    "Row": "payment:776",
    "Week": "2026-W12",
    "Amount": 1234.5,
    "Currency": "EUR",
    "Reason Code": "timing",
    "Explanation": "Paid again on Monday",
    "Ticket": "'00001001",
    "Explained By": "Ana Example",
    "Explained On": "2026-03-20",
    "Accepted By": "Bo Example",
    "Accepted On": "2026-03-23",
}
ITEM = {
    "ID": 1,
    "Problem": "Payment file rejected",
    "State": "Active",
    "Priority": "High",
    "Due": "2026-03-27",
    "Internal Only": "No",
}


# A document, by the headers of its sheets


def find_columns(sheet: Any) -> dict[str, int]:
    row = (sheet.getCellByPosition(column, HEADER).String for column in range(40))
    return {header: column for column, header in enumerate(row) if header}


def fill(sheet: Any, row: int, values: Mapping[str, Any]) -> None:
    """Enter values below their headers as one types them, where ' begins a text; `row` counts from the header."""
    columns = find_columns(sheet)
    for header, value in values.items():
        cell = sheet.getCellByPosition(columns[header], HEADER + row)
        if isinstance(value, str):
            cell.setFormula(value)
        else:
            cell.setValue(value)


def name_range(sheet: Any, name: str) -> Any:
    return sheet.getCellRangeByName(name)


def say(sheet: Any, cell: str, words: str) -> None:
    """Write a comment."""
    place = name_range(sheet, cell).getCellByPosition(0, 0).CellAddress
    sheet.Annotations.insertNew(CellAddress(place.Sheet, place.Column, place.Row), words)


def move_column(sheet: Any, header: str, before: str) -> None:
    columns = find_columns(sheet)
    source, target = columns[header], columns[before]
    sheet.Columns.insertByIndex(target, 1)
    source += target <= source
    index = name_range(sheet, "A1").RangeAddress.Sheet
    sheet.moveRange(CellAddress(index, target, HEADER), CellRangeAddress(index, source, HEADER, source, 200))
    sheet.Columns.removeByIndex(source, 1)


def rename_header(sheet: Any, header: str, name: str) -> None:
    sheet.getCellByPosition(find_columns(sheet)[header], HEADER).String = name


# The workbooks


def fill_well(document: Any) -> None:
    """Moved and renamed columns, a comment, hidden rows and columns, dates as dates and as text: all can be read."""
    sheets = document.Sheets
    items = sheets.getByName("Action items")
    for number, (problem, state) in enumerate([("Payment file rejected", "Active"), ("Hidden", "Done")], start=1):
        fill(items, number, ITEM | {"ID": number, "Problem": problem, "State": state})
    items.Rows.getByIndex(HEADER + 2).IsVisible = False
    exceptions = sheets.getByName("Exceptions")
    fill(exceptions, 1, EXPLAINED)
    fill(
        exceptions, 3, EXPLAINED | {"Row": "payment:777", "Explained On": "'20 Mar 2026", "Accepted On": "'2026-03-23"}
    )
    say(exceptions, "D4", "=1+1")
    move_column(exceptions, "Accepted By", before="Check")
    move_column(exceptions, "Ticket", before="Row")
    rename_header(exceptions, "Reason Code", " REASON ")
    rename_header(exceptions, "Explained By", "By")
    rename_header(exceptions, "What Is Wrong", "Our own remark")
    exceptions.Columns.getByIndex(find_columns(exceptions)["Amount"]).IsVisible = False
    exceptions.Name = "Reconciliation exceptions"
    people = sheets.getByName("People and access")
    fill(people, 1, {"Role": "EM", "Name": "Ana Example", "Portal Access": "TRUE"})
    targets = sheets.getByName("Success targets")
    fill(targets, 1, {"Goal": "Invoices on time", "Target": 95, "Unit": "%"})
    for name in ("Success targets", "Lists"):
        sheets.getByName(name).IsVisible = False
    sheets.insertNewByName("Private", 0)
    sheets.getByName("Private").getCellByPosition(0, 0).String = "not for you"


def merge(document: Any) -> None:
    """Merged cells in a title, in rows, and in a header."""
    exceptions = document.Sheets.getByName("Exceptions")
    name_range(exceptions, "A1:N1").merge(True)
    for number in (1, 2, 3):
        fill(exceptions, number, EXPLAINED | {"Row": f"payment:{number}"})
    name_range(exceptions, "K4:K5").merge(True)
    items = document.Sheets.getByName("Action items")
    for number in (1, 2, 3):
        fill(items, number, ITEM | {"ID": number})
    name_range(items, "B5:B6").merge(True)
    notes = document.Sheets.getByName("Handover notes")
    name_range(notes, "A3:B3").merge(True)


def compute(document: Any) -> None:
    """Formulas, with the values that LibreOffice keeps: alone, over three rows, into another file, with an error."""
    exceptions = document.Sheets.getByName("Exceptions")
    for number in range(1, 7):
        fill(exceptions, number, EXPLAINED | {"Row": f"payment:{number}"})
    fill(exceptions, 1, {"Amount": "=1000+234.5"})
    name_range(exceptions, "D5:D7").setArrayFormula("={1;2;3}*2")
    fill(exceptions, 5, {"Ticket": "='file:///srv/other.xlsx'#$Sheet1.A1"})
    fill(exceptions, 6, {"Explanation": "=1/0"})
    items = document.Sheets.getByName("Action items")
    for number in range(1, 4):
        fill(items, number, ITEM | {"ID": number})
    fill(items, 1, {"Priority": '=IF(A4>1;"High";"Low")'})
    columns = find_columns(items)
    for row in (4, 5):
        items.getCellByPosition(columns["Owner"], row).String = "Erin"
    state = items.getCellRangeByPosition(columns["State"], 4, columns["State"], 5)
    state.setArrayFormula('={"Active";"Done"}')


def count_from_1904(document: Any) -> None:
    """Dates counted from 1904, as old Macs did."""
    document.NullDate = Date(1, 1, 1904)
    fill(document.Sheets.getByName("Exceptions"), 1, EXPLAINED)


def fill_down(document: Any) -> None:
    """One sheet and one row: what the other kinds of files hold."""
    for name in document.Sheets.ElementNames:
        if name not in ("Exceptions", "Supplier targets", "Lists"):
            document.Sheets.removeByName(name)
    fill(document.Sheets.getByName("Exceptions"), 1, EXPLAINED)
    series = name_range(document.Sheets.getByName("Supplier targets"), "A4:A9")
    series.getCellByPosition(0, 0).String = "Supplier 1"
    series.fillAuto(TO_BOTTOM, 1)


def add_macro(document: Any) -> None:
    """A macro in Basic."""
    fill_down(document)
    libraries = document.BasicLibraries
    libraries.VBACompatibilityMode = True
    libraries.getByName("Standard").insertByName("Module1", 'Sub Auto_Open()\n  MsgBox "hello"\nEnd Sub\n')


FILES: Mapping[str, tuple[Callable[[Any], None], Mapping[str, Any]]] = {
    "filled.xlsx": (fill_well, {"FilterName": XLSX}),
    "merged.xlsx": (merge, {"FilterName": XLSX}),
    "formulas.xlsx": (compute, {"FilterName": XLSX}),
    "dates_from_1904.xlsx": (count_from_1904, {"FilterName": XLSX}),
    "password.xlsx": (fill_down, {"FilterName": XLSX, "EncryptionData": ENCRYPTION}),
    "macros.xlsm": (add_macro, {"FilterName": XLSM}),
    "macro_kind.xlsm": (fill_down, {"FilterName": XLSM}),
    "opendocument.ods": (fill_down, {"FilterName": "calc8"}),
    "excel_97.xls": (fill_down, {"FilterName": "MS Excel 97"}),
}


# LibreOffice


@contextmanager
def opening_desktop() -> Any:
    """Yield LibreOffice's desktop, of a process that ends with the block."""
    with tempfile.TemporaryDirectory() as profile:
        pipe = f"pipe,name=workbooks_{Path(profile).name};urp;"
        command = [
            "soffice",
            "--headless",
            "--norestore",
            f"--accept={pipe}",
            f"-env:UserInstallation=file://{profile}",
        ]
        process = subprocess.Popen(command)
        try:
            yield find_desktop(f"uno:{pipe}StarOffice.ComponentContext")
        finally:
            process.terminate()
            process.wait()


def find_desktop(address: str) -> Any:
    local = uno.getComponentContext()
    resolver = local.ServiceManager.createInstance("com.sun.star.bridge.UnoUrlResolver")
    for _ in range(120):
        try:
            context = resolver.resolve(address)
            return context.ServiceManager.createInstance("com.sun.star.frame.Desktop")
        except Exception:  # noqa: BLE001 - not up yet
            time.sleep(0.5)
    sys.exit("LibreOffice does not answer")


def list_properties(**values: Any) -> tuple[Any, ...]:
    return tuple(PropertyValue(name, 0, value, 0) for name, value in values.items())


def main() -> None:
    python = ROOT / ".venv" / "bin" / "python"
    template = subprocess.run(
        [python, "-c", TEMPLATE], cwd=ROOT, env={"PYTHONPATH": "plugins:."}, check=True, stdout=-1
    )
    with tempfile.TemporaryDirectory() as folder, opening_desktop() as desktop:
        (Path(folder) / "template.xlsx").write_bytes(template.stdout)
        for name, (change, options) in FILES.items():
            document = desktop.loadComponentFromURL(
                f"file://{folder}/template.xlsx", "_blank", 0, list_properties(Hidden=True)
            )
            document.DocumentProperties.Author = document.DocumentProperties.ModifiedBy = "Ana Example"
            change(document)
            document.storeToURL((HERE / name).as_uri(), list_properties(**options))
            document.close(True)


if __name__ == "__main__":
    main()
