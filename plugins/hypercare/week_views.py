"""One engagement's records as SQL tables, for the metrics and checks of include/sql.

Every feed is a table of its records' last versions, every nested list a table of its own that carries its parent's id
(`invoice_lines.invoice_id`). Ids of Coupa records are written `instance/id`, so that an engagement on several instances
joins as one. Only records of the engagement's legal entities are there. Beside them stand:

- `engagement` (one row): id, time_zone, go_live, go_live_at, week_start, week_end, observed_at, and its other facts
- `spans`: week, last_four, since_go_live, each with starts_at and ends_at (UTC, half open)
- `pulls`: feed, instance, pull, observed_at (the server's own time)
- `payment_history` and its like, for contracts with a `history`: record id, the states, `since` and `last_seen` (the
  record's own `updated_at` when a pull first and last saw it in them)
- macros `local_date(instant)`, `local_midnight(date)`, `business_hours(from, to)`, `add_business_days(date, n)`
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import TracebackType

import duckdb

from hypercare.business_calendar import BusinessCalendar
from hypercare.contracts import Column, Contract, ListOf, Record, Scalar, flatten, nested_lists, snake_case
from hypercare.model import Engagement, Span
from hypercare.typed import MISFITS, duckdb_type, typed_schema
from hypercare.weeks import Week, local_midnight

CALENDAR_BEFORE = timedelta(days=5 * 366)
CALENDAR_AFTER = timedelta(days=2 * 366)


@dataclass(frozen=True)
class TypedPull:
    """A published pull of one feed, as typed Parquet."""

    feed: str
    owner: str
    """The instance, or for Salesforce and tracker feeds the engagement."""
    pull: str
    """Pull ids sort by time."""
    path: str
    """A local path, or a URL of a filesystem that was registered with the connection."""
    observed_at: datetime
    """The server's own time at the first answer, UTC."""
    is_delivery: bool = False
    """Whether it came as files: it holds a version of a record for each time that it was updated, and files may arrive
    late, so that the version updated last counts, not the last to come."""


