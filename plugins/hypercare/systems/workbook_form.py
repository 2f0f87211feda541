"""How the hypercare workbook is laid out: `include/templates/workbook.yaml`, checked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from hypercare.systems.mapping_file import read_mapping, validate_mapping
from hypercare.systems.sheet_form import SheetColumn, SheetForm, normalise, refuse_shared

REASON_CODES = "reason_codes"
"""The choices that the exit policy gives."""


class WorkbookColumn(SheetColumn):
    """One column of the hypercare workbook."""

    choices: tuple[str, ...] = ()
    choices_from: str = ""
    filled: bool = False
    """Whether a row that leaves it blank is refused."""
    given: bool = False
    """Printed by us: a row that holds nothing else is no entry yet."""
    contact: bool = False
    """Personal data, never repeated in answers."""
    width: int = Field(default=14, ge=4, le=100)


class WorkbookSheet(SheetForm):
    """One sheet of the hypercare workbook."""

    titles: tuple[str, ...] = Field(min_length=1)
    fill: str = Field(min_length=1)
    """One line that tells people how to fill it."""
    key: tuple[str, ...] = Field(min_length=1)
    told_by: str = ""
    """The column that names who told a row; empty: whoever saved the file."""
    columns: Mapping[str, WorkbookColumn]
    rows: tuple[str, ...] = ()
    """What a new workbook prints below the first column."""

    @model_validator(mode="after")
    def _check_columns(self) -> WorkbookSheet:
        named = [*self.key, *([self.told_by] if self.told_by else [])]
        unknown = [name for name in named if name not in self.columns]
        if unknown:
            msg = f"there are no columns {', '.join(unknown)}"
            raise ValueError(msg)
        if not self.required:
            msg = "at least one column must be required, else any row would be the header"
            raise ValueError(msg)
        for name, column in self.columns.items():
            if (column.kind == "choice") != bool(column.choices):
                msg = f"{name}: choices belong to a column of kind choice, which needs some"
                raise ValueError(msg)
            if column.filled and not column.required:
                msg = f"{name}: what must be filled must be required"
                raise ValueError(msg)
        return self

    @property
    def title(self) -> str:
        """What a new workbook calls the sheet."""
        return self.titles[0]

    def list_choices(self, column: str) -> tuple[str, ...]:
        """Return the words that a column of kind `choice` may hold."""
        return self.columns[column].choices


class WorkbookForm(BaseModel):
    """The whole workbook."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str
    sheets: Mapping[str, WorkbookSheet]

    @model_validator(mode="after")
    def _check_titles(self) -> WorkbookForm:
        refuse_shared(((name, sheet.titles) for name, sheet in self.sheets.items()), "title")
        return self

    def find_sheet(self, title: str) -> str | None:
        """Return which sheet a title stands for."""
        wanted = normalise(title)
        return next(
            (name for name, sheet in self.sheets.items() if wanted in map(normalise, sheet.titles)),
            None,
        )


class _WorkbookFile(BaseModel):
    """The file, before its shared words and choices are laid into each sheet."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str
    words: Mapping[str, Any] = Field(default_factory=dict)
    choices: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    sheets: Mapping[str, Mapping[str, Any]]


def load_workbook_form(path: Path, reason_codes: tuple[str, ...]) -> WorkbookForm:
    """Read the form; `reason_codes` are the policy's. Raises ConfigurationError that lists everything wrong in it."""
    file = read_mapping(path, _WorkbookFile)
    named = {**file.choices, REASON_CODES: reason_codes}

    def lay(column: Any) -> Any:  # noqa: ANN401 - checked right after
        if not isinstance(column, Mapping) or not column.get("choices_from"):
            return column
        return {**column, "choices": named.get(column["choices_from"], ())}

    def lay_sheet(sheet: Mapping[str, Any]) -> dict[str, Any]:
        columns = sheet.get("columns")
        laid = {name: lay(column) for name, column in columns.items()} if isinstance(columns, Mapping) else columns
        return {**file.words, **sheet, "columns": laid}

    whole = {"version": file.version, "sheets": {name: lay_sheet(sheet) for name, sheet in file.sheets.items()}}
    return validate_mapping(whole, path.name, WorkbookForm)
