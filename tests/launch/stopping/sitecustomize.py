"""Makes tries of Airflow's tasks stop where a test ordered it; Python imports this at its start from PYTHONPATH.

Tasks are forks of the scheduler's workers, so what is laid around `open_runtime` here is around every task's.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import hypercare.runtime
from hypercare.runtime import Runtime, open_runtime
from hypercare.settings import Settings
from tests.hypercare.weekly.durable_writes import watch_writes
from tests.launch.stops import Try


@contextmanager
def open_stopping(settings: Settings | None = None) -> Iterator[Runtime]:
    """Open the runtime of a task's try, which stops where it was ordered to."""
    from airflow.sdk import get_current_context

    task = get_current_context()["ti"]
    own = Try(Path(os.environ["STOPS_FOLDER"]), task.run_id, task.task_id, task.map_index, task.try_number)
    with open_runtime(settings) as runtime, own.obeying(lambda pass_moment: watch_writes(runtime, pass_moment)):
        yield runtime


hypercare.runtime.open_runtime = open_stopping
