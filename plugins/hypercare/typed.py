"""From raw JSON to typed Parquet: a value that does not fit its contract is counted and kept, never nulled in silence.

DuckDB reads the records in the contract's shape with every scalar as VARCHAR, and the same query casts them. The first
query is strict: it fails at the first value that does not fit, so the usual case pays for no count. Where it fails, the
second counts each record's misfits and their raw text goes to a file of rejects. A value that would be rounded does not
fit. A record that does not even have the contract's shape (a text where an object belongs) makes the second query read
plain JSON, with the same columns and the same count.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
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
LARGEST_RECORD = 16 * 1024 * 1024
"""Bytes of the largest record that DuckDB's reader takes; its buffers are twice that."""
ROWS_IN_MEMORY = 4_096
"""Rows that the Parquet writer gathers before it writes them."""
JSON_TYPES = {Record: "OBJECT", ListOf: "ARRAY"}
log = logging.getLogger(__name__)

Cast = Callable[[Scalar, str], str]


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


def write_typed(
    connection: duckdb.DuckDBPyConnection,
    contract: Contract,
    source: Path,
    target: Path,
    superseded: Sequence[int] = (),
    largest_record: int = LARGEST_RECORD,
) -> TypedFile:
    """Write the records of `source` (one JSON array of objects) as Parquet at `target`; rejects go beside it.

    `superseded` names records to leave out by their place in the array, from 0; `largest_record` is in bytes, and a
    smaller one saves memory. The connection's time zone becomes UTC.
    Raises duckdb.Error when the file is no JSON array of objects.
    """
    connection.execute("set TimeZone = 'UTC'")
    if superseded:
        places = {"places": list(superseded)}
        connection.execute("create or replace temp table superseded as select unnest($places) as place", places)
    shaped = _without_superseded(_shaped(contract, source, largest_record), superseded)
    try:
        rows = _copy(connection, contract, shaped, target, _strict_cast)
    except (duckdb.InvalidInputException, duckdb.ConversionException) as error:
        log.info("%s: not every value fits its contract, counting those: %s", contract.feed, type(error).__name__)
    else:
        return TypedFile(target, None, rows, 0)
    objects = _without_superseded(_objects(source, largest_record), superseded)
    try:
        rows = _copy(connection, contract, shaped, target, _cast, _misfits(contract))
    except duckdb.InvalidInputException:
        unshaped = _unshaped(contract, objects)
        rows = _copy(connection, contract, unshaped, target, _cast, _misfits(contract) + " + _lost_shapes")
    misfits = _scalar_of(connection, f"select sum({MISFITS}) from read_parquet('{_quoted(target)}')")
    rejects = target.with_suffix(".rejects.parquet") if misfits else None
    if rejects is not None:
        _copy_rejects(connection, contract, objects, target, rejects)
    return TypedFile(target, rejects, rows, misfits)


def write_empty(contract: Contract, target: Path) -> TypedFile:
    """Write a typed file without records, as many increments are: casting nothing would take as long as a page."""
    target.write_bytes(_empty_file(tuple({**typed_schema(contract.columns), MISFITS: "bigint"}.items())))
    return TypedFile(target, None, 0, 0)


@lru_cache
def _empty_file(schema: tuple[tuple[str, str], ...]) -> bytes:
    columns = ", ".join(f"null::{kind} as {name}" for name, kind in schema)
    with tempfile.TemporaryDirectory(prefix="hypercare-typed-") as scratch, duckdb.connect() as connection:
        target = Path(scratch) / "empty.parquet"
        connection.execute(f"copy (select {columns} where false) to '{_quoted(target)}' (format parquet)")
        return target.read_bytes()


