"""Adjustments of engagements, each a link of the engagement's chain, and who confirmed them (rules R15, R16)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, select
from sqlalchemy.dialects.postgresql import insert

from hypercare.adjustment_terms import Terms, read_terms
from hypercare.adjustments import ADJUSTMENT, Adjustment, identify
from hypercare.canonical import plain
from hypercare.ledger.chain import append_link, lock_engagement, values_digest
from hypercare.ledger.tables import adjustments, confirmations
from hypercare.weeks import Week


@dataclass(frozen=True)
class RecordedAdjustment:
    """An adjustment as the ledger holds it."""

    adjustment: Adjustment
    effect: tuple[str, ...]
    """What was shown before it was confirmed."""
    judge_from: Week | None
    """The first week whose decision rests on it."""
    as_of: datetime
    requested_by: str
    confirmed_by: str


@dataclass(frozen=True)
class Confirmation:
    """What a person answered who was asked to confirm."""

    option: str
    responded_by: str
    responded_at: datetime
    shown: str


def record_adjustment(connection: Connection, engagement: str, recorded: RecordedAdjustment) -> bool:
    """Append an adjustment to an engagement's chain; False, and nothing happens, where it says what one there says.

    Raises ConfigurationError for an engagement that the ledger does not know.
    """
    lock_engagement(connection, engagement)
    if is_recorded(connection, engagement, recorded.adjustment):
        return False
    values = {
        "engagement": engagement,
        "digest": identify(recorded.adjustment),
        "kind": recorded.adjustment.kind.value,
        "adjustment": plain(recorded.adjustment),
        "effect": list(recorded.effect),
        "judge_from": str(recorded.judge_from) if recorded.judge_from else None,
        "as_of": recorded.as_of,
        "requested_by": recorded.requested_by,
        "confirmed_by": recorded.confirmed_by,
    }
    subject = f"{recorded.adjustment.kind} of {recorded.adjustment.decided_on}"
    sequence = append_link(connection, engagement, "adjustment", subject, values_digest(values))
    connection.execute(insert(adjustments).values(**values, sequence=sequence))
    return True


def is_recorded(connection: Connection, engagement: str, adjustment: Adjustment) -> bool:
    """Return whether the ledger holds an adjustment that says just this."""
    same = (adjustments.c.engagement == engagement) & (adjustments.c.digest == identify(adjustment))
    return connection.execute(select(adjustments.c.sequence).where(same)).one_or_none() is not None


def read_adjustments(engine: Engine, engagement: str) -> tuple[RecordedAdjustment, ...]:
    """Return an engagement's adjustments in their order."""
    query = select(adjustments).where(adjustments.c.engagement == engagement).order_by(adjustments.c.sequence)
    with engine.connect() as connection:
        return tuple(
            RecordedAdjustment(
                adjustment=ADJUSTMENT.validate_python(row.adjustment),
                effect=tuple(row.effect),
                judge_from=Week.parse(row.judge_from) if row.judge_from else None,
                as_of=row.as_of,
                requested_by=row.requested_by,
                confirmed_by=row.confirmed_by,
            )
            for row in connection.execute(query)
        )


def read_terms_of(engine: Engine, engagement: str) -> Terms:
    """Return what an engagement's adjustments come to."""
    return read_terms(each.adjustment for each in read_adjustments(engine, engagement))


def record_confirmation(engine: Engine, run: str, confirmation: Confirmation) -> None:
    """Keep what a person answered; the first answer of a run stands."""
    values: dict[str, Any] = {"run": run, **vars(confirmation)}
    with engine.begin() as connection:
        connection.execute(insert(confirmations).values(values).on_conflict_do_nothing())


def read_confirmation(engine: Engine, run: str) -> Confirmation | None:
    """Return what was answered in a run; None where nobody has."""
    query = select(confirmations).where(confirmations.c.run == run)
    with engine.connect() as connection:
        row = connection.execute(query).one_or_none()
    if row is None:
        return None
    return Confirmation(row.option, row.responded_by, row.responded_at, row.shown)
