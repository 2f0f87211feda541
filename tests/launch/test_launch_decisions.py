"""Decisions under Airflow's own scheduler: one user asks, another confirms, and a second play repeats nothing."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import pytest
import requests
from rich.console import Console
from rich.progress import Progress

from hypercare.ledger.adjustments import RecordedAdjustment, read_adjustments, read_confirmation
from hypercare.ledger.chain import verify_chain
from hypercare.ledger.database import open_engine
from hypercare.ledger.roster import find_engagement
from hypercare.verdicts import read_standings
from launch.__main__ import sign_in, start_airflow
from launch.airflow_api import AirflowApi
from launch.components import Components
from launch.decisions import ADJUST_DAG_ID, PlayedDecision, name_run, play_decisions
from launch.environment import write_connections
from launch.outcome import show_decisions
from launch.play import PlayedRun, Sandbox, play_runs
from launch.state import USER, State
from sandbox.demo.expectations import RUNS
from sandbox.scenario import Decision, Scenario
from sandbox.server import create_app
from tests.hypercare.weekly.few_customers import build_world, customer
from tests.launch.local_airflow import running
from tests.sandbox.serving import serve

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(900)]
ALDER, BIRCH = "Alder go-live", "Birch go-live"
RUN = RUNS[0]
SAID = {"reason": "agreed with the customer", "decided_by": "Mia Example", "evidence": "mail of 10 March"}
CYCLE = {"criterion": "reconciliation_cycle"}


def decide(engagement: str, kind: str, hours: int = 20, confirmed_by: str = "vera", **entries: object) -> Decision:
    at = RUN.as_of + timedelta(hours=hours)
    return Decision(RUN.label, engagement, at, {"kind": kind, **SAID, **entries}, USER, confirmed_by)


PAUSE = decide(ALDER, "pause", starts_on="2026-03-09")
ASKED = decide(BIRCH, "waiver_asked", expires_on="2026-05-01", **CYCLE)
GRANTED = decide(BIRCH, "waiver_approved", hours=21, decided_by="Ben Example", **CYCLE)


def describe(*decisions: Decision, scenario: Scenario) -> list[dict[str, object]]:
    """Return decisions as the sandbox tells them on the wire."""
    told: list[dict[str, object]] = []
    for decision in decisions:
        told += replace(scenario, decisions=(decision,)).describe("127.0.0.1", 1, Path())["decisions"]
    return told


@dataclass(frozen=True)
class Airflow:
    """A running Airflow with its users signed in, its ledger, and the world that is played."""

    people: dict[str, AirflowApi]
    components: Components
    sandbox: Sandbox
    scenario: Scenario
    ledger_url: str

    def decide(self, *decisions: Decision) -> list[PlayedDecision]:
        with Progress(disable=True) as progress:
            told = describe(*decisions, scenario=self.scenario)
            return play_decisions(self.people, told, self.components.find_dead, progress)

    def play(self, console: Console) -> tuple[list[PlayedRun], list[PlayedDecision]]:
        return play_runs(self.people, self.sandbox, self.components.find_dead, console)

    def list_runs(self) -> list[str]:
        """Return the names of all runs of the adjusting DAG, asked for without the client under test."""
        api = self.people[USER]
        token = api._session.headers["Authorization"]
        answer = requests.get(f"{api.base_url}/api/v2/dags/{ADJUST_DAG_ID}/dagRuns", headers={"Authorization": token})
        return sorted(run["dag_run_id"] for run in answer.json()["dag_runs"])

    def adjustments(self, name: str) -> tuple[RecordedAdjustment, ...]:
        engine = open_engine(self.ledger_url)
        assert verify_chain(engine) == []
        return read_adjustments(engine, find_engagement(engine, name).id)


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Airflow]:
    folder = tmp_path_factory.mktemp("airflow")
    trackers = folder / "trackers"
    trackers.mkdir()
    few = build_world([customer(name.split()[0], date(2026, 3, 2)) for name in (ALDER, BIRCH)])
    state, scenario = State(folder / "state"), replace(few, runs=(RUN,), decisions=(PAUSE, ASKED))
    with serve(create_app(scenario, trackers)) as base_url, running(state) as (server, components):
        host, port = base_url.removeprefix("http://").split(":")
        extra = write_connections(state, scenario.describe(host, int(port), trackers)["connections"]) | {
            "HYPERCARE_ALLOW_TEST_INSTANCES": "true",
            "HYPERCARE_BATCHES": "1",
            "HYPERCARE_COUPA_REQUESTS_PER_SECOND": "1000",
            "HYPERCARE_SCHEDULED": "false",
            "HYPERCARE_TRACKER_URL": str(trackers),
        }
        api = start_airflow(state, server, components, extra)
        sandbox = Sandbox(base_url)
        sandbox.wait_until_up(components.find_dead)
        yield Airflow(sign_in(api, state), components, sandbox, scenario, server.url("hypercare"))


@pytest.fixture(scope="module")
def played(airflow: Airflow) -> tuple[list[PlayedRun], list[PlayedDecision]]:
    return airflow.play(Console(file=io.StringIO()))


def test_decisions_follow_their_run_and_a_second_play_repeats_nothing(
    airflow: Airflow, played: tuple[list[PlayedRun], list[PlayedDecision]]
) -> None:
    runs, decisions = played
    assert [run.state for run in runs] == ["success"]
    assert [(each.label, each.state, each.words) for each in decisions] == [
        (f"pause, {ALDER}", "success", ""),
        (f"waiver asked, {BIRCH}", "success", ""),
    ]
    (paused,), (asked,) = airflow.adjustments(ALDER), airflow.adjustments(BIRCH)
    assert {(each.requested_by, each.confirmed_by) for each in (paused, asked)} == {("ops", "vera")}
    assert paused.as_of == PAUSE.at
    standings = {each.engagement.name: each.state for each in read_standings(open_engine(airflow.ledger_url))}
    assert standings == {ALDER: "PAUSED", BIRCH: "IN CYCLE"}

    names, console = airflow.list_runs(), Console(file=io.StringIO(), width=170)
    assert len(names) == 2
    assert airflow.play(console) == played
    assert airflow.list_runs() == names
    assert (airflow.adjustments(ALDER), airflow.adjustments(BIRCH)) == ((paused,), (asked,))
    show_decisions(console, decisions)
    told = console.file.getvalue()  # type: ignore[attr-defined]
    assert f"{RUN.label}: pause, {ALDER}: success" in told
    assert "confirmed by" in told
    assert "NOT" not in told


@pytest.mark.usefixtures("played")
def test_a_run_that_a_killed_play_has_started_is_taken_up(airflow: Airflow) -> None:
    (told,) = describe(GRANTED, scenario=airflow.scenario)
    airflow.people[USER].trigger(ADJUST_DAG_ID, name_run(told), told["form"])
    (granted,) = airflow.decide(GRANTED)
    assert granted.is_as_expected
    assert airflow.list_runs().count(name_run(told)) == 1
    answer = read_confirmation(open_engine(airflow.ledger_url), f"{ADJUST_DAG_ID} {name_run(told)}")
    assert answer is not None
    assert (answer.option, answer.responded_by) == ("Approve", "vera")
    assert [each.adjustment.kind for each in airflow.adjustments(BIRCH)] == ["waiver_asked", "waiver_approved"]


@pytest.mark.usefixtures("played")
def test_what_a_rule_refuses_is_told_and_not_recorded(airflow: Airflow) -> None:
    before = airflow.adjustments(BIRCH)
    (refused,) = airflow.decide(decide(BIRCH, "resume", resumes_on="2026-03-09"))
    assert not refused.is_as_expected
    assert (refused.state, refused.words) == ("failed", "failed: check_adjustment")
    assert airflow.adjustments(BIRCH) == before


@pytest.mark.usefixtures("played")
def test_who_may_not_confirm_and_who_is_no_user_stops_the_play(airflow: Airflow) -> None:
    assert airflow.decide(decide(ALDER, "waiver_asked", expires_on="2026-05-01", **CYCLE))[0].is_as_expected
    rejected = decide(ALDER, "waiver_rejected", hours=21, confirmed_by=USER, decided_by="Ben Example", **CYCLE)
    with pytest.raises(RuntimeError, match=r"403.*is not a respondent"):
        airflow.decide(rejected)
    with pytest.raises(RuntimeError, match="mallory decide, who may not sign in"):
        airflow.decide(replace(rejected, confirmed_by="mallory"))
    assert [each.adjustment.kind for each in airflow.adjustments(ALDER)] == ["pause", "waiver_asked"]
