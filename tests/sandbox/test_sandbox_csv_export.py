"""What the stand-in's flat files hold: framing, names, and which documents an export brings when."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import requests

from sandbox.coupa import shapes
from sandbox.coupa.csv_export import Drop, export_files, export_up_to, layouts
from sandbox.coupa.schema import entities
from sandbox.demo import build_demo
from sandbox.server import create_app
from sandbox.world import Instance
from tests.sandbox.serving import serve

DAY = timedelta(days=1)
START = datetime(2026, 3, 2, 9, tzinfo=UTC)
ZONE = ZoneInfo("America/New_York")


def make_instance() -> Instance:
    """One invoice: pending on the first day, approved on the second, paid on the third, voided on the fifth."""
    instance = Instance("acme", time_zone="America/New_York")
    line = shapes.invoice_line(id=11, zone=ZONE, price=Decimal("12.50"))
    for day, status, paid in ((0, "pending_approval", False), (1, "approved", False), (2, "approved", True),
                              (4, "voided", True)):  # fmt: skip
        at = START + day * DAY
        body = shapes.invoice(
            id=1, zone=ZONE, created_at=START, updated_at=at, status=status, paid=paid, lines=[line],
            total=Decimal("12.50"),
        )  # fmt: skip
        instance.put("invoices", at, body)
    instance.put("users", START, shapes.user(id=5, created_at=START, zone=ZONE))
    return instance


def read(path: Path) -> list[list[str]]:
    return list(csv.reader(io.StringIO(path.read_bytes().decode(), newline=""), strict=True))


def statuses(folder: Path, own_format: bool) -> list[str]:
    """Return the invoice's status in each day's file, empty where that does not hold it."""
    found = []
    for day in range(6):
        until = START + day * DAY + timedelta(hours=1)
        drop = Drop("acme", own_format=own_format)
        paths = export_files(drop, make_instance(), folder / str(own_format), until - DAY, until)
        rows = read(next(path for path in paths if path.name.startswith("InvoiceHeader")))
        place = rows[0].index("status")
        headers = [row for row in rows[1:] if row[0] == "Header"]
        found.append(headers[0][place] if headers else "")
    return found


def test_the_standard_export_brings_a_document_once_and_its_void(tmp_path: Path) -> None:
    assert statuses(tmp_path, own_format=False) == ["", "approved", "", "", "voided", ""]


def test_a_customers_own_format_brings_it_again(tmp_path: Path) -> None:
    assert statuses(tmp_path, own_format=True) == ["", "approved", "approved", "", "voided", ""]


def test_a_file_is_framed_as_documented(tmp_path: Path) -> None:
    until = START + 2 * DAY + timedelta(hours=1)
    paths = export_files(Drop("acme"), make_instance(), tmp_path, START - DAY, until)
    path = next(path for path in paths if path.name.startswith("InvoiceHeader"))
    assert path.relative_to(tmp_path).as_posix() == "Invoices/InvoiceHeader_20260304_100000Z_.csv"
    assert path.stat().st_mtime == until.timestamp()
    content = path.read_bytes()
    assert not content.startswith(b"\xef\xbb\xbf")
    rows = read(path)
    assert len({len(row) for row in rows}) == 1
    assert [row[0] for row in rows] == ["type"] * 4 + ["Type", "Header", "Line"]
    values = dict(zip(rows[0], rows[5], strict=True))
    assert (values["id"], values["paid"], values["total"]) == ("1", "True", "12.50")
    assert values["created-at"] == "2026-03-02T04:00:00-05:00Z"
    assert "\n" in values["internal-note"]
    assert content.count(b'""delivery note""') == 1
    (users,) = [read(each) for each in paths if each.name.startswith("User_")]
    assert dict(zip(users[0], users[1], strict=True))["Purchasing License"] == "Yes"


def test_kinds_without_news_have_a_header_row_only(tmp_path: Path) -> None:
    paths = export_files(Drop("acme"), make_instance(), tmp_path, START + 9 * DAY, START + 10 * DAY)
    assert len(paths) == len(layouts())
    assert {len(read(path)) for path in paths if "Payment" in path.name} == {3}


def test_every_value_stands_in_the_schema() -> None:
    """A path that the sandbox's records do not have would leave its column blank for ever."""
    known = {attribute for entity in entities().values() for attribute in (*entity.kinds, *entity.many, *entity.one)}
    for layout in layouts().values():
        for kind in layout["rows"]:
            for column in {**kind["columns"], **kind.get("added", {})}.values():
                path = column["path"] if isinstance(column, dict) else column
                if path is not None:
                    assert path.lstrip(".").split(".")[0] in known, path


def test_the_clock_lets_due_exports_be_written_once(tmp_path: Path) -> None:
    instance, drop = make_instance(), Drop("acme")
    first = export_up_to(drop, instance, tmp_path, START + 2 * DAY)
    assert len(first) == 3 * len(layouts())
    assert export_up_to(drop, instance, tmp_path, START + 2 * DAY) == []
    later = export_up_to(drop, instance, tmp_path, START + 4 * DAY)
    assert {path.name[-21:-5] for path in later} == {
        "20260305_000000Z", "20260306_000000Z", "20260306_090000Z",
    }  # fmt: skip


def test_a_served_scenario_drops_files_and_says_where(tmp_path: Path) -> None:
    import dataclasses

    scenario = dataclasses.replace(build_demo(), drops=(Drop("kestrel", mapping="coupa_csv.changes.yaml"),))
    trackers = tmp_path / "trackers"
    trackers.mkdir()
    with serve(create_app(scenario, trackers)) as base_url:
        told = requests.get(f"{base_url}/admin/scenario", timeout=60).json()
    (connection,) = [each for each in told["connections"] if each["conn_id"] == "coupa_kestrel"]
    assert connection["extra"]["mapping"] == "coupa_csv.changes.yaml"
    folder = Path(connection["extra"]["drops"])
    stamp = scenario.runs[0].as_of.astimezone(UTC)
    assert (folder / "Users" / f"User_{stamp:%Y%m%d_%H%M%SZ}_.csv").exists()
