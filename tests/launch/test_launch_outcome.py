"""What is shown at the end of a play: who decided what, and weeks that count for less than their verdict."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import date

from rich.console import Console

from hypercare.model import Engagement, Segment
from hypercare.verdicts import Standing, WeekLine
from hypercare.weeks import Week
from launch.decisions import PlayedDecision
from launch.outcome import show_decisions, show_standings

ENGAGEMENT = Engagement(
    id="a0X000000000001",
    name="Northwind go-live",
    customer="Northwind",
    account_id="001000000000001",
    segment=Segment.ENTERPRISE,
    region="US",
    go_live=date(2026, 3, 9),
    products=frozenset(),
    time_zone="UTC",
    instances=("northwind",),
)
WEEKS = tuple(WeekLine(Week(2026, number), "PASS", "", 1, paused=number == 12) for number in range(10, 14))
STANDING = Standing(ENGAGEMENT, WEEKS, "FAIL", "week 1 of 4", "IN CYCLE", "FAIL", ("week 1 of 4",))
LEGEND = "paused, or lies before the go-live"


def show(standing: Standing) -> str:
    console = Console(file=io.StringIO(), width=170)
    show_standings(console, [standing])
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_weeks_that_are_paused_or_before_the_go_live_stand_in_brackets() -> None:
    shown = show(STANDING)
    (row,) = [line for line in shown.splitlines() if "Northwind" in line]
    assert [cell.strip() for cell in row.split("│")[2:6]] == ["(PASS)", "PASS", "(PASS)", "PASS"]
    assert LEGEND in shown


def test_nothing_is_explained_where_nothing_stands_in_brackets() -> None:
    shown = show(replace(STANDING, weeks=WEEKS[1:2]))
    assert "(PASS)" not in shown
    assert LEGEND not in shown


def test_a_decision_that_was_not_recorded_is_marked() -> None:
    console = Console(file=io.StringIO(), width=170)
    show_decisions(console, [])
    assert console.file.getvalue() == ""  # type: ignore[attr-defined]
    made = PlayedDecision("2026-W11", "pause, Northwind go-live", "ops", "vera", "success", "")
    show_decisions(console, [made, replace(made, state="failed", words="failed: check_adjustment")])
    good, bad = [line for line in console.file.getvalue().splitlines() if "Northwind" in line]  # type: ignore[attr-defined]
    assert all(word in good for word in ("2026-W11", "pause", "ops", "vera", "success"))
    assert ("NOT as it must" in good, "NOT as it must" in bad) == (False, True)
