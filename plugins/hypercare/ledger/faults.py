"""Faults and who knows of them: a run is red for new ones only (rule R23)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from hypercare.ledger.leases import Lease
from hypercare.ledger.tables import faults, runs

KEY = (faults.c.subject, faults.c.feed, faults.c.cause)
LOCK = 7308613708412
"""Advisory lock: faults are recorded one step after the other, since two may find the same one first."""


@dataclass(frozen=True)
class Fault:
    """Something that kept evidence from being gathered."""

    subject: str
    """The instance, or the engagement."""
    feed: str
    cause: str
    words: str
    engagements: tuple[str, ...]
    required: bool = True


def record_faults(
    engine: Engine,
    as_of: datetime,
    current: Sequence[Fault],
    *,
    checked: Collection[str],
    causes: Collection[str],
    leases: Collection[Lease] = (),
) -> None:
    """Keep what a step found wrong; open faults of these causes and subjects that it no longer found are cleared.

    Raises ValueError for a fault outside of what was checked, and LeaseLostError where another try has taken over one
    of the step's leases: what a late try once met may be mended by now.
    """
    if any(fault.subject not in checked or fault.cause not in causes for fault in current):
        msg = "a fault lies outside of what this step checked"
        raise ValueError(msg)
    with engine.begin() as connection:
        for lease in sorted(leases, key=lambda lease: lease.resource):  # in one order, so that none waits for another
            lease.hold(connection)
        _record(connection, as_of, current, checked, causes)


def _record(
    connection: Connection,
    as_of: datetime,
    current: Sequence[Fault],
    checked: Collection[str],
    causes: Collection[str],
) -> None:
    connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    query = select(faults).where(faults.c.subject.in_(checked), faults.c.cause.in_(causes))
    # The last one of each key, open or not.
    rows = {_key(row): row for row in connection.execute(query.order_by(faults.c.first_as_of))}
    found = {_key(fault): fault for fault in current}
    for key, fault in found.items():
        _note(connection, fault, rows.get(key), as_of)
    for key, row in rows.items():
        if key not in found and row.cleared_as_of is None and row.first_as_of <= as_of:
            _update(connection, row, cleared_as_of=as_of)


def _note(connection: Connection, fault: Fault, last: Row[Any] | None, as_of: datetime) -> None:
    """Keep one fault: open since an earlier run, found again by a repeat of this run, or new."""
    told = {**vars(fault), "engagements": list(fault.engagements)}
    if last is not None and (last.cleared_as_of is None or last.first_as_of == as_of):
        _update(connection, last, **told, last_as_of=max(as_of, last.last_as_of), cleared_as_of=None)
        return
    # What comes back before its day is as known as it was.
    known = last.known_until if last is not None else None
    new = insert(faults).values(**told, first_as_of=as_of, last_as_of=as_of, known_until=known)
    # A run of the past, repeated, finds its own row again.
    again = {**told, "cleared_as_of": None}
    connection.execute(new.on_conflict_do_update(index_elements=[*KEY, faults.c.first_as_of], set_=again))


def new_faults(engine: Engine, as_of: datetime) -> list[Fault]:
    """Return the faults of required evidence for which a run is red.

    Those that it was the first to see and nobody has acknowledged, and those whose acknowledgement has run out since
    the run before it.
    """
    before = select(func.max(runs.c.as_of)).where(runs.c.as_of < as_of)
    query = (
        select(faults)
        .where(faults.c.required, faults.c.first_as_of <= as_of, faults.c.last_as_of >= as_of)
        .where(faults.c.cleared_as_of.is_(None) | (faults.c.cleared_as_of > as_of))
        .order_by(*KEY)
    )
    with engine.connect() as connection:
        last_run = connection.execute(before).scalar_one_or_none()
        return [fault_of(row) for row in connection.execute(query) if _is_new(row, as_of, last_run)]


def open_faults(engine: Engine) -> list[Fault]:
    """Return everything that is wrong and not cleared."""
    query = select(faults).where(faults.c.cleared_as_of.is_(None)).order_by(*KEY)
    with engine.connect() as connection:
        return [fault_of(row) for row in connection.execute(query)]


def cleared_faults(engine: Engine, as_of: datetime) -> list[Fault]:
    """Return what a run was the first to find mended."""
    query = select(faults).where(faults.c.cleared_as_of == as_of).order_by(*KEY)
    with engine.connect() as connection:
        return [fault_of(row) for row in connection.execute(query)]


def fault_of(row: Row[Any]) -> Fault:
    """Return the fault of a row of the ledger."""
    return Fault(row.subject, row.feed, row.cause, row.words, tuple(row.engagements), row.required)


def say_fault(fault: Fault) -> str:
    """Return what tells a fault from others: `acme payments (pull)`."""
    return f"{fault.subject} {fault.feed} ({fault.cause})" if fault.feed else f"{fault.subject} ({fault.cause})"


def _is_new(row: Row[Any], as_of: datetime, last_run: datetime | None) -> bool:
    if row.known_until is None:
        return bool(row.first_as_of == as_of)
    ran_out = row.known_until < as_of.date()
    return ran_out and (row.first_as_of == as_of or last_run is None or row.known_until >= last_run.date())


def _key(fault: Row[Any] | Fault) -> tuple[str, str, str]:
    return fault.subject, fault.feed, fault.cause


def _update(connection: Connection, row: Row[Any], **values: Any) -> None:  # noqa: ANN401 - columns
    same = (faults.c.subject == row.subject) & (faults.c.feed == row.feed) & (faults.c.cause == row.cause)
    connection.execute(update(faults).where(same, faults.c.first_as_of == row.first_as_of).values(**values))
