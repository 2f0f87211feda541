"""An engagement's action item tracker: a workbook in a folder or an object store, read into the feed `action_items`.

Nothing is guessed: what does not fit the mapping is refused with file, sheet and cell, since a wrong item could open
the exit gate. Rows that hold no more than an id, as templates number them ahead, are no items.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hypercare.errors import ContractError, say_faults
from hypercare.systems.sheet_form import normalise
from hypercare.systems.sheet_reading import (
    CellFault,
    Header,
    SheetRow,
    describe_missing_headers,
    find_header,
    list_block_faults,
    read_header,
    read_rows,
)
from hypercare.systems.tracker_mapping import TrackerMapping, load_tracker_mapping
from hypercare.systems.workbook import Cell, Sheet, open_workbook
from hypercare.systems.workbook_files import fetch_workbook
from hypercare.systems.workbook_package import WorkbookLimits

__all__ = ["TrackerMapping", "TrackerRead", "load_tracker_mapping", "read_tracker"]


@dataclass(frozen=True)
class TrackerRead:
    """What a tracker says."""

    rows: list[dict[str, Any]]
    """One an item, in the sheet's order: every column of the contract; dates as ISO text, blanks as None."""
    file: str
    sheet: str
    digest: str
    """sha256 of the file's bytes, in hex."""


def read_tracker(
    folder_or_url: str, name: str, mapping: TrackerMapping, limits: WorkbookLimits | None = None
) -> TrackerRead:
    """Read the workbook `name` of a local folder or of a URL that fsspec knows (s3://, gs://, abfs://).

    Raises ResourceMissingError where there is no such file, ContractError naming file, sheet and cell for one that is
    no tracker, ConfigurationError for a name or URL that cannot be right, TransientError where the store fails.
    """
    limits = limits or WorkbookLimits()
    content = fetch_workbook(folder_or_url, name, limits)
    file = f"tracker {name}"
    with open_workbook(content, file, limits) as sheets:
        sheet = _find_sheet(sheets, mapping, file)
        place = f"{file}, sheet {sheet.name!r}"
        header = read_header(sheet, mapping)
        if header is None:
            msg = f"{place}: {describe_missing_headers(sheet, mapping, 'mappings/tracker.yaml')}"
            raise ContractError(msg)
        _refuse(place, header.faults)
        _refuse(place, [fault for _, fault in list_block_faults(sheet, header)])
        rows = _read_items(sheet, header, mapping, place)
    return TrackerRead(rows, name, sheet.name, hashlib.sha256(content).hexdigest())


def _find_sheet(sheets: Sequence[Sheet], mapping: TrackerMapping, file: str) -> Sheet:
    for sheet in sheets:
        if normalise(sheet.name) == normalise(mapping.sheet):
            return sheet
    names = ", ".join(repr(sheet.name) for sheet in sheets) or "none"
    fitting = [sheet.name for sheet in sheets if find_header(sheet, mapping) is not None]
    hint = f"; {fitting[0]!r} has the required headers: rename it so" if len(fitting) == 1 else ""
    msg = f"{file}: there is no sheet {mapping.sheet!r}; its sheets are {names}{hint}"
    raise ContractError(msg)


def _read_items(sheet: Sheet, header: Header, mapping: TrackerMapping, place: str) -> list[dict[str, Any]]:
    closing = {normalise(word): state for state, words in mapping.closing_states.items() for word in words}
    rows: list[dict[str, Any]] = []
    faults: list[CellFault] = []
    seen: dict[str, str] = {}
    for row in read_rows(sheet, mapping, header):
        if not set(row.cells) - {"id"}:
            continue
        state = row.values.get("state")
        if state is not None:
            row.values["state"] = closing.get(normalise(str(state)), state)
        faults += [*row.faults, *_check_identity(row, header, seen)]
        rows.append(row.values)
    _refuse(place, faults)
    return rows


def _check_identity(row: SheetRow, header: Header, seen: dict[str, str]) -> list[CellFault]:
    """Return what is wrong with an item's id; `seen` collects the ids and the cells they stand in."""
    if "id" not in row.cells:
        beside = next(iter(row.cells.values()))
        blank = Cell(beside.row, header.places["id"], None, "n").name
        words = f"is blank, though {beside.name} is not: give the item an id, or empty the row"
        return [CellFault(blank, words)]
    item, cell = row.values["id"], row.cells["id"].name
    if item is None:
        return []
    first = seen.setdefault(item, cell)
    return [] if first == cell else [CellFault(cell, f"repeats the id {item!r} of {first}")]


def _refuse(place: str, faults: Sequence[CellFault]) -> None:
    if faults:
        msg = f"{place}: {say_faults(faults)}"
        raise ContractError(msg)
