"""The criteria of the exit gate (rules R10 to R14), each a pure function of the evidence.

A criterion is one function in `CRITERIA` and one entry of its name in the policy, which switches it on, labels it,
makes it advisory and gives its parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from hypercare.cycle import list_latest, say_day
from hypercare.gate_calendar import DAY, Holidays, add_business_days
from hypercare.model import (
    ActionItem,
    CycleResult,
    Engagement,
    FeedHealth,
    FlowVerification,
    ReadinessAnswer,
    Severity,
    Verdict,
    WeekJudgement,
)
from hypercare.policy import CriterionPolicy, Policy
from hypercare.week_verdict import CYCLE_CRITERION, GOOD, list_invalid_feeds
from hypercare.weeks import Week


@dataclass(frozen=True)
class ExitEvidence:
    """All that the criteria look at, for one engagement as of one run."""

    engagement: Engagement
    policy: Policy
    today: date
    """The local calendar day of `as_of`."""
    horizon: Week
    weeks: Mapping[Week, WeekJudgement]
    cycle: CycleResult
    cycle_waived: bool
    action_items: Sequence[ActionItem]
    feeds: Sequence[FeedHealth]
    answers: Sequence[ReadinessAnswer]
    flows: Sequence[FlowVerification]
    holidays: Holidays

    def list_cycle_weeks(self) -> list[Week]:
        """Return the latest weeks that a cycle would rest on, though it may not have begun; none before go-live."""
        latest = list_latest(self.horizon, self.policy.cycle.weeks)
        return [week for week in latest if week.monday >= self.engagement.go_live]


@dataclass(frozen=True)
class Finding:
    """What a criterion's function found."""

    verdict: Verdict
    value: str
    threshold: str
    reason: str
    evidence: tuple[str, ...] = ()


_LEVELS = {1: "consistent in Coupa only", 2: "acknowledged by the ERP", 3: "matched with the bank"}

Criterion = Callable[[ExitEvidence, str, CriterionPolicy], Finding]
"""A pure function of the evidence, the criterion's own name and its entry in the policy."""


def judge_reconciliation_cycle(evidence: ExitEvidence, name: str, entry: CriterionPolicy) -> Finding:
    """Judge whether the reconciliation cycle is complete (rule R11)."""
    cycle = evidence.cycle
    shown = [evidence.weeks.get(week) for week in evidence.list_cycle_weeks()]
    return Finding(
        verdict=cycle.verdict,
        value=f"{cycle.weeks_counted} weeks, {cycle.settled_runs} runs, {cycle.period_ends} period ends",
        threshold=(
            f"{cycle.weeks_needed} consecutive weeks, {cycle.settled_runs_needed} settled runs, "
            f"{cycle.period_ends_needed} period ends"
        ),
        reason=cycle.reason,
        evidence=tuple(f"{week.week} {week.verdict} (revision {week.revision})" for week in shown if week),
    )


def judge_evidence_level(evidence: ExitEvidence, name: str, entry: CriterionPolicy) -> Finding:
    """Judge whether the cycle's weeks are acknowledged beyond Coupa, or signed off by the finance contact (rule R10).

    The level is the lowest of the weeks in which payments became final, waived weeks apart; while one of the cycle's
    weeks is not good it is UNKNOWN at best. A sign-off counts when it
    names the weeks that completed the cycle and is dated after them.
    """
    needed = int(entry.parameters["min_level"])
    weeks = [evidence.weeks[week] for week in evidence.list_cycle_weeks() if week in evidence.weeks]
    levels = {
        week.week: week.evidence_level
        for week in weeks
        if week.evidence_level is not None and week.verdict is not Verdict.WAIVED
    }
    threshold = f"level {needed}, or a sign-off by {' or '.join(entry.parameters['sign_off_roles'])}"
    shown = tuple(f"{week} level {level}" for week, level in sorted(levels.items()))
    signed = [answer for answer in evidence.answers if _is_sign_off(answer, name, entry, evidence)]
    if signed:
        words = f"signed off by {signed[-1].customer_contact} on {say_day(signed[-1].answered_on, evidence.today)}"
        return Finding(Verdict.PASS, "signed off", threshold, words, (*shown, *signed[-1].evidence))
    if not levels:
        return Finding(Verdict.FAIL, "none", threshold, "no payment became final in the cycle's weeks yet")
    level = min(levels.values())
    verdict = Verdict.PASS if level >= needed else Verdict.FAIL
    said = _LEVELS.get(level, f"level {level}")
    unsettled = [week for week in evidence.list_cycle_weeks() if not _is_good(evidence.weeks.get(week))]
    if verdict is Verdict.PASS and unsettled:
        return Finding(Verdict.UNKNOWN, f"level {level}", threshold, f"{said}, but {unsettled[-1]} is open", shown)
    return Finding(verdict, f"level {level}", threshold, said, shown)


