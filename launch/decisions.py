"""Plays what people decide between weekly runs: each a run of the adjusting DAG, asked by one, confirmed by another."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.progress import Progress, TaskID

from launch.airflow_api import DONE, FINAL, AirflowApi, read_failure

ADJUST_DAG_ID = "hypercare_adjust"
WAITS = "awaiting_input"
"""The state of a task that has asked people something."""
ANSWER = "Approve"
ROUNDS = 3
"""How many rounds of the scheduler's work a question waits for its answer.

Airflow 3.3 fails a task that is answered before its scheduler has seen that the worker, having asked, let go of it
(apache/airflow#67287, #72716). People are slower than that.
"""
POLL_SECONDS = 0.5
DECISION_SECONDS = 600


@dataclass(frozen=True)
class PlayedDecision:
    """What became of one decision."""

    after_run: str
    label: str
    asked_by: str
    confirmed_by: str
    state: str
    words: str

    @property
    def is_as_expected(self) -> bool:
        """Whether it was recorded: the world decides nothing that the rules refuse."""
        return self.state == "success"


def play_decisions(
    people: Mapping[str, AirflowApi],
    decisions: Sequence[Mapping[str, Any]],
    find_dead: Callable[[], str | None],
    progress: Progress,
) -> list[PlayedDecision]:
    """Play decisions side by side, as far as they have not been; `people` are the API as each user signed in to it.

    Raises RuntimeError for somebody who is no user, an answer that Airflow refuses, and a run that does not end.
    """
    strangers = {decision[part] for decision in decisions for part in ("asked_by", "confirmed_by")} - people.keys()
    if strangers:
        msg = f"the world has {', '.join(sorted(strangers))} decide, who may not sign in to this Airflow"
        raise RuntimeError(msg)
    open_runs = [_OpenRun.begin(people, decision, progress) for decision in decisions]
    deadline = time.monotonic() + DECISION_SECONDS
    while waiting := [run for run in open_runs if not run.advance()]:
        dead = find_dead()
        if dead or time.monotonic() > deadline:
            raise RuntimeError(dead or f"{waiting[0].label} was not decided within {DECISION_SECONDS} s")
        time.sleep(POLL_SECONDS)
    return [run.conclude() for run in open_runs]


@dataclass
class _OpenRun:
    """A run of the DAG on its way."""

    run_id: str
    label: str
    decision: Mapping[str, Any]
    asking: AirflowApi
    confirming: AirflowApi
    progress: Progress
    bar: TaskID
    state: str = ""
    heartbeats: set[str] = field(default_factory=set)
    """Those of the scheduler since the run asks."""

    @classmethod
    def begin(cls, people: Mapping[str, AirflowApi], decision: Mapping[str, Any], progress: Progress) -> _OpenRun:
        """Start a decision's run, or take up the one that an earlier play has started."""
        label = f"{decision['form']['kind'].replace('_', ' ')}, {decision['engagement']}"
        asking, confirming = people[decision["asked_by"]], people[decision["confirmed_by"]]
        bar = progress.add_task(f"{decision['after_run']}: {label}", total=None)
        run = cls(name_run(decision), label, decision, asking, confirming, progress, bar)
        if asking.read_run(ADJUST_DAG_ID, run.run_id) is None:
            asking.trigger(ADJUST_DAG_ID, run.run_id, decision["form"])
        return run

    def advance(self) -> bool:
        """Answer what the run asks, and return whether it has ended."""
        if self.state in FINAL:
            return True
        tasks = self.asking.read_tasks(ADJUST_DAG_ID, self.run_id)
        for task in tasks:
            if task["state"] == WAITS and self._is_time_to_answer():
                self.confirming.answer(ADJUST_DAG_ID, self.run_id, task["task_id"], ANSWER)
        done = sum(task["state"] in DONE for task in tasks)
        self.progress.update(self.bar, completed=done, total=len(tasks))
        if tasks and done == len(tasks):
            self.state = str((self.asking.read_run(ADJUST_DAG_ID, self.run_id) or {}).get("state"))
        return self.state in FINAL

    def _is_time_to_answer(self) -> bool:
        self.heartbeats.add(self.asking.read_scheduler_heartbeat())
        return len(self.heartbeats) > ROUNDS

    def conclude(self) -> PlayedDecision:
        """Say what became of it."""
        decision = self.decision
        self.progress.update(self.bar, description=f"{decision['after_run']}: {self.label}: {self.state}")
        self.progress.stop_task(self.bar)
        words = "" if self.state == "success" else read_failure(self.asking, ADJUST_DAG_ID, self.run_id)
        return PlayedDecision(
            decision["after_run"], self.label, decision["asked_by"], decision["confirmed_by"], self.state, words
        )


def name_run(decision: Mapping[str, Any]) -> str:
    """Return the name of a decision's run, the same in each play: of an engagement there is one after each run."""
    engagement = re.sub(r"[^a-z0-9]+", "-", decision["engagement"].lower())
    return f"play__{decision['after_run']}__{decision['form']['kind']}__{engagement}"
