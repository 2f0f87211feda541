"""The laws of the roll-forward (check 10) over generated histories, each week judged as its own run sees it.

`HYPERCARE_HISTORIES=500` tries more of them than the default few.
"""

from __future__ import annotations

import os
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import records as wire
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from observed_histories import observe, say_day
from payment_histories import FIRST_DAY, PULLS, WEEKS, Document, History, Payment, histories
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


@SETTINGS
@given(history=histories())
def test_weeks_reconstructed_from_one_late_pull_close(history: History) -> None:
    """What came and went before that pull nobody knows, so figures may differ; what is known closes all the same.

    Not so what is held by then: nobody saw it approved, so what was paid on it is rightly named.
    """
    released = tuple(replace(document, held=None) for document in history.documents)
    with pulled(replace(history, documents=released)) as pulls:
        for week in range(WEEKS):
            judged = judge([[]] * (WEEKS - 1) + [pulls[-1]], week, as_of=WEEKS - 1)
            assert judged.offending(CHECK) == {}
            assert judged.found.rows.differing == ()


@dataclass(frozen=True)
class Break:
    """A history in which one thing is wrong, and what the check must name for it."""

    history: History
    differences: Mapping[str, int]
    """By the row's key, in cents over all weeks."""
    payments: tuple[int, ...]
    """Those that are named."""


NEVER = 10_000
"""A day that no pull sees."""


@st.composite
def breaks(draw: st.DrawFn) -> Break:
    """Double, drop or change a payment of a fair history, let it pay another document, drop or change its entry."""
    history = draw(histories())
    victims = [
        (document, payment)
        for document in history.documents
        for payment in document.payments
        if payment.completed is not None and payment.failed is None and payment.amount > 100
    ]
    assume(victims)
    document, payment = draw(st.sampled_from(victims))
    others = [
        other
        for other in history.documents
        if other.kind == document.kind == "invoice"
        and other.group == document.group
        and other is not document
        and other.held is None
        and other.voided is None
        and other.approved <= (payment.completed or 0)
    ]
    kinds = ["doubled", "dropped", "changed"]
    kinds += ["entry dropped", "entry changed"] if document.kind == "invoice" else []
    kinds += ["of another"] if others else []
    amount, change = payment.amount, draw(st.integers(2, 99)) * draw(st.sampled_from([1, -1]))
    match draw(st.sampled_from(kinds)):
        case "doubled":
            twin = replace(payment, id=payment.id + 5_000_000, shown=NEVER)
            # Of two that are alike, either may be the one that the document shows.
            return Break(put(history, document, payment, payment, twin), {document.key: amount}, ())
        case "dropped":
            return Break(put(history, document, payment, replace(payment, released=NEVER)), {document.key: -amount}, ())
        case "changed":
            other = replace(payment, paid=amount + change)
            # What a paid mark shows beyond the payments is no payment's.
            named = (payment.id,) if document.kind == "invoice" or change > 0 else ()
            return Break(put(history, document, payment, other), {document.key: change}, named)
        case "entry dropped":
            unseen = replace(payment, shown=NEVER)
            return Break(put(history, document, payment, unseen), {document.key: amount}, (payment.id,))
        case "entry changed":
            other = replace(payment, amount=amount + change, paid=amount)
            return Break(put(history, document, payment, other), {document.key: -change}, (payment.id,))
    wrong = draw(st.sampled_from(others))
    moved = put(history, document, payment, replace(payment, to=wrong.id))
    return Break(moved, {document.key: -amount, wrong.key: amount}, (payment.id,))


def put(history: History, document: Document, payment: Payment, *instead: Payment) -> History:
    """The history with other payments in the place of one."""
    paid = tuple(new for old in document.payments for new in (instead if old is payment else (old,)))
    changed = replace(document, payments=paid)
    return replace(history, documents=tuple(changed if one is document else one for one in history.documents))


@SETTINGS
@given(broken=breaks())
def test_what_is_wrong_is_named_and_nothing_else(broken: Break) -> None:
    """Judged by the last run, which has seen all of it."""
    found: dict[str, Decimal] = defaultdict(Decimal)
    named = ""
    with pulled(broken.history) as pulls:
        for week in range(WEEKS):
            judged = judge(pulls, week, as_of=WEEKS - 1)
            rows = judged.found.rows.differing
            named += " ".join(row.words for row in rows)
            groups = {(row.legal_entity, row.currency): row.difference for row in judged.found.roll_forward}
            for group, difference in groups.items():
                own = sum((row.difference for row in rows if (row.legal_entity, row.currency) == group), Decimal(0))
                assert own == difference
            offending = judged.offending(CHECK)
            assert len(offending) == sum(difference != 0 for difference in groups.values())
            for row in rows:
                found[row.key] += row.difference
    assert {key: cents for key, cents in found.items() if cents} == {
        key: Decimal(cents) / 100 for key, cents in broken.differences.items()
    }
    assert set(found) == set(broken.differences)
    for payment in broken.payments:
        assert f"payment acme/{payment} of " in named
