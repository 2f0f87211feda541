"""The form that explains an exception: its entries, each refusal with what to do, and what it says (rule R9)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from hypercare.errors import ConfigurationError
from hypercare.explaining import explain_row
from hypercare.explanation_form import (
    ExplanationForm,
    explain,
    list_explanation_faults,
    read_explanation_form,
    tell_explanation,
)
from hypercare.model import ExceptionState, ReconciliationException
from hypercare.weeks import Week

TODAY = date(2026, 3, 25)
ROW = ReconciliationException(
    check="errors_resolved",
    key="payment:776",
    week=Week(2026, 12),
    words="payment 776 failed on 2026-03-18, no later success",
    amount=Decimal("1234.50"),
    currency="EUR",
    legal_entity="Acme SE",
)
CLEARED = replace(ROW, state=ExceptionState.CLEARED, resolved_on=date(2026, 3, 24))
PEOPLE = {"terry client": frozenset({"finance contact"}), "ana": frozenset({"EM"})}
CODES = {"timing": "Paid or posted on another day", "outside_coupa": "Paid outside of Coupa"}
ENTRIES = {
    "check": ROW.check,
    "row": ROW.key,
    "reason_code": "outside_coupa",
    "explanation": " paid by cheque ",
    "ticket": None,
    "explained_by": "",
}
ON_BEHALF = {"accepted_by": "Terry Client", "evidence": "mail of 24 March"}


def fill(by: str = "Ana", **changes: Any) -> ExplanationForm:
    return read_explanation_form(ENTRIES | changes, requested_by=by, today=TODAY)


def list_faults(row: ReconciliationException | None = ROW, by: str = "Ana", **changes: Any) -> list[str]:
    asked = {"requested_by": by, "today": TODAY}
    return list(list_explanation_faults(fill(by, **changes), row, PEOPLE, CODES, **asked))  # type: ignore[arg-type]


def test_who_fills_it_in_explains_it_today_where_nothing_else_is_said():
    form = fill()
    assert (form.explained_by, form.explained_on, form.explanation) == ("Ana", TODAY, "paid by cheque")
    assert (form.ticket, form.accepted_by, form.accepted_on) == ("", "", None)
    assert fill(accepted_by="Terry Client").accepted_on == TODAY
    assert fill(explained_by="Bo", explained_on="2026-03-20").explained_on == date(2026, 3, 20)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"row": None}, "Param row: an explanation needs it"),
        ({"explanation": "   "}, "Param explanation: an explanation needs it"),
        ({"explained_on": "soon"}, "Param explained_on"),
        ({"reason": "x"}, "Param reason"),
    ],
)
def test_an_entry_that_is_missing_or_wrong_is_named(changes: dict[str, Any], words: str):
    with pytest.raises(ConfigurationError, match=words):
        fill(**changes)


def test_what_stands_has_no_faults():
    assert list_faults() == []
    assert list_faults(**ON_BEHALF) == []
    assert list_faults(replace(ROW, amount=None)) == []
    assert list_faults(replace(ROW, state=ExceptionState.EXPLAINED)) == []


@pytest.mark.parametrize(
    ("row", "changes", "words"),
    [
        (
            None,
            {},
            [
                (
                    "no week lists an exception payment:776 of errors_resolved; `hypercare exceptions` and the answers "
                    "file do"
                )
            ],
        ),
        (CLEARED, {}, ["payment:776 is cleared since 2026-03-24 by later evidence; there is nothing to explain"]),
        (ROW, {"reason_code": "because"}, ["there is no reason code because; choose one of timing, outside_coupa"]),
        (
            ROW,
            {"explained_by": "Bo"},
            ["Ana records on behalf of Bo without evidence; name the mail, ticket or minutes"],
        ),
        (
            ROW,
            {"accepted_by": "Terry Client"},
            ["Ana records on behalf of Terry Client without evidence; name the mail, ticket or minutes"],
        ),
        (
            ROW,
            {"accepted_by": "ANA"},
            [
                (
                    "accepted_by: the explanation is accepted by who gave it; "
                    "let a second person or the finance contact accept it"
                )
            ],
        ),
        (
            ROW,
            {**ON_BEHALF, "accepted_by": "Nobody Known"},
            [
                (
                    "accepted_by: 'Nobody Known' is nobody of this engagement; "
                    "add the person to the sheet People and access, or to the ICM record"
                )
            ],
        ),
        (
            ROW,
            {"accepted_on": TODAY},
            [
                "a day of acceptance needs a name; write who accepted it, or leave both empty",
                "accepted_by: an acceptance needs a name and a date; fill in both, or neither",
            ],
        ),
        (
            ROW,
            {"explained_on": "2026-03-26"},
            ["explained_on: 2026-03-26 lies in the future; write the day on which it was done"],
        ),
        (
            ROW,
            {**ON_BEHALF, "accepted_on": "2026-03-24"},
            ["accepted_on: it was accepted before it was explained on 2026-03-25; correct one of the dates"],
        ),
    ],
)
def test_what_does_not_stand_says_why_and_what_to_do(
    row: ReconciliationException | None, changes: dict[str, Any], words: list[str]
):
    assert list_faults(row, **changes) == words


def test_an_accepted_form_explains_the_row_as_it_stands():
    told = explain(fill().accept("Vera", TODAY), ROW)
    assert (told.accepted_by, told.accepted_on, told.amount) == ("Vera", TODAY, ROW.amount)
    assert explain_row(ROW, told).state is ExceptionState.EXPLAINED
    changed = replace(ROW, amount=Decimal("1234.51"))
    assert explain_row(changed, told) == changed


def test_who_is_named_has_accepted_it_whoever_confirms_that():
    told = explain(fill(**ON_BEHALF).accept("Vera", date(2026, 3, 26)), ROW)
    assert (told.accepted_by, told.accepted_on) == ("Terry Client", TODAY)


def test_one_that_nobody_accepted_explains_nothing():
    assert explain_row(ROW, explain(fill(), ROW)) == ROW


def test_the_second_person_is_neither_who_asks_nor_who_explains():
    assert fill(explained_by="Bo").list_explainers("Ana") == ["Ana", "Bo"]
    assert fill().list_explainers("Ana") == ["Ana"]


def test_the_question_tells_what_is_accepted():
    lines = tell_explanation(fill(ticket="00001001"), ROW, CODES["outside_coupa"]).splitlines()
    assert lines == [
        "- errors_resolved, payment:776: payment 776 failed on 2026-03-18, no later success (1,234.50 EUR, Acme SE)",
        "- reason: outside_coupa (Paid outside of Coupa)",
        "- explanation: paid by cheque",
        "- explained by Ana on 2026-03-25",
        "- ticket: 00001001",
        "- who confirms this accepts it, as a second person",
    ]
    told = tell_explanation(fill(**ON_BEHALF), ROW, "")
    assert "- accepted by Terry Client on 2026-03-25, which you confirm" in told
    assert "- evidence: mail of 24 March" in told
