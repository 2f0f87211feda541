"""Tasks and workers killed under Airflow's own scheduler: the next try ends with what an undisturbed run holds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import psutil
import psycopg
import pytest
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from hypercare.ledger.chain import verify_chain
from hypercare.ledger.contents import digest_contents
from hypercare.ledger.embedded import EmbeddedPostgres
from hypercare.verdicts import read_standings
from launch.__main__ import start_airflow
from launch.airflow_api import FINAL, AirflowApi
from launch.components import Components
from launch.environment import write_connections
from launch.play import DAG_ID, Sandbox
from launch.state import ROOT, State
from sandbox.coupa import shapes
from sandbox.scenario import Scenario
from sandbox.server import create_app
from tests.hypercare.weekly.few_customers import build_world, customer
from tests.launch.local_airflow import running
from tests.launch.stops import DONE, Try
from tests.playing import playing
from tests.sandbox.requests_seen import take_cursors
from tests.sandbox.serving import serve

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(900)]
GROUP = "process_batch."
TASKS = ("pull_feeds", "validate_feeds", "measure_adoption", "reconcile_weeks")
"""The nth is disturbed in the nth batch, so that all are in one run."""
CUSTOMERS = ("Alder", "Birch", "Cedar", "Dogwood")
RUN_SECONDS = 600
WORKER = "airflow worker -- LocalExecutor"

KILLED_AT = {
    "pull_feeds": (("after write raw/users/", 1), ("before create manifests/", 3)),
    "validate_feeds": (("before commit", 6), ("after commit", 4)),
    "measure_adoption": (("before commit", 2), ("after commit", 2)),
    "reconcile_weeks": (("before commit", 2), ("after commit", 2)),
}
"""Where the first and the second try of a task are killed: within a transaction, or between two writes."""
OVERLAPPING_AT = {
    "pull_feeds": (("after write raw/", 3), ("after write raw/", 2)),
    "validate_feeds": (("after commit", 4), ("after commit", 6)),
    "measure_adoption": (("after commit", 1), ("after commit", 1)),
    "reconcile_weeks": (("after commit", 1), ("after commit", 1)),
}
"""Where the first try is when its worker is killed, and where the second is when the first goes on writing."""


def build_customers() -> Scenario:
    """Four customers, each a batch of its own, whose users fill three pages."""
    scenario = build_world([customer(name, date(2026, 3, 2)) for name in CUSTOMERS])
    at = datetime(2026, 1, 5, tzinfo=UTC)
    for instance in scenario.world.instances.values():
        for number in range(900001, 900121):
            instance.put("users", at, shapes.user(id=number, created_at=at))
    return scenario


@dataclass(frozen=True)
class Outcome:
    """What a run left and asked for."""

    digests: dict[str, str]
    verdicts: dict[str, dict[str, str]]
    """By engagement and week."""
    cursors: dict[str, dict[str, list[str | None]]]
    """Of the requests that each instance saw, by resource."""


def read_verdicts(ledger_url: str) -> dict[str, dict[str, str]]:
    engine = create_engine(ledger_url, poolclass=NullPool)
    assert verify_chain(engine) == []
    return {
        standing.engagement.name: {str(line.week): str(line.verdict) for line in standing.weeks}
        for standing in read_standings(engine)
    }


def take_all_cursors(base_url: str) -> dict[str, dict[str, list[str | None]]]:
    return {name: take_cursors(base_url, name.lower()) for name in CUSTOMERS}


@pytest.fixture(scope="module")
def undisturbed(
    postgres: EmbeddedPostgres, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> list[Outcome]:
    """The first two runs, played without Airflow and without any disturbance."""
    with psycopg.connect(postgres.admin_dsn, autocommit=True) as connection:
        connection.execute(f"create database undisturbed template {migrated_template}")
    url, found = postgres.url("undisturbed"), []
    folder = tmp_path_factory.mktemp("undisturbed")
    with pytest.MonkeyPatch.context() as monkeypatch, playing(build_customers(), folder, url, monkeypatch) as play:
        for run in play.scenario.runs[:2]:
            play.run(run.as_of)
            digests = digest_contents(play.runtime.engine, play.runtime.lake)
            found.append(Outcome(digests, read_verdicts(url), take_all_cursors(play.base_url)))
    return found


@dataclass(frozen=True)
class Airflow:
    """A running Airflow, its ledger, and the world that it works on."""

    api: AirflowApi
    components: Components
    sandbox: Sandbox
    state: State
    ledger_url: str
    scenario: Scenario
    stops: Path

    def start_run(self, number: int) -> str:
        """Set the clock, trigger a run of the scenario and return its name."""
        run = self.scenario.runs[number]
        self.sandbox.set_clock(run.as_of.isoformat())
        self.api.trigger(DAG_ID, run.label, {"as_of": run.as_of.isoformat()})
        return run.label

    def order_stops(self, number: int, stops: dict[str, tuple[tuple[str, int], ...]]) -> dict[str, tuple[Try, ...]]:
        """Order where tries stop; return them by task, in order."""
        tries = {}
        for batch, task in enumerate(TASKS):
            name = self.scenario.runs[number].label, GROUP + task, batch
            tries[task] = tuple(Try(self.stops, *name, count) for count in range(1, len(stops[task]) + 1))
            for each, (moment, nth) in zip(tries[task], stops[task], strict=True):
                each.order(moment, nth)
        return tries

    def finish_run(self, label: str) -> Outcome:
        """Wait until a run has succeeded and return what is there."""
        deadline = time.monotonic() + RUN_SECONDS
        while (run := self.api.read_run(DAG_ID, label)) is None or run["state"] not in FINAL:
            assert self.components.find_dead() is None
            assert time.monotonic() < deadline, f"run {label} did not end"
            time.sleep(0.3)
        tasks = self.api.read_tasks(DAG_ID, label)
        assert run["state"] == "success", [(t["task_id"], t["map_index"], t["state"]) for t in tasks]
        return Outcome(self._read_digest(), read_verdicts(self.ledger_url), take_all_cursors(self.sandbox.base_url))

    def count_tries(self, label: str) -> dict[tuple[str, int], int]:
        """Return how many tries each batch's task took."""
        tasks = self.api.read_tasks(DAG_ID, label)
        return {
            (task["task_id"].removeprefix(GROUP), task["map_index"]): task["try_number"]
            for task in tasks
            if task["task_id"].startswith(GROUP)
        }

    def _read_digest(self) -> dict[str, str]:
        printed = subprocess.run(
            [sys.executable, "-m", "launch.command_line", "digest", "--json"],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "HYPERCARE_STATE_FOLDER": str(self.state.folder)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        return {line["part"]: line["sha256"] for line in json.loads(printed)}


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Airflow]:
    """Airflow on a state folder and ports of its own, whose tasks' tries stop where they are told to."""
    folder = tmp_path_factory.mktemp("airflow")
    trackers, stops = folder / "trackers", folder / "stops"
    trackers.mkdir()
    stops.mkdir()
    state, scenario = State(folder / "state"), build_customers()
    with serve(create_app(scenario, trackers)) as base_url, running(state) as (server, components):
        host, port = base_url.removeprefix("http://").split(":")
        extra = write_connections(state, scenario.describe(host, int(port), trackers)["connections"]) | {
            "AIRFLOW__CORE__PARALLELISM": "8",
            "HYPERCARE_ALLOW_TEST_INSTANCES": "true",
            "HYPERCARE_BATCHES": str(len(CUSTOMERS)),
            "HYPERCARE_COUPA_REQUESTS_PER_SECOND": "1000",
            "HYPERCARE_SCHEDULED": "false",
            "HYPERCARE_TRACKER_URL": str(trackers),
            "PYTHONPATH": os.pathsep.join(map(str, (ROOT / "tests" / "launch" / "stopping", ROOT / "plugins", ROOT))),
            "STOPS_FOLDER": str(stops),
        }
        api = start_airflow(state, server, components, extra)
        yield Airflow(api, components, Sandbox(base_url), state, server.url("hypercare"), scenario, stops)


