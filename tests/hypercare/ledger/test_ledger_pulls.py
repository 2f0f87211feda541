"""What was pulled stays; what failed may be tried again; the digest of it all tells installations apart."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from ledger_records import RUN, make_full_engagement, seal_week
from sqlalchemy import Engine, delete, select, update

from hypercare.lake import Lake
from hypercare.ledger import tables
from hypercare.ledger.contents import digest_contents
from hypercare.ledger.database import migrate, open_engine
from hypercare.ledger.embedded import EmbeddedPostgres
from hypercare.ledger.faults import Fault, record_faults
from hypercare.ledger.leases import take_lease
from hypercare.ledger.pulls import PullRecord, RuleRecord, read_pulls, record_pull, record_validation
from hypercare.ledger.roster import record_engagements
from hypercare.model import FeedState
from hypercare.weeks import Week

PULL = "20260309T143000Z"
KEY = ("payments", "kaese", PULL)
PUBLISHED = PullRecord(
    feed="payments",
    owner="kaese",
    pull=PULL,
    outcome="published",
    reason="",
    path="typed/payments",
    rejects_path="rejects/payments",
    rows=12,
    misfits=1,
    columns_missing=("custom-field-1",),
    observed_at=datetime(2026, 3, 9, 14, 31, tzinfo=UTC),
    watermark=datetime(2026, 3, 9, 14, 16, tzinfo=UTC),
    digest="ab" * 32,
)
FAULT = PullRecord("payments", "kaese", PULL, "fault", "503")
RULE = RuleRecord("amounts_fit", "critical", "failed", 12, 1, ("payment:7 'Łódź'",), "1 of 12 amounts do not fit")


def record(engine: Engine, *records: PullRecord) -> None:
    for one in records:
        with engine.begin() as connection:
            record_pull(connection, one)


def test_a_pull_comes_back_as_it_was_recorded(ledger_engine: Engine) -> None:
    later = replace(PUBLISHED, pull="20260310T143000Z")
    record(ledger_engine, later, PUBLISHED, replace(PUBLISHED, owner="other"))
    assert read_pulls(ledger_engine, ["kaese"], "20260310T143000Z") == [PUBLISHED, later]
    assert read_pulls(ledger_engine, ["kaese"], PULL) == [PUBLISHED]
    assert read_pulls(ledger_engine, [], PULL) == []


def test_a_fault_is_replaced_by_a_later_try_and_a_published_pull_by_nothing(ledger_engine: Engine) -> None:
    record(ledger_engine, FAULT, replace(FAULT, reason="time-out"), PUBLISHED, FAULT, replace(PUBLISHED, rows=0))
    assert read_pulls(ledger_engine, ["kaese"], PULL) == [PUBLISHED]


def test_the_first_validation_stands(ledger_engine: Engine) -> None:
    record(ledger_engine, PUBLISHED)
    for state, reason in ((FeedState.INVALID, "1 of 12 amounts do not fit"), (FeedState.VALID, "")):
        record_validation(
            ledger_engine,
            KEY,
            state,
            reason,
            [RULE],
            "failing/payments.csv",
            take_lease(ledger_engine, "validate:acme"),
        )
    (found,) = read_pulls(ledger_engine, ["kaese"], PULL)
    assert (found.state, found.state_reason) == ("INVALID", "1 of 12 amounts do not fit")
    with ledger_engine.connect() as connection:
        (row,) = connection.execute(select(tables.rule_results)).all()
    assert (row.rule, row.outcome, row.evaluated, row.unexpected, row.sample) == (
        "amounts_fit",
        "failed",
        12,
        1,
        ["payment:7 'Łódź'"],
    )


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


def fill(engine: Engine, *, backwards: bool = False) -> None:
    order = -1 if backwards else 1
    names = ["a0X000000000001", "a0X000000000002", "A0x000000000003"][::order]
    record_engagements(engine, [make_full_engagement(name) for name in names], RUN)
    record(engine, *[PUBLISHED, replace(PUBLISHED, feed="invoices")][::order])
    faults = [Fault(name, "users", "refused", "scope", ("Käse",)) for name in names]
    record_faults(engine, RUN, faults, checked=names, causes=["refused"])
    for name in names:
        seal_week(engine, name)
        seal_week(engine, name, Week(2026, 11))


def test_the_order_of_work_tries_and_paths_do_not_change_the_digest(
    ledger_engine: Engine, postgres: EmbeddedPostgres, lake: Lake
) -> None:
    postgres.start(["second_installation"])
    migrate(postgres.url("second_installation"))
    second = open_engine(postgres.url("second_installation"))
    fill(ledger_engine)
    fill(second, backwards=True)
    for _ in range(3):
        take_lease(second, "pull:kaese")
    with second.begin() as connection:
        connection.execute(update(tables.pulls).values(path="elsewhere"))
    assert digest_contents(ledger_engine, lake) == digest_contents(second, lake)
    second.dispose()


@pytest.mark.parametrize("name", ["engagements", "pulls", "week_revisions", "exceptions", "chain", "faults"])
def test_whatever_is_missing_changes_the_digest(ledger_engine: Engine, lake: Lake, name: str) -> None:
    fill(ledger_engine)
    before = digest_contents(ledger_engine, lake)
    table = tables.metadata.tables[name]
    key = next(iter(table.primary_key.columns))
    with ledger_engine.begin() as connection:
        connection.execute(delete(table).where(key == connection.execute(select(key).limit(1)).scalar_one()))
    after = digest_contents(ledger_engine, lake)
    assert after[name] != before[name]
    assert after["all"] != before["all"]
