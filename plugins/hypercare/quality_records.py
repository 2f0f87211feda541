"""A feed's current records, for many instances at once, as the table `records` that every check looks at.

Columns are the scalars that a check looks at, in the contract's types (an empty text is no value), the nested lists
that hold references, and: `_instance`; `_copies`, how often the id stands in the pull that brought it last;
`_misfits_critical` and `_misfits_other`, values of the record that did not fit; `_missing_{table}_{column}`, required
values that a list lacks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import duckdb

from hypercare.contracts import Contract, ListOf, Record, Scalar, flatten
from hypercare.feed_tables import TypedPull
from hypercare.quality_meanings import sql_literal
from hypercare.quality_suites import (
    COPIES,
    CRITICAL_MISFITS,
    OTHER_MISFITS,
    OWNER,
    Check,
    critical_paths,
    missing_column,
    nested_missing_columns,
    scope_column,
)
from hypercare.typed import MISFITS, duckdb_type

if TYPE_CHECKING:
    import pandas

REJECTS_SUFFIX = ".rejects.parquet"
NOT_AN_OBJECT = "(not the object that belongs there)"
"""Shown for a text in an object's place: it may be somebody's name."""


@dataclass(frozen=True)
class FeedPulls:
    """The published pulls of one feed of one instance, and what their manifests say."""

    feed: str
    instance: str
    """The instance, or for Salesforce and tracker feeds the engagement."""
    pulls: tuple[TypedPull, ...]
    columns_missing: tuple[str, ...] = ()
    """Columns that no answer carried, as wire paths (`currency.code`) or column names (`currency_code`)."""
    rejects: tuple[str, ...] = ()
    """Parquet files of the values that did not fit, beside the typed files as `write_typed` names them.

    Those of other pulls are let be; a misfit that no file explains counts as critical.
    """
    lacks: frozenset[str] = frozenset()
    """Columns (`created_at`, `invoice_lines.id`) and nested tables that the way of delivery does not bring."""
    lenient: bool = False
    """An engagement's first eight weeks, or a holiday week (rule R7)."""

    @property
    def in_order(self) -> tuple[TypedPull, ...]:
        """The pulls, oldest first."""
        return tuple(sorted(self.pulls, key=lambda pull: pull.pull))


@dataclass(frozen=True)
class FailingRow:
    """What failed, by the record's id; `value` is the raw text."""

    id: str
    column: str
    value: str | None


@dataclass(frozen=True)
class Failing:
    """The records of one instance that fail one check: all counted, some named."""

    total: int
    rows: tuple[FailingRow, ...]


NOTHING = Failing(0, ())


def load_records(
    connection: duckdb.DuckDBPyConnection, contract: Contract, checks: Sequence[Check], feeds: Sequence[FeedPulls]
) -> None:
    """Create the tables `records` and `rejects` from at least one pull; raise duckdb.Error for unreadable files."""
    files = [(feed.instance, position, pull) for feed in feeds for position, pull in enumerate(feed.in_order)]
    relation = read_files([pull.path for _, _, pull in files])
    present = {row[0] for row in connection.execute(f"describe select * from {relation}").fetchall()}
    columns = ",\n  ".join(_columns(contract, checks, present))
    _load_rejects(connection, contract, feeds)
    connection.execute(
        f"""
        create or replace temp table records as
        with versions as (
            select {pick([owner for owner, _, _ in files])} as {OWNER},
                {pick([position for _, position, _ in files])} as _position,
                {_updated([pull for _, _, pull in files])} as _updated,
                {columns},
                {MISFITS}
            from {relation}
        ),
        latest as (
            select *, case when id is null then 1 else count(*) over same end as {COPIES}
            from (
                select * exclude (_updated) from versions
                qualify (_updated, _position) = max((_updated, _position)) over (partition by {OWNER}, id)
            )
            window same as (partition by {OWNER}, id)
        ),
        rejected as (
            select owner, position, id, count(*) filter (critical) as critical, count(*) filter (not critical) as other
            from rejects group by all
        )
        select latest.* exclude (_position, {MISFITS}),
            case when {MISFITS} = 0 then 0 else coalesce(rejected.critical, {MISFITS}) end as {CRITICAL_MISFITS},
            case when {MISFITS} = 0 then 0 else coalesce(rejected.other, 0) end as {OTHER_MISFITS},
            _position
        from latest
        left join rejected on rejected.owner = {OWNER} and rejected.position = _position and rejected.id = latest.id
        """
    )


