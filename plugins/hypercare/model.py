"""The words of hypercare as frozen records: engagements, evidence, verdicts, decisions.

Nothing here imports Airflow or does I/O. Money is Decimal, instants are aware UTC datetimes, ids are strings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from hypercare.weeks import Week


class Verdict(StrEnum):
    """What a check, a criterion or a week came to (rule R3); QUIET and CLEARED are said of weeks only."""

    PASS = "PASS"
    FAIL = "FAIL"
    UNKNOWN = "UNKNOWN"
    NOT_APPLICABLE = "NOT_APPLICABLE"
    WAIVED = "WAIVED"
    QUIET = "QUIET"
    CLEARED = "CLEARED"


class ExitState(StrEnum):
    """Where an engagement stands on its way out (rule R14)."""

    IN_CYCLE = "IN CYCLE"
    CYCLE_COMPLETE = "CYCLE COMPLETE"
    READY = "READY"
    EXCEPTION = "EXCEPTION"
    HANDED_OVER = "HANDED OVER"


class Segment(StrEnum):
    """The customer's segment in Salesforce."""

    STRATEGIC = "Strategic"
    ENTERPRISE = "Enterprise"
    MID_MARKET = "Mid-Market"


class Cadence(StrEnum):
    """How often the customer runs payments."""

    WEEKLY = "weekly"
    SEMI_MONTHLY = "semi-monthly"
    MONTHLY = "monthly"


class Delivery(StrEnum):
    """Who delivers the project: it decides which person a checklist row's role resolves to."""

    VENDOR = "vendor"
    PARTNER = "partner"
    CO = "co"


class ErpLeg(StrEnum):
    """How the customer's ERP shows that it took over a payment."""

    EXPORTED_FLAG = "exported_flag"
    INTEGRATION_RUNS = "integration_runs"
    FILE = "file"
    NONE = "none"


COUPA_PAY = "Coupa Pay"
"""The product name, as it stands in an ICM record, that brings the payment feeds and checks."""


@dataclass(frozen=True)
class Engagement:
    """One go-live (or phase) of a customer (rule R1)."""

    id: str
    """The ICM record's id in Salesforce: stable, and the natural key everywhere."""
    name: str
    customer: str
    account_id: str
    segment: Segment
    region: str
    go_live: date
    products: frozenset[str]
    time_zone: str
    instances: tuple[str, ...]
    scope: tuple[str, ...] = ()
    """Legal entities that belong to this engagement; empty: the whole instance."""
    payment_cadence: Cadence = Cadence.WEEKLY
    delivery: Delivery = Delivery.VENDOR
    erp_leg: ErpLeg = ErpLeg.EXPORTED_FLAG
    holiday_calendar: str = ""
    """ISO country (and subdivision, `US-CA`) of the holidays; empty: none."""
    fiscal_calendar: str = "calendar-month"
    tracker: str = ""
    """File name of the action item workbook below the tracker folder; empty: none yet."""
    openair_project: str = ""
    roles: Mapping[str, str] = field(default_factory=dict)
    """Role name to the person's Salesforce user or contact id."""

    @property
    def has_coupa_pay(self) -> bool:
        """Whether the customer bought Coupa Pay for this go-live."""
        return COUPA_PAY in self.products


class FeedState(StrEnum):
    """How one feed of one instance stands, as of a run."""

    VALID = "VALID"
    INVALID = "INVALID"
    """Pulled, but a critical rule failed."""
    BROKEN = "BROKEN"
    """Pulled, but validation itself broke or evaluated nothing."""
    FAULT = "FAULT"
    """The pull failed; the next run tries again."""
    REFUSED = "REFUSED"
    """Login or scope refused, or not licensed."""
    ABSENT = "ABSENT"
    """Never pulled."""


@dataclass(frozen=True)
class FeedHealth:
    """One feed's state for one engagement, worst over its instances, with the reason in plain words."""

    feed: str
    state: FeedState
    required: bool
    reason: str = ""

    @property
    def is_valid(self) -> bool:
        """Whether what rests on this feed may be computed."""
        return self.state is FeedState.VALID


class ExceptionState(StrEnum):
    """Where an exception stands (rule R9)."""

    OPEN = "OPEN"
    CLEARED = "CLEARED"
    EXPLAINED = "EXPLAINED"


@dataclass(frozen=True)
class ReconciliationException:
    """An offending row of a check, with an identity that survives weeks."""

    check: str
    key: str
    """What the row is about, stable over pulls: `payment:776`, `invoice:10023`."""
    week: Week
    words: str
    amount: Decimal | None = None
    currency: str = ""
    legal_entity: str = ""
    state: ExceptionState = ExceptionState.OPEN


