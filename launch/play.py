"""Plays the sandbox's weeks through Airflow: sets the clock, triggers the run, waits until it has ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import requests
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from launch.airflow_api import DONE, FINAL, AirflowApi, read_failure
from launch.decisions import PlayedDecision, play_decisions

DAG_ID = "hypercare_weekly"
POLL_SECONDS = 0.5
RUN_SECONDS = 900


@dataclass
class Sandbox:
    """The running sandbox, through its admin address."""

    base_url: str
    scenario: dict[str, Any] = field(default_factory=dict)

    def wait_until_up(self, find_dead: Callable[[], str | None], seconds: float = 120) -> None:
        """Wait until it answers, and read its scenario; raise RuntimeError when it ends instead."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                answer = requests.get(f"{self.base_url}/admin/scenario", timeout=30)
                answer.raise_for_status()
            except requests.ConnectionError:
                dead = find_dead()
                if dead or time.monotonic() > deadline:
                    raise RuntimeError(dead or f"the sandbox did not answer within {seconds:.0f} s") from None
                time.sleep(0.1)
            else:
                self.scenario = answer.json()
                return

    def set_clock(self, at: str) -> None:
        """Let every stand-in show the world as of an instant."""
        requests.put(f"{self.base_url}/admin/clock", json={"at": at}, timeout=120).raise_for_status()


@dataclass(frozen=True)
class PlayedRun:
    """What became of one run."""

    label: str
    expected: str
    state: str
    words: str

    @property
    def is_as_expected(self) -> bool:
        """Whether it ended as the world says it must; `finished` leaves the state open."""
        return self.state in FINAL and self.expected in ("finished", self.state)


def play_runs(
    people: Mapping[str, AirflowApi], sandbox: Sandbox, find_dead: Callable[[], str | None], console: Console
) -> tuple[list[PlayedRun], list[PlayedDecision]]:
    """Play every run that has not been played yet, in order, and after each what people decide then.

    `people` are the API as each user signed in to it; the first starts the weekly runs.
    """
    api = next(iter(people.values()))
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.completed}/{task.total} tasks"),
        TimeElapsedColumn(),
    )
    played: list[PlayedRun] = []
    decided: list[PlayedDecision] = []
    with Progress(*columns, console=console) as progress:
        for run in sandbox.scenario["runs"]:
            bar = progress.add_task(f"{run['label']}: waiting", total=None)
            state = _play_run(
                api, sandbox, run, find_dead, lambda done, total, b=bar: progress.update(b, completed=done, total=total)
            )
            words = "" if state == "success" else read_failure(api, DAG_ID, _run_id(run))
            progress.update(bar, description=f"{run['label']}: {state}")
            progress.stop_task(bar)
            played.append(PlayedRun(run["label"], run["expected_state"], state, words))
            told = [f"{run['label']}: {state}"]
            decisions = [each for each in sandbox.scenario["decisions"] if each["after_run"] == run["label"]]
            new = play_decisions(people, decisions, find_dead, progress)
            told += [f"{run['label']}: {each.label}: {each.state}" for each in new]
            decided += new
            if not console.is_terminal:
                console.print(*told, sep="\n")
    return played, decided


def _play_run(
    api: AirflowApi,
    sandbox: Sandbox,
    run: dict[str, Any],
    find_dead: Callable[[], str | None],
    show: Callable[[int, int], None],
) -> str:
    run_id = _run_id(run)
    existing = api.read_run(DAG_ID, run_id)
    if existing and existing["state"] in FINAL:
        return str(existing["state"])
    sandbox.set_clock(run["clock"])
    if not existing:
        api.trigger(DAG_ID, run_id, {"as_of": run["as_of"]})
    deadline = time.monotonic() + RUN_SECONDS
    while True:
        state = (api.read_run(DAG_ID, run_id) or {}).get("state")
        tasks = api.read_tasks(DAG_ID, run_id)
        show(sum(task["state"] in DONE for task in tasks), len(tasks))
        if state in FINAL:
            return str(state)
        dead = find_dead()
        if dead or time.monotonic() > deadline:
            raise RuntimeError(dead or f"run {run_id} did not end within {RUN_SECONDS} s")
        time.sleep(POLL_SECONDS)


def _run_id(run: dict[str, Any]) -> str:
    return f"play__{run['label']}"
