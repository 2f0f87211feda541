"""What every form by which people tell us something begins with: of which engagement, as of when, asked by whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from hypercare.errors import PermanentError
from hypercare.gate_calendar import find_local_day
from hypercare.ledger.adjustments import read_terms_of
from hypercare.ledger.decisions import latest_decision
from hypercare.ledger.roster import find_engagement
from hypercare.model import Engagement, ExitState
from hypercare.runtime import Runtime
from hypercare.weekly.request import parse_instant


@dataclass(frozen=True)
class Asked:
    """Who asks, of what, when."""

    engagement: Engagement
    as_of: datetime
    is_timed: bool
    """Whether the form names the instant; else it is when the run was due."""
    requested_by: str
    """The Airflow user who asks, or the name given on the command line."""

    @property
    def today(self) -> date:
        """The engagement's local day."""
        return find_local_day(self.as_of, self.engagement.time_zone)


def read_asked(
    runtime: Runtime, form: Mapping[str, Any], due: datetime, requested_by: str | None
) -> tuple[Asked, dict[str, Any]]:
    """Return how a form begins, and its other entries; `due` stands in for an empty `as_of`.

    A run that nobody started is taken as asked by the engagement manager. Raises ConfigurationError naming what is
    wrong with the form.
    """
    entries = dict(form)
    told = entries.pop("as_of", None)
    as_of = parse_instant(told, due)
    engagement = find_engagement(runtime.engine, str(entries.pop("engagement", None) or ""))
    return Asked(engagement, as_of, bool(told), requested_by or engagement.roles.get("EM") or "nobody"), entries


def require_in_hypercare(runtime: Runtime, engagement: Engagement) -> None:
    """Raise PermanentError where an engagement is cancelled or handed over: nothing is told of it any more."""
    decision = latest_decision(runtime.engine, engagement.id)
    if read_terms_of(runtime.engine, engagement.id).cancellation:
        msg = f"{engagement.name}: hypercare is cancelled; what starts again is a new engagement in Salesforce"
        raise PermanentError(msg)
    if decision is not None and decision["state"] == ExitState.HANDED_OVER:
        msg = f"{engagement.name}: the engagement is handed over; a relapse brings it back"
        raise PermanentError(msg)
