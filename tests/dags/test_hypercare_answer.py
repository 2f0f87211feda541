"""The DAG by which people answer the exit checklist: its guards, its form, and what a run of it records."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from hypercare.answer_form import AnswerForm
from hypercare.checklists import SHEET, load_checklist
from hypercare.ledger.decisions import latest_decision
from hypercare.ledger.form_entries import read_form_entries
from tests.dags.playing_dags import describe_dag, play_dag
from tests.hypercare.weekly.frozen_weeks import ENGAGEMENT, WEEKS, opening_desk
from tests.hypercare.workbooks import FORM, ROOT

CHAIN = ["check_answer", "record_answer", "judge_engagement"]
CHECKLIST = load_checklist(ROOT / "include" / "checklists" / "coupa_pay_exit.v1.yaml")


@pytest.fixture(scope="module")
def dag(migrated_airflow: dict[str, str]) -> dict[str, Any]:
    return describe_dag(migrated_airflow, "hypercare_answer")


def test_nothing_is_recorded_before_it_was_checked(dag: dict[str, Any]) -> None:
    assert sorted(dag["tasks"]) == sorted(CHAIN)
    for earlier, later in itertools.pairwise(CHAIN):
        assert earlier in dag["tasks"][later][0], f"{later} has lost its guard {earlier}"
    assert {tuple(task[1:]) for task in dag["tasks"].values()} == {("all_success", 0, "hypercare-ops")}
    assert (dag["schedule"], dag["questions"]) == ("NullTimetable", {})
    assert "Runbook" in dag["doc"]


def test_the_form_asks_what_an_answer_says_and_offers_what_checklist_and_workbook_know(dag: dict[str, Any]) -> None:
    assert dag["params"].keys() == {*AnswerForm.model_fields, "engagement", "as_of"}
    assert dag["params"]["item"]["examples"] == [item.id for item in CHECKLIST.items]
    assert tuple(dag["params"]["answer"]["enum"]) == FORM.sheets[SHEET].list_choices("answer")
    assert set(dag["params"]["role"]["examples"]) <= set(FORM.sheets[SHEET].list_choices("role"))


def play(item: str, **entries: Any) -> dict[str, Any]:
    conf = {
        "engagement": ENGAGEMENT.name,
        "item": item,
        "answer": "Yes",
        "role": "EM",
        "customer_contact": "Pat Client",
    }
    conf |= {"as_of": "2026-04-07T12:00:00+00:00", **entries}
    return {"conf": conf, "answers": []}


PLAYS = {
    "early": play("CP-1", answered_on="2026-04-01"),
    "another role": play("CP-1", role="CVM"),
    "ready": play("CR-1"),
}


@pytest.mark.airflow
@pytest.mark.timeout(600)
def test_an_answer_that_stands_is_recorded_and_judged(
    migrated_airflow: dict[str, str], ledger_url: str, tmp_path: Path
) -> None:
    with opening_desk(tmp_path, ledger_url) as desk:
        for week in WEEKS:
            desk.seal(week)
        desk.run()
        environment = {"HYPERCARE_LEDGER_URL": ledger_url, "HYPERCARE_STATE_FOLDER": str(tmp_path)}
        found = play_dag(migrated_airflow | environment, "hypercare_answer", "", list(PLAYS.values()), tmp_path)
        outcomes = dict(zip(PLAYS, found, strict=True))
        for name in ("early", "another role"):
            states = [outcomes[name]["tasks"][task] for task in CHAIN]
            assert states == ["failed", "upstream_failed", "upstream_failed"], name
        assert [outcomes["ready"]["tasks"][task] for task in CHAIN] == ["success"] * 3
        (told,) = read_form_entries(desk.runtime.engine, ENGAGEMENT.id, SHEET)
        assert (told.key, told.told_by) == ("CR-1", "dag_test")
        decision = latest_decision(desk.runtime.engine, ENGAGEMENT.id)
        assert decision is not None
        verdicts = {each["criterion"]: each["verdict"] for each in decision["criteria"]}
        assert (verdicts["customer_ready"], verdicts["exit_checklist"]) == ("PASS", "FAIL")
