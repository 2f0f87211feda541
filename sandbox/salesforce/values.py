"""Values of fields: read from what generators and clients give, written as they stand in Salesforce's JSON."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation

from sandbox.salesforce.ids import complete_id
from sandbox.salesforce.schema import Field

Value = str | int | Decimal | bool | date | datetime | None
"""What a field can hold; instants are aware UTC, ids have 18 characters."""


def read_value(field: Field, given: object) -> Value:
    """Read what a generator or client gives for a field. Raises ValueError where it is not of the field's type."""
    if given is None or given == "":
        return None
    return READERS.get(field.type, _read_text)(field, given)


def write_value(value: Value) -> str | int | float | bool | None:
    """Write a value as Salesforce's JSON has it: `2026-11-16`, `2026-11-16T08:17:00.000+0000`, numbers as numbers."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03d}+0000"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    return value


def _read_text(field: Field, given: object) -> str:
    if not isinstance(given, str):
        message = f"{given!r} is not a text"
        raise ValueError(message)
    if field.length and len(given) > field.length:
        message = f"{len(given)} characters, but the field takes {field.length}"
        raise ValueError(message)
    return given


def _read_selection(field: Field, given: object) -> str | None:
    joined = ";".join(given) if isinstance(given, list | tuple) else given
    return _read_text(field, joined) or None


def _read_id(field: Field, given: object) -> str:
    return complete_id(_read_text(field, given))


def _read_boolean(_field: Field, given: object) -> bool:
    if not isinstance(given, bool):
        message = f"{given!r} is neither true nor false"
        raise ValueError(message)
    return given


def _read_number(field: Field, given: object) -> Decimal | int:
    try:
        number = Decimal(str(given))
    except InvalidOperation as error:
        message = f"{given!r} is not a number"
        raise ValueError(message) from error
    return int(number) if field.type == "int" else number


def _read_date(field: Field, given: object) -> date:
    if isinstance(given, datetime):
        message = f"{given!r} is an instant, but the field takes a date"
        raise ValueError(message)
    return given if isinstance(given, date) else date.fromisoformat(_read_text(field, given))


def _read_instant(field: Field, given: object) -> datetime:
    instant = given if isinstance(given, datetime) else datetime.fromisoformat(_read_text(field, given))
    if instant.tzinfo is None:
        message = f"{given!r} has no time zone"
        raise ValueError(message)
    return instant.astimezone(UTC)


READERS: dict[str, Callable[[Field, object], Value]] = {
    "id": _read_id,
    "reference": _read_id,
    "boolean": _read_boolean,
    "int": _read_number,
    "double": _read_number,
    "currency": _read_number,
    "percent": _read_number,
    "date": _read_date,
    "datetime": _read_instant,
    "multipicklist": _read_selection,
}
"""How the values of each type of field are read; every other type holds text."""
