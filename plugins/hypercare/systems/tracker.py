"""An engagement's action item tracker: a workbook in a folder or an object store, read into the feed `action_items`.

Nothing is guessed: what does not fit the mapping is refused with file, sheet and cell, since a wrong item could open
the exit gate. Rows that hold no more than an id, as templates number them ahead, are no items.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import PurePosixPath
from typing import Any

import fsspec

from hypercare.errors import ConfigurationError, ContractError, ResourceMissingError, TransientError
from hypercare.systems.tracker_mapping import TrackerMapping, load_tracker_mapping, normalise
from hypercare.systems.workbook import Cell, Sheet, WorkbookLimits, open_workbook

__all__ = ["TrackerMapping", "TrackerRead", "load_tracker_mapping", "read_tracker"]

SHOWN_FAULTS = 10
UNFIT_NAME = re.compile(r"://|::|\\|^/|(^|/)\.\.(/|$)|[\x00-\x1f]")
"""What would lead out of the tracker folder, or be read as another file system."""


@dataclass(frozen=True)
class TrackerRead:
    """What a tracker says."""

    rows: list[dict[str, Any]]
    """One an item, in the sheet's order: every column of the contract; dates as ISO text, blanks as None."""
    file: str
    sheet: str
    digest: str
    """sha256 of the file's bytes, in hex."""


@dataclass(frozen=True)
class _Header:
    """Where the columns stand on a sheet."""

    row: int
    places: Mapping[str, int]
    """Column of the contract to the sheet's column, from 1."""


def read_tracker(
    folder_or_url: str, name: str, mapping: TrackerMapping, limits: WorkbookLimits | None = None
) -> TrackerRead:
    """Read the workbook `name` of a local folder or of a URL that fsspec knows (s3://, gs://, abfs://).

    Raises ResourceMissingError where there is no such file, ContractError naming file, sheet and cell for one that is
    no tracker, ConfigurationError for a name or URL that cannot be right, TransientError where the store fails.
    """
    limits = limits or WorkbookLimits()
    content = _fetch(folder_or_url, name, limits)
    file = f"tracker {name}"
    with open_workbook(content, file, limits) as sheets:
        sheet = _find_sheet(sheets, mapping, file)
        place = f"{file}, sheet {sheet.name!r}"
        header = _read_header(sheet, mapping, place)
        _refuse_merged_cells(sheet, header, place)
        rows = _read_rows(sheet, header, mapping, place)
    return TrackerRead(rows, name, sheet.name, hashlib.sha256(content).hexdigest())


def _fetch(folder_or_url: str, name: str, limits: WorkbookLimits) -> bytes:
    if not name.strip():
        msg = "the ICM record names no tracker: write the workbook's file name into its tracker field"
        raise ResourceMissingError(msg)
    if UNFIT_NAME.search(name):
        msg = f"tracker {name!r}: write only the file's name, below the tracker folder, into the ICM record"
        raise ConfigurationError(msg)
    try:
        files, root = fsspec.core.url_to_fs(folder_or_url)
    except (ImportError, ValueError) as error:
        msg = f"the tracker folder {folder_or_url!r} cannot be opened: {error}"
        raise ConfigurationError(msg) from error
    try:
        with files.open(str(PurePosixPath(root) / name), "rb") as stream:
            content: bytes = stream.read(limits.compressed_bytes + 1)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        msg = f"tracker {name}: there is no such file in {folder_or_url}; put it there, or correct the ICM record"
        raise ResourceMissingError(msg) from error
    except PermissionError as error:
        msg = f"tracker {name}: may not be read in {folder_or_url} ({error}); grant read access"
        raise ConfigurationError(msg) from error
    except Exception as error:  # each store has its own: botocore's, aiohttp's, OSError
        msg = f"tracker {name}: cannot be read from {folder_or_url} ({error}); the next run tries again"
        raise TransientError(msg) from error
    if len(content) > limits.compressed_bytes:
        msg = f"tracker {name}: larger than {limits.compressed_bytes:,} bytes; remove what is no action item"
        raise ContractError(msg)
    return content


