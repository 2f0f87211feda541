"""Answers to items of the exit checklist, from the form to the ledger: checked, recorded, judged (rule R14)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hypercare.answer_form import AnswerForm, ChecklistStanding, list_answer_faults, read_answer_form, tell_answer
from hypercare.errors import PermanentError, say_faults
from hypercare.ledger.chain import lock_engagement
from hypercare.ledger.decisions import decided_as_of
from hypercare.ledger.form_entries import record_form_entry
from hypercare.runtime import Runtime
from hypercare.weekly.asking import Asked, read_asked, require_in_hypercare
from hypercare.weekly.judge import judge_engagement
from hypercare.weekly.told import load_exit_checklist, read_completion, read_told_items


@dataclass(frozen=True)
class AnswerRequest:
    """One item that somebody answers."""

    asked: Asked
    form: AnswerForm


def read_request(runtime: Runtime, form: Mapping[str, Any], due: datetime, requested_by: str | None) -> AnswerRequest:
    """Return what a form asks for, see `read_asked`; raise ConfigurationError naming what is wrong with it."""
    asked, entries = read_asked(runtime, form, due, requested_by)
    return AnswerRequest(asked, read_answer_form(entries, requested_by=asked.requested_by, today=asked.today))


def check_answer(runtime: Runtime, request: AnswerRequest) -> str:
    """Return what the answer comes to; raise PermanentError saying why it is refused, and what to do."""
    engagement, form = request.asked.engagement, request.form
    require_in_hypercare(runtime, engagement)
    standing = ChecklistStanding(
        checklist=load_exit_checklist(runtime),
        engagement=engagement,
        policy=runtime.policy.for_engagement(engagement),
        today=request.asked.today,
        completed_on=read_completion(runtime, engagement),
    )
    refused = list(list_answer_faults(form, standing, requested_by=request.asked.requested_by))
    if refused:
        msg = f"{engagement.name}, answer to {form.item} refused: {say_faults(refused)}"
        raise PermanentError(msg)
    return f"{engagement.name}: {tell_answer(form, read_told_items(runtime, engagement), standing)}"


def record_answer(runtime: Runtime, request: AnswerRequest) -> bool:
    """Record an answer that stands; return whether it was new. Raises PermanentError where it is refused."""
    asked = request.asked
    with runtime.engine.begin() as connection:
        lock_engagement(connection, asked.engagement.id)
        check_answer(runtime, request)
        entry = request.form.to_entry()
        return record_form_entry(connection, asked.engagement.id, asked.as_of, entry, asked.requested_by)


def judge_answered(runtime: Runtime, request: AnswerRequest) -> int:
    """Judge the engagement's latest week on what is answered now; return how many decisions were appended.

    Several answers may bear one instant: each is judged.
    """
    engagement = request.asked.engagement
    latest = max(decided_as_of(runtime.engine, engagement.id), default=None)
    return judge_engagement(runtime, engagement, request.asked.as_of, judge_from=latest)
