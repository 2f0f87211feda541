"""Explanations by form, on a real ledger: checked, accepted by a second person, recorded once (rule R9)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from hypercare.adjustments import Cancelled
from hypercare.cli import app
from hypercare.errors import ConfigurationError, PermanentError
from hypercare.ledger.adjustments import Confirmation, RecordedAdjustment, record_adjustment, record_confirmation
from hypercare.ledger.explanations import read_explanations
from hypercare.model import ExceptionState
from hypercare.weekly import explain
from hypercare.weekly.explain import ExplanationRequest
from tests.hypercare.weekly.frozen_weeks import DAY, OPEN, RUN, WEEKS, Desk, opening_desk

EXPLAINED = {
    "check": OPEN.check,
    "row": OPEN.key,
    "reason_code": "outside_coupa",
    "explanation": "paid by cheque",
    "ticket": "00001001",
}


@pytest.fixture
def desk(tmp_path: Path, ledger_url: str) -> Iterator[Desk]:
    with opening_desk(tmp_path, ledger_url, approvers="vera, jonas, ana=Ana Example") as opened:
        yield opened


@pytest.fixture
def failed(desk: Desk) -> Desk:
    """A week that failed for one exception."""
    desk.seal(WEEKS[-1], [OPEN])
    return desk


def ask(desk: Desk, by: str = "ops", at: datetime | None = None, **entries: Any) -> ExplanationRequest:
    form = {"engagement": desk.engagement.name, **EXPLAINED, "as_of": at and at.isoformat(), **entries}
    return explain.read_request(desk.runtime, form, RUN, by)


def accept(
    desk: Desk, request: ExplanationRequest, by: str = "vera", option: str = "Approve", at: datetime = RUN
) -> Confirmation:
    return Confirmation(option, by, at, explain.tell_request(desk.runtime, request))


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
    assert failed.list_form_entries() == [("errors_resolved | payment:776", "ops", "ops", "vera", RUN)]
    assert not explain.record(failed.runtime, request, accept(failed, request))
    assert len(failed.list_form_entries()) == 1


def test_it_counts_from_the_answer_on_and_not_from_the_question(failed: Desk):
    """Days may pass between them, and a week clears only within its days."""
    request = ask(failed)
    later = datetime(2026, 4, 16, 22, 30, tzinfo=UTC)  # the 17th in Berlin
    assert explain.record(failed.runtime, request, accept(failed, request, at=later))
    (told,) = read_explanations(failed.runtime.engine, failed.engagement.id).values()
    assert told.accepted_on == date(2026, 4, 17)
    assert failed.list_form_entries()[0][-1] == later


def test_a_form_that_names_its_instant_counts_from_then_on(failed: Desk):
    request = ask(failed, at=RUN + DAY)
    assert explain.record(failed.runtime, request, accept(failed, request, at=datetime(2027, 1, 1, tzinfo=UTC)))
    (told,) = read_explanations(failed.runtime.engine, failed.engagement.id).values()
    assert (told.accepted_on, failed.list_form_entries()[0][-1]) == (date(2026, 4, 7), RUN + DAY)


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
    assert failed.list_form_entries() == []


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
    assert failed.list_form_entries() == []
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
    assert desk.list_form_entries() == []


def test_an_unknown_engagement_and_one_that_is_over(failed: Desk):
    with pytest.raises(ConfigurationError, match="no engagement is called Nobody"):
        explain.read_request(failed.runtime, {**EXPLAINED, "engagement": "Nobody"}, RUN, "ops")
    said = {"decided_on": date(2026, 4, 6), "decided_by": "ops", "recorded_by": "ops", "reason": "gone"}
    ended = RecordedAdjustment(Cancelled(**said), (), None, RUN, "ops", "vera")
    with failed.runtime.engine.begin() as connection:
        assert record_adjustment(connection, failed.engagement.id, ended)
    with pytest.raises(PermanentError, match="Acme go-live: hypercare is cancelled"):
        explain.check_explanation(failed.runtime, ask(failed))


def test_what_is_explained_again_takes_the_place_of_what_was(failed: Desk):
    first = ask(failed)
    explain.record(failed.runtime, first, accept(failed, first))
    again = ask(failed, at=RUN + DAY, reason_code="bank_charges")
    shown = explain.tell_request(failed.runtime, again)
    assert "- in the place of: outside_coupa, paid by cheque (ops, accepted by vera)" in shown
    assert explain.record(failed.runtime, again, accept(failed, again))
    (told,) = read_explanations(failed.runtime.engine, failed.engagement.id).values()
    assert told.reason_code == "bank_charges"
    assert len(failed.list_form_entries()) == 2


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
