"""When an adjustment is refused, by which rule, and what to do instead. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hypercare.adjustment_standing import EngagementStanding
from hypercare.adjustment_terms import DAY, list_open_criteria
from hypercare.adjustments import (
    Adjustment,
    ExitByException,
    Extended,
    GoLiveMoved,
    Kind,
    OwnerChanged,
    PauseEnded,
    PauseStarted,
    RoutingDecided,
    WaiverApproved,
    WaiverAsked,
    WaiverRejected,
)
from hypercare.model import ExitState
from hypercare.week_verdict import CYCLE_CRITERION, GOOD


@dataclass(frozen=True)
class Refusal:
    """Why an adjustment does not stand, and what to do instead."""

    rule: str
    why: str
    what_to_do: str

    def tell(self) -> str:
        """Return it in one line."""
        return f"refused by {self.rule}: {self.why}; {self.what_to_do}"


Rule = Callable[[EngagementStanding, Any], Refusal | None]
"""What refuses one kind of adjustment."""


def is_same_person(one: str, other: str) -> bool:
    """Return whether two names mean one person."""
    return one.strip().casefold() == other.strip().casefold()


def refuse_any(standing: EngagementStanding, adjustment: Adjustment) -> Refusal | None:
    """Return what refuses an adjustment of whatever kind."""
    if standing.state is ExitState.CANCELLED:
        return Refusal("R16", "hypercare is cancelled", "what starts again is a new engagement in Salesforce")
    if standing.state is ExitState.HANDED_OVER:
        return Refusal("R16", "the engagement is handed over", "a relapse brings it back, see the relapse watch")
    if adjustment.decided_on > standing.today:
        return Refusal("R16", f"it is decided on {adjustment.decided_on}, a day to come", "record it on that day")
    if not is_same_person(adjustment.decided_by, adjustment.recorded_by) and not adjustment.evidence:
        words = f"{adjustment.recorded_by} records on behalf of {adjustment.decided_by} without evidence"
        return Refusal("R2", words, "name the mail, ticket or minutes that show the decision")
    return None


def _refuse_pause(standing: EngagementStanding, pause: PauseStarted) -> Refusal | None:
    if pause.starts_on < standing.engagement.go_live:
        return Refusal("R16", f"the pause begins before the go-live {standing.engagement.go_live}", "move the go-live")
    if pause.ends_on and pause.ends_on < pause.starts_on:
        return Refusal("R16", "the pause ends before it begins", "correct its days")
    if standing.state is ExitState.EXCEPTION:
        return Refusal("R16", "an exit by exception is decided", "hand over; what is open has its owner and date")
    for rest in standing.terms.rests:
        overlaps = (rest.last is None or pause.starts_on <= rest.last) and (
            pause.ends_on is None or rest.first <= pause.ends_on
        )
        if overlaps and (rest.last is None or rest.first <= rest.last):
            return Refusal("R16", f"it rests from {rest.first} through {rest.last or 'now'}", "resume first")
    return None


def _refuse_resume(standing: EngagementStanding, resume: PauseEnded) -> Refusal | None:
    rest = standing.terms.find_rest(resume.resumes_on - DAY)
    if rest is None:
        return Refusal("R16", f"it does not rest on the day before {resume.resumes_on}", "give the day it goes on")
    if rest.last == resume.resumes_on - DAY:
        return Refusal("R16", f"that pause ends on {rest.last} anyway", "there is nothing to record")
    return None


def _refuse_go_live(standing: EngagementStanding, move: GoLiveMoved) -> Refusal | None:
    if move.go_live == standing.engagement.go_live:
        return Refusal("R16", f"the go-live is {move.go_live} already", "there is nothing to move")
    return None


def _refuse_extension(standing: EngagementStanding, extended: Extended) -> Refusal | None:
    if extended.until <= standing.today:
        return Refusal("R16", f"{extended.until} is no day to come", "extend until a later day")
    if standing.terms.extension and standing.terms.extension.until == extended.until:
        return Refusal("R16", f"it is extended until {extended.until} already", "there is nothing to record")
    return None


def _refuse_owner(standing: EngagementStanding, change: OwnerChanged) -> Refusal | None:
    if is_same_person(standing.engagement.roles.get(change.role, ""), change.person):
        return Refusal("R16", f"{change.person} is {change.role} already", "there is nothing to change")
    return None


def _refuse_routing(standing: EngagementStanding, routing: RoutingDecided) -> Refusal | None:
    segment, region = standing.engagement.segment, standing.engagement.region
    for route in standing.policy.handover.routes:
        if route.segment in (segment, "any") and route.region in (region, "any"):
            words = f"the policy routes {segment} {region} by {route.transition.replace('_', ' ')}"
            return Refusal("R18", words, "a deviation belongs into the policy's overrides")
    decided = standing.terms.routing
    if decided and decided.transition == routing.transition:
        return Refusal("R18", "that is decided already", "there is nothing to record")
    return None


def _refuse_asking(standing: EngagementStanding, asked: WaiverAsked) -> Refusal | None:
    criterion, week = asked.subject
    if asked.expires_on <= standing.today:
        return Refusal("R15", f"the waiver would have expired on {asked.expires_on}", "give a day to come")
    if any(each.subject == asked.subject for each in standing.terms.asked):
        return Refusal("R15", "that waiver is asked for already", "answer it: waiver_approved or waiver_rejected")
    if week is None:
        if criterion not in list_open_criteria(standing.judgement):
            failing = ", ".join(list_open_criteria(standing.judgement)) or "none"
            return Refusal("R15", f"{criterion} keeps nobody from leaving (what does: {failing})", "nothing to waive")
        return None
    if criterion != CYCLE_CRITERION:
        return Refusal("R15", f"a week of {criterion} can't be waived", f"a week is waived for {CYCLE_CRITERION}")
    judged = {each.week: each for each in standing.judgement.weeks}
    if week not in judged:
        return Refusal("R15", f"{week} is not judged", "wait for its run")
    if judged[week].verdict in GOOD:
        return Refusal("R15", f"{week} is {judged[week].verdict}", "there is nothing to waive")
    return None


def _refuse_answer(standing: EngagementStanding, answer: WaiverApproved | WaiverRejected) -> Refusal | None:
    asked = next((each for each in standing.terms.asked if each.subject == answer.subject), None)
    if asked is None:
        return Refusal(
            "R15", f"nobody has asked to waive {answer.week or answer.criterion}", "record waiver_asked first"
        )
    if any(is_same_person(answer.decided_by, name) for name in (asked.decided_by, asked.recorded_by)):
        return Refusal("R15", f"{answer.decided_by} asked for it", "somebody else must decide")
    if isinstance(answer, WaiverApproved) and asked.expires_on < standing.today:
        return Refusal("R15", f"what was asked expired on {asked.expires_on}", "reject it, and ask anew")
    return None


def _refuse_exception(standing: EngagementStanding, exit_: ExitByException) -> Refusal | None:
    failing = set(list_open_criteria(standing.judgement))
    if standing.state is ExitState.PAUSED:
        return Refusal("R16", "the engagement rests", "resume first")
    if standing.state is ExitState.EXCEPTION:
        return Refusal("R15", "an exit by exception is decided already", "hand over")
    if not failing:
        return Refusal("R15", "every criterion is met", "hand over without an exception")
    left_out = sorted(failing - set(exit_.criteria))
    if left_out:
        return Refusal("R15", f"it leaves out {', '.join(left_out)}", "one decision covers all failing criteria")
    too_many = sorted(set(exit_.criteria) - failing)
    if too_many:
        return Refusal("R15", f"{', '.join(too_many)} does not fail", "name the failing criteria only")
    if is_same_person(exit_.accepted_by_cvm, exit_.accepted_by_support):
        return Refusal("R15", f"{exit_.accepted_by_cvm} accepts for both CVM and Support", "each accepts for itself")
    past = [risk.risk for risk in exit_.risks if risk.due_on <= standing.today]
    if past:
        return Refusal("R15", f"no day to come is set for: {', '.join(past)}", "give each open risk a date")
    return None


RULES: Mapping[Kind, Rule] = {
    Kind.PAUSE: _refuse_pause,
    Kind.RESUME: _refuse_resume,
    Kind.GO_LIVE_MOVED: _refuse_go_live,
    Kind.EXTENDED: _refuse_extension,
    Kind.CANCELLED: lambda _standing, _adjustment: None,
    Kind.OWNER_CHANGED: _refuse_owner,
    Kind.ROUTING_DECIDED: _refuse_routing,
    Kind.WAIVER_ASKED: _refuse_asking,
    Kind.WAIVER_APPROVED: _refuse_answer,
    Kind.WAIVER_REJECTED: _refuse_answer,
    Kind.EXIT_BY_EXCEPTION: _refuse_exception,
}
"""What refuses each kind; that none of the kinds' own rules does leaves those of `refuse_any`."""
