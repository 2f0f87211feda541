"""Feed contracts: what we ask for, its types, and its rules, read from `include/schemas/feeds/*.yaml`.

A column is written `id`, `text`, `integer`, `boolean`, `date`, `timestamp` or `decimal(p,s)`; a trailing `!` means that
the value must be there in every row. A mapping is an object, a list with one mapping a list of records. Wire names keep
their hyphens; column names are snake_case, objects flattened (`supplier: {id: id}` becomes `supplier_id`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import yaml

from hypercare.errors import ContractError

Kind = Literal["id", "text", "integer", "boolean", "date", "timestamp", "decimal"]
SCALAR = re.compile(
    r"^(?P<kind>id|text|integer|boolean|date|timestamp|decimal\((?P<precision>\d+),(?P<scale>\d+)\))(?P<required>!?)$"
)


@dataclass(frozen=True)
class Scalar:
    """A single value."""

    kind: Kind
    required: bool = False
    precision: int = 0
    scale: int = 0


@dataclass(frozen=True)
class Record:
    """An object; its keys are wire names."""

    fields: Mapping[str, Node]


@dataclass(frozen=True)
class ListOf:
    """A list of objects."""

    record: Record


Node = Scalar | Record | ListOf


@dataclass(frozen=True)
class Column:
    """A flattened column of a record: its snake_case name, where it stands on the wire, what it holds."""

    name: str
    path: tuple[str, ...]
    node: Scalar | ListOf


@dataclass(frozen=True)
class Reference:
    """Values of a column that must exist as the key of another feed."""

    column: str
    feed: str
    table: str = ""
    """The nested table that holds the column; empty: the feed's own rows."""
    where: str = ""
    through: str = ""
    """The nested table of the other feed whose `id` is meant; empty: the other feed's own id."""


@dataclass(frozen=True)
class Rule:
    """One expectation on the feed's rows."""

    id: str
    column: str
    expect: str
    severity: Literal["critical", "warning", "info"]
    where: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Baseline:
    """What the first pull takes (rule R4)."""

    all: bool = False
    open_statuses: tuple[str, ...] = ()
    open_when: Mapping[str, Any] = field(default_factory=dict)
    """Further conditions on the open ones, such as `paid: false`."""


@dataclass(frozen=True)
class Contract:
    """What one feed must look like."""

    feed: str
    version: int
    system: Literal["coupa", "salesforce", "tracker", "bank"]
    record_name: str
    columns: Record
    baseline: Baseline
    resource: str = ""
    scope: str = ""
    products: frozenset[str] = frozenset()
    """The feed belongs to these products; empty: to every engagement."""
    optional: bool = False
    business_date: str = ""
    legal_entity_table: str = ""
    legal_entity_column: str = ""
    tables: Mapping[str, str] = field(default_factory=dict)
    """Wire path of a nested list (`payment-details.payable-allocations`) to the name of its table."""
    references: tuple[Reference, ...] = ()
    rules: tuple[Rule, ...] = ()
    history: tuple[str, ...] = ()
    """Columns of which every value that a pull ever showed is kept, with when it was first seen: `status`."""

    @property
    def key(self) -> str:
        """The column that identifies a record."""
        return "id"

    @property
    def required_columns(self) -> tuple[Column, ...]:
        """Scalar columns that must hold a value in every row."""
        return tuple(c for c in flatten(self.columns) if isinstance(c.node, Scalar) and c.node.required)


def flatten(record: Record, path: tuple[str, ...] = ()) -> Iterator[Column]:
    """Yield a record's columns, objects flattened, lists kept whole, in the contract's order."""
    for wire_name, node in record.fields.items():
        here = (*path, wire_name)
        if isinstance(node, Record):
            yield from flatten(node, here)
        else:
            yield Column(snake_case("_".join(here)), here, node)


def nested_lists(record: Record, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], ListOf]]:
    """Yield every list below a record with its wire path, outer ones first."""
    for column in flatten(record):
        if isinstance(column.node, ListOf):
            here = (*path, *column.path)
            yield here, column.node
            yield from nested_lists(column.node.record, here)


