"""Which tables and columns a query names, told by DuckDB's own parser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import duckdb

from hypercare.errors import ContractError


@dataclass(frozen=True)
class QueryNames:
    """The names in a query; what only looks like one (a constant, a common table expression) may be among them."""

    tables: frozenset[str]
    whole_tables: frozenset[str]
    """Those of which it takes every column, by `*`."""
    words: frozenset[str]
    """Among them its columns."""


@lru_cache(maxsize=1024)
def find_names(query: str) -> QueryNames:
    """Return the names in one select statement; raise ContractError where DuckDB cannot read it."""
    with _open_parser().cursor() as cursor:
        (text,) = cursor.execute("select json_serialize_sql($query)", {"query": query}).fetchone() or ("{}",)
    parsed = json.loads(text)
    if "statements" not in parsed:
        msg = f"this is no select statement: {parsed.get('error_message')}: {query[:200]}"
        raise ContractError(msg)
    nodes = list(_walk(parsed))
    objects = [node for node in nodes if isinstance(node, dict)]
    return QueryNames(
        tables=frozenset(_tables(objects)),
        whole_tables=frozenset(
            name
            for node in objects
            if any(item["class"] == "STAR" for item in node.get("select_list", ()))
            for name in _tables(_walk(node["from_table"]))
        ),
        words=frozenset(node for node in nodes if isinstance(node, str)),
    )


@lru_cache
def _open_parser() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(config={"threads": 1})


def _tables(nodes: Any) -> Iterator[str]:  # noqa: ANN401
    return (node["table_name"] for node in nodes if isinstance(node, dict) and node.get("type") == "BASE_TABLE")


def _walk(node: Any) -> Iterator[Any]:  # noqa: ANN401 - parsed JSON
    """Yield a JSON value and all within it."""
    yield node
    if isinstance(node, dict | list):
        for part in node.values() if isinstance(node, dict) else node:
            yield from _walk(part)
