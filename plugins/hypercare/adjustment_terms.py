"""What an engagement's adjustments come to: when it rests, what is waived, whether it may leave. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum

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
from hypercare.cycle import say_day
from hypercare.gate import MET
from hypercare.model import CriterionResult, Engagement, ExitState, Judgement, Pause, Verdict, Waiver
from hypercare.policy import Policy
from hypercare.weeks import Week

EXTENSION_CRITERION = "extension"
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Rest:
    """The days of one pause; no `last` means that it still rests."""

    first: date
    last: date | None
    reason: str

    def covers(self, day: date) -> bool:
        """Return whether a day rests."""
        return self.first <= day and (self.last is None or day <= self.last)


@dataclass(frozen=True)
class Terms:
    """What all adjustments of an engagement, in their order, come to."""

    rests: tuple[Rest, ...] = ()
    moved: GoLiveMoved | None = None
    extension: Extended | None = None
    cancellation: Cancelled | None = None
    owners: tuple[OwnerChanged, ...] = ()
    """The last change of each role, by role."""
    routing: RoutingDecided | None = None
    asked: tuple[WaiverAsked, ...] = ()
    """Waivers that nobody has answered yet."""
    waivers: tuple[Waiver, ...] = ()
    exception: ExitByException | None = None

    def list_pauses(self) -> tuple[Pause, ...]:
        """Return the paused weeks; rests in adjacent weeks are one pause, so that two short ones make a long one."""
        pauses: list[Pause] = []
        for rest in sorted(self.rests, key=lambda rest: rest.first):
            pause = Pause(Week.containing(rest.first), Week.containing(rest.last) if rest.last else None, rest.reason)
            before = pauses[-1] if pauses else None
            if before and (before.last is None or pause.first <= before.last.shift(1)):
                last = None if before.last is None or pause.last is None else max(before.last, pause.last)
                words = "; ".join(dict.fromkeys([before.reason, pause.reason]))
                pauses[-1] = Pause(before.first, last, words)
            else:
                pauses.append(pause)
        return tuple(pauses)

    def find_rest(self, day: date) -> Rest | None:
        """Return the rest in which a day lies."""
        return next((rest for rest in self.rests if rest.covers(day)), None)

    def count_relapse_watch_weeks(self, policy: Policy) -> int:
        """Return for how many weeks after the handover a relapse is watched for (rule R15)."""
        handover = policy.handover
        return handover.relapse_watch_weeks_after_exception if self.exception else handover.relapse_watch_weeks


def read_terms(adjustments: Iterable[Adjustment]) -> Terms:
    """Return what adjustments come to, the earliest first."""
    terms = Terms()
    for adjustment in adjustments:
        terms = _add(terms, adjustment)
    return terms


def _add(terms: Terms, adjustment: Adjustment) -> Terms:
    match adjustment:
        case PauseStarted():
            rest = Rest(adjustment.starts_on, adjustment.ends_on, adjustment.reason)
            return replace(terms, rests=(*terms.rests, rest))
        case PauseEnded():
            last = adjustment.resumes_on - DAY
            rests = (replace(rest, last=last) if rest.covers(last) else rest for rest in terms.rests)
            return replace(terms, rests=tuple(rests))
        case GoLiveMoved():
            return replace(terms, moved=adjustment)
        case Extended():
            return replace(terms, extension=adjustment)
        case Cancelled():
            return replace(terms, cancellation=adjustment)
        case OwnerChanged():
            others = (each for each in terms.owners if each.role != adjustment.role)
            return replace(terms, owners=tuple(sorted((*others, adjustment), key=lambda each: each.role)))
        case RoutingDecided():
            return replace(terms, routing=adjustment)
        case WaiverAsked() | WaiverApproved() | WaiverRejected():
            return _add_waiver(terms, adjustment)
        case ExitByException():
            return replace(terms, exception=adjustment)


def _add_waiver(terms: Terms, answer: WaiverAsked | WaiverApproved | WaiverRejected) -> Terms:
    if isinstance(answer, WaiverAsked):
        return replace(terms, asked=tuple(sorted((*terms.asked, answer), key=lambda each: (each.criterion, each.week))))
    asked = next((each for each in terms.asked if each.subject == answer.subject), None)
    if asked is None:
        return terms
    terms = replace(terms, asked=tuple(each for each in terms.asked if each is not asked))
    if isinstance(answer, WaiverRejected):
        return terms
    criterion, week = asked.subject
    granted = Waiver(criterion, asked.reason, asked.decided_by, answer.decided_by, asked.expires_on, week)
    waivers = sorted((*terms.waivers, granted), key=lambda each: (each.criterion, str(each.week), each.expires_on))
    return replace(terms, waivers=tuple(waivers))


def adjust_engagement(engagement: Engagement, terms: Terms) -> Engagement:
    """Return an engagement with the go-live and the people that were decided."""
    roles = {**engagement.roles, **{change.role: change.person for change in terms.owners}}
    return replace(engagement, go_live=terms.moved.go_live if terms.moved else engagement.go_live, roles=roles)


class NoticeAbout(StrEnum):
    """What Salesforce says otherwise than the ledger."""

    GO_LIVE = "go-live"
    OWNER = "owner"


@dataclass(frozen=True)
class Notice:
    """Where Salesforce says something else than what the ledger holds."""

    about: NoticeAbout
    words: str
    needs_decision: bool
    """Whether nobody has decided on it yet; else Salesforce lags behind a decision."""


def settle_with_salesforce(
    found: Engagement, held: Engagement | None, terms: Terms, today: date
) -> tuple[Engagement, tuple[Notice, ...]]:
    """Return an engagement as the ledger is to hold it, having read it from Salesforce as `found`.

    A change of the go-live after its first week counts only when confirmed (rule R16): until then what is `held` stays.
    A go-live or owner that was decided stays whatever Salesforce says, until another decision.
    """
    settled = adjust_engagement(found, terms)
    owners = [
        f"Salesforce names {found.roles.get(change.role) or 'nobody'} as {change.role}, held is {change.person} as "
        f"decided by {change.decided_by} on {change.decided_on}; correct Salesforce, or record owner_changed"
        for change in terms.owners
        if found.roles.get(change.role) != change.person
    ]
    notices = [Notice(NoticeAbout.OWNER, "; ".join(owners), needs_decision=False)] if owners else []
    is_settled = terms.moved is not None or held is None or today <= Week.containing(held.go_live).sunday
    if not is_settled and held is not None:
        settled = replace(settled, go_live=held.go_live)
    if settled.go_live != found.go_live:
        decided = f" as decided by {terms.moved.decided_by} on {terms.moved.decided_on}" if terms.moved else ""
        words = f"Salesforce has the go-live {found.go_live}, held is {settled.go_live}{decided}"
        advice = "correct Salesforce, or record go_live_moved" if terms.moved else "record go_live_moved to confirm it"
        notices.append(Notice(NoticeAbout.GO_LIVE, f"{words}; {advice}", needs_decision=terms.moved is None))
    return settled, tuple(notices)


def apply_terms(judgement: Judgement, terms: Terms, today: date) -> Judgement:
    """Return a judgement of the gate with what people decided about the exit: an extension, an exit by exception."""
    return _except(_extend(judgement, terms.extension, today), terms.exception, today)


def list_open_criteria(judgement: Judgement) -> tuple[str, ...]:
    """Return the names of the criteria that keep an engagement from being READY."""
    return tuple(each.criterion for each in judgement.criteria if not each.advisory and each.verdict not in MET)


def _extend(judgement: Judgement, extension: Extended | None, today: date) -> Judgement:
    if extension is None or today > extension.until:
        return judgement
    words = f"extended until {say_day(extension.until, today)} by {extension.decided_by}: {extension.reason}"
    criterion = CriterionResult(
        criterion=EXTENSION_CRITERION,
        title="Hypercare extended",
        verdict=Verdict.FAIL,
        value=f"until {extension.until}",
        threshold="the extension is over",
        evidence=tuple(filter(None, [extension.evidence])),
        reason=words,
        source="adjustment",
    )
    reasons = () if judgement.state is ExitState.READY else judgement.reasons
    return replace(
        judgement,
        state=ExitState.CYCLE_COMPLETE if judgement.state is ExitState.READY else judgement.state,
        verdict=Verdict.FAIL,
        criteria=(*judgement.criteria, criterion),
        reasons=(*reasons, f"{criterion.title}: {words}"),
    )


def _except(judgement: Judgement, exception: ExitByException | None, today: date) -> Judgement:
    if exception is None:
        return judgement
    uncovered = [name for name in list_open_criteria(judgement) if name not in exception.criteria]
    day = say_day(exception.decided_on, today)
    if uncovered:
        words = f"the exit by exception of {day} does not cover {', '.join(uncovered)}"
        return replace(judgement, reasons=(*judgement.reasons, words))
    decision = f"exit by exception, decided by {exception.executive} on {day}: {exception.reason}"
    risks = (f"open risk: {each.risk}, {each.owner} by {say_day(each.due_on, today)}" for each in exception.risks)
    return replace(judgement, state=ExitState.EXCEPTION, reasons=(decision, *risks, *judgement.reasons))


def find_state(state: ExitState, terms: Terms, today: date) -> ExitState:
    """Return where an engagement stands on a local day, given the state of its judgement."""
    if terms.cancellation:
        return ExitState.CANCELLED
    if state is ExitState.HANDED_OVER:
        return state
    return ExitState.PAUSED if terms.find_rest(today) else state


def tell_rest(terms: Terms, today: date) -> tuple[str, ...]:
    """Return why an engagement is cancelled or rests on a local day; nothing where it does neither."""
    if terms.cancellation:
        decided = terms.cancellation
        return (f"cancelled by {decided.decided_by} on {say_day(decided.decided_on, today)}: {decided.reason}",)
    rest = terms.find_rest(today)
    if rest is None:
        return ()
    until = f" until {say_day(rest.last, today)}" if rest.last else ""
    return (f"paused since {say_day(rest.first, today)}{until}: {rest.reason}",)
