"""How a customer's flat files are laid out: `include/mappings/coupa_csv.yaml` and what differs for one, checked.

Columns are found by name, never by place: customers remove, rename, add and reorder them (their integration formats).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from hypercare.contracts import Contract, ListOf, Node, Record, Scalar, flatten, nested_lists
from hypercare.errors import ConfigurationError
from hypercare.systems.mapping_file import DateFormat, load_content, read_mapping, validate_mapping

DEFAULT_MAPPING = "coupa_csv.yaml"
UPDATED_AT = "updated-at"
"""A record whose file has no such column was seen as it is at the export's own time."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CsvColumn(_Model):
    """Where one value of the contract stands."""

    headers: tuple[str, ...] = ()
    """Accepted headers, the first that a file has counts; `type#2` is the second column of that name."""
    join: tuple[str, ...] = ()
    """Headers whose values together, with a hyphen between them, are the value."""
    words: Mapping[str, str] = Field(default_factory=dict)
    """What the file's words are called on the wire."""

    @model_validator(mode="after")
    def _check(self) -> CsvColumn:
        if bool(self.headers) == bool(self.join):
            msg = "give either headers, or the headers to join"
            raise ValueError(msg)
        return self


def _as_column(value: Any) -> Any:  # noqa: ANN401 - YAML
    return {"headers": [value] if isinstance(value, str) else value} if isinstance(value, str | list) else value


Column = Annotated[CsvColumn, BeforeValidator(_as_column)]


class CsvRecord(_Model):
    """One type of row: the feed's own record, or one that is nested in it."""

    types: tuple[str, ...] = ()
    """What stands in the first column of such rows; none where a file holds nothing else."""
    key: tuple[str, ...] = ("id",)
    """The mapped values by which a header row is known to be this type's: a file without them is refused."""
    parent: Column | None = None
    """Of a nested record: where the id of what it belongs to stands."""
    prefix: str = ""
    """Of a nested record: what stands before its headers where every row repeats the outer record (`Line Total`)."""
    may_lack: tuple[str, ...] = ()
    """Mapped values and nested records that a file need not have; without any other it is refused."""
    columns: Mapping[str, Column]
    """By wire path: `currency.code`."""
    lists: Mapping[str, CsvRecord] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check(self) -> CsvRecord:
        unmapped = [name for name in self.key if name not in self.columns]
        if unmapped or "id" not in self.columns:
            msg = f"the columns must map id and the key ({', '.join(unmapped) or 'id'})"
            raise ValueError(msg)
        unknown = [name for name in self.may_lack if name not in {*self.columns, *self.lists} - set(self.key)]
        if unknown:
            msg = f"may_lack names what is not mapped, or is the key: {', '.join(unknown)}"
            raise ValueError(msg)
        return self


class CsvFeed(_Model):
    """The files of one feed."""

    files: tuple[str, ...] = Field(min_length=1)
    """Patterns of the path below the drop folder, or of the file's name where they hold no slash; any case."""
    delivered_within_days: float = Field(default=2, gt=0)
    """A feed whose newest file is older than this at a run is not delivered."""
    lacks: Mapping[str, str] = Field(default_factory=dict)
    """What the export leaves out though its columns are there: `pending` documents, later `changes`."""
    record: CsvRecord


