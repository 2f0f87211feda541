"""Business days and hours as a customer lives them: holidays, subdivisions, days on which clocks change."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hypercare.business_calendar import BusinessCalendar, holidays_between
from hypercare.errors import ConfigurationError

DAYS = st.dates(date(2020, 1, 1), date(2035, 12, 31))
CALENDARS = st.builds(
    BusinessCalendar,
    time_zone=st.sampled_from(["UTC", "America/New_York", "Europe/Berlin", "Asia/Kolkata", "Pacific/Auckland"]),
    country=st.sampled_from(["", "US", "US-CA", "DE-BY", "GB-SCT", "JP", "BR"]),
)


@pytest.mark.parametrize(
    ("country", "day", "open_"),
    [
        ("", date(2026, 12, 25), True),
        ("US", date(2026, 12, 25), False),
        ("US", date(2026, 7, 3), False),  # Independence Day falls on a Saturday
        ("US", date(2026, 3, 31), True),
        ("US-CA", date(2026, 3, 31), False),  # Cesar Chavez Day
        ("DE", date(2026, 6, 4), True),
        ("DE-BY", date(2026, 6, 4), False),  # Corpus Christi
        ("DE-BE", date(2026, 6, 4), True),
        ("GB-SCT", date(2026, 11, 30), False),  # St Andrew's Day
        ("GB-ENG", date(2026, 11, 30), True),
        ("US", date(2021, 12, 31), False),  # New Year's Day of the next year, observed
        ("", date(2026, 3, 7), False),
        ("", date(2026, 3, 8), False),
    ],
)
def test_days_off_are_weekends_and_the_holidays_of_country_and_subdivision(
    country: str, day: date, open_: bool
) -> None:
    assert BusinessCalendar("UTC", country).is_business_day(day) is open_
    assert (day in holidays_between(country, day, day)) is (not open_ and day.weekday() < 5)


@pytest.mark.parametrize("country", ["XX", "US-ZZ", "Germany", "de", "US CA", "-CA"])
def test_an_unknown_country_or_subdivision_is_named(country: str) -> None:
    with pytest.raises(ConfigurationError, match=f"'{country}' is not known"):
        BusinessCalendar("UTC", country).is_business_day(date(2026, 3, 9))
    with pytest.raises(ConfigurationError, match=f"'{country}' is not known"):
        holidays_between(country, date(2026, 3, 9), date(2026, 3, 9))


@pytest.mark.parametrize(
    ("day", "count", "expected"),
    [
        (date(2026, 12, 23), 1, date(2026, 12, 24)),
        (date(2026, 12, 24), 1, date(2026, 12, 28)),
        (date(2026, 12, 31), 1, date(2027, 1, 4)),
        (date(2026, 3, 7), 0, date(2026, 3, 7)),
        (date(2026, 3, 7), 1, date(2026, 3, 9)),
        (date(2026, 3, 6), 10, date(2026, 3, 20)),
    ],
)
def test_business_days_are_counted_forward(day: date, count: int, expected: date) -> None:
    assert BusinessCalendar("America/New_York", "US").add_business_days(day, count) == expected


def test_business_days_are_not_counted_backward() -> None:
    with pytest.raises(ValueError, match="forward only"):
        BusinessCalendar("UTC").add_business_days(date(2026, 3, 9), -1)


@given(CALENDARS, DAYS, st.integers(0, 30), st.integers(0, 30))
def test_counting_days_in_two_steps_is_counting_them_at_once(
    calendar: BusinessCalendar, day: date, first: int, second: int
) -> None:
    at_once = calendar.add_business_days(day, first + second)
    assert calendar.add_business_days(calendar.add_business_days(day, first), second) == at_once
    passed = [day + timedelta(days=number) for number in range(1, (at_once - day).days + 1)]
    assert sum(calendar.is_business_day(one) for one in passed) == first + second


@given(CALENDARS, DAYS, st.integers(0, 40))
def test_each_date_comes_once_with_eight_hours_or_none(calendar: BusinessCalendar, first: date, count: int) -> None:
    found = list(calendar.days(first, first + timedelta(days=count)))
    assert [day for day, _, _ in found] == [first + timedelta(days=number) for number in range(count + 1)]
    for day, opens, seconds in found:
        assert opens.astimezone(ZoneInfo(calendar.time_zone)).replace(tzinfo=None) == datetime.combine(day, time(9))
        assert seconds == (8 * 3600 if calendar.is_business_day(day) else 0)


def test_no_day_lies_between_a_date_and_the_one_before() -> None:
    assert list(BusinessCalendar("UTC").days(date(2026, 3, 9), date(2026, 3, 8))) == []


@pytest.mark.parametrize(
    ("zone", "opening"),
    [
        # Friday before and Monday after the clocks change, in UTC.
        ("America/New_York", [datetime(2026, 3, 6, 14, tzinfo=UTC), datetime(2026, 3, 9, 13, tzinfo=UTC)]),
        ("Europe/Berlin", [datetime(2026, 3, 27, 8, tzinfo=UTC), datetime(2026, 3, 30, 7, tzinfo=UTC)]),
    ],
)
def test_opening_hours_are_local_hours(zone: str, opening: list[datetime]) -> None:
    days = list(BusinessCalendar(zone).days(opening[0].date(), opening[1].date()))
    assert [opens.astimezone(UTC) for _, opens, seconds in days if seconds] == opening


@pytest.mark.parametrize(
    ("day", "hours"),
    [(date(2026, 3, 26), 24 - 1 / 60), (date(2025, 4, 25), 23 - 1 / 60), (date(2025, 10, 31), 24 - 1 / 60)],
)
def test_a_day_that_the_clocks_shorten_has_fewer_seconds(day: date, hours: float) -> None:
    # Cairo sets its clocks on the night to a Friday: 2025-04-25 has 23 hours.
    calendar = BusinessCalendar("Africa/Cairo", opens=time(0, 0), closes=time(23, 59))
    ((_, _, seconds),) = calendar.days(day, day)
    assert seconds == round(hours * 3600)


def test_holidays_reach_to_the_end_of_the_year_after() -> None:
    found = holidays_between("US", date(2025, 12, 1), date(2026, 1, 5))
    assert {day.year for day in found} >= {2025, 2026, 2027}
    assert holidays_between("", date(2025, 12, 1), date(2026, 1, 5)) == frozenset()
