"""What stands in the ledger of an engagement's weeks, for finance: frozen evidence only, and a chain that holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Engine

from hypercare import signing_off
from hypercare.cycle import list_latest
from hypercare.errors import ConfigurationError, PermanentError, TransientError
from hypercare.gate_calendar import DAY
from hypercare.ledger.answers import read_answers
from hypercare.ledger.chain import ChainLink, read_links, verify_chain
from hypercare.ledger.decisions import latest_decision
from hypercare.ledger.evidence import Revision, latest_revisions
from hypercare.ledger.reconciled_rows import read_rows
from hypercare.ledger.week_details import PullNamed, read_week_details
from hypercare.ledger.workbook_entries import WorkbookVersion, list_versions
from hypercare.model import Engagement, ReadinessAnswer
from hypercare.reconciled_rows import ReconciledRows
from hypercare.verdicts import WeekLine, read_standing
from hypercare.weeks import Week

TRIES = 3
"""How often the ledger is read again where a run wrote to it meanwhile."""


@dataclass(frozen=True)
class FinanceWeek:
    """One week's last sealed revision."""

    revision: Revision
    line: WeekLine
    """Its verdict with waivers and pauses, as pages show it."""
    figures: Mapping[str, Any]
    """`Reconciliation.details`, amounts as exact text."""
    rows: ReconciledRows
    pulls: tuple[PullNamed, ...]

    @property
    def week(self) -> Week:
        """Which week it is."""
        return self.revision.key.week


@dataclass(frozen=True)
class FinanceEvidence:
    """All that the finance workbook tells, of consecutive weeks."""

    engagement: Engagement
    labels: tuple[Week, ...]
    """The weeks that were asked for, in order; one without evidence is not among `weeks`."""
    weeks: tuple[FinanceWeek, ...]
    decision: Mapping[str, Any] | None
    """The decision on the last of the weeks; None where that was not judged yet."""
    sign_offs: tuple[ReadinessAnswer, ...]
    workbooks: tuple[WorkbookVersion, ...]
    links: tuple[ChainLink, ...]
    """The engagement's whole chain."""


def read_evidence(engine: Engine, engagement: Engagement, week: Week | None = None) -> FinanceEvidence:
    """Return the evidence of one week, or of the cycle: the weeks that completed it and all since, or those so far.

    Raises ConfigurationError where there is no such evidence yet, PermanentError where the engagement's chain is
    broken, TransientError where runs go on writing while it is read.
    """
    for _ in range(TRIES):
        links = read_links(engine, engagement.id)
        evidence = _read(engine, engagement, week, links)
        if read_links(engine, engagement.id) == links:
            _refuse_broken(engine, engagement)
            return evidence
    msg = f"{engagement.name}: a run is writing its evidence; try again when it has ended"
    raise TransientError(msg)


def _read(engine: Engine, engagement: Engagement, week: Week | None, links: tuple[ChainLink, ...]) -> FinanceEvidence:
    decision = latest_decision(engine, engagement.id, week)
    labels = (week,) if week else list_cycle_weeks(engagement, decision)
    revisions = latest_revisions(engine, engagement.id)
    known = [revisions[label] for label in labels if label in revisions]
    if not known:
        msg = f"{engagement.name}: no evidence of {', '.join(map(str, labels))} yet; see `hypercare verdicts`"
        raise ConfigurationError(msg)
    lines = {line.week: line for line in read_standing(engine, engagement, decision).weeks}
    return FinanceEvidence(
        engagement=engagement,
        labels=tuple(labels),
        weeks=tuple(_read_week(engine, revision, lines[revision.key.week]) for revision in known),
        decision=decision,
        sign_offs=tuple(a for a in read_answers(engine, engagement.id) if a.criterion == signing_off.CRITERION),
        workbooks=tuple(list_versions(engine, engagement.id)),
        links=links,
    )


def _read_week(engine: Engine, revision: Revision, line: WeekLine) -> FinanceWeek:
    figures, pulls = read_week_details(engine, revision.key)
    return FinanceWeek(revision, line, figures, read_rows(engine, revision.key), pulls)


def list_cycle_weeks(engagement: Engagement, decision: Mapping[str, Any] | None) -> Sequence[Week]:
    """Return the weeks of a decision's cycle: those that completed it and all since, or those counted so far.

    Raises ConfigurationError where it has not begun.
    """
    cycle: Mapping[str, Any] = decision["cycle"] if decision else {"weeks": [], "reason": "no week was judged yet"}
    if decision and cycle.get("completed_on"):
        completing = Week.containing(date.fromisoformat(cycle["completed_on"]) - DAY)
        first, last = list_latest(completing, cycle["weeks_needed"])[0], Week.parse(decision["week"])
        return list_latest(last, last.weeks_since(first) + 1)
    weeks = [Week.parse(label) for label in cycle["weeks"]]
    if not weeks:
        msg = f"{engagement.name}: its cycle holds no week yet ({cycle['reason']}); ask for one with --week"
        raise ConfigurationError(msg)
    return weeks


def _refuse_broken(engine: Engine, engagement: Engagement) -> None:
    for link in verify_chain(engine, only=engagement.id):
        msg = (
            f"{engagement.name}: nothing is exported, its chain is broken at link {link.sequence} ({link.subject}): "
            f"{link.reason}; see `hypercare verify-ledger`"
        )
        raise PermanentError(msg)
