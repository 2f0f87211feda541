"""The lake on a local folder and on a filesystem that is none (fsspec's memory), and rows published through it."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from hypercare.errors import ConfigurationError, ContractError, LeaseLostError
from hypercare.lake import Lake, Manifest
from hypercare.pulling import publish_rows, pull_id
from tests.hypercare.coupa_stand_in import CONTRACTS

CASES, ITEMS = CONTRACTS["cases"], CONTRACTS["action_items"]
OWNER = "a0X000000000001"
SEEN = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
NUMBERS = itertools.count()


@pytest.fixture(params=["local", "memory"])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake") if request.param == "local" else f"memory://lake{next(NUMBERS)}/below")


def case(number: int, **changes: object) -> dict[str, object]:
    plain = {
        "id": f"500{number}",
        "case_number": str(number),
        "account_id": "001",
        "subject": "Payment stuck",
        "status": "New",
        "priority": "High",
        "is_closed": False,
        "created_at": SEEN,
        "closed_at": None,
        "owner": "Support",
    }
    return {**plain, **changes}


def test_objects_by_path(lake: Lake) -> None:
    assert not lake.exists("a/b.json")
    assert lake.list_paths("a") == []
    lake.write("a/b.json", b"1")
    lake.write("a/b.json", b"2")
    assert lake.create("a/c/d.json", b"3")
    assert not lake.create("a/c/d.json", b"4")
    assert (lake.read("a/b.json"), lake.read("a/c/d.json")) == (b"2", b"3")
    assert lake.list_paths("a") == ["a/b.json", "a/c/d.json"]
    lake.remove_folder("a/c")
    assert lake.list_paths("a") == ["a/b.json"]
    with pytest.raises(FileNotFoundError):
        lake.read("a/c/d.json")


def test_nothing_half_written_is_ever_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = Lake(str(tmp_path))

    def fail(*_: object) -> None:
        raise OSError

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError):
        lake.write("a/b.json", b"1")
    assert lake.list_paths("a") == []
    assert not lake.exists("a/b.json")


def test_rows_are_typed_published_and_read_back(lake: Lake) -> None:
    rows = [case(1), case(2, is_closed=True, closed_at=SEEN), case(3, created_at="soon")]
    manifest = publish_rows(lake, CASES, OWNER, "20260302T040000Z", rows, SEEN)
    assert (manifest.kind, manifest.rows, manifest.misfits, manifest.columns_missing) == ("snapshot", 3, 1, ())
    assert manifest.observed_at == SEEN
    assert lake.manifest("cases", OWNER, manifest.pull) == manifest
    assert [page.rows for page in manifest.pages] == [3]
    (pull,) = lake.typed_pulls(OWNER, ["cases"])
    with duckdb.connect() as connection:
        lake.attach(connection)
        read = connection.execute(f"select id, is_closed from read_parquet('{pull.path}') order by id").fetchall()
        rejected = connection.execute(f"from read_parquet('{lake.locate(str(manifest.rejects))}')").fetchall()
    assert read == [("5001", False), ("5002", True), ("5003", False)]
    assert rejected == [("5003", "created_at", "soon")]


def test_a_published_pull_never_changes(lake: Lake) -> None:
    first = publish_rows(lake, CASES, OWNER, "20260302T040000Z", [case(1)], SEEN)
    objects = {path: lake.read(path) for path in lake.list_paths("")}
    assert objects
    again = publish_rows(lake, CASES, OWNER, "20260302T040000Z", [case(1), case(2)], SEEN)
    assert again == first
    assert lake.publish(first.model_copy(update={"rows": 99})) == first
    assert {path: lake.read(path) for path in lake.list_paths("")} == objects


def test_a_lost_lease_publishes_nothing(lake: Lake) -> None:
    calls = itertools.count(1)

    def lose() -> None:
        if next(calls) > 2:
            raise LeaseLostError

    with pytest.raises(LeaseLostError):
        publish_rows(lake, CASES, OWNER, "20260302T040000Z", [case(1)], SEEN, lose)
    assert lake.manifests(OWNER, ["cases"]) == []
    assert lake.typed_pulls(OWNER, ["cases"]) == []


def test_of_snapshots_only_the_latest_counts_as_of_a_pull(lake: Lake) -> None:
    pulls = ["20260302T040000Z", "20260309T040000Z", "20260316T040000Z"]
    for number, pull in enumerate(pulls, start=1):
        publish_rows(lake, CASES, OWNER, pull, [case(number)], SEEN)
    publish_rows(lake, ITEMS, OWNER, pulls[0], [], SEEN)
    assert [found.pull for found in lake.typed_pulls(OWNER, ["cases"])] == pulls[2:]
    both = lake.typed_pulls(OWNER, ["cases", "action_items"], up_to_pull=pulls[1])
    assert [(found.feed, found.pull) for found in both] == [("action_items", pulls[0]), ("cases", pulls[1])]
    assert [found.pull for found in lake.manifests(OWNER, ["cases"], pulls[1])] == pulls[:2]
    assert lake.typed_pulls("somebody-else", ["cases"]) == []
    assert [found.feed for found in lake.all_manifests()] == ["action_items", "cases", "cases", "cases"]


def test_the_digest_names_the_bytes_and_nothing_else(tmp_path: Path) -> None:
    def digest(folder: str, pull: str, rows: list[dict[str, object]]) -> str:
        return publish_rows(Lake(str(tmp_path / folder)), CASES, OWNER, pull, rows, SEEN).digest

    first = digest("one", "20260302T040000Z", [case(1)])
    assert first == digest("two", "20260309T040000Z", [case(1)])
    assert first != digest("three", "20260302T040000Z", [case(1, status="Closed")])


def test_columns_that_no_row_has_are_told(lake: Lake) -> None:
    rows = [{"id": "1", "title": "x", "state": "open", "raised_on": date(2026, 3, 1), "owner": Decimal("1.5")}]
    manifest = publish_rows(lake, ITEMS, OWNER, "20260302T040000Z", rows, SEEN)
    assert set(manifest.columns_missing) == set(ITEMS.columns.fields) - set(rows[0])
    assert manifest.misfits == 0
    empty = publish_rows(lake, ITEMS, OWNER, "20260309T040000Z", [], SEEN)
    assert (empty.rows, empty.columns_missing) == (0, ())


@pytest.mark.parametrize(("owner", "pull"), [("../x", "20260302T040000Z"), ("a/b", "20260302T040000Z"), ("a", "now")])
def test_names_that_would_leave_their_folder_are_refused(lake: Lake, owner: str, pull: str) -> None:
    with pytest.raises(ConfigurationError, match=r"lake|pull id"):
        publish_rows(lake, CASES, owner, pull, [case(1)], SEEN)


def test_an_unknown_lake_address_says_so() -> None:
    with pytest.raises(ConfigurationError, match="nowhere://"):
        Lake("nowhere://bucket")


def test_a_broken_manifest_says_so(lake: Lake) -> None:
    lake.write("manifests/cases/acme/20260302T040000Z.json", b"{}")
    with pytest.raises(ContractError, match="manifest"):
        lake.manifests("acme", ["cases"])


def test_pull_ids_sort_by_time_and_references_come_after_their_pull() -> None:
    ids = [pull_id(datetime(2026, 3, day, 4, tzinfo=UTC)) for day in (2, 9)]
    assert ids == ["20260302T040000Z", "20260309T040000Z"]
    assert sorted([ids[1], f"{ids[0]}.r2", ids[0], f"{ids[0]}.r1"]) == [ids[0], f"{ids[0]}.r1", f"{ids[0]}.r2", ids[1]]
    assert Manifest.model_fields
