"""Airflow's own command line: connections and pools of this installation's metadata database.

Airflow 3 keeps tasks and libraries out of its database; its command line, run beside it, is the way that is left to
those who set an installation up and have no login to its API.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hypercare.errors import ConfigurationError

TIMEOUT_SECONDS = 120


def list_connection_ids() -> set[str]:
    """Return the ids of the connections in Airflow's database; raise ConfigurationError where it can't be read."""
    return {str(each["conn_id"]) for each in _read_list(_run("connections", "list", "--output", "json"))}


def import_connections(connections: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Write connections into Airflow's database, replacing those of the same ids; return the ids that were written.

    The secrets pass through a file that only this user can read, and that is gone afterwards. Raises ConfigurationError
    where Airflow refuses.
    """
    with tempfile.TemporaryDirectory(prefix="hypercare-connections-") as folder:
        file = Path(folder) / "connections.json"
        file.touch(mode=0o600)
        file.write_text(json.dumps(connections), encoding="utf-8")
        answer = _run("connections", "import", "--overwrite", str(file), is_secret=True)
    return [conn_id for conn_id in connections if f"Imported connection {conn_id}" in answer.splitlines()]


def list_pools() -> set[str]:
    """Return the names of Airflow's pools; raise ConfigurationError where they can't be read."""
    return {str(each["pool"]) for each in _read_list(_run("pools", "list", "--output", "json"))}


def _run(*arguments: str, is_secret: bool = False) -> str:
    """Return what a command prints; what it says of a failure may hold values of its statements."""
    # Colours and hints of a newer client would stand between the lines that are read.
    environment = {**os.environ, "NO_COLOR": "1", "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, "-m", "airflow", *arguments]
    what = f"airflow {' '.join(arguments[:2])}"
    try:
        answer = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=TIMEOUT_SECONDS, env=environment
        )
    except subprocess.TimeoutExpired as error:
        msg = f"{what} did not answer within {TIMEOUT_SECONDS} s; is Airflow's database up?"
        raise ConfigurationError(msg) from error
    if answer.returncode:
        told = "" if is_secret else f" It says: {_find_reason(answer.stderr or answer.stdout)}"
        msg = f"{what} failed with code {answer.returncode}; is Airflow's database up, and migrated?{told}"
        raise ConfigurationError(msg)
    return answer.stdout


def _find_reason(text: str) -> str:
    """Return the line that names the error; behind it come statements and addresses."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return next((line for line in reversed(lines) if "Error" in line), lines[-1] if lines else "nothing")


def _read_list(answer: str) -> Sequence[Mapping[str, Any]]:
    """Return the JSON list of an answer, whatever lines Airflow prints before it; "No data found" is an empty one."""
    lines = answer.splitlines()
    start = next((number for number, line in enumerate(lines) if line.startswith("[")), None)
    found = json.loads("\n".join(lines[start:])) if start is not None else []
    return found if isinstance(found, list) else []
