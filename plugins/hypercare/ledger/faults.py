"""Faults and who knows of them: a run is red for new ones only (rule R23)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, insert, select, update

from hypercare.ledger.tables import faults


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
    engine: Engine, as_of: datetime, current: Sequence[Fault], *, checked: Collection[str], causes: Collection[str]
) -> None:
    """Keep what a step found wrong; open faults of these causes and subjects that it no longer found are cleared.

    Raises ValueError for a fault outside of what was checked.
    """
    if any(fault.subject not in checked or fault.cause not in causes for fault in current):
        msg = "a fault lies outside of what this step checked"
        raise ValueError(msg)
    with engine.begin() as connection:
        _record(connection, as_of, current, checked, causes)


def _record(
    connection: Connection,
    as_of: datetime,
    current: Sequence[Fault],
    checked: Collection[str],
    causes: Collection[str],
) -> None:
    query = (
        select(faults)
        .where(faults.c.cleared_as_of.is_(None), faults.c.subject.in_(checked), faults.c.cause.in_(causes))
        .order_by(faults.c.subject, faults.c.feed, faults.c.cause)
        .with_for_update()
    )
    open_rows = {(row.subject, row.feed, row.cause): row for row in connection.execute(query)}
    found = {(fault.subject, fault.feed, fault.cause): fault for fault in current}
    for key, fault in found.items():
        if key in open_rows:
            _update(connection, open_rows[key], last_as_of=as_of, words=fault.words)
        else:
            connection.execute(_insert(fault, as_of))
    for key, row in open_rows.items():
        if key not in found:
            _update(connection, row, cleared_as_of=as_of)


def new_faults(engine: Engine, as_of: datetime) -> list[Fault]:
    """Return the faults of required evidence that this run was the first to see and nobody has acknowledged."""
    query = (
        select(faults)
        .where(faults.c.first_as_of == as_of, faults.c.required)
        .where(faults.c.cleared_as_of.is_(None) | (faults.c.cleared_as_of != as_of))
        .order_by(faults.c.subject, faults.c.feed, faults.c.cause)
    )
    with engine.connect() as connection:
        return [_fault(row) for row in connection.execute(query) if not _is_known(row, as_of.date())]


def open_faults(engine: Engine) -> list[Fault]:
    """Return everything that is wrong and not cleared."""
    query = select(faults).where(faults.c.cleared_as_of.is_(None)).order_by(faults.c.subject, faults.c.feed)
    with engine.connect() as connection:
        return [_fault(row) for row in connection.execute(query)]


def _is_known(row: Row[Any], day: date) -> bool:
    return row.known_until is not None and row.known_until >= day


def _insert(fault: Fault, as_of: datetime) -> Any:  # noqa: ANN401 - an SQL statement
    values = {**vars(fault), "engagements": list(fault.engagements)}
    return insert(faults).values(**values, first_as_of=as_of, last_as_of=as_of)


def _update(connection: Connection, row: Row[Any], **values: Any) -> None:  # noqa: ANN401 - columns
    same = (faults.c.subject == row.subject) & (faults.c.feed == row.feed) & (faults.c.cause == row.cause)
    connection.execute(update(faults).where(same, faults.c.first_as_of == row.first_as_of).values(**values))


def _fault(row: Row[Any]) -> Fault:
    return Fault(row.subject, row.feed, row.cause, row.words, tuple(row.engagements), row.required)
