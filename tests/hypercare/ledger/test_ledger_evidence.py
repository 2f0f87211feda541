"""Evidence goes in once, comes out as it went in, and never changes after its seal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from ledger_records import (
    CHECKS,
    DETAILS,
    EXCEPTIONS,
    FACTS,
    FEEDS,
    METRICS,
    NEXT_RUN,
    RUN,
    WEEK,
    make_full_engagement,
    make_week_judgement,
    opening_row,
    record_roster,
    seal_week,
)
from sqlalchemy import Connection, Engine, delete, func, select

from hypercare.canonical import plain
from hypercare.errors import PermanentError
from hypercare.ledger import tables
from hypercare.ledger.chain import revision_digest, verify_chain
from hypercare.ledger.evidence import (
    RevisionKey,
    begin_revision,
    drop_unsealed,
    latest_revisions,
    seal_revision,
    write_metrics,
    write_reconciliation,
)
from hypercare.ledger.roster import connected_since, read_engagements, record_engagements
from hypercare.model import CheckResult, Engagement, ExceptionState, MetricResult, ReconciliationException
from hypercare.weeks import Week

ENGAGEMENT = "a0X000000000001"
KEY = RevisionKey(ENGAGEMENT, WEEK, 1)
WRITERS: dict[str, Callable[[Connection], object]] = {
    "metrics": lambda connection: write_metrics(connection, KEY, METRICS[:1]),
    "no metrics": lambda connection: write_metrics(connection, KEY, ()),
    "reconciliation": lambda connection: write_reconciliation(connection, KEY, CHECKS[:1], ()),
    "seal": lambda connection: seal_revision(connection, KEY, make_week_judgement(), FACTS, {}),
}


def rows_of(engine: Engine, key: RevisionKey = KEY) -> dict[str, int]:
    tables_of_revision = (tables.week_revisions, tables.metrics, tables.checks, tables.exceptions)
    with engine.connect() as connection:
        return {
            table.name: connection.execute(
                select(func.count()).select_from(table).where(key.matches(table))
            ).scalar_one()
            for table in tables_of_revision
        }


def filled(record: object) -> bool:
    """Whether no field has its default, so that a field that is forgotten shows."""
    return all(getattr(record, field.name) != field.default for field in fields(record))


def test_what_was_sealed_is_what_is_read(ledger_engine: Engine) -> None:
    record_roster(ledger_engine)
    assert filled(EXCEPTIONS[0])
    assert filled(make_full_engagement())
    seal_week(ledger_engine)
    (revision,) = latest_revisions(ledger_engine, ENGAGEMENT).values()
    assert revision.evidence.exceptions == EXCEPTIONS
    assert revision.evidence.checks == CHECKS
    assert revision.evidence.feeds == FEEDS
    assert revision.evidence.facts == FACTS
    assert (revision.key, revision.reason, revision.as_of) == (KEY, "restated", RUN)
    assert (revision.evidence.week, revision.evidence.revision, revision.evidence.revision_reason) == (
        WEEK,
        1,
        "restated",
    )
    assert revision.judgement == replace(make_week_judgement(), revision=1)
    with ledger_engine.connect() as connection:
        row = connection.execute(select(tables.week_revisions)).one()
        assert row.digest == revision.digest == revision_digest(connection, ENGAGEMENT, str(WEEK), 1)
        assert (row.details, row.words) == (plain(DETAILS), "the customer corrected its ledger")


def test_every_field_of_metrics_checks_and_exceptions_has_a_column(ledger_engine: Engine) -> None:
    record_roster(ledger_engine)
    seal_week(ledger_engine)
    for table, record, kind in (
        (tables.metrics, METRICS[0], MetricResult),
        (tables.checks, CHECKS[0], CheckResult),
        (tables.exceptions, EXCEPTIONS[0], ReconciliationException),
    ):
        names = {field.name for field in fields(kind)} - {"week"}
        assert names <= set(table.c.keys())
        same = [
            table.c[column.name] == getattr(record, column.name) for column in table.primary_key if column.name in names
        ]
        with ledger_engine.connect() as connection:
            row = connection.execute(select(table).where(*same)).one()._mapping
        assert {name: row[name] for name in names} == {name: getattr(record, name) for name in names}


def test_an_exception_keeps_the_week_in_which_it_was_found(ledger_engine: Engine) -> None:
    record_roster(ledger_engine)
    seal_week(ledger_engine)
    found = latest_revisions(ledger_engine, ENGAGEMENT)[WEEK].evidence.exceptions
    assert [item.week for item in found] == [Week(2026, 8), WEEK]


@pytest.mark.parametrize("writer", WRITERS.values(), ids=WRITERS)
def test_a_sealed_revision_can_not_be_changed(ledger_engine: Engine, writer: Callable[[Connection], object]) -> None:
    record_roster(ledger_engine)
    seal_week(ledger_engine)
    before = latest_revisions(ledger_engine, ENGAGEMENT), rows_of(ledger_engine)
    with pytest.raises(PermanentError, match=r"2026-W10: revision 1 is sealed"), ledger_engine.begin() as connection:
        writer(connection)
    with ledger_engine.begin() as connection:
        assert not begin_revision(connection, KEY, opening_row(NEXT_RUN))
        drop_unsealed(connection, KEY)
    assert (latest_revisions(ledger_engine, ENGAGEMENT), rows_of(ledger_engine)) == before
    assert verify_chain(ledger_engine) == []


@pytest.mark.parametrize("writer", WRITERS.values(), ids=WRITERS)
def test_a_revision_that_was_not_begun_can_not_be_written(
    ledger_engine: Engine, writer: Callable[[Connection], object]
) -> None:
    record_roster(ledger_engine)
    with pytest.raises(PermanentError, match="was not begun"), ledger_engine.begin() as connection:
        writer(connection)


def test_a_crash_between_measuring_and_sealing_starts_anew(ledger_engine: Engine) -> None:
    record_roster(ledger_engine)
    with ledger_engine.begin() as connection:
        begin_revision(connection, KEY, opening_row())
        write_metrics(connection, KEY, METRICS)
    # Nothing more happened; nobody sees it.
    assert latest_revisions(ledger_engine, ENGAGEMENT) == {}
    assert verify_chain(ledger_engine) == []
    with ledger_engine.begin() as connection:
        assert begin_revision(connection, KEY, opening_row(NEXT_RUN))
    assert rows_of(ledger_engine) == {"week_revisions": 1, "metrics": 0, "checks": 0, "exceptions": 0}
    with ledger_engine.begin() as connection:
        write_metrics(connection, KEY, METRICS[:1])
        write_reconciliation(connection, KEY, CHECKS, EXCEPTIONS)
        seal_revision(connection, KEY, make_week_judgement(), FACTS, DETAILS)
    assert latest_revisions(ledger_engine, ENGAGEMENT)[WEEK].as_of == NEXT_RUN
    assert rows_of(ledger_engine) == {"week_revisions": 1, "metrics": 1, "checks": 2, "exceptions": 2}


def test_a_crash_within_sealing_leaves_nothing_of_it(ledger_engine: Engine) -> None:
    record_roster(ledger_engine)

    class CrashError(Exception):
        pass

    with ledger_engine.begin() as connection:
        begin_revision(connection, KEY, opening_row())
    with pytest.raises(CrashError), ledger_engine.begin() as connection:
        write_reconciliation(connection, KEY, CHECKS, EXCEPTIONS)
        seal_revision(connection, KEY, make_week_judgement(), FACTS, DETAILS)
        raise CrashError
    assert rows_of(ledger_engine) == {"week_revisions": 1, "metrics": 0, "checks": 0, "exceptions": 0}
    assert latest_revisions(ledger_engine, ENGAGEMENT) == {}
    assert verify_chain(ledger_engine) == []


def test_the_latest_sealed_revision_of_each_week_is_read_in_order(ledger_engine: Engine) -> None:
    record_roster(ledger_engine, ENGAGEMENT, "a0X000000000002")
    for week, revision in ((Week(2026, 9), 1), (WEEK, 1), (Week(2026, 9), 2), (Week(2025, 52), 1)):
        seal_week(ledger_engine, week=week, revision=revision)
    seal_week(ledger_engine, "a0X000000000002", Week(2026, 9), 3)
    with ledger_engine.begin() as connection:
        begin_revision(connection, RevisionKey(ENGAGEMENT, WEEK, 2), opening_row())
    found = latest_revisions(ledger_engine, ENGAGEMENT)
    assert [(str(week), revision.key.revision) for week, revision in found.items()] == [
        ("2025-W52", 1),
        ("2026-W09", 2),
        ("2026-W10", 1),
    ]
    assert verify_chain(ledger_engine) == []


def test_dropping_forgets_only_what_is_not_sealed(ledger_engine: Engine) -> None:
    record_roster(ledger_engine)
    seal_week(ledger_engine)
    second = RevisionKey(ENGAGEMENT, WEEK, 2)
    with ledger_engine.begin() as connection:
        begin_revision(connection, second, opening_row())
        write_metrics(connection, second, METRICS)
        drop_unsealed(connection, second)
    assert set(rows_of(ledger_engine, second).values()) == {0}
    assert rows_of(ledger_engine)["metrics"] == 2


TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=30)
AMOUNTS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**18), max_value=10**18)
FOUND = st.builds(
    ReconciliationException,
    check=st.just("details_add_up"),
    key=TEXT,
    week=st.builds(Week, st.integers(2000, 2100), st.integers(1, 52)),
    words=TEXT,
    amount=st.none() | AMOUNTS,
    currency=TEXT,
    legal_entity=TEXT,
    state=st.sampled_from(ExceptionState),
    resolved_on=st.none() | st.dates(date(1900, 1, 1)),
    reason_code=TEXT,
    explanation=TEXT,
    ticket=TEXT,
    explained_by=TEXT,
    accepted_by=TEXT,
)


@settings(
    max_examples=40,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(found=st.lists(FOUND, unique_by=lambda item: item.key, max_size=4), value=AMOUNTS)
def test_any_text_amount_and_date_comes_back_as_it_went_in(
    ledger_engine: Engine, found: list[ReconciliationException], value: Decimal
) -> None:
    record_roster(ledger_engine)
    check = replace(CHECKS[0], value=value)
    with ledger_engine.begin() as connection:
        connection.execute(delete(tables.chain))
        connection.execute(delete(tables.week_revisions))
        begin_revision(connection, KEY, opening_row())
        write_reconciliation(connection, KEY, [check], found)
        seal_revision(connection, KEY, make_week_judgement(), FACTS, DETAILS)
    evidence = latest_revisions(ledger_engine, ENGAGEMENT)[WEEK].evidence
    assert set(evidence.exceptions) == set(found)
    assert evidence.checks == (check,)
    assert verify_chain(ledger_engine) == []


def test_an_engagement_comes_back_with_every_field(ledger_engine: Engine) -> None:
    engagements = [
        make_full_engagement(),
        Engagement(
            id="a0X000000000009",
            name="Bare",
            customer="Bare",
            account_id="001000000000009",
            segment=make_full_engagement().segment,
            region="US",
            go_live=date(2026, 2, 2),
            products=frozenset(),
            time_zone="UTC",
            instances=(),
        ),
    ]
    record_engagements(ledger_engine, engagements, RUN)
    assert read_engagements(ledger_engine) == [engagements[1], engagements[0]]
    read = read_engagements(ledger_engine, [ENGAGEMENT])[0]
    assert all(type(getattr(read, f.name)) is type(getattr(engagements[0], f.name)) for f in fields(Engagement))


def test_who_has_left_stays_known_and_can_return(ledger_engine: Engine) -> None:
    first, second = make_full_engagement(), make_full_engagement("a0X000000000002")
    record_engagements(ledger_engine, [first, second], RUN)
    record_engagements(ledger_engine, [replace(second, region="APAC")], NEXT_RUN)
    assert [e.region for e in read_engagements(ledger_engine)] == ["APAC"]
    assert len(read_engagements(ledger_engine, [first.id, second.id])) == 2
    assert connected_since(ledger_engine) == {first.id: RUN, second.id: RUN}
    record_engagements(ledger_engine, [], NEXT_RUN)
    assert read_engagements(ledger_engine) == []
    record_engagements(ledger_engine, [first], NEXT_RUN)
    assert read_engagements(ledger_engine) == [first]
    with ledger_engine.connect() as connection:
        assert set(connection.execute(select(tables.instances.c.name)).scalars()) == {"kaese", "kaese-us"}
