"""One engagement's records as SQL tables, for the metrics and checks of include/sql.

Every feed is a table of its records' last versions, every nested list a table of its own that carries its parent's id
(`invoice_lines.invoice_id`). Ids of Coupa records are written `instance/id`, so that an engagement on several instances
joins as one. Only records of the engagement's legal entities are there, and of tables and columns only what the queries
name that were given to `load`. Beside them stand:

- `engagement` (one row): id, time_zone, go_live, go_live_at, week_start, week_end, observed_at, and its other facts
- `spans`: week, last_four, since_go_live, each with starts_at and ends_at (UTC, half open)
- `pulls`: feed, instance, pull, observed_at (the server's own time)
- `payment_history` and its like, for contracts with a `history`: record id, the states, their `number` in the record's
  life, `since` and `last_seen` (the record's own `updated_at` when a pull first and last saw it in them)
- macros `local_date(instant)`, `local_midnight(date)`, `business_hours(from, to)`, `add_business_days(date, n)`
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import TracebackType

import duckdb

from hypercare.business_calendar import BusinessCalendar
from hypercare.contracts import Contract
from hypercare.feed_tables import APPROVABLES, FeedTable, TypedPull, list_tables, scope_condition, versions_query
from hypercare.model import Engagement, Span
from hypercare.query_names import find_names
from hypercare.weeks import Week, local_midnight

CALENDAR_BEFORE = timedelta(days=5 * 366)
CALENDAR_AFTER = timedelta(days=2 * 366)


class WeekViews:
    """The tables of one engagement; `select_week` turns them to a week. A context manager."""

    def __init__(
        self,
        engagement: Engagement,
        contracts: Mapping[str, Contract],
        pulls: Sequence[TypedPull],
        connection: duckdb.DuckDBPyConnection | None = None,
    ) -> None:
        """Open the pulls; `connection` brings registered filesystems or settings along."""
        self.engagement = engagement
        self.connection = connection or duckdb.connect()
        self.connection.execute("set TimeZone = 'UTC'")
        self.derived: set[str] = set()
        """Names of tables that were made of the records for the week that is selected."""
        self._selected: tuple[Week, datetime] | None = None
        self._calendar_weeks: tuple[Week, Week] | None = None
        self._contracts = contracts
        self._pulls = sorted(pulls, key=lambda pull: pull.pull)
        self._opened: set[str] = set()
        self._tables: dict[str, tuple[str, FeedTable]] = {}
        self._loaded: dict[str, set[str]] = {}
        self._create_macros()
        for feed, contract in contracts.items():
            scope = scope_condition(contract, contracts, engagement.scope)
            self._tables |= {table.name: (feed, table) for table in list_tables(contract, scope)}
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

    def load(self, queries: Iterable[str]) -> None:
        """Make the tables that the queries name, with the columns that they name, unless they are there.

        Name at once what is going to be run: a column that comes later has its table made anew.
        """
        wanted: dict[str, set[str]] = {}
        for names in map(find_names, queries):
            for table in self._tables.keys() & names.tables:
                columns = set(self._tables[table][1].columns)
                named = columns if table in names.whole_tables else columns & names.words
                wanted.setdefault(table, set()).update(named)
        for table, named in wanted.items():
            if table not in self._loaded or not named <= self._loaded[table]:
                self._loaded[table] = named | self._loaded.get(table, set())
                feed, feed_table = self._tables[table]
                self._open_feed(feed)
                query = feed_table.query(self._loaded[table])
                self.connection.execute(f"create or replace table {table} as {query}")

    def select_week(self, week: Week, observed_at: datetime) -> None:
        """Set `engagement` and `spans` to a week, seen from an instant (aware UTC)."""
        if self._selected == (week, observed_at):
            return
        self._selected = week, observed_at
        self.derived.clear()
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

    def _open_feed(self, feed: str) -> None:
        """Make the views of a feed's versions, and of those that are the last of their record, unless they are there.

        With a feed come those by whose records its scope is told.
        """
        if feed in self._opened:
            return
        self._opened.add(feed)
        if self.engagement.scope and feed == "approvals":
            for approvable in APPROVABLES.values():
                self._open_feed(approvable)
        contract, pulls = self._contracts[feed], [pull for pull in self._pulls if pull.feed == feed]
        self.connection.execute(f"create temp view {feed}__versions as {versions_query(contract, pulls)}")
        last = f"select versions.* exclude (_order, _updated) from {feed}__versions as versions"
        filled = [pull for pull in pulls if not pull.is_empty]
        if any(pull.is_delivery for pull in filled):
            last += (
                " qualify row_number() over ("
                "partition by instance, id order by _updated desc nulls last, _order desc) = 1"
            )
        elif len({pull.owner for pull in filled}) < len(filled):
            self.connection.execute(
                f"create temp table {feed}__repeated as select instance, id, max(_order) as latest "
                f"from {feed}__versions group by all having count(*) > 1"
            )
            last += (
                f" anti join {feed}__repeated as repeated on versions.instance = repeated.instance "
                "and versions.id = repeated.id and versions._order < repeated.latest"
            )
        self.connection.execute(f"create temp view {feed}__last as {last}")
