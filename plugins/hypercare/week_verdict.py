"""The verdict of one engagement-week (rule R9): pure, evidence in, verdict and reasons out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from hypercare.gate_calendar import Holidays, add_business_days, find_local_day
from hypercare.model import (
    CheckResult,
    Engagement,
    ExceptionState,
    FeedHealth,
    FeedState,
    ReconciliationException,
    Verdict,
    Waiver,
    WeekEvidence,
    WeekJudgement,
)
from hypercare.policy import CheckLevel, Policy, SystemicPolicy
from hypercare.weeks import Week, last_judgeable_week

GOOD = frozenset({Verdict.PASS, Verdict.CLEARED, Verdict.QUIET, Verdict.WAIVED})
"""The verdicts of a week that keep a cycle going."""

CYCLE_CRITERION = "reconciliation_cycle"

_EVALUATED = frozenset({Verdict.PASS, Verdict.FAIL})
_NAMED_KEYS = 3


@dataclass(frozen=True)
class _Failure:
    """What is wrong with one check's rows."""

    words: str
    count: int
    clearable: bool


def judge_week(
    evidence: WeekEvidence,
    policy: Policy,
    as_of: datetime,
    engagement: Engagement,
    *,
    holidays: Holidays = frozenset(),
    waivers: Iterable[Waiver] = (),
) -> WeekJudgement:
    """Judge one week by the precedence UNKNOWN, systemic FAIL, open exceptions, QUIET, PASS (rule R9).

    - The policy says which feeds are required and which checks bind; a required one that the evidence lacks makes the
      week UNKNOWN, and so do evidence in which no binding check was evaluated, and activity of which no row was judged.
    - A week is CLEARED when it had exceptions and each was cleared, or explained and accepted by a second person, on a
      local day not later than `clear_within_business_days` after the week's Sunday. A row found in an earlier week and
      explained by this week's Sunday is carried and weighs nothing.
    - A FAIL that may still clear says until when; from the day after, `open_until` is None.
    - `through_fault` is said of an UNKNOWN week whose invalid feeds can all be repaired by another pull; a REFUSED feed
      needs a person.
    - A waiver turns FAIL and UNKNOWN into WAIVED. `evidence.waived` is one that the ledger has already checked.

    UNKNOWN hides: a repaired week may turn out FAIL, though never from a verdict that let the gate pass.

    `as_of` is an aware instant, `holidays` the engagement's; raises ValueError for a naive instant.
    """
    today = find_local_day(as_of, engagement.time_zone)
    deadline = add_business_days(evidence.week.sunday, policy.reconciliation.clear_within_business_days, holidays)
    checks = _list_binding_checks(evidence, policy, engagement)
    faulty = list_invalid_feeds(evidence.feeds, policy.list_required_feeds(engagement))
    judged = _Judged(evidence, checks, faulty, deadline, today)
    unknown = [*_name_feeds(faulty), *_list_unknown_checks(evidence, checks, policy, engagement)]
    if unknown:
        judgement = judged.conclude(
            Verdict.UNKNOWN,
            unknown,
            through_fault=bool(faulty) and all(feed.state is not FeedState.REFUSED for feed in faulty),
        )
    else:
        judgement = _judge_known(judged, policy)
    return _apply_waiver(judgement, evidence, list(waivers), today)


@dataclass(frozen=True)
class _Judged:
    """One week on its way to a verdict."""

    evidence: WeekEvidence
    checks: tuple[CheckResult, ...]
    faulty: tuple[FeedHealth, ...]
    deadline: date
    today: date

    def list_exceptions(self, check: str) -> list[ReconciliationException]:
        """Return the check's exceptions that weigh on this week."""
        return sorted(
            (row for row in self.evidence.exceptions if row.check == check and not self._is_carried(row)),
            key=lambda row: (row.key, str(row.week)),
        )

    def _is_carried(self, row: ReconciliationException) -> bool:
        found_before = row.week < self.evidence.week and row.state is ExceptionState.EXPLAINED
        return found_before and _is_resolved_by(row, self.evidence.week.sunday)

    def lists_any(self, check: str) -> bool:
        """Return whether the evidence lists a row of this check, be it carried."""
        return any(row.check == check for row in self.evidence.exceptions)

    def count_open(self) -> int:
        return sum(failure.count for check in self.checks if (failure := _find_failure(self, check)))

    def conclude(
        self,
        verdict: Verdict,
        reasons: Sequence[str],
        *,
        open_until: date | None = None,
        systemic: bool = False,
        through_fault: bool = False,
    ) -> WeekJudgement:
        return WeekJudgement(
            week=self.evidence.week,
            verdict=verdict,
            reasons=tuple(reasons),
            open_until=open_until,
            systemic=systemic,
            through_fault=through_fault,
            facts=self.evidence.facts,
            revision=self.evidence.revision,
            feeds=tuple(sorted(self.evidence.feeds, key=lambda feed: (feed.feed, feed.state))),
            evidence_level=_find_evidence_level(self),
            open_exceptions=self.count_open(),
        )