def _find_sheet(sheets: Sequence[Sheet], mapping: TrackerMapping, file: str) -> Sheet:
    for sheet in sheets:
        if normalise(sheet.name) == normalise(mapping.sheet):
            return sheet
    names = ", ".join(repr(sheet.name) for sheet in sheets) or "none"
    fitting = [sheet.name for sheet in sheets if _find_header(sheet, mapping) is not None]
    hint = f"; {fitting[0]!r} has the required headers: rename it so" if len(fitting) == 1 else ""
    msg = f"{file}: there is no sheet {mapping.sheet!r}; its sheets are {names}{hint}"
    raise ContractError(msg)


def _read_header(sheet: Sheet, mapping: TrackerMapping, place: str) -> _Header:
    cells = _find_header(sheet, mapping)
    if cells is None:
        raise ContractError(_describe_missing_headers(sheet, mapping, place))
    faulty = [f"cell {cell.name} {cell.fault}" for cell in cells if cell.fault]
    by_header: dict[str, list[Cell]] = {}
    for cell in cells:
        by_header.setdefault(_header_of(cell), []).append(cell)
    places = {}
    for name, column in mapping.columns.items():
        standing = next((by_header[normalise(known)] for known in column.headers if normalise(known) in by_header), [])
        if len(standing) > 1:
            named = " and ".join(cell.name for cell in standing)
            faulty.append(f"cells {named} bear the same header {str(standing[0].value).strip()!r}: keep one of them")
        elif standing:
            places[name] = standing[0].column
    _refuse(place, faulty)
    return _Header(cells[0].row, places)


def _find_header(sheet: Sheet, mapping: TrackerMapping) -> list[Cell] | None:
    """Return the cells of the first row that holds every required header."""
    wanted = [{normalise(known) for known in mapping.columns[name].headers} for name in mapping.required]
    for cells in sheet.rows(last=mapping.header_within_rows):
        found = {_header_of(cell) for cell in cells}
        if all(found & accepted for accepted in wanted):
            return [cell for cell in cells if not cell.is_blank]
    return None


def _header_of(cell: Cell) -> str:
    return normalise(str(cell.value))


def _describe_missing_headers(sheet: Sheet, mapping: TrackerMapping, place: str) -> str:
    """Say what the row that comes closest lacks."""
    known = {normalise(header) for column in mapping.columns.values() for header in column.headers}
    rows = [cells for cells in sheet.rows(last=mapping.header_within_rows) if cells]
    closest = max(rows, key=lambda cells: len({_header_of(cell) for cell in cells} & known), default=[])
    found = {_header_of(cell) for cell in closest}
    missing = [
        f"{name} (accepted: {', '.join(mapping.columns[name].headers)})"
        for name in mapping.required
        if not found & {normalise(header) for header in mapping.columns[name].headers}
    ]
    shown = ", ".join(f"{cell.name} {str(cell.value).strip()[:40]!r}" for cell in closest[:40]) or "nothing"
    return (
        f"{place}: none of the first {mapping.header_within_rows} rows holds the required headers; missing in the "
        f"closest: {'; '.join(missing)}; found there: {shown}. Rename the columns, "
        "or add their names to mappings/tracker.yaml"
    )


def _refuse_merged_cells(sheet: Sheet, header: _Header, place: str) -> None:
    """Refuse merged cells in the table: all but the first of them are empty in the file, whatever one sees."""
    used = set(header.places.values())
    faults = [
        f"cells {merged.name} are merged{' in the header' if merged.first_row <= header.row else ''}: unmerge them"
        for merged in sheet.read_merged_cells()
        if merged.last_row >= header.row and used & set(range(merged.first_column, merged.last_column + 1))
    ]
    _refuse(place, faults)


