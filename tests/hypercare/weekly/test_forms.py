"""Explanations and checklist answers by form, on a real ledger: checked, accepted, recorded once, judged."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from hypercare.adjustments import Cancelled
from hypercare.cli import app
from hypercare.errors import ConfigurationError, PermanentError
from hypercare.ledger.adjustments import Confirmation, RecordedAdjustment, record_adjustment, record_confirmation
from hypercare.ledger.answers import read_answers
from hypercare.ledger.chain import verify_chain
from hypercare.ledger.decisions import latest_decision
from hypercare.ledger.explanations import read_explanations
from hypercare.ledger.workbook_tables import form_entries, readiness_answers
from hypercare.model import Delivery, ExceptionState
from hypercare.weekly import answer_item, explain
from hypercare.weekly.explain import ExplanationRequest
from tests.hypercare.weekly.frozen_weeks import CHECKED, DAY, ITEMS, OPEN, RUN, WEEKS, Desk, opening_desk

EXPLAINED = {
    "check": OPEN.check,
    "row": OPEN.key,
    "reason_code": "outside_coupa",
    "explanation": "paid by cheque",
    "ticket": "00001001",
}
ANSWERED = {"answer": "Yes", "role": "EM", "evidence": "seen on screen"}
CHECKLIST = [{"item": item, **CHECKED, "customer_contact": "Pat Client"} for item in ITEMS]


@pytest.fixture
def desk(tmp_path: Path, ledger_url: str) -> Iterator[Desk]:
    with opening_desk(tmp_path, ledger_url, approvers="vera, jonas, ana=Ana Example") as opened:
        yield opened


@pytest.fixture
def failed(desk: Desk) -> Desk:
    """A week that failed for one exception."""
    desk.seal(WEEKS[-1], [OPEN])
    return desk


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


def ask(desk: Desk, by: str = "ops", at: datetime | None = None, **entries: Any) -> ExplanationRequest:
    form = {"engagement": desk.engagement.name, **EXPLAINED, "as_of": at and at.isoformat(), **entries}
    return explain.read_request(desk.runtime, form, RUN, by)


def accept(
    desk: Desk, request: ExplanationRequest, by: str = "vera", option: str = "Approve", at: datetime = RUN
) -> Confirmation:
    return Confirmation(option, by, at, explain.tell_request(desk.runtime, request))


def list_told(desk: Desk) -> list[tuple[Any, ...]]:
    table = form_entries
    query = select(table.c.key, table.c.told_by, table.c.requested_by, table.c.confirmed_by, table.c.recorded_as_of)
    with desk.runtime.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(query.order_by(table.c.recorded_as_of, table.c.key))]


# Explanations


def test_an_explanation_counts_once_a_second_person_accepted_it(failed: Desk):
    request = ask(failed)
    assert [each.id for each in explain.list_acceptors(failed.runtime, request)] == ["vera", "jonas", "ana"]
    shown = explain.tell_request(failed.runtime, request)
    assert "- errors_resolved, payment:776: payment 776 failed" in shown
    assert "- reason: outside_coupa (Paid or corrected outside of Coupa, with proof)" in shown
    assert "- 2026-W14: FAIL, open until 2026-04-17, the next run weighs it" in shown
    assert read_explanations(failed.runtime.engine, failed.engagement.id) == {}
    assert explain.record(failed.runtime, request, accept(failed, request))
    (told,) = read_explanations(failed.runtime.engine, failed.engagement.id).values()
    assert told.is_accepted
    assert told.fits(OPEN)
    assert (told.explained_by, told.accepted_by, told.accepted_on) == ("ops", "vera", date(2026, 4, 6))
    assert list_told(failed) == [("errors_resolved | payment:776", "ops", "ops", "vera", RUN)]
    assert not explain.record(failed.runtime, request, accept(failed, request))
    assert len(list_told(failed)) == 1


def test_it_counts_from_the_answer_on_and_not_from_the_question(failed: Desk):
    """Days may pass between them, and a week clears only within its days."""
    request = ask(failed)
    later = datetime(2026, 4, 16, 22, 30, tzinfo=UTC)  # the 17th in Berlin
    assert explain.record(failed.runtime, request, accept(failed, request, at=later))
    (told,) = read_explanations(failed.runtime.engine, failed.engagement.id).values()
    assert told.accepted_on == date(2026, 4, 17)
    assert list_told(failed)[0][-1] == later


def test_a_form_that_names_its_instant_counts_from_then_on(failed: Desk):
    request = ask(failed, at=RUN + DAY)
    assert explain.record(failed.runtime, request, accept(failed, request, at=datetime(2027, 1, 1, tzinfo=UTC)))
    (told,) = read_explanations(failed.runtime.engine, failed.engagement.id).values()
    assert (told.accepted_on, list_told(failed)[0][-1]) == (date(2026, 4, 7), RUN + DAY)


def test_the_finance_contact_accepts_without_a_login(failed: Desk):
    by_mail = {"accepted_by": "Terry Client", "accepted_on": "2026-04-06", "evidence": "mail of 6 April"}
    request = ask(failed, **by_mail)
    assert "- accepted by Terry Client on 2026-04-06, which you confirm" in explain.tell_request(
        failed.runtime, request
    )
    assert explain.record(failed.runtime, request, accept(failed, request, at=RUN + DAY))
    (told,) = read_explanations(failed.runtime.engine, failed.engagement.id).values()
    assert (told.accepted_by, told.accepted_on) == ("Terry Client", date(2026, 4, 6))


def test_nobody_accepts_what_they_ask_or_explain_themselves(failed: Desk):
    def ids(request: ExplanationRequest) -> list[str]:
        return [each.id for each in explain.list_acceptors(failed.runtime, request)]

    assert ids(ask(failed, by="vera")) == ["jonas", "ana"]
    assert ids(ask(failed, by="vera", explained_by="Ana Example", evidence="mail")) == ["jonas"]
    request = ask(failed, by="vera")
    with pytest.raises(
        PermanentError, match="Acme go-live: vera may not confirm this explanation; nothing is recorded"
    ):
        explain.record(failed.runtime, request, accept(failed, request, by="vera"))
    alone = replace(failed.runtime, settings=failed.runtime.settings.model_copy(update={"approvers": "vera"}))
    with pytest.raises(ConfigurationError, match="1 people beside vera must be able to confirm an explanation"):
        explain.list_acceptors(alone, request)
    assert list_told(failed) == []


def test_only_a_persons_answer_to_what_was_shown_is_recorded(failed: Desk):
    request = ask(failed)
    with pytest.raises(PermanentError, match="Acme go-live: nobody has confirmed this explanation"):
        explain.record_accepted(failed.runtime, request, "hypercare_explain manual__1")
    answers = {
        "vera has rejected this explanation": accept(failed, request, option="Reject"),
        "mallory may not confirm": accept(failed, request, by="mallory"),
        "payment:776 has changed since vera accepted": Confirmation("Approve", "vera", RUN, "something else"),
    }
    for words, answer in answers.items():
        with pytest.raises(PermanentError, match=words):
            explain.record(failed.runtime, request, answer)
    assert list_told(failed) == []
    record_confirmation(failed.runtime.engine, "hypercare_explain manual__1", accept(failed, request))
    assert explain.record_accepted(failed.runtime, request, "hypercare_explain manual__1")


def test_a_row_that_changed_after_it_was_shown_is_not_explained_by_it(failed: Desk):
    request = ask(failed)
    answer = accept(failed, request)
    changed = replace(OPEN, week=WEEKS[-1].shift(1), amount=Decimal("90"))
    failed.seal(WEEKS[-1].shift(1), [changed], as_of=RUN + 7 * DAY)
    with pytest.raises(
        PermanentError, match="payment:776 has changed since vera accepted its explanation; start again"
    ):
        explain.record(failed.runtime, request, answer)


def test_a_week_that_passes_between_question_and_answer_does_no_harm(failed: Desk):
    request = ask(failed)
    answer = accept(failed, request)
    failed.seal(WEEKS[-1].shift(1), [OPEN], as_of=RUN + 7 * DAY)
    assert explain.record(failed.runtime, request, answer)


CLEARED = replace(OPEN, state=ExceptionState.CLEARED, resolved_on=date(2026, 4, 3))


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ({"row": "payment:1"}, "no week lists an exception payment:1 of errors_resolved"),
        ({"row": "payment:2"}, "payment:2 is cleared since 2026-04-03 by later evidence"),
        ({"reason_code": "because"}, "there is no reason code because; choose one of timing, outside_coupa"),
        ({"accepted_by": "OPS"}, "the explanation is accepted by who gave it"),
        ({"accepted_by": "Nobody", "evidence": "mail"}, "'Nobody' is nobody of this engagement"),
        ({"explained_by": "Ana Example"}, "ops records on behalf of Ana Example without evidence"),
        ({"explained_on": "2026-04-07"}, "2026-04-07 lies in the future"),
    ],
)
def test_what_is_refused_says_why_and_records_nothing(desk: Desk, entries: dict[str, Any], words: str):
    desk.seal(WEEKS[-1], [OPEN, replace(CLEARED, key="payment:2")])
    request = ask(desk, **entries)
    for act in (explain.check_explanation, explain.tell_request):
        with pytest.raises(PermanentError, match=words) as refused:
            act(desk.runtime, request)
        assert str(refused.value).startswith(f"Acme go-live, explanation of {entries.get('row', OPEN.key)} refused: ")
    with pytest.raises(PermanentError, match=words):
        explain.record(desk.runtime, request, Confirmation("Approve", "vera", RUN, "x"))
    assert list_told(desk) == []


def test_an_unknown_engagement_and_one_that_is_over(failed: Desk):
    with pytest.raises(ConfigurationError, match="no engagement is called Nobody"):
        explain.read_request(failed.runtime, {**EXPLAINED, "engagement": "Nobody"}, RUN, "ops")
    said = {"decided_on": date(2026, 4, 6), "decided_by": "ops", "recorded_by": "ops", "reason": "gone"}
    ended = RecordedAdjustment(Cancelled(**said), (), None, RUN, "ops", "vera")
    with failed.runtime.engine.begin() as connection:
        assert record_adjustment(connection, failed.engagement.id, ended)
    with pytest.raises(PermanentError, match="Acme go-live: hypercare is cancelled"):
        explain.check_explanation(failed.runtime, ask(failed))
    with pytest.raises(PermanentError, match="Acme go-live: hypercare is cancelled"):
        answer_item.check_answer(failed.runtime, answer(failed, "CP-1"))


def test_what_is_explained_again_takes_the_place_of_what_was(failed: Desk):
    first = ask(failed)
    explain.record(failed.runtime, first, accept(failed, first))
    again = ask(failed, at=RUN + DAY, reason_code="bank_charges")
    shown = explain.tell_request(failed.runtime, again)
    assert "- in the place of: outside_coupa, paid by cheque (ops, accepted by vera)" in shown
    assert explain.record(failed.runtime, again, accept(failed, again))
    (told,) = read_explanations(failed.runtime.engine, failed.engagement.id).values()
    assert told.reason_code == "bank_charges"
    assert len(list_told(failed)) == 2


# The exit checklist


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
    assert [row[1:4] for row in list_told(complete)] == [("Mo Vendor", "Mo Vendor", "")] * 8


def test_the_same_answer_again_is_nothing_new(complete: Desk):
    assert answer_item.record_answer(complete.runtime, answer(complete, "CP-1"))
    assert not answer_item.record_answer(complete.runtime, answer(complete, "CP-1"))
    assert len(list_told(complete)) == 1


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
    assert list_told(complete) == []


def test_an_answer_before_the_cycle_is_complete_is_refused(failed: Desk):
    failed.run()
    with pytest.raises(PermanentError, match="before the reconciliation cycle is complete; answer again once"):
        answer_item.record_answer(failed.runtime, answer(failed, "CP-1"))
    assert answer_item.record_answer(failed.runtime, answer(failed, "CR-1"))


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
        assert [row[1:4] for row in list_told(desk)] == [("Casey Partner", "ops", "")]


# The command line


def test_the_command_line_explains_what_was_accepted(failed: Desk, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("hypercare.commands.explain.open_migrated_runtime", lambda: nullcontext(failed.runtime))
    command = ["explain", "Acme go-live", OPEN.check, OPEN.key, "--reason-code", "outside_coupa"]
    command += ["--explanation", "paid by cheque", "--requested-by", "ops", "--as-of", RUN.isoformat()]
    shown = CliRunner().invoke(app, command)
    assert shown.exit_code == 0, shown.output
    assert "- who confirms this accepts it, as a second person" in shown.output
    assert "nothing is recorded" in shown.output
    for name in ("mallory", "ops"):
        refused = CliRunner().invoke(app, [*command, "--confirmed-by", name])
        assert refused.exit_code == 1
        assert f"{name} may not confirm this explanation" in refused.output
    recorded = CliRunner().invoke(app, [*command, "--confirmed-by", "vera"])
    assert recorded.exit_code == 0, recorded.output
    assert "recorded; the next run weighs it" in recorded.output
    assert "it was recorded before" in CliRunner().invoke(app, [*command, "--confirmed-by", "vera"]).output
    command[3] = "payment:1"
    wrong = CliRunner().invoke(app, command)
    assert wrong.exit_code == 1
    assert "no week lists an exception payment:1" in wrong.output


def test_the_command_line_answers_an_item(complete: Desk, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("hypercare.commands.answer.open_migrated_runtime", lambda: nullcontext(complete.runtime))
    command = ["answer", "Acme go-live", "CR-1", "Yes", "--role", "EM", "--requested-by", "Mo Vendor"]
    command += ["--customer-contact", "Pat Client", "--as-of", (RUN + DAY).isoformat()]
    shown = CliRunner().invoke(app, [*command, "--dry-run"])
    assert shown.exit_code == 0, shown.output
    assert "customer_ready: 1 of 1 items, all of them are answered" in shown.output
    assert "nothing is recorded" in shown.output
    assert list_told(complete) == []
    recorded = CliRunner().invoke(app, command)
    assert recorded.exit_code == 0, recorded.output
    assert "recorded; 1 decisions" in recorded.output
    refused = CliRunner().invoke(app, ["answer", "Acme go-live", "CP-1", "Yes", "--role", "CVM", *command[6:]])
    assert refused.exit_code == 1
    assert "'CVM' cannot answer this" in refused.output
