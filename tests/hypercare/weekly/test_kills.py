"""A weekly run killed at any durable write and run again holds what an undisturbed one holds."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import pytest

from hypercare.ledger.embedded import EmbeddedPostgres
from sandbox.scenario import TimedFault
from tests.hypercare.weekly.few_customers import build_world, customer
from tests.hypercare.weekly.killing import Installation, State, installing
from tests.hypercare.weekly.step_killer import STEPS
from tests.playing import playing

EVERY_KILL = os.environ.get("HYPERCARE_EVERY_KILL", "")
"""Set, the steps are killed at every moment, some five hundred, which may take an hour."""
MOST_KILLS = {"discover": 4, "pull": 12, "validate": 5, "measure": 6, "reconcile": 8, "judge": 8}

FIRST_RUN = ("2026-03-23T00:00:00+00:00", "2026-03-24T00:00:00+00:00")
SECOND_RUN = ("2026-03-30T00:00:00+00:00", "2026-03-31T00:00:00+00:00")


def _fault(window: tuple[str, str], **fault: object) -> TimedFault:
    return TimedFault("bumpy", {**fault, "from": window[0], "until": window[1]})


FAULTS = (
    _fault(FIRST_RUN, kind="status", status=500, resource="invoices"),
    _fault(FIRST_RUN, kind="missing_field", resource="approvals", field="status"),
    _fault(SECOND_RUN, kind="wrong_type", resource="receiving_transactions", field="created-at", value="soon"),
    _fault(SECOND_RUN, kind="status", status=403, resource="contracts"),
)
"""What one of the two meets: old faults to be cleared and new ones to be recorded by the run that is killed."""


@dataclass
class Undisturbed:
    """The run that is to be killed, undisturbed: before each step a state, after it the digests and its moments."""

    installation: Installation
    as_of: datetime
    before: dict[str, State]
    digests: dict[str, dict[str, str]]
    moments: dict[str, list[str]]


@pytest.fixture(scope="module")
def undisturbed(
    postgres: EmbeddedPostgres, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Undisturbed]:
    customers = [
        customer("Bumpy", date(2026, 3, 9)),
        customer("Cleared", date(2026, 3, 9), "returned_and_paid_again"),
    ]
    folder = tmp_path_factory.mktemp("kills")
    scenario = build_world(customers, FAULTS)
    first, second = scenario.runs[2].as_of, scenario.runs[3].as_of
    with (
        pytest.MonkeyPatch.context() as monkeypatch,
        playing(scenario, folder, postgres.url(migrated_template), monkeypatch) as play,
    ):
        settings = {
            "tracker_url": str(folder / "trackers"),
            "allow_test_instances": True,
            "coupa_requests_per_second": None,
            "coupa_attempts": 2,
            "coupa_backoff_seconds": 0.01,
            "instances_side_by_side": 1,
            "batches": 1,
        }
        (folder / "empty").mkdir()
        with installing(postgres, folder, settings) as installation:
            state = installation.copy(State(migrated_template, folder / "empty"))
            play.set_clock(first)
            assert installation.run(state, STEPS, first).code == 0
            play.set_clock(second)
            found = Undisturbed(installation, second, {}, {}, {})
            for step in STEPS:
                found.before[step] = state
                state = installation.copy(state)
                outcome = installation.run(state, (step,), second)
                assert outcome.code == 0, (folder / "steps.log").read_text()[-3000:]
                found.digests[step] = installation.digest(state)
                found.moments[step] = outcome.moments
            yield found


def choose(moments: Sequence[str], most: int) -> list[int]:
    """Return the numbers of the moments to kill at: all, or some from the first to the last."""
    count = len(moments)
    if EVERY_KILL or count <= most:
        return list(range(1, count + 1))
    return sorted({1 + round(place * (count - 1) / (most - 1)) for place in range(most)})


@pytest.mark.timeout(0 if EVERY_KILL else 300)
@pytest.mark.parametrize("step", STEPS)
def test_a_step_killed_at_any_write_and_repeated_leaves_no_trace(undisturbed: Undisturbed, step: str) -> None:
    moments, installation = undisturbed.moments[step], undisturbed.installation
    assert len(moments) >= 4
    as_of = undisturbed.as_of
    differing = {}
    for number in choose(moments, MOST_KILLS[step]):
        state = installation.copy(undisturbed.before[step])
        assert installation.run(state, (step,), as_of, number).code == -signal.SIGKILL
        assert installation.run(state, (step,), as_of).code == 0
        differing.update(differences(undisturbed, step, state, f"{number} {moments[number - 1]}"))
        installation.drop(state)
    assert differing == {}


@pytest.mark.timeout(0 if EVERY_KILL else 300)
@pytest.mark.parametrize("step", STEPS[2:])
def test_a_run_killed_and_started_again_from_discovery_leaves_no_trace(undisturbed: Undisturbed, step: str) -> None:
    moments, installation = undisturbed.moments[step], undisturbed.installation
    differing = {}
    for number in (len(moments) // 2, len(moments) - 1):
        state = installation.copy(undisturbed.before[step])
        assert installation.run(state, (step,), undisturbed.as_of, number).code == -signal.SIGKILL
        assert installation.run(state, STEPS, undisturbed.as_of).code == 0
        differing.update(differences(undisturbed, STEPS[-1], state, f"{number} {moments[number - 1]}"))
        installation.drop(state)
    assert differing == {}


def differences(undisturbed: Undisturbed, step: str, state: State, moment: str) -> dict[str, list[str]]:
    """Return, by moment, the tables that differ from those of the undisturbed run after a step."""
    found, expected = undisturbed.installation.digest(state), undisturbed.digests[step]
    differing = [name for name in expected if found[name] != expected[name]]
    return {moment: differing} if differing else {}
