"""What is said of a feed as a whole, as measured figures with their limits: columns, freshness, volume, references.

DuckDB measures; Great Expectations checks one small frame of all measures. Freshness and volume are held against the
instance's own past, never against a figure of ours (rule R7).
"""

from __future__ import annotations

import logging
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise, takewhile
from typing import TYPE_CHECKING

import duckdb

from hypercare.contracts import Contract, Reference, flatten, nested_lists
from hypercare.errors import ContractError
from hypercare.quality_expectations import Validator
from hypercare.quality_records import (
    NOTHING,
    Failing,
    FailingRow,
    FeedPulls,
    nested_tables,
    pick,
    read_files,
    unnest_levels,
)
from hypercare.quality_suites import OWNER, Severity, critical_paths

if TYPE_CHECKING:
    import pandas

UPDATED = "updated_at"
DAY = timedelta(days=1)
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ValidationLimits:
    """How much is too much; policy of this product, not of any source."""

    rows_in_frame: int = 500_000
    """Rows of a feed and batch up to which Great Expectations looks at the records themselves."""
    severity: Severity = "warning"
    """Of freshness, volume and references once an engagement is past its first weeks (rule R7)."""
    pulls_of_past: int = 3
    """How many earlier pulls make a past to compare with."""
    age_factor: float = 2.0
    """The newest change may be this many times as old as it has ever been at an earlier pull …"""
    age_allowed: timedelta = timedelta(days=7)
    """… and always this old."""
    volume_least: float = 0.2
    volume_most: float = 5.0
    """Changed rows a day, as a share of the median of earlier pulls."""
    volume_worth_judging: int = 20
    """Below this many rows, expected and seen, volume says nothing."""
    volume_days: float = 0.5
    """Pulls closer than this to the one before them say nothing of volume."""
    failing_rows_kept: int = 10_000
    """Of one rule and instance, in the file of failing rows."""


@dataclass(frozen=True)
class Measure:
    """A figure of one feed and instance that must lie within its limits."""

    feed: str
    instance: str
    rule: str
    kind: str
    severity: Severity
    measured: float
    words: str
    """What is wrong when it does not."""
    least: float = -math.inf
    most: float = math.inf
    evaluated: int = 1
    """How many things the figure was taken over."""
    failing: Failing = NOTHING

    @property
    def is_within(self) -> bool:
        """Whether it lies within its limits."""
        return self.least <= self.measured <= self.most


def measure_columns(contract: Contract, feed: FeedPulls) -> list[Measure]:
    """Measure how many of the contract's columns no answer carried: the critical ones and the others."""
    critical = {_plain(path) for path in critical_paths(contract)}
    missing = dict.fromkeys(feed.columns_missing)
    groups: tuple[tuple[str, Severity, list[str]], ...] = (
        ("columns_present", "critical", [name for name in missing if _plain(name) in critical]),
        ("other_columns_present", "warning", [name for name in missing if _plain(name) not in critical]),
    )
    asked = sum(1 for _ in flatten(contract.columns)) + sum(1 for _ in nested_lists(contract.columns))
    return [
        Measure(
            contract.feed,
            feed.instance,
            f"{contract.feed}.{name}",
            "columns",
            severity,
            measured=len(names),
            words=f"no answer carried {', '.join(names)}",
            most=0,
            evaluated=asked,
        )
        for name, severity, names in groups
    ]


def _plain(name: str) -> str:
    return name.replace("-", "_").replace(".", "_")


@dataclass(frozen=True)
class PullFigures:
    """What one pull brought: when, how many rows, and the newest change seen up to then."""

    observed_at: datetime
    rows: int
    newest: datetime | None


def measure_past(
    connection: duckdb.DuckDBPyConnection, contract: Contract, feeds: Sequence[FeedPulls], limits: ValidationLimits
) -> list[Measure]:
    """Measure, per instance, how old its newest change is and how many rows changed; may raise duckdb.Error."""
    if all(column.name != UPDATED for column in flatten(contract.columns)):
        return []
    files = [(feed.instance, position, pull.path) for feed in feeds for position, pull in enumerate(feed.in_order)]
    found = connection.execute(
        f"""
        select {pick([owner for owner, _, _ in files])} as owner, {pick([at for _, at, _ in files])} as position,
            count(*), max({UPDATED})
        from {read_files([path for _, _, path in files])} group by all
        """
    ).fetchall()
    figures = {(owner, position): (rows, newest) for owner, position, rows, newest in found}
    measures = []
    for feed in feeds:
        past, newest = [], None
        for position, pull in enumerate(feed.in_order):
            rows, latest = figures.get((feed.instance, position), (0, None))
            newest = max((moment for moment in (newest, latest) if moment is not None), default=None)
            past.append(PullFigures(pull.observed_at, rows, newest))
        measures += _measure_freshness(feed, past, limits) + _measure_volume(feed, past, limits)
    return measures


