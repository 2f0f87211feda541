"""The DAG by which people adjust an engagement: its guards, its form, and what counts as a person's answer."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from hypercare.adjustments import Kind, list_fields
from hypercare.ledger.adjustments import read_adjustments
from hypercare.ledger.chain import verify_chain
from hypercare.ledger.database import open_engine
from hypercare.ledger.roster import record_engagements
from hypercare.model import Engagement, Segment
from tests.dags.conftest import run_python

CHAIN = ["check_adjustment", "show_effect", "confirm_adjustment", "record_adjustment", "judge_engagement"]
DESCRIBE = """
import json
from airflow.dag_processing.dagbag import DagBag
dag = DagBag().dags["hypercare_adjust"]
confirm = dag.get_task("confirm_adjustment")
print(json.dumps({
    "tasks": {t.task_id: [sorted(t.upstream_task_ids), t.trigger_rule.value, t.retries, t.owner] for t in dag.tasks},
    "params": {name: dag.params.get_param(name).schema for name in dag.params}, "doc": dag.doc_md,
    "schedule": type(dag.timetable).__name__, "active": dag.max_active_runs, "deadlines": len(dag.deadline or []),
    "defaults": confirm.defaults, "options": confirm.options, "templates": sorted(confirm.template_fields),
    "timeout_days": confirm.response_timeout.days,
}))
"""
# Plays runs of the DAG one after the other; a thread answers what they ask, by Airflow's own API as its pages do.
RUN = """
import json, sys, threading, time
from airflow.api_fastapi.app import create_app
from airflow.dag_processing.dagbag import DagBag
from fastapi.testclient import TestClient

plays, passwords = json.loads(sys.argv[1]), json.loads(sys.argv[2])
api = TestClient(create_app(apps="core"))
waiting, asked = "/api/v2/dags/~/dagRuns/~/hitlDetails?response_received=false&state=awaiting_input", []

def login(user):
    token = api.post("/auth/token", json={"username": user, "password": passwords[user]}).json()["access_token"]
    return {"Authorization": "Bearer " + token}

def answer(play, done):
    while not done.is_set():
        for found in api.get(waiting, headers=login("ops")).json()["hitl_details"]:
            ti = found["task_instance"]
            assert ti["task_id"] == "confirm_adjustment"
            task = f"taskInstances/{ti['task_id']}/-1/hitlDetails"
            path = f"/api/v2/dags/{ti['dag_id']}/dagRuns/{ti['dag_run_id']}/{task}"
            codes = [api.patch(path, headers=login(user), json={"chosen_options": [option]}).status_code
                     for user, option in play["answers"]]
            people = [user["id"] for user in found["assigned_users"]]
            asked.append({"subject": found["subject"], "body": found["body"], "people": people, "codes": codes})
        time.sleep(0.5)

outcomes = []
for play in plays:
    dag = DagBag().dags["hypercare_adjust"]  # a new one: dag.test leaves a run's conf in the params of its tasks
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
PASSWORDS = {name: f"of-{name}" for name in ("ops", "vera", "jonas", "mia")}
ENGAGEMENT = Engagement(
    id="a0X000000000001",
    name="Northwind go-live",
    customer="Northwind",
    account_id="001000000000001",
    segment=Segment.ENTERPRISE,
    region="US",
    go_live=date(2026, 1, 5),
    products=frozenset(),
    time_zone="UTC",
    instances=("northwind",),
    roles={"EM": "Ana"},
)


@pytest.fixture(scope="module")
def dag(migrated_airflow: dict[str, str]) -> dict[str, Any]:
    described: dict[str, Any] = json.loads(run_python(DESCRIBE, migrated_airflow))
    return described


def test_nothing_is_recorded_before_it_was_checked_shown_and_confirmed(dag: dict[str, Any]) -> None:
    assert sorted(dag["tasks"]) == sorted(CHAIN)
    for earlier, later in itertools.pairwise(CHAIN):
        assert earlier in dag["tasks"][later][0], f"{later} has lost its guard {earlier}"
    assert {tuple(task[1:]) for task in dag["tasks"].values()} == {("all_success", 0, "hypercare-ops")}


