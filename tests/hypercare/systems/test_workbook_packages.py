"""Files that are more, or something else, than a table: macros, links, passwords, bombs; refused, and nothing runs."""

from __future__ import annotations

import io
import socket
import struct
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from hypercare.errors import ContractError
from tests.hypercare.peoples_files import (
    EXPLAINED,
    KEY,
    LIBREOFFICE,
    READ,
    Case,
    enter,
    excel,
    libreoffice,
    read,
    read_case,
    read_items,
)
from tests.hypercare.workbooks import MAIN, OFFICE, PACKAGE, headers_of, inline_row, make_by_hand

EXPLAINED_BY_HAND = [
    inline_row(1, headers_of("exceptions")),
    inline_row(2, ["errors_resolved", "payment:776", "2026-W12", 1234.5]),
]
PLAIN = excel(lambda workbook, sheet: enter(workbook, sheet, EXPLAINED))
PASSWORD = "is protected by a password, or encrypted by a sensitivity label (an OLE container); save it without"
MACROS = "holds macros; save it as .xlsx, without them"
SHEET = "xl/worksheets/sheet1.xml"


def repack(content: bytes, change: Mapping[str, Callable[[bytes], bytes]], **extra: bytes) -> bytes:
    """A package with changed parts; those named by keywords are added."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in source.namelist():
            packed.writestr(name, change.get(name, bytes)(source.read(name)))
        for name, added in extra.items():
            packed.writestr(name, added)
    return stream.getvalue()


def plain(change: Mapping[str, Callable[[bytes], bytes]] | None = None, **extra: bytes) -> Callable[[], bytes]:
    """What XlsxWriter wrote, with changed and further parts."""
    return lambda: repack(PLAIN(), change or {}, **extra)


def take_macro() -> io.BytesIO:
    """The macro that LibreOffice wrote."""
    with zipfile.ZipFile(LIBREOFFICE / "macros.xlsm") as packed:
        return io.BytesIO(packed.read("xl/vbaProject.bin"))


def carry_macro(workbook: Any, sheet: Any) -> None:
    enter(workbook, sheet, EXPLAINED)
    workbook.add_vba_project(take_macro(), True)


def lie_about_sizes() -> bytes:
    """A package whose sheet unpacks to more than it declares."""
    content = repack(PLAIN(), {SHEET: lambda part: part + b" " * 3_000_000})
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        size = packed.getinfo(SHEET).file_size
    lie = content.replace(struct.pack("<L", size), struct.pack("<L", 900))
    assert lie != content
    return lie


def nest_bombs() -> bytes:
    """Many parts, each of them harmless by itself."""
    return repack(PLAIN(), {}, **{f"xl/media/{number}.bin": b"0" * 999_999 for number in range(200)})


def make_strict() -> bytes:
    return repack(
        PLAIN(),
        {
            name: lambda part: part.replace(MAIN.encode(), b"http://purl.oclc.org/ooxml/spreadsheetml/main")
            for name in ("xl/workbook.xml", SHEET)
        },
    )


def declare(part: bytes) -> bytes:
    head, _, body = part.partition(b"?>")
    return head + b'?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]>' + body


STYLES = b"".join(b'<font><sz val="%d"/></font>' % (number * 7_919 % 100_003) for number in range(400_000))
"""11 MB that do not look packed too well."""
BOMB = "like a zip bomb; save the workbook anew from Excel"
REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "a password, by LibreOffice": (libreoffice("password.xlsx"), PASSWORD),
    "an .xls, by LibreOffice": (libreoffice("excel_97.xls"), "is an old .xls workbook; save it as .xlsx"),
    "an .ods, by LibreOffice": (libreoffice("opendocument.ods"), "is an OpenDocument file; save it as .xlsx"),
    "a macro, by LibreOffice": (libreoffice("macros.xlsm"), MACROS),
    "the kind that holds macros, by LibreOffice": (libreoffice("macro_kind.xlsm"), MACROS),
    "a macro, by XlsxWriter": (excel(carry_macro), MACROS),
    "a macro that hides in an .xlsx": (plain(**{"xl/vbaProject.bin": take_macro().getvalue()}), MACROS),
    "a macro of Excel 4": (plain(**{"xl/macrosheets/sheet1.xml": b"<xm:macrosheet xmlns:xm='urn:x'/>"}), MACROS),
    "an .xlsb": (
        lambda: make_by_hand("Exceptions", [], extra={"xl/workbook.bin": b""}),
        "is a binary .xlsb workbook; save it as .xlsx",
    ),
    "strict Open XML": (
        make_strict,
        "is a Strict Open XML workbook; save it as Excel Workbook (.xlsx), the usual kind",
    ),
    "a zip bomb in a part": (
        plain(**{"xl/media/huge.bin": b"0" * 60_000_000}),
        f"packed 1028-fold, {BOMB}",
    ),
    "a zip bomb in a sheet": (plain({SHEET: lambda part: part + b" " * 30_000_000}), BOMB),
    "a zip bomb of many parts": (nest_bombs, "unpacks to "),
    "a zip bomb that lies about its size": (lie_about_sizes, "is damaged or cut short (Bad CRC-32"),
    "more parts than any workbook has": (
        plain(**{f"xl/media/{number}.bin": b"" for number in range(2_001)}),
        "parts, more than 2000; copy the sheets into a new workbook",
    ),
    "styles without end": (
        plain({"xl/styles.xml": lambda part: part.replace(b"</fonts>", STYLES + b"</fonts>")}),
        "part xl/styles.xml unpacks to 11,9",
    ),
    "a document type in a sheet": (plain({SHEET: declare}), f"part {SHEET} declares a document type"),
    "cut short": (lambda: PLAIN()[:-2_000], "is damaged or cut short"),
}


@pytest.mark.parametrize(("make", "words"), REFUSED.values(), ids=REFUSED)
def test_a_file_is_refused_by_name_and_says_what_to_do(tmp_path: Path, make: Callable[[], bytes], words: str):
    content = make()
    for reader, kind in ((read, "workbook"), (read_items, "tracker")):
        with pytest.raises(ContractError) as caught:
            reader(tmp_path, content)  # type: ignore[operator]
        told = str(caught.value)
        assert told.startswith(f"{kind} acme.xlsx: ")
        assert words in told
        assert "save" in told or "remove" in told or "copy" in told


def test_a_document_type_in_a_part_of_another_name_is_refused_too(tmp_path: Path):
    """A sheet is what the workbook calls one, whatever its file is called."""

    def point(part: bytes) -> bytes:
        assert b"worksheets/sheet1.xml" in part
        return part.replace(b"worksheets/sheet1.xml", b"worksheets/sheet1.data")

    with zipfile.ZipFile(io.BytesIO(PLAIN())) as packed:
        moved = {"xl/worksheets/sheet1.data": declare(packed.read(SHEET))}
    content = repack(PLAIN(), {"xl/_rels/workbook.xml.rels": point, "[Content_Types].xml": point}, **moved)
    with pytest.raises(ContractError, match="the workbook is damaged") as caught:
        read(tmp_path, content)
    assert "open it in Excel and save it anew" in str(caught.value)


# Nothing is followed


@contextmanager
def listening() -> Iterator[tuple[str, Callable[[], bool]]]:
    """Yield an address on this machine, and what tells whether anybody called there."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)

        def was_called() -> bool:
            try:
                server.accept()[0].close()
            except BlockingIOError:
                return False
            return True

        yield f"http://127.0.0.1:{server.getsockname()[1]}", was_called


