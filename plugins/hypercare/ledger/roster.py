"""The engagements and instances that the product knows, as last read from Salesforce."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from pydantic import TypeAdapter
from sqlalchemy import Connection, Engine, select, update
from sqlalchemy.dialects.postgresql import insert

from hypercare.canonical import plain
from hypercare.errors import ConfigurationError
from hypercare.ledger.tables import engagements, instances
from hypercare.model import Engagement

ENGAGEMENT = TypeAdapter(Engagement)


def record_engagements(
    engine: Engine, current: Sequence[Engagement], as_of: datetime, unreadable: Collection[str] = ()
) -> None:
    """Keep the engagements in hypercare as of a run; those no longer there stay, marked as gone.

    `unreadable` are ids of records that are in hypercare but can't be read now: they stay as they were last read.
    """
    with engine.begin() as connection:
        connection.execute(
            update(engagements)
            .where(engagements.c.id.not_in([*(engagement.id for engagement in current), *unreadable]))
            .values(in_hypercare=False)
        )
        for engagement in current:
            values = {
                "id": engagement.id,
                "name": engagement.name,
                "facts": plain(engagement),
                "seen_as_of": as_of,
                "first_seen_as_of": as_of,
                "in_hypercare": True,
            }
            statement = insert(engagements).values(values)
            connection.execute(
                statement.on_conflict_do_update(
                    index_elements=[engagements.c.id],
                    set_={name: values[name] for name in ("name", "facts", "seen_as_of", "in_hypercare")},
                )
            )
            for instance in engagement.instances:
                connection.execute(
                    insert(instances).values(name=instance, first_seen_as_of=as_of).on_conflict_do_nothing()
                )


def replace_engagement(connection: Connection, engagement: Engagement) -> None:
    """Hold other facts of an engagement than were last read, because somebody decided so (rule R16)."""
    same = engagements.c.id == engagement.id
    connection.execute(update(engagements).where(same).values(name=engagement.name, facts=plain(engagement)))


def find_engagement(engine: Engine, name: str) -> Engagement:
    """Return an engagement by its name or id, also one that left hypercare; raise ConfigurationError for another."""
    by_name = (engagements.c.id == name) | (engagements.c.name == name)
    with engine.connect() as connection:
        found = connection.execute(select(engagements.c.facts).where(by_name)).scalars().all()
    if len(found) != 1:
        words = (
            f"{len(found)} engagements are called {name}, use the id" if found else f"no engagement is called {name}"
        )
        msg = f"{words}; see `hypercare verdicts`"
        raise ConfigurationError(msg)
    return ENGAGEMENT.validate_python(found[0])


def read_engagements(engine: Engine, ids: Sequence[str] | None = None) -> list[Engagement]:
    """Return engagements by id (all in hypercare when None), ordered by name."""
    query = select(engagements.c.facts).order_by(engagements.c.name, engagements.c.id)
    query = query.where(engagements.c.in_hypercare) if ids is None else query.where(engagements.c.id.in_(ids))
    with engine.connect() as connection:
        return [ENGAGEMENT.validate_python(facts) for facts in connection.execute(query).scalars()]


def connected_since(engine: Engine) -> dict[str, datetime]:
    """Return, by engagement id, the as_of of the run that saw it first."""
    with engine.connect() as connection:
        rows = connection.execute(select(engagements.c.id, engagements.c.first_seen_as_of))
        return {row.id: row.first_seen_as_of for row in rows}
