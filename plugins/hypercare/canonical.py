"""One fixed text form for records, so that a digest means the same on every machine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import is_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from hypercare.weeks import Week


def plain(value: object) -> Any:  # noqa: ANN401 - JSON
    """Return a record as JSON data: instants in UTC, decimals as text, sets sorted, weeks as labels.

    Raises TypeError for what has no such form.
    """
    match value:
        case None | bool() | int() | str():
            return value.value if isinstance(value, Enum) else value
        case Decimal():
            return format(value, "f")
        case datetime():
            return value.astimezone(UTC).isoformat()
        case date():
            return value.isoformat()
        case Week():
            return str(value)
        case Mapping():
            return {str(plain(key)): plain(item) for key, item in value.items()}
        case set() | frozenset():
            return sorted(plain(item) for item in value)
        case Sequence():
            return [plain(item) for item in value]
        case _ if is_dataclass(value) and not isinstance(value, type):
            return {name: plain(item) for name, item in _fields(value)}
        case _:
            msg = f"{type(value).__name__} has no canonical form"
            raise TypeError(msg)


def _fields(record: Any) -> list[tuple[str, object]]:  # noqa: ANN401 - any dataclass
    return [(name, getattr(record, name)) for name in record.__dataclass_fields__]


def canonical_json(value: object) -> str:
    """Return the one JSON text of a record: keys sorted, no spaces, UTF-8 kept."""
    return json.dumps(plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(value: object) -> str:
    """Return the sha256 of a record's canonical JSON, as hex."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()