def _is_good(judgement: WeekJudgement | None) -> bool:
    return judgement is not None and judgement.verdict in GOOD


def _is_sign_off(answer: ReadinessAnswer, name: str, entry: CriterionPolicy, evidence: ExitEvidence) -> bool:
    completed_on = evidence.cycle.completed_on
    if answer.criterion != name or not answer.confirmed or completed_on is None:
        return False
    completing = list_latest(Week.containing(completed_on - DAY), evidence.policy.cycle.weeks)
    return (
        answer.role in entry.parameters["sign_off_roles"]
        and bool(answer.customer_contact.strip())
        and completed_on <= answer.answered_on <= evidence.today
        and set(completing) <= set(answer.weeks)
    )


def judge_action_items(evidence: ExitEvidence, name: str, entry: CriterionPolicy) -> Finding:
    """Judge whether every high-priority item is resolved or has an accepted plan (rule R12).

    An item and the Case of the same number are one matter: open while one of them is, as severe as the worst of them,
    planned when one of them has a plan that counts. An unsorted item of unknown age is taken as old.
    """
    rules = evidence.policy.action_items
    matters = _group_by_case(evidence.action_items)
    wanting = [
        matter for matter in matters if _is_severity(matter, Severity.HIGH) and not _is_planned(matter, evidence)
    ]
    unsorted = [matter for matter in matters if _is_severity(matter, Severity.UNSORTED) and _is_old(matter, evidence)]
    sources = [feed for feed in evidence.feeds if feed.feed in rules.required_sources]
    faulty = list_invalid_feeds(sources, rules.required_sources)
    high = sum(_is_severity(matter, Severity.HIGH) for matter in matters)
    reasons = [f"{_name(matter)} has neither a resolution nor a plan that counts" for matter in wanting]
    reasons += [f"{feed.feed} is {feed.state}{': ' if feed.reason else ''}{feed.reason}" for feed in faulty]
    days = rules.unsorted_after_business_days
    reasons += [f"{_name(matter)} has had no priority for more than {days} business days" for matter in unsorted]
    verdict = Verdict.FAIL if wanting else Verdict.UNKNOWN if faulty or unsorted else Verdict.PASS
    return Finding(
        verdict=verdict,
        value=f"{len(wanting)} of {high} open high-priority items without a plan",
        threshold="0 without a plan",
        reason="; ".join(reasons)
        or (f"{high} open, each with an accepted plan" if high else "no high-priority item open"),
        evidence=tuple(_name(matter) for matter in [*wanting, *unsorted]),
    )


def _group_by_case(items: Iterable[ActionItem]) -> list[list[ActionItem]]:
    groups: dict[str, list[ActionItem]] = {}
    for item in items:
        case = item.case_number.strip()
        groups.setdefault(f"case {case}" if case else f"{item.source} {item.id}", []).append(item)
    return list(groups.values())


def _is_severity(matter: Sequence[ActionItem], severity: Severity) -> bool:
    """Return whether a matter that is still open comes to this severity; one sorted item sorts the matter."""
    worst = [Severity.HIGH, Severity.MEDIUM, Severity.LOW, Severity.UNSORTED]
    still_open = any(item.is_open for item in matter)
    return still_open and min((item.severity for item in matter), key=worst.index) is severity


def _is_planned(matter: Sequence[ActionItem], evidence: ExitEvidence) -> bool:
    return any(_has_plan(item, evidence) for item in matter)


def _has_plan(item: ActionItem, evidence: ExitEvidence) -> bool:
    """Return whether a plan counts: an owner, a date not past, an acceptor `role: name` of an accepting role."""
    role, _, acceptor = item.plan_accepted_by.partition(":")
    roles = {known.casefold() for known in evidence.policy.action_items.plan_acceptor_roles}
    accepted = role.strip().casefold() in roles and bool(acceptor.strip())
    return (
        accepted and bool(item.plan_owner.strip()) and item.plan_date is not None and item.plan_date >= evidence.today
    )


def _is_old(matter: Sequence[ActionItem], evidence: ExitEvidence) -> bool:
    days = evidence.policy.action_items.unsorted_after_business_days
    raised = [item.raised_on for item in matter if item.is_open]
    return any(day is None or evidence.today > add_business_days(day, days, evidence.holidays) for day in raised)


def _name(matter: Sequence[ActionItem]) -> str:
    return " / ".join(f"{item.source} {item.id} {item.title}".strip() for item in matter)


