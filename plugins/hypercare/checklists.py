"""The exit checklist and the customer's readiness (rule R14): versioned items, and what people answered to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator

from hypercare.model import Engagement, ReadinessAnswer
from hypercare.policy import CriterionPolicy, Policy
from hypercare.systems.mapping_file import read_mapping
from hypercare.workbook_entries import Entry, EntryFault

SHEET = "exit_checklist"
YES, NOT_APPLICABLE = "Yes", "Not applicable"


class ChecklistItem(BaseModel):
    """One thing to be confirmed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(min_length=1)
    criterion: str
    """The criterion of the exit policy that it answers, together with the others of that name."""
    title: str = Field(min_length=1)
    evidence: str = ""
    """The criterion of the gate whose finding is laid beside it."""
    may_not_apply: bool = False
    source: str = "policy"


class Checklist(BaseModel):
    """A version of the checklist."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str
    items: tuple[ChecklistItem, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _check_ids(self) -> Checklist:
        ids = [item.id for item in self.items]
        if len(set(ids)) < len(ids):
            msg = f"two items bear the same id: {', '.join(ids)}"
            raise ValueError(msg)
        return self

    def list_applicable(self, engagement: Engagement, policy: Policy) -> list[ChecklistItem]:
        """Return the items whose criterion is asked of this engagement."""
        return [item for item in self.items if _asks(policy.criteria.get(item.criterion), engagement)]


def load_checklist(path: Path) -> Checklist:
    """Read a version of the checklist; raise ConfigurationError that lists everything wrong in it."""
    return read_mapping(path, Checklist)


def _asks(criterion: CriterionPolicy | None, engagement: Engagement) -> bool:
    if criterion is None or not criterion.enabled:
        return False
    return engagement.has_coupa_pay or not criterion.only_with_coupa_pay


def read_checklist(
    entries: Sequence[Entry],
    checklist: Checklist,
    engagement: Engagement,
    policy: Policy,
    today: date,
    completed_on: date | None,
) -> tuple[list[ReadinessAnswer], list[EntryFault]]:
    """Return the answer to each criterion all of whose items were answered, and which cells do not count and why.

    `completed_on` is the local day from which the cycle counts as complete; None: not yet. An answer bears the date of
    its earliest item, so that one early item keeps the whole from counting; whether it counts is the gate's to say.
    """
    told = {entry.text("item"): entry for entry in entries if entry.sheet == SHEET}
    applicable = checklist.list_applicable(engagement, policy)
    faults = [
        EntryFault(entry, *fault)
        for entry in told.values()
        if entry.is_complete
        for fault in _list_faults(entry, checklist, engagement, policy, today, completed_on)
    ]
    usable = {
        item: entry
        for item, entry in told.items()
        if entry.is_complete and (day := entry.day("answered_on")) and day <= today
    }
    answers = []
    for criterion in dict.fromkeys(item.criterion for item in applicable):
        roles = policy.criteria[criterion].parameters["roles"][engagement.delivery]
        items = [item for item in applicable if item.criterion == criterion]
        answer = _answer(criterion, items, usable, checklist, roles)
        answers += [answer] if answer else []
    return answers, faults


def _list_faults(
    entry: Entry,
    checklist: Checklist,
    engagement: Engagement,
    policy: Policy,
    today: date,
    completed_on: date | None,
) -> Iterator[tuple[str, str, str]]:
    item = next((known for known in checklist.items if known.id == entry.text("item")), None)
    if item is None:
        known = ", ".join(each.id for each in checklist.items)
        yield "item", f"{checklist.version} has no such item", f"write one of {known}"
        return
    criterion = policy.criteria.get(item.criterion)
    if criterion is None or not _asks(criterion, engagement):
        return
    roles = criterion.parameters["roles"][engagement.delivery]
    if entry.text("role") not in roles:
        words = f"{entry.text('role')!r} cannot answer this, {engagement.delivery}-led as the engagement is"
        yield "role", words, f"let {' or '.join(roles)} answer"
    if criterion.parameters["needs_customer_contact"] and not entry.text("customer_contact"):
        yield "customer_contact", "the customer's name is missing", "name who of the customer confirmed it"
    if entry.text("answer") == NOT_APPLICABLE and not item.may_not_apply:
        yield "answer", f"{item.id} always applies", "answer Yes or No"
    answered_on = entry.day("answered_on")
    if answered_on and answered_on > today:
        yield "answered_on", f"{answered_on} lies in the future", "write the day on which it was answered"
    elif criterion.parameters["only_after_cycle"] and completed_on is None:
        words = "it was answered before the reconciliation cycle is complete"
        yield "answered_on", words, "answer again once our answers file names the day from which answers count"
    elif criterion.parameters["only_after_cycle"] and answered_on and completed_on and answered_on < completed_on:
        words = f"it was answered before the reconciliation cycle was complete, which it was on {completed_on}"
        yield "answered_on", words, f"answer again on {completed_on} or later"


def _answer(
    criterion: str,
    items: Sequence[ChecklistItem],
    told: Mapping[str, Entry],
    checklist: Checklist,
    roles: Sequence[str],
) -> ReadinessAnswer | None:
    """Return the one answer that a criterion's items come to; None while one of them is not answered."""
    entries = [told[item.id] for item in items if item.id in told]
    if len(entries) < len(items):
        return None
    fine = all(
        entry.text("answer") == YES or (entry.text("answer") == NOT_APPLICABLE and item.may_not_apply)
        for item, entry in zip(items, entries, strict=True)
    )
    spoken = [entry.text("role") for entry in entries]
    return ReadinessAnswer(
        criterion=criterion,
        confirmed=fine,
        answered_on=min(day for entry in entries if (day := entry.day("answered_on"))),
        answered_by=", ".join(dict.fromkeys(entry.text("answered_by") for entry in entries)),
        role=next((role for role in spoken if role not in roles), spoken[0]),
        customer_contact=next((name for entry in entries if (name := entry.text("customer_contact"))), ""),
        evidence=(checklist.version, *(_say(item, entry) for item, entry in zip(items, entries, strict=True))),
    )


def _say(item: ChecklistItem, entry: Entry) -> str:
    told = f": {entry.text('evidence')}" if entry.text("evidence") else ""
    return f"{item.id} {entry.text('answer')}, {entry.text('answered_by')}, {entry.text('answered_on')}{told}"
