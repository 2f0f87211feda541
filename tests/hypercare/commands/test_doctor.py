"""`hypercare doctor` on a whole set-up: a sandbox on loopback, a real ledger, and no Airflow database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import requests

from tests.hypercare.commands.shell import say, say_json, shell
from tests.hypercare.weekly.few_customers import build_world, customer
from tests.playing import Play, playing


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch, ledger_url: str, tmp_path: Path) -> Iterator[Play]:
    scenario = build_world([customer("Acme", date(2026, 3, 2)), customer("Borealis", date(2026, 3, 2))])
    with (
        shell(
            monkeypatch, ledger_url, tmp_path, ALLOW_TEST_INSTANCES="true", COUPA_BACKOFF_SECONDS="0.01",
            COUPA_REQUESTS_PER_SECOND="500",
            TRACKER_URL=str(tmp_path / "trackers"),
        ),
        playing(scenario, tmp_path, ledger_url, monkeypatch) as play,
    ):  # fmt: skip
        play.set_clock(datetime.now(UTC))
        yield play


def by_about(rows: list[dict[str, str]], light: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in rows:
        if row["light"] == light:
            found.setdefault(row["about"], []).append(row["finding"])
    return found


def test_a_set_up_without_airflows_database_is_red_for_that_alone(play: Play) -> None:
    rows = say_json("doctor", code=1)
    assert by_about(rows, "red").keys() == {"pools"}
    green = by_about(rows, "green")
    assert green["Salesforce"] == ["logged in; 2 engagements in hypercare"]
    assert green["trackers"] == ["2 can be read"]
    assert green["clock"] == ["agrees with 3 servers"]
    assert {"instance acme", "instance borealis", "ledger", "lake"} <= green.keys()
    assert by_about(rows, "yellow")["runs"] == ["none has taken place yet"]
    lights = [row["light"] for row in rows]
    assert lights == sorted(lights, key=["red", "yellow", "green"].index)
    assert not list((Path(play.runtime.settings.state_folder) / "lake").rglob("probe"))


def test_what_is_broken_is_named_with_what_to_do(play: Play, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_COUPA_ACME")
    (tmp_path / "trackers" / play.scenario.trackers[1].file_name).unlink()
    fault = {"kind": "status", "resource": "users", "status": 403}
    requests.post(f"{play.base_url}/admin/coupa/borealis/faults", json=fault, timeout=5).raise_for_status()
    red = by_about(say_json("doctor", code=1), "red")
    assert len(red["instance acme"]) == 1
    assert red["instance borealis"] == ["users: refused"]
    assert len([about for about in red if about.startswith("tracker of")]) == 1
    printed = say("doctor")
    assert printed.exit_code == 1
    assert "AIRFLOW_CONN_COUPA_ACME" in printed.output


def test_a_salesforce_that_refuses_leaves_the_rest_checked(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_SALESFORCE_DEFAULT")
    rows = say_json("doctor", code=1)
    assert by_about(rows, "red").keys() == {"pools", "Salesforce"}
    assert "lake" in by_about(rows, "green")
