"""From an ICM record's row to an engagement: every value checked, every fault told in words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar
from zoneinfo import available_timezones

from hypercare.business_calendar import BusinessCalendar
from hypercare.errors import ConfigurationError
from hypercare.model import Cadence, Delivery, Engagement, ErpLeg, Segment

INSTANCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
"""What can be part of a connection's id and of a folder's name."""
Row = Mapping[str, Any]
Words = TypeVar("Words", bound=StrEnum)
Value = TypeVar("Value")


class UnfitRecordError(ValueError):
    """An ICM record that is no engagement; `words` name each field, its value and what to do."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


def parse_engagement(row: Row, fields: Mapping[str, str], roles: Mapping[str, str]) -> Engagement:
    """Return the engagement of a row in the columns of the feed `engagements`.

    `fields` maps columns to Salesforce fields, for messages; `roles` maps roles to the names of people. Blank optional
    values take the model's defaults. Raises UnfitRecordError with all faults of the record.
    """
    reader = _Reader(row, fields)
    values = {
        "segment": reader.read("segment", lambda text: _word(Segment, text)),
        "region": reader.read("region", str),
        "go_live": reader.read("go_live", _date),
        "time_zone": reader.read("time_zone", _time_zone),
        "instances": reader.read("instances", _instances),
        "customer": reader.read("customer", str),
        "account_id": reader.read("account_id", str),
        "payment_cadence": reader.read("payment_cadence", lambda text: _word(Cadence, text), Cadence.WEEKLY),
        "delivery": reader.read("delivery", lambda text: _word(Delivery, text), Delivery.VENDOR),
        "erp_leg": reader.read("erp_leg", lambda text: _word(ErpLeg, text), ErpLeg.EXPORTED_FLAG),
        "holiday_calendar": reader.read("holiday_calendar", _holiday_calendar, ""),
        "fiscal_calendar": reader.read("fiscal_calendar", str, "calendar-month"),
        "tracker": reader.read("tracker", str, ""),
        "tracker_writable": reader.read("tracker_writable", _is_checked, False),
        "workbook": reader.read("workbook", str, ""),
        "openair_project": reader.read("openair_project", str, ""),
        "products": reader.read("products", _products),
        "scope": reader.read("scope", _scope, ()),
    }
    if reader.faults:
        msg = f"ICM record {row['name'] or row['id']}: {'; '.join(reader.faults)}"
        raise UnfitRecordError(msg)
    return Engagement(id=row["id"], name=row["name"] or row["id"], roles=dict(roles), **values)


class _Reader:
    """Reads a row's values and collects what is wrong with them."""

    def __init__(self, row: Row, fields: Mapping[str, str]) -> None:
        self.faults: list[str] = []
        self._row = row
        self._fields = fields

    def read(self, column: str, read: Callable[[str], Value], default: Any = None) -> Any:  # noqa: ANN401 - of any kind
        """Return a column's value, or the default for a blank one; without a default a blank one is a fault."""
        text = str(self._row.get(column) or "").strip()
        field = self._fields.get(column, column)
        if not text:
            if default is None:
                self.faults.append(f"{field} ({column.replace('_', ' ')}) is blank: fill it in")
            return default
        try:
            return read(text)
        except ValueError as fault:
            self.faults.append(f"{field} is {text[:80]!r}: {fault}")
            return None


def _word(words: type[Words], text: str) -> Words:
    try:
        return words(text)
    except ValueError:
        msg = f"choose one of {', '.join(words)}"
        raise ValueError(msg) from None


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        msg = "this is no date; write it as 2026-11-16"
        raise ValueError(msg) from None


def _time_zone(text: str) -> str:
    if text not in _time_zones():
        msg = "no such time zone; write an IANA name such as America/New_York"
        raise ValueError(msg)
    return text


@cache
def _time_zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _instances(text: str) -> tuple[str, ...]:
    names = _split(text, ",")
    unfit = [name for name in names if not INSTANCE.fullmatch(name)]
    if unfit or not names:
        msg = (
            f"{', '.join(map(repr, unfit)) or 'this'} names no instance; separate the names by commas, each as in its "
            "Airflow connection coupa_<instance>"
        )
        raise ValueError(msg)
    return names


def _holiday_calendar(text: str) -> str:
    try:
        BusinessCalendar("UTC", text).is_business_day(date(2026, 1, 5))
    except ConfigurationError:
        msg = "no such country; write an ISO country, or country-subdivision (US-CA)"
        raise ValueError(msg) from None
    return text


def _is_checked(text: str) -> bool:
    return text.casefold() == "true"


def _products(text: str) -> frozenset[str]:
    return frozenset(_split(text, ";"))


def _scope(text: str) -> tuple[str, ...]:
    return _split(text, ";")


def _split(text: str, separator: str) -> tuple[str, ...]:
    """Return the parts without blanks and repetitions, in their order; line breaks separate too."""
    parts = text.replace("\n", separator).split(separator)
    return tuple(dict.fromkeys(part.strip() for part in parts if part.strip()))
