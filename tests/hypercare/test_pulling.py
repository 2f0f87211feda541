"""Pulls from the stand-in to published Parquet: baseline, increments, faults, drift, resume, references."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import duckdb
import pytest

from hypercare.contracts import Record
from hypercare.errors import AccessDeniedError, ContractError, LeaseLostError, PermanentError, TransientError
from hypercare.lake import Lake, Manifest
from hypercare.pulling import pull_feed, pull_id
from hypercare.references import pull_references
from hypercare.typed import MISFITS
from sandbox.coupa import shapes
from tests.hypercare.coupa_stand_in import CONTRACTS, GO_LIVE, ROOT, StandIn, stand_in

INVOICES, SUPPLIERS, USERS, RECEIPTS = (CONTRACTS[feed] for feed in ("invoices", "suppliers", "users", "receipts"))
SLIM = dataclasses.replace(
    INVOICES,
    columns=Record({name: INVOICES.columns.fields[name] for name in ("id", "created-at", "updated-at", "status")}),
)
BEFORE = GO_LIVE - timedelta(days=30)
AFTER = GO_LIVE + timedelta(days=3)
FIRST = datetime(2026, 2, 9, 7, 0, tzinfo=UTC)
PULLS = [pull_id(FIRST + timedelta(weeks=week)) for week in range(4)]


@pytest.fixture(scope="module")
def served() -> Iterator[StandIn]:
    with stand_in() as found:
        yield found


@pytest.fixture
def coupa(served: StandIn) -> StandIn:
    """The same server with no records, faults or requests seen."""
    served.clear_faults()
    served.forget_requests()
    served.instance._shelves.clear()
    served.instance.clock = FIRST
    return served


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


def put_invoice(coupa: StandIn, number: int, created_at: datetime = AFTER, **values: Any) -> None:
    updated = values.pop("updated_at", created_at)
    body = shapes.invoice(id=number, created_at=created_at, updated_at=updated, total=Decimal(100), **values)
    coupa.instance.put("invoices", updated, body)


def pull(lake: Lake, coupa: StandIn, pull: str = PULLS[0], contract: Any = INVOICES, **options: Any) -> Manifest:
    return pull_feed(lake, coupa.client(), contract, pull, **{"go_live": GO_LIVE, **options})


def last_versions(lake: Lake, feed: str, columns: str = "id, status, updated_at") -> dict[str, tuple[Any, ...]]:
    """Return the lake's last version of each record, by id."""
    versions: dict[str, tuple[Any, ...]] = {}
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        for found in lake.typed_pulls("acme", [feed]):
            rows = connection.execute(f"select {columns} from read_parquet('{found.path}')").fetchall()
            assert len({row[0] for row in rows}) == len(rows), "a pull holds each record once"
            versions.update({row[0]: row for row in rows})
    return versions


def servers_versions(coupa: StandIn, resource: str) -> dict[str, tuple[Any, ...]]:
    return {
        str(body["id"]): (str(body["id"]), body["status"], datetime.fromisoformat(body["updated-at"]))
        for body in coupa.instance.records(resource)
    }


def questions(coupa: StandIn, resource: str = "invoices") -> list[dict[str, str]]:
    """Return the filters of every list call that the server saw."""
    settings = {"fields", "order_by", "dir", "limit"}
    return [
        {name: values[0] for name, values in parse_qs(entry["query"]).items() if name not in settings}
        for entry in coupa.requests_seen()["log"]
        if entry["resource"] == resource
    ]


def test_a_baseline_takes_open_and_recent_documents_and_publishes(coupa: StandIn, lake: Lake) -> None:
    for number in range(1, 131):
        put_invoice(coupa, number, BEFORE, status="pending_approval")
    put_invoice(coupa, 200, BEFORE, status="approved", paid=True)
    put_invoice(coupa, 201, BEFORE, status="voided")
    put_invoice(coupa, 202, AFTER, status="approved", paid=True)
    put_invoice(coupa, 203, AFTER, status="approved")
    manifest = pull(lake, coupa)
    assert set(last_versions(lake, "invoices")) == {str(n) for n in [*range(1, 131), 202, 203]}
    assert (manifest.kind, manifest.rows, manifest.duplicates, manifest.misfits) == ("baseline", 132, 1, 0)
    assert manifest.columns_missing == ()
    assert manifest.observed_at == FIRST
    assert manifest.watermark == FIRST - timedelta(minutes=15)
    asked = questions(coupa)
    assert [q.get("id[gt]") for q in asked] == [None, "50", "100", None]
    assert asked[0]["paid"] == "false"
    assert "pending_approval" in asked[0]["status[in]"]
    assert asked[3] == {"updated-at[gt_or_eq]": "2026-02-02T05:00:00Z"}


