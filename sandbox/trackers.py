"""Action item trackers: one workbook an engagement, written as it stood at an instant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from openpyxl.styles import Font

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
class Tracker:
    """One engagement's workbook: its file name and its items in the order of the rows."""

    file_name: str
    items: Sequence[Item] = field(default_factory=tuple)


def write_trackers(trackers: Sequence[Tracker], folder: Path, at: datetime) -> None:
    """Write every workbook into the folder as of an instant (aware), each in the place of what stood there."""
    folder.mkdir(parents=True, exist_ok=True)
    for tracker in trackers:
        unfinished = folder / f".{tracker.file_name}.writing"
        _fill_workbook(tracker, at).save(unfinished)
        unfinished.replace(folder / tracker.file_name)


def _fill_workbook(tracker: Tracker, at: datetime) -> Workbook:
    workbook = Workbook()
    workbook.properties.created = workbook.properties.modified = at.replace(tzinfo=None)
    sheet = workbook.active
    assert sheet is not None
    sheet.title = SHEET
    sheet.append(list(HEADERS.values()))
    for cell in sheet[1]:
        cell.font = Font(bold=True)
    sheet.freeze_panes = "A2"
    for row in filter(None, (item.show(at) for item in tracker.items)):
        sheet.append([_as_written(row.get(key)) for key in HEADERS])
    return workbook


def _as_written(value: Any) -> Any:  # noqa: ANN401 - whatever a cell can hold
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day)  # noqa: DTZ001 - a spreadsheet's dates have no zone
    return value