def test_the_question_has_no_default_answer_and_names_people_when_it_is_asked(dag: dict[str, Any]) -> None:
    assert dag["defaults"] is None
    assert dag["options"] == ["Approve", "Reject"]
    assert dag["templates"] == ["assigned_users", "body", "subject"]
    assert dag["timeout_days"] == 14
    # Runs that wait for people must not keep the next one from starting.
    assert (dag["schedule"], dag["active"], dag["deadlines"]) == ("NullTimetable", 64, 0)
    assert "Runbook" in dag["doc"]


def test_the_form_offers_every_entry_of_every_kind(dag: dict[str, Any]) -> None:
    entries = {name for kind in Kind for name in list_fields(kind)}
    assert dag["params"].keys() == entries | {"kind", "engagement", "as_of"}
    assert dag["params"]["kind"]["enum"] == list(Kind)


def play(kind: str, *answers: tuple[str, str], forged: str | None = None, **entries: Any) -> dict[str, Any]:
    conf = {"engagement": ENGAGEMENT.name, "kind": kind, "reason": "year end", "decided_by": "dag_test"}
    conf |= {"as_of": "2026-02-03T12:00:00+00:00", **entries}
    return {"conf": conf, "answers": answers, "forged": forged}


PLAYS = {
    "refused": play("resume", resumes_on="2026-02-02"),
    "forged": play("pause", forged="confirm_adjustment", starts_on="2026-02-02"),
    "rejected": play("pause", ("vera", "Reject"), starts_on="2026-02-02"),
    "confirmed": play("pause", ("mia", "Approve"), ("vera", "Approve"), ("jonas", "Reject"), starts_on="2026-02-02"),
}


@pytest.mark.airflow
@pytest.mark.timeout(600)
def test_only_the_answer_of_a_person_who_was_asked_is_recorded(
    migrated_airflow: dict[str, str], ledger_url: str, tmp_path: Path
) -> None:
    engine = open_engine(ledger_url)
    record_engagements(engine, [ENGAGEMENT], datetime(2026, 1, 12, tzinfo=UTC))
    (tmp_path / "passwords.json").write_text(json.dumps(PASSWORDS))
    environment = migrated_airflow | {
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{name}:op" for name in PASSWORDS),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(tmp_path / "passwords.json"),
        "AIRFLOW__API_AUTH__JWT_SECRET": "a secret of this test and of no other place, long enough",
        "HYPERCARE_LEDGER_URL": ledger_url,
        "HYPERCARE_STATE_FOLDER": str(tmp_path),
        "HYPERCARE_APPROVERS": "vera, jonas",
    }
    found = json.loads(run_python(RUN, environment, json.dumps(list(PLAYS.values())), json.dumps(PASSWORDS)))
    outcomes = dict(zip(PLAYS, found, strict=True))

    def states(name: str) -> list[str]:
        return [outcomes[name]["tasks"][task] for task in CHAIN]

    assert states("refused") == ["failed", *["upstream_failed"] * 4]
    assert states("forged") == ["success", "success", "success", "failed", "upstream_failed"]
    assert states("rejected") == ["success", "success", "success", "skipped", "skipped"]
    assert states("confirmed") == ["success"] * 5
    assert [outcome["asked"] != [] for outcome in found] == [False, False, True, True]
    (asked,) = outcomes["confirmed"]["asked"]
    assert asked["subject"] == "pause: Northwind go-live"
    assert asked["people"] == ["vera", "jonas"]
    assert asked["codes"] == [403, 200, 409]
    assert "gate: IN CYCLE" in asked["body"]
    (recorded,) = read_adjustments(engine, ENGAGEMENT.id)
    assert (recorded.requested_by, recorded.confirmed_by) == ("dag_test", "vera")
    assert "gate: IN CYCLE" in " ".join(recorded.effect)
    assert verify_chain(engine) == []
    engine.dispose()
