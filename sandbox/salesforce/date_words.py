"""The relative dates of SOQL: each names a run of whole days in the org's time zone.

Ranges follow Salesforce's table of date literals: LAST_N_DAYS includes today (n + 1 days), NEXT_N_DAYS starts tomorrow,
the others of the N kind leave the present week, month, quarter or year out. Weeks begin on Sunday (locale en_US).
Fiscal periods are not served.
"""

from __future__ import annotations

from datetime import date, timedelta

DayRange = tuple[date, date]
"""The first day, and the first day after the range."""

SINGLE_WORDS = {
    "YESTERDAY": ("DAY", -1),
    "TODAY": ("DAY", 0),
    "TOMORROW": ("DAY", 1),
    **{
        f"{prefix}_{unit}": (unit, step)
        for prefix, step in (("LAST", -1), ("THIS", 0), ("NEXT", 1))
        for unit in ("WEEK", "MONTH", "QUARTER", "YEAR")
    },
}
"""Word -> unit, and how many units away from the present one."""

UNITS = ("DAY", "WEEK", "MONTH", "QUARTER", "YEAR")


def find_day_range(name: str, count: int | None, today: date) -> DayRange | None:
    """Find the days that a relative date names, or None where SOQL has no such word (or it lacks its number).

    `name` is in capitals; `count` is the n of LAST_N_DAYS:n.
    """
    if count is None:
        return _find_single(name, today)
    if count < 0:
        return None
    for unit in UNITS:
        if name == f"LAST_N_{unit}S":
            return _find_last(unit, count, today)
        if name == f"NEXT_N_{unit}S":
            return _begin(unit, today, 1), _begin(unit, today, count + 1)
        if name == f"N_{unit}S_AGO":
            return _begin(unit, today, -count), _begin(unit, today, -count + 1)
    return None


def _find_single(name: str, today: date) -> DayRange | None:
    if name == "LAST_90_DAYS":
        return _find_last("DAY", 90, today)
    if name == "NEXT_90_DAYS":
        return _begin("DAY", today, 1), _begin("DAY", today, 91)
    if name not in SINGLE_WORDS:
        return None
    unit, step = SINGLE_WORDS[name]
    return _begin(unit, today, step), _begin(unit, today, step + 1)


def _find_last(unit: str, count: int, today: date) -> DayRange:
    return _begin(unit, today, -count), _begin(unit, today, 1 if unit == "DAY" else 0)


def _begin(unit: str, today: date, steps: int) -> date:
    """Find the first day of the unit that lies so many units after the one that today is in."""
    if unit == "DAY":
        return today + timedelta(days=steps)
    if unit == "WEEK":
        return today - timedelta(days=today.isoweekday() % 7) + timedelta(weeks=steps)
    if unit == "YEAR":
        return date(today.year + steps, 1, 1)
    months = 3 if unit == "QUARTER" else 1
    number = today.year * 12 + (today.month - 1) // months * months + steps * months
    return date(number // 12, number % 12 + 1, 1)
