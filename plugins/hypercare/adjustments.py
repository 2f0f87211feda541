"""The adjustments that people make to an engagement (rules R15, R16), as frozen records, and the form that gives them.

Each names the day, the reason and who decided. People without a login are the rule: where somebody else records the
decision, it needs evidence (rule R2). Pure; what adjustments come to stands in `adjustment_terms`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, StringConstraints, TypeAdapter, ValidationError

from hypercare.canonical import digest
from hypercare.errors import ConfigurationError
from hypercare.form_fields import Remark, Words, drop_blanks, tell_problems
from hypercare.weeks import Week


class Kind(StrEnum):
    """What an adjustment does."""

    PAUSE = "pause"
    RESUME = "resume"
    GO_LIVE_MOVED = "go_live_moved"
    EXTENDED = "extended"
    CANCELLED = "cancelled"
    OWNER_CHANGED = "owner_changed"
    ROUTING_DECIDED = "routing_decided"
    WAIVER_ASKED = "waiver_asked"
    WAIVER_APPROVED = "waiver_approved"
    WAIVER_REJECTED = "waiver_rejected"
    EXIT_BY_EXCEPTION = "exit_by_exception"

    @property
    def needs_second_person(self) -> bool:
        """Whether somebody else than the requester must confirm it (rule R15)."""
        return self in (Kind.WAIVER_APPROVED, Kind.WAIVER_REJECTED, Kind.EXIT_BY_EXCEPTION)


WeekLabel: TypeAlias = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^(\d{4}-W\d{2})?$")]
Transition: TypeAlias = Literal["customer_calls", "support_session_and_cvm_mail"]
"""How a customer is handed over (rule R18), as in the policy's routes."""


@dataclass(frozen=True, kw_only=True)
class _Decided:
    """What every adjustment says."""

    decided_on: date
    """Local day of the engagement."""
    decided_by: Words
    reason: Words
    recorded_by: Words
    """Who recorded it; where that is not who decided, `evidence` shows the decision (rule R2)."""
    evidence: Remark = ""


@dataclass(frozen=True, kw_only=True)
class PauseStarted(_Decided):
    """Hypercare rests from a day on: no alerts, no reports."""

    starts_on: date
    ends_on: date | None = None
    """The last day of rest, where it is known already."""
    kind: Literal[Kind.PAUSE] = Kind.PAUSE


@dataclass(frozen=True, kw_only=True)
class PauseEnded(_Decided):
    """Hypercare goes on."""

    resumes_on: date
    """The first day that no longer rests; a week of which any day rested counts as paused."""
    kind: Literal[Kind.RESUME] = Kind.RESUME


@dataclass(frozen=True, kw_only=True)
class GoLiveMoved(_Decided):
    """The go-live is another day; also the confirmation of a change that was made in Salesforce."""

    go_live: date
    kind: Literal[Kind.GO_LIVE_MOVED] = Kind.GO_LIVE_MOVED


@dataclass(frozen=True, kw_only=True)
class Extended(_Decided):
    """Hypercare lasts at least through a day, whatever the criteria come to before it."""

    until: date
    kind: Literal[Kind.EXTENDED] = Kind.EXTENDED


@dataclass(frozen=True, kw_only=True)
class Cancelled(_Decided):
    """Hypercare ends without an exit."""

    kind: Literal[Kind.CANCELLED] = Kind.CANCELLED


@dataclass(frozen=True, kw_only=True)
class OwnerChanged(_Decided):
    """Another person has a role."""

    role: Words
    person: Words
    kind: Literal[Kind.OWNER_CHANGED] = Kind.OWNER_CHANGED


@dataclass(frozen=True, kw_only=True)
class RoutingDecided(_Decided):
    """How a customer is handed over whom no route of the policy fits (rule R18)."""

    transition: Transition
    kind: Literal[Kind.ROUTING_DECIDED] = Kind.ROUTING_DECIDED


@dataclass(frozen=True, kw_only=True)
class _OfWaiver(_Decided):
    criterion: Words
    week: WeekLabel = ""
    """For a waiver of one week of the cycle; its criterion is then `reconciliation_cycle`."""

    @property
    def subject(self) -> tuple[str, Week | None]:
        """What is, or is not, waived."""
        return self.criterion, Week.parse(self.week) if self.week else None


@dataclass(frozen=True, kw_only=True)
class WaiverAsked(_OfWaiver):
    """Somebody (`decided_by`, the requester) asks that a criterion or a week need not be met."""

    expires_on: date
    kind: Literal[Kind.WAIVER_ASKED] = Kind.WAIVER_ASKED