def test_the_manifest_names_the_bytes_that_came(coupa: StandIn, lake: Lake) -> None:
    for number in range(1, 61):
        put_invoice(coupa, number)
    manifest = pull(lake, coupa)
    assert [page.rows for page in manifest.pages] == [50, 10, 50, 10]
    for page in manifest.pages:
        body = lake.read(f"raw/invoices/acme/{PULLS[0]}/{page.name}")
        assert (len(body), hashlib.sha256(body).hexdigest()) == (page.size, page.sha256)
    parts = ["invoices 1", *(page.sha256 for page in manifest.pages)]
    assert manifest.digest == hashlib.sha256("\n".join(parts).encode()).hexdigest()
    assert manifest.duplicates == 60
    assert manifest.rows == 60


def test_a_published_pull_is_returned_without_asking(coupa: StandIn, lake: Lake) -> None:
    put_invoice(coupa, 1)
    first = pull(lake, coupa)
    coupa.forget_requests()
    assert pull(lake, coupa) == first
    assert coupa.requests_seen()["total"] == 0


def test_a_later_pull_asks_for_updates_without_an_upper_bound(coupa: StandIn, lake: Lake) -> None:
    put_invoice(coupa, 1)
    put_invoice(coupa, 2)
    pull(lake, coupa)
    coupa.instance.clock = FIRST + timedelta(weeks=1)
    put_invoice(coupa, 2, updated_at=FIRST + timedelta(days=1), status="voided")
    put_invoice(coupa, 3, FIRST + timedelta(days=2))
    coupa.forget_requests()
    manifest = pull(lake, coupa, PULLS[1])
    assert (manifest.kind, manifest.rows) == ("increment", 2)
    assert questions(coupa) == [{"updated-at[gt_or_eq]": "2026-02-09T06:45:00Z"}]
    assert last_versions(lake, "invoices") == servers_versions(coupa, "invoices")


def test_everything_is_taken_where_the_contract_says_so(coupa: StandIn, lake: Lake) -> None:
    for number in range(1, 52):
        coupa.instance.put("users", BEFORE, shapes.user(id=number, created_at=BEFORE))
    manifest = pull(lake, coupa, contract=USERS)
    assert (manifest.rows, manifest.duplicates, [p.name for p in manifest.passes]) == (51, 0, ["all"])
    assert [q for q in questions(coupa, "users")] == [{}, {"id[gt]": "50"}]


def test_nothing_there_is_a_published_pull_of_no_rows(coupa: StandIn, lake: Lake) -> None:
    manifest = pull(lake, coupa, contract=RECEIPTS)
    assert (manifest.rows, manifest.columns_missing, manifest.misfits) == (0, (), 0)
    assert manifest.watermark == FIRST - timedelta(minutes=15)
    assert last_versions(lake, "receipts", "id") == {}


def test_a_go_live_that_moved_earlier_is_caught_up(coupa: StandIn, lake: Lake) -> None:
    put_invoice(coupa, 1, GO_LIVE - timedelta(days=5), paid=True)
    put_invoice(coupa, 2, AFTER)
    assert pull(lake, coupa).rows == 1
    coupa.instance.clock = FIRST + timedelta(weeks=1)
    earlier = GO_LIVE - timedelta(days=7)
    second = pull(lake, coupa, PULLS[1], go_live=earlier)
    assert [p.name for p in second.passes] == ["updated", "touched earlier"]
    assert set(last_versions(lake, "invoices")) == {"1", "2"}
    third = pull(lake, coupa, PULLS[2], go_live=GO_LIVE)
    assert [p.name for p in third.passes] == ["updated"]
    assert third.touched_since == earlier


