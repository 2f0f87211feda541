"""Answers to the exit checklist by form, on a real ledger: checked, recorded once, judged (rule R14)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from hypercare.adjustments import Cancelled
from hypercare.cli import app
from hypercare.errors import PermanentError
from hypercare.ledger.adjustments import RecordedAdjustment, record_adjustment
from hypercare.ledger.answers import read_answers
from hypercare.ledger.chain import verify_chain
from hypercare.ledger.decisions import latest_decision
from hypercare.ledger.workbook_tables import readiness_answers
from hypercare.model import Delivery
from hypercare.weekly import answer_item
from tests.hypercare.weekly.frozen_weeks import CHECKED, DAY, ITEMS, OPEN, RUN, WEEKS, Desk, opening_desk

ANSWERED = {"answer": "Yes", "role": "EM", "evidence": "seen on screen"}
CHECKLIST = [{"item": item, **CHECKED, "customer_contact": "Pat Client"} for item in ITEMS]


@pytest.fixture
def desk(tmp_path: Path, ledger_url: str) -> Iterator[Desk]:
    with opening_desk(tmp_path, ledger_url, approvers="vera, jonas, ana=Ana Example") as opened:
        yield opened


@pytest.fixture
def complete(desk: Desk) -> Desk:
    """A complete cycle, judged."""
    for week in WEEKS:
        desk.seal(week)
    desk.run()
    assert state(desk) == "CYCLE COMPLETE"
    return desk


def state(desk: Desk) -> str:
    decision = latest_decision(desk.runtime.engine, desk.engagement.id)
    assert decision is not None
    return str(decision["state"])


def answer(desk: Desk, item: str, by: str = "Mo Vendor", at: datetime = RUN + DAY, **entries: Any) -> Any:
    form = {"engagement": desk.engagement.id, "item": item, **ANSWERED, "customer_contact": "Pat Client", **entries}
    return answer_item.read_request(desk.runtime, form, at, by)


def record(desk: Desk, *items: str, **entries: Any) -> int:
    """Answer items one by one; return how many decisions that made."""
    decisions = 0
    for item in items:
        request = answer(desk, item, **entries)
        assert answer_item.record_answer(desk.runtime, request)
        decisions += answer_item.judge_answered(desk.runtime, request)
    return decisions


def list_sources(desk: Desk) -> set[tuple[str, str]]:
    """Which criteria are answered now, and by what."""
    table = readiness_answers
    query = select(table.c.criterion, table.c.source, table.c.answers).order_by(table.c.recorded_as_of)
    with desk.runtime.engine.connect() as connection:
        latest = {(row.criterion, row.source): row.answers for row in connection.execute(query)}
    return {key for key, answers in latest.items() if answers}


def test_the_checklist_answered_by_form_opens_the_gate(complete: Desk):
    assert record(complete, *ITEMS[:6]) == 0
    told = answer_item.check_answer(complete.runtime, answer(complete, "CP-7"))
    assert told.startswith(
        "Acme go-live: CP-7 Yes, Mo Vendor (EM), 2026-04-07; exit_checklist: 7 of 7 items, all of them"
    )
    assert state(complete) == "CYCLE COMPLETE"
    assert record(complete, "CP-7") == 1
    assert record(complete, "CR-1") == 1
    assert state(complete) == "READY"
    checklist, ready = sorted(
        read_answers(complete.runtime.engine, complete.engagement.id), key=lambda a: -len(a.evidence)
    )
    assert checklist.evidence[1] == "CP-1 Yes, Mo Vendor, 2026-04-07: seen on screen"
    assert (ready.criterion, ready.customer_contact) == ("customer_ready", "Pat Client")
    assert verify_chain(complete.runtime.engine) == []
    assert [row[1:4] for row in complete.list_form_entries()] == [("Mo Vendor", "Mo Vendor", "")] * 8


def test_the_same_answer_again_is_nothing_new(complete: Desk):
    assert answer_item.record_answer(complete.runtime, answer(complete, "CP-1"))
    assert not answer_item.record_answer(complete.runtime, answer(complete, "CP-1"))
    assert len(complete.list_form_entries()) == 1


def test_workbook_and_form_fill_one_checklist(complete: Desk):
    complete.save({"exit_checklist": [row for row in CHECKLIST if row["item"] not in ("CP-4", "CR-1")]})
    complete.run(RUN + DAY)
    assert list_sources(complete) == set()
    assert record(complete, "CP-4", "CR-1", at=RUN + 2 * DAY) >= 1
    assert state(complete) == "READY"
    assert list_sources(complete) == {("exit_checklist", "form"), ("customer_ready", "form")}
    complete.save({"exit_checklist": CHECKLIST})
    complete.run(RUN + 3 * DAY)
    assert list_sources(complete) == {("exit_checklist", "workbook"), ("customer_ready", "workbook")}
    assert state(complete) == "READY"


def test_of_one_item_what_was_told_last_counts(complete: Desk):
    complete.save({"exit_checklist": CHECKLIST})
    complete.run(RUN + DAY)
    assert state(complete) == "READY"
    assert record(complete, "CP-3", at=RUN + 2 * DAY, answer="No") == 1
    assert state(complete) == "CYCLE COMPLETE"
    rows = [row | {"evidence": "all done"} if row["item"] == "CP-3" else row for row in CHECKLIST]
    complete.save({"exit_checklist": rows})
    complete.run(RUN + 3 * DAY)
    assert state(complete) == "READY"
    broken = [row | {"role": "nobody"} if row["item"] == "CP-3" else row for row in CHECKLIST]
    complete.save({"exit_checklist": broken})
    complete.run(RUN + 4 * DAY)
    assert state(complete) == "CYCLE COMPLETE", (
        "a row that cannot be read takes back what it said, the form's No stands"
    )


@pytest.mark.parametrize(
    ("item", "entries", "words"),
    [
        ("CP-9", {}, "CP-9 is not asked of this engagement"),
        (
            "CP-1",
            {"role": "partner PM"},
            "'partner PM' cannot answer this, vendor-led as the engagement is; let EM answer",
        ),
        (
            "CP-1",
            {"answered_on": "2026-04-05"},
            "before the reconciliation cycle was complete, which it was on 2026-04-06",
        ),
        (
            "CP-1",
            {"by": "ops", "answered_by": "Mo Vendor", "evidence": ""},
            "ops records on behalf of Mo Vendor without",
        ),
        ("CR-1", {"customer_contact": ""}, "the customer's name is missing"),
    ],
)
def test_an_answer_that_is_refused_says_why_and_records_nothing(
    complete: Desk, item: str, entries: dict[str, Any], words: str
):
    request = answer(complete, item, **entries)
    for act in (answer_item.check_answer, answer_item.record_answer):
        with pytest.raises(PermanentError, match=words) as refused:
            act(complete.runtime, request)
        assert str(refused.value).startswith(f"Acme go-live, answer to {item} refused: ")
    assert complete.list_form_entries() == []


def test_an_answer_before_the_cycle_is_complete_is_refused(desk: Desk):
    desk.seal(WEEKS[-1], [OPEN])
    desk.run()
    with pytest.raises(PermanentError, match="before the reconciliation cycle is complete; answer again once"):
        answer_item.record_answer(desk.runtime, answer(desk, "CP-1"))
    assert answer_item.record_answer(desk.runtime, answer(desk, "CR-1"))


def test_partner_led_the_partner_answers(tmp_path: Path, ledger_url: str):
    with opening_desk(tmp_path, ledger_url, delivery=Delivery.PARTNER) as desk:
        for week in WEEKS:
            desk.seal(week)
        desk.run()
        with pytest.raises(PermanentError, match="partner-led as the engagement is; let partner PM answer"):
            answer_item.record_answer(desk.runtime, answer(desk, "CP-1"))
        casey = answer(
            desk, "CP-1", by="ops", role="partner PM", answered_by="Casey Partner", evidence="mail of 7 April"
        )
        assert answer_item.record_answer(desk.runtime, casey)
        assert [row[1:4] for row in desk.list_form_entries()] == [("Casey Partner", "ops", "")]


def test_nothing_is_answered_of_an_engagement_that_is_over(complete: Desk):
    said = {"decided_on": date(2026, 4, 6), "decided_by": "ops", "recorded_by": "ops", "reason": "gone"}
    ended = RecordedAdjustment(Cancelled(**said), (), None, RUN, "ops", "vera")
    with complete.runtime.engine.begin() as connection:
        assert record_adjustment(connection, complete.engagement.id, ended)
    with pytest.raises(PermanentError, match="Acme go-live: hypercare is cancelled"):
        answer_item.check_answer(complete.runtime, answer(complete, "CP-1"))


def test_the_command_line_answers_an_item(complete: Desk, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("hypercare.commands.answer.open_migrated_runtime", lambda: nullcontext(complete.runtime))
    command = ["answer", "Acme go-live", "CR-1", "Yes", "--role", "EM", "--requested-by", "Mo Vendor"]
    command += ["--customer-contact", "Pat Client", "--as-of", (RUN + DAY).isoformat()]
    shown = CliRunner().invoke(app, [*command, "--dry-run"])
    assert shown.exit_code == 0, shown.output
    assert "customer_ready: 1 of 1 items, all of them are answered" in shown.output
    assert "nothing is recorded" in shown.output
    assert complete.list_form_entries() == []
    recorded = CliRunner().invoke(app, command)
    assert recorded.exit_code == 0, recorded.output
    assert "recorded; 1 decisions" in recorded.output
    refused = CliRunner().invoke(app, ["answer", "Acme go-live", "CP-1", "Yes", "--role", "CVM", *command[6:]])
    assert refused.exit_code == 1
    assert "'CVM' cannot answer this" in refused.output
