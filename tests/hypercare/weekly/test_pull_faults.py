"""Every fault of an instance through a whole run: what it is called, whom it concerns, and that the next run mends it.

One world holds a customer for each case and a good one; the first run meets all faults at once, the second none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import duckdb
import psycopg
import pytest
import requests
from sqlalchemy import select

from hypercare.ledger import tables
from hypercare.ledger.chain import verify_chain
from hypercare.ledger.embedded import EmbeddedPostgres
from hypercare.ledger.evidence import Revision, latest_revisions
from hypercare.ledger.faults import Fault, open_faults
from hypercare.ledger.pulls import PullRecord, read_pulls
from hypercare.pulling import pull_id
from hypercare.weekly.health import UnhealthyRunError
from sandbox.coupa import shapes
from sandbox.world import Instance
from tests.hypercare.weekly.few_customers import build_world, customer
from tests.playing import Play, playing

GO_LIVE = date(2026, 3, 2)
GOOD = "Good"
READ_SECONDS = 4


@dataclass(frozen=True)
class Case:
    """One instance's fault, and what is to come of it in the run that meets it."""

    name: str
    fault: dict[str, Any]
    outcome: str
    """VALID or INVALID as validation says; or `fault` or `refused` as the pull does."""
    words: tuple[str, ...] = ()
    """What the fault's message must hold: what happened and what to do."""
    feed: str = "invoices"
    verdict: str = "UNKNOWN"

    @property
    def instance(self) -> str:
        return self.name.lower()


AGAIN = "the next run tries again"
CASES = (
    Case("Locked", {"kind": "status", "status": 401, "resource": "oauth"}, "refused",
         ("login", "renew client id and secret in connection coupa_locked")),
    Case("Unheard", {"kind": "status", "status": 401}, "refused", ("refuses", "coupa_unheard")),
    Case("Forbidden", {"kind": "status", "status": 403}, "refused", ("grant the scope core.invoice.read",)),
    Case("Unlicensed", {"kind": "status", "status": 404}, "refused", ("404", "not licensed", "administrator")),
    Case("Throttled", {"kind": "status", "status": 429}, "fault", ("429", "lower the requests per second")),
    Case("Postponed", {"kind": "status", "status": 429, "retry_after": 600}, "fault", ("try again after 600 s",)),
    Case("Patient", {"kind": "status", "status": 429, "retry_after": 1, "times": 1}, "VALID", verdict="PASS"),
    Case("Broken", {"kind": "status", "status": 500}, "fault", ("answers 500", AGAIN)),
    Case("Maintained", {"kind": "status", "status": 503, "html": True}, "fault", ("503", "be back soon", AGAIN)),
    Case("Slow", {"kind": "slow", "seconds": READ_SECONDS + 2}, "fault", ("Timeout", AGAIN)),
    Case("Reset", {"kind": "reset"}, "fault", ("no complete answer", AGAIN)),
    Case("Resetonce", {"kind": "reset", "times": 1}, "VALID", verdict="PASS"),
    Case("Truncated", {"kind": "truncated"}, "fault", ("no complete JSON array", AGAIN)),
    Case("Wordy", {"kind": "wrong_type", "field": "total-with-taxes", "value": "about 100"}, "INVALID",
         ("total", "about 100")),
    Case("Bare", {"kind": "missing_field", "field": "status"}, "INVALID", ("status",)),
    Case("Rich", {"kind": "extra_field", "field": "brand-new", "value": {"a": [1]}}, "VALID", verdict="PASS"),
    Case("Drifting", {"kind": "rows_changed", "resource": "users", "after": 1, "times": 1,
                      "touch": [900001, 900110], "set": {"active": False},
                      "put": [shapes.user(id=950000, created_at=datetime(2026, 3, 9, 14, 30, tzinfo=UTC))]},
         "VALID", feed="users", verdict="PASS"),
    Case("Repeating", {"kind": "same_page", "resource": "users", "after": 1}, "fault",
         ("repeats a page", "report it to the vendor"), feed="users"),
    Case("Repeatingonce", {"kind": "same_page", "resource": "users", "after": 1, "times": 1}, "VALID",
         feed="users", verdict="PASS"),
    Case("Hasty", {"kind": "token_not_ready", "seconds": 0.3, "resource": "*"}, "VALID", verdict="PASS"),
    Case("Empty", {"kind": "empty_404", "resource": "*"}, "VALID", feed="charges", verdict="PASS"),
)  # fmt: skip


CASES_OF_THE_NEXT_RUN = [pytest.param(case, id=case.name) for case in CASES]


@dataclass
class Seen:
    """What the ledger said after a run."""

    red: str
    faults: list[Fault]
    pulls: dict[tuple[str, str], PullRecord]
    revisions: dict[str, dict[str, Revision]]


@dataclass
class Played:
    """Both runs and where they left the installation."""

    play: Play
    first: Seen
    second: Seen


@pytest.fixture(scope="module")
def played(
    postgres: EmbeddedPostgres, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Played]:
    scenario = build_world([customer(name, GO_LIVE) for name in (GOOD, *(case.name for case in CASES))])
    for instance in scenario.world.instances.values():
        _employ_more(instance)
    first, second = scenario.runs[0].as_of, scenario.runs[1].as_of
    settings = {"coupa_attempts": 3, "coupa_backoff_seconds": 0.05, "coupa_read_seconds": READ_SECONDS}
    folder = tmp_path_factory.mktemp("faults")
    with psycopg.connect(postgres.admin_dsn, autocommit=True) as connection:
        connection.execute(f"create database pull_faults template {migrated_template}")
    ledger_url = postgres.url("pull_faults")
    with (
        pytest.MonkeyPatch.context() as monkeypatch,
        playing(scenario, folder, ledger_url, monkeypatch, **settings) as play,
    ):
        for case in CASES:
            fault = {"resource": "invoices", **case.fault}
            requests.post(_faults_of(play, case), json=fault, timeout=30).raise_for_status()
        seen_first = _run(play, first)
        for case in CASES:
            requests.delete(_faults_of(play, case), timeout=30).raise_for_status()
        yield Played(play, seen_first, _run(play, second))


