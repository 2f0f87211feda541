"""The DAG by which people adjust an engagement: its guards, its form, and what counts as a person's answer."""

from __future__ import annotations

import itertools
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
from tests.dags.playing_dags import QUESTION, describe_dag, play_dag

CHAIN = ["check_adjustment", "show_effect", "confirm_adjustment", "record_adjustment", "judge_engagement"]
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
    return describe_dag(migrated_airflow, "hypercare_adjust")


def test_nothing_is_recorded_before_it_was_checked_shown_and_confirmed(dag: dict[str, Any]) -> None:
    assert sorted(dag["tasks"]) == sorted(CHAIN)
    for earlier, later in itertools.pairwise(CHAIN):
        assert earlier in dag["tasks"][later][0], f"{later} has lost its guard {earlier}"
    assert {tuple(task[1:]) for task in dag["tasks"].values()} == {("all_success", 0, "hypercare-ops")}


def test_the_question_has_no_default_answer_and_names_people_when_it_is_asked(dag: dict[str, Any]) -> None:
    assert dag["questions"] == {"confirm_adjustment": QUESTION}
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
    settings = {"HYPERCARE_LEDGER_URL": ledger_url, "HYPERCARE_STATE_FOLDER": str(tmp_path)}
    settings["HYPERCARE_APPROVERS"] = "vera, jonas"
    environment = migrated_airflow | settings
    found = play_dag(environment, "hypercare_adjust", "confirm_adjustment", list(PLAYS.values()), tmp_path)
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
