"""Adoption metrics: each SQL file of include/sql/metrics is one metric, its definition the comment that heads it.

A file's query returns rows of `span, dimension, figure, n, numerator, denominator, waiting, waiting_since, detail`, of
which all but the first may be missing; without a dimension there is one row a span. A share has no figure of its own:
it is numerator ÷ denominator, divided here. Figures are rounded half to even, so that the same evidence always has the
same digest: amounts, numerators and denominators to 2 digits, shares (fractions of 1) and hours to 4, counts to whole
ones.

Beside the week's own tables the queries see the views that they name (include/sql/metrics/views) and three tables:
`supplier_targets` (see `set_supplier_targets`), `priority_words` (source, word, severity) and `age_buckets` (label,
from_days, through_days), the last two made of the parameters `priority_words` and `backlog_age_days`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import duckdb

from hypercare.errors import ConfigurationError, ContractError, HypercareError
from hypercare.metric_definitions import MetricDefinition, Needs, Unit, load_metrics
from hypercare.model import Engagement, FeedHealth, FeedState, MetricResult, Span, Verdict
from hypercare.week_views import WeekViews

__all__ = ["MetricDefinition", "Unit", "load_metrics", "measure_week", "set_supplier_targets"]

SCALES = {Unit.AMOUNT: Decimal("0.01"), Unit.SHARE: Decimal("0.0001"), Unit.HOURS: Decimal("0.0001")}
PART_SCALE = Decimal("0.01")
NOTHING_YET = "nothing to measure yet"
COLUMNS = {"span", "dimension", "figure", "n", "numerator", "denominator", "waiting", "waiting_since", "detail"}

Block = tuple[Verdict, str] | None
"""Why something can't be computed; None: it can."""


def set_supplier_targets(views: WeekViews, suppliers: Iterable[str]) -> None:
    """Give the engagement's target list for supplier enablement, as supplier numbers or `instance/id`; empty: none."""
    views.connection.execute("create or replace table supplier_targets (supplier varchar)")
    _insert(views.connection, "supplier_targets", [[supplier] for supplier in suppliers])


def measure_week(
    views: WeekViews,
    feeds: Sequence[FeedHealth],
    definitions: Mapping[str, MetricDefinition],
    parameters: Mapping[str, Any],
    engagement: Engagement,
) -> list[MetricResult]:
    """Compute every metric for the week that `views` is turned to, over its three spans.

    A metric, or the part of it that rests on a feed, is UNKNOWN when that feed is not valid, and NOT_APPLICABLE when
    the feed is no part of the engagement, or optional and refused or absent, when the way in which it is delivered does
    not hold the feed or the part of it, when the product is not bought, and when there is nothing to measure yet.
    `parameters` are the policy's, by the names in the files' headers, and `priority_words`
    ({source: {severity: [word]}}) and `backlog_age_days` (upper ends, ascending).

    Raises ConfigurationError for a missing parameter, ContractError for rows that are no metric's, HypercareError when
    a query fails; each names the file and the engagement.
    """
    health = {feed.feed: feed for feed in feeds}
    _prepare_tables(views.connection, parameters)
    blocked = {name: _find_blocks(definition, health, engagement) for name, definition in definitions.items()}
    runnable = {name for name, blocks in blocked.items() if not all(blocks.values())}
    views.load(query for name in runnable for query in definitions[name].queries)
    created: set[str] = set()
    results: list[MetricResult] = []
    for name, definition in definitions.items():
        rows = []
        if name in runnable:
            where = f"metric file {definition.path.name}, engagement {engagement.id} ({engagement.customer})"
            rows = _run(views.connection, definition, parameters, created, where)
        results += _complete(definition, blocked[name], rows, _find_lack(definition.waiting_parts, health))
    return results