def _measure_freshness(feed: FeedPulls, past: Sequence[PullFigures], limits: ValidationLimits) -> list[Measure]:
    newest = past[-1].newest
    if newest is None:
        return []
    before = takewhile(lambda pull: pull.newest != newest, past)  # a silence must not become its own yardstick
    ages = [pull.observed_at - pull.newest for pull in before if pull.newest is not None]
    if len(ages) < limits.pulls_of_past:
        return []
    allowed = max(limits.age_allowed, limits.age_factor * max(ages))
    age, most = (past[-1].observed_at - newest) / DAY, allowed / DAY
    return [
        Measure(
            feed.feed,
            feed.instance,
            f"{feed.feed}.fresh",
            "freshness",
            _severity(feed, limits),
            measured=age,
            words=f"its newest change is {age:.1f} days old, by its own past it should be at most {most:.1f}",
            most=most,
        )
    ]


def _measure_volume(feed: FeedPulls, past: Sequence[PullFigures], limits: ValidationLimits) -> list[Measure]:
    days = [(later.observed_at - earlier.observed_at) / DAY for earlier, later in pairwise(past)]
    daily = [
        pull.rows / gap for pull, gap in zip(past[1:-1], days[:-1], strict=False) if gap >= limits.volume_days
    ]  # without the first pull, the baseline
    if len(daily) < limits.pulls_of_past or days[-1] < limits.volume_days:
        return []
    rows, expected = past[-1].rows, statistics.median(daily) * days[-1]
    if max(rows, expected) < limits.volume_worth_judging:
        return []
    return [
        Measure(
            feed.feed,
            feed.instance,
            f"{feed.feed}.volume",
            "volume",
            _severity(feed, limits),
            measured=rows,
            words=f"{rows} rows changed in {days[-1]:.1f} days, by its own past it should be about {expected:.0f}",
            least=limits.volume_least * expected,
            most=limits.volume_most * expected,
        )
    ]


def _severity(feed: FeedPulls, limits: ValidationLimits) -> Severity:
    return "warning" if feed.lenient else limits.severity


