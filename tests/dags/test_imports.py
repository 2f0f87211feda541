"""What loading a DAG file costs: nothing heavy may come along."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DAG_FILES = sorted((ROOT / "dags").glob("*.py"))
DAGS = ["acknowledge", "adjust", "answer", "explain", "weekly"]
HEAVY = ("pandas", "great_expectations", "duckdb", "simple_salesforce", "hypercare.ledger")
PROBE = """
import importlib.util, json, sys
import airflow.sdk
import airflow.providers.standard.operators.hitl
before = set(sys.modules)
spec = importlib.util.spec_from_file_location("probed_dag", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
added = set(sys.modules) - before
heavy = sorted(name for name in before if name in json.loads(sys.argv[2]))
print(json.dumps({"dag": module.dag.dag_id, "added": sorted(added), "heavy_before": heavy}))
"""


def test_there_are_dag_files() -> None:
    assert [path.stem for path in DAG_FILES] == [f"hypercare_{name}" for name in DAGS]


@pytest.mark.parametrize("path", DAG_FILES, ids=lambda path: path.stem)
def test_loading_a_dag_file_adds_nothing_heavy(path: Path, airflow_environment: dict[str, str]) -> None:
    result = subprocess.run(
        [sys.executable, "-c", PROBE, str(path), json.dumps(HEAVY)],
        capture_output=True,
        text=True,
        check=False,
        env=airflow_environment,
    )
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout.splitlines()[-1])
    assert found["dag"] == path.stem, "the probe did not load the DAG file"
    heavy = [name for name in found["added"] if any(name == h or name.startswith(h + ".") for h in HEAVY)]
    assert not heavy
