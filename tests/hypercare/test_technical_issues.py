"""Proposals keep their law: one for each failed integration and document, whatever order, however often."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hypercare.model import Severity
from hypercare.technical_issues import Failure, Proposal, ProposalState, update_proposals
from hypercare.weeks import Week

W10 = Week(2026, 10)
START = datetime(2026, 3, 2, tzinfo=UTC)
KINDS = ("runs", "errors", "payments")
ALL = frozenset(KINDS)
OPEN, CLEARED = ProposalState.OPEN, ProposalState.CLEARED


def failure(number: int = 1, kind: str = "runs", **changes: Any) -> Failure:
    plain = Failure(
        kind=kind,
        id=f"{kind}:acme/{number}",
        integration="acme/1",
        document="",
        failed_at=START + timedelta(hours=number),
        what=f"Export fails ({number})",
        impact="payments wait",
        severity=Severity.MEDIUM,
    )
    return replace(plain, **changes)


def update(
    known: Mapping[str, Proposal], *failures: Failure, judged: frozenset[str] = ALL, week: Week = W10
) -> dict[str, Proposal]:
    return update_proposals("a0X1", known, failures, judged, week)


def only(proposals: Mapping[str, Proposal]) -> Proposal:
    (found,) = proposals.values()
    return found


def test_a_failure_is_proposed_once_updated_cleared_and_opened_again() -> None:
    first = update({}, failure(1))
    assert only(first).state is OPEN
    assert only(first).title == "Export fails (1) → payments wait"
    again = update(first, failure(1), failure(2, severity=Severity.HIGH), week=W10.shift(1))
    assert (only(again).first_week, only(again).last_week) == (W10, W10.shift(1))
    assert only(again).title == "Export fails (2), 2 failures → payments wait"
    assert only(again).severity is Severity.HIGH
    cleared = update(again, week=W10.shift(2))
    assert (only(cleared).state, only(cleared).cleared_week, only(cleared).failures) == (CLEARED, W10.shift(2), ())
    back = update(cleared, failure(3), week=W10.shift(3))
    assert (only(back).state, only(back).occurrence, only(back).first_week) == (OPEN, 2, W10)
    labels = {only(each).label for each in (first, again, cleared, back)}
    marks = {only(each).mark for each in (first, again, cleared, back)}
    assert (len(labels), len(marks)) == (1, 4)


def test_each_failed_integration_and_document_is_one() -> None:
    found = update(
        {},
        failure(1),
        failure(2),
        failure(3, "errors", document="Invoice:acme/7"),
        failure(4, "errors", document="Invoice:acme/7"),
        failure(5, "errors", document="Invoice:acme/8"),
        failure(6, "payments", integration="", document="payment:acme/1"),
        failure(7, integration="acme/2"),
    )
    assert {name: len(proposal.failures) for name, proposal in found.items()} == {
        "integration acme/1": 2,
        "integration acme/1 document Invoice:acme/7": 2,
        "integration acme/1 document Invoice:acme/8": 1,
        "document payment:acme/1": 1,
        "integration acme/2": 1,
    }
    assert len({proposal.label for proposal in found.values()}) == 5


def test_of_what_could_not_be_pulled_nothing_is_believed() -> None:
    known = update({}, failure(1), failure(2, "errors"))
    silent = update(known, judged=frozenset(), week=W10.shift(1))
    assert silent == known
    half = update(known, judged=frozenset({"errors"}), week=W10.shift(1))
    assert [each.kind for each in only(half).failures] == ["runs"]
    assert (only(half).state, only(half).last_week) == (OPEN, W10)
    assert update({}, failure(1), judged=frozenset({"errors"})) == {}
    assert only(update(half, judged=frozenset({"runs"}), week=W10.shift(2))).state is CLEARED


def test_a_title_is_cut_before_its_impact() -> None:
    title = only(update({}, failure(1, what="x" * 500))).title
    assert len(title) == 240
    assert title.endswith("… → payments wait")


def test_a_description_names_the_newest_failures() -> None:
    proposal = only(update({}, *(failure(number) for number in range(1, 31))))
    told = proposal.describe()
    assert "runs:acme/30" in told[1]
    assert told[-1] == "and 20 earlier failures"
    assert only(update({proposal.identity: proposal})).describe()[0] == "Cleared in week 2026-W10: no failure is left."


FAILURES = st.lists(
    st.builds(
        failure,
        st.integers(1, 6),
        st.sampled_from(KINDS),
        integration=st.sampled_from(["", "acme/1", "acme/2"]),
        document=st.sampled_from(["", "payment:acme/1"]),
        severity=st.sampled_from([Severity.HIGH, Severity.MEDIUM]),
    ),
    max_size=8,
    unique_by=lambda each: each.id,
)
WEEKS = st.lists(st.tuples(FAILURES, st.frozensets(st.sampled_from(KINDS))), min_size=1, max_size=5)


@given(WEEKS, st.randoms(use_true_random=False))
def test_the_law_holds_over_any_history(weeks: list[tuple[list[Failure], frozenset[str]]], dice: Any) -> None:
    states: list[dict[str, Proposal]] = [{}]
    for number, (failures, judged) in enumerate(weeks):
        week = W10.shift(number)
        found = update_proposals("a0X1", states[-1], failures, judged, week)
        shuffled = dice.sample(failures, len(failures))
        assert update_proposals("a0X1", states[-1], shuffled, judged, week) == found, "order-free"
        assert update_proposals("a0X1", found, failures, judged, week) == found, "idempotent"
        states.append(found)
        believed = {each.identity for each in failures if each.kind in judged}
        for identity, proposal in found.items():
            before = states[-2].get(identity)
            kept = before is not None and any(each.kind not in judged for each in before.failures)
            assert (proposal.state is OPEN) is (identity in believed or kept), "cleared exactly when none is left"
            assert (proposal.failures != ()) is (proposal.state is OPEN)
        assert set(found) == set(states[-2]) | believed, "none is forgotten, none is made up"
    for earlier, later in pairwise(states):
        for identity, proposal in earlier.items():
            assert later[identity].label == proposal.label
            assert later[identity].occurrence >= proposal.occurrence