class CsvMapping(_Model):
    """How an instance's files are read."""

    feeds: Mapping[str, CsvFeed]
    not_held: Mapping[str, str]
    """Feeds that no file holds, each with the reason that is shown."""
    time_zone: str
    """Of times without an offset."""
    date_formats: tuple[DateFormat, ...] = ()
    """Beside ISO: nothing is guessed."""
    thousands: str = Field(default="", max_length=1)
    decimal: str = Field(default=".", pattern="^[.,]$")
    largest_file: int = Field(default=64 * 1024 * 1024, gt=0)
    """Bytes; Coupa's own limit is 8 MB."""

    @field_validator("time_zone")
    @classmethod
    def _check_zone(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            msg = f"{zone!r} is no time zone"
            raise ValueError(msg) from error
        return zone

    @model_validator(mode="after")
    def _check(self) -> CsvMapping:
        both = sorted(set(self.feeds) & set(self.not_held))
        if both:
            msg = f"feeds both mapped and not held: {', '.join(both)}"
            raise ValueError(msg)
        if self.thousands == self.decimal:
            msg = f"thousands and decimal are both {self.decimal!r}"
            raise ValueError(msg)
        return self

    @property
    def digest(self) -> str:
        """sha256 of what the mapping says: files read by another are read anew."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


def normalise(header: str) -> str:
    """Return a header or type word as it is compared: without case, spaces and punctuation, but with `#` and `%`."""
    return "".join(c for c in header.casefold() if c.isalnum() or c in "#%")


def normalise_type(word: str) -> str:
    """Return a row's type word as it is compared: `Payment Details` and `payment-detail` are one."""
    return re.sub(r"s$", "", normalise(word))


def load_csv_mapping(
    folder: Path, override: str, contracts: Mapping[str, Contract], required: Collection[str] = ()
) -> CsvMapping:
    """Return the standard mapping of a folder, with what the file `override` of it changes (empty: nothing).

    In the override, mappings are laid over those of the standard, all else replaces, and null takes away; a feed that
    it declares `not_held` is taken from the mapped ones, unless it is `required`: then evidence would be waived here.
    Raises ConfigurationError that names everything wrong, columns that the contracts do not have included.
    """
    standard = folder / DEFAULT_MAPPING
    if not override:
        mapping = read_mapping(standard, CsvMapping)
        _check_columns(mapping, contracts, standard.name)
        return mapping
    changes, name = _read_yaml(folder / override), f"{DEFAULT_MAPPING} with {override}"
    merged = _merge(_read_yaml(standard), changes)
    for feed in changes.get("not_held") or {}:
        if merged["feeds"].pop(feed, None) and feed in required:
            msg = f"mapping {override} takes away {feed}, which the policy requires; have the customer export it"
            raise ConfigurationError(msg)
    mapping = validate_mapping(merged, name, CsvMapping)
    _check_columns(mapping, contracts, name)
    return mapping


def _read_yaml(path: Path) -> dict[str, Any]:
    content = load_content(path)
    if not isinstance(content, dict):
        msg = f"mapping {path.name} holds no mapping"
        raise ConfigurationError(msg)
    return content


def _merge(base: Any, changes: Any) -> Any:  # noqa: ANN401 - YAML
    if not isinstance(base, dict) or not isinstance(changes, dict):
        return changes
    merged = {name: _merge(value, changes[name]) if name in changes else value for name, value in base.items()}
    merged |= {name: value for name, value in changes.items() if name not in base}
    return {name: value for name, value in merged.items() if value is not None}


def _check_columns(mapping: CsvMapping, contracts: Mapping[str, Contract], name: str) -> None:
    faults = [f"feed {feed}: no such contract" for feed in {*mapping.feeds, *mapping.not_held} - set(contracts)]
    for feed, files in mapping.feeds.items():
        if feed in contracts:
            faults += [f"{feed}: {fault}" for fault in _find_unknown(files.record, contracts[feed].columns, "")]
    if faults:
        msg = f"mapping {name} does not fit the contracts: {'; '.join(sorted(faults))}"
        raise ConfigurationError(msg)


def _find_unknown(record: CsvRecord, node: Record, where: str) -> Iterator[str]:
    for path in record.columns:
        if not isinstance(find_node(node, path), Scalar):
            yield f"{where}{path} is no column of the contract"
    for path, nested in record.lists.items():
        inner = find_node(node, path)
        if isinstance(inner, ListOf):
            yield from _find_unknown(nested, inner.record, f"{where}{path}.")
        else:
            yield f"{where}{path} is no list of the contract"


def find_node(record: Record, path: str) -> Node | None:
    """Return what stands at a wire path (`currency.code`) of a record; None where nothing does."""
    node: Node | None = record
    for name in path.split("."):
        node = node.fields.get(name) if isinstance(node, Record) else None
    return node


def find_unmapped(feed: CsvFeed, contract: Contract) -> dict[str, str]:
    """Return the contract's columns and nested tables that the mapping has not, as parts that the feed lacks."""
    words = "no column of the flat files is mapped to it"
    lacks = dict(feed.lacks)
    for column in flatten(contract.columns):
        path = ".".join(column.path)
        if isinstance(column.node, Scalar) and path not in feed.record.columns and path != UPDATED_AT:
            lacks[column.name] = words
    for wire_path, node in nested_lists(contract.columns):
        name = ".".join(wire_path)
        table, nested = contract.tables[name], _find_list(feed.record, name)
        if nested is None:
            lacks[table] = "not part of the flat-file exports"
            continue
        inner = (column for column in flatten(node.record) if isinstance(column.node, Scalar))
        lacks |= {f"{table}.{c.name}": words for c in inner if ".".join(c.path) not in nested.columns}
    return lacks


def _find_list(record: CsvRecord, path: str) -> CsvRecord | None:
    """Return the nested record at a wire path; a list's own path may hold dots (an object on its way)."""
    for name, nested in record.lists.items():
        if path == name:
            return nested
        if path.startswith(f"{name}."):
            return _find_list(nested, path[len(name) + 1 :])
    return None
