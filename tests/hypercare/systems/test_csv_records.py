"""Flat files in all the shapes in which they come: read right, or refused by name and line."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from hypercare.contracts import Scalar
from hypercare.errors import ConfigurationError, ContractError
from hypercare.systems.csv_mapping import CsvColumn, CsvMapping, find_unmapped, load_csv_mapping
from hypercare.systems.csv_records import ParsedFile, parse_file
from hypercare.systems.csv_table import IncompleteFileError
from hypercare.systems.csv_values import convert
from tests.hypercare.flat_files import CONTRACTS, HEADER, LINE, MAPPINGS, STAMP, invoice, invoice_file, line, render

MAPPING = load_csv_mapping(MAPPINGS, "", CONTRACTS)
FLAT = (*HEADER[1:], "Line invoice-line-id", "Line Total", "Line Price", "Line PO-Number", "Line Order-Line-ID")


def read(content: str | bytes, feed: str = "invoices", mapping: CsvMapping = MAPPING) -> ParsedFile:
    body = content if isinstance(content, bytes) else content.encode()
    return parse_file(body, mapping, CONTRACTS[feed], STAMP, "file F")


def flat(number: int, line_number: int, total: str) -> list[str]:
    return [*invoice(number)[1:], str(line_number), total, total, "PO-9", "90"]


ROWS = [HEADER, LINE, invoice(1), line(1, 11, "1000.00"), line(1, 12, "234.50"), invoice(2), line(2, 21)]
TYPED = render(ROWS)
SHAPES = {
    "as exported": TYPED,
    "with a mark": b"\xef\xbb\xbf" + TYPED.encode(),
    "UTF-16": TYPED.encode("utf-16"),
    "semicolons": render(ROWS, ";"),
    "tabs without quotes": render(ROWS, "\t", csv.QUOTE_MINIMAL),
    "line feeds": TYPED.replace("\r\n", "\n"),
    "lines before headers": invoice_file(
        line(1, 11, "1000.00"), line(2, 21), line(1, 12, "234.50"), invoice(2), invoice(1)
    ),
    "an unknown type": render([*ROWS[:2], ["type", "invoice-id", "tax-line-id"], ["Tax Line", "1", "5"], *ROWS[2:]]),
    "a header row over each kind": render(
        [HEADER, invoice(1), invoice(2), LINE, line(1, 11, "1000.00"), line(1, 12, "234.50"), line(2, 21)]
    ),
    "a row for each line": render([FLAT, flat(1, 11, "1000.00"), flat(2, 21, "1234.50"), flat(1, 12, "234.50")]),
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_holds_the_same_invoices(shape: str) -> None:
    records = {record["id"]: record for record in read(SHAPES[shape]).records}
    assert records.keys() == {"1", "2"}
    first = records["1"]
    assert (first["total-with-taxes"], first["currency"], first["paid"]) == ("1234.50", {"code": "USD"}, "false")
    assert first["invoice-date"] == "2026-03-04"
    assert first["updated-at"] == "2026-03-05T10:00:00-05:00"
    assert [(each["id"], each["total"]) for each in first["invoice-lines"]] == [("11", "1000.00"), ("12", "234.50")]
    assert [each["id"] for each in records["2"]["invoice-lines"]] == ["21"]


def test_columns_may_move_and_more_may_come() -> None:
    order = [0, *range(len(HEADER) - 1, 0, -1)]
    rows = [[row[place] for place in order] + ["x"] for row in ([*HEADER], invoice(1))]
    rows[0][-1] = "custom-field-7"
    (record,) = read(render([rows[0], LINE, rows[1], line(1, 11)])).records
    assert (record["id"], record["invoice-number"], record["supplier"]) == ("1", "INV-1", {"id": "7"})


def test_a_renamed_column_is_read_where_the_customers_mapping_names_it() -> None:
    header = ["Amount incl. VAT" if name == "total" else name for name in HEADER]
    content = invoice_file(invoice(1), line(1, 11), header=header)
    with pytest.raises(ContractError, match="no column 'total-with-taxes' or 'gross-total' or 'total'"):
        read(content)
    columns = {**MAPPING.feeds["invoices"].record.columns, "total-with-taxes": CsvColumn(headers=("Amount incl. VAT",))}
    record = MAPPING.feeds["invoices"].record.model_copy(update={"columns": columns})
    feed = MAPPING.feeds["invoices"].model_copy(update={"record": record})
    own = MAPPING.model_copy(update={"feeds": {**MAPPING.feeds, "invoices": feed}})
    assert read(content, mapping=own).records[0]["total-with-taxes"] == "1234.50"


def test_texts_stay_texts() -> None:
    odd = '=HYPERLINK("x"),\r\n"second" line; Zürich'
    (record,) = read(invoice_file(invoice(1, invoice_number=odd), line(1, 11))).records
    assert record["invoice-number"] == odd
    windows = invoice_file(invoice(1, invoice_number="Zürich 7"), line(1, 11)).encode("cp1252")
    assert read(windows).records[0]["invoice-number"] == "Zürich 7"


def test_a_header_row_alone_is_a_feed_without_news() -> None:
    assert read(invoice_file()).records == []


def test_of_a_document_twice_in_a_file_the_one_updated_last_counts() -> None:
    late, early = "2026-03-06T01:00:00+00:00", "2026-03-05T19:30:00-05:00"
    rows = invoice(1, late, status="voided"), invoice(1, early), line(1, 11), line(1, 11, "99.00")
    (record,) = read(invoice_file(*rows)).records
    assert record["status"] == "voided"
    assert [each["total"] for each in record["invoice-lines"]] == ["99.00"]


CUT_QUOTE, CUT_PADDING = TYPED[:-48], TYPED[:-20]
CUT_ROW = render([HEADER, LINE, invoice(1), line(1, 11)], ",", csv.QUOTE_MINIMAL).rstrip("\r\n,") + "\r\nLine,1,12"
BAD: dict[str, tuple[str | bytes, type[Exception], str]] = {
    "zero bytes": (b"", IncompleteFileError, "file F is empty, without even a header row"),
    "cut within a cell": (CUT_QUOTE, IncompleteFileError, "file F ends within a quoted cell"),
    "cut within the padding": (CUT_PADDING, IncompleteFileError, "file F ends within line 7"),
    "cut within a row": (CUT_ROW, IncompleteFileError, "file F ends within line 5"),
    "a workbook": (b"PK\x03\x04\0\0\x81\x8d\0", ContractError, "is no text in UTF-8 or Windows-1252"),
    "a stray quote": (TYPED.replace('"INV-1"', '"INV"-1"'), ContractError, "line 3: this is no CSV after RFC 4180"),
    "a missing column": (
        invoice_file(invoice(1), line(1, 11), header=["x" if name == "net_due_date" else name for name in HEADER]),
        ContractError,
        "file F, line 1: no column 'net_due_date', which holds net-due-date; was it renamed",
    ),
    "a missing key": (
        invoice_file(invoice(1), header=["x" if name == "invoice-number" else name for name in HEADER]),
        ContractError,
        "no header row names 'invoice-number'; was it renamed",
    ),
    "no header row": (render([invoice(1), line(1, 11)]), ContractError, "no header row names"),
    "no lines": (render([HEADER, invoice(1)]), ContractError, "no header row of the type Line or Invoice Line"),
    "another file's content": (render([["a", "b"], ["1", "2"]]), ContractError, "no header row names"),
    "a short row": (render([HEADER, LINE]) + '"Header","1"\r\n', ContractError, "line 3: 2 cells under 16 headers"),
    "a long row": (
        render([HEADER, LINE, [*invoice(1), "stray"], line(1, 11)]), ContractError, "line 3: 17 cells under 16 headers",
    ),
    "a line of nothing": (
        invoice_file(invoice(1), line(9, 91)), ContractError, "line 4: invoice-lines 91 belongs to 9, which this file",
    ),
    "unknown words for the types": (
        render([HEADER, LINE, ["Kopf", *invoice(1)[1:]], ["Zeile", *line(1, 11)[1:]]]),
        ContractError,
        "no row is of the type Header or Invoice Header, though there are rows of Kopf, Zeile",
    ),
    "an unknown word for lines": (
        render([HEADER, LINE, invoice(1), ["Zeile", *line(1, 11)[1:]]]),
        ContractError,
        "no row is of the type Line or Invoice Line, though there are rows of Zeile",
    ),
    "two header rows alike": (render([HEADER, HEADER, LINE, invoice(1)]), ContractError, "lines 1 and 2 may both be"),
    "too many columns": (",".join(["id"] * 1001), ContractError, "has 1001 columns"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_is_refused_by_name_and_line(case: str) -> None:
    content, error, words = BAD[case]
    with pytest.raises(error) as refused:
        read(content)
    assert type(refused.value) is error
    assert words in str(refused.value)
    assert "INV-1" not in str(refused.value), "no cell's content in messages"


@pytest.mark.parametrize(
    ("kind", "text", "wire"),
    [
        ("decimal", "1,234.50", "1234.50"),
        ("decimal", "1&nbsp;234.50", "1234.50"),
        ("decimal", "1\u202f234.50", "1234.50"),
        ("decimal", "1,234", "1,234"),
        ("decimal", "1.234,50", "1.234,50"),
        ("boolean", "YES", "true"),
        ("boolean", "0", "false"),
        ("boolean", "", None),
        ("boolean", "maybe", "maybe"),
        ("timestamp", "2026-03-05T10:00:00+02:00Z", "2026-03-05T10:00:00+02:00"),
        ("timestamp", "2026-03-05 10:00:00", "2026-03-05T10:00:00+00:00"),
        ("timestamp", "03/05/2026", "03/05/2026"),
        ("date", "2026-03-05T00:00:00+13:00", "2026-03-05"),
        ("date", "2026-13-45", "2026-13-45"),
        ("text", " =1+1 ", " =1+1 "),
        ("id", " 12 ", "12"),
    ],
)
def test_values(kind: Any, text: str, wire: str | None) -> None:
    assert convert(text, CsvColumn(headers=("x",)), Scalar(kind), MAPPING) == wire


def test_a_customers_numbers_and_dates() -> None:
    own = MAPPING.model_copy(update={"thousands": ".", "decimal": ",", "date_formats": ("%m/%d/%Y",)})
    column = CsvColumn(headers=("x",))
    assert convert("1.234.567,50", column, Scalar("decimal"), own) == "1234567.50"
    assert convert("03/05/2026", column, Scalar("date"), own) == "2026-03-05"


def test_what_the_standard_files_lack_is_told() -> None:
    lacks = find_unmapped(MAPPING.feeds["invoices"], CONTRACTS["invoices"])
    assert lacks["pending"] == "the export holds approved invoices only"
    assert lacks["invoice_approvals"] == "not part of the flat-file exports"
    assert "updated_at" not in lacks
    missing = read(invoice_file(invoice(1), line(1, 11))).missing
    assert missing["channel"] == "the flat files have no column Channel"
    assert missing["invoice_lines.contract_id"] == "the flat files have no column contract-id"


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("feeds: {invoices: {files: []}}", "feeds.invoices.files"),
        ("feeds: {invoices: {record: {columns: {colour: [Colour]}}}}", "invoices: colour is no column of the contract"),
        ("feeds: {tickets: {files: [x], record: {columns: {id: [id]}}}}", "feed tickets: no such contract"),
        ("not_held: {invoices: we have none}", "takes away invoices, which the policy requires"),
        ("time_zone: Mars/Olympus", "no time zone"),
        ("date_formats: ['%d.%m']", "does not name day, month and year"),
        ("decimal: ','\nthousands: ','", "are both ','"),
        ("- a list", "holds no mapping"),
    ],
)
def test_a_wrong_mapping_is_refused(tmp_path: Path, override: str, words: str) -> None:
    (tmp_path / "coupa_csv.yaml").write_text((MAPPINGS / "coupa_csv.yaml").read_text(encoding="utf-8"))
    (tmp_path / "acme.yaml").write_text(override)
    with pytest.raises(ConfigurationError) as refused:
        load_csv_mapping(tmp_path, "acme.yaml", CONTRACTS, ["invoices"])
    assert words in str(refused.value)


def test_an_override_changes_what_it_names_and_no_more(tmp_path: Path) -> None:
    (tmp_path / "coupa_csv.yaml").write_text((MAPPINGS / "coupa_csv.yaml").read_text(encoding="utf-8"))
    (tmp_path / "acme.yaml").write_text("feeds: {invoices: {lacks: {changes: null}}}\nnot_held: {charges: no cards}")
    own = load_csv_mapping(tmp_path, "acme.yaml", CONTRACTS, ["invoices"])
    assert set(own.feeds["invoices"].lacks) == {"pending"}
    assert own.feeds["invoices"].record == MAPPING.feeds["invoices"].record
    assert ("charges" in own.feeds, own.not_held["charges"]) == (False, "no cards")
    assert own.digest != MAPPING.digest