def _judge_known(judged: _Judged, policy: Policy) -> WeekJudgement:
    """Judge a week of which all required evidence is there."""
    systemic = [
        words for check in judged.checks if (words := _describe_systemic(check, policy.reconciliation.systemic))
    ]
    if systemic:
        return judged.conclude(Verdict.FAIL, systemic, systemic=True)
    failures = [failure for check in judged.checks if (failure := _find_failure(judged, check))]
    if failures:
        may_clear = judged.today <= judged.deadline and all(failure.clearable for failure in failures)
        until = judged.deadline if may_clear else None
        return judged.conclude(Verdict.FAIL, [failure.words for failure in failures], open_until=until)
    healed = sum(len({row.key for row in judged.list_exceptions(check.check)}) for check in judged.checks)
    if healed:
        return judged.conclude(Verdict.CLEARED, [f"all {healed} exceptions cleared or explained by {judged.deadline}"])
    facts = judged.evidence.facts
    if not facts.activity and not facts.settled_runs:
        return judged.conclude(
            Verdict.QUIET, ["nothing was released, in flight beyond its days, or due and unpaid; all feeds valid"]
        )
    rows = sum(check.rows for check in judged.checks)
    if not rows:
        return judged.conclude(Verdict.UNKNOWN, ["the checks judged no row although there was activity"])
    return judged.conclude(Verdict.PASS, [f"{len(judged.checks)} checks passed over {rows} rows"])


def list_invalid_feeds(feeds: Iterable[FeedHealth], required: Iterable[str]) -> tuple[FeedHealth, ...]:
    """Return the required feeds that are not valid, by name; one that nobody speaks of is ABSENT.

    Required are the policy's names and whatever a feed's own health says is required. One that the way in which the
    instance is fed cannot hold is not applicable (rule R3) and no fault.
    """
    known = list(feeds)
    names = {feed.feed for feed in known}
    wanted = set(required) | {feed.feed for feed in known if feed.required}
    silent = [FeedHealth(name, FeedState.ABSENT, required=True, reason="never pulled") for name in wanted - names]
    broken = (feed for feed in known if not feed.is_valid and feed.state is not FeedState.NOT_HELD)
    invalid = [feed for feed in broken if feed.feed in wanted]
    return tuple(sorted([*invalid, *silent], key=lambda feed: (feed.feed, feed.state, feed.reason)))


def is_in_force(waiver: Waiver, day: date) -> bool:
    """Return whether a waiver counts on a local day: reasoned, approved by another than the requester, not expired."""
    approver, requester = waiver.approved_by.strip().casefold(), waiver.requested_by.strip().casefold()
    reasoned = bool(waiver.reason.strip() and approver and requester)
    return reasoned and approver != requester and day <= waiver.expires_on


def list_weeks_to_rejudge(
    judgements: Iterable[WeekJudgement], policy: Policy, as_of: datetime, engagement: Engagement
) -> tuple[Week, ...]:
    """Return the weeks whose evidence a run computes again by itself (rule R6).

    These are the UNKNOWN weeks among the last `rejudge_unknown_weeks` judgeable ones, whatever made them UNKNOWN, and
    FAIL weeks that may still clear.
    """
    today = find_local_day(as_of, engagement.time_zone)
    oldest = last_judgeable_week(as_of, engagement.time_zone).shift(1 - policy.revisions.rejudge_unknown_weeks)
    return tuple(
        sorted(
            judgement.week
            for judgement in judgements
            if (judgement.verdict is Verdict.UNKNOWN and judgement.week >= oldest) or may_clear(judgement, today)
        )
    )


def may_clear(judgement: WeekJudgement, day: date) -> bool:
    """Return whether a week is a FAIL that can still be cleared on a local day."""
    open_until = judgement.open_until
    return judgement.verdict is Verdict.FAIL and not judgement.systemic and open_until is not None and day <= open_until


def _list_binding_checks(evidence: WeekEvidence, policy: Policy, engagement: Engagement) -> tuple[CheckResult, ...]:
    """Return the checks on which the week's verdict rests; what the policy does not know binds as it says itself."""

    def binds(check: CheckResult) -> bool:
        level = policy.find_check_level(check.check, engagement)
        if level is None:
            return check.required and not check.advisory
        return level in (CheckLevel.REQUIRED, CheckLevel.WHEN_PRESENT)

    bound = (check for check in evidence.checks if binds(check) and check.verdict is not Verdict.NOT_APPLICABLE)
    return tuple(sorted(bound, key=lambda check: (check.check, check.verdict, check.rows, check.exceptions)))


def _name_feeds(feeds: Iterable[FeedHealth]) -> list[str]:
    return [f"feed {feed.feed} is {feed.state}" + (f": {feed.reason}" if feed.reason else "") for feed in feeds]