def snake_case(wire_name: str) -> str:
    """Return the column name of a wire name."""
    return wire_name.replace("-", "_")


def fields_parameter(contract: Contract) -> str:
    """Return the value of Coupa's `fields` parameter that asks for exactly the contract's columns, as JSON."""
    return json.dumps(_field_list(contract.columns), separators=(",", ":"))


def _field_list(record: Record) -> list[Any]:
    plain: list[Any] = [name for name, node in record.fields.items() if isinstance(node, Scalar)]
    nested = [
        {name: _field_list(node.record if isinstance(node, ListOf) else node)}
        for name, node in record.fields.items()
        if not isinstance(node, Scalar)
    ]
    return plain + nested


@lru_cache
def load_contracts(folder: Path) -> Mapping[str, Contract]:
    """Read every contract of a folder, by feed name; raise ContractError naming the file that is wrong."""
    contracts = {path.stem: _load(path) for path in sorted(folder.glob("*.yaml"))}
    if not contracts:
        msg = f"no feed contract (*.yaml) in {folder}"
        raise ContractError(msg)
    for contract in contracts.values():
        for reference in contract.references:
            if reference.feed not in contracts:
                msg = f"contract {contract.feed}: refers to feed {reference.feed!r}, which has no contract"
                raise ContractError(msg)
    return contracts


def _load(path: Path) -> Contract:
    try:
        return _parse(yaml.safe_load(path.read_text(encoding="utf-8")), path.stem)
    except (yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError) as error:
        msg = f"contract {path.name} cannot be read: {error!r}"
        raise ContractError(msg) from error


def _parse(document: dict[str, Any], stem: str) -> Contract:
    if document["feed"] != stem:
        msg = f"feed is called {document['feed']!r}, its file {stem!r}"
        raise ValueError(msg)
    baseline = dict(document["baseline"])
    baseline.pop("touched_since_go_live", None)
    baseline["open_statuses"] = tuple(baseline.get("open_statuses", ()))
    entity = document.get("legal_entity", {})
    contract = Contract(
        feed=document["feed"],
        version=document["version"],
        system=document["system"],
        record_name=document["record"],
        columns=_parse_record(document["columns"]),
        baseline=Baseline(**baseline),
        resource=document.get("resource", ""),
        scope=document.get("scope", ""),
        products=frozenset(document.get("products", ())),
        optional=document.get("optional", False),
        business_date=document.get("business_date", ""),
        legal_entity_table=entity.get("table", ""),
        legal_entity_column=entity.get("column", ""),
        tables=document.get("tables", {}),
        references=tuple(Reference(**reference) for reference in document.get("references", ())),
        rules=tuple(_parse_rule(rule) for rule in document.get("rules", ())),
        history=tuple(document.get("history", ())),
    )
    missing = {".".join(path) for path, _ in nested_lists(contract.columns)} - set(contract.tables)
    if missing:
        msg = f"no table name for the nested lists {sorted(missing)}"
        raise ValueError(msg)
    return contract


def _parse_rule(rule: dict[str, Any]) -> Rule:
    known = {"id", "column", "expect", "severity", "where"}
    arguments = {name: value for name, value in rule.items() if name not in known}
    return Rule(**{name: rule[name] for name in known & set(rule)}, arguments=arguments)


def _parse_record(fields: dict[str, Any]) -> Record:
    return Record({name: _parse_node(name, value) for name, value in fields.items()})


def _parse_node(name: str, value: Any) -> Node:  # noqa: ANN401 - YAML
    if isinstance(value, dict):
        return _parse_record(value)
    if isinstance(value, list):
        (only,) = value
        return ListOf(_parse_record(only))
    match = SCALAR.match(value)
    if not match:
        msg = f"column {name}: {value!r} is no type"
        raise ValueError(msg)
    kind: Any = match["kind"].partition("(")[0]
    return Scalar(kind, bool(match["required"]), int(match["precision"] or 0), int(match["scale"] or 0))
