"""Technical issues propose action items (seed 4.4, "update tracker for technical issues"). Pure: no I/O, no clock.

One proposal for each failed integration and document: an integration's failed runs are one, a document that does not
get through it is one, a document that failed by itself (a payment, an order) is one. A proposal is open while a failure
of it is left, and cleared exactly when none is; a failure that comes back opens the same proposal again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from hypercare.canonical import digest
from hypercare.model import Severity
from hypercare.weeks import Week

WORST_FIRST = (Severity.HIGH, Severity.MEDIUM, Severity.LOW, Severity.UNSORTED)
LONGEST_TITLE = 240
LABEL_DIGITS = 12
MARK_DIGITS = 16
TOLD_FAILURES = 10


@dataclass(frozen=True)
class Failure:
    """One failing record of the engagement's week or an earlier one, as last pulled."""

    kind: str
    """The file of include/sql/technical_issues that found it."""
    id: str
    """The failing record, stable over pulls: `integration_error:acme/7`."""
    integration: str
    """The integration's id, empty where the failure is a document's own."""
    document: str
    """Type and id of the document, empty where the whole integration fails."""
    failed_at: datetime
    """Aware UTC."""
    what: str
    impact: str
    severity: Severity

    @property
    def identity(self) -> str:
        """What the proposal is about: integration and document."""
        parts = (("integration", self.integration), ("document", self.document))
        return " ".join(f"{name} {value}" for name, value in parts if value) or self.id


class ProposalState(StrEnum):
    """Where a proposal stands."""

    OPEN = "open"
    CLEARED = "cleared"


@dataclass(frozen=True)
class Proposal:
    """An action item that the data propose."""

    engagement: str
    identity: str
    title: str
    """What is wrong → impact."""
    severity: Severity
    state: ProposalState
    first_week: Week
    last_week: Week
    """The last week that found a failure of it."""
    cleared_week: Week | None = None
    occurrence: int = 1
    """Raised whenever it is opened again after it had cleared."""
    failures: tuple[Failure, ...] = ()
    """What is left of it, oldest first; none when cleared."""

    @property
    def label(self) -> str:
        """A word by which its issue is found in a tracker, the same for ever."""
        name = f"{self.engagement}|{self.identity}"
        return "hc-" + hashlib.sha256(name.encode()).hexdigest()[:LABEL_DIGITS]

    @property
    def mark(self) -> str:
        """A word that changes whenever there is something new to tell of it."""
        news = [self.label, self.occurrence, self.state, [failure.id for failure in self.failures]]
        return f"hypercare:{digest(news)[:MARK_DIGITS]}"

    def describe(self) -> tuple[str, ...]:
        """Return what there is to tell, as paragraphs."""
        if self.state is ProposalState.CLEARED:
            return (f"Cleared in week {self.cleared_week}: no failure is left.", f"It was: {self.title}")
        newest = self.failures[::-1][:TOLD_FAILURES]
        more = len(self.failures) - len(newest)
        again = "Seen again" if self.occurrence > 1 else "Seen"
        return (
            f"{again} in week {self.last_week}, first in {self.first_week}: {self.title}",
            *(f"{failure.failed_at.date().isoformat()} {failure.id}: {failure.what}" for failure in newest),
            *([f"and {more} earlier failures"] if more else []),
        )


def update_proposals(
    engagement: str,
    known: Mapping[str, Proposal],
    failures: Iterable[Failure],
    judged: Collection[str],
    week: Week,
) -> dict[str, Proposal]:
    """Return all proposals of an engagement, by identity, after a week's failures.

    `judged` names the kinds of failures whose records are trustworthy now: of every other kind nothing is believed,
    neither that something fails nor that it no longer does, so what was found before stays.
    """
    found: dict[str, list[Failure]] = {}
    for failure in failures:
        if failure.kind in judged:
            found.setdefault(failure.identity, []).append(failure)
    proposals: dict[str, Proposal] = {}
    for identity in sorted({*known, *found}):
        before = known.get(identity)
        kept = [failure for failure in before.failures if failure.kind not in judged] if before else []
        left = _sort({failure.id: failure for failure in [*kept, *found.get(identity, ())]}.values())
        if left:
            proposals[identity] = _open(engagement, identity, before, left, week, is_news=identity in found)
        elif before is not None:
            proposals[identity] = _clear(before, week)
    return proposals


def _open(
    engagement: str, identity: str, before: Proposal | None, left: tuple[Failure, ...], week: Week, *, is_news: bool
) -> Proposal:
    title, severity = _write_title(left), min((failure.severity for failure in left), key=WORST_FIRST.index)
    if before is None:
        return Proposal(engagement, identity, title, severity, ProposalState.OPEN, week, week, failures=left)
    return replace(
        before,
        title=title,
        severity=severity,
        state=ProposalState.OPEN,
        first_week=min(before.first_week, week) if is_news else before.first_week,
        last_week=max(before.last_week, week) if is_news else before.last_week,
        cleared_week=None,
        occurrence=before.occurrence + (before.state is ProposalState.CLEARED),
        failures=left,
    )


def _clear(before: Proposal, week: Week) -> Proposal:
    if before.state is ProposalState.CLEARED:
        return before
    return replace(before, state=ProposalState.CLEARED, cleared_week=week, failures=())


def _sort(failures: Iterable[Failure]) -> tuple[Failure, ...]:
    return tuple(sorted(failures, key=lambda failure: (failure.failed_at, failure.id)))


def _write_title(failures: tuple[Failure, ...]) -> str:
    """Return what is wrong → impact, of the newest failure."""
    newest = failures[-1]
    count = f", {len(failures)} failures" if len(failures) > 1 else ""
    impact = f"{count} → {newest.impact}"
    room = max(1, LONGEST_TITLE - len(impact))
    what = newest.what if len(newest.what) <= room else newest.what[: room - 1] + "…"
    return (what + impact)[:LONGEST_TITLE]