def test_a_pull_older_than_a_published_one_is_refused(coupa: StandIn, lake: Lake) -> None:
    pull(lake, coupa, PULLS[1])
    with pytest.raises(PermanentError, match=f"acme, invoices.*{PULLS[1]}.*already published"):
        pull(lake, coupa, PULLS[0])


def test_the_next_pull_goes_on_from_the_last_trusted_one(coupa: StandIn, lake: Lake) -> None:
    for week in range(2):
        coupa.instance.clock = FIRST + timedelta(weeks=week)
        pull(lake, coupa, PULLS[week])
    coupa.instance.clock = FIRST + timedelta(weeks=2)
    coupa.forget_requests()
    pull(lake, coupa, PULLS[2], trusted={PULLS[0]})
    assert questions(coupa) == [{"updated-at[gt_or_eq]": "2026-02-09T06:45:00Z"}]
    assert pull(lake, coupa, PULLS[3], trusted=set()).kind == "baseline"


def test_of_two_versions_in_one_pull_the_later_updated_stays(coupa: StandIn, lake: Lake) -> None:
    for number in (1, 2, 3):
        put_invoice(coupa, number, status="pending_approval")
    changed = shapes.invoice(id=2, created_at=AFTER, updated_at=FIRST, status="approved", total=Decimal(7))
    coupa.fault("rows_changed", "invoices", after=1, times=1, put=[changed])
    manifest = pull(lake, coupa)
    assert (manifest.rows, manifest.duplicates) == (3, 3)
    assert [version[1] for version in last_versions(lake, "invoices").values()] == [
        "pending_approval",
        "approved",
        "pending_approval",
    ]


def test_misfits_and_missing_columns_are_told(coupa: StandIn, lake: Lake) -> None:
    for number in range(1, 61):
        put_invoice(coupa, number)
    coupa.fault("wrong_type", "invoices", field="total-with-taxes", value="about 100", ids=[7])
    coupa.fault("wrong_type", "invoices", field="supplier", value="Acme", ids=[8, 55])
    coupa.fault("missing_field", "invoices", field="channel")
    coupa.fault("extra_field", "invoices", field="brand-new", value={"a": [1]})
    manifest = pull(lake, coupa)
    assert (manifest.rows, manifest.misfits, manifest.columns_missing) == (60, 3, ("channel",))
    with duckdb.connect() as connection:
        rejects = connection.execute(f"from read_parquet('{lake.locate(str(manifest.rejects))}') order by all")
        assert rejects.fetchall() == [
            ("55", "supplier", "Acme"),
            ("7", "total-with-taxes", "about 100"),
            ("8", "supplier", "Acme"),
        ]
    counts = last_versions(lake, "invoices", f"id, {MISFITS}")
    assert {record_id for record_id, (_, misfits) in counts.items() if misfits} == {"7", "8", "55"}


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"kind": "status", "status": 500, "after": 1}, TransientError),
        ({"kind": "truncated", "after": 2}, TransientError),
        ({"kind": "reset", "after": 1}, TransientError),
        ({"kind": "same_page", "after": 1}, ContractError),
        ({"kind": "status", "status": 403, "after": 1}, AccessDeniedError),
    ],
    ids=str,
)
def test_a_failed_pull_publishes_nothing_and_goes_on_where_it_stopped(
    coupa: StandIn, lake: Lake, fault: dict[str, Any], error: type[Exception]
) -> None:
    for number in range(1, 231):
        coupa.instance.put("users", BEFORE, shapes.user(id=number, created_at=BEFORE))
    coupa.fault(resource="users", **fault)
    with pytest.raises(error, match="acme, users"):
        pull(lake, coupa, contract=USERS)
    assert lake.manifests("acme", ["users"]) == []
    coupa.clear_faults()
    coupa.forget_requests()
    manifest = pull(lake, coupa, contract=USERS)
    assert manifest.rows == 230
    assert [page.rows for page in manifest.pages] == [50, 50, 50, 50, 30]
    staged = fault["after"]
    assert [q.get("id[gt]") for q in questions(coupa, "users")] == [str(50 * n) for n in range(staged, 5)]


