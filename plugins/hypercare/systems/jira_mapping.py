"""How action items stand in Jira: `include/mappings/jira.yaml`, checked, and matched with a site's own fields."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from hypercare.errors import ConfigurationError
from hypercare.systems.mapping_file import read_mapping
from hypercare.systems.tracker_mapping import normalise

COLUMNS = frozenset(
    {
        "title", "category", "priority", "impact", "owner", "raised_on", "due_on", "resolved_on", "resolution", "plan",
        "plan_owner", "plan_date", "plan_accepted_by", "escalated_to", "case_number", "internal_only", "updated_on",
    }
)  # fmt: skip
"""What fields may stand for; an item's id is the issue's key, its state the status."""


class JiraColumn(BaseModel):
    """One column of the feed `action_items`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["text", "date", "boolean"]
    fields: tuple[str, ...] = Field(min_length=1)
    """Ids or names of Jira fields; where a site has several of them, the one named first here counts."""
    required: bool = False
    """Whether a site without any of the fields is refused."""


class JiraWriting(BaseModel):
    """How an issue that is proposed is written."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    issue_type: str = Field(min_length=1)
    priorities: Mapping[Literal["high", "medium", "low"], str]
    """Severity to the name of a priority."""


class JiraMapping(BaseModel):
    """Fields and words of a Jira site."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    issue_types: tuple[str, ...] = ()
    """Only these are action items; none: all."""
    columns: Mapping[str, JiraColumn]
    resolved_statuses: tuple[str, ...] = ()
    """Statuses of the category "done" that mean resolved rather than closed."""
    yes_words: tuple[str, ...] = ("yes",)
    no_words: tuple[str, ...] = ("no",)
    writing: JiraWriting

    @model_validator(mode="after")
    def _check_columns(self) -> JiraMapping:
        unknown = sorted(set(self.columns) - COLUMNS)
        if unknown:
            known = ", ".join(sorted(COLUMNS))
            msg = f"columns {', '.join(unknown)} are none that fields can stand for; there are {known}"
            raise ValueError(msg)
        if "title" not in self.columns:
            msg = "the column title must be mapped"
            raise ValueError(msg)
        both = {normalise(word) for word in self.yes_words} & {normalise(word) for word in self.no_words}
        if both:
            msg = f"{', '.join(sorted(both))} cannot mean both yes and no"
            raise ValueError(msg)
        return self


def load_jira_mapping(path: Path) -> JiraMapping:
    """Read the mapping; raise ConfigurationError that lists everything wrong in it."""
    return read_mapping(path, JiraMapping)


def match_fields(mapping: JiraMapping, fields: Iterable[Mapping[str, Any]], site: str) -> dict[str, str]:
    """Return, by column, the id of the site's field that stands for it; columns without one are left out.

    `fields` are the entries of `/rest/api/3/field`. An id counts before a name: names are shown in the language of the
    user who asks. Raises ConfigurationError that lists required columns without a field, and names that several have.
    """
    by_id: dict[str, str] = {}
    by_name: dict[str, list[str]] = {}
    for field in fields:
        by_id[str(field["id"]).casefold()] = str(field["id"])
        by_name.setdefault(normalise(str(field.get("name") or "")), []).append(str(field["id"]))
    problems: list[str] = []
    found: dict[str, str] = {}
    for name, column in mapping.columns.items():
        candidates = _find_candidates(column.fields, by_id, by_name)
        if len(candidates) > 1:
            problems.append(f"{name}: the fields {' and '.join(candidates)} have the same name; write one of these ids")
        elif candidates:
            found[name] = candidates[0]
        elif column.required:
            problems.append(f"{name}: there is no field called {' or '.join(column.fields)}")
    if problems:
        msg = f"mappings/jira.yaml does not fit the Jira site {site}: {'; '.join(problems)}"
        raise ConfigurationError(msg)
    return found


def _find_candidates(
    wanted: Sequence[str], by_id: Mapping[str, str], by_name: Mapping[str, Sequence[str]]
) -> Sequence[str]:
    for name in wanted:
        if name.casefold() in by_id:
            return [by_id[name.casefold()]]
        if normalise(name) in by_name:
            return by_name[normalise(name)]
    return ()
