"""What happens when a run is late."""

from __future__ import annotations

import logging
from typing import Any

log = logging.getLogger(__name__)


async def announce_late_run(dag: str, **context: Any) -> None:  # noqa: ANN401 - Airflow's context
    """Say in the triggerer's log that a run has missed its deadline."""
    run = context.get("context", {}).get("dag_run") or {}
    log.error("%s is late: run %s has not finished within its deadline", dag, run)
