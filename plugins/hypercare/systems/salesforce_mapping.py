"""Where engagements and cases stand in the org: `include/mappings/salesforce.yaml`, and its check by `describe`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from hypercare.errors import AccessDeniedError, ConfigurationError, ResourceMissingError
from hypercare.model import Cadence, Delivery, ErpLeg, Segment
from hypercare.systems.mapping_file import read_mapping

Describe = Callable[[str], Mapping[str, Any]]
NAME = re.compile(r"[A-Za-z]\w*", re.ASCII)
MOST_LEVELS = 5
"""How many relationships a path may walk in Salesforce."""


def _check_path(text: str) -> str:
    parts = text.split(".")
    if not all(NAME.fullmatch(part) for part in parts) or len(parts) > MOST_LEVELS + 1:
        msg = f"{text!r} is no field: write an API name, or a path such as Account__r.Name"
        raise ValueError(msg)
    return text


def _drop_blank(fields: Any) -> Any:  # noqa: ANN401 - YAML
    return {name: path for name, path in fields.items() if path} if isinstance(fields, dict) else fields


FieldPath = Annotated[str, AfterValidator(_check_path)]
Fields = Annotated[Mapping[str, FieldPath], BeforeValidator(_drop_blank)]
ObjectName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]

ENGAGEMENT_COLUMNS = (
    "name", "account_id", "customer", "segment", "region", "go_live", "products", "time_zone", "instances",
)  # fmt: skip
OPTIONAL_ENGAGEMENT_COLUMNS = (
    "scope", "payment_cadence", "delivery", "erp_leg", "holiday_calendar", "fiscal_calendar", "tracker",
    "tracker_writable", "workbook", "openair_project",
)  # fmt: skip
CASE_COLUMNS = ("case_number", "account_id", "status", "is_closed", "created_at")
OPTIONAL_CASE_COLUMNS = ("subject", "priority", "closed_at", "owner")
TYPES = {
    "account_id": {"reference"},
    "go_live": {"date"},
    "is_closed": {"boolean"},
    "tracker_writable": {"boolean"},
    "created_at": {"datetime"},
    "closed_at": {"datetime"},
}
"""Columns whose field must be of a certain type."""
WORDS: Mapping[str, type[StrEnum]] = {
    "segment": Segment, "payment_cadence": Cadence, "delivery": Delivery, "erp_leg": ErpLeg,
}  # fmt: skip
"""Columns that must hold one of the product's words."""


class Stage(BaseModel):
    """Which records are in hypercare."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    field: FieldPath
    in_hypercare: tuple[str, ...] = Field(min_length=1)


class EngagementMapping(BaseModel):
    """The object of the ICM records."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    object: ObjectName
    stage: Stage
    fields: Fields
    roles: Fields = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check_columns(self) -> EngagementMapping:
        _check_columns(self.fields, ENGAGEMENT_COLUMNS, OPTIONAL_ENGAGEMENT_COLUMNS)
        return self

    def paths(self) -> dict[str, str]:
        """Return what is asked for: where the mapping names it, and its path in a query."""
        roles = {f"roles.{role}": path for role, path in self.roles.items()}
        return {**self.fields, **roles}


class CaseMapping(BaseModel):
    """The object of the support cases."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    object: ObjectName
    fields: Fields

    @model_validator(mode="after")
    def _check_columns(self) -> CaseMapping:
        _check_columns(self.fields, CASE_COLUMNS, OPTIONAL_CASE_COLUMNS)
        return self


class SalesforceMapping(BaseModel):
    """Objects and fields of the org."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    engagements: EngagementMapping
    cases: CaseMapping


def load_salesforce_mapping(path: Path) -> SalesforceMapping:
    """Read the mapping; raise ConfigurationError that lists everything wrong in it."""
    return read_mapping(path, SalesforceMapping)


def check_mapping(mapping: SalesforceMapping, describe: Describe) -> None:
    """Raise ConfigurationError that lists every name of the mapping which the org does not know, or not as it needs.

    `describe` returns Salesforce's description of an object, or raises ResourceMissingError or AccessDeniedError; it is
    asked once for each object. A field that exists but is hidden from the integration user is not told apart.
    """
    problems = list_mapping_problems(mapping, describe)
    if problems:
        numbered = "\n".join(f"  {number}. {problem}" for number, problem in enumerate(problems, start=1))
        msg = (
            f"mappings/salesforce.yaml does not fit the Salesforce org ({len(problems)} problems). Correct the "
            f"mapping, or give the integration user access to the objects and fields:\n{numbered}"
        )
        raise ConfigurationError(msg)


def list_mapping_problems(mapping: SalesforceMapping, describe: Describe) -> list[str]:
    """Return the same problems, each in words; none for a mapping that fits."""
    return list(_Checker(describe).check(mapping))


def list_unknown_values(mapping: SalesforceMapping, describe: Describe) -> list[str]:
    """Return, in words, the active picklist values of an engagement's fields that the product has no word for.

    A record that takes one of them can't be read, so better learn of it before. Fields that are not there are left to
    `list_mapping_problems`.
    """
    return list(_Checker(describe).find_unknown_values(mapping.engagements))


