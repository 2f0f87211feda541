"""The demo world, played through the steps without Airflow: every run and verdict as the world says it must be."""

from __future__ import annotations

from pathlib import Path

import pytest

from hypercare.ledger.chain import verify_chain
from hypercare.ledger.contents import digest_contents
from hypercare.weekly.health import UnhealthyRunError
from launch.outcome import find_differences
from sandbox.demo import build_demo
from tests.playing import Play, playing, unlimited


def find_earlier_differences(play: Play, label: str) -> list[str]:
    """Return where an engagement does not stand after a run as the world says that it must then."""
    standings = play.standings()
    differences = []
    for expected in play.scenario.expected:
        standing = standings[expected.engagement]
        verdicts = {str(line.week): line.verdict for line in standing.weeks}
        words = " ".join((*standing.reasons, standing.cycle_reason))
        weeks, state = expected.weeks_by_run.get(label, {}), expected.states_by_run.get(label)
        wrong = [f"{week} {verdicts.get(week)}" for week, verdict in weeks.items() if verdicts.get(week) != verdict]
        wrong += [standing.state] if state and standing.state != state else []
        wrong += [words] if expected.reasons_by_run.get(label, "") not in words else []
        differences += [f"{label}, {expected.engagement}: {each}" for each in wrong]
    return differences


def play_all(play: Play) -> dict[str, str]:
    """Play every run, and what people decide after it; return each run's words, empty where it was healthy."""
    words = {}
    for run in play.scenario.runs:
        try:
            play.run(run.as_of)
            words[run.label] = ""
        except UnhealthyRunError as error:
            words[run.label] = str(error)
        assert find_earlier_differences(play, run.label) == []
        play.decide_after(run)
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

        before = digest_contents(play.runtime.engine, play.runtime.lake)
        play.run(play.scenario.runs[-1].as_of)
        assert digest_contents(play.runtime.engine, play.runtime.lake) == before
