"""The form that explains an exception (rule R9): its entries, when it is refused, and what it says. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from hypercare.canonical import plain
from hypercare.errors import ConfigurationError
from hypercare.explaining import SHEET, Explanation, make_explanation, read_explanation
from hypercare.form_fields import Remark, Words, drop_blanks, tell_problems
from hypercare.model import ExceptionState, ReconciliationException
from hypercare.workbook_entries import Entry, is_same_name


class ExplanationForm(BaseModel):
    """What somebody says of an exception, and who accepted it where that was outside of Airflow."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    check: Words
    row: Words
    """The exception's key within its check, such as `payment:776`."""
    reason_code: Words
    explanation: Words
    ticket: Remark = ""
    explained_by: Words
    explained_on: date
    """Local day of the engagement."""
    accepted_by: Remark = ""
    """Empty: whoever confirms accepts it, as a second person."""
    accepted_on: date | None = None
    evidence: Remark = ""
    """Where somebody else told it than who fills in the form (rule R2)."""

    def to_entry(self) -> Entry:
        """Return it as the workbook's row that says the same."""
        named = self.model_dump(exclude={"evidence"}, exclude_none=True)
        values = {name: plain(value) for name, value in named.items() if value != ""}
        return Entry(SHEET, f"{self.check} | {self.row}", values, {}, told_by=self.explained_by)

    def accept(self, by: str, on: date) -> ExplanationForm:
        """Return it with who accepted it: who is named already, or else this person."""
        return self if self.accepted_by else self.model_copy(update={"accepted_by": by, "accepted_on": on})

    def list_explainers(self, requested_by: str) -> list[str]:
        """Return who may not be the second person."""
        return list(dict.fromkeys([requested_by, self.explained_by]))


def read_explanation_form(entries: Mapping[str, Any], *, requested_by: str, today: date) -> ExplanationForm:
    """Return what a form says; who fills it in explains it today, where it names nobody and no day.

    Raises ConfigurationError naming each entry that is missing or wrong.
    """
    values = {"explained_by": requested_by, "explained_on": today, **drop_blanks(entries)}
    if values.get("accepted_by"):
        values = {"accepted_on": today, **values}
    try:
        return ExplanationForm.model_validate(values)
    except ValidationError as error:
        raise ConfigurationError(tell_problems(error, "an explanation")) from error


def list_explanation_faults(
    form: ExplanationForm,
    row: ReconciliationException | None,
    people: Mapping[str, frozenset[str]],
    reason_codes: Mapping[str, str],
    *,
    requested_by: str,
    today: date,
) -> Iterator[str]:
    """Yield why an explanation is refused, each with what to do; `row` is the exception as the latest week has it."""
    if row is None:
        yield f"no week lists an exception {form.row} of {form.check}; `hypercare exceptions` and the answers file do"
        return
    if row.state is ExceptionState.CLEARED:
        yield f"{form.row} is cleared since {row.resolved_on} by later evidence; there is nothing to explain"
        return
    if form.reason_code not in reason_codes:
        yield f"there is no reason code {form.reason_code}; choose one of {', '.join(reason_codes)}"
    others = [name for name in (form.explained_by, form.accepted_by) if name and not is_same_name(name, requested_by)]
    if others and not form.evidence:
        who = " and ".join(others)
        yield f"{requested_by} records on behalf of {who} without evidence; name the mail, ticket or minutes"
    if form.accepted_on and not form.accepted_by:
        yield "a day of acceptance needs a name; write who accepted it, or leave both empty"
    _, faults = read_explanation(_entry_of_row(form, row), {(row.check, row.key): row}, people, today)
    yield from (f"{fault.column}: {fault.reason}; {fault.remedy}" for fault in faults)


def explain(form: ExplanationForm, row: ReconciliationException) -> Explanation:
    """Return what an accepted form says of a row as the row stands now."""
    return make_explanation(_entry_of_row(form, row), row)


def _entry_of_row(form: ExplanationForm, row: ReconciliationException) -> Entry:
    """Return the workbook's row; a form copies no amount, it explains the one that the exception has now."""
    entry = form.to_entry()
    return entry if row.amount is None else replace(entry, values={**entry.values, "amount": plain(row.amount)})


def tell_explanation(form: ExplanationForm, row: ReconciliationException, meaning: str) -> str:
    """Return the form and its row for the person who is to accept it; `meaning` is the reason code's."""
    amount = "no amount" if row.amount is None else f"{row.amount:,.2f} {row.currency}".strip()
    lines = [
        f"{row.check}, {row.key}: {row.words} ({', '.join(filter(None, [amount, row.legal_entity]))})",
        f"reason: {form.reason_code} ({meaning})",
        f"explanation: {form.explanation}",
        f"explained by {form.explained_by} on {form.explained_on}",
    ]
    lines += [f"ticket: {form.ticket}"] if form.ticket else []
    lines += [f"evidence: {form.evidence}"] if form.evidence else []
    if form.accepted_by:
        lines.append(f"accepted by {form.accepted_by} on {form.accepted_on}, which you confirm")
    else:
        lines.append("who confirms this accepts it, as a second person")
    return "\n".join(f"- {line}" for line in lines)
