"""What happens in the demo world, told in the order of time, and the working days on which it happens."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

Act = Callable[[datetime], None]


class Timeline:
    """Acts to come; each is called with its instant, and may plan others that come later."""

    def __init__(self, zone: ZoneInfo) -> None:
        self.zone = zone
        self._acts: list[tuple[datetime, int, Act]] = []
        self._numbers = itertools.count()

    def plan(self, at: datetime, act: Act) -> None:
        """Let something happen at an instant (aware)."""
        heapq.heappush(self._acts, (at, next(self._numbers), act))

    def play(self, until: datetime) -> None:
        """Let everything happen that is planned, or comes to be planned, up to an instant."""
        while self._acts and self._acts[0][0] <= until:
            at, _, act = heapq.heappop(self._acts)
            act(at)

    def moment(self, day: date, hour: int, minute: int = 0) -> datetime:
        """Return a local time of a day as an aware instant."""
        return datetime.combine(day, time(hour, minute), self.zone)

    def working_hours_after(self, at: datetime, hours: float) -> datetime:
        """Return the instant that many hours later, moved to the next working day's morning from outside 8 to 18."""
        later = (at + timedelta(hours=hours)).astimezone(self.zone).replace(microsecond=0)
        if later.hour >= 18:
            later = self.moment(later.date() + timedelta(days=1), 8, later.minute)
        elif later.hour < 8:
            later = self.moment(later.date(), 8, later.minute)
        if later.weekday() >= 5:
            later = self.moment(next_working_day(later.date()), later.hour, later.minute)
        return later


def next_working_day(day: date) -> date:
    """Return the first Monday to Friday on or after a day."""
    while day.weekday() >= 5:
        day += timedelta(days=1)
    return day


def add_working_days(day: date, count: int) -> date:
    """Return the day that many Mondays to Fridays later."""
    for _ in range(count):
        day = next_working_day(day + timedelta(days=1))
    return day
