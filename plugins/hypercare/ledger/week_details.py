"""The figures that stand beside a week's checks: roll-forward per legal entity and currency."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.dialects.postgresql import distinct_on

from hypercare.ledger.tables import week_revisions
from hypercare.weeks import Week


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
