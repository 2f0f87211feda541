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

    PASS = "PASS"  # noqa: S105
    FAIL = "FAIL"
    UNKNOWN = "UNKNOWN"
    NOT_APPLICABLE = "NOT_APPLICABLE"
    WAIVED = "WAIVED"
    QUIET = "QUIET"
    CLEARED = "CLEARED"


class ExitState(StrEnum):
    """Where an engagement stands on its way out (rule R14), or beside it (rule R16)."""

    IN_CYCLE = "IN CYCLE"
    CYCLE_COMPLETE = "CYCLE COMPLETE"
    READY = "READY"
    EXCEPTION = "EXCEPTION"
    HANDED_OVER = "HANDED OVER"
    PAUSED = "PAUSED"
    CANCELLED = "CANCELLED"


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
    """Where the action items stand, as hypercare.tracker_address reads it: a workbook's file name below the tracker
    folder, or a Jira project; empty: none yet."""
    tracker_writable: bool = False
    """Whether technical issues may be written into the tracker, where that is Jira."""
    workbook: str = ""
    """File name of the hypercare workbook below the same folder; empty: the tracker is the workbook."""
    openair_project: str = ""
    roles: Mapping[str, str] = field(default_factory=dict)
    """Role name to the name of the person who has it."""

    @property
    def has_coupa_pay(self) -> bool:
        """Whether the customer bought Coupa Pay for this go-live."""
        return COUPA_PAY in self.products

    @property
    def workbook_file(self) -> str:
        """File name of the workbook that people fill; empty: none yet, the tracker being no file either."""
        return self.workbook or (self.tracker if self.tracker.lower().endswith(".xlsx") else "")


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
    NOT_HELD = "NOT_HELD"
    """The way in which the instance is fed cannot hold it (flat files): nothing that a repetition would bring."""


PENDING = "pending"
"""The part of a feed that is not approved or issued yet, which no flat file shows."""


@dataclass(frozen=True)
class FeedHealth:
    """One feed's state for one engagement, worst over its instances, with the reason in plain words."""

    feed: str
    state: FeedState
    required: bool
    reason: str = ""
    lacks: tuple[tuple[str, str], ...] = ()
    """Parts of the feed that its way of delivery does not bring, each with the reason: a column (`released_at`), a
    nested table (`invoice_approvals`), `pending` documents, or the later `changes` of those that it brings."""

    @property
    def is_valid(self) -> bool:
        """Whether what rests on this feed may be computed."""
        return self.state is FeedState.VALID

    def find_lack(self, part: str) -> str:
        """Return why a part of the feed is not there; empty where it is."""
        return dict(self.lacks).get(part, "")


class ExceptionState(StrEnum):
    """Where an exception stands (rule R9)."""

    OPEN = "OPEN"
    CLEARED = "CLEARED"
    EXPLAINED = "EXPLAINED"


@dataclass(frozen=True)
class ReconciliationException:
    """An offending row of a check, with an identity that survives weeks (rule R9)."""

    check: str
    key: str
    """What the row is about, stable over pulls: `payment:776`, `invoice:10023`."""
    week: Week
    """The week in which the row was first found; a row that is still listed later keeps it."""
    words: str
    amount: Decimal | None = None
    currency: str = ""
    legal_entity: str = ""
    state: ExceptionState = ExceptionState.OPEN
    resolved_on: date | None = None
    """Local date on which it was cleared, or its explanation accepted; without it a week is not CLEARED."""
    reason_code: str = ""
    explanation: str = ""
    ticket: str = ""
    explained_by: str = ""
    accepted_by: str = ""
    """A second person or the customer's finance contact; without it an explanation does not count."""


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
    """Offending rows, whatever became of them since, without those explained in an earlier week and unchanged.

    Every revision of a week repeats this figure: systemic failure rests on it, and clearing does not heal that.
    """
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
    """The frozen evidence of one engagement-week, as the gate reads it (rule R6).

    A revision carries the checks' figures as found and, in `exceptions`, each offending row with its state at this
    revision. A week is CLEARED by those states and their days; `revision_reason` is shown and never judged.
    """

    week: Week
    revision: int
    checks: tuple[CheckResult, ...]
    exceptions: tuple[ReconciliationException, ...]
    feeds: tuple[FeedHealth, ...]
    facts: WeekFacts
    revision_reason: str = ""
    waived: bool = False
    """Whether the ledger holds a waiver of this week that it has already checked."""


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
    revision: int = 0
    feeds: tuple[FeedHealth, ...] = ()
    """The feeds' states that the verdict rests on."""
    evidence_level: int | None = None
    """1 Coupa only, 2 ERP acknowledged, 3 bank matched (rule R10); None where no payment became final."""
    open_exceptions: int = 0


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
class FlowVerification:
    """Whether one flow was seen in production from end to end since go-live (rule R13)."""

    flow: str
    """Its name in the policy, such as `order_to_invoice`."""
    verdict: Verdict
    documents: tuple[str, ...] = ()
    """The ids of the chain, or of the screen that somebody added: `purchase_order:101`, `invoice:7`."""
    added_by: str = ""
    """Who added it by hand; empty: seen in the data."""


@dataclass(frozen=True)
class ReadinessAnswer:
    """What a person answered to a criterion that data can't decide (rules R10, R14)."""

    criterion: str
    confirmed: bool
    answered_on: date
    answered_by: str
    role: str
    """The role in which it was answered: `EM`, `partner PM`, `finance contact`."""
    customer_contact: str = ""
    """The customer's name, where the criterion asks for it."""
    weeks: tuple[Week, ...] = ()
    """The weeks that it covers, where it is said of weeks."""
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True)
class Waiver:
    """Somebody's decision that a criterion, or one week of the cycle, need not be met (rule R15)."""

    criterion: str
    reason: str
    requested_by: str
    approved_by: str
    """Not the requester."""
    expires_on: date
    """The last local day on which it counts."""
    week: Week | None = None
    """For a waiver of one week; its criterion is then `reconciliation_cycle`."""


@dataclass(frozen=True)
class Pause:
    """Weeks in which hypercare rested (rule R16); no `last` means that it still rests."""

    first: Week
    last: Week | None
    reason: str = ""


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
    advisory: bool = False
    """Shown, but it does not block."""
    source: str = "policy"
    """Where the criterion comes from: `seed 4.4`, or this product's own `policy`."""


@dataclass(frozen=True)
class CycleResult:
    """Where the reconciliation cycle stands (rule R11)."""

    verdict: Verdict
    """PASS when complete, else FAIL or UNKNOWN."""
    started: bool
    first_week: Week | None
    weeks_counted: int
    """How many of `weeks` are PASS, CLEARED, QUIET or WAIVED."""
    weeks_needed: int
    settled_runs: int
    settled_runs_needed: int
    period_ends: int
    reason: str
    earliest_if_cleared: date | None = None
    """The earliest local day on which it can complete if open exceptions clear and UNKNOWN weeks are repaired."""
    earliest_otherwise: date | None = None
    """The same if neither happens."""
    weeks: tuple[Week, ...] = ()
    """The latest weeks since the cycle (re)started, at most as many as it needs, UNKNOWN ones included."""
    period_ends_needed: int = 1
    next_run_on: date | None = None
    """The first payment run by cadence after the last judgeable week."""
    completed_on: date | None = None
    """The Monday after the week that completed it, all weeks since being good; None while it is not complete."""


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
