"""Which attributes of a record an answer carries: by `fields`, `return_object`, `filter` or the default filter."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import orjson

from sandbox.coupa.schema import CUSTOM_FIELDS, Entity, Resource, entity_named

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sandbox.world import Instance

Body = dict[str, Any]
NATURAL_KEYS = ("id", "name", "number", "code", "login", "po-number", "invoice-number")


class BadRequestError(Exception):
    """What was asked cannot be answered: `attribute` names the part, the text says why (HTTP 400)."""

    def __init__(self, *, at: str, why: str) -> None:
        super().__init__(why)
        self.attribute = at


@dataclass(frozen=True)
class Selection:
    """The attributes to show: for each key what to show below it (None: all), and whether the schema knows it."""

    parts: tuple[tuple[str, Selection | None, bool], ...]


def projector(resource: Resource, instance: Instance, parameters: Mapping[str, str]) -> Callable[[Body], Body]:
    """Make the function that turns a stored record into what this call shows.

    `fields` wins over `filter`, that over `return_object`, that over the tenant's default filter of the resource.
    Raises BadRequestError for malformed `fields`, an unknown filter name or an unknown `return_object`.
    """
    defaults = instance.custom_fields.get(resource.path, {})
    shape = _shape(resource, instance, parameters)

    def project(body: Body) -> Body:
        if defaults:
            body = {**body, CUSTOM_FIELDS: {**defaults, **(body.get(CUSTOM_FIELDS) or {})}}
        shown = shape(body)
        if resource.hidden:
            shown = {key: value for key, value in shown.items() if key not in resource.hidden}
        if resource.omits_nulls:
            shown = {key: value for key, value in shown.items() if value is not None}
        return shown

    return project


def _shape(resource: Resource, instance: Instance, parameters: Mapping[str, str]) -> Callable[[Body], Body]:
    if "fields" in parameters:
        selection = compile_fields(parameters["fields"], resource.entity_name)
        if instance.quirks.strict_fields:
            _refuse_unknown(selection, resource.entity)
        return lambda body: _select(body, selection)
    if "filter" in parameters:
        return _only(_named_filter(parameters["filter"], resource, instance))
    if "return_object" in parameters:
        return _returned(parameters["return_object"])
    return _only(instance.default_filters.get(resource.path))


def _returned(amount: str) -> Callable[[Body], Body]:
    if amount == "limited":
        return lambda body: {"id": body["id"]}
    if amount == "shallow":
        return lambda body: {key: _reduced(value) for key, value in body.items()}
    raise BadRequestError(at="return_object", why=f"return_object={amount} is not allowed on GET")


def hyphenated(name: str) -> str:
    """Return the wire name of an attribute: requests may use underscores, answers use hyphens."""
    return name.replace("_", "-")


@lru_cache(maxsize=512)
def compile_fields(text: str, entity_name: str) -> Selection:
    """Read the JSON array of `fields`, such as `["id",{"supplier":["name"]},{"custom_fields":{}}]`."""
    try:
        asked = orjson.loads(text)
    except orjson.JSONDecodeError as fault:
        raise BadRequestError(at="fields", why=f"fields is not valid JSON: {fault}") from fault
    if not isinstance(asked, list) or not asked:
        raise BadRequestError(at="fields", why="fields must be a non-empty JSON array")
    return _compile(asked, entity_named(entity_name))


def _compile(asked: list[Any], entity: Entity) -> Selection:
    parts: dict[str, tuple[str, Selection | None, bool]] = {}
    for item in asked:
        nested = item if isinstance(item, dict) else {item: None}
        for name, below in nested.items():
            if not isinstance(name, str):
                raise BadRequestError(at="fields", why=f"fields holds {name!r} where a name belongs")
            key = hyphenated(name)
            known = entity.knows(key) or key == CUSTOM_FIELDS
            parts[key] = (key, _below(below, key, entity), known)
    return Selection(tuple(parts.values()))


def _below(below: object, key: str, entity: Entity) -> Selection | None:
    if isinstance(below, dict) and below:
        below = [below]
    if not below:
        return None
    if not isinstance(below, list):
        raise BadRequestError(at="fields", why=f"fields below {key} must be a list of names")
    return _compile(below, entity.related(key) or Entity("Any"))


def _refuse_unknown(selection: Selection, entity: Entity, path: str = "") -> None:
    for key, below, known in selection.parts:
        if not known and entity.kinds:
            raise BadRequestError(at=path + key, why=f"{path}{key} is not an attribute of {entity.name}")
        related = entity.related(key)
        if below is not None and related is not None:
            _refuse_unknown(below, related, f"{path}{key}.")


def _select(body: Body, selection: Selection) -> Body:
    shown: Body = {}
    for key, below, known in selection.parts:
        value = body.get(key)
        if value is None:
            if known or key in body:
                shown[key] = None
        elif below is None:
            shown[key] = value
        elif isinstance(value, list):
            shown[key] = [_select(item, below) if isinstance(item, dict) else item for item in value]
        else:
            shown[key] = _select(value, below) if isinstance(value, dict) else value
    return shown


def _only(keys: Sequence[str] | None) -> Callable[[Body], Body]:
    if keys is None:
        return lambda body: body
    shown = frozenset(hyphenated(key) for key in keys)
    return lambda body: {key: value for key, value in body.items() if key in shown}


def _reduced(value: object) -> object:
    if isinstance(value, dict):
        return {key: value[key] for key in NATURAL_KEYS if value.get(key) is not None}
    if isinstance(value, list):
        return [_reduced(item) for item in value]
    return value


def _named_filter(name: str, resource: Resource, instance: Instance) -> Sequence[str] | None:
    if name in instance.named_filters:
        return instance.named_filters[name]
    if name == f"default_{resource.path}_filter":
        return None
    raise BadRequestError(at="filter", why=f"there is no API response filter named {name}")