@dataclass(frozen=True)
class CheckResult:
    """What one reconciliation check came to in one engagement-week."""

    check: str
    title: str
    verdict: Verdict
    required: bool
    advisory: bool
    rows: int = 0
    exceptions: int = 0
    value: Decimal = Decimal(0)
    """Sum of the judged rows' amounts, in the engagement's main currency only where rows share it."""
    exception_value: Decimal = Decimal(0)
    reason: str = ""


class Span(StrEnum):
    """Over what a metric is taken (rule R22)."""

    WEEK = "week"
    LAST_FOUR = "last_four"
    SINCE_GO_LIVE = "since_go_live"


@dataclass(frozen=True)
class MetricResult:
    """One number: a metric over one span, and one value of its dimension where it has any."""

    metric: str
    span: Span
    dimension: str
    verdict: Verdict
    """PASS where there is a value, else UNKNOWN or NOT_APPLICABLE."""
    value: Decimal | None = None
    n: int = 0
    numerator: Decimal | None = None
    denominator: Decimal | None = None
    waiting: int | None = None
    """Still waiting: how many."""
    waiting_since: datetime | None = None
    """The oldest of those."""
    detail: str = ""
    reason: str = ""


@dataclass(frozen=True)
class WeekFacts:
    """What happened in one engagement-week, apart from the checks' verdicts; read by the cycle."""

    settled_runs: int = 0
    """Payment runs (batches) whose last payment became final in this week."""
    activity: bool = False
    """Whether anything was released, in flight beyond its days, or due and unpaid."""
    first_payment_released: date | None = None
    """Local date of the engagement's first released production payment, whenever that was."""
    first_invoice_exported: date | None = None
    """Local date of the first approved invoice exported; starts the cycle without Coupa Pay."""


@dataclass(frozen=True)
class WeekEvidence:
    """The frozen evidence of one engagement-week, as the gate reads it (rule R6)."""

    week: Week
    revision: int
    checks: tuple[CheckResult, ...]
    exceptions: tuple[ReconciliationException, ...]
    feeds: tuple[FeedHealth, ...]
    facts: WeekFacts
    revision_reason: str = ""
    waived: bool = False


@dataclass(frozen=True)
class WeekJudgement:
    """The verdict of one week (rule R9)."""

    week: Week
    verdict: Verdict
    reasons: tuple[str, ...]
    open_until: date | None = None
    """For a FAIL that may still clear: the last day on which it can."""
    systemic: bool = False
    through_fault: bool = False
    """UNKNOWN because of a fault that the next run may repair by itself."""
    facts: WeekFacts = field(default_factory=WeekFacts)


class Severity(StrEnum):
    """An action item's priority after mapping the tracker's words."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    UNSORTED = "unsorted"


@dataclass(frozen=True)
class ActionItem:
    """One item of the tracker or one Salesforce Case (rule R12)."""

    id: str
    source: str
    """`tracker` or `salesforce`."""
    title: str
    severity: Severity
    is_open: bool
    owner: str = ""
    raised_on: date | None = None
    resolved_on: date | None = None
    resolution: str = ""
    plan_owner: str = ""
    plan_date: date | None = None
    plan_accepted_by: str = ""
    """The role and name of who accepted the plan: `CVM: …` or `Support: …`."""
    case_number: str = ""
    internal_only: bool = False


@dataclass(frozen=True)
class CriterionResult:
    """One criterion of the exit policy, decided (rule R15)."""

    criterion: str
    title: str
    verdict: Verdict
    value: str
    threshold: str
    evidence: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class CycleResult:
    """Where the reconciliation cycle stands (rule R11)."""

    verdict: Verdict
    """PASS when complete, else FAIL or UNKNOWN."""
    started: bool
    first_week: Week | None
    weeks_counted: int
    weeks_needed: int
    settled_runs: int
    settled_runs_needed: int
    period_ends: int
    reason: str
    earliest_if_cleared: date | None = None
    """The earliest day on which the cycle can complete if every open exception clears."""
    earliest_otherwise: date | None = None
    """The same if none does."""
    weeks: tuple[Week, ...] = ()


@dataclass(frozen=True)
class Judgement:
    """The gate's answer for one engagement as of one judged week."""

    state: ExitState
    verdict: Verdict
    criteria: tuple[CriterionResult, ...]
    reasons: tuple[str, ...]
    cycle: CycleResult
    weeks: tuple[WeekJudgement, ...]
    policy_version: str
