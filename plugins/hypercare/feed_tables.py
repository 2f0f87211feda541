"""The SQL tables of a feed, each with the query that makes it of the feed's last versions (see week_views).

A feed's records are one table, every list nested in them one more, and a contract with a `history` has a table of the
states in which pulls saw its records. They rest on two views, `{feed}__versions` and `{feed}__last`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from hypercare.contracts import Column, Contract, ListOf, Record, Scalar, flatten, nested_lists, snake_case
from hypercare.typed import duckdb_type, typed_schema

APPROVABLES = {"InvoiceHeader": "invoices", "RequisitionHeader": "requisitions", "ExpenseReport": "expense_reports"}


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
    is_empty: bool = False
    """Whether it brought no record, so that nobody need open its file."""


@dataclass(frozen=True)
class FeedTable:
    """One table of a feed."""

    name: str
    columns: Mapping[str, str]
    """Name to the expression that makes it."""
    source: str
    """What follows `from`."""

    def query(self, columns: Collection[str]) -> str:
        """Return the query for some of the columns; with none of them its rows can still be counted."""
        chosen = [f"{expression} as {name}" for name, expression in self.columns.items() if name in columns]
        return f"select {', '.join(chosen) or 'true as is_there'} from {self.source}"


def list_tables(contract: Contract, scope: str) -> Iterator[FeedTable]:
    """Yield the tables of a feed's records within scope, a condition on its last versions."""
    last = f"{contract.feed}__last where {scope}"
    columns = {"instance": "instance", **_scalars(contract, contract.columns)}
    yield FeedTable(contract.feed, columns, last)
    for path, node in nested_lists(contract.columns):
        yield _nested_table(contract, path, node, last)
    if contract.history:
        yield _history_table(contract, last)


def _history_table(contract: Contract, last: str) -> FeedTable:
    """Return the table of the states in which pulls saw records, a row each time that one changed into another."""
    states = ", ".join(contract.history)
    one_record = "partition by instance, id order by _updated nulls first, _order"
    versions = (
        f"select instance, id, {states}, updated_at, _updated, _order, row({states}) as state "
        f"from {contract.feed}__versions semi join (select instance, id from {last}) using (instance, id)"
    )
    marked = f"select *, state is distinct from lag(state) over ({one_record}) as is_other from ({versions})"
    numbered = f"select *, count(*) filter (where is_other) over ({one_record}) as number from ({marked})"
    source = (
        f"(select instance, id, {states}, number, min(updated_at) as since, max(updated_at) as last_seen "
        f"from ({numbered}) group by instance, id, {states}, number)"
    )
    columns = {f"{contract.record_name}_id": _qualify(contract, "id")}
    columns |= {name: name for name in (*contract.history, "number", "since", "last_seen")}
    return FeedTable(f"{contract.record_name}_history", columns, source)


def _nested_table(contract: Contract, path: tuple[str, ...], node: ListOf, last: str) -> FeedTable:
    parent_key = f"{contract.record_name}_id"
    levels = _levels(contract.columns, path)
    parent = _qualify(contract, "id")
    source = f"(select instance, {parent} as {parent_key}, unnest({levels[0]}) as item0 from {last})"
    for depth, level in enumerate(levels[1:], start=1):
        outer = f"item{depth - 1}.id as parent{depth - 1}_id"
        inner = f"unnest(item{depth - 1}.{level}) as item{depth}"
        source = f"(select instance, {parent_key}, {outer}, {inner} from {source})"
    columns = {"instance": "instance", parent_key: parent_key}
    if len(levels) > 1:
        outer_name = snake_case(path[-2]).removesuffix("s") + "_id"
        columns[outer_name] = _qualify(contract, f"parent{len(levels) - 2}_id")
    columns |= _scalars(contract, node.record, f"item{len(levels) - 1}.")
    return FeedTable(contract.tables[".".join(path)], columns, source)


def versions_query(contract: Contract, pulls: Sequence[TypedPull]) -> str:
    """Return all versions that the pulls brought.

    `_order` numbers them as the server showed them; `_updated` tells, of files only, when each was updated.
    """
    filled = [(order, pull) for order, pull in enumerate(pulls) if not pull.is_empty]
    if not filled:
        columns = ", ".join(f"null::{kind} as {name}" for name, kind in typed_schema(contract.columns).items())
        return f"select '' as instance, {columns}, 0 as _order, null::timestamptz as _updated where false"
    return " union all by name ".join(
        f"select '{pull.owner}' as instance, *, {order} as _order, "
        f"{'updated_at' if pull.is_delivery else 'null'}::timestamptz as _updated from read_parquet('{pull.path}')"
        for order, pull in filled
    )


def scope_condition(contract: Contract, contracts: Mapping[str, Contract], scope: Sequence[str]) -> str:
    """Return which of a feed's last versions belong to the legal entities of a scope; an empty scope holds all.

    A shared instance's approvals belong where their documents do.
    """
    if not scope:
        return "true"
    entities = ", ".join("'" + entity.replace("'", "''") + "'" for entity in scope)
    if contract.feed == "approvals":
        return f"({_approvals_condition(contracts, scope)}) is not false"
    if not contract.legal_entity_column:
        return "true"
    if not contract.legal_entity_table:
        return f"{contract.legal_entity_column} in ({entities})"
    column = next(snake_case(path) for path, table in contract.tables.items() if table == contract.legal_entity_table)
    return f"list_bool_or(list_transform({column}, lambda x: x.{contract.legal_entity_column} in ({entities})))"


def _approvals_condition(contracts: Mapping[str, Contract], scope: Sequence[str]) -> str:
    return " or ".join(
        f"(approvable_type = '{kind}' and (instance, approvable_id) in (select (instance, id) from {feed}__last "
        f"where {scope_condition(contracts[feed], contracts, scope)}))"
        for kind, feed in APPROVABLES.items()
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


def _scalars(contract: Contract, record: Record, base: str = "") -> dict[str, str]:
    """Return a record's scalars by name, its ids qualified by the instance."""
    return dict(_expressions(contract, flatten(record), base))


def _expressions(contract: Contract, columns: Iterable[Column], base: str) -> Iterator[tuple[str, str]]:
    for column in columns:
        if isinstance(column.node, Scalar):
            value = f"{base}{column.name}"
            expression = _qualify(contract, value) if column.node.kind == "id" else value
            yield column.name, f"({expression})::{duckdb_type(column.node)}"
