"""Plays a sandbox's weeks in this process: the steps that Airflow's tasks call, over real sockets, on a real ledger."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest
import requests

from hypercare.adjustment_effects import tell_effect
from hypercare.ledger.adjustments import Confirmation, record_confirmation
from hypercare.runtime import Runtime, open_runtime
from hypercare.settings import Settings
from hypercare.verdicts import Standing, read_standings
from hypercare.weekly.adjust import (
    find_effect,
    judge_adjusted,
    read_request,
    record_confirmed,
)
from hypercare.weekly.answering import answer_workbooks
from hypercare.weekly.approvers import APPROVE
from hypercare.weekly.discover import discover_work
from hypercare.weekly.health import check_run
from hypercare.weekly.judge import judge_all
from hypercare.weekly.measure import measure_batch
from hypercare.weekly.propose import propose_issues
from hypercare.weekly.pull import pull_batch
from hypercare.weekly.reconcile import reconcile_batch
from hypercare.weekly.request import RunRequest
from hypercare.weekly.validate import validate_feeds_of_batch
from hypercare.weekly.workbooks import read_workbooks
from launch.state import USERS
from sandbox.scenario import Decision, Run, Scenario, bank_folder
from sandbox.server import create_app
from tests.sandbox.serving import serve


@dataclass(frozen=True)
class Play:
    """A served sandbox, and the product's parts opened against it."""

    base_url: str
    scenario: Scenario
    runtime: Runtime

    def set_clock(self, at: datetime) -> None:
        """Let every stand-in show the world as of an instant."""
        answer = requests.put(f"{self.base_url}/admin/clock", json={"at": at.isoformat()}, timeout=60)
        answer.raise_for_status()

    def run(self, as_of: datetime, engagements: Sequence[str] = (), *, clock: datetime | None = None) -> list[str]:
        """Play one weekly run from discovery to the decisions and return its notes.

        `clock` is what the stand-ins show where it is not `as_of`. Raises UnhealthyRunError for a red run.
        """
        self.set_clock(clock or as_of)
        self.run_steps(RunRequest(as_of=as_of, engagements=tuple(engagements)))
        propose_issues(self.runtime, as_of)
        return check_run(self.runtime, as_of, {})

    def run_steps(self, request: RunRequest) -> None:
        """Run every step up to the decisions, as the DAG's tasks do."""
        batches = discover_work(self.runtime, request)
        read_workbooks(self.runtime, request.as_of)
        for batch in batches:
            pull_batch(self.runtime, batch, request.as_of)
            validate_feeds_of_batch(self.runtime, batch, request.as_of)
            measure_batch(self.runtime, batch, request.as_of, request.restate)
            reconcile_batch(self.runtime, batch, request.as_of, request.restate)
        judge_all(self.runtime, request.as_of)
        answer_workbooks(self.runtime, request.as_of)

    def decide(self, decision: Decision) -> None:
        """Play one adjustment as the DAG's tasks do, from the form to the decisions that rest on it."""
        request = read_request(self.runtime, decision.fill_form(), decision.at, decision.asked_by)
        shown = tell_effect(request.adjustment, find_effect(self.runtime, request))
        run = f"{decision.after_run} {decision.engagement}"
        answer = Confirmation(APPROVE, decision.confirmed_by, decision.at, shown)
        record_confirmation(self.runtime.engine, run, answer)
        assert record_confirmed(self.runtime, request, run)
        judge_adjusted(self.runtime, request)

    def decide_after(self, run: Run) -> None:
        """Play what people decide once a run has ended."""
        for decision in self.scenario.decisions:
            if decision.after_run == run.label:
                self.decide(decision)

    def standings(self) -> dict[str, Standing]:
        """Return where every engagement stands, by name."""
        return {standing.engagement.name: standing for standing in read_standings(self.runtime.engine)}

    def verdicts(self, engagement: str) -> dict[str, str]:
        """Return an engagement's verdicts by week label."""
        return {str(line.week): line.verdict for line in self.standings()[engagement].weeks}


@contextmanager
def playing(
    scenario: Scenario, folder: Path, ledger_url: str, monkeypatch: pytest.MonkeyPatch, **settings: object
) -> Iterator[Play]:
    """Serve a scenario on a loopback socket and open a runtime against it; connections stand in the environment."""
    trackers = folder / "trackers"
    trackers.mkdir()
    with serve(create_app(scenario, trackers)) as base_url:
        host, port = base_url.removeprefix("http://").split(":")
        for connection in scenario.describe(host, int(port), trackers)["connections"]:
            _export(monkeypatch, connection)
        chosen = Settings(
            state_folder=folder,
            ledger_url=ledger_url,
            tracker_url=str(trackers),
            bank_url=str(bank_folder(trackers)),
            allow_test_instances=True,
            coupa_requests_per_second=None,
            coupa_backoff_seconds=0.01,
            batches=2,
            approvers=", ".join(USERS),
        )
        with open_runtime(chosen.model_copy(update=settings)) as runtime:
            yield Play(base_url, scenario, runtime)


def _export(monkeypatch: pytest.MonkeyPatch, connection: dict[str, object]) -> None:
    import json

    name = f"AIRFLOW_CONN_{str(connection['conn_id']).upper()}"
    monkeypatch.setenv(name, json.dumps({k: v for k, v in connection.items() if k != "conn_id"}))


def unlimited(scenario: Scenario) -> Scenario:
    """Take the stand-ins' own rate limit off, so that tests need not wait."""
    for instance in scenario.world.instances.values():
        instance.requests_per_second = None
    return dataclasses.replace(scenario)
