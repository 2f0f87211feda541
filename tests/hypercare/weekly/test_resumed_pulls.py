"""A pull killed at a page goes on from there: nothing is asked twice, nothing is left out."""

from __future__ import annotations

import signal
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from hypercare.ledger.embedded import EmbeddedPostgres
from sandbox.coupa import shapes
from tests.hypercare.weekly.few_customers import build_world, customer
from tests.hypercare.weekly.killing import State, installing
from tests.playing import playing
from tests.sandbox.requests_seen import take_cursors

FIRST_USER, USERS = 900001, 120


def test_a_pull_killed_between_pages_asks_only_for_the_rest(
    postgres: EmbeddedPostgres, migrated_template: str, tmp_path: Path
) -> None:
    settings: dict[str, Any] = {
        "tracker_url": str(tmp_path / "play" / "trackers"),
        "allow_test_instances": True,
        "coupa_requests_per_second": None,
        "instances_side_by_side": 1,
    }
    (tmp_path / "play").mkdir()
    (tmp_path / "empty").mkdir()
    scenario = build_world([customer("Twice", date(2026, 3, 2))])
    at = datetime(2026, 1, 5, tzinfo=UTC)
    for number in range(FIRST_USER, FIRST_USER + USERS):
        scenario.world.instances["twice"].put("users", at, shapes.user(id=number, created_at=at))
    as_of = scenario.runs[0].as_of
    with (
        pytest.MonkeyPatch.context() as monkeypatch,
        playing(scenario, tmp_path / "play", postgres.url(migrated_template), monkeypatch) as play,
        installing(postgres, tmp_path, settings) as installation,
    ):
        play.set_clock(as_of)
        discovered = installation.copy(State(migrated_template, tmp_path / "empty"))
        assert installation.run(discovered, ("discover",), as_of).code == 0
        whole = installation.copy(discovered)
        undisturbed = installation.run(whole, ("pull",), as_of)
        assert undisturbed.code == 0
        total = take_cursors(play.base_url, "twice")
        pages = [n for n, name in enumerate(undisturbed.moments, 1) if "after write raw/users/" in name]
        assert len(pages) == 3
        for asked_before in (1, 2):
            state = installation.copy(discovered)
            assert installation.run(state, ("pull",), as_of, pages[asked_before - 1]).code == -signal.SIGKILL
            before = take_cursors(play.base_url, "twice")
            assert before["users"] == total["users"][:asked_before]
            assert installation.run(state, ("pull",), as_of).code == 0
            rest = take_cursors(play.base_url, "twice")
            assert rest.get("users", []) == total["users"][asked_before:]
            for resource, asked in total.items():
                assert before.get(resource, []) + rest.get(resource, []) == asked, resource
            assert installation.digest(state) == installation.digest(whole)
            installation.drop(state)
