"""A process that runs steps of the weekly run in forks of itself, and kills them at a durable write.

Started as `python -m tests.hypercare.weekly.step_killer`, it imports everything once, then takes one order a line (JSON
of Order) and answers each by one line, the fork's Outcome. Moments are counted from 1.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import great_expectations  # noqa: F401 - imported once here instead of in every fork

import hypercare.quality
import hypercare.systems.tracker  # noqa: F401 - likewise
from hypercare import runtime as opening
from hypercare.runtime import Runtime, open_runtime
from hypercare.settings import Settings
from hypercare.systems.connections import read_connection
from hypercare.weekly.discover import discover_work
from hypercare.weekly.judge import judge_all
from hypercare.weekly.measure import measure_batch
from hypercare.weekly.pull import pull_batch
from hypercare.weekly.reconcile import reconcile_batch
from hypercare.weekly.request import RunRequest
from hypercare.weekly.validate import validate_feeds_of_batch
from hypercare.weekly.work import Batch
from tests.hypercare.weekly.durable_writes import watch_writes

STEPS = ("discover", "pull", "validate", "measure", "reconcile", "judge")
OF_A_BATCH: dict[str, Callable[[Runtime, Batch, datetime], object]] = {
    "pull": pull_batch,
    "validate": validate_feeds_of_batch,
    "measure": measure_batch,
    "reconcile": reconcile_batch,
}
BATCHES = "batches.json"
MOMENTS = "moments.json"


@dataclass(frozen=True)
class Order:
    """What one fork does: these steps, in order, until the moment (0: until the end)."""

    settings: dict[str, Any]
    steps: tuple[str, ...]
    as_of: str
    kill_at: int = 0


@dataclass(frozen=True)
class Outcome:
    """How a fork ended: its exit code, negative for a signal, and the moments that an undisturbed one passed."""

    code: int
    moments: list[str]


class Killer:
    """Counts the moments of durable writes and ends this process at one of them."""

    def __init__(self, kill_at: int) -> None:
        self.kill_at = kill_at
        self.moments: list[str] = []
        self._lock = threading.Lock()

    def pass_moment(self, name: str) -> None:
        """Count one moment; SIGKILL leaves no chance to clean up."""
        with self._lock:
            self.moments.append(name)
            if len(self.moments) == self.kill_at:
                os.kill(os.getpid(), signal.SIGKILL)


def run_steps(runtime: Runtime, steps: tuple[str, ...], as_of: datetime) -> None:
    """Run steps as Airflow's tasks do; the batches that discovering planned stand in the state folder."""
    planned = runtime.settings.state_folder / BATCHES
    for step in steps:
        if step == "discover":
            found = [batch.to_json() for batch in discover_work(runtime, RunRequest(as_of=as_of))]
            planned.write_text(json.dumps(found))
        elif step == "judge":
            judge_all(runtime, as_of)
        else:
            for batch in json.loads(planned.read_text()):
                OF_A_BATCH[step](runtime, Batch.from_json(batch), as_of)


def _obey(order: Order) -> None:
    settings = Settings(**order.settings)
    with open_runtime(settings) as runtime:
        killer = Killer(order.kill_at)
        watch_writes(runtime, killer.pass_moment)
        run_steps(runtime, order.steps, datetime.fromisoformat(order.as_of))
        (Path(settings.state_folder) / MOMENTS).write_text(json.dumps(killer.moments))


def _fork(order: Order) -> Outcome:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            _obey(order)
            code = 0
        except BaseException:  # noqa: BLE001 - whatever it is, the fork must not go on as its parent
            import traceback

            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    moments = Path(order.settings["state_folder"]) / MOMENTS
    return Outcome(code, json.loads(moments.read_text()) if code == 0 else [])


def _read_once() -> None:
    """Read here what every fork would else read for itself, for longer than its steps take."""
    opening.load_contracts = lru_cache(opening.load_contracts)
    opening.load_policy = lru_cache(opening.load_policy)
    settings = Settings()
    opening.load_contracts(settings.include_folder / "schemas" / "feeds")
    opening.load_policy(settings.policy_file)
    read_connection(settings.salesforce_connection)  # imports most of Airflow
    assert threading.active_count() == 1, "a fork takes along no other thread"


def main() -> None:
    """Take orders until there are no more."""
    _read_once()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what steps print is no answer
    for line in sys.stdin:
        described = json.loads(line)
        order = Order(**{**described, "steps": tuple(described["steps"])})
        print(json.dumps(asdict(_fork(order))), file=answers, flush=True)


if __name__ == "__main__":
    main()