def _scalar_of(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    row = connection.execute(query).fetchone()
    return int(row[0] or 0) if row else 0


def _shaped(contract: Contract, source: Path, largest_record: int) -> str:
    columns = ", ".join(f"'{name}': '{kind}'" for name, kind in raw_schema(contract.columns).items())
    return (
        f"read_json('{_quoted(source)}', format = 'array', maximum_object_size = {largest_record}, "
        f"columns = {{{columns}}})"
    )


def _objects(source: Path, largest_record: int) -> str:
    path = _quoted(source)
    return f"read_json_objects('{path}', format = 'array', maximum_object_size = {largest_record})"


def _unshaped(contract: Contract, objects: str) -> str:
    """Read the same columns from plain JSON: what lacks the shape becomes null and is counted in `_lost_shapes`."""
    members = ", ".join(f'"{name}": {_json_shape(node)}' for name, node in contract.columns.fields.items())
    lost = " + ".join(f"len({values})" for _, values in _shape_misfits(contract.columns)) or "0"
    return (
        f"(select unnest(json_transform(json, '{{{members}}}')), {lost} as _lost_shapes, json as _json from {objects})"
    )


def _without_superseded(relation: str, superseded: Sequence[int]) -> str:
    if not superseded:
        return relation
    numbered = f"(select *, row_number() over () - 1 as _place from {relation})"
    return f"(select * exclude (_place) from {numbered} where _place not in (select place from superseded))"


def _json_shape(node: Node) -> str:
    if isinstance(node, Scalar):
        return '"VARCHAR"'
    record = node.record if isinstance(node, ListOf) else node
    members = ", ".join(f'"{name}": {_json_shape(child)}' for name, child in record.fields.items())
    return f"[{{{members}}}]" if isinstance(node, ListOf) else f"{{{members}}}"


def _shape_misfits(record: Record, base: str = "$", names: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """Yield, for every object and list below a record, its path and SQL for the list of values that are neither."""
    for name, node in record.fields.items():
        if isinstance(node, Scalar):
            continue
        here, path = (*names, name), f'{base}."{name}"'
        yield ".".join(here), _values_unlike(path, JSON_TYPES[type(node)])
        if isinstance(node, ListOf):
            yield ".".join(here), _values_unlike(f"{path}[*]", "OBJECT")
            yield from _shape_misfits(node.record, f"{path}[*]", here)
        else:
            yield from _shape_misfits(node, path, here)


def _values_unlike(path: str, expected: str) -> str:
    found = f"json_extract(json, '{path}')" if "[*]" in path else f"[json_extract(json, '{path}')]"
    return f"list_filter({found}, lambda v: json_type(v) not in ('{expected}', 'NULL'))"


def _copy(
    connection: duckdb.DuckDBPyConnection,
    contract: Contract,
    relation: str,
    target: Path,
    cast: Cast,
    misfits: str = "0::bigint",
) -> int:
    """Write the relation's records, each scalar through `cast`; return how many there were."""
    columns = flatten(contract.columns)
    selected = ",\n  ".join(f"{_cast_column(column, _at(column.path), cast)} as {column.name}" for column in columns)
    written = f"select {selected},\n  {misfits} as {MISFITS}\nfrom {relation}"
    to = f"'{_quoted(target)}' (format parquet, row_group_size {ROWS_IN_MEMORY})"
    return _scalar_of(connection, f"copy ({written}) to {to}")


def _at(path: tuple[str, ...], base: str = "") -> str:
    """Address a wire path as DuckDB does: the first name a column (or a member of `base`), the others members."""
    return ".".join(([base] if base else []) + [f'"{name}"' for name in path])


def _cast_column(column: Column, value: str, cast: Cast, depth: int = 1) -> str:
    if isinstance(column.node, Scalar):
        return cast(column.node, value)
    item = f"x{depth}"
    members = ", ".join(
        f"{inner.name} := {_cast_column(inner, _at(inner.path, item), cast, depth + 1)}"
        for inner in flatten(column.node.record)
    )
    return f"list_transform({value}, lambda {item}: struct_pack({members}))"


def _strict_cast(scalar: Scalar, value: str) -> str:
    """Return SQL for the typed value; it fails where the raw one does not fit."""
    typed, fits = duckdb_type(scalar), _fits_before_cast(scalar, value)
    if fits == "true":
        return value if typed == "varchar" else f"cast(nullif({value}, '') as {typed})"
    return (
        f"case when {fits} then cast({_castable(scalar, value)} as {typed}) when {value} <> '' then error({value}) end"
    )


def _cast(scalar: Scalar, value: str) -> str:
    """Return SQL for the typed value; null where the raw one does not fit."""
    typed, fits = duckdb_type(scalar), _fits_before_cast(scalar, value)
    if fits == "true":
        return value if typed == "varchar" else f"try_cast({value} as {typed})"
    return f"case when {fits} then try_cast({_castable(scalar, value)} as {typed}) end"


def _castable(scalar: Scalar, value: str) -> str:
    """Return SQL for the text to cast; of a date, the day as the customer sees it, without time and offset."""
    return f"left({value}, 10)" if scalar.kind == "date" else value


def _fits_before_cast(scalar: Scalar, value: str) -> str:
    """Return the SQL condition that casting loses nothing; that the text can be cast at all is left to the cast."""
    match scalar.kind:
        case "id":
            return f"{value}[1] not in ('{{', '[')"
        case "boolean":
            return f"{value} in ('true', 'false')"
        case "date":
            return f"{value}[11] in ('', 'T', ' ')"
        case "decimal" | "integer":
            return _keeps_digits(duckdb_type(scalar), scalar.scale, value)
        case _:
            return "true"


def _keeps_digits(typed: str, scale: int, value: str) -> str:
    """Return the SQL condition that no digit beyond the scale is lost: casts round silently."""
    plain = f"regexp_full_match({value}, '[^.eE]*(\\.[0-9]{{0,{scale}}}0*)?')"
    same = f"try_cast({value} as {typed})::double = try_cast({value} as double)"
    return f"case when {plain} then true else regexp_matches({value}, '[eE]') and {same} end"


def _misfit(scalar: Scalar, value: str) -> str:
    """Return the SQL condition: the value is there and does not fit."""
    return "false" if scalar.kind == "text" else f"({value} <> '' and {_cast(scalar, value)} is null)"


def _misfits(contract: Contract) -> str:
    """Return SQL for the number of a record's values that do not fit."""
    return " + ".join(_misfit_count(column.node, _at(column.path)) for column in flatten(contract.columns))


def _misfit_count(node: Scalar | ListOf, value: str, depth: int = 1) -> str:
    if isinstance(node, Scalar):
        condition = _misfit(node, value)
        return "0" if condition == "false" else f"coalesce({condition}, false)::bigint"
    item = f"y{depth}"
    inner = " + ".join(_misfit_count(column.node, _at(column.path, item), depth + 1) for column in flatten(node.record))
    return f"coalesce(list_sum(list_transform({value}, lambda {item}: {inner})), 0)::bigint"


def _copy_rejects(
    connection: duckdb.DuckDBPyConnection, contract: Contract, objects: str, typed: Path, target: Path
) -> None:
    """Write which values did not fit, with their raw text; runs only where some did."""
    misfitting = f"select id from read_parquet('{_quoted(typed)}') where {MISFITS} > 0"
    bad = f"(select * from {objects} where json_extract_string(json, '$.id') in ({misfitting}))"
    selects = [
        f"select id, misfit.path, misfit.raw from ({source}) where misfit.unfit"
        for source in _scalar_misfits(contract.columns)
    ]
    lost = ", ".join(
        f"{{path: '{path}', raws: {values.replace('(json,', '(_json,')}}}"
        for path, values in _shape_misfits(contract.columns)
    )
    if lost:
        selects.append(
            "select id, misfit.path, json_extract_string(unnest(misfit.raws), '$') as raw "
            f"from (select id, unnest([{lost}]) as misfit from bad)"
        )
    union = "\nunion all\n".join(selects)
    connection.execute(
        f"copy (with bad as materialized (select * from {_unshaped(contract, bad)}) {union}) "
        f"to '{_quoted(target)}' (format parquet)"
    )


def _scalar_misfits(
    record: Record, base: str = "", source: str = "bad", names: tuple[str, ...] = (), depth: int = 1
) -> Iterator[str]:
    """Yield, for a record and each list below it, SQL for (id, misfit) of every scalar: path, raw text, unfit."""
    misfits = []
    for column in flatten(record):
        here, value = (*names, *column.path), _at(column.path, base)
        if isinstance(column.node, ListOf):
            item = f"u{depth}"
            unnested = f"(select *, unnest({value}) as {item} from {source})"
            yield from _scalar_misfits(column.node.record, item, unnested, here, depth + 1)
        elif (unfit := _misfit(column.node, value)) != "false":
            misfits.append(f"{{path: '{'.'.join(here)}', raw: {value}, unfit: {unfit}}}")
    if misfits:
        yield f'select "id" as id, unnest([{", ".join(misfits)}]) as misfit from {source}'


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