def assert_same(found: Outcome, expected: Outcome) -> None:
    assert {name: len(weeks) for name, weeks in found.verdicts.items()} == {
        name: len(weeks) for name, weeks in expected.verdicts.items()
    }
    assert len(found.verdicts) == len(CUSTOMERS)
    assert found.verdicts == expected.verdicts
    assert [part for part, sha256 in expected.digests.items() if found.digests[part] != sha256] == []
    assert found.digests.keys() == expected.digests.keys()
    # Pages that a killed try had brought were not asked for again.
    assert found.cursors == expected.cursors


def test_a_task_killed_twice_ends_with_what_an_undisturbed_run_holds(
    airflow: Airflow, undisturbed: list[Outcome]
) -> None:
    tries = airflow.order_stops(0, KILLED_AT)
    label = airflow.start_run(0)
    for number in (0, 1):
        for task in TASKS:
            psutil.Process(tries[task][number].wait_until_stopped()).kill()
    assert_same(airflow.finish_run(label), undisturbed[0])
    taken = airflow.count_tries(label)
    assert taken == {(task, batch): 1 + 2 * (TASKS.index(task) == batch) for task, batch in taken}
    assert len(taken) == 16


def test_a_first_try_that_outlives_its_worker_is_refused_while_the_second_writes(
    airflow: Airflow, undisturbed: list[Outcome]
) -> None:
    tries = airflow.order_stops(1, OVERLAPPING_AT)
    label = airflow.start_run(1)
    outliving = {}
    for task in TASKS:
        outliving[task] = psutil.Process(tries[task][0].wait_until_stopped())
        worker = outliving[task].parent()
        assert worker is not None
        assert " ".join(worker.cmdline()).startswith(WORKER)
        worker.kill()
    ends = {}
    for task in TASKS:
        first, second = tries[task]
        second.wait_until_stopped()
        assert outliving[task].is_running()
        first.let_go()
        ends[task] = first.wait_until_ended()
        outliving[task].wait(timeout=60)
        second.let_go()
        assert second.wait_until_ended() == DONE
    assert ends == dict.fromkeys(TASKS, "LeaseLostError")
    assert_same(airflow.finish_run(label), undisturbed[1])
    taken = airflow.count_tries(label)
    assert taken == {(task, batch): 1 + (TASKS.index(task) == batch) for task, batch in taken}
    assert len(taken) == 16