def _prepare_tables(connection: duckdb.DuckDBPyConnection, parameters: Mapping[str, Any]) -> None:
    for name in ("priority_words", "backlog_age_days"):
        if name not in parameters:
            msg = f"metrics need the parameter {name!r}: add it to the policy"
            raise ConfigurationError(msg)
    connection.execute("create table if not exists supplier_targets (supplier varchar)")
    connection.execute("create or replace table priority_words (source varchar, word varchar, severity varchar)")
    words = [
        [source, str(word).strip().lower(), severity]
        for source, severities in parameters["priority_words"].items()
        for severity, listed in severities.items()
        for word in listed
    ]
    _insert(connection, "priority_words", words)
    connection.execute("create or replace table age_buckets (label varchar, from_days bigint, through_days bigint)")
    ends = list(parameters["backlog_age_days"])
    starts = [0, *(end + 1 for end in ends)]
    buckets: list[list[Any]] = [[f"{start}-{end}", start, end] for start, end in zip(starts, ends, strict=False)]
    _insert(connection, "age_buckets", [*buckets, [f"{starts[-1]}+", starts[-1], 10**6]])


def _insert(connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[Sequence[Any]]) -> None:
    if rows:
        connection.executemany(f"insert into {table} values ({', '.join('?' * len(rows[0]))})", rows)


def _find_blocks(
    definition: MetricDefinition, health: Mapping[str, FeedHealth], engagement: Engagement
) -> dict[str, Block]:
    """Say what stands in the way of the metric as a whole ('') and of each dimension with feeds of its own."""
    if definition.products and not definition.products & engagement.products:
        names = ", ".join(sorted(definition.products))
        return {"": (Verdict.NOT_APPLICABLE, f"{names} is not part of this engagement")}
    return {
        dimension: _find_block(needs, health)
        for dimension, needs in {"": definition.needs, **definition.rests_on}.items()
    }


def _find_block(needs: Needs, health: Mapping[str, FeedHealth]) -> Block:
    """Return the worst that the feeds say: UNKNOWN before NOT_APPLICABLE; an optional feed may be absent.

    One that is not held may not: what stands in it is there and unseen, so a figure without it would be too low.
    """
    found = [(feed, _feed_block(feed, health), True) for feed in needs.required]
    found += [(feed, _feed_block(feed, health), _is_not_held(feed, health)) for feed in needs.optional]
    for wanted in (Verdict.UNKNOWN, Verdict.NOT_APPLICABLE):
        for _, block, binds in found:
            if block and block[0] is wanted and (binds or wanted is Verdict.UNKNOWN):
                return block
    lack = _find_lack(needs.parts, health)
    return (Verdict.NOT_APPLICABLE, lack) if lack else None


def _is_not_held(feed: str, health: Mapping[str, FeedHealth]) -> bool:
    return feed in health and health[feed].state is FeedState.NOT_HELD


def _find_lack(parts: Iterable[str], health: Mapping[str, FeedHealth]) -> str:
    """Return why the first of these parts that is not there is not; empty where all are."""
    for name in parts:
        feed, _, part = name.partition(".")
        lack = health[feed].find_lack(part) if feed in health else ""
        if lack:
            return f"{name}: {lack}"
    return ""


def _feed_block(feed: str, health: Mapping[str, FeedHealth]) -> Block:
    state = health.get(feed)
    if state is None:
        return Verdict.NOT_APPLICABLE, f"{feed} are not part of this engagement"
    if state.is_valid:
        return None
    reason = f"{feed}: {state.reason or state.state}"
    if state.state is FeedState.NOT_HELD:
        return Verdict.NOT_APPLICABLE, reason
    if not state.required and state.state in (FeedState.REFUSED, FeedState.ABSENT):
        return Verdict.NOT_APPLICABLE, reason
    return Verdict.UNKNOWN, reason


def _run(
    connection: duckdb.DuckDBPyConnection,
    definition: MetricDefinition,
    parameters: Mapping[str, Any],
    created: set[str],
    where: str,
) -> list[dict[str, Any]]:
    missing = set(definition.parameters) - set(parameters)
    if missing:
        msg = f"{where}: the policy lacks the parameters {sorted(missing)}"
        raise ConfigurationError(msg)
    try:
        for name, view in definition.views.items():
            if name not in created:
                kind = f"macro {name}({', '.join(view.takes)}) as table" if view.takes else f"view {name} as"
                connection.execute(f"create or replace temp {kind} {view.query}")
                created.add(name)
        cursor = connection.execute(definition.query, {name: parameters[name] for name in definition.parameters})
        names = [column[0] for column in cursor.description or ()]
        rows = [{"dimension": "", **dict(zip(names, row, strict=True))} for row in cursor.fetchall()]
    except duckdb.Error as error:
        msg = f"{where}: DuckDB says: {error}"
        raise HypercareError(msg) from error
    _check_rows(names, rows, where)
    return rows


