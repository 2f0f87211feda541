"""Waivers of criteria and weeks (rule R15)."""

from __future__ import annotations

from sqlalchemy import Engine, select

from hypercare.ledger.tables import waivers
from hypercare.model import Waiver
from hypercare.weeks import Week

WEEK_PREFIX = "week:"
CYCLE = "reconciliation_cycle"


def read_waivers(engine: Engine, engagement: str) -> list[Waiver]:
    """Return every waiver of an engagement, in force or not, in the order of their requests."""
    query = select(waivers).where(waivers.c.engagement == engagement).order_by(waivers.c.requested_as_of)
    with engine.connect() as connection:
        return [
            Waiver(
                criterion=CYCLE if row.criterion.startswith(WEEK_PREFIX) else row.criterion,
                reason=row.reason,
                requested_by=row.requested_by,
                approved_by=row.approved_by,
                expires_on=row.expires_on,
                week=Week.parse(row.criterion.removeprefix(WEEK_PREFIX))
                if row.criterion.startswith(WEEK_PREFIX)
                else None,
            )
            for row in connection.execute(query)
        ]
