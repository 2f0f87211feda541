"""Business days and business hours of a customer: weekends, holidays, opening hours, in its own time zone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays

from hypercare.errors import ConfigurationError

OPENS, CLOSES = time(9), time(17)
"""Opening hours taken for business hours; this product's choice, since the published KPIs do not define theirs."""
ISO_COUNTRY = re.compile("[A-Z]{2}")


@dataclass(frozen=True)
class BusinessCalendar:
    """Working days Monday to Friday without the holidays of a country, and hours within them."""

    time_zone: str
    country: str = ""
    """ISO country, with a subdivision where wanted (`US-CA`); empty: no holidays."""
    opens: time = OPENS
    closes: time = CLOSES

    def is_business_day(self, day: date) -> bool:
        """Whether people work on this local date."""
        return day.weekday() < 5 and day not in self._holidays(day.year)

    def add_business_days(self, day: date, count: int) -> date:
        """Return the date that many business days after `day`; 0 gives `day` itself.

        Raises ValueError for a negative count.
        """
        if count < 0:
            msg = f"{count} business days after {day}: count forward only"
            raise ValueError(msg)
        while count > 0:
            day += timedelta(days=1)
            count -= self.is_business_day(day)
        return day

    def days(self, first: date, last: date) -> Iterator[tuple[date, datetime, int]]:
        """Yield each date with the instant it opens (aware, local) and its business seconds (0 when closed).

        Seconds are those that pass, also on a day on which clocks change between opening and closing.
        """
        zone = ZoneInfo(self.time_zone)
        day = first
        while day <= last:
            opens = datetime.combine(day, self.opens, zone)
            closes = datetime.combine(day, self.closes, zone)
            seconds = round(closes.timestamp() - opens.timestamp()) if self.is_business_day(day) else 0
            yield day, opens, seconds
            day += timedelta(days=1)

    def _holidays(self, year: int) -> frozenset[date]:
        return _holidays_of(self.country, year)


@lru_cache(maxsize=256)
def _holidays_of(country: str, year: int) -> frozenset[date]:
    """Return the holidays of a year, those observed on another day included."""
    if not country:
        return frozenset()
    name, _, subdivision = country.partition("-")
    # NotImplementedError is how the library says that it does not know a country or subdivision.
    with suppress(NotImplementedError):
        if ISO_COUNTRY.fullmatch(name):
            return frozenset(holidays.country_holidays(name, subdiv=subdivision or None, years=year))
    msg = f"holiday calendar {country!r} is not known: write an ISO country, or country-subdivision (US-CA)"
    raise ConfigurationError(msg)


def holidays_between(country: str, first: date, last: date) -> frozenset[date]:
    """Return a country's holidays of every year that two dates touch, and of the year after.

    Raises ConfigurationError for an unknown country or subdivision.
    """
    return frozenset().union(*(_holidays_of(country, year) for year in range(first.year, last.year + 2)))
