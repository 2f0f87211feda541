"""Deliveries: each file once, in whatever order files come, kept as they came, and never half of one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hypercare.deliveries import NotDeliveredError, pull_delivery
from hypercare.errors import ContractError, LeaseLostError, PermanentError, ResourceMissingError
from hypercare.lake import Lake, Manifest
from hypercare.model import FeedState
from hypercare.pulling import pull_id
from hypercare.quality import validate_batch
from hypercare.quality_records import FeedPulls
from hypercare.systems.csv_table import IncompleteFileError
from hypercare.week_views import WeekViews
from tests.hypercare.flat_files import CONTRACTS, STAMP, invoice, invoice_file, line, open_folder, put_file
from tests.hypercare.records import engagement

INVOICES = CONTRACTS["invoices"]
WEEK, HOUR = timedelta(weeks=1), timedelta(hours=1)


@dataclass
class Site:
    """A drop folder and a lake."""

    root: Path

    @property
    def folder(self) -> Path:
        return self.root / "drops"

    @property
    def lake(self) -> Lake:
        return Lake(str(self.root / "lake"))

    def pull(self, as_of: datetime = STAMP, **options: Any) -> Manifest:
        drops = open_folder(self.folder, options.pop("override", ""))
        return pull_delivery(self.lake, drops, INVOICES, pull_id(as_of), as_of=as_of, **options)

    def state(self) -> dict[str, tuple[str, str]]:
        """Return status and total of each invoice, as the week's tables show them."""
        pulls = self.lake.typed_pulls("acme", ["invoices"])
        query = "select id, status, total_with_taxes from invoices"
        with WeekViews(engagement(), CONTRACTS, pulls) as views:
            views.load([query])
            rows = views.connection.execute(query).fetchall()
        return {number: (status, str(total)) for number, status, total in rows}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_a_file_is_published_and_kept_as_it_came(site: Site) -> None:
    content = invoice_file(invoice(1), line(1, 11), invoice(2, total="abc"), line(2, 21))
    put_file(site.folder, content)
    manifest = site.pull(STAMP + HOUR)
    assert (manifest.kind, manifest.rows, manifest.misfits, manifest.watermark) == ("delivery", 2, 1, None)
    assert manifest.observed_at == STAMP
    (page,) = manifest.pages
    assert (page.source, page.delivered_at) == ("Invoices/InvoiceHeader_20260309_140000Z_.csv", STAMP)
    assert site.lake.read(f"raw/invoices/acme/{manifest.pull}/{page.name}") == content.encode()
    assert manifest.lacks["pending"] == "the export holds approved invoices only"
    assert manifest.rejects is not None
    with duckdb.connect() as connection:
        rejects = connection.execute("select * from read_parquet(?)", [site.lake.locate(manifest.rejects)]).fetchall()
    assert rejects == [("2", "total-with-taxes", "abc")]
    assert site.pull(STAMP + HOUR) == manifest


def test_what_was_consumed_is_not_read_again(site: Site) -> None:
    path = put_file(site.folder, invoice_file(invoice(1), line(1, 11)))
    first = site.pull()
    again = site.pull(STAMP + HOUR)
    assert (again.rows, again.pages) == (0, ())
    put_file(site.folder, path.read_bytes(), STAMP + 2 * HOUR)
    same = site.pull(STAMP + 3 * HOUR)
    assert (same.rows, [page.rows for page in same.pages]) == (0, [0])
    assert site.state() == {"acme/1": ("approved", "1234.5000")}
    assert first.rows == 1


def test_a_late_file_is_a_new_pull_and_takes_nothing_back(site: Site) -> None:
    put_file(site.folder, invoice_file(invoice(1, "2026-03-09T13:00:00Z", status="voided"), line(1, 11)))
    site.pull()
    rows = invoice(1, "2026-03-05T13:00:00Z"), line(1, 11), invoice(2, "2026-03-05T13:00:00Z"), line(2, 21)
    put_file(site.folder, invoice_file(*rows), STAMP - WEEK)
    assert site.pull(STAMP + HOUR).rows == 2
    assert site.state() == {"acme/1": ("voided", "1234.5000"), "acme/2": ("approved", "1234.5000")}


def test_a_changed_mapping_reads_the_files_anew(site: Site) -> None:
    put_file(site.folder, invoice_file(invoice(1), line(1, 11)))
    assert "changes" in site.pull().lacks
    again = site.pull(STAMP + HOUR, override="coupa_csv.changes.yaml")
    assert again.rows == 1
    assert "changes" not in again.lacks


def test_without_recent_files_nobody_knows(site: Site) -> None:
    open_folder(site.folder)
    with pytest.raises(NotDeliveredError, match=r"nothing was delivered yet, no file matches InvoiceHeader\*.csv or"):
        site.pull()
    put_file(site.folder, invoice_file(invoice(1), line(1, 11)))
    assert site.pull(STAMP + timedelta(days=1)).rows == 1
    with pytest.raises(NotDeliveredError) as refused:
        site.pull(STAMP + WEEK)
    for word in ("2026-03-09 14:00 UTC", "InvoiceHeader_20260309_140000Z_.csv", "InvoiceHeader*.csv", "every 2 days"):
        assert word in str(refused.value)
    put_file(site.folder, invoice_file(), STAMP + WEEK)
    assert site.pull(STAMP + WEEK).rows == 0


def test_no_folder_is_refused(site: Site) -> None:
    drops = open_folder(site.folder)
    site.folder.rmdir()
    with pytest.raises(ResourceMissingError, match="there is no drop folder"):
        pull_delivery(site.lake, drops, INVOICES, pull_id(STAMP), as_of=STAMP)