class Stop:
    """A lease that is lost at the nth check."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.checks = 0

    def __call__(self) -> None:
        self.checks += 1
        if self.checks == self.at:
            msg = "taken over"
            raise LeaseLostError(msg)


def test_stopped_at_any_check_it_asks_only_for_the_rest(coupa: StandIn, lake: Lake, tmp_path: Path) -> None:
    for number in range(1, 121):
        put_invoice(coupa, number, BEFORE if number <= 60 else AFTER)
    coupa.forget_requests()
    undisturbed = pull(Lake(str(tmp_path / "undisturbed")), coupa)
    total = coupa.asked("invoices")
    assert total == len(undisturbed.pages) == 5
    for at in range(1, 20):
        stopped_lake = Lake(str(tmp_path / f"stopped{at}"))
        coupa.forget_requests()
        stop = Stop(at)
        try:
            pull(stopped_lake, coupa, check_lease=stop)
        except LeaseLostError:
            assert stopped_lake.manifests("acme", ["invoices"]) == []
        else:
            assert stop.checks < at
            break
        coupa.instance.clock = FIRST + timedelta(hours=1)
        manifest = pull(stopped_lake, coupa)
        assert coupa.asked("invoices") == total
        if at > 1:
            assert manifest.model_dump() == undisturbed.model_dump(), "also the watermark is that of the first answer"
        coupa.instance.clock = FIRST
    else:
        pytest.fail("the pull was never left undisturbed")


KILLED = """
import os, signal, sys
sys.path[:0] = [{plugins!r}, {root!r}]
from datetime import datetime
from hypercare.lake import Lake
from hypercare.pulling import pull_feed
from hypercare.systems.coupa import CoupaClient, CoupaConnection
from tests.hypercare.coupa_stand_in import CONTRACTS, SCOPES
calls = 0
def die_at_the_fourth():
    global calls
    calls += 1
    if calls == 4:
        os.kill(os.getpid(), signal.SIGKILL)
client = CoupaClient(CoupaConnection("acme", {url!r}, "hypercare", {secret!r}, SCOPES), requests_per_second=None)
pull_feed(Lake({lake!r}), client, CONTRACTS["users"], {pull!r}, go_live=datetime.fromisoformat({go_live!r}),
          check_lease=die_at_the_fourth)
"""


def test_killed_in_another_process_it_goes_on_behind_the_last_staged_page(
    coupa: StandIn, lake: Lake, tmp_path: Path
) -> None:
    for number in range(1, 231):
        coupa.instance.put("users", BEFORE, shapes.user(id=number, created_at=BEFORE))
    script = textwrap.dedent(KILLED).format(
        plugins=str(ROOT / "plugins"),
        root=str(ROOT),
        url=coupa.base_url,
        secret=coupa.instance.client_secret,
        lake=str(tmp_path / "lake"),
        pull=PULLS[0],
        go_live=GO_LIVE.isoformat(),
    )
    killed = subprocess.run(
        [sys.executable, "-c", script], timeout=60, check=False, capture_output=True, env=os.environ
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert coupa.asked("users") == 3
    coupa.forget_requests()
    assert pull(lake, coupa, contract=USERS).rows == 230
    assert [q["id[gt]"] for q in questions(coupa, "users")] == ["150", "200"]


def test_a_staged_page_that_is_not_what_was_written_is_asked_again(coupa: StandIn, lake: Lake) -> None:
    for number in range(1, 121):
        coupa.instance.put("users", BEFORE, shapes.user(id=number, created_at=BEFORE))
    with pytest.raises(LeaseLostError):
        pull(lake, coupa, contract=USERS, check_lease=Stop(3))
    (second,) = [path for path in lake.list_paths("raw/users") if "after-50" in path]
    lake.write(second, b"")
    coupa.forget_requests()
    assert pull(lake, coupa, contract=USERS).rows == 120
    assert [q["id[gt]"] for q in questions(coupa, "users")] == ["50", "100"]


def test_pages_of_another_contract_version_are_not_gone_on_with(coupa: StandIn, lake: Lake) -> None:
    for number in range(1, 121):
        coupa.instance.put("users", BEFORE, shapes.user(id=number, created_at=BEFORE))
    with pytest.raises(LeaseLostError):
        pull(lake, coupa, contract=USERS, check_lease=Stop(3))
    changed = dataclasses.replace(USERS, version=USERS.version + 1)
    coupa.forget_requests()
    manifest = pull(lake, coupa, contract=changed)
    assert (manifest.rows, manifest.contract_version, coupa.asked("users")) == (120, 2, 3)


def drifting(coupa: StandIn, chance: random.Random, numbers: Iterator[int]) -> Callable[[], None]:
    """Change the server's records now and then, between any two requests."""

    def drift() -> None:
        now = coupa.instance.clock
        assert now is not None
        coupa.instance.clock = now + timedelta(seconds=chance.choice([0, 1, 30]))
        for _ in range(chance.choice([0, 0, 1, 3])):
            known = coupa.instance.shelf("invoices").ids
            if known and chance.random() < 0.7:
                body = coupa.instance.record("invoices", chance.choice(known))
                assert body is not None
                stamp = coupa.instance.now().isoformat(timespec="seconds")
                status = chance.choice(["approved", "voided", "disputed", "pending_approval"])
                coupa.instance.put("invoices", coupa.instance.now(), {**body, "status": status, "updated-at": stamp})
            else:
                put_invoice(coupa, next(numbers), coupa.instance.now(), status="new")

    return drift


