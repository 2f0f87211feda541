"""What a sheet that people fill looks like: its columns, the headers they may stand under, the words they may hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator


class SheetColumn(BaseModel):
    """One column."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["text", "date", "boolean", "number", "week", "choice"]
    headers: tuple[str, ...] = Field(min_length=1)
    """Accepted headers; where a sheet has several of them, the one named first here counts."""
    required: bool = False
    """Whether a sheet without this column is refused."""


class SheetForm(BaseModel):
    """How one sheet is read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    header_within_rows: int = Field(default=10, ge=1, le=100)
    columns: Mapping[str, SheetColumn]
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
    def _check_shared_words(self) -> SheetForm:
        refuse_shared(((name, column.headers) for name, column in self.columns.items()), "header")
        refuse_shared([("yes_words", self.yes_words), ("no_words", self.no_words)], "word")
        return self

    @property
    def required(self) -> tuple[str, ...]:
        """The columns without which a sheet is refused."""
        return tuple(name for name, column in self.columns.items() if column.required)

    def list_choices(self, column: str) -> tuple[str, ...]:
        """Return the words that a column of kind `choice` may hold."""
        return ()


def normalise(text: str) -> str:
    """Return a header or word as it is compared: without case, spaces, line breaks, and `*` or `:` at its end."""
    return "".join(text.split()).casefold().rstrip("*:")


def refuse_shared(words: Iterable[tuple[str, tuple[str, ...]]], thing: str) -> None:
    """Raise ValueError where two owners accept the same word."""
    owner: dict[str, str] = {}
    for name, accepted in words:
        for word in accepted:
            first = owner.setdefault(normalise(word), name)
            if first != name:
                msg = f"{thing} {word!r} stands under both {first} and {name}"
                raise ValueError(msg)
