"""Builders of evidence and strategies for the tests of the gate."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st

from hypercare.model import (
    COUPA_PAY,
    Cadence,
    CheckResult,
    Engagement,
    ExceptionState,
    FeedHealth,
    FeedState,
    ReconciliationException,
    Segment,
    Verdict,
    WeekEvidence,
    WeekFacts,
    WeekJudgement,
)
from hypercare.policy import CheckLevel, Policy, load_policy
from hypercare.weeks import Week

settings.register_profile("gate", deadline=None)
settings.load_profile("gate")

POLICY_PATH = Path(__file__).resolve().parents[2] / "include" / "policies" / "exit_gate.v1.yaml"
POLICY_FILE = load_policy(POLICY_PATH)
ZONES = ("UTC", "America/Los_Angeles", "Europe/Berlin", "Asia/Kolkata", "Pacific/Auckland", "Pacific/Kiritimati")
RANK = {Verdict.FAIL: 0, Verdict.UNKNOWN: 1}
GOOD_VERDICTS = (Verdict.PASS, Verdict.CLEARED, Verdict.QUIET, Verdict.WAIVED)


def rank(verdict: Verdict) -> int:
    """FAIL < UNKNOWN < PASS and all that counts like it."""
    return RANK.get(verdict, 2)


def make_engagement(**changes: object) -> Engagement:
    engagement = Engagement(
        id="a0X000000000001",
        name="Northwind go-live",
        customer="Northwind",
        account_id="001000000000001",
        segment=Segment.ENTERPRISE,
        region="US",
        go_live=date(2026, 1, 5),
        products=frozenset({COUPA_PAY}),
        time_zone="America/New_York",
        instances=("northwind",),
    )
    return replace(engagement, **changes)


def policy_for(engagement: Engagement) -> Policy:
    return POLICY_FILE.for_engagement(engagement)


def after(week: Week, engagement: Engagement, days: float = 0) -> datetime:
    """The instant from which a week can be judged, and some days later."""
    return week.judgeable_from(engagement.time_zone) + timedelta(days=days)


def make_feeds(engagement: Engagement, **states: FeedState) -> tuple[FeedHealth, ...]:
    names = policy_for(engagement).list_required_feeds(engagement)
    return tuple(FeedHealth(name, states.get(name, FeedState.VALID), required=True, reason="told so") for name in names)


def make_check(name: str, verdict: Verdict = Verdict.PASS, **values: object) -> CheckResult:
    check = CheckResult(check=name, title=name, verdict=verdict, required=True, advisory=False, rows=200)
    return replace(check, **values)


def make_checks(engagement: Engagement, *others: CheckResult) -> tuple[CheckResult, ...]:
    """All required checks passing, except for those given."""
    policy = policy_for(engagement)
    named = {check.check for check in others}
    required = [
        name
        for name in policy.reconciliation.checks
        if policy.find_check_level(name, engagement) is CheckLevel.REQUIRED and name not in named
    ]
    return (*(make_check(name) for name in required), *others)


def make_exception(week: Week, key: str = "payment:1", **values: object) -> ReconciliationException:
    return replace(ReconciliationException(check="details_add_up", key=key, week=week, words="differs"), **values)


def cleared(row: ReconciliationException, on: date) -> ReconciliationException:
    return replace(row, state=ExceptionState.CLEARED, resolved_on=on)


def explained(row: ReconciliationException, on: date, accepted_by: str = "B") -> ReconciliationException:
    return replace(row, state=ExceptionState.EXPLAINED, resolved_on=on, explained_by="A", accepted_by=accepted_by)


def make_evidence(week: Week, engagement: Engagement, **changes: object) -> WeekEvidence:
    evidence = WeekEvidence(
        week=week,
        revision=1,
        checks=make_checks(engagement),
        exceptions=(),
        feeds=make_feeds(engagement),
        facts=WeekFacts(settled_runs=1, activity=True, first_payment_released=date(2026, 1, 5)),
    )
    return replace(evidence, **changes)


def judged(
    week: Week, verdict: Verdict = Verdict.PASS, runs: int = 1, first: date | None = date(2026, 1, 5), **changes: object
) -> WeekJudgement:
    facts = WeekFacts(settled_runs=runs, activity=True, first_payment_released=first, first_invoice_exported=first)
    return replace(WeekJudgement(week=week, verdict=verdict, reasons=("told so",), facts=facts), **changes)


FIRST_MONDAYS = st.dates(date(2019, 12, 1), date(2027, 12, 31)).map(lambda day: Week.containing(day).monday)

ENGAGEMENTS = st.builds(
    make_engagement,
    go_live=st.builds(
        lambda monday, days: monday + timedelta(days=days), FIRST_MONDAYS, st.integers(min_value=0, max_value=6)
    ),
    time_zone=st.sampled_from(ZONES),
    payment_cadence=st.sampled_from(Cadence),
    products=st.sampled_from([frozenset(), frozenset({COUPA_PAY})]),
)
