"""From raw JSON to typed Parquet: every value that does not fit its contract is counted and kept, never nulled in silence.

DuckDB reads the records in the contract's shape with every scalar as VARCHAR, and the same query casts them. A value whose
scale would be rounded does not fit. A record that does not even have the contract's shape (a text where an object
belongs) is read as plain JSON instead, with the same columns and the same count.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb

from hypercare.contracts import Column, Contract, ListOf, Node, Record, Scalar, flatten

MISFITS = "_misfits"
"""Column of typed files: how many values of this record did not fit."""

DUCKDB_TYPES = {
    "id": "varchar",
    "text": "varchar",
    "integer": "bigint",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "timestamptz",
}
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TypedFile:
    """What became of one pull's records."""

    path: Path
    rejects_path: Path | None
    """Parquet of (id, path, raw) for the values that did not fit; None when all fitted."""
    rows: int
    misfits: int


def duckdb_type(scalar: Scalar) -> str:
    """Return the DuckDB type of a scalar."""
    return f"decimal({scalar.precision},{scalar.scale})" if scalar.kind == "decimal" else DUCKDB_TYPES[scalar.kind]


def typed_schema(record: Record) -> dict[str, str]:
    """Return the columns of a record's typed form: snake_case name to DuckDB type, nested lists as STRUCT lists."""
    return {column.name: _typed(column.node) for column in flatten(record)}


def _typed(node: Scalar | ListOf) -> str:
    if isinstance(node, Scalar):
        return duckdb_type(node)
    members = ", ".join(f"{name} {kind}" for name, kind in typed_schema(node.record).items())
    return f"struct({members})[]"


def raw_schema(record: Record) -> dict[str, str]:
    """Return the wire shape of a record for DuckDB's JSON reader: wire name to type, every scalar a VARCHAR."""
    return {name: _raw(node) for name, node in record.fields.items()}


def _raw(node: Node) -> str:
    if isinstance(node, Scalar):
        return "varchar"
    record = node.record if isinstance(node, ListOf) else node
    members = ", ".join(f'"{name}" {kind}' for name, kind in raw_schema(record).items())
    return f"struct({members}){'[]' if isinstance(node, ListOf) else ''}"


def write_typed(connection: duckdb.DuckDBPyConnection, contract: Contract, source: Path, target: Path) -> TypedFile:
    """Write the records of `source` (one JSON array) as Parquet at `target`; rejects go beside it.

    Raises duckdb.Error when the file is no JSON array.
    """
    connection.execute("set TimeZone = 'UTC'")
    try:
        _copy(connection, contract, _shaped(contract, source), target)
    except duckdb.InvalidInputException as error:
        log.warning("%s: some records lack the contract's shape, reading them one by one: %s", contract.feed, error)
        _copy(connection, contract, _unshaped(contract, source), target)
        shape = _unshaped(contract, source)
    else:
        shape = _shaped(contract, source)
    counted = connection.execute(f"select count(*), sum({MISFITS}) from read_parquet(?)", [str(target)]).fetchone()
    rows, misfits = (counted[0], int(counted[1] or 0)) if counted else (0, 0)
    rejects = target.with_suffix(".rejects.parquet") if misfits else None
    if rejects is not None:
        _copy_rejects(connection, contract, shape, target, rejects)
    return TypedFile(target, rejects, rows, misfits)


def _shaped(contract: Contract, source: Path) -> str:
    columns = ", ".join(f"'{name}': '{kind}'" for name, kind in raw_schema(contract.columns).items())
    return f"read_json('{_quoted(source)}', format = 'array', maximum_object_size = 268435456, columns = {{{columns}}})"


def _unshaped(contract: Contract, source: Path) -> str:
    """The same columns from plain JSON: what lacks the shape becomes null there and is counted by `_shape_misfits`."""
    members = ", ".join(f'"{name}": {_json_shape(node)}' for name, node in contract.columns.fields.items())
    lost = " + ".join(
        f"""(coalesce(json_type(json, '$."{name}"'), 'NULL') not in ('NULL', '{expected}'))::bigint"""
        for name, node in contract.columns.fields.items()
        if (expected := {Record: "OBJECT", ListOf: "ARRAY"}.get(type(node)))
    )
    return (
        f"(select unnest(json_transform(json, '{{{members}}}')), {lost or '0'} as _lost_shapes, json as _json "
        f"from read_json_objects('{_quoted(source)}', format = 'array', maximum_object_size = 268435456))"
    )


def _json_shape(node: Node) -> str:
    if isinstance(node, Scalar):
        return '"VARCHAR"'
    record = node.record if isinstance(node, ListOf) else node
    members = ", ".join(f'"{name}": {_json_shape(child)}' for name, child in record.fields.items())
    return f"[{{{members}}}]" if isinstance(node, ListOf) else f"{{{members}}}"


