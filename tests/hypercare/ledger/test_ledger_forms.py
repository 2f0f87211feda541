"""What forms say in the ledger: once, with its history, apart from what workbooks say."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, select

from hypercare.ledger.form_entries import read_form_entries, record_form_entry
from hypercare.ledger.workbook_tables import form_entries
from hypercare.workbook_entries import Entry

AT = datetime(2026, 4, 7, 12, tzinfo=UTC)
LATER = AT + timedelta(days=1)
SAID = Entry("exit_checklist", "CP-1", {"item": "CP-1", "answer": "Yes"}, {}, told_by="Łukasz 東")


def record(engine: Engine, entry: Entry, at: datetime, engagement: str = "a") -> bool:
    with engine.begin() as connection:
        return record_form_entry(connection, engagement, at, entry, "ops", "vera")


def test_the_latest_is_read_and_the_history_is_kept(ledger_engine: Engine) -> None:
    changed = replace(SAID, values={"item": "CP-1", "answer": "No"})
    assert record(ledger_engine, SAID, AT)
    assert record(ledger_engine, changed, LATER)
    assert read_form_entries(ledger_engine, "a", "exit_checklist") == [replace(changed, told_as_of=LATER)]
    with ledger_engine.connect() as connection:
        rows = connection.execute(select(form_entries).order_by(form_entries.c.recorded_as_of)).all()
    assert [(row._mapping["values"]["answer"], row.requested_by, row.confirmed_by) for row in rows] == [
        ("Yes", "ops", "vera"),
        ("No", "ops", "vera"),
    ]


def test_the_same_again_is_nothing_new_and_what_was_said_before_is(ledger_engine: Engine) -> None:
    changed = replace(SAID, told_by="Mo")
    assert record(ledger_engine, SAID, AT)
    assert not record(ledger_engine, SAID, LATER)
    assert record(ledger_engine, changed, LATER)
    assert record(ledger_engine, SAID, LATER + timedelta(days=1))


def test_one_instant_holds_what_was_said_last_in_it(ledger_engine: Engine) -> None:
    changed = replace(SAID, values={"item": "CP-1", "answer": "No"})
    assert record(ledger_engine, SAID, AT)
    assert record(ledger_engine, changed, AT)
    assert read_form_entries(ledger_engine, "a", "exit_checklist") == [replace(changed, told_as_of=AT)]


def test_other_engagements_and_sheets_stay_apart(ledger_engine: Engine) -> None:
    assert record(ledger_engine, SAID, AT)
    assert record(ledger_engine, SAID, AT, "b")
    assert record(ledger_engine, replace(SAID, sheet="exceptions"), AT)
    assert [entry.key for entry in read_form_entries(ledger_engine, "a", "exit_checklist")] == ["CP-1"]
    assert read_form_entries(ledger_engine, "c", "exit_checklist") == []
