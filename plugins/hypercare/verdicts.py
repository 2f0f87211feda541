"""Where every engagement stands: its weeks, its cycle and the gate, as tables and pages show them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine

from hypercare.ledger.decisions import latest_decisions
from hypercare.ledger.evidence import latest_revisions, reconstructed_weeks
from hypercare.ledger.roster import read_engagements
from hypercare.model import Engagement
from hypercare.weeks import Week


@dataclass(frozen=True)
class WeekLine:
    """One week of one engagement."""

    week: Week
    verdict: str
    reason: str
    """The first reason, in plain words."""
    revision: int
    reconstructed: bool = False
    """Whether it lay before the engagement was connected: computed from what the systems said later."""


@dataclass(frozen=True)
class Standing:
    """One engagement, as of its latest decision."""

    engagement: Engagement
    weeks: tuple[WeekLine, ...]
    cycle: str
    """PASS, FAIL or UNKNOWN; empty before the first decision."""
    cycle_reason: str
    state: str
    verdict: str
    reasons: tuple[str, ...]

    @property
    def reconstructed(self) -> tuple[Week, ...]:
        """The weeks that lay before the engagement was connected."""
        return tuple(line.week for line in self.weeks if line.reconstructed)

    def verdict_of(self, week: Week) -> str:
        """Return the verdict of a week; empty where there is none."""
        return next((line.verdict for line in self.weeks if line.week == week), "")


def read_standings(engine: Engine) -> list[Standing]:
    """Return every engagement in hypercare, by name."""
    decisions = latest_decisions(engine)
    return [_standing(engine, engagement, decisions.get(engagement.id)) for engagement in read_engagements(engine)]


def _standing(engine: Engine, engagement: Engagement, decision: Mapping[str, Any] | None) -> Standing:
    reconstructed = reconstructed_weeks(engine, engagement.id)
    weeks = tuple(
        WeekLine(
            week,
            revision.judgement.verdict.value,
            next(iter(revision.judgement.reasons), ""),
            revision.key.revision,
            reconstructed=week in reconstructed,
        )
        for week, revision in sorted(latest_revisions(engine, engagement.id).items())
    )
    if decision is None:
        return Standing(engagement, weeks, "", "", "", "", ())
    cycle = decision["cycle"]
    return Standing(
        engagement,
        weeks,
        cycle["verdict"],
        cycle["reason"],
        decision["state"],
        decision["verdict"],
        tuple(decision["reasons"]),
    )
