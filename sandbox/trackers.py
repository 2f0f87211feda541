"""Trackers and hypercare workbooks: one file an engagement, written as it stood at an instant."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from openpyxl.styles import Font
from openpyxl.worksheet.worksheet import Worksheet

SHEET = "Action Items"

HEADERS = {
    "id": "ID",
    "title": "Problem",
    "state": "State",
    "category": "Category",
    "priority": "Priority",
    "impact": "Impact",
    "owner": "Owner",
    "raised_on": "Raised",
    "due_on": "Due",
    "resolved_on": "Resolved",
    "resolution": "Resolution",
    "plan": "Plan",
    "plan_owner": "Plan Owner",
    "plan_date": "Plan Date",
    "plan_accepted_by": "Plan Accepted By",
    "escalated_to": "Escalated To",
    "case_number": "Case Number",
    "internal_only": "Internal Only",
    "updated_on": "Last Update",
}
"""The workbook's columns in their order: what each holds, and the word that people wrote above it."""


@dataclass(frozen=True)
class ItemChange:
    """What somebody wrote into an item's row at an instant (aware): values by the keys of HEADERS."""

    at: datetime
    values: dict[str, Any]


@dataclass(frozen=True)
class Item:
    """One row of a tracker and all that was ever written into it; the first change raises it."""

    id: str
    changes: tuple[ItemChange, ...]

    def __post_init__(self) -> None:
        unknown = {key for change in self.changes for key in change.values} - set(HEADERS)
        if unknown or not self.changes:
            message = f"item {self.id}: needs at least one change, and none of {sorted(unknown)}"
            raise ValueError(message)

    def show(self, at: datetime) -> dict[str, Any] | None:
        """Return the row as it stood at an instant, or None before it was raised."""
        visible = sorted((change for change in self.changes if change.at <= at), key=lambda change: change.at)
        if not visible:
            return None
        row: dict[str, Any] = {"id": self.id}
        for change in visible:
            row |= change.values
        return row | {"updated_on": visible[-1].at.date()}


@dataclass(frozen=True)
class FilledRow:
    """A row that people filled at an instant (aware), and what it was replaced by at another one."""

    at: datetime
    values: tuple[Any, ...]
    until: datetime | None = None

    def stands(self, at: datetime) -> bool:
        """Tell whether the row is to be seen at an instant."""
        return self.at <= at and (self.until is None or at < self.until)


@dataclass(frozen=True)
class FilledSheet:
    """A further sheet of the workbook: a line above the headers, as its template has it, and rows."""

    title: str
    line: str
    headers: tuple[str, ...]
    rows: tuple[FilledRow, ...]


@dataclass(frozen=True)
class Tracker:
    """One engagement's workbook: its file name, its items in the order of the rows, and its further sheets."""

    file_name: str
    items: Sequence[Item] = field(default_factory=tuple)
    sheets: Sequence[FilledSheet] = field(default_factory=tuple)
    saved_by: str = "openpyxl"


PACKED_AT = (1980, 1, 1, 0, 0, 0)
"""What a zip file says of a part that has no time: the same world is the same bytes, whenever it is written."""
MODIFIED = re.compile(rb"(<dcterms:modified[^>]*>)[^<]*")


def write_trackers(trackers: Sequence[Tracker], folder: Path, at: datetime) -> None:
    """Write every workbook into the folder as of an instant (aware), each in the place of what stood there."""
    folder.mkdir(parents=True, exist_ok=True)
    for tracker in trackers:
        unfinished = folder / f".{tracker.file_name}.writing"
        unfinished.write_bytes(_pack(_fill_workbook(tracker, at), _saved_at(tracker, at)))
        unfinished.replace(folder / tracker.file_name)


def _saved_at(tracker: Tracker, at: datetime) -> datetime:
    """Return when somebody last wrote into the workbook."""
    written = [change.at for item in tracker.items for change in item.changes]
    written += [moment for sheet in tracker.sheets for row in sheet.rows for moment in (row.at, row.until) if moment]
    return max((moment for moment in written if moment <= at), default=at)


def _pack(workbook: Workbook, saved_at: datetime) -> bytes:
    """Return a workbook's bytes, which depend on nothing but what it holds and when it was saved."""
    written, packed = io.BytesIO(), io.BytesIO()
    workbook.save(written)
    told = saved_at.strftime("%Y-%m-%dT%H:%M:%SZ").encode()
    with zipfile.ZipFile(written) as source, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "docProps/core.xml":
                content = MODIFIED.sub(rb"\g<1>" + told, content)
            target.writestr(zipfile.ZipInfo(name, PACKED_AT), content, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def _fill_workbook(tracker: Tracker, at: datetime) -> Workbook:
    workbook = Workbook()
    workbook.properties.created = datetime(2026, 1, 5, 9)  # noqa: DTZ001 - a spreadsheet's dates have no zone
    workbook.properties.lastModifiedBy = tracker.saved_by
    sheet = workbook.active
    assert sheet is not None
    sheet.title = SHEET
    _fill_items(sheet, tracker, at)
    for filled in tracker.sheets:
        further = workbook.create_sheet(filled.title)
        further.append([filled.line])
        further.append([])
        further.append(list(filled.headers))
        for row in filled.rows:
            if row.stands(at):
                further.append([_as_written(value) for value in row.values])
    return workbook


def _fill_items(sheet: Worksheet, tracker: Tracker, at: datetime) -> None:
    sheet.append(list(HEADERS.values()))
    for cell in sheet[1]:
        cell.font = Font(bold=True)
    sheet.freeze_panes = "A2"
    for row in filter(None, (item.show(at) for item in tracker.items)):
        sheet.append([_as_written(row.get(key)) for key in HEADERS])


def _as_written(value: Any) -> Any:  # noqa: ANN401 - whatever a cell can hold
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day)  # noqa: DTZ001 - a spreadsheet's dates have no zone
    return value
