"""What people's rows come to, as of a run: explanations, answers to criteria, and what of them does not stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from hypercare import checklists, explaining, signing_off
from hypercare.checklists import Checklist, load_checklist, read_checklist
from hypercare.explaining import Explanation, RowId, read_explanation
from hypercare.gate_calendar import find_local_day
from hypercare.ledger.answers import FORM, WORKBOOK, record_answers
from hypercare.ledger.decisions import latest_decision
from hypercare.ledger.evidence import latest_revisions
from hypercare.ledger.form_entries import read_form_entries
from hypercare.ledger.week_details import read_roll_forwards
from hypercare.ledger.workbook_entries import read_entries
from hypercare.model import Engagement, ReadinessAnswer, ReconciliationException, Verdict
from hypercare.runtime import Runtime
from hypercare.signing_off import FIGURES, WeekTotal, read_sign_offs
from hypercare.systems.workbook_form import WorkbookForm, load_workbook_form
from hypercare.week_verdict import CYCLE_CRITERION
from hypercare.weeks import Week
from hypercare.workbook_entries import Entry, EntryFault, choose_latest, list_people


@dataclass(frozen=True)
class Told:
    """What an engagement's rows come to."""

    explanations: dict[RowId, Explanation]
    unreadable: frozenset[RowId]
    """Rows whose explanation cannot be read now: what was told before stands."""
    answers: dict[str, list[ReadinessAnswer]]
    """By criterion; empty where people may answer and did not."""
    faults: list[EntryFault]


def load_form(runtime: Runtime) -> WorkbookForm:
    """Return the form of the workbooks."""
    codes = runtime.policy.document["reconciliation"]["explanation_reasons"]
    return load_workbook_form(runtime.settings.include_folder / "templates" / "workbook.yaml", tuple(codes))


def load_exit_checklist(runtime: Runtime) -> Checklist:
    """Return the exit checklist."""
    return load_checklist(runtime.settings.include_folder / "checklists" / "coupa_pay_exit.v1.yaml")


def record_told_answers(runtime: Runtime, engagement: Engagement, as_of: datetime) -> None:
    """Keep what workbook and forms answer to criteria now, on the evidence as it stands now.

    A criterion of which a form answers an item is answered by form, with the workbook's other items.
    """
    rows = [entry for entry in read_entries(runtime.engine, engagement.id) if entry.sheet != checklists.SHEET]
    items = read_told_items(runtime, engagement)
    told = weigh_entries(runtime, engagement, [*rows, *items], as_of)
    by_form = {entry.key for entry in items if entry.is_of_form}
    answered = {item.criterion for item in load_exit_checklist(runtime).items if item.id in by_form}
    with runtime.engine.begin() as connection:
        for criterion, answers in told.answers.items():
            here, there = (FORM, WORKBOOK) if criterion in answered else (WORKBOOK, FORM)
            record_answers(connection, engagement.id, criterion, as_of, answers, here)
            record_answers(connection, engagement.id, criterion, as_of, [], there)


def read_told_items(runtime: Runtime, engagement: Engagement) -> list[Entry]:
    """Return what is answered to the items of the exit checklist, in the workbook or by a form, as it was told last."""
    rows = [entry for entry in read_entries(runtime.engine, engagement.id) if entry.sheet == checklists.SHEET]
    return choose_latest([*rows, *read_form_entries(runtime.engine, engagement.id, checklists.SHEET)])


def read_supplier_targets(runtime: Runtime, engagement: Engagement) -> list[str]:
    """Return the suppliers that are to be enabled, as the workbook lists them: by number, or by name without one."""
    rows = [entry for entry in read_entries(runtime.engine, engagement.id) if entry.sheet == "supplier_targets"]
    return sorted({str(row.values.get("number") or row.values["supplier"]) for row in rows if row.is_complete})


def weigh_entries(runtime: Runtime, engagement: Engagement, entries: Sequence[Entry], as_of: datetime) -> Told:
    """Return what rows of the workbook come to on the evidence that the ledger holds."""
    policy = runtime.policy.for_engagement(engagement)
    today = find_local_day(as_of, engagement.time_zone)
    people = list_people(list(entries), engagement.roles)
    checklist = load_exit_checklist(runtime)
    answers: dict[str, list[ReadinessAnswer]] = {item.criterion: [] for item in checklist.items}
    answers[signing_off.CRITERION] = []
    faults: list[EntryFault] = []
    explanations: dict[RowId, Explanation] = {}
    standing = read_standing(runtime, engagement) if _speaks(entries, explaining.SHEET) else {}
    rows = [entry for entry in entries if entry.sheet == explaining.SHEET]
    for entry in (row for row in rows if row.is_complete):
        explanation, found = read_explanation(entry, standing, people, today)
        faults += found
        if explanation:
            explanations[explanation.row] = explanation
    if _speaks(entries, checklists.SHEET):
        completed_on = read_completion(runtime, engagement)
        confirmed, found = read_checklist(entries, checklist, engagement, policy, today, completed_on)
        faults += found
        for answer in confirmed:
            answers[answer.criterion].append(answer)
    level = policy.criteria.get(signing_off.CRITERION)
    if level and _speaks(entries, signing_off.SHEET):
        roles, tolerance = level.parameters["sign_off_roles"], policy.reconciliation.tolerance
        totals = list_totals(runtime, engagement)
        answers[signing_off.CRITERION], found = read_sign_offs(entries, totals, people, roles, today, tolerance)
        faults += found
    unreadable = frozenset((row.text("check"), row.text("row")) for row in rows if not row.is_complete)
    return Told(explanations, unreadable, answers, faults)


def read_standing(runtime: Runtime, engagement: Engagement) -> dict[RowId, ReconciliationException]:
    """Return each exception as the latest week that lists it has it."""
    revisions = latest_revisions(runtime.engine, engagement.id)
    return {(row.check, row.key): row for week in sorted(revisions) for row in revisions[week].evidence.exceptions}


def read_completion(runtime: Runtime, engagement: Engagement) -> date | None:
    """Return the local day from which the cycle counts as complete, by the latest decision; None: not yet."""
    decision = latest_decision(runtime.engine, engagement.id)
    if decision is None:
        return None
    waived = any(
        each["criterion"] == CYCLE_CRITERION and each["verdict"] == Verdict.WAIVED for each in decision["criteria"]
    )
    told = decision["cycle"].get("completed_on")
    return date.fromisoformat(told) if told else engagement.go_live if waived else None


def list_totals(runtime: Runtime, engagement: Engagement) -> list[WeekTotal]:
    """Return the figures that the finance contact signs, by week, legal entity and currency."""
    return [
        WeekTotal(week, row["legal_entity"] or "", row["currency"], *(Decimal(row[name]) for name in FIGURES))
        for week, rows in read_roll_forwards(runtime.engine, engagement.id).items()
        for row in rows
    ]


def first_weeks(runtime: Runtime, engagement: Engagement, before: Week) -> dict[RowId, Week]:
    """Return, for the exceptions that earlier weeks list and that were not cleared there, the week that found each."""
    return {
        (row.check, row.key): row.week
        for week, revision in latest_revisions(runtime.engine, engagement.id).items()
        if week < before
        for row in revision.evidence.exceptions
        if row.state != "CLEARED"
    }


def _speaks(entries: Sequence[Entry], sheet: str) -> bool:
    return any(entry.sheet == sheet for entry in entries)
