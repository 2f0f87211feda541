"""One fixed text form for records, so that a digest means the same on every machine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from hypercare.weeks import Week


def plain(value: object) -> Any:  # noqa: ANN401 - JSON
    """Return a record as JSON data: instants in UTC, decimals as text, sets sorted, weeks as labels.

    Equal values have equal forms, however they were written: `1.50` is `1.5`, and an instant is the same in any zone.
    Raises TypeError for what has no such form (floats and bytes have none), ValueError for naive instants, decimals
    that are no numbers, and mappings whose keys read the same.
    """
    match value:
        case Enum():
            return plain(value.value)
        case None | bool() | int() | str():
            return value
        case Decimal():
            return _plain_decimal(value)
        case datetime():
            return _plain_instant(value)
        case date() | Week():
            return str(value)
        case Mapping():
            return _plain_mapping(value)
        case set() | frozenset():
            return sorted((plain(item) for item in value), key=_text)
        case Sequence() if not isinstance(value, (bytes, bytearray, memoryview)):
            return [plain(item) for item in value]
        case _ if is_dataclass(value) and not isinstance(value, type):
            return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
        case _:
            msg = f"{type(value).__name__} has no canonical form"
            raise TypeError(msg)


def _plain_decimal(value: Decimal) -> str:
    if not value.is_finite():
        msg = f"{value} is no number and has no canonical form"
        raise ValueError(msg)
    whole, point, part = format(value, "f").partition(".")
    part = part.rstrip("0")
    text = f"{whole}{point}{part}" if part else whole
    return "0" if text == "-0" else text


def _plain_instant(value: datetime) -> str:
    if value.utcoffset() is None:
        msg = f"{value.isoformat()} has no time zone; hand over an aware instant"
        raise ValueError(msg)
    return value.astimezone(UTC).isoformat()


def _plain_mapping(value: Mapping[Any, object]) -> dict[str, Any]:
    form = {str(plain(key)): plain(item) for key, item in value.items()}
    if len(form) != len(value):
        msg = f"two of the keys {list(value)} read the same"
        raise ValueError(msg)
    return form


def canonical_json(value: object) -> str:
    """Return the one JSON text of a record: keys sorted, no spaces, UTF-8 kept."""
    return _text(plain(value))


def _text(form: object) -> str:
    return json.dumps(form, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(value: object) -> str:
    """Return the sha256 of a record's canonical JSON, as hex."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()
