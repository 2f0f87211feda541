"""Adjustments in the ledger: links of the chain, recorded once, never changed; and answers that stand."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from ledger_records import RUN, WEEK, make_full_engagement, make_judgement, record_roster, seal_week
from sqlalchemy import Column, Engine, select, text

from hypercare.adjustments import (
    Adjustment,
    Cancelled,
    ExitByException,
    Extended,
    GoLiveMoved,
    Kind,
    OpenRisk,
    OwnerChanged,
    PauseEnded,
    PauseStarted,
    RoutingDecided,
    WaiverApproved,
    WaiverAsked,
    WaiverRejected,
)
from hypercare.errors import ConfigurationError
from hypercare.ledger import tables
from hypercare.ledger.adjustments import (
    Confirmation,
    RecordedAdjustment,
    read_adjustments,
    read_confirmation,
    read_terms_of,
    record_adjustment,
    record_confirmation,
)
from hypercare.ledger.chain import verify_chain
from hypercare.ledger.decisions import record_decision

ENGAGEMENT = "a0X000000000001"
SAID: dict[str, Any] = {
    "decided_on": date(2026, 3, 9),
    "decided_by": "Łukasz 東",
    "recorded_by": "ops",
    "reason": "year end ✓",
    "evidence": "mail of 9 March",
}
EVERY_KIND: list[Adjustment] = [
    PauseStarted(starts_on=date(2026, 3, 9), ends_on=date(2026, 3, 22), **SAID),
    PauseEnded(resumes_on=date(2026, 3, 16), **SAID),
    GoLiveMoved(go_live=date(2026, 2, 2), **SAID),
    Extended(until=date(2026, 4, 30), **SAID),
    OwnerChanged(role="EM", person="Ben", **SAID),
    RoutingDecided(transition="customer_calls", **SAID),
    WaiverAsked(criterion="reconciliation_cycle", week="2026-W10", expires_on=date(2026, 4, 30), **SAID),
    WaiverApproved(criterion="reconciliation_cycle", week="2026-W10", **(SAID | {"decided_by": "Vera"})),
    WaiverAsked(criterion="action_items", expires_on=date(2026, 4, 30), **SAID),
    WaiverRejected(criterion="action_items", **(SAID | {"decided_by": "Vera"})),
    ExitByException(
        criteria=("action_items", "evidence_level"),
        executive="Eve",
        risks=(OpenRisk(risk="file", owner="Ines", due_on=date(2026, 4, 1)),),
        accepted_by_cvm="Carl",
        accepted_by_support="Sue",
        **SAID,
    ),
    Cancelled(**SAID),
]
LINES = ("it rests", "cycle: PASS → FAIL")


def record(engine: Engine, adjustment: Adjustment, **changes: Any) -> bool:
    recorded = RecordedAdjustment(adjustment, LINES, WEEK, RUN, "ops", "vera")
    with engine.begin() as connection:
        return record_adjustment(connection, ENGAGEMENT, replace(recorded, **changes))


def execute_unchecked(engine: Engine, statement: str) -> int:
    with engine.begin() as connection:
        connection.execute(text("set local session_replication_role = replica"))
        return connection.execute(text(statement)).rowcount


@pytest.fixture
def ledger(ledger_engine: Engine) -> Engine:
    """A ledger with an adjustment of every kind, between revisions and decisions."""
    record_roster(ledger_engine)
    seal_week(ledger_engine)
    for number, adjustment in enumerate(EVERY_KIND):
        assert record(ledger_engine, adjustment)
        with ledger_engine.begin() as connection:
            record_decision(connection, ENGAGEMENT, WEEK, RUN, make_judgement(), {"number": number})
        seal_week(ledger_engine, week=WEEK.shift(number + 1))
        assert verify_chain(ledger_engine) == []
    return ledger_engine


def test_the_chain_holds_through_every_kind_and_each_is_read_as_it_was_recorded(ledger: Engine) -> None:
    assert {each.kind for each in EVERY_KIND} == set(Kind)
    found = read_adjustments(ledger, ENGAGEMENT)
    assert [each.adjustment for each in found] == EVERY_KIND
    assert all(each == replace(found[0], adjustment=each.adjustment) for each in found)
    assert found[0].effect == LINES
    assert read_terms_of(ledger, ENGAGEMENT).cancellation == EVERY_KIND[-1]


def test_recording_twice_changes_nothing(ledger: Engine) -> None:
    with ledger.connect() as connection:
        before = connection.execute(select(tables.chain)).all(), connection.execute(select(tables.adjustments)).all()
    for adjustment in EVERY_KIND:
        assert not record(ledger, adjustment, as_of=RUN + timedelta(days=1), confirmed_by="jonas")
    with ledger.connect() as connection:
        after = connection.execute(select(tables.chain)).all(), connection.execute(select(tables.adjustments)).all()
    assert after == before


CHANGES = {
    "VARCHAR": "coalesce({0}, '') || 'x'",
    "INTEGER": "{0} + 100",
    "JSONB": "jsonb_build_array({0})",
    "DATETIME": "{0} + interval '1 microsecond'",
}


@pytest.mark.parametrize("column", list(tables.adjustments.c), ids=lambda column: column.name)
def test_a_change_of_any_column_is_found_and_the_adjustment_named(ledger: Engine, column: Column[Any]) -> None:
    change = CHANGES[str(column.type.__visit_name__).upper().replace("STRING", "VARCHAR")]
    statement = f"update adjustments set {column.name} = {change.format(column.name)} where kind = 'extended'"
    assert execute_unchecked(ledger, statement) == 1
    broken = verify_chain(ledger)
    assert make_full_engagement().name in {link.engagement for link in broken}
    assert broken[0].subject == "extended of 2026-03-09" or column.name == "engagement"


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("delete from adjustments where kind = 'cancelled'", "the adjustment is gone"),
        (
            (
                "insert into adjustments select engagement, 3, 'x', kind, adjustment, effect, judge_from, as_of,"
                " requested_by, confirmed_by from adjustments where kind = 'waiver_approved'"
            ),
            "its link is missing",
        ),
    ],
    ids=["taken out", "slipped in under a decision's link"],
)
def test_an_adjustment_that_is_taken_out_or_slipped_in_is_found(ledger: Engine, statement: str, reason: str) -> None:
    assert execute_unchecked(ledger, statement) == 1
    (broken,) = verify_chain(ledger)
    assert broken.reason == reason


def test_an_adjustment_needs_a_known_engagement(ledger_engine: Engine) -> None:
    with pytest.raises(ConfigurationError, match="is not in the ledger"):
        record(ledger_engine, EVERY_KIND[0])


def test_the_first_answer_of_a_run_stands(ledger_engine: Engine) -> None:
    first = Confirmation("Reject", "vera", RUN, "what changes")
    assert read_confirmation(ledger_engine, "hypercare_adjust manual__1") is None
    record_confirmation(ledger_engine, "hypercare_adjust manual__1", first)
    record_confirmation(ledger_engine, "hypercare_adjust manual__1", replace(first, option="Approve"))
    assert read_confirmation(ledger_engine, "hypercare_adjust manual__1") == first
