"""The DAG by which people explain an exception: its guards, its form, and what counts as a second person's answer."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from hypercare.explanation_form import ExplanationForm
from hypercare.ledger.explanations import read_explanations
from tests.dags.playing_dags import QUESTION, describe_dag, play_dag
from tests.hypercare.weekly.frozen_weeks import ENGAGEMENT, OPEN, WEEKS, opening_desk
from tests.hypercare.workbooks import CODES

CHAIN = ["check_explanation", "show_explanation", "accept_explanation", "record_explanation"]


@pytest.fixture(scope="module")
def dag(migrated_airflow: dict[str, str]) -> dict[str, Any]:
    return describe_dag(migrated_airflow, "hypercare_explain")


def test_nothing_is_recorded_before_it_was_checked_shown_and_accepted(dag: dict[str, Any]) -> None:
    assert sorted(dag["tasks"]) == sorted(CHAIN)
    for earlier, later in itertools.pairwise(CHAIN):
        assert earlier in dag["tasks"][later][0], f"{later} has lost its guard {earlier}"
    assert {tuple(task[1:]) for task in dag["tasks"].values()} == {("all_success", 0, "hypercare-ops")}


def test_the_question_has_no_default_answer_and_names_people_when_it_is_asked(dag: dict[str, Any]) -> None:
    assert dag["questions"] == {"accept_explanation": QUESTION}
    # Runs that wait for people must not keep the next one from starting.
    assert (dag["schedule"], dag["active"], dag["deadlines"]) == ("NullTimetable", 64, 0)
    assert "Runbook" in dag["doc"]


def test_the_form_asks_what_an_explanation_says_and_offers_the_policys_codes(dag: dict[str, Any]) -> None:
    assert dag["params"].keys() == {*ExplanationForm.model_fields, "engagement", "as_of"}
    assert tuple(dag["params"]["reason_code"]["examples"]) == CODES
    needed = {name for name, schema in dag["params"].items() if schema.get("minLength")}
    assert needed == {"engagement", "check", "row", "reason_code", "explanation"}


def play(*answers: tuple[str, str], forged: str | None = None, **entries: Any) -> dict[str, Any]:
    conf = {"engagement": ENGAGEMENT.name, "check": OPEN.check, "row": OPEN.key, "reason_code": "outside_coupa"}
    conf |= {"explanation": "paid by cheque", "as_of": "2026-04-07T12:00:00+00:00", **entries}
    return {"conf": conf, "answers": answers, "forged": forged}


PLAYS = {
    "refused": play(row="payment:1"),
    "forged": play(forged="accept_explanation"),
    "rejected": play(("vera", "Reject")),
    "accepted": play(("mia", "Approve"), ("vera", "Approve"), ("jonas", "Reject")),
}


@pytest.mark.airflow
@pytest.mark.timeout(600)
def test_only_the_answer_of_a_second_person_is_recorded(
    migrated_airflow: dict[str, str], ledger_url: str, tmp_path: Path
) -> None:
    with opening_desk(tmp_path, ledger_url) as desk:
        desk.seal(WEEKS[-1], [OPEN])
        environment = migrated_airflow | {
            "HYPERCARE_LEDGER_URL": ledger_url,
            "HYPERCARE_STATE_FOLDER": str(tmp_path),
            # dag.test triggers as a user of its own name, who must not be asked.
            "HYPERCARE_APPROVERS": "vera, dag_test, jonas",
        }
        found = play_dag(environment, "hypercare_explain", "accept_explanation", list(PLAYS.values()), tmp_path)
        outcomes = dict(zip(PLAYS, found, strict=True))

        def states(name: str) -> list[str]:
            return [outcomes[name]["tasks"][task] for task in CHAIN]

        assert states("refused") == ["failed", *["upstream_failed"] * 3]
        assert states("forged") == ["success", "success", "success", "failed"]
        assert states("rejected") == ["success", "success", "success", "skipped"]
        assert states("accepted") == ["success"] * 4
        assert [outcome["asked"] != [] for outcome in found] == [False, False, True, True]
        (asked,) = outcomes["accepted"]["asked"]
        assert asked["subject"] == f"explain {OPEN.key}: {ENGAGEMENT.name}"
        assert asked["people"] == ["vera", "jonas"]
        assert asked["codes"] == [403, 200, 409]
        assert "- explanation: paid by cheque" in asked["body"]
        (told,) = read_explanations(desk.runtime.engine, ENGAGEMENT.id).values()
        assert (told.explained_by, told.accepted_by, told.is_accepted) == ("dag_test", "vera", True)
