"""The form that answers an item of the exit checklist: its entries, and each refusal with what to do (rule R14)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from gate_evidence import make_engagement, policy_for

from hypercare.answer_form import AnswerForm, ChecklistStanding, list_answer_faults, read_answer_form, tell_answer
from hypercare.checklists import load_checklist
from hypercare.errors import ConfigurationError
from hypercare.model import Delivery
from hypercare.workbook_entries import Entry, choose_latest

PATH = Path(__file__).resolve().parents[2] / "include" / "checklists" / "coupa_pay_exit.v1.yaml"
TODAY = date(2026, 4, 8)
VENDOR = make_engagement(delivery=Delivery.VENDOR)
STANDING = ChecklistStanding(load_checklist(PATH), VENDOR, policy_for(VENDOR), TODAY, completed_on=date(2026, 4, 6))
RUNNING = replace(STANDING, completed_on=None)
PARTNER = replace(STANDING, engagement=make_engagement(delivery=Delivery.PARTNER))
WITHOUT_PAY = replace(STANDING, engagement=make_engagement(products=frozenset()))
ENTRIES = {"item": "CP-1", "answer": "Yes", "role": "EM", "answered_by": "", "evidence": None}


def fill(**changes: Any) -> AnswerForm:
    return read_answer_form(ENTRIES | changes, requested_by="Mo", today=TODAY)


def list_faults(standing: ChecklistStanding = STANDING, **changes: Any) -> list[str]:
    return list(list_answer_faults(fill(**changes), standing, requested_by="Mo"))


def test_who_fills_it_in_answers_today_where_nothing_else_is_said():
    form = fill()
    assert (form.answered_by, form.answered_on, form.evidence) == ("Mo", TODAY, "")
    assert fill(answered_by="Casey", answered_on="2026-04-07").answered_on == date(2026, 4, 7)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"item": ""}, "Param item: an answer needs it"),
        ({"answer": "Perhaps"}, "Param answer: Input should be 'Yes', 'No' or 'Not applicable'"),
        ({"role": None}, "Param role: an answer needs it"),
        ({"who": "Mo"}, "Param who"),
    ],
)
def test_an_entry_that_is_missing_or_wrong_is_named(changes: dict[str, Any], words: str):
    with pytest.raises(ConfigurationError, match=words):
        fill(**changes)


@pytest.mark.parametrize(
    ("standing", "changes"),
    [
        (STANDING, {}),
        (STANDING, {"answer": "No"}),
        (STANDING, {"item": "CP-6", "answer": "Not applicable"}),
        (STANDING, {"answered_on": "2026-04-06"}),
        (PARTNER, {"role": "partner PM", "answered_by": "Casey", "evidence": "mail of 7 April"}),
        (RUNNING, {"item": "CR-1", "customer_contact": "Pat Client"}),
        (WITHOUT_PAY, {"item": "CR-1", "customer_contact": "Pat Client"}),
    ],
)
def test_what_stands_has_no_faults(standing: ChecklistStanding, changes: dict[str, Any]):
    assert list_faults(standing, **changes) == []


EVERYTHING = "CP-1, CP-2, CP-3, CP-4, CP-5, CP-6, CP-7, CR-1"
THAT_DAY = "write the day on which it was answered"
LATER = "answer again once our answers file names the day from which answers count"
EARLY = "answered_on: it was answered before the reconciliation cycle"


@pytest.mark.parametrize(
    ("standing", "changes", "words"),
    [
        (STANDING, {"item": "CP-9"}, f"CP-9 is not asked of this engagement; coupa_pay_exit.v1 asks {EVERYTHING}"),
        (WITHOUT_PAY, {}, "CP-1 is not asked of this engagement; coupa_pay_exit.v1 asks CR-1"),
        (STANDING, {"role": "CVM"}, "role: 'CVM' cannot answer this, vendor-led as the engagement is; let EM answer"),
        (PARTNER, {}, "role: 'EM' cannot answer this, partner-led as the engagement is; let partner PM answer"),
        (
            STANDING,
            {"answered_by": "Casey"},
            ("Mo records on behalf of Casey without evidence; name the mail, ticket or minutes"),
        ),
        (RUNNING, {}, f"{EARLY} is complete; {LATER}"),
        (
            STANDING,
            {"answered_on": "2026-04-05"},
            (f"{EARLY} was complete, which it was on 2026-04-06; answer again on 2026-04-06 or later"),
        ),
        (STANDING, {"answered_on": "2026-04-09"}, f"answered_on: 2026-04-09 lies in the future; {THAT_DAY}"),
        (STANDING, {"answer": "Not applicable"}, "answer: CP-1 always applies; answer Yes or No"),
        (
            STANDING,
            {"item": "CR-1"},
            ("customer_contact: the customer's name is missing; name who of the customer confirmed it"),
        ),
    ],
)
def test_what_does_not_stand_says_why_and_what_to_do(standing: ChecklistStanding, changes: dict[str, Any], words: str):
    assert list_faults(standing, **changes) == [words]


def row(item: str, **changes: Any) -> Entry:
    values = {"item": item, "answer": "Yes", "answered_by": "Mo", "role": "EM", "answered_on": "2026-04-07"} | changes
    return Entry("exit_checklist", item, values, {"item": "A4"})


def test_an_answer_is_told_with_the_others_that_stand():
    told = [row(f"CP-{number}") for number in range(2, 7)]
    said = tell_answer(fill(), told, STANDING)
    assert said == "CP-1 Yes, Mo (EM), 2026-04-08; exit_checklist: 6 of 7 items, still to answer: CP-7"
    early = row("CP-7", answered_on="2026-04-01")
    assert tell_answer(fill(), [*told, early], STANDING).endswith("6 of 7 items, still to answer: CP-7")
    assert tell_answer(fill(), [*told, row("CP-7")], STANDING).endswith("7 of 7 items, all of them are answered")


# What is told twice

NOON = datetime(2026, 4, 8, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("form_at", "row_at", "is_complete", "chosen"),
    [
        (NOON, NOON - timedelta(days=1), True, "form"),
        (NOON, NOON + timedelta(days=1), True, "workbook"),
        (NOON, NOON + timedelta(days=1), False, "form"),
        (NOON, NOON, True, "form"),
    ],
)
def test_what_was_told_last_counts_unless_it_cannot_be_read(
    form_at: datetime, row_at: datetime, is_complete: bool, chosen: str
):
    written = replace(row("CP-1", answer="No"), told_as_of=row_at, is_complete=is_complete)
    other = replace(row("CP-2"), told_as_of=row_at)
    filled = replace(fill().to_entry(), told_as_of=form_at)
    found = choose_latest([written, other, filled])
    assert len(found) == 2
    assert other in found
    assert (filled if chosen == "form" else written) in found
