"""Turns a query's conditions into predicates over records, checking names and types against the schema.

As in Salesforce, texts compare without regard to case, null is a value like any other (`!=` and `NOT IN` keep records
whose field is null), a null boolean is false, and a parent's field is null where there is no parent.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, cast

from sandbox.salesforce.date_words import find_day_range
from sandbox.salesforce.errors import ApiError, malformed_query, refuse_query, unknown_field, unknown_relationship
from sandbox.salesforce.ids import complete_id
from sandbox.salesforce.schema import ID_TYPES, NUMBER_TYPES, TEXT_TYPES, Field, SObject
from sandbox.salesforce.soql import (
    Comparison,
    Condition,
    Conjunction,
    DateWord,
    Disjunction,
    FieldPath,
    Literal,
    Membership,
    Negation,
    Text,
)
from sandbox.salesforce.store import Org, Record
from sandbox.salesforce.values import Value

Predicate = Callable[[Record], bool]
Comparable = Value | frozenset[str]
MAXIMUM_LEVELS = 5
"""How many parents a path may climb."""

COMPARATORS: dict[str, Callable[[Any, Any], bool]] = {
    "<": lambda value, bound: value < bound,
    "<=": lambda value, bound: value <= bound,
    ">": lambda value, bound: value > bound,
    ">=": lambda value, bound: value >= bound,
}


@dataclass(frozen=True)
class BoundPath:
    """A path whose names are known: the reference fields to walk, then the field to read."""

    org: Org
    steps: tuple[Field, ...]
    field: Field

    def read(self, record: Record) -> Value:
        """Read the field's value; null where a parent is missing."""
        for step in self.steps:
            parent = find_parent(self.org, step, record)
            if parent is None:
                return None
            record = parent
        return record[self.field.name]


def find_parent(org: Org, reference: Field, record: Record) -> Record | None:
    """Find the record that a reference field leads to, as of the org's clock."""
    key = record[reference.name]
    return org.get(reference.to, str(key)) if key else None


def bind_path(org: Org, query: str, sobject: SObject, path: FieldPath) -> BoundPath:
    """Look the path's names up. Raises ApiError INVALID_FIELD or MALFORMED_QUERY."""
    *relationships, name = path.names
    if len(relationships) > MAXIMUM_LEVELS:
        detail = f"SOQL relationships can have a maximum of {MAXIMUM_LEVELS} levels: {path}"
        raise malformed_query(query, path.offset, detail)
    steps: list[Field] = []
    current = sobject
    for relationship in relationships:
        step = current.find_relationship(relationship)
        target = org.schema.find_object(step.to) if step else None
        if step is None or target is None:
            raise unknown_relationship(query, path.offset, relationship)
        steps.append(step)
        current = target
    field = current.find_field(name)
    if field is None:
        raise unknown_field(query, path.offset, name, current.name)
    return BoundPath(org, tuple(steps), field)


def bind_condition(org: Org, query: str, sobject: SObject, condition: Condition) -> Predicate:
    """Make the predicate of a WHERE clause. Raises ApiError where a name, type or operator does not fit."""
    if isinstance(condition, Conjunction):
        parts = [bind_condition(org, query, sobject, each) for each in condition.conditions]
        return lambda record: all(part(record) for part in parts)
    if isinstance(condition, Disjunction):
        parts = [bind_condition(org, query, sobject, each) for each in condition.conditions]
        return lambda record: any(part(record) for part in parts)
    if isinstance(condition, Negation):
        inner = bind_condition(org, query, sobject, condition.condition)
        return lambda record: not inner(record)
    binder = _FieldBinder(org, query, bind_path(org, query, sobject, condition.path), condition.path.offset)
    if isinstance(condition, Comparison):
        return binder.bind_comparison(condition)
    return binder.bind_membership(condition)


