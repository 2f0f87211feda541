"""Tampering with anything that a chain covers is found and named; honest work, also side by side, is not."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from ledger_records import (
    RUN,
    WEEK,
    make_full_engagement,
    make_judgement,
    record_roster,
    seal_week,
)
from sqlalchemy import Column, Engine, Table, select, text

from hypercare.canonical import canonical_json, digest
from hypercare.errors import ConfigurationError
from hypercare.ledger import tables
from hypercare.ledger.chain import (
    DERIVED,
    REVISION_TABLES,
    BrokenLink,
    append_link,
    read_links,
    revision_digest,
    verify_chain,
)
from hypercare.ledger.decisions import record_decision
from hypercare.ledger.evidence import RevisionKey
from hypercare.ledger.row_tables import ROW_TABLES
from hypercare.reconciled_rows import NO_ROWS
from hypercare.weeks import Week

ENGAGEMENT, OTHER = "a0X000000000001", "a0X000000000002"
COVERED = (
    tables.week_revisions,
    tables.metrics,
    tables.checks,
    tables.exceptions,
    *ROW_TABLES,
    tables.decisions,
    tables.chain,
)
COLUMNS = [pytest.param(table, column, id=f"{table.name}.{column.name}") for table in COVERED for column in table.c]
CHANGES = {
    "VARCHAR": "{0} || 'x'",
    "TEXT": "{0} || 'x'",
    "INTEGER": "{0} + 100",
    "BIGINT": "coalesce({0}, 0) + 1",
    "BOOLEAN": "not {0}",
    "DATE": "coalesce({0}, date '2026-01-01') + 1",
    "DATETIME": "coalesce({0}, timestamptz '2026-01-01T00:00:00Z') + interval '1 microsecond'",
    "JSONB": "jsonb_build_array({0})",
    "NUMERIC": "coalesce({0}, 0) + 0.0001",
}


def execute_unchecked(engine: Engine, statement: str) -> int:
    """Run a statement as somebody does who owns the database: no foreign key stands in the way."""
    with engine.begin() as connection:
        connection.execute(text("set local session_replication_role = replica"))
        return connection.execute(text(statement)).rowcount


def decide(engine: Engine, engagement: str = ENGAGEMENT, week: Week = WEEK, **inputs: Any) -> bool:
    with engine.begin() as connection:
        return record_decision(connection, engagement, week, RUN, make_judgement(), inputs)


def fill(engine: Engine) -> None:
    """Two engagements with a revision, a second one of the same week, and a decision each."""
    record_roster(engine, ENGAGEMENT, OTHER)
    for engagement in (ENGAGEMENT, OTHER):
        seal_week(engine, engagement)
        assert decide(engine, engagement, revision="a")
        seal_week(engine, engagement, revision=2)


@pytest.fixture
def ledger(ledger_engine: Engine) -> Engine:
    fill(ledger_engine)
    assert verify_chain(ledger_engine) == []
    return ledger_engine


def links(engine: Engine, engagement: str = ENGAGEMENT) -> list[tuple[int, str]]:
    query = select(tables.chain.c.sequence, tables.chain.c.subject).where(tables.chain.c.engagement == engagement)
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(query.order_by(tables.chain.c.sequence))]


def test_links_stand_in_order_one_chain_an_engagement(ledger: Engine) -> None:
    expected = [(1, "2026-W10 revision 1"), (2, "decision on 2026-W10"), (3, "2026-W10 revision 2")]
    assert links(ledger) == expected
    assert links(ledger, OTHER) == expected


def test_every_kind_of_column_has_a_change() -> None:
    assert len(COLUMNS) > 60
    assert {type_name(parameter.values[1]) for parameter in COLUMNS} <= set(CHANGES)


def type_name(column: Column[Any]) -> str:
    return str(column.type).split("(")[0].split()[0]


@pytest.mark.parametrize(("table", "column"), COLUMNS)
def test_a_change_of_any_column_is_found_and_named(ledger: Engine, table: Table, column: Column[Any]) -> None:
    change = CHANGES[type_name(column)].format(f'"{column.name}"')
    last = " and sequence = (select max(sequence) from chain)" if table is tables.chain else ""
    last = " and revision = 2" if "revision" in table.c else last
    changed = execute_unchecked(
        ledger, f"update {table.name} set \"{column.name}\" = {change} where engagement = '{ENGAGEMENT}'{last}"
    )
    assert changed >= 1
    broken = verify_chain(ledger)
    names = {link.engagement for link in broken}
    assert names - {f"{ENGAGEMENT}x"} == {make_full_engagement().name}, broken
    assert all("2026-W10" in link.subject or table is tables.chain for link in broken)


@pytest.mark.parametrize("table", COVERED, ids=lambda table: table.name)
def test_a_row_that_is_gone_is_found(ledger: Engine, table: Table) -> None:
    assert execute_unchecked(ledger, f"delete from {table.name} where engagement = '{ENGAGEMENT}'") >= 1
    (broken,) = verify_chain(ledger)
    assert broken.engagement == make_full_engagement().name


def test_a_revision_sealed_before_a_table_was_there_keeps_its_digest(ledger_engine: Engine) -> None:
    """As the release before sealed it: over its own row, metrics, checks and exceptions."""
    record_roster(ledger_engine)
    key = seal_week(ledger_engine, rows=NO_ROWS)
    with ledger_engine.connect() as connection:
        own = {
            table.name: sorted(
                canonical_json({name: value for name, value in row._mapping.items() if name not in DERIVED})
                for row in connection.execute(select(table).where(key.matches(table)))
            )
            for table in REVISION_TABLES
        }
    (link,) = read_links(ledger_engine, ENGAGEMENT)
    assert link.payload_digest == digest(own)


def test_one_engagement_can_be_verified_alone(ledger: Engine) -> None:
    execute_unchecked(ledger, f"update decisions set verdict = 'PASS' where engagement = '{ENGAGEMENT}'")
    assert len(verify_chain(ledger, only=ENGAGEMENT)) == 1
    assert verify_chain(ledger, only=OTHER) == []


def test_a_row_that_was_added_is_found(ledger: Engine) -> None:
    added = (
        "insert into exceptions select engagement, week, revision, 'added', key, found_week, state, words, amount,"
        " currency, legal_entity, resolved_on, reason_code, explanation, ticket, explained_by, accepted_by"
        f" from exceptions where engagement = '{ENGAGEMENT}' and revision = 1 limit 1"
    )
    assert execute_unchecked(ledger, added) == 1
    assert verify_chain(ledger) == [
        BrokenLink(
            make_full_engagement().name, 1, "2026-W10 revision 1", "the revision was changed after it was recorded"
        )
    ]


TAMPERINGS: dict[str, tuple[str, int, str]] = {
    "the decision alone": ("delete from decisions", 2, "the decision is gone"),
    "the link of a decision": ("delete from chain where sequence = 2", 3, "does not follow"),
    "the first link": ("delete from chain where sequence = 1", 2, "does not follow"),
    "the last link": ("delete from chain where sequence = 3", 3, "its link is missing"),
    "all links": ("delete from chain", 1, "its link is missing"),
    "a revision of a link": ("delete from week_revisions where revision = 2", 3, "the revision is gone"),
    "a seal": ("update week_revisions set sealed = false where revision = 2", 3, "the revision was changed"),
    "a digest": ("update week_revisions set digest = 'x' where revision = 2", 3, "the revision was changed"),
    "a link's hash": ("update chain set hash = 'x' where sequence = 3", 3, "its hash does not fit"),
    "a link's contents": ("update chain set payload_digest = 'x' where sequence = 3", 3, "its hash does not fit"),
}


@pytest.mark.parametrize(("statement", "sequence", "reason"), TAMPERINGS.values(), ids=TAMPERINGS)
def test_the_first_broken_link_is_named(ledger: Engine, statement: str, sequence: int, reason: str) -> None:
    only = " and" if "where" in statement else " where"
    execute_unchecked(ledger, f"{statement}{only} engagement = '{ENGAGEMENT}'")
    (broken,) = verify_chain(ledger)
    assert (broken.engagement, broken.sequence) == (make_full_engagement().name, sequence)
    assert reason in broken.reason


def test_a_decision_without_its_link_is_found(ledger_engine: Engine) -> None:
    record_roster(ledger_engine)
    decide(ledger_engine)
    execute_unchecked(ledger_engine, "delete from chain")
    (broken,) = verify_chain(ledger_engine)
    assert (broken.subject, broken.reason) == ("decision on 2026-W10", "its link is missing")


def test_a_chain_survives_the_loss_of_its_engagement(ledger: Engine) -> None:
    execute_unchecked(ledger, f"delete from engagements where id = '{ENGAGEMENT}'")
    assert verify_chain(ledger) == []
    execute_unchecked(ledger, f"update decisions set verdict = 'PASS' where engagement = '{ENGAGEMENT}'")
    assert [link.engagement for link in verify_chain(ledger)] == [ENGAGEMENT]


def test_links_can_not_be_moved_to_another_engagement(ledger: Engine) -> None:
    moved = (
        f"update chain set engagement = case engagement when '{ENGAGEMENT}' then '{OTHER}' else '{ENGAGEMENT}' end"
        " where sequence = 3"
    )
    execute_unchecked(ledger, "alter table chain drop constraint pk_chain cascade")
    assert execute_unchecked(ledger, moved) == 2
    assert [link.sequence for link in verify_chain(ledger)] == [3, 3]


def test_cutting_off_the_end_whole_is_what_a_chain_alone_can_not_show(ledger_engine: Engine) -> None:
    record_roster(ledger_engine)
    seal_week(ledger_engine)
    decide(ledger_engine)
    execute_unchecked(ledger_engine, "delete from decisions")
    execute_unchecked(ledger_engine, "delete from chain where sequence = 2")
    assert verify_chain(ledger_engine) == []


def test_a_link_needs_a_known_engagement(ledger_engine: Engine) -> None:
    with pytest.raises(ConfigurationError, match="nobody is not in the ledger"), ledger_engine.begin() as connection:
        append_link(connection, "nobody", "decision", "decision on 2026-W10", "")


def run_side_by_side(jobs: list[Callable[[], object]]) -> None:
    """Run jobs in threads, and raise what one of them raised."""
    with ThreadPoolExecutor(len(jobs)) as pool:
        for future in [pool.submit(job) for job in jobs]:
            future.result()


def test_appending_from_many_threads_gives_chains_without_gaps(ledger_engine: Engine) -> None:
    record_roster(ledger_engine, ENGAGEMENT, OTHER)
    weeks = [WEEK.shift(number) for number in range(8)]
    jobs: list[Callable[[], object]] = []
    for engagement in (ENGAGEMENT, OTHER):
        for week in weeks:
            jobs.append(lambda e=engagement, w=week: seal_week(ledger_engine, e, w))
            jobs.append(lambda e=engagement, w=week: decide(ledger_engine, e, w))
    run_side_by_side(jobs)
    for engagement in (ENGAGEMENT, OTHER):
        assert [sequence for sequence, _ in links(ledger_engine, engagement)] == list(range(1, 17))
    assert verify_chain(ledger_engine) == []


def test_verifying_while_others_append_raises_no_false_alarm(ledger_engine: Engine) -> None:
    record_roster(ledger_engine)
    found: list[list[BrokenLink]] = []
    done = threading.Event()

    def verify() -> None:
        while not done.is_set():
            found.append(verify_chain(ledger_engine))

    def append() -> None:
        for number in range(25):
            seal_week(ledger_engine, week=WEEK.shift(number))
            decide(ledger_engine, week=WEEK.shift(number))
        done.set()

    run_side_by_side([verify, append])
    assert len(found) > 1
    assert all(broken == [] for broken in found)


def test_a_revisions_digest_does_not_depend_on_order_zone_or_scale(ledger_engine: Engine) -> None:
    record_roster(ledger_engine)
    seal_week(ledger_engine)
    with ledger_engine.connect() as connection:
        before = revision_digest(connection, ENGAGEMENT, str(WEEK), 1)
    execute_unchecked(ledger_engine, "update metrics set value = value * 1.000000 where value is not null")
    execute_unchecked(ledger_engine, 'create table moved as select * from checks order by "check" desc')
    execute_unchecked(ledger_engine, "delete from checks")
    execute_unchecked(ledger_engine, "insert into checks select * from moved")
    with ledger_engine.connect() as connection:
        connection.execute(text("set timezone = 'Pacific/Kiritimati'"))
        offsets = {
            row.utcoffset() for row in connection.execute(select(tables.metrics.c.waiting_since)).scalars() if row
        }
        assert offsets == {timedelta(hours=14)}
        assert revision_digest(connection, ENGAGEMENT, str(WEEK), 1) == before
    assert verify_chain(ledger_engine) == []


def test_a_repeated_revision_has_a_digest_of_its_own(ledger: Engine) -> None:
    with ledger.connect() as connection:
        digests = [revision_digest(connection, ENGAGEMENT, str(WEEK), number) for number in (1, 2)]
    assert digests[0] != digests[1]


def test_records_used_here_leave_no_column_empty(ledger: Engine) -> None:
    key = RevisionKey(ENGAGEMENT, WEEK, 1)
    for table in COVERED[:4]:
        with ledger.connect() as connection:
            rows = [row._mapping for row in connection.execute(select(table).where(key.matches(table)))]
        assert all(any(row[column.name] is not None for row in rows) for column in table.c)