def judge_required_feeds(evidence: ExitEvidence, name: str, entry: CriterionPolicy) -> Finding:
    """Judge whether every required feed was valid in each of the cycle's weeks; a waived week is waived here too.

    A feed that was not valid makes this UNKNOWN, never FAIL (rule R7).
    """
    required = evidence.policy.list_required_feeds(evidence.engagement)
    weeks = evidence.list_cycle_weeks()
    faults: list[str] = []
    waived = 0
    for week in weeks:
        judgement = evidence.weeks.get(week)
        if judgement is None:
            faults.append(f"{week}: not judged")
        elif judgement.verdict is Verdict.WAIVED:
            waived += 1
        else:
            faults += [f"{week}: {feed.feed} {feed.state}" for feed in list_invalid_feeds(judgement.feeds, required)]
    threshold = f"{len(required)} feeds valid in {evidence.policy.cycle.weeks} weeks"
    if not weeks or waived == len(weeks):
        return Finding(Verdict.UNKNOWN, "0 weeks", threshold, "no full week since go-live shows its feeds yet")
    if faults:
        return Finding(Verdict.UNKNOWN, f"{len(faults)} gaps", threshold, "; ".join(faults), tuple(faults))
    return Finding(
        Verdict.PASS,
        f"{len(required)} feeds valid in {len(weeks)} weeks",
        threshold,
        "all valid",
        tuple(map(str, weeks)),
    )


def judge_production_transactions(evidence: ExitEvidence, name: str, entry: CriterionPolicy) -> Finding:
    """Judge whether each flow in scope was seen in production from end to end, with its ids (rule R13)."""
    in_scope = [
        flow
        for flow, rule in evidence.policy.production_transactions.flows.items()
        if evidence.engagement.has_coupa_pay or not rule.only_with_coupa_pay
    ]
    told = {flow.flow: flow for flow in evidence.flows if flow.flow in in_scope}
    seen = [flow for flow in in_scope if flow in told and told[flow].verdict is Verdict.PASS and told[flow].documents]
    missing = [flow for flow in in_scope if flow in told and told[flow].verdict is Verdict.FAIL]
    untold = [flow for flow in in_scope if flow not in seen and flow not in missing]
    verdict = Verdict.FAIL if missing else Verdict.UNKNOWN if untold or not in_scope else Verdict.PASS
    reasons = [f"not seen yet: {', '.join(missing)}"] if missing else []
    reasons += [f"not known: {', '.join(untold)}"] if untold else []
    return Finding(
        verdict=verdict,
        value=f"{len(seen)} of {len(in_scope)} flows",
        threshold=f"{len(in_scope)} flows",
        reason="; ".join(reasons) or ("each flow was seen" if in_scope else "no flow is in scope"),
        evidence=tuple(f"{flow}: {', '.join(told[flow].documents)}" for flow in seen),
    )


def judge_answer(evidence: ExitEvidence, name: str, entry: CriterionPolicy) -> Finding:
    """Judge a criterion that people answer: the exit checklist, the customer's readiness (rule R14).

    The latest answer in one of the accepted roles counts. With `only_after_cycle`, one dated before the cycle was
    complete is refused (seed 4.4); a waived cycle counts as complete.
    """
    roles = list(entry.parameters["roles"][evidence.engagement.delivery])
    threshold = f"confirmed by {' or '.join(roles)}"
    told = [answer for answer in evidence.answers if answer.criterion == name and answer.answered_on <= evidence.today]
    if not told:
        return Finding(Verdict.FAIL, "no answer", threshold, "not answered yet")
    faults = {answer: _find_answer_fault(answer, roles, entry, evidence) for answer in told}
    usable = [answer for answer in told if not faults[answer]]
    answer = usable[-1] if usable else told[-1]
    fault = faults[answer] or ("" if answer.confirmed else "answered no")
    said = f"{answer.answered_by} ({answer.role}), {say_day(answer.answered_on, evidence.today)}"
    return Finding(
        verdict=Verdict.FAIL if fault else Verdict.PASS,
        value="confirmed" if answer.confirmed else "not confirmed",
        threshold=threshold,
        reason=f"{fault}: {said}" if fault else f"confirmed by {said}",
        evidence=(said, *answer.evidence),
    )


def _find_answer_fault(
    answer: ReadinessAnswer, roles: Sequence[str], entry: CriterionPolicy, evidence: ExitEvidence
) -> str:
    completed_on = evidence.cycle.completed_on
    if answer.role not in roles or not answer.answered_by.strip():
        return "answered in another role"
    if entry.parameters["needs_customer_contact"] and not answer.customer_contact.strip():
        return "without the customer's name"
    if not entry.parameters["only_after_cycle"] or evidence.cycle_waived:
        return ""
    return "" if completed_on and completed_on <= answer.answered_on else "answered before the cycle was complete"


CRITERIA: Mapping[str, Criterion] = {
    CYCLE_CRITERION: judge_reconciliation_cycle,
    "evidence_level": judge_evidence_level,
    "action_items": judge_action_items,
    "required_feeds": judge_required_feeds,
    "production_transaction_verification": judge_production_transactions,
    "exit_checklist": judge_answer,
    "customer_ready": judge_answer,
}
"""The function that judges the criterion of each name."""
