"""How a value in a query is compared with a stored one: by the attribute's kind, never as text by accident."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sandbox.coupa.projection import BadRequestError

if TYPE_CHECKING:
    from collections.abc import Callable


class Kind(StrEnum):
    """What a value is; ANY where the schema does not say (custom fields), OBJECT for an association."""

    INTEGER = "integer"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    DATETIME = "datetime"
    DATE = "date"
    TEXT = "text"
    ANY = "any"
    OBJECT = "object"


OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda stored, operand: stored == operand,
    "not_eq": lambda stored, operand: stored != operand,
    "gt": lambda stored, operand: stored > operand,
    "gt_or_eq": lambda stored, operand: stored >= operand,
    "lt": lambda stored, operand: stored < operand,
    "lt_or_eq": lambda stored, operand: stored <= operand,
    "in": lambda stored, operand: stored in operand,
    "not_in": lambda stored, operand: stored not in operand,
    "contains": lambda stored, operand: operand in stored,
    "starts_with": lambda stored, operand: stored.startswith(operand),
    "ends_with": lambda stored, operand: stored.endswith(operand),
    "blank": lambda stored, operand: (stored in (None, "", [], {})) is operand,
}
TEXT_OPERATORS = frozenset({"contains", "starts_with", "ends_with"})
LIST_OPERATORS = frozenset({"in", "not_in"})
_BARE_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_FLAGS = {"true": True, "1": True, "false": False, "0": False}


def read_operand(kind: Kind, operator: str, text: str, *, at: str) -> Any:  # noqa: ANN401 - depends on the kind
    """Read a query's value as the attribute's kind; a list for `in` and `not_in`, a flag for `blank`.

    Raises BadRequestError where the value is not of that kind, and where the operator does not fit it: the
    documentation excludes the text operators and `blank` for datetimes.
    """
    if operator == "blank" and kind is not Kind.DATETIME:
        return _read(Kind.BOOLEAN, text, at)
    if kind is Kind.OBJECT or (kind is Kind.DATETIME and operator in TEXT_OPERATORS | {"blank"}):
        raise BadRequestError(at=at, why=f"{operator} cannot be used on {at}")
    if operator in TEXT_OPERATORS:
        if kind not in {Kind.TEXT, Kind.ANY}:
            raise BadRequestError(at=at, why=f"{operator} needs a text attribute, {at} is {kind}")
        return text
    if operator in LIST_OPERATORS:
        return [_read(kind, item.strip(), at) for item in text.split(",")]
    return _read(kind, text, at)


def read_stored(kind: Kind, value: Any) -> Any:  # noqa: ANN401 - a JSON value
    """Read a stored JSON value as its kind for comparison; None when it is null or not of that kind.

    Nulls satisfy no comparison, as in SQL: not even `not_eq` and `not_in`.
    """
    if value is None or isinstance(value, dict | list):
        return None
    if kind is Kind.TEXT or kind is Kind.ANY:
        return _as_text(value)
    if kind is Kind.BOOLEAN or (kind is Kind.INTEGER and isinstance(value, int)):
        return value
    try:
        return _read(kind, str(value), "")
    except BadRequestError:
        return None


def _as_text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _read(kind: Kind, text: str, at: str) -> Any:  # noqa: ANN401 - depends on the kind
    try:
        return _READERS[kind](text)
    except (ValueError, KeyError, InvalidOperation) as fault:
        raise BadRequestError(at=at, why=f"{text!r} is not a valid {kind} for {at}") from fault


@lru_cache(maxsize=65536)
def read_instant(text: str) -> datetime:
    """Read an ISO 8601 instant as UTC; a bare date is midnight UTC of that day, and so is a time without an offset."""
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        return instant.replace(tzinfo=UTC)
    return instant.astimezone(UTC)


def _read_date(text: str) -> str:
    if not _BARE_DATE.match(text):
        raise ValueError(text)
    return text[:10]


_READERS: dict[Kind, Callable[[str], Any]] = {
    Kind.INTEGER: int,
    Kind.DECIMAL: Decimal,
    Kind.BOOLEAN: lambda text: _FLAGS[text.lower()],
    Kind.DATETIME: read_instant,
    Kind.DATE: _read_date,
    Kind.TEXT: str,
    Kind.ANY: str,
    Kind.OBJECT: str,
}
