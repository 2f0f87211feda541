"""Plays the sandbox's weeks through Airflow: sets the clock, triggers the run, waits until it has ended."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import requests
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from launch.airflow_api import FINAL, AirflowApi

DAG_ID = "hypercare_weekly"
POLL_SECONDS = 0.5
RUN_SECONDS = 900
DONE = {"success", "failed", "skipped", "upstream_failed", "removed"}


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
    api: AirflowApi, sandbox: Sandbox, find_dead: Callable[[], str | None], console: Console
) -> list[PlayedRun]:
    """Play every run of the scenario that has not been played yet, in order."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.completed}/{task.total} tasks"),
        TimeElapsedColumn(),
    )
    played = []
    with Progress(*columns, console=console) as progress:
        for run in sandbox.scenario["runs"]:
            bar = progress.add_task(f"{run['label']}: waiting", total=None)
            state = _play_run(
                api, sandbox, run, find_dead, lambda done, total, b=bar: progress.update(b, completed=done, total=total)
            )
            words = "" if state == "success" else _read_failure(api, _run_id(run))
            progress.update(bar, description=f"{run['label']}: {state}")
            progress.stop_task(bar)
            played.append(PlayedRun(run["label"], run["expected_state"], state, words))
            if not console.is_terminal:
                console.print(f"{run['label']}: {state}")
    return played


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


def _read_failure(api: AirflowApi, run_id: str) -> str:
    """Name the tasks that failed."""
    failed = [task["task_display_name"] for task in api.read_tasks(DAG_ID, run_id) if task["state"] == "failed"]
    return "failed: " + ", ".join(sorted(set(failed)))
