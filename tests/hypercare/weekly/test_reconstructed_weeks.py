"""An engagement that is already in its fourth week when it is connected: its weeks are judged, and marked."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import psycopg
import pytest

from hypercare.ledger import tables
from hypercare.ledger.decisions import read_action_items
from hypercare.ledger.embedded import EmbeddedPostgres
from hypercare.weeks import Week
from tests.hypercare.commands.shell import say, say_json, shell
from tests.hypercare.weekly.few_customers import build_world, customer
from tests.playing import Play, playing

LATE, EARLY = "Late go-live", "Early go-live"
BEFORE = ["2026-W10", "2026-W11", "2026-W12"]
CONNECTED = "2026-W13"


@pytest.fixture(scope="module")
def play(
    postgres: EmbeddedPostgres, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Play]:
    scenario = build_world([customer("Late", date(2026, 3, 2)), customer("Early", date(2026, 3, 23))])
    folder = tmp_path_factory.mktemp("reconstructed")
    with psycopg.connect(postgres.admin_dsn, autocommit=True) as connection:
        connection.execute(f"create database reconstructed template {migrated_template}")
    ledger_url = postgres.url("reconstructed")
    with (
        pytest.MonkeyPatch.context() as monkeypatch,
        shell(
            monkeypatch, ledger_url, folder, ALLOW_TEST_INSTANCES="true", TRACKER_URL=str(folder / "trackers")
        ),
        playing(scenario, folder, ledger_url, monkeypatch) as play,
    ):  # fmt: skip
        play.run(scenario.runs[3].as_of)
        yield play


def test_weeks_before_the_connection_are_judged_and_marked(play: Play) -> None:
    late, early = play.standings()[LATE], play.standings()[EARLY]
    assert [str(line.week) for line in late.weeks] == [*BEFORE, CONNECTED]
    assert {line.verdict for line in late.weeks} <= {"PASS", "QUIET"}
    assert [str(week) for week in late.reconstructed] == BEFORE
    assert [str(line.week) for line in early.weeks] == [CONNECTED]
    assert early.reconstructed == ()


def test_table_and_json_say_which_weeks_were_reconstructed(play: Play) -> None:
    rows = {row["engagement"]: row for row in say_json("verdicts")}
    assert rows[LATE]["reconstructed"] == BEFORE
    assert rows[EARLY]["reconstructed"] == []
    assert rows[LATE][BEFORE[0]] in ("PASS", "QUIET")
    printed = say("verdicts").stdout
    assert printed.count("reconstructed") == len(BEFORE)


def test_what_was_open_before_the_connection_is_unknown_and_said_to_be(play: Play) -> None:
    engagement = play.standings()[LATE].engagement
    with play.runtime.engine.connect() as connection:
        query = tables.decisions.select().where(tables.decisions.c.engagement == engagement.id)
        decisions = {row.week: row for row in connection.execute(query)}
    assert sorted(decisions) == [*BEFORE, CONNECTED]
    found = {
        week: next(each for each in row.criteria if each["criterion"] == "action_items")
        for week, row in decisions.items()
    }
    for week in BEFORE:
        assert found[week]["verdict"] == "UNKNOWN"
        assert "how this stood then is not known" in found[week]["reason"]
        assert read_action_items(play.runtime.engine, engagement.id, Week.parse(week)) == ()
    assert found[CONNECTED]["verdict"] == "PASS"
    assert read_action_items(play.runtime.engine, engagement.id, Week.parse(CONNECTED))


def test_the_same_run_again_changes_nothing(play: Play) -> None:
    before = say_json("digest")
    play.run(play.scenario.runs[3].as_of)
    assert say_json("digest") == before


def test_a_repaired_week_stays_a_reconstructed_one(play: Play) -> None:
    engagement = play.standings()[LATE].engagement
    restated = ("--week", BEFORE[1], "--restate", "looked again", "--engagement", LATE)
    second = play.scenario.runs[4].as_of
    play.set_clock(second)
    for step in ("pull", "validate", "measure", "reconcile"):
        result = say(step, "--as-of", second.isoformat(), *restated)
        assert result.exit_code == 0, result.output
    assert say("judge", "--as-of", second.isoformat()).exit_code == 0
    late = play.standings()[LATE]
    assert next(line.revision for line in late.weeks if str(line.week) == BEFORE[1]) == 2
    assert [str(week) for week in late.reconstructed] == BEFORE
    assert read_action_items(play.runtime.engine, engagement.id, Week.parse(BEFORE[1])) == ()