def _check_rows(names: Sequence[str], rows: Sequence[Mapping[str, Any]], where: str) -> None:
    if not {"span"} <= set(names) <= COLUMNS:
        msg = f"{where}: returns the columns {names}; allowed are {sorted(COLUMNS)}, span is needed"
        raise ContractError(msg)
    keys = [(row["span"], row["dimension"]) for row in rows]
    if len(keys) != len(set(keys)) or any(span not in set(Span) or dimension is None for span, dimension in keys):
        msg = f"{where}: a span and dimension comes twice, or is none: {sorted(map(str, keys))}"
        raise ContractError(msg)


def _complete(
    definition: MetricDefinition, blocks: Mapping[str, Block], rows: Sequence[Mapping[str, Any]], waiting_lack: str
) -> Iterator[MetricResult]:
    """Yield the results of a metric in a fixed order: what its rows say, and for each span what stands in the way.

    `waiting_lack`: why nobody knows what is still waiting; empty where it is known.
    """
    for span in Span:
        own = {row["dimension"]: row for row in rows if row["span"] == span}
        governing = {dimension: _governing(dimension, blocks) for dimension in own}
        results = [_result(definition, span, row) for name, row in own.items() if not blocks[governing[name]]]
        if waiting_lack:
            results = [_without_waiting(result, waiting_lack) for result in results]
        withheld = {name for name, block in blocks.items() if block and (name or not own or "" in governing.values())}
        if not results and not withheld:
            withheld = {""}
        for dimension in withheld:
            verdict, reason = blocks[dimension] or (Verdict.NOT_APPLICABLE, NOTHING_YET)
            results.append(MetricResult(definition.metric, span, dimension, verdict, reason=reason))
        yield from sorted(results, key=lambda result: result.dimension)


def _governing(dimension: str, blocks: Mapping[str, Block]) -> str:
    """Return the longest of the dimensions with feeds of their own to which this one belongs, else ''."""
    fitting = [own for own in blocks if own and (dimension == own or dimension.startswith(f"{own}/"))]
    return max(fitting, key=len, default="")


def _result(definition: MetricDefinition, span: Span, row: Mapping[str, Any]) -> MetricResult:
    numerator, denominator = _part(row.get("numerator")), _part(row.get("denominator"))
    if definition.unit is Unit.SHARE:
        value = numerator / denominator if numerator is not None and denominator else None
    else:
        value = _decimal(row.get("figure"))
    since: datetime | None = row.get("waiting_since")
    return MetricResult(
        metric=definition.metric,
        span=span,
        dimension=row["dimension"],
        verdict=Verdict.NOT_APPLICABLE if value is None else Verdict.PASS,
        value=None if value is None else value.quantize(SCALES.get(definition.unit, Decimal(1)), ROUND_HALF_EVEN),
        n=int(row.get("n") or 0),
        numerator=numerator,
        denominator=denominator,
        waiting=None if row.get("waiting") is None else int(row["waiting"]),
        waiting_since=since and since.astimezone(UTC),
        detail=row.get("detail") or "",
        reason=NOTHING_YET if value is None else "",
    )


def _without_waiting(result: MetricResult, lack: str) -> MetricResult:
    reason = result.reason or f"what is still waiting is not told: {lack}"
    return replace(result, waiting=None, waiting_since=None, reason=reason)


def _part(value: Any) -> Decimal | None:  # noqa: ANN401 - a number of any of DuckDB's types
    number = _decimal(value)
    return None if number is None else number.quantize(PART_SCALE, ROUND_HALF_EVEN)


def _decimal(value: Any) -> Decimal | None:  # noqa: ANN401 - a number of any of DuckDB's types
    return None if value is None else Decimal(str(value))
