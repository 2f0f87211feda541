"""What our own file beside a people's workbook says: what was not taken and why, and what they can copy from. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from hypercare.checklists import ChecklistItem
from hypercare.ledger.workbook_entries import WorkbookVersion
from hypercare.model import ExceptionState, ReconciliationException
from hypercare.signing_off import WeekTotal
from hypercare.systems.workbook_form import WorkbookForm, WorkbookSheet
from hypercare.systems.workbook_making import Table, TableColumn
from hypercare.workbook_entries import Refusal


@dataclass(frozen=True)
class Proposals:
    """What people may copy into their workbook."""

    exceptions: Sequence[tuple[ReconciliationException, date | None, str]]
    """Each open exception, until when it can clear (None: it cannot any more), and who explained it already."""
    checklist: Sequence[tuple[ChecklistItem, str]]
    """Each applicable item, and the evidence that the gate has for it."""
    totals: Sequence[WeekTotal]
    completed_on: date | None
    """From when on answers to the checklist and sign-offs count; None: the cycle is not complete."""
    forecast: str = ""
    """What is said of the cycle while it is not complete."""


def build_answers(
    form: WorkbookForm, version: WorkbookVersion, newer: str, refusals: Sequence[Refusal], proposals: Proposals
) -> list[Table]:
    """Return the sheets of our file; `newer` is the digest of a file saved after the one that is answered, or empty."""
    return [
        _tell_version(version, newer, refusals),
        _tell_refusals(refusals),
        _propose_explanations(form.sheets["exceptions"], proposals),
        _propose_checklist(form.sheets["exit_checklist"], proposals),
        _propose_sign_off(form.sheets["finance_sign_off"], proposals),
        _propose_items(proposals),
    ]


def _tell_version(version: WorkbookVersion, newer: str, refusals: Sequence[Refusal]) -> Table:
    saved = f"{version.saved_at:%Y-%m-%d %H:%M} UTC" if version.saved_at else "not told by the file"
    rows: list[tuple[str, Any]] = [
        ("File", version.file),
        ("Version (sha256)", version.digest),
        ("Saved by", version.saved_by or "not told by the file"),
        ("Saved at", saved),
        ("Read first", f"{version.first_as_of:%Y-%m-%d %H:%M} UTC"),
        ("Not taken", f"{len(refusals)} cells, rows or sheets: see the sheet Not taken"),
    ]
    if newer:
        rows.insert(
            0, ("Newer file", f"{version.file} was saved after we read it (sha256 {newer}): the next run reads it")
        )
    if version.refused:
        rows.insert(0, ("Refused", version.refused))
    rows += [(f"Rows of {sheet.title}", str(version.accepted.get(sheet.name, 0))) for sheet in version.sheets]
    rows += [
        (f"Ignored on {sheet.title}", f"unknown columns {', '.join(sheet.ignored)}")
        for sheet in version.sheets
        if sheet.ignored
    ]
    fill = "What we read off your workbook. We never change it: copy from the other sheets into your own."
    return Table("Read", fill, (TableColumn("What", width=28), TableColumn("Told", width=90)), tuple(rows))


def _tell_refusals(refusals: Sequence[Refusal]) -> Table:
    columns = (
        TableColumn("Sheet", width=20),
        TableColumn("Cell"),
        TableColumn("Value", width=32),
        TableColumn("Reason", width=70),
        TableColumn("What to do", width=60),
    )
    rows = tuple((each.sheet, each.cell, each.value, each.reason, each.remedy) for each in refusals)
    return Table("Not taken", "Correct these in your workbook; the next run reads it again.", columns, rows)


def _columns(sheet: WorkbookSheet, *more: TableColumn) -> tuple[TableColumn, ...]:
    """Return the columns of the people's sheet in its order, so that whole rows can be copied, and ours behind."""
    own = (TableColumn(column.headers[0], column.kind, column.width) for column in sheet.columns.values())
    return (*own, *more)


def _propose_explanations(sheet: WorkbookSheet, proposals: Proposals) -> Table:
    rows = []
    for row, until, explained_by in proposals.exceptions:
        given = {
            "check": row.check,
            "row": row.key,
            "week": str(row.week),
            "amount": row.amount,
            "currency": row.currency,
            "legal_entity": row.legal_entity,
            "what": row.words,
        }
        state = f"explained by {explained_by}, waits for a second person" if explained_by else "open"
        rows.append((*(given.get(column) for column in sheet.columns), until or "cannot clear any more", state))
    fill = "Open differences of the weeks. Copy a row into your sheet of this name and explain it there."
    columns = _columns(sheet, TableColumn("Can clear until"), TableColumn("State", width=40))
    return Table(sheet.title, fill, columns, tuple(rows))


def _propose_checklist(sheet: WorkbookSheet, proposals: Proposals) -> Table:
    given = [{"item": item.id, "statement": item.title, "evidence": evidence} for item, evidence in proposals.checklist]
    rows = tuple(tuple(row.get(column) for column in sheet.columns) for row in given)
    if proposals.completed_on:
        fill = f"The cycle is complete: answers dated {proposals.completed_on} or later count, earlier ones do not."
    else:
        fill = f"The cycle is not complete, answers do not count yet: {proposals.forecast or 'no week was judged yet'}."
    return Table(sheet.title, fill, _columns(sheet), rows)


def _propose_sign_off(sheet: WorkbookSheet, proposals: Proposals) -> Table:
    rows = tuple(
        (str(total.week), total.legal_entity, total.currency, total.approved, total.paid, total.closing)
        for total in proposals.totals
    )
    when = f"on {proposals.completed_on} or later" if proposals.completed_on else "once the cycle is complete"
    fill = (
        f"Our figures by week, legal entity and currency; the finance contact copies, compares and signs them {when}."
    )
    return Table(sheet.title, fill, _columns(sheet), rows)


def _propose_items(proposals: Proposals) -> Table:
    columns = (
        TableColumn("ID", width=40),
        TableColumn("Problem", width=80),
        TableColumn("State"),
        TableColumn("Category", width=18),
    )
    rows = tuple(
        (f"{row.check}:{row.key}", row.words, "raised", "Reconciliation")
        for row, _, _ in proposals.exceptions
        if row.state is ExceptionState.OPEN
    )
    return Table("Action items", "Proposed action items, one for each open difference.", columns, rows)
