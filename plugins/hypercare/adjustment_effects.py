"""What an adjustment would change, found by judging before and after it, or why it is refused (rule R16). Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hypercare.adjustment_rules import RULES, Refusal, refuse_any
from hypercare.adjustment_standing import EngagementStanding
from hypercare.adjustment_terms import DAY, Terms
from hypercare.adjustments import (
    Adjustment,
    Cancelled,
    ExitByException,
    Extended,
    GoLiveMoved,
    OwnerChanged,
    PauseEnded,
    PauseStarted,
    RoutingDecided,
    WaiverApproved,
    WaiverAsked,
    WaiverRejected,
)
from hypercare.model import Pause, Verdict, WeekJudgement
from hypercare.weeks import Week


@dataclass(frozen=True)
class Change:
    """One thing, before and after."""

    what: str
    before: str
    after: str

    def tell(self) -> str:
        """Return it in words."""
        if self.before == self.after:
            return f"{self.what}: unchanged, {self.after}"
        return f"{self.what}: {self.before} → {self.after}"


@dataclass(frozen=True)
class Effect:
    """What an adjustment changes, in plain words."""

    summary: str
    weeks: tuple[Change, ...]
    """The weeks that come to count otherwise."""
    cycle: Change
    gate: Change
    also: tuple[str, ...]
    judge_from: Week | None
    """The first week to be judged again; None where no decision rests on the adjustment."""

    def list_lines(self) -> list[str]:
        """Return the effect line by line."""
        weeks = [week.tell() for week in self.weeks] or ["weeks: no week counts otherwise"]
        return [*weeks, self.cycle.tell(), self.gate.tell(), *self.also]


def check_adjustment(standing: EngagementStanding, adjustment: Adjustment) -> Effect | Refusal:
    """Return what an adjustment would change for weeks, cycle and gate, or the rule by which it is refused."""
    refusal = refuse_any(standing, adjustment) or RULES[adjustment.kind](standing, adjustment)
    if refusal:
        return refusal
    after = standing.add(adjustment)
    return Effect(
        summary=_summarize(standing, adjustment),
        weeks=tuple(_list_changed_weeks(standing, after)),
        cycle=Change("cycle", _tell_cycle(standing), _tell_cycle(after)),
        gate=Change("gate", _tell_gate(standing), _tell_gate(after)),
        also=tuple(_list_side_effects(standing, after, adjustment)),
        judge_from=_find_first_week(standing, adjustment),
    )


def _summarize(standing: EngagementStanding, adjustment: Adjustment) -> str:
    """Return what is asked, in one sentence."""
    name = standing.engagement.name
    match adjustment:
        case PauseStarted():
            until = f" through {adjustment.ends_on}" if adjustment.ends_on else " until it is resumed"
            return f"{name} rests from {adjustment.starts_on}{until}"
        case PauseEnded():
            return f"{name} goes on from {adjustment.resumes_on}"
        case GoLiveMoved():
            return f"the go-live of {name} moves from {standing.engagement.go_live} to {adjustment.go_live}"
        case Extended():
            return f"hypercare of {name} lasts at least through {adjustment.until}"
        case Cancelled():
            return f"hypercare of {name} is cancelled"
        case OwnerChanged():
            before = standing.engagement.roles.get(adjustment.role) or "nobody"
            return f"{adjustment.role} of {name} is {adjustment.person} instead of {before}"
        case RoutingDecided():
            return f"{name} is handed over by {adjustment.transition.replace('_', ' ')}"
        case ExitByException():
            covered = ", ".join(adjustment.criteria)
            return f"{name} may leave by exception although these fail: {covered}; {adjustment.executive} decided"
        case WaiverAsked() | WaiverApproved() | WaiverRejected():
            return _summarize_waiver(name, adjustment)


def _summarize_waiver(name: str, adjustment: WaiverAsked | WaiverApproved | WaiverRejected) -> str:
    criterion, week = adjustment.subject
    subject = f"week {week}" if week else criterion
    if isinstance(adjustment, WaiverAsked):
        return f"a waiver of {subject} through {adjustment.expires_on} is asked for {name}"
    granted = isinstance(adjustment, WaiverApproved)
    return f"the waiver of {subject} is {'granted' if granted else 'refused'} to {name}"


def _list_changed_weeks(before: EngagementStanding, after: EngagementStanding) -> Iterator[Change]:
    labels = [_label_weeks(standing) for standing in (before, after)]
    for week in sorted(labels[0].keys() | labels[1].keys()):
        was, will_be = (label.get(week, "not judged") for label in labels)
        if was != will_be:
            yield Change(str(week), was, will_be)


def _label_weeks(standing: EngagementStanding) -> dict[Week, str]:
    pauses = standing.terms.list_pauses()
    return {each.week: _label_week(each, standing, pauses) for each in standing.judgement.weeks}


def _label_week(judgement: WeekJudgement, standing: EngagementStanding, pauses: tuple[Pause, ...]) -> str:
    """Return a week's verdict, and why it counts for less than that."""
    if judgement.week.monday < standing.engagement.go_live:
        return f"{judgement.verdict}, before go-live: kept, not counted"
    pause = next((each for each in pauses if each.first <= judgement.week <= (each.last or judgement.week)), None)
    if pause is None:
        return str(judgement.verdict)
    longest = standing.policy.cycle.longest_quiet_pause_weeks
    latest = standing.judgement.weeks[-1].week
    length = (pause.last or max(latest, pause.first)).weeks_since(pause.first) + 1
    counts = length <= longest and judgement.verdict in (Verdict.QUIET, Verdict.WAIVED)
    return f"{judgement.verdict}, paused: {'still counts' if counts else 'breaks the cycle'}"


