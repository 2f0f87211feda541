"""The demo world, played through the steps without Airflow: every run and verdict as the world says it must be."""

from __future__ import annotations

from pathlib import Path

import pytest

from hypercare.ledger.chain import verify_chain
from hypercare.ledger.contents import digest_contents
from hypercare.weekly.health import UnhealthyRunError
from launch.outcome import find_differences
from sandbox.demo import build_demo
from tests.hypercare.closing import read_closing
from tests.playing import Play, playing, unlimited


def play_all(play: Play) -> dict[str, str]:
    """Play every run; return each one's words, empty where it was healthy."""
    words = {}
    for run in play.scenario.runs:
        try:
            play.run(run.as_of)
            words[run.label] = ""
        except UnhealthyRunError as error:
            words[run.label] = str(error)
    return words


@pytest.mark.timeout(600)
def test_the_demo_world_holds(tmp_path: Path, ledger_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with playing(unlimited(build_demo()), tmp_path, ledger_url, monkeypatch) as play:
        words = play_all(play)
        for run in play.scenario.runs:
            assert bool(words[run.label]) == (run.expected_state == "failed"), (run.label, words[run.label])
            for word in run.expected_faults:
                assert word in words[run.label]
        described = play.scenario.describe("127.0.0.1", 1, tmp_path)["expected"]
        assert len(described) >= 14
        assert find_differences(described, list(play.standings().values())) == []
        assert verify_chain(play.runtime.engine) == []
        closing = read_closing(play.runtime.engine)
        assert closing.faults == []
        assert closing.rows > 60
        assert closing.links > 40

        before = digest_contents(play.runtime.engine, play.runtime.lake)
        play.run(play.scenario.runs[-1].as_of)
        assert digest_contents(play.runtime.engine, play.runtime.lake) == before