def _read_rows(sheet: Sheet, header: _Header, mapping: TrackerMapping, place: str) -> list[dict[str, Any]]:
    read = _ValueReader(mapping)
    rows: list[dict[str, Any]] = []
    faults: list[str] = []
    seen: dict[str, str] = {}
    for cells in sheet.rows(first=header.row + 1, columns=max(header.places.values())):
        standing = {cell.column: cell for cell in cells if not cell.is_blank}
        entries = {name: standing[place] for name, place in header.places.items() if place in standing}
        if not set(entries) - {"id"}:
            continue
        row: dict[str, Any] = dict.fromkeys(mapping.columns)
        for name, cell in entries.items():
            try:
                row[name] = read(name, cell)
            except ValueError as fault:
                faults.append(f"cell {cell.name} {fault}")
        faults += _check_identity(row["id"], entries, header, seen)
        rows.append(row)
    _refuse(place, faults)
    return rows


def _check_identity(item: str | None, entries: Mapping[str, Cell], header: _Header, seen: dict[str, str]) -> list[str]:
    """Return what is wrong with an item's id; `seen` collects the ids and the cells they stand in."""
    if "id" not in entries:
        beside = next(iter(entries.values()))
        blank = Cell(beside.row, header.places["id"], None, "n").name
        return [f"cell {blank} is blank, though {beside.name} is not: give the item an id, or empty the row"]
    if item is None:
        return []
    first = seen.setdefault(item, entries["id"].name)
    return [] if first == entries["id"].name else [f"cell {entries['id'].name} repeats the id {item!r} of {first}"]


class _ValueReader:
    """Reads a cell as its column's kind; a call raises ValueError with words that follow the cell's name."""

    def __init__(self, mapping: TrackerMapping) -> None:
        self._mapping = mapping
        self._closing = {normalise(word): state for state, words in mapping.closing_states.items() for word in words}
        self._answers = {normalise(word): True for word in mapping.yes_words}
        self._answers.update({normalise(word): False for word in mapping.no_words})
        self._readers: dict[str, Callable[[Any], str | bool]] = {
            "text": write_text,
            "date": self._read_date,
            "boolean": self._read_answer,
        }

    def __call__(self, name: str, cell: Cell) -> str | bool:
        if cell.fault:
            raise ValueError(cell.fault)
        value = self._readers[self._mapping.columns[name].kind](cell.value)
        return self._closing.get(normalise(str(value)), value) if name == "state" else value

    def _read_date(self, value: Any) -> str:  # noqa: ANN401 - a cell holds anything
        if isinstance(value, datetime):
            return value.date().isoformat()
        if isinstance(value, date):
            return value.isoformat()
        if not isinstance(value, str):
            msg = f"holds {write_text(value)!r}, which is no date: format it as a date, or write it as 2026-11-16"
            raise ValueError(msg)
        text = value.strip()
        with suppress(ValueError):
            return datetime.fromisoformat(text).date().isoformat()
        for form in self._mapping.date_formats:
            with suppress(ValueError):
                return datetime.strptime(text, form).date().isoformat()  # noqa: DTZ007 - a date only
        msg = f"holds {text!r}, which is no date in any format of the mapping: write it as 2026-11-16"
        raise ValueError(msg)

    def _read_answer(self, value: Any) -> bool:  # noqa: ANN401 - a cell holds anything
        if isinstance(value, bool):
            return value
        answer = self._answers.get(normalise(write_text(value)))
        if answer is None:
            accepted = ", ".join((*self._mapping.yes_words, *self._mapping.no_words))
            msg = f"holds {write_text(value)!r}: write one of {accepted}"
            raise ValueError(msg)
        return answer


def write_text(value: Any) -> str:  # noqa: ANN401 - a cell holds anything
    """Write a cell's value as people see it, nearly: whole numbers without a point, dates in ISO form."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == datetime.min.time() else value.isoformat(sep=" ")
    return str(value).strip()


def _refuse(place: str, faults: Sequence[str]) -> None:
    if faults:
        more = f"; and {len(faults) - SHOWN_FAULTS} more" if len(faults) > SHOWN_FAULTS else ""
        msg = f"{place}: {'; '.join(faults[:SHOWN_FAULTS])}{more}"
        raise ContractError(msg)
