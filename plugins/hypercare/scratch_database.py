"""The in-memory DuckDB of this process, for queries that leave nothing behind.

Opening an instance takes over a hundred times as long as opening a cursor on one, and a pull makes two for each feed.
"""

from __future__ import annotations

import os
import tempfile
from functools import lru_cache
from pathlib import Path

import duckdb

SETTINGS: dict[str, str | bool | int | float | list[str]] = {"threads": 1, "memory_limit": "1GB"}
"""Reading one JSON array is the work of one thread; whoever else asks brings a thread of its own."""


def open_cursor() -> duckdb.DuckDBPyConnection:
    """Return a connection of its own to the process's instance: temporary tables and settings are not shared.

    Close it after use. Threads may each have one at the same time.
    """
    return _open_instance(os.getpid()).cursor()


@lru_cache(maxsize=1)
def _open_instance(process: int) -> duckdb.DuckDBPyConnection:
    """Open the instance of a process; a forked child has another number, and so one of its own."""
    spilled = Path(tempfile.gettempdir()) / f"hypercare-duckdb-{process}"
    return duckdb.connect(config={**SETTINGS, "temp_directory": str(spilled)})