def link_everywhere(address: str) -> Callable[[], bytes]:
    """A package whose parts name another file by its address: linked cells, a query, a picture, a template."""

    def relate(kind: str, target: str) -> str:
        one = f'<Relationship Id="x1" Type="{OFFICE}/{kind}" Target="{target}" TargetMode="External"/>'
        return f'<Relationships xmlns="{PACKAGE}/relationships">{one}</Relationships>'

    link = (
        f'<externalLink xmlns="{MAIN}" xmlns:r="{OFFICE}"><externalBook r:id="x1"><sheetNames><sheetName val="Sheet1"/>'
        '</sheetNames><sheetDataSet><sheetData sheetId="0"><row r="1"><cell r="A1"><v>7</v></cell></row></sheetData>'
        "</sheetDataSet></externalBook></externalLink>"
    )
    query = (
        f'<connections xmlns="{MAIN}"><connection id="1" type="4" refreshOnLoad="1" refreshedVersion="6">'
        f'<webPr url="{address}/query"/></connection></connections>'
    )
    workbook = (
        f'<Relationships xmlns="{PACKAGE}/relationships">'
        f'<Relationship Id="r1" Type="{OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>'
        f'<Relationship Id="r2" Type="{OFFICE}/styles" Target="styles.xml"/>'
        f'<Relationship Id="r3" Type="{OFFICE}/externalLink" Target="externalLinks/externalLink1.xml"/>'
        f'<Relationship Id="r4" Type="{OFFICE}/connections" Target="connections.xml"/>'
        "</Relationships>"
    )
    return lambda: make_by_hand(
        "Exceptions",
        [
            inline_row(1, headers_of("exceptions")) + '<row r="2"><c t="inlineStr"><is><t>errors_resolved</t></is></c>'
            '<c t="inlineStr"><is><t>payment:776</t></is></c><c/>'
            '<c><f>[1]Sheet1!A1</f><v>7</v></c><c r="I2" t="inlineStr"><is><t>x</t></is></c></row>',
        ],
        after='<hyperlinks><hyperlink ref="A2" r:id="x1"/></hyperlinks><drawing r:id="x1"/>'.replace(
            "r:id", f'xmlns:r="{OFFICE}" r:id'
        ),
        extra={
            "xl/_rels/workbook.xml.rels": workbook,
            "xl/externalLinks/externalLink1.xml": link,
            "xl/externalLinks/_rels/externalLink1.xml.rels": relate("externalLinkPath", f"{address}/other.xlsx"),
            "xl/worksheets/_rels/sheet1.xml.rels": relate("image", f"{address}/picture.png"),
            "xl/connections.xml": query,
            "_rels/.rels": relate("attachedTemplate", f"{address}/template.xlsx"),
        },
    )


def test_links_are_refused_by_cell_and_never_followed(tmp_path: Path):
    with listening() as (address, was_called):
        entries, told = read_case(tmp_path, Case(link_everywhere(address)))
        assert not was_called()
        socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2]))).close()
        assert was_called(), "the listener must be able to tell"
    assert entries == {KEY: None}
    assert ("Exceptions", "D2", "holds the formula '=[1]Sheet1!A1'", "paste its value instead") in told


def test_links_that_no_cell_uses_change_nothing(tmp_path: Path):
    with listening() as (address, was_called):

        def fill(workbook: Any, sheet: Any) -> None:
            enter(workbook, sheet, EXPLAINED)
            sheet.write_url("A2", f"{address}/page", string=EXPLAINED["check"])
            sheet.write_url("R1", f"external:{address.removeprefix('http:')}/other.xlsx")
            workbook.define_name("Elsewhere", f"='[{address}/other.xlsx]Sheet1'!$A$1")

        assert read_case(tmp_path, Case(excel(fill))) == ({KEY: READ}, ())
        assert not was_called()
