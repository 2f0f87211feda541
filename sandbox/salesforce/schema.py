"""Which objects and fields the org has, read from `schema.yaml`."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

SCHEMA_FILE = Path(__file__).with_name("schema.yaml")

TEXT_TYPES = frozenset({"string", "textarea", "email", "phone", "url", "picklist", "multipicklist"})
NUMBER_TYPES = frozenset({"int", "double", "currency", "percent"})
ID_TYPES = frozenset({"id", "reference"})
LONG_TEXT = 255
"""A textarea longer than this can be neither filtered nor sorted by."""


@dataclass(frozen=True)
class Field:
    """One field of an object, with what describe tells of it."""

    name: str
    type: str
    label: str
    length: int = 0
    nillable: bool = True
    createable: bool = True
    updateable: bool = True
    values: tuple[str, ...] = ()
    """A picklist's values in their sort order."""
    restricted: bool = False
    """Whether values outside the picklist are refused."""
    to: str = ""
    """The object that a reference leads to."""
    relationship: str = ""
    """The name by which a query walks the reference."""
    name_field: bool = False
    auto_number: str = ""
    """Format of the running number that a new record gets here."""
    external_id: bool = False
    id_lookup: bool = False
    unique: bool = False
    history_tracked: bool = False
    """Whether the org keeps who changed it, and when."""

    @property
    def custom(self) -> bool:
        """Whether the org's administrator made this field."""
        return self.name.endswith("__c")

    @property
    def filterable(self) -> bool:
        """Whether a query may filter by it."""
        return not (self.type == "textarea" and self.length > LONG_TEXT)

    @property
    def sortable(self) -> bool:
        """Whether a query may sort by it."""
        return self.filterable and self.type != "multipicklist"


@dataclass(frozen=True)
class SObject:
    """One object: its fields in the order of the file, found by name without regard to case."""

    name: str
    prefix: str
    label: str
    plural: str
    fields: tuple[Field, ...]
    writable: bool = True
    closed_status: str = ""
    """The `Status` that sets `IsClosed` and `ClosedDate`."""
    _by_name: dict[str, Field] = field(default_factory=dict, repr=False, compare=False)
    _by_relationship: dict[str, Field] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._by_name.update({each.name.lower(): each for each in self.fields})
        self._by_relationship.update({each.relationship.lower(): each for each in self.fields if each.relationship})

    @property
    def custom(self) -> bool:
        """Whether the org's administrator made this object."""
        return self.name.endswith("__c")

    def find_field(self, name: str) -> Field | None:
        """Find a field by its name in any case."""
        return self._by_name.get(name.lower())

    def find_relationship(self, name: str) -> Field | None:
        """Find the reference field that the relationship of this name walks."""
        return self._by_relationship.get(name.lower())


@dataclass(frozen=True)
class Schema:
    """All objects of the org."""

    objects: tuple[SObject, ...]

    def find_object(self, name: str) -> SObject | None:
        """Find an object by its name in any case."""
        return next((each for each in self.objects if each.name.lower() == name.lower()), None)

    def find_prefix(self, record_id: str) -> SObject | None:
        """Find the object whose records have ids like this one."""
        return next((each for each in self.objects if record_id.startswith(each.prefix)), None)


@cache
def load_schema(path: Path = SCHEMA_FILE) -> Schema:
    """Read a schema file. Raises KeyError or TypeError where it says something that no field knows."""
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    return Schema(tuple(_read_object(name, body, document) for name, body in document["objects"].items()))


def _read_object(name: str, body: dict[str, Any], document: dict[str, Any]) -> SObject:
    omitted = body.get("omits", ())
    system = {key: value for key, value in document["system_fields"].items() if key not in omitted}
    label = body.get("label", _write_label(name))
    return SObject(
        name=name,
        prefix=body["prefix"],
        label=label,
        plural=body["plural"],
        fields=tuple(_read_field(key, value) for key, value in {**system, **body["fields"]}.items()),
        writable=body.get("writable", True),
        closed_status=body.get("closed_status", ""),
    )


def _read_field(name: str, body: dict[str, Any]) -> Field:
    values = {"label": _write_label(name), **body}
    values["values"] = tuple(values.get("values", ()))
    if body["type"] == "reference":
        values.setdefault("relationship", _name_relationship(name))
    if body["type"] in ID_TYPES:
        values.setdefault("length", 18)
    elif body["type"] == "picklist":
        values.setdefault("length", 255)
    elif body["type"] == "multipicklist":
        values.setdefault("length", 4099)
    return Field(name=name, **values)


def _name_relationship(field_name: str) -> str:
    if field_name.endswith("__c"):
        return field_name.removesuffix("c") + "r"
    return field_name.removesuffix("Id")


def _write_label(name: str) -> str:
    """Turn `Go_Live_Date__c` or `LastLoginDate` into words."""
    plain = name.removesuffix("__c").replace("_", " ")
    spaced = "".join(
        f" {character}" if character.isupper() and before.islower() else character
        for before, character in zip(" " + plain, plain, strict=False)
    )
    return spaced.strip()
