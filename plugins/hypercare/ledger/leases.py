"""Who may write: every taker of a resource gets a higher fencing number, and only the highest may publish.

After a kill two tries of one task can overlap for seconds; the earlier one finds its number outrun and is refused.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, select
from sqlalchemy.dialects.postgresql import insert

from hypercare.errors import LeaseLostError
from hypercare.ledger.tables import leases


@dataclass(frozen=True)
class Lease:
    """The right to write one resource, until somebody else takes it."""

    engine: Engine
    resource: str
    fence: int

    def check(self) -> None:
        """Raise LeaseLostError when another try has taken the resource over; it may do so right afterwards."""
        with self.engine.connect() as connection:
            self._compare(connection, lock=False)

    def hold(self, connection: Connection) -> None:
        """Check within a transaction, and keep anybody from taking over until it ends; raises LeaseLostError."""
        self._compare(connection, lock=True)

    def _compare(self, connection: Connection, *, lock: bool) -> None:
        query = select(leases.c.fence).where(leases.c.resource == self.resource)
        current = connection.execute(query.with_for_update() if lock else query).scalar_one_or_none()
        if current != self.fence:
            taker = f"number {current}" if current else "its number is gone"
            msg = f"{self.resource}: another try ({taker}) has taken over from this one (number {self.fence})"
            raise LeaseLostError(msg)


def take_lease(engine: Engine, resource: str) -> Lease:
    """Take a resource over from whoever had it."""
    values = {
        "resource": resource,
        "fence": 1,
        "holder": f"{socket.gethostname()}:{os.getpid()}",
        "taken_at": datetime.now(UTC),
    }
    statement = insert(leases).values(values)
    taken = statement.on_conflict_do_update(
        index_elements=[leases.c.resource],
        set_={
            "fence": leases.c.fence + 1,
            "holder": statement.excluded.holder,
            "taken_at": statement.excluded.taken_at,
        },
    ).returning(leases.c.fence)
    with engine.begin() as connection:
        return Lease(engine, resource, connection.execute(taken).scalar_one())


def take_leases(engine: Engine, work: str, subjects: Iterable[str]) -> dict[str, Lease]:
    """Take one kind of work over for each of these subjects; return the leases by subject."""
    return {subject: take_lease(engine, f"{work}:{subject}") for subject in subjects}
