"""The workbooks that people fill, read on each run: accepted rows enter the ledger, the rest is answered."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from hypercare.errors import ContractError, HypercareError
from hypercare.ledger.explanations import WORKBOOK, record_explanation, withdraw_explanations
from hypercare.ledger.faults import Fault, record_faults
from hypercare.ledger.leases import Lease, take_lease
from hypercare.ledger.roster import read_engagements
from hypercare.ledger.workbook_entries import list_sheets_seen, read_entries, record_entries, record_version
from hypercare.model import Engagement
from hypercare.runtime import Runtime
from hypercare.systems.hypercare_workbook import WorkbookRead, digest_file, read_workbook
from hypercare.systems.workbook_files import fetch_workbook
from hypercare.systems.workbook_form import WorkbookForm
from hypercare.systems.workbook_package import Saved, WorkbookLimits
from hypercare.weekly.steps import find_fault
from hypercare.weekly.told import Told, load_form, weigh_entries
from hypercare.workbook_entries import EntryFault, Refusal

CAUSE = "workbook"
log = logging.getLogger(__name__)


def read_workbooks(runtime: Runtime, as_of: datetime, engagements: Sequence[str] | None = None) -> list[Fault]:
    """Read the workbook of every engagement in hypercare (or of these, by id); return what went wrong, and for whom."""
    form = load_form(runtime)
    everyone = read_engagements(runtime.engine, engagements)
    faults = []
    for engagement in everyone:

        def act(member: Engagement = engagement) -> None:
            _read(runtime, form, member, as_of)

        fault = find_fault(engagement, CAUSE, act)
        faults += [fault] if fault else []
    record_faults(runtime.engine, as_of, faults, checked=[e.id for e in everyone], causes=[CAUSE])
    return faults


def tracker_folder(runtime: Runtime) -> str:
    """Return the folder or URL below which trackers and workbooks lie."""
    return runtime.settings.tracker_url or str(runtime.settings.state_folder / "trackers")


def _read(runtime: Runtime, form: WorkbookForm, engagement: Engagement, as_of: datetime) -> None:
    name = engagement.workbook_file
    if not name:
        return
    lease = take_lease(runtime.engine, f"workbook:{engagement.id}")
    try:
        content = fetch_workbook(tracker_folder(runtime), name, WorkbookLimits(), "workbook")
        _read_content(runtime, form, engagement, as_of, content, lease)
    except HypercareError as error:
        # A tracker that cannot be read is told by its pull already.
        if engagement.workbook:
            raise
        log.warning("%s: %s", engagement.name, error)


def _read_content(
    runtime: Runtime, form: WorkbookForm, engagement: Engagement, as_of: datetime, content: bytes, lease: Lease
) -> None:
    name = engagement.workbook_file
    try:
        read = read_workbook(content, name, form)
    except ContractError as error:
        refusal = Refusal("", "", "", str(error), "the file is refused as a whole; what was read before stands")
        nothing = WorkbookRead(name, digest_file(content), Saved(), (), (refusal,))
        with runtime.engine.begin() as connection:
            lease.hold(connection)
            record_version(connection, engagement.id, as_of, nothing, str(error))
        raise
    read = replace(read, refusals=(*read.refusals, *_miss_sheets(runtime, engagement, read)))
    with runtime.engine.begin() as connection:
        lease.hold(connection)
        version = record_version(connection, engagement.id, as_of, read)
        record_entries(connection, engagement.id, version, as_of, read)
    told = weigh_entries(runtime, engagement, read_entries(runtime.engine, engagement.id), as_of)
    with runtime.engine.begin() as connection:
        lease.hold(connection)
        _record_explanations(connection, engagement.id, as_of, told)
    log.info("%s: workbook version %d, %d refusals", engagement.name, version, len(read.refusals))


def _miss_sheets(runtime: Runtime, engagement: Engagement, read: WorkbookRead) -> list[Refusal]:
    here = {sheet.name for sheet in read.sheets}
    return [
        Refusal(title, "", "", "the sheet was read before and is missing now; its rows stand", "put it back")
        for name, title in list_sheets_seen(runtime.engine, engagement.id).items()
        if name not in here
    ]


def refuse_entries(runtime: Runtime, engagement: Engagement, as_of: datetime) -> list[Refusal]:
    """Return the rows that do not stand on the evidence of now, by the cells of the file read last."""
    told = weigh_entries(runtime, engagement, read_entries(runtime.engine, engagement.id), as_of)
    titles = list_sheets_seen(runtime.engine, engagement.id)
    return [_refuse(fault, titles) for fault in told.faults]


def _refuse(fault: EntryFault, titles: Mapping[str, str]) -> Refusal:
    entry = fault.entry
    sheet, cell = titles.get(entry.sheet, entry.sheet), entry.cells.get(fault.column, "")
    return Refusal(sheet, cell, entry.text(fault.column), f"{entry.key}: {fault.reason}", fault.remedy)


def _record_explanations(connection: Connection, engagement: str, as_of: datetime, told: Told) -> None:
    """Keep what is explained now, and withdraw what no row explains any more; unreadable rows change nothing."""
    for explanation in told.explanations.values():
        record_explanation(connection, engagement, as_of, explanation, WORKBOOK)
    withdraw_explanations(connection, engagement, as_of, {*told.explanations, *told.unreadable}, WORKBOOK)
