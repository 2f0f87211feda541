"""Records with every field filled, for the tests of the ledger."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Engine

from hypercare.canonical import plain
from hypercare.ledger.evidence import (
    RevisionKey,
    begin_revision,
    seal_revision,
    write_metrics,
    write_reconciliation,
)
from hypercare.ledger.roster import record_engagements
from hypercare.model import (
    COUPA_PAY,
    Cadence,
    CheckResult,
    CriterionResult,
    CycleResult,
    Delivery,
    Engagement,
    ErpLeg,
    ExceptionState,
    ExitState,
    FeedHealth,
    FeedState,
    Judgement,
    MetricResult,
    ReconciliationException,
    Segment,
    Span,
    Verdict,
    WeekFacts,
    WeekJudgement,
)
from hypercare.reconciled_rows import BankRow, DifferingRow, MatchedEntry, ReconciledRows, StatementRow
from hypercare.weeks import Week

RUN = datetime(2026, 3, 9, 14, 30, tzinfo=UTC)
NEXT_RUN = RUN + timedelta(days=1)
WEEK = Week(2026, 10)
FEEDS = (
    FeedHealth("invoices", FeedState.VALID, required=True),
    FeedHealth("payments", FeedState.REFUSED, required=True, reason="instance acme: scope core.pay.read is missing"),
)
FACTS = WeekFacts(
    settled_runs=2, activity=True, first_payment_released=date(2026, 2, 3), first_invoice_exported=date(2026, 1, 31)
)
METRICS = (
    MetricResult(
        metric="invoice_cycle_hours",
        span=Span.LAST_FOUR,
        dimension="São Paulo",
        verdict=Verdict.PASS,
        value=Decimal("31.4159265358979"),
        n=17,
        numerator=Decimal("534.07"),
        denominator=Decimal(17),
        waiting=3,
        waiting_since=datetime(2026, 3, 1, 8, 15, 0, 123456, tzinfo=UTC),
        detail='{"p90": "77"}',
        reason="",
    ),
    MetricResult("invoice_cycle_hours", Span.WEEK, "", Verdict.UNKNOWN, reason="feed invoices is REFUSED"),
)
CHECKS = (
    CheckResult(
        check="details_add_up",
        title="Details add up",
        verdict=Verdict.FAIL,
        required=True,
        advisory=False,
        rows=120,
        exceptions=2,
        value=Decimal("1234567890123456.123456"),
        exception_value=Decimal("12.50"),
        reason="2 payments differ",
    ),
    CheckResult("no_duplicates", "No duplicates", Verdict.PASS, required=False, advisory=True),
)
EXCEPTIONS = (
    ReconciliationException(
        check="details_add_up",
        key="payment:776",
        week=Week(2026, 8),
        words="payment 776 to Łódź 東京 ✓: details come to 99.99, the payment says 100.00",
        amount=Decimal("-0.01"),
        currency="KWD",
        legal_entity="Łódź sp. z o.o.",
        state=ExceptionState.EXPLAINED,
        resolved_on=date(2026, 3, 8),
        reason_code="rounding",
        explanation="the bank rounds to fils",
        ticket="CASE-1044",
        explained_by="Ana Example",
        accepted_by="Bo Example",
    ),
    ReconciliationException(check="details_add_up", key="payment:9", week=WEEK, words="payment 9 has no details"),
)
ENTRY = MatchedEntry(
    entry="0a1b2c3d4e5f6071",
    account="…1234 0a1b2c3d",
    currency="EUR",
    amount=Decimal("99.99"),
    is_credit=False,
    booked_on=date(2026, 3, 5),
    value_on=None,
    statement="S1",
    file="bank statement march.xml",
    file_digest="cd" * 32,
    place="Ntry 3",
)
ROWS = ReconciledRows(
    differing=(DifferingRow("Łódź sp. z o.o.", "KWD", "invoice:kaese/7", Decimal("-0.005"), "invoice 7 shows less"),),
    bank=(
        BankRow(
            key="payment:kaese/776",
            payment="kaese/776",
            legal_entity="Łódź sp. z o.o.",
            currency="EUR",
            amount=Decimal("99.99"),
            completed_on=date(2026, 3, 4),
            state="matched",
            basis="reference",
            verdict="PASS",
            words="",
            entries=(ENTRY,),
        ),
    ),
    statements=(
        StatementRow(
            statement="S1",
            account=ENTRY.account,
            currency="EUR",
            name="2026-03",
            covered_from=date(2026, 3, 1),
            covered_through=date(2026, 3, 31),
            opening=Decimal("1000.00"),
            closing=Decimal("900.01"),
            arithmetic="balanced",
            continuity="first",
            file=ENTRY.file,
            file_digest=ENTRY.file_digest,
        ),
    ),
)
DETAILS = {"roll_forward": [{"currency": "EUR", "closing": Decimal("10.00")}], "main_currency": "EUR"}


def make_full_engagement(id_: str = "a0X000000000001", **changes: Any) -> Engagement:
    """An engagement none of whose fields has its default."""
    values: dict[str, Any] = {
        "id": id_,
        "name": f"Zürich Käse {id_[-1]}",
        "customer": "Zürich Käse",
        "account_id": "001000000000001",
        "segment": Segment.STRATEGIC,
        "region": "EMEA",
        "go_live": date(2026, 1, 5),
        "products": frozenset({COUPA_PAY, "Invoicing"}),
        "time_zone": "Europe/Zurich",
        "instances": ("kaese", "kaese-us"),
        "scope": ("CH01", "CH02"),
        "payment_cadence": Cadence.SEMI_MONTHLY,
        "delivery": Delivery.PARTNER,
        "erp_leg": ErpLeg.INTEGRATION_RUNS,
        "holiday_calendar": "CH-ZH",
        "fiscal_calendar": "4-4-5",
        "tracker": "kaese.xlsx",
        "tracker_writable": True,
        "workbook": "kaese-hypercare.xlsx",
        "openair_project": "P-77",
        "roles": {"EM": "005000000000001", "CVM": "005000000000002"},
    }
    return Engagement(**(values | changes))


def opening_row(as_of: datetime = RUN) -> dict[str, Any]:
    """A revision's own columns as a run begins it."""
    return {
        "reason": "restated",
        "words": "the customer corrected its ledger",
        "as_of": as_of,
        "pulls": [["payments", "kaese", "20260309T143000Z", "ab" * 32]],
        "feeds": plain(FEEDS),
        "facts": {},
    }


