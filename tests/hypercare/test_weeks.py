"""ISO weeks in every zone: over year boundaries, on both sides of the date line, on days on which clocks change."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hypercare.weeks import JUDGEABLE_AFTER, Week, last_judgeable_week, local_midnight

ZONES = st.sampled_from(
    [
        "Pacific/Pago_Pago",
        "Pacific/Honolulu",
        "America/Los_Angeles",
        "America/St_Johns",
        "America/Sao_Paulo",
        "America/Asuncion",
        "UTC",
        "Europe/Berlin",
        "Africa/Cairo",
        "Asia/Beirut",
        "Asia/Tehran",
        "Asia/Kathmandu",
        "Australia/Lord_Howe",
        "Pacific/Chatham",
        "Pacific/Apia",
        "Pacific/Kiritimati",
    ]
)
DAYS = st.dates(date(2015, 1, 1), date(2045, 12, 31))
WEEKS = DAYS.map(Week.containing)
INSTANTS = st.datetimes(datetime(2015, 1, 1), datetime(2045, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("day", "label"),
    [
        (date(2024, 12, 30), "2025-W01"),
        (date(2024, 12, 29), "2024-W52"),
        (date(2021, 1, 3), "2020-W53"),
        (date(2021, 1, 4), "2021-W01"),
        (date(2026, 12, 31), "2026-W53"),
        (date(2027, 1, 3), "2026-W53"),
    ],
)
def test_days_around_new_year_belong_to_their_iso_week(day: date, label: str) -> None:
    assert str(Week.containing(day)) == label
    assert Week.parse(label) == Week.containing(day)


@pytest.mark.parametrize(
    "label",
    ["", "2026", "2026-46", "2026W46", "2026-W", "2026-W00", "2026-W54", "2025-W53", "-W10", "2026-W1x", "x-W10"],
)
def test_what_is_no_week_is_refused(label: str) -> None:
    with pytest.raises(ValueError, match=r"week|year"):
        Week.parse(label)


@given(DAYS)
def test_a_day_lies_in_its_week_only(day: date) -> None:
    week = Week.containing(day)
    assert week.monday <= day <= week.sunday
    assert (week.monday.isoweekday(), week.sunday.isoweekday()) == (1, 7)
    assert Week.parse(str(week)) == week
    assert len(str(week)) == 8


@given(WEEKS, st.integers(-300, 300))
def test_shifting_and_counting_undo_each_other(week: Week, count: int) -> None:
    assert week.shift(count).weeks_since(week) == count
    assert week.shift(count).shift(-count) == week


@given(WEEKS, WEEKS)
def test_weeks_and_their_labels_stand_in_the_order_of_their_days(one: Week, other: Week) -> None:
    assert (one < other) == (one.monday < other.monday) == (str(one) < str(other))


@given(WEEKS, ZONES)
def test_weeks_follow_each_other_without_gap_or_overlap(week: Week, zone: str) -> None:
    assert week.end(zone) == week.shift(1).start(zone)
    # Clocks are set by two hours at most (and the days are whole ones).
    assert abs(week.end(zone) - week.start(zone) - timedelta(days=7)) <= timedelta(hours=2)


@given(INSTANTS, ZONES)
def test_an_instant_lies_in_the_week_of_its_local_day(instant: datetime, zone: str) -> None:
    week = Week.containing(instant.astimezone(ZoneInfo(zone)).date())
    assert week.start(zone) <= instant < week.end(zone)


@given(DAYS, ZONES)
def test_a_day_starts_when_its_date_appears(day: date, zone: str) -> None:
    start = local_midnight(day, zone)
    assert start.astimezone(ZoneInfo(zone)).date() == day
    assert (start - timedelta(seconds=1)).astimezone(ZoneInfo(zone)).date() < day


@given(INSTANTS, ZONES)
def test_the_last_judgeable_week_is_the_last_that_can_be_judged(as_of: datetime, zone: str) -> None:
    week = last_judgeable_week(as_of, zone)
    assert week.judgeable_from(zone) <= as_of < week.shift(1).judgeable_from(zone)


@given(WEEKS, ZONES)
def test_a_week_can_be_judged_at_two_oclock_and_not_a_moment_before(week: Week, zone: str) -> None:
    moment = week.judgeable_from(zone)
    assert moment == week.end(zone) + JUDGEABLE_AFTER
    assert last_judgeable_week(moment, zone) == week
    assert last_judgeable_week(moment - timedelta(microseconds=1), zone) == week.shift(-1)


@given(INSTANTS, ZONES, st.integers(-14, 14))
def test_the_zone_in_which_an_instant_is_told_does_not_matter(as_of: datetime, zone: str, hours: int) -> None:
    told = as_of.astimezone(ZoneInfo(f"Etc/GMT{'-' if hours > 0 else '+'}{min(abs(hours), 12)}"))
    assert last_judgeable_week(told, zone) == last_judgeable_week(as_of, zone)


def test_the_first_and_the_last_zone_are_25_hours_apart() -> None:
    week = Week(2026, 10)
    assert week.end("Pacific/Pago_Pago") - week.end("Pacific/Kiritimati") == timedelta(hours=25)


def test_clocks_that_change_at_midnight_leave_a_day_without_one() -> None:
    # In Beirut 2026-03-29 begins at one o'clock.
    start = local_midnight(date(2026, 3, 29), "Asia/Beirut")
    assert start == datetime(2026, 3, 28, 22, tzinfo=UTC)
    assert start.astimezone(ZoneInfo("Asia/Beirut")).hour == 1
