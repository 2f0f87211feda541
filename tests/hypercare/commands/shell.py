"""The command line in this process, with an installation of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from hypercare.cli import app
from hypercare.settings import load_settings


@contextmanager
def shell(monkeypatch: pytest.MonkeyPatch, ledger_url: str, folder: Path, **settings: str) -> Iterator[None]:
    """Point the settings of this process at a ledger and a folder; `settings` are further ones, in capitals."""
    chosen = {"LEDGER_URL": ledger_url, "STATE_FOLDER": str(folder), **settings}
    for name, value in chosen.items():
        monkeypatch.setenv(f"HYPERCARE_{name}", value)
    # Airflow's own folder, so that nothing is left in this user's home.
    monkeypatch.setenv("AIRFLOW_HOME", str(folder / "airflow"))
    load_settings.cache_clear()
    try:
        yield
    finally:
        load_settings.cache_clear()


def say(*arguments: str) -> Result:
    """Run a command; what it prints is in `output`."""
    return CliRunner().invoke(app, list(arguments))


def say_json(*arguments: str, code: int = 0) -> list[dict[str, Any]]:
    """Run a command with --json and return the rows."""
    result = say(*arguments, "--json")
    assert result.exit_code == code, result.output
    rows: list[dict[str, Any]] = json.loads(result.stdout)
    return rows