def test_a_file_that_is_still_being_written_is_left_for_the_next_run(site: Site) -> None:
    whole = invoice_file(invoice(1), line(1, 11))
    path = put_file(site.folder, whole)
    os.utime(path)
    with pytest.raises(IncompleteFileError, match="was written less than 60 s ago"):
        site.pull()
    put_file(site.folder, whole[:-30])
    with pytest.raises(IncompleteFileError, match="ends within"):
        site.pull()
    put_file(site.folder, "")
    with pytest.raises(IncompleteFileError, match="is empty"):
        site.pull()
    assert site.lake.all_manifests() == []
    put_file(site.folder, whole)
    assert site.pull().rows == 1


def test_a_bad_file_stops_its_feed_and_a_mended_one_replaces_it(site: Site) -> None:
    put_file(site.folder, invoice_file(invoice(1), line(1, 11)))
    bad = put_file(site.folder, invoice_file(invoice(2), line(9, 91)), STAMP + HOUR)
    with pytest.raises(ContractError, match=r"InvoiceHeader_20260309_150000Z_.csv, line 4: invoice-lines 91 belongs"):
        site.pull(STAMP + HOUR)
    put_file(site.folder, invoice_file(invoice(2), line(2, 91)), STAMP + HOUR)
    assert bad.exists()
    assert site.pull(STAMP + HOUR).rows == 2


def test_a_killed_pull_goes_on_though_the_files_were_taken_away(site: Site) -> None:
    put_file(site.folder, invoice_file(invoice(1), line(1, 11)))
    path = put_file(site.folder, invoice_file(invoice(2), line(2, 21)), STAMP + HOUR)
    calls = []

    def lose() -> None:
        calls.append(1)
        if len(calls) == 2:
            raise LeaseLostError

    with pytest.raises(LeaseLostError):
        site.pull(STAMP + HOUR, check_lease=lose)
    (site.folder / "Invoices" / "InvoiceHeader_20260309_140000Z_.csv").unlink()
    manifest = site.pull(STAMP + 2 * HOUR)
    assert (manifest.rows, len(manifest.pages)) == (2, 2)
    assert path.exists()


def test_an_earlier_run_is_not_pulled_after_a_later_one(site: Site) -> None:
    put_file(site.folder, invoice_file(invoice(1), line(1, 11)))
    site.pull(STAMP + HOUR)
    with pytest.raises(PermanentError, match="is already published"):
        site.pull(STAMP)


def test_what_the_files_lack_is_no_fault_and_what_they_hold_is_validated(site: Site, tmp_path: Path) -> None:
    put_file(site.folder, invoice_file(invoice(1), line(1, 11), invoice(2, currency="dollars"), line(2, 21)))
    manifest = site.pull()

    def validate(lacks: frozenset[str]) -> tuple[FeedState, str]:
        pulls = FeedPulls("invoices", "acme", tuple(site.lake.typed_pulls("acme", ["invoices"])), lacks=lacks)
        (found,) = validate_batch(CONTRACTS, [pulls], tmp_path / "failing")
        return found.state, found.reason

    state, reason = validate(frozenset(manifest.lacks))
    assert state is FeedState.INVALID
    assert "currency_is_iso" in reason
    assert validate(frozenset({"currency_code"}))[0] is FeedState.VALID


VERSIONS = [(number, minute) for number in (1, 2, 3) for minute in range(4)]


def version(number: int, minute: int) -> list[Sequence[str]]:
    return [
        invoice(number, f"2026-03-05T10:0{minute}:00+00:00", total=f"{number}.{minute}0"),
        line(number, number * 10),
    ]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_order_and_overlap_of_files_do_not_matter(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever files the versions come in, and in whatever order and pulls those arrive, the last version counts."""
    site = Site(tmp_path_factory.mktemp("site"))
    extra = data.draw(st.lists(st.sampled_from(VERSIONS), max_size=6))
    arrivals = data.draw(st.permutations([*VERSIONS, *extra]))
    cuts = sorted(data.draw(st.sets(st.integers(1, len(arrivals) - 1), max_size=4)))
    stamps = data.draw(st.permutations([STAMP + number * HOUR for number in range(len(cuts) + 1)]))
    files = [arrivals[start:end] for start, end in zip([0, *cuts], [*cuts, len(arrivals)], strict=True)]
    for number, (content, stamp) in enumerate(zip(files, stamps, strict=True)):
        rows = [row for each in dict.fromkeys(content) for row in version(*each)]
        put_file(site.folder, invoice_file(*rows), stamp)
        if data.draw(st.booleans()) or number == len(files) - 1:
            site.pull(STAMP + timedelta(hours=12 + number))
    assert site.state() == {f"acme/{number}": ("approved", f"{number}.3000") for number in (1, 2, 3)}


def test_stamps_of_both_releases_order_files(tmp_path: Path) -> None:
    folder = open_folder(tmp_path / "drops")
    put_file(tmp_path / "drops", invoice_file())
    older = tmp_path / "drops" / "invoices080326230000_.csv"
    unstamped = tmp_path / "drops" / "invoices.csv"
    for path in (older, unstamped):
        path.write_text(invoice_file())
        os.utime(path, (STAMP.timestamp() + 60, STAMP.timestamp() + 60))
    listed = folder.list_files(folder.mapping.feeds["invoices"])
    assert [(file.path.rpartition("/")[2], file.delivered_at) for file in listed] == [
        ("invoices080326230000_.csv", datetime(2026, 3, 8, 23, tzinfo=UTC)),
        ("InvoiceHeader_20260309_140000Z_.csv", STAMP),
        ("invoices.csv", STAMP + timedelta(minutes=1)),
    ]