@dataclass(frozen=True, kw_only=True)
class WaiverApproved(_OfWaiver):
    """The approver (`decided_by`, not the requester) grants what was asked."""

    kind: Literal[Kind.WAIVER_APPROVED] = Kind.WAIVER_APPROVED


@dataclass(frozen=True, kw_only=True)
class WaiverRejected(_OfWaiver):
    """The approver (`decided_by`, not the requester) refuses what was asked."""

    kind: Literal[Kind.WAIVER_REJECTED] = Kind.WAIVER_REJECTED


@dataclass(frozen=True, kw_only=True)
class OpenRisk:
    """What remains open when a customer leaves by exception."""

    risk: Words
    owner: Words
    due_on: date


@dataclass(frozen=True, kw_only=True)
class ExitByException(_Decided):
    """One decision over all failing criteria (rule R15)."""

    criteria: Annotated[tuple[Words, ...], Field(min_length=1)]
    """The names of all criteria that fail; one that comes to fail later is not covered."""
    executive: Words
    risks: Annotated[tuple[OpenRisk, ...], Field(min_length=1)]
    accepted_by_cvm: Words
    accepted_by_support: Words
    kind: Literal[Kind.EXIT_BY_EXCEPTION] = Kind.EXIT_BY_EXCEPTION


Adjustment: TypeAlias = (
    PauseStarted
    | PauseEnded
    | GoLiveMoved
    | Extended
    | Cancelled
    | OwnerChanged
    | RoutingDecided
    | WaiverAsked
    | WaiverApproved
    | WaiverRejected
    | ExitByException
)

RECORDS: Mapping[Kind, type[Adjustment]] = {
    Kind.PAUSE: PauseStarted,
    Kind.RESUME: PauseEnded,
    Kind.GO_LIVE_MOVED: GoLiveMoved,
    Kind.EXTENDED: Extended,
    Kind.CANCELLED: Cancelled,
    Kind.OWNER_CHANGED: OwnerChanged,
    Kind.ROUTING_DECIDED: RoutingDecided,
    Kind.WAIVER_ASKED: WaiverAsked,
    Kind.WAIVER_APPROVED: WaiverApproved,
    Kind.WAIVER_REJECTED: WaiverRejected,
    Kind.EXIT_BY_EXCEPTION: ExitByException,
}
"""The record of each kind."""

ADJUSTMENT: TypeAdapter[Adjustment] = TypeAdapter(Annotated[Adjustment, Field(discriminator="kind")])


def identify(adjustment: Adjustment) -> str:
    """Return the natural key of an adjustment within its engagement: the digest of all it says."""
    return digest(adjustment)


def list_fields(kind: Kind) -> tuple[str, ...]:
    """Return what a form must or may say for a kind, beside the kind itself and who records it."""
    return tuple(each.name for each in fields(RECORDS[kind]) if each.name not in ("kind", "recorded_by"))


def read_form(form: Mapping[str, Any], *, recorded_by: str, today: date) -> Adjustment:
    """Return the adjustment that a form asks for; empty entries count as not given.

    `decided_on` may be left out and is then `today`. Risks come as texts `risk | owner | 2026-04-30`.
    Raises ConfigurationError naming each entry that is missing, wrong, or belongs to another kind.
    """
    given = drop_blanks(form)
    try:
        kind = Kind(given.pop("kind", ""))
    except ValueError as error:
        msg = f"Param kind: choose one of {', '.join(Kind)}"
        raise ConfigurationError(msg) from error
    foreign = sorted(given.keys() - set(list_fields(kind)))
    if foreign:
        msg = f"Param {', '.join(foreign)}: a {kind} says nothing of that, leave it empty or choose another kind"
        raise ConfigurationError(msg)
    values = {"decided_on": today, **given, "recorded_by": recorded_by}
    if "risks" in values:
        values["risks"] = [_read_risk(text) for text in _as_list("risks", values["risks"])]
    try:
        adjustment: Adjustment = TypeAdapter(RECORDS[kind]).validate_python(values)
    except ValidationError as error:
        raise ConfigurationError(tell_problems(error, f"a {kind}")) from error
    return adjustment


def _as_list(name: str, value: object) -> Sequence[str]:
    if isinstance(value, list | tuple) and all(isinstance(each, str) for each in value):
        return value
    msg = f"Param {name}: give a list of texts"
    raise ConfigurationError(msg)


def _read_risk(text: str) -> dict[str, str]:
    parts = [part.strip() for part in text.split("|")]
    if len(parts) != 3:
        msg = f"Param risks: {text!r} is not `risk | owner | 2026-04-30`"
        raise ConfigurationError(msg)
    return dict(zip(("risk", "owner", "due_on"), parts, strict=True))
