"""What was pulled, and how it validated."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, Row, delete, select, update
from sqlalchemy.dialects.postgresql import distinct_on, insert

from hypercare.ledger.leases import Lease
from hypercare.ledger.tables import pulls, rule_results
from hypercare.model import FeedState


@dataclass(frozen=True)
class PullRecord:
    """One pull of one feed, whatever came of it."""

    feed: str
    owner: str
    pull: str
    outcome: str
    """`published`, `fault`, `refused`, or `not held` where the instance is fed by files that cannot hold the feed."""
    reason: str = ""
    path: str = ""
    rejects_path: str = ""
    rows: int = 0
    misfits: int = 0
    columns_missing: tuple[str, ...] = ()
    observed_at: datetime | None = None
    watermark: datetime | None = None
    digest: str = ""
    state: str = ""
    state_reason: str = ""


@dataclass(frozen=True)
class RuleRecord:
    """What one rule found in one feed of one owner."""

    rule: str
    severity: str
    outcome: str
    evaluated: int
    unexpected: int
    sample: tuple[str, ...]
    message: str


def record_pull(connection: Connection, record: PullRecord) -> None:
    """Keep what came of a pull. A published pull never changes; a fault is replaced by a later try."""
    values = {**vars(record), "columns_missing": list(record.columns_missing)}
    statement = insert(pulls).values(values)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=[pulls.c.feed, pulls.c.owner, pulls.c.pull],
            set_={name: value for name, value in values.items() if name not in ("feed", "owner", "pull")},
            where=pulls.c.outcome != "published",
        )
    )


def record_validation(
    engine: Engine,
    key: tuple[str, str, str],
    state: FeedState,
    reason: str,
    rules: Iterable[RuleRecord],
    failing_rows_path: str,
    lease: Lease,
) -> None:
    """Keep a validation of the pull `key` (feed, owner, pull); the first one stands.

    Raises LeaseLostError where another try has taken over.
    """
    feed, owner, pull = key
    where = (pulls.c.feed == feed) & (pulls.c.owner == owner) & (pulls.c.pull == pull)
    with engine.begin() as connection:
        lease.hold(connection)
        current = connection.execute(select(pulls.c.state).where(where).with_for_update()).scalar_one()
        if current:
            return
        connection.execute(
            update(pulls)
            .where(where)
            .values(state=state.value, state_reason=reason, failing_rows_path=failing_rows_path)
        )
        same = (rule_results.c.feed == feed) & (rule_results.c.owner == owner) & (rule_results.c.pull == pull)
        connection.execute(delete(rule_results).where(same))
        key_columns = {"feed": feed, "owner": owner, "pull": pull}
        rows = [{**key_columns, **vars(rule), "sample": list(rule.sample)} for rule in rules]
        if rows:
            connection.execute(insert(rule_results), rows)


def read_pulls(engine: Engine, owners: Sequence[str], up_to: str) -> list[PullRecord]:
    """Return all pulls of these owners up to a pull id, oldest first."""
    query = (
        select(pulls)
        .where(pulls.c.owner.in_(owners), pulls.c.pull <= up_to)
        .order_by(pulls.c.pull, pulls.c.feed, pulls.c.owner)
    )
    with engine.connect() as connection:
        return [_record(row) for row in connection.execute(query)]


def newest_pulls(engine: Engine) -> list[tuple[str, str, str]]:
    """Return feed, owner and id of the newest published pull of every feed, by feed."""
    query = (
        select(pulls.c.feed, pulls.c.owner, pulls.c.pull)
        .ext(distinct_on(pulls.c.feed))
        .where(pulls.c.outcome == "published")
        .order_by(pulls.c.feed, pulls.c.pull.desc(), pulls.c.owner)
    )
    with engine.connect() as connection:
        return [(row.feed, row.owner, row.pull) for row in connection.execute(query)]


def _record(row: Row[tuple[object, ...]]) -> PullRecord:
    values = dict(row._mapping)
    del values["failing_rows_path"]
    values["columns_missing"] = tuple(values["columns_missing"])
    return PullRecord(**values)