def _list_unknown_checks(
    evidence: WeekEvidence, checks: Sequence[CheckResult], policy: Policy, engagement: Engagement
) -> list[str]:
    told = {check.check for check in evidence.checks}
    reasons = [
        f"required check {name} was not evaluated"
        for name in sorted(policy.reconciliation.checks)
        if policy.find_check_level(name, engagement) is CheckLevel.REQUIRED and name not in told
    ]
    reasons += [
        f"check {check.check} is {check.verdict}" + (f": {check.reason}" if check.reason else "")
        for check in checks
        if check.verdict not in _EVALUATED
    ]
    if not any(check.verdict in _EVALUATED for check in checks):
        reasons.append("no check was evaluated")
    return reasons


def _describe_systemic(check: CheckResult, limits: SystemicPolicy) -> str:
    """Return the words for a check whose exceptions are systemic, else nothing."""
    if check.exceptions < limits.at_least_rows:
        return ""
    rows_exceed = check.exceptions > limits.more_than_share_of_rows * check.rows
    value_exceeds = abs(check.exception_value) > limits.more_than_share_of_value * abs(check.value)
    if not (rows_exceed or value_exceeds):
        return ""
    return (
        f"systemic: {check.check} has {check.exceptions} exceptions in {check.rows} rows "
        f"({check.exception_value:,.2f} of {check.value:,.2f}); clearing them does not heal the week"
    )


def _find_failure(judged: _Judged, check: CheckResult) -> _Failure | None:
    """Return what is still wrong with a check's rows, or None.

    A failed check, or a count of exceptions, that the listed rows do not account for counts as open.
    """
    rows = judged.list_exceptions(check.check)
    still_open = {row.key for row in rows if not _is_resolved(row)}
    late = {row.key for row in rows if not _is_resolved_by(row, judged.deadline)} - still_open
    unlisted = max(check.exceptions - len({row.key for row in rows}), 0)
    if check.verdict is Verdict.FAIL and not unlisted and not judged.lists_any(check.check):
        unlisted = 1
    count = len(still_open) + unlisted
    if not count and not late:
        return None
    parts = [f"{count} open"] if count else []
    parts += [f"{len(late)} resolved after {judged.deadline} or undated"] if late else []
    return _Failure(
        f"{check.check}: {', '.join(parts)}{_name_rows(rows, still_open | late)}", count, clearable=not late
    )


def _name_row(row: ReconciliationException) -> str:
    """Return a row's words, with its key where they do not name the record themselves."""
    return row.words if row.key.partition(":")[2] in row.words else f"{row.key}: {row.words}"


def _name_rows(rows: Sequence[ReconciliationException], keys: set[str]) -> str:
    """Return what is said of the first few rows of these keys, and how many more there are."""
    named = {row.key: _name_row(row) for row in rows if row.key in keys}
    if not named:
        return ""
    more = f"; and {len(named) - _NAMED_KEYS} more" if len(named) > _NAMED_KEYS else ""
    return f" ({'; '.join(list(named.values())[:_NAMED_KEYS])}{more})"


def _is_resolved(row: ReconciliationException) -> bool:
    """Return whether a row was cleared, or explained and accepted by a second person."""
    if row.state is ExceptionState.EXPLAINED:
        explainer, accepter = row.explained_by.strip().casefold(), row.accepted_by.strip().casefold()
        return bool(accepter) and accepter != explainer
    return row.state is ExceptionState.CLEARED


def _is_resolved_by(row: ReconciliationException, deadline: date) -> bool:
    """Return whether a row was resolved on or before a local day; an undated resolution meets no deadline."""
    return _is_resolved(row) and row.resolved_on is not None and row.resolved_on <= deadline


def _find_evidence_level(judged: _Judged) -> int | None:
    """Return 3 bank matched, 2 ERP acknowledged, 1 Coupa only (rule R10), or None where no payment became final."""
    shown = {
        check.check
        for check in judged.checks
        if check.rows and check.verdict in _EVALUATED and _find_failure(judged, check) is None
    }
    if "bank_side" in shown:
        return 3
    if "erp_leg" in shown:
        return 2
    judged_leg = any(check.check == "erp_leg" and check.rows for check in judged.checks)
    return 1 if judged_leg or judged.evidence.facts.settled_runs else None


def _apply_waiver(
    judgement: WeekJudgement, evidence: WeekEvidence, waivers: Sequence[Waiver], today: date
) -> WeekJudgement:
    if judgement.verdict in GOOD:
        return judgement
    here = sorted(
        (
            waiver
            for waiver in waivers
            if waiver.criterion == CYCLE_CRITERION and waiver.week == evidence.week and is_in_force(waiver, today)
        ),
        key=lambda waiver: (waiver.expires_on, waiver.approved_by, waiver.reason),
    )
    if here:
        words = f"waived by {here[-1].approved_by} until {here[-1].expires_on}: {here[-1].reason}"
    elif evidence.waived:
        words = "waived, as the ledger records"
    else:
        return judgement
    was = f"was {judgement.verdict}: {'; '.join(judgement.reasons)}"
    return replace(judgement, verdict=Verdict.WAIVED, reasons=(words, was), open_until=None, through_fault=False)
