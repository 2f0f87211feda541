"""Rows of a flat file as the records of a feed, in the wire shape that the contract describes.

Three kinds of file are read: rows of several types, each with a header row of its own (`Header`, `Line` …), joined by
ids; one header row and one record a row; and one header row whose rows repeat the outer record for each nested one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from hypercare.contracts import Contract, Scalar
from hypercare.errors import ContractError
from hypercare.systems.csv_headers import (
    HeaderRow,
    RowType,
    build_row_type,
    find_headers,
    find_missing,
    find_single_header,
    is_typed,
    list_headers,
)
from hypercare.systems.csv_mapping import (
    UPDATED_AT,
    CsvFeed,
    CsvMapping,
    find_node,
    normalise_type,
)
from hypercare.systems.csv_table import CsvRow, read_rows
from hypercare.systems.csv_values import convert

Fields = dict[str, Any]


@dataclass(frozen=True)
class ParsedFile:
    """What one file holds."""

    records: list[Fields]
    missing: Mapping[str, str]
    """Parts of the feed for which the file has no column, each with the reason."""


@dataclass
class _Reading:
    """One file on its way into records."""

    what: str
    mapping: CsvMapping
    feed: CsvFeed
    root: RowType
    delivered_at: datetime


def parse_file(body: bytes, mapping: CsvMapping, contract: Contract, delivered_at: datetime, what: str) -> ParsedFile:
    """Return the records of a file; `delivered_at` stands for when a record was updated where no column says it.

    A value that can't be read keeps its text, so that typing counts it as a misfit. A header row without data is a feed
    without news. Of a document that a file brings twice, the version updated last counts, with its own nested rows.

    Raises IncompleteFileError for a file that is cut off; ContractError, naming file and line, where a needed column
    is missing, a header row can't be told apart, a row does not fit its header, or a nested row belongs to nothing.
    """
    feed = mapping.feeds[contract.feed]
    root = build_row_type("", "", feed.record, contract.columns, contract)
    names = {header for node in root.walk() for header in list_headers(node.mapped)}
    rows = read_rows(body, names | {"type", "Record Type"}, what)
    reading = _Reading(what, mapping, feed, root, delivered_at)
    if is_typed(rows[0], root):
        headers, data = find_headers(root, rows, what)
        records = _read_typed(reading, headers, data)
    else:
        headers = find_single_header(root, rows[0], what)
        records = _read_single(reading, headers, rows[1:])
    return ParsedFile(records, find_missing(root, headers))


def _read_typed(reading: _Reading, headers: Mapping[str, HeaderRow], rows: Sequence[CsvRow]) -> list[Fields]:
    """Join rows of several types by their ids, in whatever order they stand."""
    types = {normalise_type(word): node for node in reading.root.walk() for word in node.mapped.types}
    by_table: dict[str, list[CsvRow]] = {}
    unknown: set[str] = set()
    for row in rows:
        node = types.get(normalise_type(row.cells[0]))
        if node is None:
            unknown.add(row.cells[0][:30])
        else:
            by_table.setdefault(node.table, []).append(row)
    # Types that nobody asked for (splits, taxes) are let be, unless they may be one that was asked for by another name.
    unseen = [node for node in _list_needed(reading.root) if node.table in headers and node.table not in by_table]
    if unknown and unseen:
        msg = (
            f"{reading.what}: no row is of the type {' or '.join(unseen[0].mapped.types)}, though there are rows of "
            f"{', '.join(sorted(unknown))}; name the file's own word for it in the mapping"
        )
        raise ContractError(msg)
    return _join(reading, reading.root, headers, by_table)


def _list_needed(node: RowType) -> Iterator[RowType]:
    """Yield the types of rows of which there are some in every file that holds any document."""
    yield node
    for child in node.children:
        if child.name not in node.mapped.may_lack and not node.name:
            yield from _list_needed(child)


def _join(
    reading: _Reading, root: RowType, headers: Mapping[str, HeaderRow], by_table: Mapping[str, Sequence[CsvRow]]
) -> list[Fields]:
    versions = [_read_row(reading, headers[""], row) for row in by_table.get("", ())]
    owners = {str(version.get("id")): version for version in _last_versions(versions)}
    level: list[tuple[RowType, dict[str, Fields]]] = [(root, owners)]
    while level:
        node, parents = level.pop()
        for child in node.children:
            if child.table in by_table and child.table not in headers:
                line = by_table[child.table][0].line
                msg = f"{reading.what}, line {line}: no header row tells the columns of {child.name}"
                raise ContractError(msg)
            found: dict[str, Fields] = {}
            for row in by_table.get(child.table, ()):
                header = headers[child.table]
                assert header.parent is not None
                fields = _read_row(reading, header, row)
                key = row.cells[header.parent].strip()
                if key not in parents:
                    msg = (
                        f"{reading.what}, line {row.line}: {child.name} {fields.get('id')} belongs to {key}, which "
                        "this file does not hold; have the export put a document's rows into one file"
                    )
                    raise ContractError(msg)
                _add(parents[key], child.name, fields)
                found[str(fields.get("id"))] = fields
            level.append((child, found))
    return list(owners.values())


def _last_versions(versions: Sequence[Fields]) -> list[Fields]:
    """Return the last version of each record; those without an id are kept, for validation to name."""
    last: dict[object, Fields] = {}
    for place, version in enumerate(versions):
        key = version.get("id") or ("no id", place)
        earlier = last.get(key)
        if earlier is None or _instant(version) >= _instant(earlier):
            last[key] = version
    return list(last.values())


def _instant(version: Fields) -> datetime:
    """Return when a version was updated; one that says it unreadably counts as older than all others."""
    try:
        return datetime.fromisoformat(str(version.get(UPDATED_AT)))
    except ValueError:
        return datetime(1, 1, 1, tzinfo=UTC)


def _read_single(reading: _Reading, headers: Mapping[str, HeaderRow], rows: Sequence[CsvRow]) -> list[Fields]:
    """Read rows below one header row; rows of one id are one record, each with nested records of its own."""
    if len(headers) == 1:
        return _last_versions([_read_row(reading, headers[""], row) for row in rows])
    groups: dict[object, Fields] = {}
    for row in rows:
        record = _read_row(reading, headers[""], row)
        key = record.get("id"), str(record.get(UPDATED_AT))
        _nest(reading, reading.root, headers, row, groups.setdefault(key, record))
    return _last_versions(list(groups.values()))


def _nest(reading: _Reading, node: RowType, headers: Mapping[str, HeaderRow], row: CsvRow, owner: Fields) -> None:
    for child in node.children:
        if child.table not in headers:
            continue
        fields = _read_row(reading, headers[child.table], row)
        if fields.get("id") is None:
            continue
        known = _get(owner, child.name) or []
        same = next((each for each in known if each.get("id") == fields["id"]), None)
        if same is None:
            _add(owner, child.name, fields)
        _nest(reading, child, headers, row, same or fields)


def _read_row(reading: _Reading, header: HeaderRow, row: CsvRow) -> Fields:
    """Return a row's mapped values in the wire shape, and empty lists for what is nested."""
    if len(row.cells) < header.width:
        msg = f"{reading.what}, line {row.line}: {len(row.cells)} cells under {header.width} headers; export it again"
        raise ContractError(msg)
    if row.filled > max(header.width, 1):
        msg = f"{reading.what}, line {row.line}: {row.filled} cells under {header.width} headers; export it again"
        raise ContractError(msg)
    fields: Fields = {}
    for path, places in header.places.items():
        scalar = find_node(header.node.shape, path)
        assert isinstance(scalar, Scalar)
        column = header.node.mapped.columns[path]
        cells = [row.cells[place] for place in places]
        text = "-".join(cell.strip() for cell in cells) if any(cell.strip() for cell in cells) else ""
        _set(fields, path, convert(text if column.join else cells[0], column, scalar, reading.mapping))
    if not header.node.name and UPDATED_AT in header.node.shape.fields and fields.get(UPDATED_AT) is None:
        fields[UPDATED_AT] = reading.delivered_at.isoformat()
    for child in header.node.children:
        _set(fields, child.name, [])
    return fields


def _set(fields: Fields, path: str, value: Any) -> None:  # noqa: ANN401 - JSON
    *outer, last = path.split(".")
    for name in outer:
        fields = fields.setdefault(name, {})
    fields[last] = value


def _get(fields: Fields, path: str) -> Any:  # noqa: ANN401 - JSON
    value: Any = fields
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _add(owner: Fields, path: str, fields: Fields) -> None:
    """Append a nested record, in the place of an earlier one with its id."""
    known = _get(owner, path)
    if known is None:
        _set(owner, path, known := [])
    same = [place for place, each in enumerate(known) if each.get("id") == fields.get("id") is not None]
    if same:
        known[same[0]] = fields
    else:
        known.append(fields)
