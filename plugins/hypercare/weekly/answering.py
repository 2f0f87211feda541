"""Our own file beside each people's workbook, written after judging and only when it says something else."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from hypercare.answer_tables import Proposals, build_answers
from hypercare.canonical import digest
from hypercare.errors import ContractError, HypercareError
from hypercare.ledger.answers import read_answer_file, record_answer_file
from hypercare.ledger.decisions import latest_decision
from hypercare.ledger.evidence import latest_revisions
from hypercare.ledger.explanations import read_explanations
from hypercare.ledger.faults import Fault, record_faults
from hypercare.ledger.roster import read_engagements
from hypercare.ledger.workbook_entries import WorkbookVersion, latest_version
from hypercare.model import Engagement, ExceptionState, ReconciliationException
from hypercare.runtime import Runtime
from hypercare.systems.hypercare_workbook import digest_file
from hypercare.systems.tracker_mapping import load_tracker_mapping
from hypercare.systems.workbook_files import fetch_workbook, has_file, name_answers, write_own_file
from hypercare.systems.workbook_form import WorkbookForm
from hypercare.systems.workbook_making import form_tables, write_tables
from hypercare.systems.workbook_package import WorkbookLimits
from hypercare.week_verdict import may_clear
from hypercare.weekly.steps import find_fault
from hypercare.weekly.told import list_totals, load_exit_checklist, load_form, read_completion
from hypercare.weekly.workbooks import refuse_entries, tracker_folder

CAUSE = "answers"


def answer_workbooks(runtime: Runtime, as_of: datetime) -> list[Fault]:
    """Answer the workbook of every engagement in hypercare that was read; return what went wrong, and for whom.

    These faults make no run red: nothing of the gate rests on what we write.
    """
    form = load_form(runtime)
    everyone = read_engagements(runtime.engine)
    faults = []
    for engagement in everyone:

        def act(member: Engagement = engagement) -> None:
            _answer(runtime, form, member, as_of)

        fault = find_fault(engagement, CAUSE, act)
        faults += [Fault(fault.subject, "", CAUSE, fault.words, fault.engagements, required=False)] if fault else []
    record_faults(runtime.engine, as_of, faults, checked=[e.id for e in everyone], causes=[CAUSE])
    return faults


def create_workbook(runtime: Runtime, engagement: Engagement) -> str:
    """Make an engagement's workbook from the template where there is none; return its name.

    Raises ConfigurationError where the ICM record names no fit file, ContractError where it is already there.
    """
    folder, name = tracker_folder(runtime), engagement.workbook_file
    name_answers(name)
    if has_file(folder, name):
        msg = f"{engagement.name}: {name} is already there, and never written over; name another file in the ICM record"
        raise ContractError(msg)
    policy = runtime.policy.for_engagement(engagement)
    items = load_exit_checklist(runtime).list_applicable(engagement, policy)
    tracker = load_tracker_mapping(runtime.settings.include_folder / "mappings" / "tracker.yaml")
    given = {"exit_checklist": [(item.id, item.title) for item in items]}
    write_own_file(folder, name, write_tables(form_tables(load_form(runtime), tracker, given), to_be_filled=True))
    return name


def _answer(runtime: Runtime, form: WorkbookForm, engagement: Engagement, as_of: datetime) -> None:
    version = latest_version(runtime.engine, engagement.id)
    if version is None or version.file != engagement.workbook_file:
        return
    folder, name = tracker_folder(runtime), name_answers(version.file)
    refusals = [*version.refusals, *refuse_entries(runtime, engagement, as_of)]
    tables = build_answers(form, version, _find_newer(runtime, version), refusals, _propose(runtime, engagement))
    contents = digest(tables)
    if read_answer_file(runtime.engine, engagement.id) == (name, contents) and has_file(folder, name):
        return
    write_own_file(folder, name, write_tables(tables, to_be_filled=False))
    with runtime.engine.begin() as connection:
        record_answer_file(connection, engagement.id, name, version.version, contents, as_of)


def _find_newer(runtime: Runtime, version: WorkbookVersion) -> str:
    """Return the digest of a file that was saved since we read it; empty where there is none."""
    try:
        content = fetch_workbook(tracker_folder(runtime), version.file, WorkbookLimits(), "workbook")
    except HypercareError:
        return ""
    found = digest_file(content)
    return "" if found == version.digest else found


def _propose(runtime: Runtime, engagement: Engagement) -> Proposals:
    decision = latest_decision(runtime.engine, engagement.id)
    criteria = {each["criterion"]: each for each in decision["criteria"]} if decision else {}
    policy = runtime.policy.for_engagement(engagement)
    return Proposals(
        exceptions=_list_open(runtime, engagement),
        checklist=[
            (item, _say_evidence(criteria.get(item.evidence)))
            for item in load_exit_checklist(runtime).list_applicable(engagement, policy)
        ],
        totals=list_totals(runtime, engagement),
        completed_on=read_completion(runtime, engagement),
        forecast=decision["cycle"]["reason"] if decision else "",
    )


def _list_open(runtime: Runtime, engagement: Engagement) -> list[tuple[ReconciliationException, date | None, str]]:
    explanations = read_explanations(runtime.engine, engagement.id)
    found = []
    for revision in latest_revisions(runtime.engine, engagement.id).values():
        judgement = revision.judgement
        until = judgement.open_until if judgement.open_until and may_clear(judgement, judgement.open_until) else None
        for row in revision.evidence.exceptions:
            if row.state is ExceptionState.OPEN:
                told = explanations.get((row.check, row.key))
                found.append((row, until, told.explained_by if told else ""))
    return found


def _say_evidence(criterion: Mapping[str, Any] | None) -> str:
    if criterion is None:
        return ""
    return f"{criterion['verdict']}: {criterion['value']}; {criterion['reason']}"
