"""Decisions of the exit gate, one for each engagement and judged week, chained (rule R15)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection, Engine, delete, func, insert, select
from sqlalchemy.dialects.postgresql import distinct_on

from hypercare.canonical import digest, plain
from hypercare.errors import ContractError
from hypercare.ledger import tables
from hypercare.ledger.chain import append_link, decision_subject, lock_engagement, values_digest
from hypercare.model import ActionItem, Judgement
from hypercare.weeks import Week

ITEM = TypeAdapter(ActionItem)


def record_decision(
    connection: Connection,
    engagement: str,
    week: Week,
    as_of: datetime,
    judgement: Judgement,
    inputs: Mapping[str, Any],
) -> bool:
    """Append a decision, unless the last one of that week rests on the same inputs and says the same.

    `inputs` names everything the judgement was computed from; its digest goes into the decision.
    Returns whether one was appended.
    """
    values = {
        "engagement": engagement,
        "week": str(week),
        "as_of": as_of,
        "state": judgement.state.value,
        "verdict": judgement.verdict.value,
        "criteria": plain(judgement.criteria),
        "reasons": plain(judgement.reasons),
        "cycle": plain(judgement.cycle),
        "policy_version": judgement.policy_version,
        "inputs_digest": digest(inputs),
    }
    lock_engagement(connection, engagement)
    last = _last_decision(connection, engagement, week)
    if last and all(last[name] == values[name] for name in values if name != "as_of"):
        return False
    sequence = append_link(connection, engagement, "decision", decision_subject(str(week)), values_digest(values))
    connection.execute(insert(tables.decisions).values(**values, sequence=sequence))
    return True


def _last_decision(connection: Connection, engagement: str, week: Week) -> Mapping[str, Any] | None:
    query = (
        select(tables.decisions)
        .where(tables.decisions.c.engagement == engagement, tables.decisions.c.week == str(week))
        .order_by(tables.decisions.c.sequence.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else dict(row._mapping)


def latest_decisions(engine: Engine) -> dict[str, Mapping[str, Any]]:
    """Return the decision on the latest judged week of every engagement, by engagement id."""
    query = (
        select(tables.decisions)
        .ext(distinct_on(tables.decisions.c.engagement))
        .order_by(tables.decisions.c.engagement, tables.decisions.c.week.desc(), tables.decisions.c.sequence.desc())
    )
    with engine.connect() as connection:
        return {row.engagement: dict(row._mapping) for row in connection.execute(query)}


def latest_decision(engine: Engine, engagement: str, week: Week | None = None) -> Mapping[str, Any] | None:
    """Return the latest decision on an engagement's latest judged week, or on `week`; None where it was not judged."""
    table = tables.decisions
    query = select(table).where(table.c.engagement == engagement).order_by(table.c.week.desc(), table.c.sequence.desc())
    query = query.where(table.c.week == str(week)) if week else query
    with engine.connect() as connection:
        row = connection.execute(query.limit(1)).one_or_none()
    return None if row is None else dict(row._mapping)


def decided_as_of(engine: Engine, engagement: str) -> dict[Week, datetime]:
    """Return, for each judged week of an engagement, the as_of of its latest decision."""
    table = tables.decisions
    query = select(table.c.week, func.max(table.c.as_of)).where(table.c.engagement == engagement).group_by(table.c.week)
    with engine.connect() as connection:
        return {Week.parse(week): as_of for week, as_of in connection.execute(query)}


def record_action_items(connection: Connection, engagement: str, week: Week, items: Sequence[ActionItem]) -> None:
    """Keep the action items as they stood when a week was judged; those of a week that is decided stay, also none.

    Raises ContractError where two items of a source have one id.
    """
    table = tables.action_items
    lock_engagement(connection, engagement)
    if _last_decision(connection, engagement, week) or not items:
        return
    kept = select(table.c.id).where(table.c.engagement == engagement, table.c.week == str(week)).limit(1)
    if connection.execute(kept).one_or_none():
        return
    doubled = [key for key, count in Counter((item.source, item.id) for item in items).items() if count > 1]
    if doubled:
        names = ", ".join(f"{source} {id_!r}" for source, id_ in doubled)
        msg = f"two action items are called the same: {names}; give each an id of its own"
        raise ContractError(msg)
    common = {"engagement": engagement, "week": str(week)}
    rows = [{**common, "source": item.source, "id": item.id, "item": plain(item)} for item in items]
    connection.execute(insert(table), rows)


def read_action_items(engine: Engine, engagement: str, week: Week) -> tuple[ActionItem, ...]:
    """Return the action items that were kept for a week."""
    table = tables.action_items
    query = (
        select(table.c.item)
        .where(table.c.engagement == engagement, table.c.week == str(week))
        .order_by(table.c.source, table.c.id)
    )
    with engine.connect() as connection:
        return tuple(ITEM.validate_python(item) for item in connection.execute(query).scalars())


def record_run(engine: Engine, as_of: datetime, faults: int, ops_digest: str = "") -> None:
    """Keep that a run took place, and its digest; the same run again replaces its own row."""
    judged = select(func.count()).where(tables.week_revisions.c.as_of == as_of, tables.week_revisions.c.sealed)
    with engine.begin() as connection:
        connection.execute(delete(tables.runs).where(tables.runs.c.as_of == as_of))
        weeks = connection.execute(judged.select_from(tables.week_revisions)).scalar_one()
        values = {"as_of": as_of, "weeks_judged": weeks, "faults": faults, "ops_digest": ops_digest}
        connection.execute(insert(tables.runs).values(values))


def read_runs(engine: Engine) -> list[datetime]:
    """Return the as_of of all runs that took place, oldest first."""
    with engine.connect() as connection:
        return list(connection.execute(select(tables.runs.c.as_of).order_by(tables.runs.c.as_of)).scalars())


def read_ops_digest(engine: Engine, as_of: datetime) -> str:
    """Return the digest of a run in Markdown; empty where no such run took place."""
    query = select(tables.runs.c.ops_digest).where(tables.runs.c.as_of == as_of)
    with engine.connect() as connection:
        return connection.execute(query).scalar_one_or_none() or ""