@dataclass(frozen=True)
class _FieldBinder:
    """Makes predicates about one field."""

    org: Org
    query: str
    path: BoundPath
    offset: int

    def __post_init__(self) -> None:
        if not self.path.field.filterable:
            detail = f"field '{self.path.field.name}' can not be filtered in a query call"
            raise refuse_query(self.query, self.offset, "INVALID_FIELD", detail)

    def bind_comparison(self, comparison: Comparison) -> Predicate:
        operator, literal = comparison.operator, comparison.literal
        if operator == "LIKE":
            return self._bind_like(literal)
        if operator in ("=", "!="):
            equals = self._bind_equality(literal)
            return equals if operator == "=" else lambda record: not equals(record)
        if literal is None or self.path.field.type in ("boolean", "multipicklist"):
            raise self._refuse_operator()
        return self._bind_order(operator, literal)

    def bind_membership(self, membership: Membership) -> Predicate:
        positive = membership.operator in ("IN", "INCLUDES")
        if membership.operator in ("IN", "NOT IN"):
            tests = [self._bind_equality(literal) for literal in membership.literals]
        else:
            tests = [self._bind_inclusion(literal) for literal in membership.literals]
        return lambda record: any(test(record) for test in tests) is positive

    def _bind_equality(self, literal: Literal) -> Predicate:
        read = self._read_comparable
        if isinstance(literal, DateWord):
            start, end = self._find_range(literal)
            return lambda record: (value := read(record)) is not None and start <= value < end
        wanted = self._read_literal(literal)
        return lambda record: read(record) == wanted

    def _bind_order(self, operator: str, literal: Literal) -> Predicate:
        compare, read = COMPARATORS[operator], self._read_comparable
        if isinstance(literal, DateWord):
            start, end = self._find_range(literal)
            bound = start if operator in ("<", ">=") else end
            compare = COMPARATORS["<" if operator in ("<", "<=") else ">="]
        else:
            bound = self._read_literal(literal)
        return lambda record: (value := read(record)) is not None and compare(value, bound)

    def _bind_like(self, literal: Literal) -> Predicate:
        if self.path.field.type not in TEXT_TYPES - {"multipicklist"}:
            raise self._refuse_operator()
        if not isinstance(literal, Text):
            raise self._refuse_literal(literal)
        pattern = _write_pattern(literal.pattern)
        return lambda record: isinstance(value := self.path.read(record), str) and pattern.fullmatch(value) is not None

    def _bind_inclusion(self, literal: Literal) -> Predicate:
        """`'A;B'` asks for records with both A and B selected."""
        if self.path.field.type != "multipicklist":
            raise self._refuse_operator()
        if not isinstance(literal, Text):
            raise self._refuse_literal(literal)
        wanted = _split_selection(literal.plain)
        return lambda record: wanted <= _split_selection(str(self.path.read(record) or ""))

    def _read_comparable(self, record: Record) -> Comparable:
        return make_comparable(self.path.field, self.path.read(record))

    def _read_literal(self, literal: Literal) -> Comparable:
        """Bring the literal into the form of the field's comparable values."""
        field = self.path.field
        if literal is None:
            return make_comparable(field, None)
        if field.type in ID_TYPES and isinstance(literal, Text):
            return self._read_id(literal)
        if field.type in TEXT_TYPES and isinstance(literal, Text):
            return make_comparable(field, literal.plain or None)
        fits = (
            (field.type == "boolean" and isinstance(literal, bool))
            or (field.type in NUMBER_TYPES and isinstance(literal, Decimal))
            or (field.type == "datetime" and isinstance(literal, datetime))
            or (field.type == "date" and isinstance(literal, date) and not isinstance(literal, datetime))
        )
        if not fits:
            raise self._refuse_literal(literal)
        return cast("Comparable", literal)

    def _read_id(self, literal: Text) -> str | None:
        if not literal.plain:
            return None
        try:
            return complete_id(literal.plain)
        except ValueError:
            detail = f"invalid ID field: {literal.plain}"
            raise refuse_query(self.query, self.offset, "INVALID_QUERY_FILTER_OPERATOR", detail) from None

    def _find_range(self, word: DateWord) -> tuple[Any, Any]:
        """Find the range of a relative date, as dates or as instants, whichever the field holds."""
        zone = self.org.time_zone
        try:
            days = find_day_range(word.name, word.count, self.org.now().astimezone(zone).date())
        except (OverflowError, ValueError):
            days = None
        if days is None:
            raise malformed_query(self.query, self.offset, f"unexpected token: '{word.name}'")
        if self.path.field.type not in ("date", "datetime"):
            raise self._refuse_literal(word)
        if self.path.field.type == "date":
            return days
        first, after = (datetime.combine(day, time(), zone) for day in days)
        return first, after

    def _refuse_operator(self) -> ApiError:
        detail = f"invalid operator on {self.path.field.type} field"
        return refuse_query(self.query, self.offset, "INVALID_QUERY_FILTER_OPERATOR", detail)

    def _refuse_literal(self, literal: Literal) -> ApiError:
        field = self.path.field
        quoted = field.type in TEXT_TYPES | ID_TYPES
        kind = {"reference": "id", "datetime": "dateTime"}.get(field.type, field.type)
        kind = "string" if field.type in TEXT_TYPES else kind
        detail = (
            f"value of filter criterion for field '{field.name}' must be of type {kind} and should "
            f"{'be' if quoted else 'not be'} enclosed in quotes"
        )
        return refuse_query(self.query, self.offset, "INVALID_FIELD", detail)


def make_comparable(field: Field, value: Value) -> Comparable:
    """Bring a value into the form in which it compares: texts without case, selections as sets, no null booleans."""
    if field.type == "boolean":
        return bool(value)
    if isinstance(value, str):
        if field.type == "multipicklist":
            return _split_selection(value)
        return value if field.type in ID_TYPES else value.casefold()
    return value


def _split_selection(text: str) -> frozenset[str]:
    return frozenset(part.strip().casefold() for part in text.split(";") if part.strip())


def _write_pattern(pattern: str) -> re.Pattern[str]:
    """LIKE's `%` and `_` as a regular expression; a backslash guards the next character."""
    written, characters = [], iter(pattern)
    for character in characters:
        if character == "\\":
            written.append(re.escape(next(characters)))
        else:
            written.append({"%": ".*", "_": "."}.get(character) or re.escape(character))
    return re.compile("".join(written), re.IGNORECASE | re.DOTALL)
