"""The one digest that the operations team gets of a run (rule R23), as Markdown. Pure."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime

TITLES = {
    "new": "New: somebody must see to it",
    "broken": "Broken tasks: see their logs",
    "recovered": "Recovered",
    "known": "Known: leaves the run green",
    "lasting": "Still open, announced before and acknowledged by nobody",
    "optional": "Open, but nothing required rests on it",
    "missed": "Weeks in which no run took place",
    "may_exit": "May leave hypercare",
}
"""The digest's parts in their order, with their headings."""


@dataclass(frozen=True)
class OpsDigest:
    """What one run has to say; every part holds finished lines."""

    as_of: datetime
    new: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    recovered: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    lasting: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()
    may_exit: tuple[str, ...] = ()

    @property
    def is_red(self) -> bool:
        """Whether the run met something that a person must know now."""
        return bool(self.new or self.broken)

    def notes(self) -> list[str]:
        """Return everything that leaves the run green, one line each, headed by the name of its part."""
        parts = [field.name for field in fields(self) if field.name not in ("as_of", "new", "broken")]
        return [f"{part.replace('_', ' ')}: {line}" for part in parts for line in getattr(self, part)]

    def to_markdown(self) -> str:
        """Return the digest as one text; parts without lines are left out."""
        state = "needs somebody" if self.is_red else "is healthy"
        text = [f"# Hypercare run of {self.as_of:%Y-%m-%d %H:%M} UTC {state}"]
        for part, title in TITLES.items():
            lines = getattr(self, part)
            if lines:
                text += ["", f"## {title}", *(f"- {_one_line(line)}" for line in lines)]
        if len(text) == 1:
            text += ["", "Nothing is open, and nobody may leave hypercare yet."]
        return "\n".join(text) + "\n"


def _one_line(text: str) -> str:
    """Return a text that stays one item of a list, whatever a system's message holds."""
    return " ".join(text.split())
