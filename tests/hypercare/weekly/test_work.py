"""Work is spread over batches so that every due engagement is handled once, and an instance by one batch only."""

from __future__ import annotations

import json
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hypercare.model import Engagement, Segment
from hypercare.weekly.work import LABEL_LENGTH, Batch, RevisionReason, WorkItem, cut_label, plan_batches
from hypercare.weeks import Week

WEEKS = [Week(2026, 10), Week(2026, 11)]


def make_engagement(number: int, instances: tuple[str, ...], name: str = "") -> Engagement:
    return Engagement(
        id=f"a0X{number:012d}",
        name=name or f"Customer {number:02d}",
        customer=f"Customer {number:02d}",
        account_id="001000000000001",
        segment=Segment.ENTERPRISE,
        region="US",
        go_live=date(2026, 1, 5),
        products=frozenset(),
        time_zone="UTC",
        instances=instances,
    )


def item(engagement: Engagement, week: Week = WEEKS[0]) -> WorkItem:
    return WorkItem(engagement.id, week, RevisionReason.FIRST)


INSTANCE_NAMES = [f"instance-{number}" for number in range(12)]


@st.composite
def rosters(draw: st.DrawFn) -> tuple[list[Engagement], list[WorkItem], dict[str, int], int]:
    instances = draw(
        st.lists(st.lists(st.sampled_from(INSTANCE_NAMES), max_size=3, unique=True).map(tuple), max_size=14)
    )
    engagements = [make_engagement(number, names) for number, names in enumerate(instances)]
    items = [
        WorkItem(engagement.id, week, draw(st.sampled_from(RevisionReason)))
        for engagement in engagements
        for week in draw(st.sets(st.sampled_from(WEEKS)))
    ]
    weights = draw(st.dictionaries(st.sampled_from(INSTANCE_NAMES), st.integers(0, 1000)))
    return engagements, items, weights, draw(st.integers(1, 6))


@given(rosters())
def test_every_due_engagement_is_in_just_one_batch_with_all_its_weeks(
    roster: tuple[list[Engagement], list[WorkItem], dict[str, int], int],
) -> None:
    engagements, items, weights, count = roster
    batches = plan_batches(engagements, items, weights, count)
    placed = [name for batch in batches for name in batch.engagements]
    assert sorted(placed) == sorted({work.engagement for work in items})
    assert sorted((str(w.week), w.engagement) for batch in batches for w in batch.items) == sorted(
        (str(w.week), w.engagement) for w in items
    )
    assert all({work.engagement for work in batch.items} == set(batch.engagements) for batch in batches)


@given(rosters())
def test_an_instance_is_in_one_batch_only(
    roster: tuple[list[Engagement], list[WorkItem], dict[str, int], int],
) -> None:
    engagements, items, weights, count = roster
    by_id = {engagement.id: engagement for engagement in engagements}
    batches = plan_batches(engagements, items, weights, count)
    for batch in batches:
        assert set(batch.instances) == {name for id_ in batch.engagements for name in by_id[id_].instances}
    placed = [name for batch in batches for name in batch.instances]
    assert len(placed) == len(set(placed))


@given(rosters())
def test_batches_are_no_more_than_wanted_and_none_is_empty(
    roster: tuple[list[Engagement], list[WorkItem], dict[str, int], int],
) -> None:
    engagements, items, weights, count = roster
    batches = plan_batches(engagements, items, weights, count)
    assert len(batches) <= count
    assert all(batch.engagements and batch.items and len(batch.label) <= LABEL_LENGTH for batch in batches)
    assert bool(batches) is bool(items)


@given(rosters(), st.randoms(use_true_random=False))
def test_the_plan_does_not_depend_on_the_order_of_the_roster(
    roster: tuple[list[Engagement], list[WorkItem], dict[str, int], int], random: object
) -> None:
    engagements, items, weights, count = roster
    shuffled = list(engagements)
    random.shuffle(shuffled)
    assert plan_batches(shuffled, items, weights, count) == plan_batches(engagements, items, weights, count)


@given(rosters())
def test_a_batch_survives_the_way_through_json(
    roster: tuple[list[Engagement], list[WorkItem], dict[str, int], int],
) -> None:
    for batch in plan_batches(*roster):
        assert Batch.from_json(json.loads(json.dumps(batch.to_json()))) == batch


def test_engagements_that_share_through_others_stay_together() -> None:
    chain = [make_engagement(n, (f"i{n}", f"i{n + 1}")) for n in range(5)]
    apart = make_engagement(9, ("elsewhere",))
    batches = plan_batches([chain[0], chain[4], apart, *chain[1:4]], [item(e) for e in (*chain, apart)], {}, 4)
    assert sorted(len(batch.engagements) for batch in batches) == [1, 5]


def test_who_has_nothing_due_joins_nobody() -> None:
    left, idle, right = make_engagement(1, ("a",)), make_engagement(2, ("a", "b")), make_engagement(3, ("b",))
    batches = plan_batches([left, idle, right], [item(left), item(right)], {}, 4)
    assert [batch.engagements for batch in batches] == [(left.id,), (right.id,)]


def test_the_heaviest_goes_alone_and_the_light_ones_together() -> None:
    engagements = [make_engagement(number, (f"i{number}",)) for number in range(4)]
    weights = {"i0": 10, "i1": 10, "i2": 100, "i3": 10}
    batches = plan_batches(engagements, [item(e) for e in engagements], weights, 2)
    assert sorted(batch.instances for batch in batches) == [("i0", "i1", "i3"), ("i2",)]


def test_work_of_an_engagement_that_nobody_knows_is_a_mistake() -> None:
    known = make_engagement(1, ("a",))
    with pytest.raises(ValueError, match="a0X000000000002"):
        plan_batches([known], [item(known), item(make_engagement(2, ("b",)))], {}, 2)


def test_a_label_names_everybody_where_there_is_room() -> None:
    assert cut_label(["Acme", "Borealis"]) == "Acme, Borealis"
    assert cut_label([]) == ""


def test_a_long_label_says_how_many_it_leaves_out() -> None:
    names = [f"Customer {number:02d} of the quite long names' club" for number in range(60)]
    label = cut_label(names)
    assert len(label) <= LABEL_LENGTH
    kept = sum(name in label for name in names)
    assert label.endswith(f" and {60 - kept} more")
    assert kept >= 3


@given(st.lists(st.text(min_size=1, max_size=400), min_size=1, max_size=80))
def test_no_label_is_too_long(names: list[str]) -> None:
    label = cut_label(names)
    assert 0 < len(label) <= LABEL_LENGTH
    assert label == ", ".join(names) or "more" in label or label.endswith("…")
