"""What is wrong, since when, and who knows: a run is red for what is new only (rule R23)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, select

from hypercare.errors import LeaseLostError
from hypercare.ledger import tables
from hypercare.ledger.decisions import record_run
from hypercare.ledger.faults import Fault, cleared_faults, new_faults, open_faults, record_faults
from hypercare.ledger.leases import take_leases

MONDAY = datetime(2026, 3, 9, 14, 30, tzinfo=UTC)
TUESDAY, WEDNESDAY, THURSDAY = (MONDAY + timedelta(days=days) for days in (1, 2, 3))
PULL = Fault("acme", "payments", "pull", "503 for 10 minutes", ("Acme phase 1", "Acme phase 2"))
REFUSED = Fault("acme", "users", "refused", "scope core.user.read is missing", ("Acme phase 1",))
OPTIONAL = Fault("acme", "contracts", "pull", "404", ("Acme phase 1",), required=False)


def run(engine: Engine, as_of: datetime, *found: Fault, checked: tuple[str, ...] = ("acme",)) -> list[Fault]:
    """A run's steps and its end, as far as faults go; return what it is red for."""
    record_faults(engine, as_of, found, checked=checked, causes=("pull", "refused"))
    new = new_faults(engine, as_of)
    record_run(engine, as_of, len(new))
    return new


def test_a_fault_is_new_once(ledger_engine: Engine) -> None:
    assert run(ledger_engine, MONDAY, PULL, REFUSED) == [PULL, REFUSED]
    assert run(ledger_engine, TUESDAY, PULL, REFUSED) == []
    assert open_faults(ledger_engine) == [PULL, REFUSED]
    assert new_faults(ledger_engine, MONDAY) == [PULL, REFUSED]


def test_what_is_no_longer_found_is_cleared_and_new_when_it_returns(ledger_engine: Engine) -> None:
    run(ledger_engine, MONDAY, PULL, REFUSED)
    assert run(ledger_engine, TUESDAY, REFUSED) == []
    assert open_faults(ledger_engine) == [REFUSED]
    assert run(ledger_engine, WEDNESDAY, PULL, REFUSED) == [PULL]
    query = select(tables.faults.c.first_as_of, tables.faults.c.cleared_as_of).where(tables.faults.c.cause == "pull")
    with ledger_engine.connect() as connection:
        rows = [tuple(row) for row in connection.execute(query.order_by(tables.faults.c.first_as_of))]
    assert rows == [(MONDAY, TUESDAY), (WEDNESDAY, None)]


def test_what_is_not_required_is_kept_but_turns_nothing_red(ledger_engine: Engine) -> None:
    assert run(ledger_engine, MONDAY, OPTIONAL) == []
    assert open_faults(ledger_engine) == [OPTIONAL]


def test_what_is_said_of_a_fault_is_the_latest(ledger_engine: Engine) -> None:
    run(ledger_engine, MONDAY, PULL)
    later = replace(PULL, words="time-out", engagements=("Acme phase 2",), required=False)
    run(ledger_engine, TUESDAY, later)
    assert open_faults(ledger_engine) == [later]


def test_only_what_a_step_checked_is_cleared(ledger_engine: Engine) -> None:
    other = replace(PULL, subject="borealis")
    measure = replace(PULL, feed="", cause="measure")
    run(ledger_engine, MONDAY, PULL, other, checked=("acme", "borealis"))
    record_faults(ledger_engine, MONDAY, [measure], checked=["acme"], causes=["measure"])
    record_faults(ledger_engine, TUESDAY, [], checked=["borealis"], causes=["pull"])
    assert open_faults(ledger_engine) == [measure, PULL]
    record_faults(ledger_engine, TUESDAY, [], checked=["acme", "borealis"], causes=["judge"])
    record_faults(ledger_engine, TUESDAY, [], checked=[], causes=["pull", "measure"])
    assert open_faults(ledger_engine) == [measure, PULL]
    record_faults(ledger_engine, TUESDAY, [], checked=["acme"], causes=["pull"])
    assert open_faults(ledger_engine) == [measure]