def _updated(pulls: Sequence[TypedPull]) -> str:
    """Return SQL for what decides, before the order of pulls, which version is last: of files, when it was updated."""
    if not any(pull.is_delivery for pull in pulls):
        return "'-infinity'::timestamptz"
    is_delivery = pick([int(pull.is_delivery) for pull in pulls])
    return f"case when {is_delivery} = 1 then coalesce(updated_at, '-infinity') else '-infinity' end::timestamptz"


def read_files(paths: Iterable[str]) -> str:
    """Return SQL that reads typed files; each row's `file_index` says which of them it comes from."""
    files = ", ".join(sql_literal(path) for path in paths)
    return f"read_parquet([{files}], union_by_name = true, hive_partitioning = false)"


def pick(values: Iterable[str | int]) -> str:
    """Return SQL for the value that belongs to a row's file."""
    return f"([{', '.join(sql_literal(value) for value in values)}])[file_index::bigint + 1]"


def find_lacking_columns(
    connection: duckdb.DuckDBPyConnection, contract: Contract, feeds: Sequence[FeedPulls]
) -> dict[str, list[str]]:
    """Return, by instance, the contract's columns that the newest typed file does not have (none where it is empty)."""
    newest = {_bare(feed.in_order[-1].path): feed.instance for feed in feeds}
    paths = ", ".join(sql_literal(feed.in_order[-1].path) for feed in feeds)
    found = connection.execute(
        "select file_name, list(distinct split_part(path_in_schema, ', ', 1)) "
        f"from parquet_metadata([{paths}]) group by file_name"
    ).fetchall()
    wanted = [*(column.name for column in flatten(contract.columns)), MISFITS]
    lacking = {newest[_bare(path)]: [name for name in wanted if name not in set(present)] for path, present in found}
    return {instance: names for instance, names in lacking.items() if names}


def count_applicable(
    connection: duckdb.DuckDBPyConnection, checks: Sequence[Check]
) -> tuple[dict[str, int], dict[tuple[str, str], int]]:
    """Return how many records each instance has, and how many of them each check looks at, by instance and rule."""
    counts = ", ".join(f"count(*) filter ({check.applies})" for check in checks)
    found = connection.execute(f"select {OWNER}, count(*), {counts} from records group by {OWNER}").fetchall()
    rows = {owner: total for owner, total, *_ in found}
    return rows, {
        (owner, check.rule): count
        for owner, _, *applicable in found
        for check, count in zip(checks, applicable, strict=True)
    }


def fetch_frame(connection: duckdb.DuckDBPyConnection, checks: Sequence[Check]) -> pandas.DataFrame:
    """Return what the checks' expectations read, with a boolean column for each condition; all in Arrow types."""
    import pandas as pd

    columns = dict.fromkeys(name for check in checks for name in check.frame_columns)
    selected = [f'"{name}"' for name in columns]
    selected += [f"{check.in_scope} as {scope_column(n)}" for n, check in enumerate(checks) if check.where]
    table: Any = connection.sql(f"select {', '.join(selected)} from records").to_arrow_table()
    frame: pd.DataFrame = table.to_pandas(types_mapper=pd.ArrowDtype)
    return frame


def find_failing(connection: duckdb.DuckDBPyConnection, check: Check, kept: int) -> dict[str, Failing]:
    """Return the records that fail a check, by instance; at most `kept` of each instance are named."""
    source = f'select {OWNER}, id, _position, "{check.column}"::varchar as value from records where {_fails(check)}'
    found = connection.execute(
        f"""
        select {OWNER}, count(*), list(struct_pack(id := id, value := value) order by id)[:{kept}]
        from ({source}) group by {OWNER}
        """
    ).fetchall()
    failing = {
        owner: Failing(total, tuple(FailingRow(row["id"] or "", check.label, row["value"]) for row in rows))
        for owner, total, rows in found
    }
    return _with_raw_values(connection, check, failing, source, kept) if check.kind == "misfits" else failing


def _fails(check: Check) -> str:
    return f"{check.applies} and {check.unexpected}"


