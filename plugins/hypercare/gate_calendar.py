"""The days that the gate counts in: local days, business days, payment runs by cadence, period ends.

Pure arithmetic on dates, so that the gate needs no holiday library; the holidays are handed in.
"""

from __future__ import annotations

from calendar import day_name, monthrange
from collections.abc import Callable, Container
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypercare.policy import FiscalCalendar, RunDays

Holidays = Container[date] | Callable[[date], bool]
"""The days on which the customer does not work: a set of dates, or a function that says so of a date."""

DAY = timedelta(days=1)


def find_local_day(instant: datetime, zone: str) -> date:
    """Return the calendar day of an aware instant in an IANA time zone; raise ValueError for a naive one."""
    if instant.tzinfo is None:
        msg = f"{instant.isoformat()} has no time zone; hand over an aware instant"
        raise ValueError(msg)
    return instant.astimezone(ZoneInfo(zone)).date()


def is_business_day(day: date, holidays: Holidays) -> bool:
    """Return whether a day is neither Saturday, Sunday nor a holiday."""
    return day.weekday() < 5 and not (holidays(day) if callable(holidays) else day in holidays)


def add_business_days(day: date, count: int, holidays: Holidays) -> date:
    """Return the `count`-th business day after a day; the day itself where `count` is 0."""
    while count > 0:
        day += DAY
        count -= is_business_day(day, holidays)
    return day


def list_run_days(run_days: RunDays, first: date, last: date) -> list[date]:
    """Return the days from `first` to `last`, both included, on which payments are expected to run."""
    if isinstance(run_days, str):
        return [day for day in _list_days(first, last) if day_name[day.weekday()].lower() == run_days]
    return [day for day in _list_days(first, last) if day.day in run_days or ("last" in run_days and _ends_month(day))]


def list_period_ends(fiscal_calendar: FiscalCalendar, first: date, last: date) -> list[date]:
    """Return the days from `first` to `last`, both included, on which an accounting period ends."""
    if isinstance(fiscal_calendar, str):
        return [day for day in _list_days(first, last) if _ends_month(day)]
    return sorted(day for day in set(fiscal_calendar) if first <= day <= last)


def _list_days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=offset) for offset in range((last - first).days + 1)]


def _ends_month(day: date) -> bool:
    return day.day == monthrange(day.year, day.month)[1]
