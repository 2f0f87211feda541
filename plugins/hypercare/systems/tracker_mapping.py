"""How the action item workbooks are laid out: `include/mappings/tracker.yaml`, checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from hypercare.systems.mapping_file import read_mapping


class TrackerColumn(BaseModel):
    """One column of the feed `action_items`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["text", "date", "boolean"]
    headers: tuple[str, ...] = Field(min_length=1)
    """Accepted headers; where a sheet has several of them, the one named first here counts."""
    required: bool = False


class TrackerMapping(BaseModel):
    """Sheet, headers and words of the trackers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sheet: str = Field(min_length=1)
    header_within_rows: int = Field(default=10, ge=1, le=100)
    columns: Mapping[str, TrackerColumn]
    closing_states: Mapping[Literal["closed", "resolved"], tuple[str, ...]] = Field(default_factory=dict)
    date_formats: tuple[str, ...] = ()
    yes_words: tuple[str, ...] = ("yes",)
    no_words: tuple[str, ...] = ("no",)

    @field_validator("date_formats")
    @classmethod
    def _check_formats(cls, formats: tuple[str, ...]) -> tuple[str, ...]:
        sample = datetime(2026, 11, 16, tzinfo=UTC)
        for each in formats:
            if datetime.strptime(sample.strftime(each), each).date() != sample.date():  # noqa: DTZ007 - a date only
                msg = f"{each!r} does not name day, month and year"
                raise ValueError(msg)
        return formats

    @model_validator(mode="after")
    def _check_words(self) -> TrackerMapping:
        if not any(column.required for column in self.columns.values()) or "id" not in self.columns:
            msg = "at least the column id must be mapped and required"
            raise ValueError(msg)
        _refuse_shared(((name, column.headers) for name, column in self.columns.items()), "header")
        _refuse_shared(self.closing_states.items(), "state word")
        _refuse_shared([("yes_words", self.yes_words), ("no_words", self.no_words)], "word")
        return self

    @property
    def required(self) -> tuple[str, ...]:
        """The columns without which a sheet is no tracker."""
        return tuple(name for name, column in self.columns.items() if column.required)


def normalise(text: str) -> str:
    """Return a header or word as it is compared: without case, spaces, line breaks, and `*` or `:` at its end."""
    return "".join(text.split()).casefold().rstrip("*:")


def load_tracker_mapping(path: Path) -> TrackerMapping:
    """Read the mapping; raise ConfigurationError that lists everything wrong in it."""
    return read_mapping(path, TrackerMapping)


def _refuse_shared(words: Iterable[tuple[str, tuple[str, ...]]], thing: str) -> None:
    owner: dict[str, str] = {}
    for name, accepted in words:
        for word in accepted:
            first = owner.setdefault(normalise(word), name)
            if first != name:
                msg = f"{thing} {word!r} stands under both {first} and {name}"
                raise ValueError(msg)
