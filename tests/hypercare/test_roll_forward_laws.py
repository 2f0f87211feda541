"""The laws of the roll-forward (check 10) over generated histories, each week judged as its own run sees it.

`HYPERCARE_HISTORIES=500` tries more of them than the default few.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import records as wire
from hypothesis import HealthCheck, Phase, given, settings
from observed_histories import observe, say_day
from payment_histories import FIRST_DAY, PULLS, WEEKS, History, histories
from recomputed_roll_forward import MOVEMENTS, roll_forward
from reconciling import Books, Judged

from hypercare.feed_tables import TypedPull
from hypercare.reconciliation import RollForward
from hypercare.week_views import WeekViews

CHECK = "roll_forward"
WHO = wire.engagement()
SETTINGS = settings(
    max_examples=int(os.environ.get("HYPERCARE_HISTORIES", "12")),
    deadline=None,
    derandomize="HYPERCARE_HISTORIES" not in os.environ,
    phases=[Phase.explicit, Phase.generate],  # shrinking over Parquet takes minutes
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


def run_at(week: int) -> datetime:
    """The Monday noon after a week."""
    return datetime.combine(FIRST_DAY + timedelta(days=week * 7 + 7), time(12), UTC)


@contextmanager
def pulled(history: History) -> Iterator[list[list[TypedPull]]]:
    """Write what each week's pull sees, and yield the pulls of each."""
    with tempfile.TemporaryDirectory() as folder:
        yield [
            list(wire.write_pull(WHO, observe(history, when), Path(folder), week, run_at(week)))
            for week, when in enumerate(PULLS)
        ]


def judge(pulls: list[list[TypedPull]], week: int, *, as_of: int | None = None) -> Judged:
    """Judge a week as its own run sees it, or as that of a later week does."""
    seen = week if as_of is None else as_of
    with WeekViews(WHO, wire.CONTRACTS, [pull for one in pulls[: seen + 1] for pull in one]) as views:
        return Books(views, WHO, run_at(seen)).judge(say_day(week * 7), only=CHECK)


def figures(row: RollForward) -> dict[str, Decimal]:
    return {name: getattr(row, name) for name in ("opening", *MOVEMENTS, "closing")}


def by_group(judged: Judged) -> dict[tuple[str, str], dict[str, Decimal]]:
    return {(row.legal_entity, row.currency): figures(row) for row in judged.found.roll_forward}


@SETTINGS
@given(history=histories())
def test_every_week_closes_and_equals_the_books_kept_by_hand(history: History) -> None:
    before: dict[tuple[str, str], Decimal] = {}
    with pulled(history) as pulls:
        for week in range(WEEKS):
            judged = judge(pulls, week)
            assert judged.offending(CHECK) == {}
            assert judged.found.rows.differing == ()
            assert all(row.difference == 0 for row in judged.found.roll_forward)
            found = by_group(judged)
            assert found == roll_forward(history, week), f"week {week}"
            opened = {group: own["opening"] for group, own in found.items() if own["opening"]}
            assert opened == before, f"week {week} does not open as the one before closed"
            before = {group: own["closing"] for group, own in found.items() if own["closing"]}


@SETTINGS
@given(history=histories())
def test_a_later_run_finds_the_same_figures(history: History) -> None:
    with pulled(history) as pulls:
        for week in range(WEEKS - 1):
            assert by_group(judge(pulls, week, as_of=WEEKS - 1)) == roll_forward(history, week)
