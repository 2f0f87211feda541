"""Hypercare workbooks as people's own tools leave them: by openpyxl, and packages made by hand."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from openpyxl import Workbook

from hypercare.policy import load_policy
from hypercare.systems.workbook_form import WorkbookForm, load_workbook_form

ROOT = Path(__file__).resolve().parents[2]
POLICY = load_policy(ROOT / "include" / "policies" / "exit_gate.v1.yaml")
CODES = tuple(POLICY.document["reconciliation"]["explanation_reasons"])
FORM: WorkbookForm = load_workbook_form(ROOT / "include" / "templates" / "workbook.yaml", CODES)

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml"

Rows = Sequence[Sequence[Any]]


def headers_of(sheet: str) -> list[str]:
    """The headers that a new workbook prints."""
    return [column.headers[0] for column in FORM.sheets[sheet].columns.values()]


def row_of(sheet: str, **values: Any) -> list[Any]:
    """A row in the order of a new workbook's columns."""
    assert set(values) <= set(FORM.sheets[sheet].columns)
    return [values.get(column) for column in FORM.sheets[sheet].columns]


def save(workbook: Workbook) -> bytes:
    stream = io.BytesIO()
    workbook.save(stream)
    return stream.getvalue()


def make_file(sheets: Mapping[str, Rows], saved_by: str = "Ana Example") -> bytes:
    """A workbook with these titles and rows, the header among them."""
    workbook = Workbook()
    assert workbook.active is not None
    workbook.remove(workbook.active)
    workbook.properties.lastModifiedBy = saved_by
    for title, rows in sheets.items():
        sheet = workbook.create_sheet(title)
        for row in rows:
            sheet.append(list(row))
    return save(workbook)


def make_by_hand(
    title: str,
    cells: Sequence[str],
    *,
    dimension: str = "",
    after: str = "",
    extra: Mapping[str, str | bytes] | None = None,
) -> bytes:
    """A workbook of one sheet whose rows are given as XML, as writers other than openpyxl put it.

    `after` follows the rows; `extra` are further parts, or other ones of the same name.
    """
    told = f'<dimension ref="{dimension}"/>' if dimension else ""
    rows = "".join(cells)
    parts: dict[str, str | bytes] = {
        "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types">'
        f'<Override PartName="/xl/workbook.xml" ContentType="{KIND}.sheet.main+xml"/>'
        f'<Override PartName="/xl/styles.xml" ContentType="{KIND}.styles+xml"/></Types>',
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>'
        f'<sheet name="{escape(title)}" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}/relationships">'
        f'<Relationship Id="r1" Type="{OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>'
        f'<Relationship Id="r2" Type="{OFFICE}/styles" Target="styles.xml"/></Relationships>',
        # Format 1 shows a number as a date, the way LibreOffice and Excel keep dates.
        "xl/styles.xml": f'<styleSheet xmlns="{MAIN}"><fonts count="1"><font/></fonts>'
        '<fills count="1"><fill><patternFill/></fill></fills>'
        '<borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs>'
        '<cellXfs count="2"><xf/><xf numFmtId="14" applyNumberFormat="1"/></cellXfs></styleSheet>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{MAIN}">{told}<sheetData>{rows}</sheetData>{after}</worksheet>',
        **(extra or {}),
    }
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in parts.items():
            packed.writestr(name, content)
    return stream.getvalue()


def inline_row(number: int, values: Sequence[Any], attributes: str = "") -> str:
    """A row of inline strings and plain numbers; a tuple is (number, style)."""
    written = []
    for value in values:
        match value:
            case None:
                written.append("<c/>")
            case str():
                written.append(f'<c t="inlineStr"><is><t>{escape(value)}</t></is></c>')
            case (serial, style):
                written.append(f'<c s="{style}"><v>{serial}</v></c>')
            case _:
                written.append(f"<c><v>{value}</v></c>")
    return f'<row r="{number}" {attributes}>{"".join(written)}</row>'
