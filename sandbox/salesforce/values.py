"""Values of fields: read from what generators and clients give, written as they stand in Salesforce's JSON."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from sandbox.salesforce.ids import complete_id
from sandbox.salesforce.schema import ID_TYPES, NUMBER_TYPES, Field

Value = str | int | Decimal | bool | date | datetime | None
"""What a field can hold; instants are aware UTC, ids have 18 characters."""


def read_value(field: Field, given: Any) -> Value:
    """Read what a generator or client gives for a field. Raises ValueError where it is not of the field's type."""
    if given is None or given == "":
        return None
    if field.type == "boolean":
        return _expect(given, bool)
    if field.type in NUMBER_TYPES:
        return _read_number(field, given)
    if field.type == "date":
        return _read_date(given)
    if field.type == "datetime":
        return _read_instant(given)
    if field.type in ID_TYPES:
        return complete_id(_expect(given, str))
    if field.type == "multipicklist" and isinstance(given, list | tuple):
        return ";".join(given) or None
    text = _expect(given, str)
    if field.length and len(text) > field.length:
        message = f"{len(text)} characters, but the field takes {field.length}"
        raise ValueError(message)
    return text


def write_value(value: Value) -> str | int | float | bool | None:
    """Write a value as Salesforce's JSON has it: `2026-11-16`, `2026-11-16T08:17:00.000+0000`, numbers as numbers."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03d}+0000"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    return value


def _expect(given: Any, kind: type) -> Any:
    if not isinstance(given, kind):
        message = f"{given!r} is not of type {kind.__name__}"
        raise ValueError(message)  # noqa: TRY004 - one error class for every wrong value
    return given


def _read_number(field: Field, given: Any) -> Decimal | int:
    if isinstance(given, bool) or not isinstance(given, int | float | Decimal | str):
        message = f"{given!r} is not a number"
        raise ValueError(message)
    try:
        number = Decimal(str(given))
    except InvalidOperation as error:
        message = f"{given!r} is not a number"
        raise ValueError(message) from error
    return int(number) if field.type == "int" else number


def _read_date(given: Any) -> date:
    if isinstance(given, datetime):
        message = f"{given!r} is an instant, but the field takes a date"
        raise ValueError(message)
    return given if isinstance(given, date) else date.fromisoformat(_expect(given, str))


def _read_instant(given: Any) -> datetime:
    instant = given if isinstance(given, datetime) else datetime.fromisoformat(_expect(given, str))
    if instant.tzinfo is None:
        message = f"{given!r} has no time zone"
        raise ValueError(message)
    return instant.astimezone(UTC)
