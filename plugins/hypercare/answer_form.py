"""The form that answers one item of the exit checklist (rule R14): its entries, and when it is refused. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from hypercare.canonical import plain
from hypercare.checklists import SHEET, Checklist, ChecklistItem, read_checklist
from hypercare.errors import ConfigurationError
from hypercare.form_fields import Remark, Words, drop_blanks, tell_problems
from hypercare.model import Engagement
from hypercare.policy import Policy
from hypercare.workbook_entries import Entry, EntryFault, is_same_name


class AnswerForm(BaseModel):
    """What somebody answers to one item."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    item: Words
    answer: Literal["Yes", "No", "Not applicable"]
    answered_by: Words
    role: Words
    answered_on: date
    """Local day of the engagement."""
    customer_contact: Remark = ""
    evidence: Remark = ""

    def to_entry(self) -> Entry:
        """Return it as the workbook's row that says the same."""
        values = {name: plain(value) for name, value in self.model_dump().items() if value != ""}
        return Entry(SHEET, self.item, values, {}, told_by=self.answered_by)


def read_answer_form(entries: Mapping[str, Any], *, requested_by: str, today: date) -> AnswerForm:
    """Return what a form says; who fills it in answers today, where it names nobody and no day.

    Raises ConfigurationError naming each entry that is missing or wrong.
    """
    values = {"answered_by": requested_by, "answered_on": today, **drop_blanks(entries)}
    try:
        return AnswerForm.model_validate(values)
    except ValidationError as error:
        raise ConfigurationError(tell_problems(error, "an answer")) from error


@dataclass(frozen=True)
class ChecklistStanding:
    """What an answer to the checklist is held against."""

    checklist: Checklist
    engagement: Engagement
    policy: Policy
    today: date
    """The engagement's local day."""
    completed_on: date | None
    """The local day from which the cycle counts as complete; None: not yet."""

    @property
    def items(self) -> list[ChecklistItem]:
        """The items that are asked of the engagement."""
        return self.checklist.list_applicable(self.engagement, self.policy)

    def list_faults(self, told: Sequence[Entry]) -> list[EntryFault]:
        """Return why answers do not stand."""
        _, faults = read_checklist(told, self.checklist, self.engagement, self.policy, self.today, self.completed_on)
        return faults


def list_answer_faults(form: AnswerForm, standing: ChecklistStanding, *, requested_by: str) -> Iterator[str]:
    """Yield why an answer is refused, each with what to do."""
    asked = [item.id for item in standing.items]
    if form.item not in asked:
        version, known = standing.checklist.version, ", ".join(asked) or "nothing"
        yield f"{form.item} is not asked of this engagement; {version} asks {known}"
        return
    if not is_same_name(form.answered_by, requested_by) and not form.evidence:
        who = form.answered_by
        yield f"{requested_by} records on behalf of {who} without evidence; name the mail, ticket or minutes"
    faults = standing.list_faults([form.to_entry()])
    yield from (f"{fault.column}: {fault.reason}; {fault.remedy}" for fault in faults)


def tell_answer(form: AnswerForm, told: Sequence[Entry], standing: ChecklistStanding) -> str:
    """Return what an answer comes to with the others that stand, of workbook and forms."""
    entries = [*(entry for entry in told if entry.key != form.item), form.to_entry()]
    faulty = {fault.entry.key for fault in standing.list_faults(entries)}
    stands = {entry.key for entry in entries if entry.is_complete} - faulty
    criterion = next(item.criterion for item in standing.items if item.id == form.item)
    items = [item.id for item in standing.items if item.criterion == criterion]
    missing = [item for item in items if item not in stands]
    left = f"still to answer: {', '.join(missing)}" if missing else "all of them are answered"
    said = f"{form.item} {form.answer}, {form.answered_by} ({form.role}), {form.answered_on}"
    return f"{said}; {criterion}: {len(items) - len(missing)} of {len(items)} items, {left}"