def test_what_recovered_is_told_by_the_run_that_finds_it_and_by_no_other(ledger_engine: Engine) -> None:
    run(ledger_engine, MONDAY, PULL, REFUSED)
    run(ledger_engine, TUESDAY, REFUSED)
    run(ledger_engine, TUESDAY, REFUSED)
    run(ledger_engine, WEDNESDAY, REFUSED)
    assert [cleared_faults(ledger_engine, as_of) for as_of in (MONDAY, TUESDAY, WEDNESDAY)] == [[], [PULL], []]


@pytest.mark.parametrize("outside", [replace(PULL, subject="borealis"), replace(PULL, cause="judge")])
def test_a_fault_outside_of_what_was_checked_is_a_mistake(ledger_engine: Engine, outside: Fault) -> None:
    with pytest.raises(ValueError, match="outside"):
        record_faults(ledger_engine, MONDAY, [PULL, outside], checked=["acme"], causes=["pull"])
    assert open_faults(ledger_engine) == []


def test_a_late_try_neither_adds_a_fault_nor_clears_one(ledger_engine: Engine) -> None:
    run(ledger_engine, MONDAY, REFUSED)
    late = take_leases(ledger_engine, "pull", ["acme", "borealis"]).values()
    take_leases(ledger_engine, "pull", ["borealis"])
    with pytest.raises(LeaseLostError, match="pull:borealis"):
        record_faults(ledger_engine, MONDAY, [PULL], checked=["acme"], causes=["pull", "refused"], leases=late)
    assert open_faults(ledger_engine) == [REFUSED]


def test_repeating_a_run_changes_nothing(ledger_engine: Engine) -> None:
    run(ledger_engine, MONDAY, PULL)
    assert run(ledger_engine, TUESDAY, PULL, REFUSED) == [REFUSED]
    assert run(ledger_engine, TUESDAY, PULL, REFUSED) == [REFUSED]
    with ledger_engine.connect() as connection:
        rows = connection.execute(select(tables.faults).order_by(tables.faults.c.cause)).all()
    assert [(row.cause, row.first_as_of, row.last_as_of) for row in rows] == [
        ("pull", MONDAY, TUESDAY),
        ("refused", TUESDAY, TUESDAY),
    ]


def test_what_a_repeated_try_mends_and_breaks_again_is_one_fault(ledger_engine: Engine) -> None:
    assert run(ledger_engine, MONDAY, PULL) == [PULL]
    assert run(ledger_engine, MONDAY) == []
    assert open_faults(ledger_engine) == []
    assert run(ledger_engine, MONDAY, PULL) == [PULL]
    with ledger_engine.connect() as connection:
        assert len(connection.execute(select(tables.faults)).all()) == 1


def test_a_run_of_the_past_leaves_later_faults_alone(ledger_engine: Engine) -> None:
    run(ledger_engine, TUESDAY, PULL)
    run(ledger_engine, MONDAY)
    assert open_faults(ledger_engine) == [PULL]
    run(ledger_engine, WEDNESDAY)
    run(ledger_engine, THURSDAY, PULL)
    run(ledger_engine, THURSDAY + timedelta(days=1))
    assert run(ledger_engine, TUESDAY, PULL) == [PULL]


def test_batches_that_record_at_once_do_not_disturb_each_other(ledger_engine: Engine) -> None:
    subjects = [f"instance-{number:02d}" for number in range(12)]
    shared = replace(PULL, subject="shared")

    def record(number: int) -> None:
        # Each in another order, as two batches that meet in the middle.
        found = [replace(PULL, subject=subject) for subject in (*subjects[number:], *subjects[:number])]
        for as_of in (MONDAY, TUESDAY):
            record_faults(ledger_engine, as_of, [*found, shared], checked=[*subjects, "shared"], causes=["pull"])

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(record, range(12)))
    assert [fault.subject for fault in open_faults(ledger_engine)] == [*subjects, "shared"]
    assert len(new_faults(ledger_engine, MONDAY)) == 13
    assert new_faults(ledger_engine, TUESDAY) == []