class _Checker:
    """Walks the mapping's paths through the org's descriptions; every method yields problems in words."""

    def __init__(self, describe: Describe) -> None:
        self._describe = cache(lambda name: _describe_or_none(describe, name))

    def check(self, mapping: SalesforceMapping) -> Iterator[str]:
        engagements, cases = mapping.engagements, mapping.cases
        if self._describe(engagements.object) is None:
            yield f"engagements.object: {_missing_object(engagements.object)}"
        else:
            yield from self._check_stage(engagements)
            yield from self._check_paths("engagements", engagements.object, engagements.paths())
        if self._describe(cases.object) is None:
            yield f"cases.object: {_missing_object(cases.object)}"
        else:
            yield from self._check_paths("cases", cases.object, cases.fields, filtered="account_id")

    def _check_stage(self, engagements: EngagementMapping) -> Iterator[str]:
        field, problem = self._find_field(engagements.object, engagements.stage.field)
        if field is None:
            yield f"engagements.stage.field: {problem}"
            return
        if field.get("filterable") is False:
            yield f"engagements.stage.field: {engagements.stage.field} cannot be filtered by"
        if field.get("type") != "picklist":
            return
        active = [value["value"] for value in field.get("picklistValues", ()) if value.get("active")]
        for stage in engagements.stage.in_hypercare:
            if stage not in active:
                known = f"{engagements.stage.field}: {', '.join(active) or 'it has none'}"
                yield f"engagements.stage.in_hypercare: {stage!r} is no active value of {known}"

    def find_unknown_values(self, engagements: EngagementMapping) -> Iterator[str]:
        for column, words in WORDS.items():
            field, _ = self._find_field(engagements.object, engagements.fields.get(column, ""))
            if field is None or field.get("type") != "picklist":
                continue
            active = [str(value["value"]) for value in field.get("picklistValues", ()) if value.get("active")]
            unknown = [value for value in active if value not in set(words)]
            if unknown:
                path = engagements.fields[column]
                yield f"{path} can be {', '.join(unknown)}, which is none of {', '.join(words)}"

    def _check_paths(
        self, section: str, object_name: str, paths: Mapping[str, str], filtered: str = ""
    ) -> Iterator[str]:
        for name, path in paths.items():
            field, problem = self._find_field(object_name, path)
            where = f"{section}.{name}" if name.startswith("roles.") else f"{section}.fields.{name}"
            if field is None:
                yield f"{where}: {problem}"
            elif field.get("type") not in TYPES.get(name, {field.get("type")}):
                yield f"{where}: {path} is of type {field.get('type')}, not {' or '.join(TYPES[name])}"
            elif name == filtered and field.get("filterable") is False:
                yield f"{where}: {path} cannot be filtered by"

    def _find_field(self, object_name: str, path: str) -> tuple[Mapping[str, Any] | None, str]:
        """Return a path's last field, or None and what is wrong with the path."""
        *relationships, last = path.split(".")
        targets = [object_name]
        for relationship in relationships:
            field = self._pick(targets, "relationshipName", relationship)
            if field is None:
                return None, self._describe_missing(path, targets, "relationshipName", relationship)
            targets = [target for target in field.get("referenceTo", ()) if self._describe(target) is not None]
            if not targets:
                return None, f"{path}: the objects behind {relationship} are not visible ({field.get('referenceTo')})"
        found = self._pick(targets, "name", last)
        return (found, "") if found is not None else (None, self._describe_missing(path, targets, "name", last))

    def _pick(
        self, objects: list[str], key: Literal["name", "relationshipName"], name: str
    ) -> Mapping[str, Any] | None:
        """Find a field by its name or relationship, in any case as queries take it; a lookup may lead to several."""
        for described in map(self._describe, objects):
            for field in described["fields"] if described else ():
                if str(field.get(key) or "").casefold() == name.casefold():
                    found: Mapping[str, Any] = field
                    return found
        return None

    def _describe_missing(
        self, path: str, objects: list[str], key: Literal["name", "relationshipName"], name: str
    ) -> str:
        known = [
            str(field[key])
            for described in map(self._describe, objects)
            if described
            for field in described["fields"]
            if field.get(key)
        ]
        near = get_close_matches(name, known, n=1)
        hint = f" (there is {near[0]})" if near else ""
        kind = "field" if key == "name" else "relationship"
        shown = f"{path}: " if "." in path else ""
        return f"{shown}{' or '.join(objects)} has no {kind} {name}{hint}"


def _describe_or_none(describe: Describe, name: str) -> Mapping[str, Any] | None:
    try:
        return describe(name)
    except (ResourceMissingError, AccessDeniedError):
        return None


def _missing_object(name: str) -> str:
    return f"there is no object {name} that the integration user may see"


def _check_columns(fields: Mapping[str, str], required: tuple[str, ...], optional: tuple[str, ...]) -> None:
    missing = [name for name in required if name not in fields]
    unknown = [name for name in fields if name not in (*required, *optional)]
    faults = [f"no field is given for {', '.join(missing)}"] if missing else []
    faults += [f"{', '.join(unknown)}: no such column"] if unknown else []
    if faults:
        raise ValueError("; ".join(faults))
