"""DAGs that people trigger: what they are, and runs of them in which people answer by Airflow's own API."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.dags.conftest import run_python

DESCRIBE = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
dag = DagBag().dags[sys.argv[1]]
print(json.dumps({
    "tasks": {t.task_id: [sorted(t.upstream_task_ids), t.trigger_rule.value, t.retries, t.owner] for t in dag.tasks},
    "params": {name: dag.params.get_param(name).schema for name in dag.params}, "doc": dag.doc_md,
    "schedule": type(dag.timetable).__name__, "active": dag.max_active_runs, "deadlines": len(dag.deadline or []),
    "questions": {t.task_id: {
        "defaults": t.defaults, "options": t.options, "templates": sorted(t.template_fields),
        "timeout_days": t.response_timeout.days,
    } for t in dag.tasks if hasattr(t, "options")},
}))
"""
# Plays runs of the DAG one after the other; a thread answers what they ask, by Airflow's own API as its pages do.
RUN = """
import json, sys, threading, time
from airflow.api_fastapi.app import create_app
from airflow.dag_processing.dagbag import DagBag
from fastapi.testclient import TestClient

dag_id, question, plays, passwords = sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), json.loads(sys.argv[4])
api = TestClient(create_app(apps="core"))
waiting, asked = "/api/v2/dags/~/dagRuns/~/hitlDetails?response_received=false&state=awaiting_input", []

def login(user):
    token = api.post("/auth/token", json={"username": user, "password": passwords[user]}).json()["access_token"]
    return {"Authorization": "Bearer " + token}

def answer(play, done):
    while not done.is_set():
        for found in api.get(waiting, headers=login("ops")).json()["hitl_details"]:
            ti = found["task_instance"]
            assert ti["task_id"] == question
            task = f"taskInstances/{ti['task_id']}/-1/hitlDetails"
            path = f"/api/v2/dags/{ti['dag_id']}/dagRuns/{ti['dag_run_id']}/{task}"
            codes = [api.patch(path, headers=login(user), json={"chosen_options": [option]}).status_code
                     for user, option in play["answers"]]
            people = [user["id"] for user in found["assigned_users"]]
            asked.append({"subject": found["subject"], "body": found["body"], "people": people, "codes": codes})
        time.sleep(0.5)

outcomes = []
for play in plays:
    dag = DagBag().dags[dag_id]  # a new one: dag.test leaves a run's conf in the params of its tasks
    done = threading.Event()
    thread = threading.Thread(target=answer, args=(play, done))
    thread.start()
    try:
        run = dag.test(run_conf=play["conf"], mark_success_pattern=play.get("forged"))
    finally:
        done.set()
        thread.join()
    states = {task.task_id: str(task.state) for task in run.get_task_instances()}
    outcomes.append({"state": str(run.state), "tasks": states, "asked": list(asked)})
    asked.clear()
print(json.dumps(outcomes))
"""
QUESTION = {
    "defaults": None,
    "options": ["Approve", "Reject"],
    "templates": ["assigned_users", "body", "subject"],
    "timeout_days": 14,
}
"""How a person is asked: without a default, and of people who are named when it is asked."""
PASSWORDS = {name: f"of-{name}" for name in ("ops", "vera", "jonas", "mia")}


def describe_dag(environment: Mapping[str, str], dag_id: str) -> dict[str, Any]:
    """Return how a DAG is built: its tasks, its form, and what it asks people."""
    described: dict[str, Any] = json.loads(run_python(DESCRIBE, dict(environment), dag_id))
    return described


def play_dag(
    environment: Mapping[str, str], dag_id: str, question: str, plays: Sequence[Mapping[str, Any]], folder: Path
) -> list[dict[str, Any]]:
    """Run a DAG once for each play; return the states of run and tasks, and what was asked of whom.

    `question` is the task that asks. A play holds `conf`, the form; `answers`, who answers what as soon as it is asked;
    and `forged`, the task that somebody marks as success instead.
    """
    passwords = folder / "passwords.json"
    passwords.write_text(json.dumps(PASSWORDS))
    users = {
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{name}:op" for name in PASSWORDS),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        "AIRFLOW__API_AUTH__JWT_SECRET": "a secret of this test and of no other place, long enough",
    }
    arguments = [dag_id, question, json.dumps(list(plays)), json.dumps(PASSWORDS)]
    found: list[dict[str, Any]] = json.loads(run_python(RUN, {**environment, **users}, *arguments))
    return found