def make_week_judgement(week: Week = WEEK) -> WeekJudgement:
    return WeekJudgement(
        week=week,
        verdict=Verdict.FAIL,
        reasons=("details_add_up: 2 payments differ", "open until 2026-03-20"),
        open_until=date(2026, 3, 20),
        systemic=True,
        through_fault=True,
        facts=FACTS,
        feeds=FEEDS,
    )


def make_judgement(**changes: Any) -> Judgement:
    criterion = CriterionResult(
        criterion="reconciliation_cycle",
        title="A full reconciliation cycle",
        verdict=Verdict.FAIL,
        value="2 of 4 weeks",
        threshold="4 weeks",
        evidence=("2026-W10 revision 1",),
        reason="week 2 of 4",
        source="seed 4.4",
    )
    cycle = CycleResult(
        verdict=Verdict.FAIL,
        started=True,
        first_week=Week(2026, 9),
        weeks_counted=2,
        weeks_needed=4,
        settled_runs=1,
        settled_runs_needed=2,
        period_ends=1,
        reason="week 2 of 4",
        earliest_if_cleared=date(2026, 3, 23),
        weeks=(Week(2026, 9), WEEK),
    )
    values: dict[str, Any] = {
        "state": ExitState.IN_CYCLE,
        "verdict": Verdict.FAIL,
        "criteria": (criterion,),
        "reasons": ("week 2 of 4",),
        "cycle": cycle,
        "weeks": (make_week_judgement(),),
        "policy_version": "v1",
    }
    return Judgement(**(values | changes))


def record_roster(engine: Engine, *ids: str) -> None:
    """Make engagements known."""
    names = ids or ("a0X000000000001",)
    record_engagements(engine, [make_full_engagement(name) for name in names], RUN)


def seal_week(
    engine: Engine,
    engagement: str = "a0X000000000001",
    week: Week = WEEK,
    revision: int = 1,
    rows: ReconciledRows = ROWS,
) -> RevisionKey:
    """Begin, fill and seal one revision."""
    key = RevisionKey(engagement, week, revision)
    with engine.begin() as connection:
        assert begin_revision(connection, key, opening_row())
        write_metrics(connection, key, METRICS)
        write_reconciliation(connection, key, CHECKS, EXCEPTIONS, rows)
        seal_revision(connection, key, make_week_judgement(week), FACTS, DETAILS)
    return key