class WeekViews:
    """The tables of one engagement; `select_week` turns them to a week. A context manager."""

    def __init__(
        self,
        engagement: Engagement,
        contracts: Mapping[str, Contract],
        pulls: Sequence[TypedPull],
        connection: duckdb.DuckDBPyConnection | None = None,
    ) -> None:
        """Load the last versions of all records; `connection` brings registered filesystems or settings along."""
        self.engagement = engagement
        self.connection = connection or duckdb.connect()
        self.connection.execute("set TimeZone = 'UTC'")
        self._calendar_weeks: tuple[Week, Week] | None = None
        self._create_macros()
        for contract in contracts.values():
            own = sorted((p for p in pulls if p.feed == contract.feed), key=lambda pull: pull.pull)
            self._create_feed(contract, own)
        self._scope_approvals()
        self.connection.execute(
            "create table pulls (feed varchar, instance varchar, pull varchar, observed_at timestamptz)"
        )
        if pulls:
            self.connection.executemany(
                "insert into pulls values (?, ?, ?, ?)", [[p.feed, p.owner, p.pull, p.observed_at] for p in pulls]
            )

    def __enter__(self) -> WeekViews:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.connection.close()

    def select_week(self, week: Week, observed_at: datetime) -> None:
        """Set `engagement` and `spans` to a week, seen from an instant (aware UTC)."""
        engagement = self.engagement
        start, end = week.start(engagement.time_zone), week.end(engagement.time_zone)
        go_live_at = local_midnight(engagement.go_live, engagement.time_zone)
        self.connection.execute(
            """
            create or replace table engagement as select
                $id as id, $name as name, $zone as time_zone, $go_live::date as go_live,
                $go_live_at::timestamptz as go_live_at, $week as week, $monday::date as week_monday,
                $sunday::date as week_sunday, $start::timestamptz as week_start, $end::timestamptz as week_end,
                $observed_at::timestamptz as observed_at, $cadence as payment_cadence, $erp_leg as erp_leg,
                $coupa_pay::boolean as has_coupa_pay
            """,
            {
                "id": engagement.id,
                "name": engagement.name,
                "zone": engagement.time_zone,
                "go_live": engagement.go_live,
                "go_live_at": go_live_at,
                "week": str(week),
                "monday": week.monday,
                "sunday": week.sunday,
                "start": start,
                "end": end,
                "observed_at": observed_at.astimezone(UTC),
                "cadence": str(engagement.payment_cadence),
                "erp_leg": str(engagement.erp_leg),
                "coupa_pay": engagement.has_coupa_pay,
            },
        )
        four = week.shift(-3).start(engagement.time_zone)
        spans = [
            (Span.WEEK, max(start, go_live_at), end),
            (Span.LAST_FOUR, max(four, go_live_at), end),
            (Span.SINCE_GO_LIVE, go_live_at, end),
        ]
        self.connection.execute(
            "create or replace table spans (span varchar, starts_at timestamptz, ends_at timestamptz)"
        )
        self.connection.executemany("insert into spans values (?, ?, ?)", [[str(s), a, b] for s, a, b in spans])
        self._fill_calendar(week)

    def _create_macros(self) -> None:
        zone = self.engagement.time_zone
        self.connection.execute(f"create macro local_date(instant) as cast(timezone('{zone}', instant) as date)")
        self.connection.execute(f"create macro local_midnight(day) as timezone('{zone}', cast(day as timestamp))")
        self.connection.execute(
            # Index 0 gives null; a negative one would count from the calendar's end.
            "create macro calendar_index(day) as"
            " greatest(0, date_diff('day', getvariable('calendar_first_day'), day) + 1)"
        )
        self.connection.execute(
            """
            create macro business_seconds(instant) as
                getvariable('calendar_seconds_before')[calendar_index(local_date(instant))]
                + greatest(0, least(
                    getvariable('calendar_seconds')[calendar_index(local_date(instant))],
                    epoch(instant) - getvariable('calendar_opens')[calendar_index(local_date(instant))]
                ))
            """
        )
        self.connection.execute(
            "create macro business_hours(starts, ends) as (business_seconds(ends) - business_seconds(starts)) / 3600.0"
        )
        self.connection.execute(
            """
            create macro add_business_days(day, days) as case when days = 0 then day else
                getvariable('calendar_business_days')[
                    getvariable('calendar_days_through')[calendar_index(day)] + cast(days as bigint)
                ] end
            """
        )

    def _fill_calendar(self, week: Week) -> None:
        """Set the variables of the calendar's macros, once for all weeks of a year around the first one selected."""
        if self._calendar_weeks and self._calendar_weeks[0] <= week <= self._calendar_weeks[1]:
            return
        engagement = self.engagement
        self._calendar_weeks = (first, last) = (week.shift(-52), week.shift(52))
        calendar = BusinessCalendar(engagement.time_zone, engagement.holiday_calendar)
        days = list(calendar.days(first.monday - CALENDAR_BEFORE, last.sunday + CALENDAR_AFTER))
        before, through, total, count = [], [], 0, 0
        for _, _, seconds in days:
            before.append(total)
            total += seconds
            count += seconds > 0
            through.append(count)
        variables = {
            "calendar_first_day": days[0][0],
            "calendar_opens": [opens.timestamp() for _, opens, _ in days],
            "calendar_seconds": [seconds for _, _, seconds in days],
            "calendar_seconds_before": before,
            "calendar_days_through": through,
            "calendar_business_days": [day for day, _, seconds in days if seconds],
        }
        for name, value in variables.items():
            self.connection.execute(f"set variable {name} = $value", {"value": value})

    def _create_feed(self, contract: Contract, pulls: Sequence[TypedPull]) -> None:
        """Create the feed's table of last versions within scope, and its nested tables."""
        self.connection.execute(f"create temp view {contract.feed}__versions as {_versions(contract, pulls)}")
        self.connection.execute(
            f"""
            create temp table {contract.feed}__last as
            select * exclude (_order, _updated) from {contract.feed}__versions
            qualify row_number() over (
                partition by instance, id order by _updated desc nulls last, _order desc
            ) = 1
            """
            if len(pulls) > 1 or any(pull.is_delivery for pull in pulls)
            else f"create temp table {contract.feed}__last as "
            f"select * exclude (_order, _updated) from {contract.feed}__versions"
        )
        scoped = self._scope_condition(contract)
        self.connection.execute(
            f"create table {contract.feed} as select instance, {_projection(contract, contract.columns)}, {MISFITS} "
            f"from {contract.feed}__last where {scoped}"
        )
        for path, node in nested_lists(contract.columns):
            self._create_nested(contract, path, node, scoped)
        if contract.history:
            self._create_history(contract)
        self.connection.execute(f"drop table {contract.feed}__last")
        self.connection.execute(f"drop view {contract.feed}__versions")

    def _create_history(self, contract: Contract) -> None:
        """Create the table of the states in which pulls saw the feed's records, for states that carry no date."""
        record_id = _qualify(contract, "id")
        states = ", ".join(contract.history)
        self.connection.execute(
            f"create table {contract.record_name}_history as "
            f"select {record_id} as {contract.record_name}_id, {states}, "
            f"min(updated_at) as since, max(updated_at) as last_seen from {contract.feed}__versions "
            f"where {record_id} in (select id from {contract.feed}) group by all"
        )

    def _create_nested(self, contract: Contract, path: tuple[str, ...], node: ListOf, scoped: str) -> None:
        table = contract.tables[".".join(path)]
        parent_key = f"{contract.record_name}_id"
        levels = _levels(contract.columns, path)
        last = f"{contract.feed}__last where {scoped}"
        source = f"(select instance, id as {parent_key}, unnest({levels[0]}) as item0 from {last})"
        for depth, level in enumerate(levels[1:], start=1):
            outer = f"item{depth - 1}.id as parent{depth - 1}_id"
            inner = f"unnest(item{depth - 1}.{level}) as item{depth}"
            source = f"(select instance, {parent_key}, {outer}, {inner} from {source})"
        item = f"item{len(levels) - 1}"
        parent = _qualify(contract, parent_key)
        enclosing = ""
        if len(levels) > 1:
            outer_name = snake_case(path[-2]).removesuffix("s") + "_id"
            enclosing = f"{_qualify(contract, f'parent{len(levels) - 2}_id')} as {outer_name}, "
        self.connection.execute(
            f"create table {table} as select instance, {parent} as {parent_key}, {enclosing}"
            f"{_projection(contract, node.record, item)} from {source}"
        )

    def _scope_condition(self, contract: Contract) -> str:
        if not self.engagement.scope or not contract.legal_entity_column:
            return "true"
        entities = ", ".join("'" + entity.replace("'", "''") + "'" for entity in self.engagement.scope)
        if not contract.legal_entity_table:
            return f"{contract.legal_entity_column} in ({entities})"
        column = next(
            snake_case(path) for path, table in contract.tables.items() if table == contract.legal_entity_table
        )
        return f"list_bool_or(list_transform({column}, lambda x: x.{contract.legal_entity_column} in ({entities})))"

    def _scope_approvals(self) -> None:
        """Keep, of a shared instance's approvals, those of documents within scope."""
        if not self.engagement.scope:
            return
        self.connection.execute(
            """
            delete from approvals where not (
                (approvable_type = 'InvoiceHeader' and approvable_id in (select id from invoices))
                or (approvable_type = 'RequisitionHeader' and approvable_id in (select id from requisitions))
                or (approvable_type = 'ExpenseReport' and approvable_id in (select id from expense_reports))
            )
            """
        )


