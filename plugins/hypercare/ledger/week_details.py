"""The figures that stand beside a week's checks, and the pulls that they rest on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.dialects.postgresql import distinct_on

from hypercare.ledger.evidence import RevisionKey
from hypercare.ledger.tables import week_revisions
from hypercare.weeks import Week


@dataclass(frozen=True)
class PullNamed:
    """A pull on which a week's evidence rests."""

    feed: str
    owner: str
    pull: str
    digest: str


def read_week_details(engine: Engine, key: RevisionKey) -> tuple[Mapping[str, Any], tuple[PullNamed, ...]]:
    """Return a revision's figures (`Reconciliation.details`, amounts as exact text) and the pulls it rests on."""
    query = select(week_revisions.c.details, week_revisions.c.pulls).where(key.matches(week_revisions))
    with engine.connect() as connection:
        row = connection.execute(query).one()
    return row.details, tuple(PullNamed(*pull) for pull in row.pulls)


def read_roll_forwards(engine: Engine, engagement: str) -> dict[Week, list[Mapping[str, Any]]]:
    """Return the roll-forward rows of each week's last sealed revision, amounts as exact text, by week."""
    table = week_revisions
    query = (
        select(table.c.week, table.c.details)
        .ext(distinct_on(table.c.week))
        .where(table.c.engagement == engagement, table.c.sealed)
        .order_by(table.c.week, table.c.revision.desc())
    )
    with engine.connect() as connection:
        return {Week.parse(row.week): list(row.details.get("roll_forward", [])) for row in connection.execute(query)}
