"""The query language of a list call: filters with operators and nested brackets, order, and paging."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sandbox.coupa.comparison import OPERATORS, Kind, read_operand, read_stored
from sandbox.coupa.projection import BadRequestError, hyphenated
from sandbox.coupa.schema import CUSTOM_FIELDS, Entity, Resource

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.world import Shelf

Body = dict[str, Any]
PAGE_LIMIT = 50
NOT_FILTERS = frozenset({"limit", "offset", "order_by", "dir", "fields", "return_object", "filter", "format"})
_NARROWING: dict[str, Callable[[Sequence[int], int], tuple[int, int]]] = {
    "eq": lambda ids, operand: (bisect_left(ids, operand), bisect_right(ids, operand)),
    "gt": lambda ids, operand: (bisect_right(ids, operand), len(ids)),
    "gt_or_eq": lambda ids, operand: (bisect_left(ids, operand), len(ids)),
    "lt": lambda ids, operand: (0, bisect_left(ids, operand)),
    "lt_or_eq": lambda ids, operand: (0, bisect_right(ids, operand)),
}
_BRACKETED = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")


@dataclass(frozen=True)
class Condition:
    """One `attribute[operator]=value`: the path (hyphenated), the kind of its last step, the operand read by it."""

    path: tuple[str, ...]
    kind: Kind
    operator: str
    operand: Any

    def holds(self, body: Body) -> bool:
        """Tell whether any value that the path reaches satisfies the operator."""
        test = OPERATORS[self.operator]
        if self.operator == "blank":
            return test(next(_reached(body, self.path), None), self.operand)
        for stored in (body.get(self.path[0]),) if len(self.path) == 1 else _reached(body, self.path):
            value = read_stored(self.kind, stored)
            if value is not None and test(value, self.operand):
                return True
        return False


@dataclass(frozen=True)
class ListQuery:
    """A list call: every condition must hold; rows `offset` … `offset + limit` of the order."""

    conditions: tuple[Condition, ...]
    order_path: tuple[str, ...]
    order_kind: Kind
    descending: bool
    limit: int
    offset: int


def parse_list_query(parameters: Sequence[tuple[str, str]], resource: Resource, known: set[str]) -> ListQuery:
    """Read the decoded parameters of a list call.

    `known`: top-level attributes that records carry although the schema does not name them.
    Raises BadRequestError for an unknown attribute or operator and for a value that is not of the attribute's kind.
    """
    conditions = []
    settings: dict[str, str] = {}
    for key, value in parameters:
        if key in NOT_FILTERS:
            settings[key] = value
        else:
            conditions.append(_read_condition(key, value, resource, known))
    order_path = tuple(hyphenated(step) for step in settings.get("order_by", "id").split("."))
    direction = settings.get("dir", "asc")
    if direction not in {"asc", "desc"}:
        raise BadRequestError(at="dir", why=f"dir must be asc or desc, not {direction}")
    return ListQuery(
        conditions=tuple(conditions),
        order_path=order_path,
        order_kind=_kind_at(order_path, resource, known),
        descending=direction == "desc",
        limit=min(_read_count("limit", settings.get("limit", PAGE_LIMIT), least=1), PAGE_LIMIT),
        offset=_read_count("offset", settings.get("offset", 0), least=0),
    )


def select_rows(shelf: Shelf, query: ListQuery) -> list[Body]:
    """Return the records of one page.

    Ordered by id, the scan starts behind the greatest `id[gt]` by bisection and ends when the page is full.
    """
    ids, bodies = shelf.ids, shelf.bodies
    candidates, rest = _narrow_ids(query.conditions, ids)
    matching = _matching(candidates[::-1] if query.descending else candidates, bodies, rest)
    if query.order_path != ("id",):
        key = _order_key(query)
        present = sorted(matching, key=key, reverse=query.descending)
        return present[query.offset : query.offset + query.limit]
    page = []
    for position, body in enumerate(matching):
        if position >= query.offset:
            page.append(body)
        if len(page) == query.limit:
            break
    return page


def _matching(ids: Sequence[int], bodies: dict[int, Body], conditions: Sequence[Condition]) -> Iterator[Body]:
    tests = [condition.holds for condition in conditions]
    for record_id in ids:
        body = bodies[record_id]
        if all(test(body) for test in tests):
            yield body


def _narrow_ids(conditions: Sequence[Condition], ids: Sequence[int]) -> tuple[Sequence[int], list[Condition]]:
    """Use the conditions on the id itself to narrow the ascending ids; the other conditions are left to test."""
    rest = []
    for condition in conditions:
        if condition.path != ("id",):
            rest.append(condition)
        elif condition.operator == "in":
            ids = [record_id for record_id in sorted(set(condition.operand)) if _contains(ids, record_id)]
        elif condition.operator not in _NARROWING:
            rest.append(condition)
        else:
            start, end = _NARROWING[condition.operator](ids, condition.operand)
            ids = ids[start:end]
    return ids, rest


def _contains(ids: Sequence[int], record_id: int) -> bool:
    place = bisect_left(ids, record_id)
    return place < len(ids) and ids[place] == record_id


def _order_key(query: ListQuery) -> Callable[[Body], tuple[bool, Any]]:
    def key(body: Body) -> tuple[bool, Any]:
        value = read_stored(query.order_kind, next(_reached(body, query.order_path), None))
        return (value is not None, value if value is not None else 0)

    return key


def _read_condition(key: str, value: str, resource: Resource, known: set[str]) -> Condition:
    matched = _BRACKETED.fullmatch(key)
    if matched is None:
        raise BadRequestError(at=key, why=f"{key} is not a valid query attribute")
    steps = [matched[1], *re.findall(r"\[([^\[\]]*)\]", matched[2])]
    operator = "eq"
    if len(steps) > 1 and steps[-1] in OPERATORS and steps[-1] != "eq":
        operator = steps.pop()
    path = tuple(hyphenated(step) for step in steps)
    if resource.path == "users" and path == ("status",):
        path, value = ("active",), _active_of(value)
    kind = _kind_at(path, resource, known)
    return Condition(path, kind, operator, read_operand(kind, operator, value, at=".".join(path)))


def _active_of(value: str) -> str:
    return {"active": "true", "inactive": "false"}.get(value, value)


def _kind_at(path: Sequence[str], resource: Resource, known: set[str]) -> Kind:
    entity: Entity = resource.entity
    for depth, step in enumerate(path):
        last = depth == len(path) - 1
        if step in entity.kinds:
            if last:
                return Kind(entity.kinds[step])
            break
        related = entity.related(step)
        if related is not None:
            if last:
                return Kind.OBJECT
            entity = related
        elif _is_free(step, depth, entity, resource, known):
            return Kind.ANY
        else:
            break
    raise BadRequestError(at=path[0], why=f"{'.'.join(path)} is not an attribute of {resource.path}")


def _is_free(step: str, depth: int, entity: Entity, resource: Resource, known: set[str]) -> bool:
    if not entity.kinds or step == CUSTOM_FIELDS:
        return True
    return depth == 0 and (step in known or step in resource.hidden)


def _reached(value: Any, path: Sequence[str]) -> Iterator[Any]:  # noqa: ANN401 - a JSON value
    if isinstance(value, list):
        for item in value:
            yield from _reached(item, path)
    elif not path:
        yield value
    elif isinstance(value, dict):
        yield from _reached(value.get(path[0]), path[1:])


def _read_count(name: str, value: str | int, *, least: int) -> int:
    try:
        count = int(value)
    except ValueError:
        count = least - 1
    if count < least:
        raise BadRequestError(at=name, why=f"{name} must be a whole number of at least {least}, not {value}")
    return count
