"""Hypercare weeks: ISO weeks in an engagement's time zone (rule R5)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

JUDGEABLE_AFTER = timedelta(hours=2)
"""How long after its own Sunday midnight a week can be judged (rule R5)."""


@dataclass(frozen=True, order=True)
class Week:
    """An ISO week such as `2026-W46`."""

    year: int
    number: int

    def __post_init__(self) -> None:
        date.fromisocalendar(self.year, self.number, 1)

    def __str__(self) -> str:
        return f"{self.year}-W{self.number:02d}"

    @classmethod
    def parse(cls, label: str) -> Week:
        """Return the week of a label such as `2026-W46`; raise ValueError for anything else."""
        year, separator, number = label.partition("-W")
        if not separator or not (year.isdigit() and number.isdigit()):
            msg = f"{label!r} is not an ISO week; write it as 2026-W46"
            raise ValueError(msg)
        return cls(int(year), int(number))

    @classmethod
    def containing(cls, day: date) -> Week:
        """Return the week that holds this calendar day."""
        year, number, _ = day.isocalendar()
        return cls(year, number)

    @property
    def monday(self) -> date:
        """The first day."""
        return date.fromisocalendar(self.year, self.number, 1)

    @property
    def sunday(self) -> date:
        """The last day."""
        return self.monday + timedelta(days=6)

    def shift(self, weeks: int) -> Week:
        """Return the week that many weeks later (earlier where negative)."""
        return Week.containing(self.monday + timedelta(weeks=weeks))

    def weeks_since(self, other: Week) -> int:
        """Return how many weeks this one lies after the other."""
        return (self.monday - other.monday).days // 7

    def start(self, zone: str) -> datetime:
        """Return Monday's midnight in that IANA time zone, as UTC."""
        return local_midnight(self.monday, zone)

    def end(self, zone: str) -> datetime:
        """Return the midnight after Sunday in that IANA time zone, as UTC; the week ends before it."""
        return local_midnight(self.monday + timedelta(days=7), zone)

    def judgeable_from(self, zone: str) -> datetime:
        """Return the instant from which this week can be judged in that zone, as UTC."""
        return self.end(zone) + JUDGEABLE_AFTER


def local_midnight(day: date, zone: str) -> datetime:
    """Return the start of a calendar day in an IANA time zone, as UTC."""
    return datetime.combine(day, time.min, ZoneInfo(zone)).astimezone(UTC)


def last_judgeable_week(as_of: datetime, zone: str) -> Week:
    """Return the latest week that can be judged as of an instant, in that IANA time zone."""
    current = Week.containing((as_of - JUDGEABLE_AFTER).astimezone(ZoneInfo(zone)).date())
    return current.shift(-1)