def _faults_of(play: Play, case: Case) -> str:
    return f"{play.base_url}/admin/coupa/{case.instance}/faults"


def _employ_more(instance: Instance) -> None:
    """Three pages of users."""
    at = datetime(2026, 1, 5, tzinfo=UTC)
    for number in range(900001, 900121):
        instance.put("users", at, shapes.user(id=number, created_at=at))


def _run(play: Play, as_of: datetime) -> Seen:
    red = ""
    try:
        play.run(as_of)
    except UnhealthyRunError as error:
        red = str(error)
    engine = play.runtime.engine
    names = {name: standing.engagement.id for name, standing in play.standings().items()}
    owners = [*play.scenario.world.instances, *names.values()]
    current = [record for record in read_pulls(engine, owners, pull_id(as_of)) if record.pull == pull_id(as_of)]
    return Seen(
        red,
        open_faults(engine),
        {(record.owner, record.feed): record for record in current},
        {
            name: {str(week): found for week, found in latest_revisions(engine, of).items()}
            for name, of in names.items()
        },
    )


@pytest.mark.timeout(900)
def test_the_good_customer_notices_nothing(played: Played) -> None:
    for seen, weeks in (
        (played.first, {"2026-W10": "PASS"}),
        (played.second, {"2026-W10": "PASS", "2026-W11": "PASS"}),
    ):
        revisions = seen.revisions[f"{GOOD} go-live"]
        assert {week: found.judgement.verdict for week, found in revisions.items()} == weeks
        assert {found.key.revision for found in revisions.values()} == {1}
        assert not [fault for fault in seen.faults if any(GOOD in name for name in fault.engagements)]
        states = {record.state for (owner, _), record in seen.pulls.items() if owner == GOOD.lower()}
        assert states == {"VALID"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_run_that_meets_a_fault_names_it(played: Played, case: Case) -> None:
    record = played.first.pulls[case.instance, case.feed]
    assert (record.state or record.outcome) == case.outcome, record
    found = [fault for fault in played.first.faults if fault.subject == case.instance and fault.feed == case.feed]
    revision = played.first.revisions[f"{case.name} go-live"]["2026-W10"]
    assert revision.judgement.verdict == case.verdict, revision.judgement.reasons
    if case.outcome == "VALID":
        assert found == []
        assert case.name not in played.first.red
        return
    (fault,) = found
    assert fault.engagements == (f"{case.name} go-live",)
    for word in (case.instance, case.feed, *case.words):
        assert word in f"{fault.feed}: {fault.words}", fault.words
    assert fault.words in played.first.red
    assert any(case.feed in reason for reason in revision.judgement.reasons), revision.judgement.reasons


@pytest.mark.parametrize("case", CASES_OF_THE_NEXT_RUN)
def test_the_next_run_mends_it(played: Played, case: Case) -> None:
    revisions = played.second.revisions[f"{case.name} go-live"]
    assert {week: found.judgement.verdict for week, found in revisions.items()} == {
        "2026-W10": "PASS",
        "2026-W11": "PASS",
    }, [found.judgement.reasons for found in revisions.values()]
    mended = (2, "fault repaired") if case.verdict == "UNKNOWN" else (1, "first")
    assert (revisions["2026-W10"].key.revision, revisions["2026-W10"].reason) == mended
    assert not [fault for fault in played.second.faults if fault.subject == case.instance]
    assert case.name not in played.second.red


@pytest.mark.parametrize("case", CASES_OF_THE_NEXT_RUN)
def test_the_lake_holds_what_the_server_shows(played: Played, case: Case) -> None:
    play, name = played.play, case.instance
    instance = play.scenario.world.instances[name]
    compared = 0
    for contract in play.runtime.contracts.values():
        if contract.system != "coupa":
            continue
        held = _last_versions(play, name, contract.feed)
        there = {str(body["id"]): body for body in instance.records(contract.resource)}
        assert held.keys() <= there.keys()
        for record_id, updated_at in held.items():
            assert updated_at == datetime.fromisoformat(there[record_id]["updated-at"]), (contract.feed, record_id)
        midnight = datetime(2026, 3, 3, tzinfo=UTC) - timedelta(hours=12)
        wanted = {
            record_id
            for record_id, body in there.items()
            if contract.baseline.all or datetime.fromisoformat(body["created-at"]) >= midnight
        }
        assert wanted <= held.keys(), contract.feed
        compared += len(wanted)
    assert compared > 150
    total = select(tables.pulls.c.misfits).where(tables.pulls.c.owner == name)
    with play.runtime.engine.connect() as connection:
        assert sum(connection.execute(total).scalars()) == sum(
            record.misfits for record in played.first.pulls.values() if record.owner == name
        )


def _last_versions(play: Play, owner: str, feed: str) -> dict[str, datetime]:
    """Return when each record's last version in the lake was updated, by id."""
    versions: dict[str, datetime] = {}
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        for found in play.runtime.lake.typed_pulls(owner, [feed]):
            rows = connection.execute("select id, updated_at from read_parquet(?)", [found.path]).fetchall()
            assert len({row[0] for row in rows}) == len(rows), "a pull holds each record once"
            versions.update(dict(rows))
    return versions


def test_the_chains_hold(played: Played) -> None:
    assert verify_chain(played.play.runtime.engine) == []
    assert len(played.second.revisions) == len(CASES) + 1