def _versions(contract: Contract, pulls: Sequence[TypedPull]) -> str:
    """All versions that the pulls brought, in the order in which the server showed them."""
    if not pulls:
        columns = ", ".join(f"null::{kind} as {name}" for name, kind in typed_schema(contract.columns).items())
        return (
            f"select '' as instance, {columns}, 0::bigint as {MISFITS}, 0 as _order, null::timestamptz as _updated "
            "where false"
        )
    return " union all by name ".join(
        f"select '{pull.owner}' as instance, *, {order} as _order, "
        f"{'updated_at' if pull.is_delivery else 'null'}::timestamptz as _updated from read_parquet('{pull.path}')"
        for order, pull in enumerate(pulls)
    )


def _levels(record: Record, path: tuple[str, ...]) -> list[str]:
    """Split a wire path into the columns to unnest, outermost first."""
    for column in flatten(record):
        if isinstance(column.node, ListOf) and path[: len(column.path)] == column.path:
            rest = path[len(column.path) :]
            return [column.name] + (_levels(column.node.record, rest) if rest else [])
    msg = f"no list at {path}"
    raise ValueError(msg)


def _qualify(contract: Contract, expression: str) -> str:
    return f"instance || '/' || {expression}" if contract.system == "coupa" else expression


def _projection(contract: Contract, record: Record, base: str = "") -> str:
    """Select a record's scalars, its ids qualified by the instance."""

    def value(column: Column) -> str:
        name = f"{base}.{column.name}" if base else column.name
        assert isinstance(column.node, Scalar)
        return _qualify(contract, name) if column.node.kind == "id" else name

    scalars = [column for column in flatten(record) if isinstance(column.node, Scalar)]
    return ", ".join(f"{value(column)}::{duckdb_type(_scalar(column))} as {column.name}" for column in scalars)


def _scalar(column: Column) -> Scalar:
    assert isinstance(column.node, Scalar)
    return column.node
