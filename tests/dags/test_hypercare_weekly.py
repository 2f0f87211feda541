"""The weekly DAG: its guards, its form, and whole runs of it against the sandbox."""

from __future__ import annotations

import dataclasses
import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from hypercare.ledger.database import open_engine
from hypercare.verdicts import read_standings
from sandbox.demo import build_demo
from sandbox.scenario import Scenario
from sandbox.server import create_app
from tests.dags.conftest import ROOT, run_python
from tests.sandbox.serving import serve

DESCRIBE = """
import json
from airflow.dag_processing.dagbag import DagBag
bag = DagBag()
dag = bag.dags.get("hypercare_weekly")
tasks = {
    task.task_id: {
        "upstream": sorted(task.upstream_task_ids), "trigger_rule": task.trigger_rule.value, "pool": task.pool,
        "retries": task.retries, "owner": task.owner, "label": getattr(task, "map_index_template", None),
        "policy": type(task.retry_policy).__name__ if task.retry_policy else None,
    }
    for task in dag.tasks
}
print(json.dumps({
    "dags": sorted(bag.dags), "errors": bag.import_errors, "tasks": tasks, "doc": dag.doc_md, "tags": sorted(dag.tags),
    "params": {name: dag.params.get_param(name).schema for name in dag.params}, "catchup": dag.catchup,
    "timetable": type(dag.timetable).__name__, "deadlines": len(dag.deadline or []), "active": dag.max_active_runs,
}))
"""
RUN = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
dag = DagBag().dags["hypercare_weekly"]
dag.deadline = None  # dag.test of Airflow 3.3.2 fails on any deadline; the scheduler does not
run = dag.test(run_conf=json.loads(sys.argv[1]), use_executor=False)
states = {}
for task in run.get_task_instances():
    states.setdefault(task.task_id, []).append([str(task.state), task.rendered_map_index])
print(json.dumps({"state": str(run.state), "tasks": states}))
"""
STEPS = ["pull_feeds", "validate_feeds", "measure_adoption", "reconcile_weeks"]


@pytest.fixture(scope="module")
def dag(migrated_airflow: dict[str, str]) -> dict[str, Any]:
    described: dict[str, Any] = json.loads(run_python(DESCRIBE, migrated_airflow))
    return described


def test_every_dag_file_loads(dag: dict[str, Any]) -> None:
    assert dag["errors"] == {}
    assert dag["dags"] == sorted(path.stem for path in (ROOT / "dags").glob("*.py"))


def test_nothing_is_judged_before_it_was_pulled_validated_measured_and_reconciled(dag: dict[str, Any]) -> None:
    chain = [
        "discover_engagements",
        *(f"process_batch.{step}" for step in STEPS),
        "judge_engagements",
        "answer_workbooks",
        "check_health",
    ]
    assert sorted(dag["tasks"]) == sorted([*chain, "read_workbooks", "propose_issues"])
    assert dag["tasks"]["propose_issues"]["upstream"] == ["judge_engagements"]
    assert "propose_issues" in dag["tasks"]["check_health"]["upstream"]
    for earlier, later in itertools.pairwise(chain):
        assert earlier in dag["tasks"][later]["upstream"], f"{later} has lost its guard {earlier}"


def test_what_people_told_is_read_before_it_is_weighed_and_judged(dag: dict[str, Any]) -> None:
    assert dag["tasks"]["read_workbooks"]["upstream"] == ["discover_engagements"]
    for later in ("process_batch.measure_adoption", "judge_engagements"):
        assert "read_workbooks" in dag["tasks"][later]["upstream"]


def test_one_broken_batch_keeps_nobody_from_being_judged(dag: dict[str, Any]) -> None:
    rules = {name: task["trigger_rule"] for name, task in dag["tasks"].items()}
    for last in ("judge_engagements", "answer_workbooks", "propose_issues", "check_health"):
        assert rules.pop(last) == "all_done"
    assert set(rules.values()) == {"all_success"}


def test_tasks_that_go_outside_share_a_pool_and_every_task_has_an_owner(dag: dict[str, Any]) -> None:
    tasks = dag["tasks"]
    assert tasks["discover_engagements"]["pool"] == "salesforce"
    assert tasks["process_batch.pull_feeds"]["pool"] == "coupa"
    assert {task["owner"] for task in tasks.values()} == {"hypercare-ops"}
    assert {task["policy"] for task in tasks.values()} == {"ExceptionRetryPolicy"}
    assert tasks["check_health"]["retries"] == 0
    assert all(tasks[f"process_batch.{step}"]["label"] == "{{ label }}" for step in STEPS)


def test_the_form_asks_for_what_the_run_reads(dag: dict[str, Any]) -> None:
    assert sorted(dag["params"]) == ["as_of", "engagements", "restate", "week"]
    assert dag["timetable"] == "MultipleCronTriggerTimetable"
    assert dag["catchup"] is False
    assert dag["active"] == 1
    assert "Runbook" in dag["doc"]
    assert "hypercare" in dag["tags"]
    assert dag["deadlines"] == 1


def _small(scenario: Scenario, names: tuple[str, ...]) -> Scenario:
    """Keep of a scenario the runs it has and the instances of a few engagements; the others never go live."""
    expected = [entry for entry in scenario.expected if entry.engagement.startswith(names)]
    assert len(expected) == len(names)
    return dataclasses.replace(scenario, expected=expected)


@pytest.mark.airflow
@pytest.mark.timeout(300)
def test_a_run_judges_whom_it_was_asked_to_and_an_empty_one_ends_at_once(
    migrated_airflow: dict[str, str], ledger_url: str, tmp_path: Path
) -> None:
    scenario = _small(build_demo(), ("Aurora", "Kestrel"))
    names = [entry.engagement for entry in scenario.expected]
    first = scenario.runs[0].as_of.isoformat()
    trackers = tmp_path / "trackers"
    trackers.mkdir()
    with serve(create_app(scenario, trackers)) as base_url:
        host, port = base_url.removeprefix("http://").split(":")
        environment = migrated_airflow | {
            "HYPERCARE_LEDGER_URL": ledger_url,
            "HYPERCARE_STATE_FOLDER": str(tmp_path),
            "HYPERCARE_TRACKER_URL": str(trackers),
            "HYPERCARE_ALLOW_TEST_INSTANCES": "true",
            "HYPERCARE_COUPA_REQUESTS_PER_SECOND": "20",
            "HYPERCARE_BATCHES": "2",
        }
        for connection in scenario.describe(host, int(port), trackers)["connections"]:
            name = f"AIRFLOW_CONN_{str(connection['conn_id']).upper()}"
            environment[name] = json.dumps({key: value for key, value in connection.items() if key != "conn_id"})
        conf = json.dumps({"as_of": first, "engagements": names})
        ran = json.loads(run_python(RUN, environment, conf))
        again = json.loads(run_python(RUN, environment, conf))

    assert ran["state"] == "success", ran
    for step in STEPS:
        states = ran["tasks"][f"process_batch.{step}"]
        assert [state for state, _ in states] == ["success"] * 2
        assert sorted(label for _, label in states) == sorted(names)
    assert {state for state, _ in again["tasks"][f"process_batch.{STEPS[0]}"]} == {"skipped"}
    assert again["state"] == "success"
    standings = {s.engagement.name: s for s in read_standings(open_engine(ledger_url)) if s.weeks}
    assert sorted(standings) == sorted(names)
    assert [line.verdict for line in standings[names[0]].weeks] == ["PASS"]
    assert standings[names[1]].cycle_reason.startswith("cycle not started")
