"""Where every engagement stands: its weeks, its cycle and the gate, as tables and pages show them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy import Engine

from hypercare import signing_off
from hypercare.adjustment_terms import Terms, find_state, read_terms, tell_rest
from hypercare.gate_calendar import find_local_day
from hypercare.ledger.adjustments import read_adjustments
from hypercare.ledger.decisions import latest_decisions
from hypercare.ledger.evidence import Revision, latest_revisions, reconstructed_weeks
from hypercare.ledger.roster import read_engagements
from hypercare.model import Engagement, ExitState, Verdict
from hypercare.week_verdict import GOOD, is_in_force
from hypercare.weeks import Week


@dataclass(frozen=True)
class WeekLine:
    """One week of one engagement."""

    week: Week
    verdict: str
    """WAIVED where a waiver of the week is in force."""
    reason: str
    """The first reason, in plain words."""
    revision: int
    paused: bool = False
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
    """A `hypercare.model.ExitState`; empty before the first decision."""
    verdict: str
    reasons: tuple[str, ...]
    evidence: str = ""
    """How far the cycle's evidence reaches, as the gate says it: level 1 to 3, or signed off (rule R10)."""

    @property
    def reconstructed(self) -> tuple[Week, ...]:
        """The weeks that lay before the engagement was connected."""
        return tuple(line.week for line in self.weeks if line.reconstructed)

    def verdict_of(self, week: Week) -> str:
        """Return the verdict of a week, and whether it is paused; empty where there is none."""
        line = next((line for line in self.weeks if line.week == week), None)
        return "" if line is None else f"{line.verdict} (paused)" if line.paused else line.verdict


def read_standings(engine: Engine) -> list[Standing]:
    """Return every engagement in hypercare, by name."""
    decisions = latest_decisions(engine)
    return [read_standing(engine, engagement, decisions.get(engagement.id)) for engagement in read_engagements(engine)]


def read_standing(engine: Engine, engagement: Engagement, decision: Mapping[str, Any] | None) -> Standing:
    """Return where one engagement stands by a decision of the ledger; None: it was not judged yet."""
    recorded = read_adjustments(engine, engagement.id)
    terms = read_terms(each.adjustment for each in recorded)
    revisions = latest_revisions(engine, engagement.id)
    known = [each.as_of for each in recorded] + [revision.as_of for revision in revisions.values()]
    today = find_local_day(max(known), engagement.time_zone) if known else engagement.go_live
    reconstructed = reconstructed_weeks(engine, engagement.id)
    weeks = tuple(
        replace(_line(revision, terms, today), reconstructed=week in reconstructed)
        for week, revision in sorted(revisions.items())
    )
    rest = tell_rest(terms, today)
    if decision is None:
        state = find_state(ExitState.IN_CYCLE, terms, today) if rest else ""
        return Standing(engagement, weeks, "", "", state, "", rest)
    cycle = decision["cycle"]
    return Standing(
        engagement,
        weeks,
        cycle["verdict"],
        cycle["reason"],
        find_state(ExitState(decision["state"]), terms, today),
        decision["verdict"],
        (*rest, *decision["reasons"]),
        next((each["value"] for each in decision["criteria"] if each["criterion"] == signing_off.CRITERION), ""),
    )


def _line(revision: Revision, terms: Terms, today: date) -> WeekLine:
    week, judgement = revision.key.week, revision.judgement
    waived = judgement.verdict not in GOOD and any(
        waiver.week == week and is_in_force(waiver, today) for waiver in terms.waivers
    )
    return WeekLine(
        week=week,
        verdict=Verdict.WAIVED if waived else judgement.verdict.value,
        reason=next(iter(judgement.reasons), ""),
        revision=revision.key.revision,
        paused=any(pause.first <= week <= (pause.last or week) for pause in terms.list_pauses()),
    )
