"""The exit gate (rules R14, R15): criteria, waivers and the exit. Pure: evidence in, verdict and reasons out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime

from hypercare.criteria import CRITERIA, ExitEvidence, Finding
from hypercare.cycle import find_horizon, judge_cycle, pick_latest_revisions, say_day
from hypercare.errors import ConfigurationError
from hypercare.gate_calendar import Holidays, find_local_day
from hypercare.model import (
    ActionItem,
    CriterionResult,
    Engagement,
    ExitState,
    FeedHealth,
    FlowVerification,
    Judgement,
    Pause,
    ReadinessAnswer,
    Verdict,
    Waiver,
    WeekJudgement,
)
from hypercare.policy import CriterionPolicy, Policy
from hypercare.week_verdict import CYCLE_CRITERION, is_in_force
from hypercare.weeks import Week

MET = frozenset({Verdict.PASS, Verdict.WAIVED, Verdict.NOT_APPLICABLE})
"""The verdicts of a criterion that do not block."""

_ORDER = {Verdict.FAIL: 0, Verdict.UNKNOWN: 1}


def judge_exit(
    engagement: Engagement,
    weeks: Iterable[WeekJudgement],
    action_items: Iterable[ActionItem],
    feeds: Iterable[FeedHealth],
    policy: Policy,
    as_of: datetime,
    *,
    waivers: Iterable[Waiver] = (),
    answers: Iterable[ReadinessAnswer] = (),
    flows: Iterable[FlowVerification] = (),
    pauses: Sequence[Pause] = (),
    holidays: Holidays = frozenset(),
    through: Week | None = None,
) -> Judgement:
    """Judge whether an engagement may leave hypercare (rule R14), after the last judgeable week or after `through`.

    `feeds` are the latest states, those of the action item sources among them. The verdict is the worst of the enabled
    criteria that are not advisory, in the order FAIL, UNKNOWN, PASS. READY when each of them is PASS, WAIVED or
    NOT_APPLICABLE; CYCLE COMPLETE when at least the cycle's is; else IN CYCLE. EXCEPTION and HANDED OVER are decisions
    of people and stand in the ledger. `as_of` is an aware instant, else ValueError.

    Raises ConfigurationError where the policy enables a criterion without a function, or does not judge the cycle.
    """
    refuse_unfit_policy(policy)
    judgements = list(weeks)
    granted = sorted(waivers, key=lambda waiver: (waiver.expires_on, waiver.approved_by, waiver.reason))
    cycle = judge_cycle(judgements, engagement, policy, as_of, through=through, pauses=pauses)
    today = find_local_day(as_of, engagement.time_zone)
    horizon = find_horizon(as_of, engagement, through)
    evidence = ExitEvidence(
        engagement=engagement,
        policy=policy,
        today=today,
        horizon=horizon,
        weeks=pick_latest_revisions(week for week in judgements if week.week <= horizon),
        cycle=cycle,
        cycle_waived=any(is_in_force(waiver, today) for waiver in _list_whole_waivers(granted, CYCLE_CRITERION)),
        action_items=sorted(action_items, key=repr),  # twins of one id included
        feeds=tuple(feeds),
        answers=sorted(answers, key=_order_answers),
        flows=sorted(flows, key=lambda flow: (flow.flow, flow.verdict, flow.documents)),
        holidays=holidays,
    )
    results = tuple(
        _judge_criterion(name, entry, evidence, granted) for name, entry in policy.criteria.items() if entry.enabled
    )
    return _conclude(results, evidence)


def refuse_unfit_policy(policy: Policy) -> None:
    """Raise ConfigurationError where a policy enables a criterion without a function, or does not judge the cycle."""
    unknown = sorted(name for name, entry in policy.criteria.items() if entry.enabled and name not in CRITERIA)
    if unknown:
        known = ", ".join(CRITERIA)
        msg = f"{policy.version} enables criteria that nothing judges: {', '.join(unknown)}; known are {known}"
        raise ConfigurationError(msg)
    cycle = policy.criteria.get(CYCLE_CRITERION)
    if cycle is None or not cycle.enabled or cycle.advisory:
        msg = f"{policy.version} does not judge {CYCLE_CRITERION}; it can't be switched off, waive it instead"
        raise ConfigurationError(msg)


def _order_answers(answer: ReadinessAnswer) -> tuple[object, ...]:
    """Put the latest last, and of one day's a refusal; the rest only makes the order independent of the input's."""
    return (
        answer.answered_on,
        not answer.confirmed,
        answer.answered_by,
        answer.role,
        answer.customer_contact,
        answer.weeks,
    )


def _conclude(results: tuple[CriterionResult, ...], evidence: ExitEvidence) -> Judgement:
    blocking = [result for result in results if not result.advisory]
    open_ones = [result for result in blocking if result.verdict not in MET]
    cycle_met = any(result.criterion == CYCLE_CRITERION and result.verdict in MET for result in blocking)
    state = ExitState.IN_CYCLE if not cycle_met else ExitState.CYCLE_COMPLETE if open_ones else ExitState.READY
    verdict = min((result.verdict for result in open_ones), key=lambda each: _ORDER[each], default=Verdict.PASS)
    return Judgement(
        state=state,
        verdict=verdict,
        criteria=results,
        reasons=tuple(f"{result.title}: {result.reason}" for result in open_ones)
        or (f"all {len(blocking)} criteria met",),
        cycle=evidence.cycle,
        weeks=tuple(evidence.weeks[week] for week in sorted(evidence.weeks)),
        policy_version=evidence.policy.version,
    )


def _judge_criterion(
    name: str, entry: CriterionPolicy, evidence: ExitEvidence, waivers: Sequence[Waiver]
) -> CriterionResult:
    if entry.only_with_coupa_pay and not evidence.engagement.has_coupa_pay:
        finding = Finding(Verdict.NOT_APPLICABLE, "not available", "", "Coupa Pay was not bought")
    else:
        finding = _apply_waiver(
            CRITERIA[name](evidence, name, entry), _list_whole_waivers(waivers, name), evidence.today
        )
    return CriterionResult(
        criterion=name,
        title=entry.title,
        verdict=finding.verdict,
        value=finding.value,
        threshold=finding.threshold,
        evidence=finding.evidence,
        reason=finding.reason,
        advisory=entry.advisory,
        source=evidence.policy.source_of(f"criteria.{name}"),
    )


def _list_whole_waivers(waivers: Iterable[Waiver], criterion: str) -> list[Waiver]:
    return [waiver for waiver in waivers if waiver.criterion == criterion and waiver.week is None]


def _apply_waiver(finding: Finding, waivers: Sequence[Waiver], today: date) -> Finding:
    if finding.verdict in MET or not waivers:
        return finding
    valid = [waiver for waiver in waivers if is_in_force(waiver, today)]
    if not valid:
        words = "a waiver does not count: expired, without a reason, or approved by its requester"
        return replace(finding, reason=f"{finding.reason}; {words}")
    waiver = valid[-1]
    words = f"waived by {waiver.approved_by} until {say_day(waiver.expires_on, today)}: {waiver.reason}"
    return replace(finding, verdict=Verdict.WAIVED, reason=f"{words} (was {finding.verdict}: {finding.reason})")
