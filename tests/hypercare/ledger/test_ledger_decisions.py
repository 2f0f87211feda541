"""One decision a changed judgement, chained; the same again appends nothing (rule R15)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from ledger_records import NEXT_RUN, RUN, WEEK, make_judgement, record_roster, seal_week
from sqlalchemy import Engine, func, select

from hypercare.canonical import digest, plain
from hypercare.errors import ConfigurationError, ContractError
from hypercare.ledger import tables
from hypercare.ledger.chain import sequenced_digest, values_digest, verify_chain
from hypercare.ledger.decisions import (
    latest_decisions,
    read_action_items,
    read_runs,
    record_action_items,
    record_decision,
    record_run,
)
from hypercare.model import ActionItem, ExitState, Judgement, Severity, Verdict
from hypercare.weeks import Week

ENGAGEMENT, OTHER = "a0X000000000001", "a0X000000000002"
INPUTS: dict[str, Any] = {"revisions": {"2026-W10": "ab"}, "policy": "cd"}
ITEM = ActionItem(
    id="AI-7",
    source="tracker",
    title="Remittance advice für Łódź",
    severity=Severity.HIGH,
    is_open=True,
    owner="Ana Example",
    raised_on=date(2026, 2, 1),
    resolved_on=date(2026, 3, 1),
    resolution="done",
    plan_owner="Bo Example",
    plan_date=date(2026, 4, 1),
    plan_accepted_by="Support: Cy Example",
    case_number="00001044",
    internal_only=True,
)


def decide(
    engine: Engine,
    judgement: Judgement | None = None,
    *,
    engagement: str = ENGAGEMENT,
    week: Week = WEEK,
    as_of: datetime = RUN,
    inputs: dict[str, Any] | None = None,
) -> bool:
    with engine.begin() as connection:
        return record_decision(connection, engagement, week, as_of, judgement or make_judgement(), inputs or INPUTS)


def count_decisions(engine: Engine) -> int:
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(tables.decisions)).scalar_one()


def test_a_decision_is_kept_with_all_that_it_says(ledger_engine: Engine) -> None:
    record_roster(ledger_engine)
    judgement = make_judgement()
    assert decide(ledger_engine, judgement)
    found = latest_decisions(ledger_engine)[ENGAGEMENT]
    assert found == {
        "engagement": ENGAGEMENT,
        "sequence": 1,
        "week": "2026-W10",
        "as_of": RUN,
        "state": "IN CYCLE",
        "verdict": "FAIL",
        "criteria": plain(judgement.criteria),
        "reasons": list(judgement.reasons),
        "cycle": plain(judgement.cycle),
        "policy_version": "v1",
        "inputs_digest": digest(INPUTS),
    }


def test_the_same_again_appends_nothing(ledger_engine: Engine) -> None:
    record_roster(ledger_engine)
    assert decide(ledger_engine)
    assert not decide(ledger_engine)
    assert not decide(ledger_engine, as_of=NEXT_RUN)
    # Other names for the same: another order of keys, another zone.
    assert not decide(ledger_engine, inputs=dict(reversed(INPUTS.items())))
    assert count_decisions(ledger_engine) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"state": ExitState.READY},
        {"verdict": Verdict.PASS},
        {"criteria": ()},
        {"reasons": ("another",)},
        {"cycle": replace(make_judgement().cycle, settled_runs=2)},
        {"policy_version": "v2"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_whatever_changed_is_a_new_decision(ledger_engine: Engine, change: dict[str, Any]) -> None:
    record_roster(ledger_engine)
    decide(ledger_engine)
    assert decide(ledger_engine, make_judgement(**change))
    assert count_decisions(ledger_engine) == 2
    assert verify_chain(ledger_engine) == []


def test_a_later_revision_is_a_new_decision_and_an_earlier_one_is_too(ledger_engine: Engine) -> None:
    record_roster(ledger_engine)
    later = {**INPUTS, "revisions": {"2026-W10": "ef"}}
    assert [decide(ledger_engine, inputs=inputs) for inputs in (INPUTS, later, later, INPUTS)] == [
        True,
        True,
        False,
        True,
    ]


def test_each_week_and_engagement_has_its_own(ledger_engine: Engine) -> None:
    record_roster(ledger_engine, ENGAGEMENT, OTHER)
    for engagement in (ENGAGEMENT, OTHER):
        for week in (WEEK.shift(1), WEEK):
            assert decide(ledger_engine, engagement=engagement, week=week)
    # A new decision on an earlier week does not make that the latest.
    assert decide(ledger_engine, make_judgement(verdict=Verdict.PASS), week=WEEK)
    latest = latest_decisions(ledger_engine)
    assert {name: decision["week"] for name, decision in latest.items()} == {ENGAGEMENT: "2026-W11", OTHER: "2026-W11"}
    assert decide(ledger_engine, make_judgement(verdict=Verdict.PASS), week=WEEK.shift(1))
    assert latest_decisions(ledger_engine)[ENGAGEMENT]["verdict"] == "PASS"


def test_the_last_week_of_a_year_comes_before_the_first_of_the_next(ledger_engine: Engine) -> None:
    record_roster(ledger_engine)
    for week in (Week(2027, 1), Week(2026, 53)):
        decide(ledger_engine, week=week)
    assert latest_decisions(ledger_engine)[ENGAGEMENT]["week"] == "2027-W01"


def test_judging_at_once_gives_one_decision(ledger_engine: Engine) -> None:
    record_roster(ledger_engine)
    with ThreadPoolExecutor(8) as pool:
        appended = list(pool.map(lambda _: decide(ledger_engine), range(16)))
    assert sorted(appended) == [False] * 15 + [True]
    assert verify_chain(ledger_engine) == []


def test_an_unknown_engagement_is_refused(ledger_engine: Engine) -> None:
    with pytest.raises(ConfigurationError, match=ENGAGEMENT):
        decide(ledger_engine)


ZONES = st.builds(lambda minutes: timezone(timedelta(minutes=minutes)), st.integers(-14 * 60, 14 * 60))
WORDS = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=30)


@settings(
    max_examples=40,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    as_of=st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1), timezones=ZONES),  # noqa: DTZ001 - gets a zone
    words=WORDS,
    value=st.decimals(allow_nan=False, allow_infinity=False),
)
def test_a_digest_is_the_same_before_and_after_the_database(
    ledger_engine: Engine, as_of: datetime, words: str, value: Decimal
) -> None:
    record_roster(ledger_engine)
    judgement = make_judgement(reasons=(words,), state=ExitState.IN_CYCLE, policy_version=words)
    inputs = {"value": value, "words": words, "at": as_of}
    decide(ledger_engine, judgement, as_of=as_of, inputs=inputs)
    assert digest(inputs) == digest({**inputs, "at": as_of.astimezone(UTC)})
    with ledger_engine.connect() as connection:
        row = connection.execute(select(tables.decisions).order_by(tables.decisions.c.sequence.desc()).limit(1)).one()
        link = connection.execute(select(tables.chain).where(tables.chain.c.sequence == row.sequence)).one()
        found = sequenced_digest(connection, tables.decisions, ENGAGEMENT, row.sequence)
    assert link.payload_digest == found == values_digest({**row._mapping, "as_of": row.as_of.astimezone(as_of.tzinfo)})
    assert verify_chain(ledger_engine) == []


def test_action_items_come_back_with_every_field(ledger_engine: Engine) -> None:
    record_roster(ledger_engine)
    bare = ActionItem("1", "salesforce", "", Severity.UNSORTED, is_open=False)
    with ledger_engine.begin() as connection:
        record_action_items(connection, ENGAGEMENT, WEEK, [ITEM, bare])
    assert read_action_items(ledger_engine, ENGAGEMENT, WEEK) == (bare, ITEM)
    assert read_action_items(ledger_engine, ENGAGEMENT, WEEK.shift(1)) == ()


def test_action_items_of_a_week_stay_as_they_were_judged(ledger_engine: Engine) -> None:
    record_roster(ledger_engine)
    for items in ([ITEM], [], [replace(ITEM, is_open=False)], [replace(ITEM, id="AI-8")]):
        with ledger_engine.begin() as connection:
            record_action_items(connection, ENGAGEMENT, WEEK, items)
    assert read_action_items(ledger_engine, ENGAGEMENT, WEEK) == (ITEM,)


def test_a_week_that_was_decided_without_action_items_gets_none_later(ledger_engine: Engine) -> None:
    record_roster(ledger_engine)
    with ledger_engine.begin() as connection:
        record_action_items(connection, ENGAGEMENT, WEEK, [])
    decide(ledger_engine)
    with ledger_engine.begin() as connection:
        record_action_items(connection, ENGAGEMENT, WEEK, [ITEM])
    assert read_action_items(ledger_engine, ENGAGEMENT, WEEK) == ()


def test_two_action_items_of_one_name_are_told_apart_from_a_broken_database(ledger_engine: Engine) -> None:
    record_roster(ledger_engine)
    with pytest.raises(ContractError, match="tracker 'AI-7'"), ledger_engine.begin() as connection:
        record_action_items(connection, ENGAGEMENT, WEEK, [ITEM, replace(ITEM, title="another")])
    with ledger_engine.begin() as connection:
        record_action_items(connection, ENGAGEMENT, WEEK, [ITEM, replace(ITEM, source="salesforce")])
    assert len(read_action_items(ledger_engine, ENGAGEMENT, WEEK)) == 2


def test_a_run_is_kept_once_with_the_weeks_it_judged(ledger_engine: Engine) -> None:
    record_roster(ledger_engine)
    record_run(ledger_engine, NEXT_RUN, 0)
    record_run(ledger_engine, RUN, 3)
    seal_week(ledger_engine)
    record_run(ledger_engine, RUN, 2)
    assert read_runs(ledger_engine) == [RUN, NEXT_RUN]
    with ledger_engine.connect() as connection:
        rows = connection.execute(select(tables.runs).order_by(tables.runs.c.as_of)).all()
    assert [(row.weeks_judged, row.faults) for row in rows] == [(1, 2), (0, 0)]
