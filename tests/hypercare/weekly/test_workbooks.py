"""Workbooks through a run: what is accepted enters the ledger, the rest is answered, theirs stays byte-identical."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook
from sqlalchemy import select

from hypercare.errors import ContractError
from hypercare.ledger.answers import read_answers
from hypercare.ledger.contents import digest_contents
from hypercare.ledger.decisions import latest_decision
from hypercare.ledger.explanations import FORM, read_explanations, record_explanation
from hypercare.ledger.faults import open_faults
from hypercare.ledger.roster import record_engagements
from hypercare.ledger.workbook_entries import latest_version, read_entries
from hypercare.ledger.workbook_tables import explanations, workbook_entries
from hypercare.weekly import answering, workbooks
from hypercare.weekly.answering import answer_workbooks, create_workbook
from hypercare.weekly.workbooks import read_workbooks
from tests.hypercare.weekly.frozen_weeks import (
    ANSWERS,
    CHECKED,
    DAY,
    ITEMS,
    LEVEL_ONE,
    NAME,
    OPEN,
    RUN,
    WEEKS,
    Desk,
    opening_desk,
)

EXPLAINED = {
    "check": OPEN.check,
    "row": OPEN.key,
    "amount": 100,
    "reason_code": "outside_coupa",
    "explanation": "paid by cheque",
    "explained_by": "Ana Example",
    "accepted_by": "Bo Example",
    "accepted_on": date(2026, 4, 6),
}
CHECKLIST = [{"item": item, **CHECKED, "customer_contact": "Pat Client"} for item in ITEMS]


@pytest.fixture
def desk(tmp_path: Path, ledger_url: str) -> Iterator[Desk]:
    with opening_desk(tmp_path, ledger_url) as opened:
        yield opened


def seal_all(desk: Desk) -> None:
    for week in WEEKS:
        desk.seal(week)


def state(desk: Desk) -> str:
    decision = latest_decision(desk.runtime.engine, desk.engagement.id)
    assert decision is not None
    return str(decision["state"])


def history(desk: Desk) -> list[tuple[Any, ...]]:
    table = workbook_entries
    query = select(table.c.key, table.c.version, table.c.withdrawn).order_by(table.c.key, table.c.version)
    with desk.runtime.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(query)]


# Into the ledger


def test_rows_enter_with_the_files_version_and_who_and_their_history_is_kept(desk: Desk):
    notes = [{"topic": "Contacts", "note": "Ask Ana"}, {"topic": "Wave 2", "note": "In May", "noted_by": "Mo Vendor"}]
    desk.save({"handover_notes": notes}, saved_by="Ana Example")
    desk.run()
    first = latest_version(desk.runtime.engine, desk.engagement.id)
    assert first is not None
    assert [(e.key, e.told_by) for e in read_entries(desk.runtime.engine, desk.engagement.id)] == [
        ("Contacts", "Ana Example"),
        ("Wave 2", "Mo Vendor"),
    ]
    desk.save({"handover_notes": [{"topic": "Wave 2", "note": "In June"}]}, saved_by="Ana Example")
    desk.run(RUN + DAY)
    second = latest_version(desk.runtime.engine, desk.engagement.id)
    assert second is not None
    assert (first.version, second.version, second.first_as_of) == (1, 2, RUN + DAY)
    assert first.digest != second.digest
    assert history(desk) == [("Contacts", 1, False), ("Contacts", 2, True), ("Wave 2", 1, False), ("Wave 2", 2, False)]
    (left,) = read_entries(desk.runtime.engine, desk.engagement.id)
    assert left.values["note"] == "In June"


def test_reading_again_changes_nothing(desk: Desk):
    seal_all(desk)
    desk.save({"exit_checklist": CHECKLIST, "exceptions": [EXPLAINED]})
    desk.run(RUN + DAY)
    assert state(desk) == "READY"
    before = digest_contents(desk.runtime.engine, desk.runtime.lake)
    written = (desk.folder / ANSWERS).stat().st_mtime_ns
    desk.run(RUN + DAY)
    assert digest_contents(desk.runtime.engine, desk.runtime.lake) == before
    desk.run(RUN + 2 * DAY)
    assert (desk.folder / ANSWERS).stat().st_mtime_ns == written
    assert len(history(desk)) == len(CHECKLIST) + 1


def test_a_sheet_that_is_gone_or_broken_takes_nothing_back(desk: Desk):
    desk.save({"handover_notes": [{"topic": "Contacts", "note": "Ask Ana"}]})
    desk.run()
    desk.save({})
    desk.run(RUN + DAY)
    assert ("Handover notes", "", "the sheet was read before and is missing now; its rows stand") in {
        (sheet, cell or "", reason) for sheet, cell, _, reason, _ in desk.answers("Not taken")
    }
    desk.save({"handover_notes": []})
    workbook = load_workbook(desk.folder / NAME)
    workbook["Handover notes"]["A1"] = "Subject matter"
    workbook.save(desk.folder / NAME)
    desk.run(RUN + 2 * DAY)
    assert len(read_entries(desk.runtime.engine, desk.engagement.id)) == 1


def test_the_peoples_file_is_byte_identical_and_only_ever_opened_to_read(desk: Desk):
    seal_all(desk)
    content = desk.save({"exceptions": [EXPLAINED | {"amount": "=1+1"}]})
    path = desk.folder / NAME
    at = path.stat().st_mtime_ns
    opened: list[int] = []
    watching = True

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if watching and event == "open" and str(arguments[0]) == str(path):
            opened.append(arguments[2])

    sys.addaudithook(watch)  # there is no way to take it away
    desk.run()
    watching = False
    assert opened
    assert all(flags & (os.O_WRONLY | os.O_RDWR) == 0 for flags in opened)
    assert path.read_bytes() == content
    assert path.stat().st_mtime_ns == at
    assert sorted(each.name for each in desk.folder.iterdir()) == [ANSWERS, NAME]


# Answers


def test_what_is_not_taken_is_answered_by_sheet_and_cell(desk: Desk):
    desk.seal(WEEKS[-1], [OPEN])
    desk.save({"exceptions": [EXPLAINED | {"amount": 99}, EXPLAINED | {"row": "payment:1", "ticket": "=A1"}]})
    desk.run()
    told = {(sheet, cell): (value, reason, remedy) for sheet, cell, value, reason, remedy in desk.answers("Not taken")}
    value, reason, remedy = told["Exceptions", "D2"]
    assert value == "99"
    assert "the row stands at 100.00 EUR" in reason
    assert remedy == "copy the row again and explain that"
    assert told["Exceptions", "J3"][0] == "=A1"


def test_what_people_can_copy(desk: Desk):
    seal_all(desk)
    desk.save({})
    desk.run()
    checklist = {row[0]: row for row in desk.answers("Exit checklist")}
    assert set(checklist) == set(ITEMS)
    assert checklist["CP-1"][-1].startswith("PASS: 4 weeks")
    (signable, *_) = desk.answers("Finance sign-off")
    assert signable[:6] == ("2026-W10", "Acme SE", "EUR", 100, 60, 80)
    fill = load_workbook(desk.folder / ANSWERS)["Exit checklist"]["A1"].value
    assert fill == "The cycle is complete: answers dated 2026-04-06 or later count, earlier ones do not."


def test_the_cells_are_those_of_the_file_read_last(desk: Desk):
    desk.seal(WEEKS[-1], [OPEN])
    wrong = EXPLAINED | {"amount": 99}
    desk.save({"exceptions": [wrong]})
    desk.run()
    assert [row[1] for row in desk.answers("Not taken")] == ["D2"]
    desk.save({"exceptions": [EXPLAINED | {"row": "payment:1"}, wrong]})
    desk.run(RUN + DAY)
    assert [row[1] for row in desk.answers("Not taken")] == ["B2", "D3"]
    assert [version for key, version, _ in history(desk) if key.endswith(":776")] == [1]


def test_open_differences_are_proposed_as_rows_and_as_action_items(desk: Desk):
    desk.seal(WEEKS[-1], [OPEN])
    desk.save({})
    desk.run()
    (row,) = desk.answers("Exceptions")
    assert row[:4] == (OPEN.check, OPEN.key, "2026-W14", 100)
    assert [value for value in row if value is not None][-1] == "open"
    ((item, problem, *_),) = desk.answers("Action items")
    assert (item, problem) == ("errors_resolved:payment:776", OPEN.words)


def test_a_file_saved_between_our_read_and_our_answer_is_told(desk: Desk):
    desk.save({"handover_notes": [{"topic": "Contacts", "note": "=A1"}]})
    read_workbooks(desk.runtime, RUN)
    answered = latest_version(desk.runtime.engine, desk.engagement.id)
    assert answered is not None
    desk.save({"handover_notes": [{"topic": "Contacts", "note": "Ask Ana"}]})
    answer_workbooks(desk.runtime, RUN)
    told = dict(desk.answers("Read"))
    assert "was saved after we read it" in told["Newer file"]
    assert told["Version (sha256)"] == answered.digest
    assert [row[1] for row in desk.answers("Not taken")] == ["B2"]
    desk.run(RUN + DAY)
    told = dict(desk.answers("Read"))
    assert "Newer file" not in told
    assert told["Version (sha256)"] != answered.digest
    assert desk.answers("Not taken") == []


def test_our_file_is_written_whole_or_not_at_all(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    desk.save({})
    desk.run()
    before = (desk.folder / ANSWERS).read_bytes()
    desk.save({"handover_notes": [{"topic": "a", "note": "=A1"}]})
    read_workbooks(desk.runtime, RUN + DAY)

    def fail(*_: Any) -> None:
        message = "no space left"
        raise OSError(message)

    monkeypatch.setattr("fsspec.implementations.local.LocalFileSystem.mv", fail)
    (fault,) = answer_workbooks(desk.runtime, RUN + DAY)
    assert "grant write access" in fault.words
    assert not fault.required
    assert (desk.folder / ANSWERS).read_bytes() == before
    monkeypatch.undo()
    assert answer_workbooks(desk.runtime, RUN + DAY) == []
    assert (desk.folder / ANSWERS).read_bytes() != before


def test_a_file_that_is_refused_as_a_whole_is_one_customers_fault(desk: Desk):
    other = replace(desk.engagement, id="a0X000000000002", name="Beta go-live", tracker="", workbook="beta.xlsx")
    record_engagements(desk.runtime.engine, [desk.engagement, other], RUN)
    desk.save({"handover_notes": [{"topic": "Contacts", "note": "Ask Ana"}]})
    (desk.folder / "beta.xlsx").write_bytes(
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le")
    )
    (fault,) = read_workbooks(desk.runtime, RUN)
    assert (fault.engagements, fault.required) == (("Beta go-live",), True)
    assert "protected by a password" in fault.words
    answer_workbooks(desk.runtime, RUN)
    told = load_workbook(desk.folder / "beta.answers.xlsx")["Not taken"]["D4"].value
    assert "protected by a password" in str(told)
    assert len(read_entries(desk.runtime.engine, desk.engagement.id)) == 1
    (desk.folder / "beta.xlsx").write_bytes((desk.folder / NAME).read_bytes())
    assert read_workbooks(desk.runtime, RUN + DAY) == []
    assert open_faults(desk.runtime.engine) == []


def test_a_workbook_is_made_once_and_never_over_another(desk: Desk):
    assert create_workbook(desk.runtime, desk.engagement) == NAME
    made = (desk.folder / NAME).read_bytes()
    with pytest.raises(ContractError, match="already there"):
        create_workbook(desk.runtime, desk.engagement)
    desk.run()
    assert (desk.folder / NAME).read_bytes() == made
    assert desk.answers("Not taken") == []


# What follows from it


def test_the_checklist_opens_the_gate_once_it_is_answered_in_time(desk: Desk):
    seal_all(desk)
    desk.save({"exit_checklist": [row | {"answered_on": date(2026, 4, 3)} for row in CHECKLIST]})
    desk.run()
    assert state(desk) == "CYCLE COMPLETE"
    early = [reason for _, _, _, reason, _ in desk.answers("Not taken")]
    assert len(early) == 7  # the customer may have been ready before
    assert all("before the reconciliation cycle was complete" in reason for reason in early)
    desk.save({"exit_checklist": CHECKLIST})
    desk.run(RUN + DAY)
    assert state(desk) == "READY"
    desk.save({"exit_checklist": CHECKLIST[:-1]})
    desk.run(RUN + 2 * DAY)
    assert state(desk) == "CYCLE COMPLETE"


def test_the_finance_contacts_sign_off_completes_a_cycle_that_only_coupa_shows(tmp_path: Path, ledger_url: str):
    with opening_desk(tmp_path, ledger_url, **LEVEL_ONE) as desk:
        seal_all(desk)
        desk.save({"exit_checklist": CHECKLIST})
        desk.run(RUN + DAY)
        assert state(desk) == "CYCLE COMPLETE"
        names = ("week", "legal_entity", "currency", "approved", "paid", "closing")
        rows = [dict(zip(names, row, strict=False)) for row in desk.answers("Finance sign-off")]
        signed = [row | {"signed_by": "Terry Client", "signed_on": date(2026, 4, 8)} for row in rows]
        wrong = [row | {"paid": 61} if row["week"] == "2026-W12" else row for row in signed]
        desk.save({"exit_checklist": CHECKLIST, "finance_sign_off": wrong})
        desk.run(RUN + 2 * DAY)
        assert state(desk) == "CYCLE COMPLETE"
        (refused,) = desk.answers("Not taken")
        assert "it says 61.00, the ledger 60.00 EUR paid" in refused[3]
        desk.save({"exit_checklist": CHECKLIST, "finance_sign_off": signed})
        desk.run(RUN + 3 * DAY)
        assert state(desk) == "READY"


def test_explanations_are_kept_once_and_withdrawn_with_their_row(desk: Desk):
    desk.seal(WEEKS[-1], [OPEN])
    desk.save({"exceptions": [EXPLAINED]})
    desk.run()
    (told,) = read_explanations(desk.runtime.engine, desk.engagement.id).values()
    assert (told.reason_code, told.accepted_by, told.amount) == ("outside_coupa", "Bo Example", OPEN.amount)
    desk.save({"exceptions": [EXPLAINED | {"ticket": "=A1"}]})
    desk.run(RUN + DAY)
    assert len(read_explanations(desk.runtime.engine, desk.engagement.id)) == 1
    desk.save({"exceptions": []})
    desk.run(RUN + 2 * DAY)
    assert read_explanations(desk.runtime.engine, desk.engagement.id) == {}
    with desk.runtime.engine.connect() as connection:
        assert connection.execute(select(explanations.c.withdrawn)).scalars().all() == [False, True]


def test_what_a_form_explained_is_not_taken_back_by_a_workbook(desk: Desk):
    desk.seal(WEEKS[-1], [OPEN])
    desk.save({"exceptions": [EXPLAINED]})
    desk.run()
    (told,) = read_explanations(desk.runtime.engine, desk.engagement.id).values()
    with desk.runtime.engine.begin() as connection:
        assert record_explanation(connection, desk.engagement.id, RUN + DAY, replace(told, words="by form"), FORM)
        assert not record_explanation(connection, desk.engagement.id, RUN + DAY, replace(told, words="by form"), FORM)
    desk.save({"exceptions": []})
    desk.run(RUN + 2 * DAY)
    assert [e.words for e in read_explanations(desk.runtime.engine, desk.engagement.id).values()] == ["by form"]


@pytest.mark.parametrize("tracker", ["", "jira:acme/HC", "https://acme.example.com/browse/HC"])
def test_an_engagement_without_a_workbook_is_left_alone(tmp_path: Path, ledger_url: str, tracker: str):
    with opening_desk(tmp_path, ledger_url, tracker=tracker) as desk:
        seal_all(desk)
        desk.run()
        assert latest_version(desk.runtime.engine, desk.engagement.id) is None
        assert read_answers(desk.runtime.engine, desk.engagement.id) == []
        assert list(desk.folder.iterdir()) == []


def test_nothing_of_the_lake_or_of_airflow_is_needed_to_read() -> None:
    assert not {"airflow", "duckdb"} & {name.partition(".")[0] for name in (*vars(workbooks), *vars(answering))}