def _with_raw_values(
    connection: duckdb.DuckDBPyConnection, check: Check, failing: dict[str, Failing], source: str, kept: int
) -> dict[str, Failing]:
    """Name the values that did not fit rather than how many of them a record has."""
    critical = str(check.column == CRITICAL_MISFITS).lower()
    found = connection.execute(
        f"""
        select owner, list(struct_pack(id := r.id, path := r.path, raw := r.raw) order by r.id, r.path)[:{kept}]
        from rejects as r
        inner join ({source}) as f on f.{OWNER} = r.owner and f._position = r.position and f.id = r.id
        where r.critical = {critical} group by owner
        """
    ).fetchall()
    named = {owner: tuple(FailingRow(row["id"], row["path"], row["raw"]) for row in rows) for owner, rows in found}
    return {owner: Failing(one.total, named.get(owner, one.rows)) for owner, one in failing.items()}


def nested_tables(contract: Contract) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each nested table with the columns to unnest, outermost first: `payable_allocations` by two."""

    def walk(record: Record, path: tuple[str, ...], levels: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
        for column in flatten(record):
            if isinstance(column.node, ListOf):
                here, below = (*path, *column.path), (*levels, column.name)
                yield contract.tables[".".join(here)], below
                yield from walk(column.node.record, here, below)

    return walk(contract.columns, (), ())


def unnest_levels(source: str, levels: Sequence[str]) -> str:
    """Return SQL with `_instance`, `_record` (the record's id) and the columns of a nested table as rows."""
    first, *others = levels
    query = f'(select {OWNER}, id as _record, unnest("{first}") as item from {source})'
    for level in others:
        query = f'(select {OWNER}, _record, unnest(item."{level}") as item from {query})'
    return f"(select {OWNER}, _record, unnest(item) from {query})"


def _columns(contract: Contract, checks: Sequence[Check], present: set[str]) -> Iterator[str]:
    """Yield the columns that are looked at; what no file has is null, so that a required value is missed there."""
    referring = {reference.table for reference in contract.references}
    lists = {levels[0] for table, levels in nested_tables(contract) if table in referring}
    conditions = " ".join([*(check.where for check in checks), *(reference.where for reference in contract.references)])
    wanted = set(re.findall(r"\w+", conditions)) | {name for check in checks for name in check.frame_columns}
    wanted |= {contract.key, *(reference.column for reference in contract.references)}
    for column in flatten(contract.columns):
        if isinstance(column.node, Scalar) and column.name in wanted:
            value = f'"{column.name}"' if column.name in present else "null"
            typed = f"{value}::{duckdb_type(column.node)}"
            yield (
                f"nullif({typed}, '') as \"{column.name}\""
                if column.node.kind in ("id", "text")
                else (f'{typed} as "{column.name}"')
            )
        elif column.name in lists and column.name in present:
            yield f'"{column.name}"'
    tops = {table: levels[0] for table, levels in nested_tables(contract)}
    for table, name, count in nested_missing_columns(contract):
        yield f"{count if tops[table] in present else 'null::bigint'} as {missing_column(table, name)}"


def _load_rejects(connection: duckdb.DuckDBPyConnection, contract: Contract, feeds: Sequence[FeedPulls]) -> None:
    beside = {
        pull.path.removesuffix(".parquet") + REJECTS_SUFFIX: (feed.instance, position)
        for feed in feeds
        for position, pull in enumerate(feed.in_order)
    }
    files = [(*beside[path], path) for feed in feeds for path in feed.rejects if path in beside]
    critical = ", ".join(sql_literal(path) for path in sorted(critical_paths(contract)))
    scalars = ", ".join(sql_literal(path) for path in _scalar_paths(contract.columns))
    if files:
        source = (
            f"select {pick([owner for owner, _, _ in files])} as owner, "
            f"{pick([at for _, at, _ in files])} as position, nullif(id::varchar, '') as id, path, raw "
            f"from {read_files([path for _, _, path in files])}"
        )
    else:
        source = "select '' as owner, 0 as position, '' as id, '' as path, '' as raw where false"
    connection.execute(
        f"""
        create or replace temp table rejects as
        select * replace (case when path in ({scalars}) then raw else '{NOT_AN_OBJECT}' end as raw),
            path in ({critical}) as critical
        from ({source})
        """
    )


def _scalar_paths(record: Record, path: tuple[str, ...] = ()) -> Iterator[str]:
    for column in flatten(record):
        here = (*path, *column.path)
        if isinstance(column.node, ListOf):
            yield from _scalar_paths(column.node.record, here)
        else:
            yield ".".join(here)


def _bare(path: str) -> str:
    """Return a path without scheme and leading slashes: filesystems give URLs back in other spellings."""
    return path.partition("://")[2].lstrip("/") if "://" in path else path.lstrip("/")
