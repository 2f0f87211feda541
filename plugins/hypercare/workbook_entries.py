"""What people told in the hypercare workbook and in forms, row by row, and what of it is not taken. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any


@dataclass(frozen=True)
class Entry:
    """One row of a sheet that people filled."""

    sheet: str
    """Its name in the form, such as `exceptions`."""
    key: str
    """What tells it from the sheet's other rows."""
    values: Mapping[str, Any]
    """The accepted cells by column, as plain JSON: dates and weeks as text, numbers as exact text."""
    cells: Mapping[str, str]
    """Where each column's cell stands, also a blank or refused one: `B7`."""
    is_complete: bool = True
    """Whether every cell was accepted; only then is it acted on."""
    told_by: str = ""
    """Who told it: by its own column, or else who saved the file, as the file tells."""
    told_as_of: datetime | None = None
    """The run, or the form's instant, as of which the ledger has it; None: the ledger does not hold it yet."""

    @property
    def is_of_form(self) -> bool:
        """Whether a form told it: it stands in no cell."""
        return not self.cells

    def text(self, column: str) -> str:
        """Return a column's text; empty where it is blank."""
        return str(self.values.get(column, ""))

    def day(self, column: str) -> date | None:
        """Return a column's date; None where it is blank."""
        text = self.text(column)
        return date.fromisoformat(text) if text else None

    def number(self, column: str) -> Decimal | None:
        """Return a column's number; None where it is blank."""
        text = self.text(column)
        return Decimal(text) if text else None


@dataclass(frozen=True)
class EntryFault:
    """Why an entry that could be read is not acted on."""

    entry: Entry
    column: str
    reason: str
    remedy: str


@dataclass(frozen=True)
class Refusal:
    """A cell, row or sheet of the people's file that is not taken, and what to do."""

    sheet: str
    """As the people's file calls it."""
    cell: str
    """Empty: the whole sheet, or the whole file."""
    value: str
    reason: str
    remedy: str


def choose_latest(told: Iterable[Entry]) -> list[Entry]:
    """Return one entry for each thing told: the one told last, of several at one time the last one given.

    An entry with a cell that was refused takes nothing back: what is complete goes before it.
    """
    earliest = datetime.min.replace(tzinfo=UTC)
    ordered = sorted(told, key=lambda entry: (entry.is_complete, entry.told_as_of or earliest))
    return list({(entry.sheet, entry.key): entry for entry in ordered}.values())


def is_same_name(one: str, other: str) -> bool:
    """Tell whether two texts name one person: case and spaces do not matter; blank names nobody."""
    return bool(one.strip()) and fold_name(one) == fold_name(other)


def fold_name(name: str) -> str:
    """Return a person's name as it is compared."""
    return " ".join(name.split()).casefold()


def list_people(entries: list[Entry], roles: Mapping[str, str]) -> dict[str, frozenset[str]]:
    """Return the engagement's people by folded name with their roles: of the ICM record and the people sheet."""
    found: dict[str, set[str]] = {}
    for role, name in roles.items():
        if name.strip():
            found.setdefault(fold_name(name), set()).add(role)
    for entry in entries:
        if entry.sheet == "people" and entry.is_complete:
            found.setdefault(fold_name(entry.text("name")), set()).add(entry.text("role"))
    return {name: frozenset(roles) for name, roles in found.items()}
