"""Explanations of exceptions, from the form to the ledger: checked, shown, accepted by a second person (rule R9)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hypercare.errors import PermanentError, say_faults
from hypercare.explanation_form import (
    ExplanationForm,
    explain,
    list_explanation_faults,
    read_explanation_form,
    tell_explanation,
)
from hypercare.gate_calendar import find_local_day
from hypercare.ledger.adjustments import Confirmation
from hypercare.ledger.chain import lock_engagement
from hypercare.ledger.evidence import latest_revisions
from hypercare.ledger.explanations import FORM, read_explanations, record_explanation
from hypercare.ledger.form_entries import record_form_entry
from hypercare.ledger.workbook_entries import read_entries
from hypercare.model import ReconciliationException
from hypercare.runtime import Runtime
from hypercare.week_verdict import may_clear
from hypercare.weekly.approvers import Approver, find_approver, list_approvers, require_answer
from hypercare.weekly.asking import Asked, read_asked, require_in_hypercare
from hypercare.weekly.told import read_standing
from hypercare.workbook_entries import list_people

WHAT = "this explanation"


@dataclass(frozen=True)
class ExplanationRequest:
    """One explanation that somebody gives."""

    asked: Asked
    form: ExplanationForm


def read_request(
    runtime: Runtime, form: Mapping[str, Any], due: datetime, requested_by: str | None
) -> ExplanationRequest:
    """Return what a form asks for, see `read_asked`; raise ConfigurationError naming what is wrong with it."""
    asked, entries = read_asked(runtime, form, due, requested_by)
    told = read_explanation_form(entries, requested_by=asked.requested_by, today=asked.today)
    return ExplanationRequest(asked, told)


def check_explanation(runtime: Runtime, request: ExplanationRequest) -> ReconciliationException:
    """Return the exception as the latest week has it; raise PermanentError saying why it cannot be explained so."""
    engagement, form = request.asked.engagement, request.form
    require_in_hypercare(runtime, engagement)
    row = read_standing(runtime, engagement).get((form.check, form.row))
    faults = list_explanation_faults(
        form,
        row,
        list_people(read_entries(runtime.engine, engagement.id), engagement.roles),
        _reason_codes(runtime),
        requested_by=request.asked.requested_by,
        today=request.asked.today,
    )
    refused = list(faults)
    if refused or row is None:
        msg = f"{engagement.name}, explanation of {form.row} refused: {say_faults(refused)}"
        raise PermanentError(msg)
    return row


def tell_request(runtime: Runtime, request: ExplanationRequest) -> str:
    """Return what is asked, and what it does: what a person is shown who is to accept it."""
    told = _tell(runtime, request, check_explanation(runtime, request))
    return "\n".join([told, *(f"- {line}" for line in _tell_effect(runtime, request))])


def _tell(runtime: Runtime, request: ExplanationRequest, row: ReconciliationException) -> str:
    return tell_explanation(request.form, row, _reason_codes(runtime)[request.form.reason_code])


def _tell_effect(runtime: Runtime, request: ExplanationRequest) -> Iterator[str]:
    engagement, form = request.asked.engagement, request.form
    before = read_explanations(runtime.engine, engagement.id).get((form.check, form.row))
    if before:
        accepted = f", accepted by {before.accepted_by}" if before.is_accepted else ", not accepted"
        yield f"in the place of: {before.reason_code}, {before.words} ({before.explained_by}{accepted})"
    for week, revision in sorted(latest_revisions(runtime.engine, engagement.id).items()):
        if all((row.check, row.key) != (form.check, form.row) for row in revision.evidence.exceptions):
            continue
        judgement = revision.judgement
        if judgement.systemic:
            effect = "systemic, which explaining does not heal"
        elif may_clear(judgement, request.asked.today):
            effect = f"open until {judgement.open_until}, the next run weighs it"
        else:
            effect = "stays as it is, later weeks carry the explanation"
        yield f"{week}: {judgement.verdict}, {effect}"


def list_acceptors(runtime: Runtime, request: ExplanationRequest) -> list[Approver]:
    """Return who may accept, or confirm who accepted: HYPERCARE_APPROVERS without who asks and who explains.

    Raises ConfigurationError where nobody is left to ask.
    """
    return list_approvers(runtime, "an explanation", request.form.list_explainers(request.asked.requested_by))


def record_accepted(runtime: Runtime, request: ExplanationRequest, run: str) -> bool:
    """Record an explanation that a person has accepted in a run; return whether it was new.

    Raises PermanentError where nobody did, where somebody did who may not, or where the exception is no longer what
    was shown.
    """
    return record(runtime, request, require_answer(runtime, run, request.asked.engagement.name, WHAT))


def record(runtime: Runtime, request: ExplanationRequest, answer: Confirmation) -> bool:
    """Record an explanation that a person has answered; see `record_accepted`.

    It counts from the answer on, and not from the question, unless the form names its instant.
    """
    engagement = request.asked.engagement
    approver = find_approver(answer, list_acceptors(runtime, request), engagement.name, WHAT)
    at = request.asked.as_of if request.asked.is_timed else answer.responded_at
    with runtime.engine.begin() as connection:
        lock_engagement(connection, engagement.id)
        row = check_explanation(runtime, request)
        if _tell(runtime, request, row) not in answer.shown:
            msg = f"{engagement.name}: {row.key} has changed since {approver.id} accepted its explanation; start again"
            raise PermanentError(msg)
        form = request.form.accept(approver.name, find_local_day(at, engagement.time_zone))
        entry = form.to_entry()
        record_form_entry(connection, engagement.id, at, entry, request.asked.requested_by, approver.id)
        return record_explanation(connection, engagement.id, at, explain(form, row), FORM)


def _reason_codes(runtime: Runtime) -> Mapping[str, str]:
    codes: Mapping[str, str] = runtime.policy.document["reconciliation"]["explanation_reasons"]
    return codes