@pytest.mark.parametrize("seed", range(100))
def test_whatever_drifts_the_last_versions_are_the_servers(coupa: StandIn, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    numbers = itertools.count(1)
    for _ in range(chance.choice([0, 49, 50, 101, 120])):
        number = next(numbers)
        put_invoice(coupa, number, AFTER, status=chance.choice(["new", "approved", "voided"]))
    lake = Lake(str(tmp_path / "lake"))
    drift = drifting(coupa, chance, numbers)
    for week in range(2):
        coupa.instance.clock = FIRST + timedelta(weeks=week)
        pull(lake, coupa, PULLS[week], SLIM, check_lease=drift)
        for _ in range(3):
            drift()
    coupa.instance.clock = FIRST + timedelta(weeks=2)
    pull(lake, coupa, PULLS[2], SLIM)
    there = servers_versions(coupa, "invoices")
    assert last_versions(lake, "invoices") == there
    assert there


def test_nothing_but_reading_and_logging_in_ever_leaves(coupa: StandIn, lake: Lake) -> None:
    put_referring_records(coupa)
    for week in range(2):
        for contract in CONTRACTS.values():
            if contract.system == "coupa":
                pull(lake, coupa, PULLS[week], contract=contract)
        pull_references(lake, coupa.client(), CONTRACTS, PULLS[week])
    counts = coupa.requests_seen()["counts"]
    assert set(counts) <= {"GET", "POST"}
    assert set(counts.get("POST", {})) <= {"oauth"}
    assert len(counts["GET"]) == sum(contract.system == "coupa" for contract in CONTRACTS.values())


def put_referring_records(coupa: StandIn) -> None:
    """A recent payment of an old invoice of an old order of an old requisition, none of them open."""
    put = coupa.instance.put
    put("suppliers", BEFORE, shapes.supplier(id=3, created_at=BEFORE))
    requisition = shapes.requisition(id=20, created_at=BEFORE, status="received")
    put("requisitions", BEFORE, requisition)
    line = shapes.order_line(id=301, created_at=BEFORE)
    order = shapes.purchase_order(id=30, created_at=BEFORE, status="closed", lines=[line])
    put("purchase_orders", BEFORE, {**order, "requisition-header": {"id": 20}, "supplier": {"id": 3}})
    billed = shapes.invoice_line(id=401, created_at=BEFORE, order_line_id=301)
    put_invoice(coupa, 40, BEFORE, paid=True, lines=[billed], supplier=shapes.supplier_stub(3))
    paying = {"source_transaction_type": "InvoiceHeader", "source_transaction_id": 40}
    detail = {**shapes.payment_detail(id=501), **{name.replace("_", "-"): value for name, value in paying.items()}}
    gone = {**detail, "id": 502, "source-transaction-id": 999}
    other = {**detail, "id": 503, "source-transaction-id": 888, "source-transaction-type": "Something"}
    payment = shapes.payment(id=50, created_at=AFTER)
    put("coupa_pay/payments", AFTER, {**payment, "payment-details": [detail, gone, other]})


REFERRING = ("payments", "invoices", "purchase_orders", "requisitions", "suppliers")


def pull_all(lake: Lake, coupa: StandIn, at: str) -> None:
    for feed in REFERRING:
        pull(lake, coupa, at, contract=CONTRACTS[feed])


def test_references_are_followed_until_nothing_is_missing(coupa: StandIn, lake: Lake) -> None:
    put_referring_records(coupa)
    pull_all(lake, coupa, PULLS[0])
    contracts = {feed: CONTRACTS[feed] for feed in REFERRING}
    coupa.forget_requests()
    found = pull_references(lake, coupa.client(), contracts, PULLS[0])
    assert [(m.feed, m.pull, m.rows, m.unresolved) for m in found.manifests] == [
        ("invoices", f"{PULLS[0]}.r1", 1, ("999",)),
        ("purchase_orders", f"{PULLS[0]}.r2", 1, ()),
        ("requisitions", f"{PULLS[0]}.r3", 1, ()),
    ]
    assert questions(coupa) == [{"id[in]": "40,999"}]
    assert questions(coupa, "purchase_orders") == [{"order_lines[id][in]": "301"}]
    assert set(last_versions(lake, "purchase_orders", "id")) == {"30"}
    coupa.forget_requests()
    assert pull_references(lake, coupa.client(), contracts, PULLS[0]) == found
    assert coupa.requests_seen()["total"] == 0


def test_stopped_between_rounds_of_references_it_goes_on_with_the_same_rounds(
    coupa: StandIn, lake: Lake, tmp_path: Path
) -> None:
    put_referring_records(coupa)
    contracts = {feed: CONTRACTS[feed] for feed in REFERRING}
    pull_all(lake, coupa, PULLS[0])
    coupa.forget_requests()
    undisturbed = pull_references(lake, coupa.client(), contracts, PULLS[0])
    total = coupa.requests_seen()["total"]
    counted = Stop(0)
    pull_all(counting_lake := Lake(str(tmp_path / "counting")), coupa, PULLS[0])
    pull_references(counting_lake, coupa.client(), contracts, PULLS[0], check_lease=counted)
    assert counted.checks >= 9
    for at in range(1, counted.checks + 1):
        stopped = Lake(str(tmp_path / f"stopped{at}"))
        pull_all(stopped, coupa, PULLS[0])
        coupa.forget_requests()
        with pytest.raises(LeaseLostError):
            pull_references(stopped, coupa.client(), contracts, PULLS[0], check_lease=Stop(at))
        assert pull_references(stopped, coupa.client(), contracts, PULLS[0]) == undisturbed
        assert coupa.requests_seen()["total"] == total


def test_what_is_not_there_is_asked_again_only_when_referred_to_anew(coupa: StandIn, lake: Lake) -> None:
    put_referring_records(coupa)
    contracts = {feed: CONTRACTS[feed] for feed in REFERRING}
    pull_all(lake, coupa, PULLS[0])
    pull_references(lake, coupa.client(), contracts, PULLS[0])
    coupa.instance.clock = FIRST + timedelta(weeks=1)
    pull_all(lake, coupa, PULLS[1])
    coupa.forget_requests()
    assert pull_references(lake, coupa.client(), contracts, PULLS[1]).manifests == ()
    assert coupa.requests_seen()["total"] == 0
    coupa.instance.clock = FIRST + timedelta(weeks=2)
    payment = coupa.instance.record("coupa_pay/payments", 50)
    assert payment is not None
    stamp = (FIRST + timedelta(days=10)).isoformat()
    coupa.instance.put("coupa_pay/payments", FIRST + timedelta(days=10), {**payment, "updated-at": stamp})
    pull_all(lake, coupa, PULLS[2])
    again = pull_references(lake, coupa.client(), contracts, PULLS[2])
    assert [(m.feed, m.rows, m.unresolved) for m in again.manifests] == [("invoices", 0, ("999",))]


def test_references_into_a_feed_that_failed_wait_for_it(coupa: StandIn, lake: Lake) -> None:
    put_referring_records(coupa)
    for feed in REFERRING:
        if feed != "invoices":
            pull(lake, coupa, contract=CONTRACTS[feed])
    contracts = {feed: CONTRACTS[feed] for feed in REFERRING}
    found = pull_references(lake, coupa.client(), contracts, PULLS[0])
    assert (found.manifests, found.skipped) == ((), frozenset({"invoices"}))
    pull(lake, coupa, contract=INVOICES)
    later = pull_references(lake, coupa.client(), contracts, PULLS[0])
    assert [m.feed for m in later.manifests] == ["invoices", "purchase_orders", "requisitions"]


def test_many_references_go_fifty_at_a_time_and_a_stopped_try_goes_on(coupa: StandIn, lake: Lake) -> None:
    for number in range(1, 121):
        put_invoice(coupa, number, supplier=shapes.supplier_stub(number))
    contracts = {"invoices": INVOICES, "suppliers": SUPPLIERS}
    pull(lake, coupa)
    pull(lake, coupa, contract=SUPPLIERS)
    for number in range(1, 111):
        coupa.instance.put("suppliers", BEFORE, shapes.supplier(id=number, created_at=BEFORE))
    coupa.forget_requests()
    with pytest.raises(LeaseLostError):
        pull_references(lake, coupa.client(), contracts, PULLS[0], check_lease=Stop(3))
    found = pull_references(lake, coupa.client(), contracts, PULLS[0])
    assert coupa.asked("suppliers") == 3
    assert [len(q["id[in]"].split(",")) for q in questions(coupa, "suppliers")] == [50, 50, 20]
    (manifest,) = found.manifests
    assert manifest.rows == 110
    assert manifest.unresolved == tuple(str(number) for number in range(111, 121))
    pull(lake, coupa, PULLS[1])
    assert pull_references(lake, coupa.client(), contracts, PULLS[0]) == found, (
        "a later pull is there: nothing is asked"
    )


def test_a_strict_server_knows_everything_that_the_contracts_ask_for(tmp_path: Path) -> None:
    with stand_in(strict_fields=True, clock=FIRST) as strict:
        feeds = [contract for contract in CONTRACTS.values() if contract.system == "coupa"]
        assert feeds
        for contract in feeds:
            for week in range(2):
                pull(Lake(str(tmp_path)), strict, PULLS[week], contract=contract)


def test_a_manifest_in_the_lake_is_plain_json(coupa: StandIn, lake: Lake) -> None:
    put_invoice(coupa, 1)
    pull(lake, coupa)
    shown = json.loads(lake.read(f"manifests/invoices/acme/{PULLS[0]}.json"))
    assert shown["observed_at"] == "2026-02-09T07:00:00Z"
    assert {"feed", "owner", "pull", "passes", "pages", "rows", "misfits", "watermark", "digest"} <= set(shown)


def test_a_pull_without_records_need_not_be_opened_unless_it_alone_has_a_later_contracts_columns(
    coupa: StandIn, lake: Lake
) -> None:
    put_invoice(coupa, 1)
    pull(lake, coupa, PULLS[0])
    coupa.instance.clock = FIRST + timedelta(weeks=1)
    assert pull(lake, coupa, PULLS[1]).rows == 0
    assert [found.is_empty for found in lake.typed_pulls("acme", ["invoices"])] == [False, True]
    coupa.instance.clock = FIRST + timedelta(weeks=2)
    later = dataclasses.replace(INVOICES, version=INVOICES.version + 1)
    assert pull(lake, coupa, PULLS[2], contract=later).rows == 0
    assert [found.is_empty for found in lake.typed_pulls("acme", ["invoices"])] == [False, True, False]
    assert pull(lake, coupa, PULLS[2], contract=SUPPLIERS).rows == 0
    assert [found.is_empty for found in lake.typed_pulls("acme", ["suppliers"])] == [True]
