"""Runs queries against the org and hands their rows out in pages."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from sandbox.salesforce.errors import ApiError, malformed_query, unknown_object
from sandbox.salesforce.filters import BoundPath, bind_condition, bind_path, find_parent, make_comparable
from sandbox.salesforce.ids import new_id
from sandbox.salesforce.schema import SObject
from sandbox.salesforce.soql import FieldPath, OrderKey, Query, parse_query
from sandbox.salesforce.store import Org, Record
from sandbox.salesforce.values import Value, write_value

LOCATOR_PREFIX = "01g"
OPEN_RESULTS = 10
"""How many results a user may have open; one more ends the oldest."""

MAXIMUM_OFFSET = 2000
SMALLEST_BATCH, LARGEST_BATCH = 200, 2000

Row = dict[str, Any]


@dataclass(frozen=True)
class Result:
    """What a query found; `rows` are ready for JSON, and empty for COUNT()."""

    size: int
    rows: list[Row]


def run_query(org: Org, text: str, data_path: str, *, include_deleted: bool = False) -> Result:
    """Run a query as of the org's clock. `data_path` is `/services/data/vXX.X`, for the records' own addresses.

    Raises ApiError: MALFORMED_QUERY, INVALID_TYPE, INVALID_FIELD, INVALID_QUERY_FILTER_OPERATOR,
    NUMBER_OUTSIDE_VALID_RANGE.
    """
    query = parse_query(text)
    sobject = org.schema.find_object(query.sobject)
    if sobject is None:
        raise unknown_object(text, query.sobject_offset, query.sobject)
    if (query.offset or 0) > MAXIMUM_OFFSET:
        raise ApiError(400, "NUMBER_OUTSIDE_VALID_RANGE", f"Maximum SOQL offset allowed is {MAXIMUM_OFFSET}")
    paths = _bind_selection(org, query, sobject)
    records = _find_records(org, query, sobject, include_deleted=include_deleted)
    if not query.paths:
        return Result(len(records), [])
    rows = [_write_row(sobject, paths, record, data_path) for record in records]
    return Result(len(rows), rows)


def write_attributes(sobject: str, record: Record, data_path: str) -> dict[str, str]:
    """Write the `attributes` that every record in an answer carries."""
    return {"type": sobject, "url": f"{data_path}/sobjects/{sobject}/{record['Id']}"}


class OpenResults:
    """The results that are being read page by page; what a query found stays as it was found."""

    def __init__(self) -> None:
        self._results: OrderedDict[str, Result] = OrderedDict()
        self._opened = 0

    def open_result(self, result: Result, size: int, query_path: str) -> Row:
        """Write the first page of a result. `query_path` is the path of the query resource, for `nextRecordsUrl`."""
        if len(result.rows) <= size:
            return {"totalSize": result.size, "done": True, "records": result.rows}
        self._opened += 1
        key = new_id(LOCATOR_PREFIX, self._opened)
        self._results[key] = result
        while len(self._results) > OPEN_RESULTS:
            self._results.popitem(last=False)
        return self._write_page(key, result, 0, size, query_path)

    def read_on(self, locator: str, size: int, query_path: str) -> Row:
        """Write the page at a locator `01g...-2000`. Raises ApiError INVALID_QUERY_LOCATOR."""
        key, _, start = locator.rpartition("-")
        result = self._results.get(key)
        if result is None or not start.isdecimal() or not 0 < int(start) < result.size:
            raise ApiError(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        return self._write_page(key, result, int(start), size, query_path)

    def close_all(self) -> int:
        """End every open result, as Salesforce does two days after its query; return how many there were."""
        count = len(self._results)
        self._results.clear()
        return count

    def _write_page(self, key: str, result: Result, start: int, size: int, query_path: str) -> Row:
        end = start + size
        page: Row = {"totalSize": result.size, "done": end >= result.size}
        if not page["done"]:
            page["nextRecordsUrl"] = f"{query_path}/{key}-{end}"
        return page | {"records": result.rows[start:end]}


def read_batch_size(options: str, page_size: int) -> int:
    """Rows per page that a `Sforce-Query-Options: batchSize=n` asks for, within Salesforce's 200 to 2000 and the org's.

    Raises ApiError where the header is not of that form.
    """
    if not options.strip():
        return page_size
    name, _, number = options.partition("=")
    if name.strip().lower() != "batchsize" or not number.strip().isdecimal():
        detail = f"Sforce-Query-Options header value '{options}' is not of the form batchSize=n"
        raise ApiError(400, "INVALID_QUERY_OPTIONS", detail)
    return min(page_size, max(SMALLEST_BATCH, min(LARGEST_BATCH, int(number))))


def _bind_selection(org: Org, query: Query, sobject: SObject) -> list[BoundPath]:
    seen: set[str] = set()
    for path in query.paths:
        if str(path).lower() in seen:
            raise malformed_query(query.text, path.offset, f"duplicate field selected: {path}")
        seen.add(str(path).lower())
    if not query.paths and query.order:
        raise malformed_query(query.text, query.order[0].path.offset, "count() query can not have an ORDER BY clause")
    return [bind_path(org, query.text, sobject, path) for path in query.paths]


def _find_records(org: Org, query: Query, sobject: SObject, *, include_deleted: bool) -> list[Record]:
    records = list(org.list_records(sobject.name, include_deleted=include_deleted))
    if query.condition is not None:
        fits = bind_condition(org, query.text, sobject, query.condition)
        records = [record for record in records if fits(record)]
    for key in reversed(query.order):
        records = _sort_records(records, _bind_order(org, query.text, sobject, key.path), key)
    start = query.offset or 0
    return records[start:] if query.limit is None else records[start : start + query.limit]


def _bind_order(org: Org, text: str, sobject: SObject, path: FieldPath) -> BoundPath:
    bound = bind_path(org, text, sobject, path)
    if not bound.field.sortable:
        raise malformed_query(text, path.offset, f"field '{bound.field.name}' can not be sorted in a query call")
    return bound


def _sort_records(records: list[Record], path: BoundPath, key: OrderKey) -> list[Record]:
    """Sort, keeping the order of equals; picklists sort by their values' order, nulls stand together at one end."""
    known = [record for record in records if path.read(record) is not None]
    empty = [record for record in records if path.read(record) is None]
    known.sort(key=lambda record: _rank(path, path.read(record)), reverse=key.descending)
    return known + empty if key.nulls_last else empty + known


def _rank(path: BoundPath, value: Value) -> tuple[int, Any]:
    values = path.field.values
    place = values.index(value) if value in values else len(values)
    return place, make_comparable(path.field, value)


def _write_row(sobject: SObject, paths: list[BoundPath], record: Record, data_path: str) -> Row:
    row: Row = {"attributes": write_attributes(sobject.name, record, data_path)}
    for path in paths:
        _write_path(path, row, record, data_path)
    return row


def _write_path(path: BoundPath, row: Row, record: Record, data_path: str) -> None:
    """Add one field to a row; a parent is an object of its own, with `attributes`, or null where there is none."""
    for step in path.steps:
        parent = find_parent(path.org, step, record)
        if parent is None:
            row.setdefault(step.relationship, None)
            return
        row = row.setdefault(step.relationship, {"attributes": write_attributes(step.to, parent, data_path)})
        record = parent
    row[path.field.name] = write_value(record[path.field.name])