class KnownKeys:
    """The ids of the feeds that others refer to, by instance, over all versions; needs every feed of the batch."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        contracts: Mapping[str, Contract],
        feeds: Mapping[str, Sequence[FeedPulls]],
    ) -> None:
        self.connection = connection
        self.instances: dict[str, set[str]] = {}
        """By table of keys: the instances whose keys are known."""
        references = {(reference.feed, reference.through) for feed in feeds for reference in contracts[feed].references}
        for feed, through in sorted(references):
            self._load(contracts[feed], through, [f for f in feeds.get(feed, ()) if f.pulls])

    @staticmethod
    def table(reference: Reference) -> str:
        """Return the name of the table that holds the keys a reference means."""
        return f"keys_of_{reference.through or reference.feed}"

    def _load(self, contract: Contract, through: str, feeds: Sequence[FeedPulls]) -> None:
        table = f"keys_of_{through or contract.feed}"
        self.connection.execute(f"create or replace temp table {table} (owner varchar, id varchar)")
        known = self.instances.setdefault(table, set())
        if self._insert(table, contract, through, feeds):
            known.update(feed.instance for feed in feeds)
        else:
            known.update(feed.instance for feed in feeds if self._insert(table, contract, through, [feed]))

    def _insert(self, table: str, contract: Contract, through: str, feeds: Sequence[FeedPulls]) -> bool:
        """Add the keys of these instances; False, with nothing added, where a file cannot be read."""
        files = [(feed.instance, pull.path) for feed in feeds for pull in feed.pulls]
        if not files:
            return False
        owner = pick([instance for instance, _ in files])
        source = read_files([path for _, path in files])
        if through:
            levels = next(levels for name, levels in nested_tables(contract) if name == through)
            source = unnest_levels(f"(select *, {owner} as {OWNER} from {source})", levels)
            owner = OWNER
        try:
            self.connection.execute(f"insert into {table} select distinct {owner}, id::varchar from {source}")
        except duckdb.Error as error:
            names = ", ".join(feed.instance for feed in feeds)
            log.warning("%s of %s: keys cannot be read: %s", contract.feed, names, str(error).partition("\n")[0])
            return False
        return True


def measure_references(
    connection: duckdb.DuckDBPyConnection,
    contract: Contract,
    feeds: Iterable[FeedPulls],
    keys: KnownKeys,
    limits: ValidationLimits,
) -> list[Measure]:
    """Measure the references of `records` that lead nowhere, where the other feed is in the batch, too."""
    owners = {feed.instance: feed for feed in feeds}
    measures = []
    for reference in contract.references:
        known = keys.instances[KnownKeys.table(reference)]
        for owner, total, orphans, rows in _find_orphans(connection, contract, reference, limits.failing_rows_kept):
            if owner in known:
                measures.append(_orphan_measure(contract, reference, owners[owner], total, orphans, rows, limits))
    return measures


def _orphan_measure(
    contract: Contract,
    reference: Reference,
    feed: FeedPulls,
    total: int,
    orphans: int,
    rows: Sequence[Mapping[str, str | None]],
    limits: ValidationLimits,
) -> Measure:
    label = f"{reference.table}.{reference.column}" if reference.table else reference.column
    target = reference.through or reference.feed
    return Measure(
        contract.feed,
        feed.instance,
        f"{contract.feed}.{label.replace('.', '_')}_in_{target}",
        "reference",
        _severity(feed, limits),
        measured=orphans,
        words=f"{orphans} of {total} values of {label} are not among the {target} that were pulled",
        most=0,
        evaluated=total,
        failing=Failing(orphans, tuple(FailingRow(row["id"] or "", label, row["value"]) for row in rows)),
    )


def _find_orphans(
    connection: duckdb.DuckDBPyConnection, contract: Contract, reference: Reference, kept: int
) -> list[tuple[str, int, int, list[dict[str, str | None]]]]:
    """Return, by instance, how many values there are, how many of them lead nowhere, and some of those."""
    if reference.table:
        levels = next(levels for table, levels in nested_tables(contract) if table == reference.table)
        source = unnest_levels("records", levels)
    else:
        source = "(select *, id as _record from records)"
    key = KnownKeys.table(reference)
    try:
        return connection.execute(
            f"""
            with referring as (
                select {OWNER}, _record, nullif("{reference.column}"::varchar, '') as value
                from {source} where {reference.where or "true"}
            )
            select {OWNER}, count(*), count(*) filter ({key}.id is null),
                coalesce(list(struct_pack(id := _record, value := value) order by _record)
                    filter ({key}.id is null), [])[:{kept}]
            from referring left join {key} on {key}.owner = {OWNER} and {key}.id = value
            where value is not null group by {OWNER}
            """
        ).fetchall()
    except duckdb.Error as error:
        msg = f"contract {contract.feed}: the reference of {reference.column} to {reference.feed} is wrong: {error}"
        raise ContractError(msg) from error


def check_measures(validator: Validator, measures: Sequence[Measure]) -> str:
    """Let Great Expectations check all measures; return why that broke, empty when it agrees with `is_within`."""
    if not measures:
        return ""
    outcomes = validator.run(_statistics_frame(measures), STATISTICS_SUITE)
    faults = [f"{rule}: {outcome.fault}" for rule, outcome in outcomes.items() if outcome.fault]
    if faults:
        return "; ".join(faults)
    own = {
        "statistics.present": sum(math.isnan(m.measured) for m in measures),
        "statistics.not_above": sum(m.measured > m.most for m in measures),
        "statistics.not_below": sum(m.measured < m.least for m in measures),
    }
    for rule, outcome in outcomes.items():
        if (outcome.evaluated, outcome.unexpected) != (len(measures), own[rule]):
            return (
                f"{rule}: of {len(measures)} figures {own[rule]} are off, "
                f"Great Expectations found {outcome.unexpected} of {outcome.evaluated}"
            )
    return ""


def _statistics_frame(measures: Sequence[Measure]) -> pandas.DataFrame:
    import pandas as pd

    columns = ("feed", "instance", "rule", "measured", "least", "most")
    return pd.DataFrame([[getattr(m, name) for name in columns] for m in measures], columns=list(columns))


STATISTICS_SUITE = {
    "name": "feed_statistics.v1",
    "expectations": [
        {
            "type": "expect_column_values_to_not_be_null",
            "kwargs": {"column": "measured"},
            "meta": {"rule": "statistics.present"},
            "severity": "critical",
        },
        {
            "type": "expect_column_pair_values_a_to_be_greater_than_b",
            "kwargs": {"column_A": "most", "column_B": "measured", "or_equal": True, "ignore_row_if": "neither"},
            "meta": {"rule": "statistics.not_above"},
            "severity": "critical",
        },
        {
            "type": "expect_column_pair_values_a_to_be_greater_than_b",
            "kwargs": {"column_A": "measured", "column_B": "least", "or_equal": True, "ignore_row_if": "neither"},
            "meta": {"rule": "statistics.not_below"},
            "severity": "critical",
        },
    ],
    "meta": {},
}
