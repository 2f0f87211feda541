"""How the action item workbooks are laid out: `include/mappings/tracker.yaml`, checked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from hypercare.systems.mapping_file import read_mapping
from hypercare.systems.sheet_form import SheetColumn, SheetForm, normalise, refuse_shared

__all__ = ["TrackerColumn", "TrackerMapping", "load_tracker_mapping", "normalise"]


class TrackerColumn(SheetColumn):
    """One column of the feed `action_items`."""

    kind: Literal["text", "date", "boolean"]


class TrackerMapping(SheetForm):
    """Sheet, headers and words of the trackers."""

    sheet: str = Field(min_length=1)
    columns: Mapping[str, TrackerColumn]
    closing_states: Mapping[Literal["closed", "resolved"], tuple[str, ...]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check_words(self) -> TrackerMapping:
        if not any(column.required for column in self.columns.values()) or "id" not in self.columns:
            msg = "at least the column id must be mapped and required"
            raise ValueError(msg)
        refuse_shared(self.closing_states.items(), "state word")
        return self


def load_tracker_mapping(path: Path) -> TrackerMapping:
    """Read the mapping; raise ConfigurationError that lists everything wrong in it."""
    return read_mapping(path, TrackerMapping)
