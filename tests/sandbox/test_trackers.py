"""The tracker workbooks, read back the way people's own tools read them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook

from sandbox.trackers import HEADERS, SHEET, Item, ItemChange, Tracker, write_trackers

MONDAY = datetime(2026, 3, 9, 14, 30, tzinfo=UTC)
DAY = timedelta(days=1)
ITEM = Item(
    "AI-1",
    (
        ItemChange(MONDAY, {"title": "Late approvals", "state": "raised", "raised_on": date(2026, 3, 9)}),
        ItemChange(MONDAY + 7 * DAY, {"state": "closed", "resolution": "Delegates set", "internal_only": False}),
    ),
)


def read_rows(folder, file_name="acme.xlsx"):
    rows = list(load_workbook(folder / file_name)[SHEET].iter_rows(values_only=True))
    return rows[0], [dict(zip(HEADERS, map(as_date, row), strict=True)) for row in rows[1:]]


def as_date(value):
    return value.date() if isinstance(value, datetime) else value


def test_headers_stand_in_the_first_row_even_without_items(tmp_path):
    write_trackers([Tracker("acme.xlsx")], tmp_path, MONDAY)
    headers, rows = read_rows(tmp_path)
    assert list(headers) == list(HEADERS.values())
    assert rows == []


def test_an_item_is_written_as_it_stood(tmp_path):
    tracker = Tracker("acme.xlsx", (ITEM,))
    write_trackers([tracker], tmp_path, MONDAY - DAY)
    assert read_rows(tmp_path)[1] == []
    write_trackers([tracker], tmp_path, MONDAY)
    (before,) = read_rows(tmp_path)[1]
    write_trackers([tracker], tmp_path, MONDAY + 8 * DAY)
    (after,) = read_rows(tmp_path)[1]
    assert (before["state"], before["resolution"], before["updated_on"]) == ("raised", None, date(2026, 3, 9))
    assert (after["state"], after["resolution"], after["updated_on"]) == (
        "closed",
        "Delegates set",
        date(2026, 3, 16),
    )
    assert (after["id"], after["title"], after["internal_only"]) == ("AI-1", "Late approvals", "No")
    assert after["raised_on"] == date(2026, 3, 9)


def test_nothing_unfinished_is_left_beside_the_workbooks(tmp_path):
    folder = tmp_path / "new" / "trackers"
    write_trackers([Tracker("a.xlsx"), Tracker("b.xlsx")], folder, MONDAY)
    assert sorted(path.name for path in folder.iterdir()) == ["a.xlsx", "b.xlsx"]


def test_an_item_refuses_columns_that_the_workbook_lacks():
    with pytest.raises(ValueError, match="colour"):
        Item("AI-2", (ItemChange(MONDAY, {"colour": "red"}),))
    with pytest.raises(ValueError, match="at least one change"):
        Item("AI-3", ())


@given(st.lists(st.integers(0, 40), min_size=1, max_size=8, unique=True), st.integers(-2, 45))
def test_the_last_change_up_to_the_instant_counts(days, asked):
    item = Item("AI-4", tuple(ItemChange(MONDAY + day * DAY, {"resolution": str(day)}) for day in days))
    shown = item.show(MONDAY + asked * DAY)
    visible = [day for day in days if day <= asked]
    assert (shown is None) == (not visible)
    if shown:
        assert shown["resolution"] == str(max(visible))
