"""What imports cost a process: Airflow alone, each DAG file on top of it, and the heavy parts of the library.

    .venv/bin/python -m bench imports [--times 5]

Every import runs in a fresh process, `--times` times, and the median is told, so the file cache is warm. Airflow puts
off most of its modules until a name is used, so `airflow.sdk` is followed by the names that DAG files use, and by the
operators for human steps: what a DAG file adds is its own doing.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BARE = "pass"
AIRFLOW = "import airflow.sdk"
OPERATORS = """
import ast, airflow.sdk, airflow.providers.standard.operators.hitl
for path in {paths}:
    for node in ast.walk(ast.parse(open(path).read())):
        if isinstance(node, ast.ImportFrom) and node.module == "airflow.sdk":
            [getattr(airflow.sdk, alias.name) for alias in node.names]
"""
DAG_FILE = """
import importlib.util
spec = importlib.util.spec_from_file_location("timed_dag", {path!r})
spec.loader.exec_module(importlib.util.module_from_spec(spec))
"""
TIMED = """
import json, resource, sys, time
exec(compile({before!r}, "before", "exec"), {{}})
modules, memory = len(sys.modules), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
started = time.perf_counter()
exec(compile({timed!r}, "timed", "exec"), {{}})
seconds = time.perf_counter() - started
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory
print(json.dumps([seconds, len(sys.modules) - modules, grown / 1024]))
"""


def measure(before: str, timed: str, times: int, environment: dict[str, str]) -> list[float]:
    """Return seconds, modules and MB that `timed` adds after `before`: medians over fresh processes."""
    command = [sys.executable, "-c", TIMED.format(before=before, timed=timed)]
    found = []
    for _ in range(times):
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment, text=True)
        found.append(json.loads(done.stdout.splitlines()[-1]))
    return [statistics.median(column) for column in zip(*found, strict=True)]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=5)
    options = parser.parse_args(arguments)
    dag_files = sorted((ROOT / "dags").glob("*.py"))
    if not dag_files:
        sys.exit("no DAG file in dags/: nothing is measured")
    operators = OPERATORS.format(paths=[str(path) for path in dag_files])
    imports = {
        "airflow.sdk alone": (BARE, AIRFLOW),
        "its names and the operators for human steps, on top": (AIRFLOW, operators),
        **{f"dags/{path.name}, on top": (operators, DAG_FILE.format(path=str(path))) for path in dag_files},
        "hypercare.runtime": (BARE, "import hypercare.runtime"),
        "great_expectations": (BARE, "import great_expectations"),
    }
    with tempfile.TemporaryDirectory() as home:
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT / "plugins"),
            "AIRFLOW_HOME": home,
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        }
        measure(BARE, operators, 1, environment)  # a new home's first process writes its configuration
        found = {name: measure(*codes, options.times, environment) for name, codes in imports.items()}
    reference = found["airflow.sdk alone"][0]
    print(f"imports in fresh processes, medians of {options.times}")
    print(f"  {'':52}{'seconds':>9}{'÷ airflow.sdk':>15}{'modules':>9}{'MB':>6}")
    for name, (seconds, modules, memory) in found.items():
        print(f"  {name:52}{seconds:9.3f}{seconds / reference:15.2f}{modules:9.0f}{memory:6.0f}")


if __name__ == "__main__":
    main()