def _copy(connection: duckdb.DuckDBPyConnection, contract: Contract, relation: str, target: Path) -> None:
    columns = list(flatten(contract.columns))
    selected = ",\n  ".join(f"{_cast_column(column, _at(column.path))} as {column.name}" for column in columns)
    misfits = " + ".join(_misfit_count(column.node, _at(column.path)) for column in columns)
    if "_lost_shapes" in relation:
        misfits += " + _lost_shapes"
    query = (
        f"copy (select {selected},\n  {misfits} as {MISFITS}\nfrom {relation}) to '{_quoted(target)}' (format parquet)"
    )
    connection.execute(query)


def _at(path: tuple[str, ...], base: str = "") -> str:
    """Address a wire path as DuckDB does: the first name a column (or a member of `base`), the others members."""
    return ".".join(([base] if base else []) + [f'"{name}"' for name in path])


def _cast_column(column: Column, value: str) -> str:
    if isinstance(column.node, Scalar):
        return _cast(column.node, value)
    return _cast_list(column.node, value, depth=1)


def _cast_list(node: ListOf, value: str, depth: int) -> str:
    item = f"x{depth}"
    members = []
    for column in flatten(node.record):
        inner = _at(column.path, item)
        cast = (
            _cast(column.node, inner) if isinstance(column.node, Scalar) else _cast_list(column.node, inner, depth + 1)
        )
        members.append(f"{column.name} := {cast}")
    return f"list_transform({value}, lambda {item}: struct_pack({', '.join(members)}))"


def _cast(scalar: Scalar, value: str) -> str:
    match scalar.kind:
        case "id" | "text":
            return value
        case "boolean":
            return f"case {value} when 'true' then true when 'false' then false end"
        case "date":
            return f"try_cast(left({value}, 10) as date)"
        case "decimal":
            return f"case when {_keeps_scale(scalar, value)} then try_cast({value} as {duckdb_type(scalar)}) end"
        case _:
            return f"try_cast({value} as {duckdb_type(scalar)})"


def _keeps_scale(scalar: Scalar, value: str) -> str:
    """Whether no digit beyond the scale is lost; exponents are left to fail, since no source writes amounts so."""
    return f"(length({value}) - instr({value} || '.', '.') <= {scalar.scale} or length(rtrim({value}, '0')) - instr({value} || '.', '.') <= {scalar.scale})"


def _misfit(scalar: Scalar, value: str) -> str:
    """SQL condition: the value is there and does not fit."""
    if scalar.kind in ("id", "text"):
        return f"(left({value}, 1) = '{{')" if scalar.kind == "id" else "false"
    return f"({value} <> '' and {_cast(scalar, value)} is null)"


def _misfit_count(node: Scalar | ListOf, value: str, depth: int = 1) -> str:
    if isinstance(node, Scalar):
        condition = _misfit(node, value)
        return "0" if condition == "false" else f"coalesce({condition}, false)::bigint"
    item = f"y{depth}"
    inner = " + ".join(_misfit_count(column.node, _at(column.path, item), depth + 1) for column in flatten(node.record))
    return f"coalesce(list_sum(list_transform({value}, lambda {item}: {inner})), 0)::bigint"


def _copy_rejects(
    connection: duckdb.DuckDBPyConnection, contract: Contract, relation: str, typed: Path, target: Path
) -> None:
    """Write which values did not fit, with their raw text; runs only where some did."""
    selects = [
        f"select id, '{path}' as path, raw from ({source}) where misfit" for path, source in _reject_sources(contract)
    ]
    if "_lost_shapes" in relation:
        selects += [
            f"""select id, '{name}' as path, json_extract_string(_json, '$."{name}"') as raw from bad
            where coalesce(json_type(_json, '$."{name}"'), 'NULL') not in ('NULL', '{expected}')"""
            for name, node in contract.columns.fields.items()
            if (expected := {Record: "OBJECT", ListOf: "ARRAY"}.get(type(node)))
        ]
    union = "\nunion all\n".join(selects)
    connection.execute(
        f"""copy (
        with bad as (
            select * from {relation} where "id" in (select id from read_parquet('{_quoted(typed)}') where {MISFITS} > 0)
        )
        {union}
        ) to '{_quoted(target)}' (format parquet)"""
    )


def _reject_sources(contract: Contract) -> Iterator[tuple[str, str]]:
    def walk(record: Record, base: str, source: str, path: tuple[str, ...], depth: int) -> Iterator[tuple[str, str]]:
        for column in flatten(record):
            here = (*path, *column.path)
            value = _at(column.path, base)
            if isinstance(column.node, Scalar):
                if _misfit(column.node, value) != "false":
                    yield (
                        ".".join(here),
                        f"select id, {value} as raw, {_misfit(column.node, value)} as misfit from {source}",
                    )
            else:
                item = f"u{depth}"
                unnested = f"(select *, unnest({value}) as {item} from {source})"
                yield from walk(column.node.record, item, unnested, here, depth + 1)

    yield from walk(contract.columns, "", "bad", (), 1)


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
