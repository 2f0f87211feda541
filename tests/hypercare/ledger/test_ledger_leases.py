"""Only the latest taker of a resource may write."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, select, text

from hypercare.errors import LeaseLostError
from hypercare.ledger import tables
from hypercare.ledger.leases import Lease, take_lease

RESOURCE = "pull:acme"


def test_every_taker_gets_a_higher_number(ledger_engine: Engine) -> None:
    assert [take_lease(ledger_engine, RESOURCE).fence for _ in range(3)] == [1, 2, 3]
    assert take_lease(ledger_engine, "week:acme").fence == 1
    with ledger_engine.connect() as connection:
        rows = connection.execute(select(tables.leases).order_by(tables.leases.c.resource)).all()
    assert [(row.resource, row.fence) for row in rows] == [(RESOURCE, 3), ("week:acme", 1)]
    assert all(row.holder and row.taken_at.tzinfo for row in rows)


def test_the_earlier_holder_is_refused(ledger_engine: Engine) -> None:
    earlier, later = take_lease(ledger_engine, RESOURCE), take_lease(ledger_engine, RESOURCE)
    later.check()
    with pytest.raises(LeaseLostError, match=r"pull:acme.*number 2.*number 1"):
        earlier.check()
    with pytest.raises(LeaseLostError), ledger_engine.begin() as connection:
        earlier.hold(connection)
    with ledger_engine.begin() as connection:
        later.hold(connection)


def test_a_lease_that_is_gone_is_lost(ledger_engine: Engine) -> None:
    lease = take_lease(ledger_engine, RESOURCE)
    with ledger_engine.begin() as connection:
        connection.execute(tables.leases.delete())
    with pytest.raises(LeaseLostError, match="its number is gone"):
        lease.check()


def wait_for_blocked(engine: Engine) -> None:
    """Return once some session of this database waits for a row of another's."""
    blocked = text(
        "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    )
    pause = threading.Event()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for _ in range(1000):
            if connection.execute(blocked).scalar_one():
                return
            pause.wait(0.01)
    pytest.fail("nobody waits for anybody")


def test_holding_keeps_a_taker_out_until_the_commit(ledger_engine: Engine) -> None:
    lease = take_lease(ledger_engine, RESOURCE)
    taken: list[Lease] = []
    with ledger_engine.begin() as connection:
        lease.hold(connection)
        taker = threading.Thread(target=lambda: taken.append(take_lease(ledger_engine, RESOURCE)))
        taker.start()
        wait_for_blocked(ledger_engine)
        assert taken == []
        connection.execute(tables.instances.insert().values(name="acme", first_seen_as_of="2026-03-01T00:00:00Z"))
    taker.join()
    assert taken[0].fence == 2
    with ledger_engine.connect() as connection:
        assert connection.execute(select(tables.instances.c.name)).scalars().all() == ["acme"]


def test_who_comes_after_a_taker_finds_the_lease_lost(ledger_engine: Engine) -> None:
    lease = take_lease(ledger_engine, RESOURCE)
    outcome: list[str] = []

    def hold() -> None:
        try:
            with ledger_engine.begin() as connection:
                lease.hold(connection)
            outcome.append("held")
        except LeaseLostError:
            outcome.append("lost")

    with ledger_engine.begin() as connection:
        connection.execute(tables.leases.update().values(fence=tables.leases.c.fence + 1))
        holder = threading.Thread(target=hold)
        holder.start()
        wait_for_blocked(ledger_engine)
    holder.join()
    assert outcome == ["lost"]


def test_among_many_takers_at_once_one_stays(ledger_engine: Engine) -> None:
    with ThreadPoolExecutor(16) as pool:
        taken = list(pool.map(lambda _: take_lease(ledger_engine, RESOURCE), range(64)))
    assert sorted(lease.fence for lease in taken) == list(range(1, 65))

    def is_held(lease: Lease) -> bool:
        try:
            lease.check()
        except LeaseLostError:
            return False
        return True

    assert [lease.fence for lease in taken if is_held(lease)] == [64]


def test_only_one_of_many_writers_gets_through(ledger_engine: Engine) -> None:
    """Takers and writers side by side: what a row says in the end was written under the highest number then."""

    def take_and_write(number: int) -> int | None:
        lease = take_lease(ledger_engine, RESOURCE)
        try:
            with ledger_engine.begin() as connection:
                lease.hold(connection)
                connection.execute(text("insert into written values (:fence)"), {"fence": lease.fence})
        except LeaseLostError:
            return None
        return lease.fence

    with ledger_engine.begin() as connection:
        connection.execute(text("create table written (fence bigint, number serial)"))
    with ThreadPoolExecutor(8) as pool:
        wrote = [fence for fence in pool.map(take_and_write, range(48)) if fence]
    with ledger_engine.connect() as connection:
        order = list(connection.execute(text("select fence from written order by number")).scalars())
    assert order == sorted(order) == sorted(wrote)
    assert order[-1] == 48
