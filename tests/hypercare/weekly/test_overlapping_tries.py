"""Two tries of one piece of work at once, and a try that goes on where a killed one stopped."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection, Engine

from hypercare.errors import LeaseLostError
from hypercare.ledger.contents import digest_contents
from hypercare.ledger.embedded import EmbeddedPostgres
from hypercare.ledger.leases import Lease, take_lease
from hypercare.weekly.discover import discover_work
from hypercare.weekly.judge import judge_all
from hypercare.weekly.measure import measure_batch
from hypercare.weekly.pull import pull_batch
from hypercare.weekly.reconcile import reconcile_batch
from hypercare.weekly.request import RunRequest
from hypercare.weekly.validate import validate_feeds_of_batch
from hypercare.weekly.work import Batch
from sandbox.coupa import shapes
from sandbox.scenario import Scenario
from tests.hypercare.weekly.few_customers import build_world, customer
from tests.playing import Play, playing

FIRST_USER, USERS = 900001, 120
STEPS: tuple[Callable[..., object], ...] = (pull_batch, validate_feeds_of_batch, measure_batch, reconcile_batch)


def build_one_customer() -> Scenario:
    """One customer whose users fill three pages."""
    scenario = build_world([customer("Twice", date(2026, 3, 2))])
    at = datetime(2026, 1, 5, tzinfo=UTC)
    for number in range(FIRST_USER, FIRST_USER + USERS):
        scenario.world.instances["twice"].put("users", at, shapes.user(id=number, created_at=at))
    return scenario


@dataclass
class Pause:
    """Stops the first taker of a lease at its nth question whether it still has it, until told to go on."""

    at: int
    of: str
    """`check` or `hold`."""
    then_ask: bool
    """Whether it stops before it asks; else it was told that it has the lease, and stops then.

    Stopped within a hold it would keep the others waiting: nobody is late there.
    """
    asked: int = 0
    takers: int = 0

    def __post_init__(self) -> None:
        self.reached, self.released = threading.Event(), threading.Event()

    def take(self, engine: Engine, resource: str) -> Lease:
        """Take a lease; the first taker gets one that stops."""
        self.takers += 1
        lease = take_lease(engine, resource)
        return StoppingLease(engine, resource, lease.fence, self) if self.takers == 1 else lease

    def pass_by(self, kind: str, ask: Callable[[], None]) -> None:
        """Ask, stopping before or after it when it is the time."""
        self.asked += kind == self.of
        stops = kind == self.of and self.asked == self.at
        if stops and self.then_ask:
            self._stop()
        ask()
        if stops and not self.then_ask:
            self._stop()

    def _stop(self) -> None:
        self.reached.set()
        assert self.released.wait(120)


@dataclass(frozen=True)
class StoppingLease(Lease):
    """A lease whose holder is slow."""

    pause: Pause

    def check(self) -> None:
        self.pause.pass_by("check", super().check)

    def hold(self, connection: Connection) -> None:
        self.pause.pass_by("hold", lambda: super(StoppingLease, self).hold(connection))


@contextmanager
def playing_once(ledger_url: str, folder: Path) -> Iterator[tuple[Play, Batch, datetime]]:
    """Serve the world and discover the work of its first run."""
    folder.mkdir(exist_ok=True)
    scenario = build_one_customer()
    as_of = scenario.runs[0].as_of
    with pytest.MonkeyPatch.context() as monkeypatch, playing(scenario, folder, ledger_url, monkeypatch) as play:
        play.set_clock(as_of)
        (batch,) = discover_work(play.runtime, RunRequest(as_of=as_of))
        yield play, batch, as_of


def finish(play: Play, batch: Batch, as_of: datetime, steps: tuple[Callable[..., object], ...]) -> dict[str, str]:
    """Run the remaining steps and return the digests of what came of all."""
    for step in steps:
        step(play.runtime, batch, as_of)
    judge_all(play.runtime, as_of)
    return digest_contents(play.runtime.engine, play.runtime.lake)


@pytest.fixture(scope="module")
def undisturbed(
    postgres: EmbeddedPostgres, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """The digests of a run without any second try."""
    with psycopg.connect(postgres.admin_dsn, autocommit=True) as connection:
        connection.execute(f"create database one_try template {migrated_template}")
    with playing_once(postgres.url("one_try"), tmp_path_factory.mktemp("one_try")) as (play, batch, as_of):
        return finish(play, batch, as_of, STEPS)


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("step", "of", "at", "then_ask"),
    [
        (pull_batch, "check", 2, True),
        (pull_batch, "check", 2, False),
        (pull_batch, "check", 9, True),
        (pull_batch, "check", 9, False),
        (pull_batch, "hold", 3, True),
        (validate_feeds_of_batch, "hold", 2, True),
        (measure_batch, "hold", 1, True),
        (measure_batch, "hold", 2, True),
        (reconcile_batch, "hold", 1, True),
        (reconcile_batch, "hold", 2, True),
    ],
    ids=[
        "page",
        "page-told-yes",
        "later",
        "later-told-yes",
        "record",
        "validate",
        "measure",
        "measure-faults",
        "reconcile",
        "reconcile-faults",
    ],
)
def test_a_late_writer_is_refused_and_leaves_nothing(
    undisturbed: dict[str, str],
    ledger_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    step: Callable[..., object],
    of: str,
    at: int,
    then_ask: bool,
) -> None:
    pause = Pause(at, of, then_ask)
    raised: list[BaseException] = []
    with playing_once(ledger_url, tmp_path / "state") as (play, batch, as_of):

        def first_try() -> None:
            try:
                step(play.runtime, batch, as_of)
            except BaseException as error:  # noqa: BLE001 - looked at below
                raised.append(error)

        earlier, later = STEPS[: STEPS.index(step)], STEPS[STEPS.index(step) :]
        for done in earlier:
            done(play.runtime, batch, as_of)
        monkeypatch.setattr("hypercare.ledger.leases.take_lease", pause.take)
        first = threading.Thread(target=first_try)
        first.start()
        try:
            assert pause.reached.wait(120), raised
            step(play.runtime, batch, as_of)
            after_second = digest_contents(play.runtime.engine, play.runtime.lake)
        finally:
            pause.released.set()
            first.join(120)
        assert [type(error) for error in raised] == [LeaseLostError]
        assert digest_contents(play.runtime.engine, play.runtime.lake) == after_second
        assert finish(play, batch, as_of, later[1:]) == undisturbed
