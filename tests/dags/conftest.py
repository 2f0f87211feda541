"""Airflow for tests: a home of its own, the project's DAGs and plugins, a migrated database."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def airflow_environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a process that loads the project's DAGs; Airflow's settings are fixed at its first import."""
    home = tmp_path_factory.mktemp("airflow")
    return {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(home),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "PYTHONPATH": f"{ROOT / 'plugins'}{os.pathsep}{ROOT}",
        "NO_PROXY": "127.0.0.1",
    }


@pytest.fixture(scope="session")
def migrated_airflow(airflow_environment: dict[str, str]) -> dict[str, str]:
    """The same with a migrated metadata database."""
    subprocess.run(["airflow", "db", "migrate"], env=airflow_environment, check=True, capture_output=True)
    return airflow_environment


def run_python(script: str, environment: dict[str, str], *arguments: str) -> str:
    """Run a script in a fresh process with Airflow's environment and return the last line it printed."""
    command = [sys.executable, "-c", script, *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    return result.stdout.strip().splitlines()[-1]
