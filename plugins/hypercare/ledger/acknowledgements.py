"""Who knows of which fault, until when and why (rule R23): what is known leaves a run green, with a note."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Engine, insert, select, update

from hypercare.errors import ConfigurationError
from hypercare.ledger.faults import KEY, Fault, fault_of, say_fault
from hypercare.ledger.tables import acknowledgements, faults


@dataclass(frozen=True)
class Acknowledgement:
    """Somebody says that the open faults of a subject are known."""

    subject: str
    """An instance, or an engagement by name or ICM id."""
    until: date
    """The last day (UTC) on which no run is red for them."""
    reason: str
    who: str
    feed: str = ""
    """Only the faults of this feed; empty: of every feed."""
    cause: str = ""
    """Only faults of this cause, such as `refused`; empty: of every cause."""

    def means(self, fault: Fault) -> bool:
        """Whether a fault is among those that are said to be known."""
        return (
            self.subject in (fault.subject, *fault.engagements)
            and self.feed in ("", fault.feed)
            and self.cause in ("", fault.cause)
        )


@dataclass(frozen=True)
class KnownFault:
    """An open fault for which no run is red."""

    fault: Fault
    until: date
    who: str
    reason: str


def read_acknowledgement(answers: Mapping[str, Any]) -> Acknowledgement:
    """Return what a form or the command line says.

    Raises ConfigurationError naming every answer that is missing, and a day that is none.
    """
    words = {name: str(answers.get(name) or "").strip() for name in ("subject", "until", "reason", "who")}
    missing = [name for name, text in words.items() if not text]
    if missing:
        msg = f"an acknowledgement needs {', '.join(missing)}"
        raise ConfigurationError(msg)
    try:
        until = date.fromisoformat(words["until"])
    except ValueError as error:
        msg = f"until: {words['until']!r} is no date; write 2026-11-30"
        raise ConfigurationError(msg) from error
    chosen = {name: str(answers.get(name) or "").strip() for name in ("feed", "cause")}
    return Acknowledgement(words["subject"], until, words["reason"], words["who"], **chosen)


def acknowledge_faults(engine: Engine, said: Acknowledgement, at: datetime) -> list[Fault]:
    """Keep an acknowledgement for every open fault that it means, as of an instant; return these faults.

    Raises ConfigurationError for a day that has passed, and where no such fault is open: then it names those that are.
    """
    if said.until < at.date():
        msg = f"until: {said.until} has passed; name the last day on which this may stay as it is"
        raise ConfigurationError(msg)
    with engine.begin() as connection:
        query = select(faults).where(faults.c.cleared_as_of.is_(None)).order_by(*KEY).with_for_update()
        everything = [(row, fault_of(row)) for row in connection.execute(query)]
        meant = [(row, fault) for row, fault in everything if said.means(fault)]
        if not meant:
            wanted = " ".join(filter(None, (said.subject, said.feed, said.cause)))
            known = "; ".join(say_fault(fault) for _, fault in everything) or "no fault at all"
            msg = f"no fault of {wanted} is open; open are: {known}"
            raise ConfigurationError(msg)
        for row, fault in meant:
            same = [column == getattr(row, column.name) for column in (*KEY, faults.c.first_as_of)]
            connection.execute(update(faults).where(*same).values(known_until=said.until))
            connection.execute(
                insert(acknowledgements).values(
                    subject=fault.subject,
                    feed=fault.feed,
                    cause=fault.cause,
                    acknowledged_at=at,
                    until=said.until,
                    reason=said.reason,
                    who=said.who,
                )
            )
    return [fault for _, fault in meant]


def known_faults(engine: Engine, as_of: datetime) -> list[KnownFault]:
    """Return the open faults that are known on a run's day, by whom and why."""
    query = (
        select(faults, acknowledgements.c.who, acknowledgements.c.reason)
        .join(
            acknowledgements,
            (acknowledgements.c.subject == faults.c.subject)
            & (acknowledgements.c.feed == faults.c.feed)
            & (acknowledgements.c.cause == faults.c.cause)
            & (acknowledgements.c.until == faults.c.known_until),
        )
        .where(faults.c.cleared_as_of.is_(None), faults.c.known_until >= as_of.date())
        .order_by(*KEY, acknowledgements.c.acknowledged_at)
    )
    with engine.connect() as connection:
        rows = list(connection.execute(query))
    # Said twice with the same day, the later words count.
    latest = {(row.subject, row.feed, row.cause): row for row in rows}
    return [KnownFault(fault_of(row), row.known_until, row.who, row.reason) for row in latest.values()]