def _tell_cycle(standing: EngagementStanding) -> str:
    cycle = standing.judgement.cycle
    return f"{cycle.verdict} ({cycle.reason})"


def _tell_gate(standing: EngagementStanding) -> str:
    return f"{standing.state} ({standing.judgement.reasons[0]})"


def _list_side_effects(before: EngagementStanding, after: EngagementStanding, adjustment: Adjustment) -> Iterator[str]:
    """Return what else a person should know before confirming."""
    if isinstance(adjustment, PauseStarted):
        longest = before.policy.cycle.longest_quiet_pause_weeks
        yield f"evidence is still gathered; no alerts, no reports; a pause over {longest} weeks restarts the cycle"
    if isinstance(adjustment, Cancelled):
        yield "nothing more is pulled or judged; what was recorded stays; this can't be taken back"
    if isinstance(adjustment, GoLiveMoved) and adjustment.go_live < before.engagement.go_live:
        yield f"the next run computes the weeks from {Week.containing(adjustment.go_live)} on"
    if isinstance(adjustment, ExitByException):
        weeks = after.terms.count_relapse_watch_weeks(before.policy)
        yield f"after the handover a relapse is watched for {weeks} weeks instead of {_usual_watch(before)}"
        yield from (f"open risk: {each.risk}, {each.owner} by {each.due_on}" for each in adjustment.risks)
        yield f"accepted by CVM {adjustment.accepted_by_cvm} and Support {adjustment.accepted_by_support}"
    if isinstance(adjustment, WaiverAsked):
        yield "it counts once somebody else approves it (waiver_approved)"


def _usual_watch(standing: EngagementStanding) -> int:
    return Terms().count_relapse_watch_weeks(standing.policy)


def _find_first_week(standing: EngagementStanding, adjustment: Adjustment) -> Week | None:
    weeks = standing.judgement.weeks
    match adjustment:
        case PauseStarted():
            return Week.containing(adjustment.starts_on)
        case PauseEnded():
            rest = standing.terms.find_rest(adjustment.resumes_on - DAY)
            return Week.containing(rest.first) if rest else None
        case GoLiveMoved():
            return Week.containing(min(adjustment.go_live, standing.engagement.go_live))
        case WaiverApproved():
            return adjustment.subject[1] or (weeks[-1].week if weeks else None)
        case Extended() | ExitByException():
            return weeks[-1].week if weeks else None
        case _:
            return None


def tell_effect(adjustment: Adjustment, effect: Effect) -> str:
    """Return what a person is shown before confirming, as Markdown; the same for the same effect."""
    decided = f"Decided by {adjustment.decided_by} on {adjustment.decided_on}: {adjustment.reason}"
    evidence = f", evidence: {adjustment.evidence}" if adjustment.evidence else ""
    recorded = f"Recorded by {adjustment.recorded_by}{evidence}"
    lines = [f"- {line}" for line in effect.list_lines()]
    return "\n".join([f"**{effect.summary}.**", "", decided, "", recorded, "", "What changes:", "", *lines])
