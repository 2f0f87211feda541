"""What a run was asked to do: its Params, checked. Light enough for DAG files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from hypercare.errors import ConfigurationError
from hypercare.weeks import Week


@dataclass(frozen=True)
class RunRequest:
    """One run of the weekly DAG, or of its steps on the command line."""

    as_of: datetime
    """The instant that decides which weeks are due (aware, UTC)."""
    week: Week | None = None
    engagements: tuple[str, ...] = ()
    restate: str = ""


def parse_request(params: Mapping[str, Any], due: datetime) -> RunRequest:
    """Return what a run's Params ask for; `due` is when the run was due and stands in for an empty `as_of`.

    Raises ConfigurationError naming the Param that is wrong.
    """
    try:
        week = Week.parse(params["week"]) if params.get("week") else None
    except ValueError as error:
        msg = f"Param week: {error}"
        raise ConfigurationError(msg) from error
    request = RunRequest(
        as_of=parse_instant(params.get("as_of"), due),
        week=week,
        engagements=tuple(params.get("engagements") or ()),
        restate=(params.get("restate") or "").strip(),
    )
    if request.restate and request.week is None:
        msg = "Param restate gives a reason to compute a week again, but Param week names none"
        raise ConfigurationError(msg)
    return request


def parse_instant(text: str | None, default: datetime) -> datetime:
    """Return an ISO instant with its offset as UTC, or the default; raise ConfigurationError for anything else."""
    if not text:
        return default.astimezone(UTC)
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        msg = f"Param as_of: {text!r} is no ISO date and time; write 2026-03-09T14:30:00+00:00"
        raise ConfigurationError(msg) from error
    if instant.tzinfo is None:
        msg = f"Param as_of: {text!r} has no offset from UTC; write 2026-03-09T14:30:00+00:00"
        raise ConfigurationError(msg)
    return instant.astimezone(UTC)
