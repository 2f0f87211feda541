"""Reconciles one engagement-week: runs the checks of include/sql/reconciliation and counts what they judged (rule R8).

Every file there is one check: a header comment that says what it judges, and one query with a row per judged item,
which places each in exactly one week by its `judged_on`. `tables/` holds what several checks read, by number.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

import duckdb

from hypercare.bank_side import BANK_QUERIES, load_bank_matches
from hypercare.errors import ConfigurationError, ContractError
from hypercare.model import (
    PENDING,
    CheckResult,
    Engagement,
    FeedHealth,
    FeedState,
    ReconciliationException,
    Verdict,
    WeekFacts,
)
from hypercare.policy import Policy
from hypercare.reconciled_rows import (
    LEGS,
    NO_ROWS,
    ROW_QUERIES,
    BankRow,
    DifferingRow,
    LegTotal,
    ReconciledRows,
    StatementRow,
    read_bank_rows,
    read_differing,
    read_legs,
)
from hypercare.reconciliation_checks import Check, CheckBook, FeedNeed
from hypercare.week_views import WeekViews
from hypercare.weeks import Week

NAMED_ROWS = 3
"""How many rows are named that keep a roll-forward from closing."""
MOST_NOTES = 200
"""How many rows per check are told without being exceptions."""

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
LAST_OF_MONTH = 31
PARAMETER = re.compile(r"\$([a-z_]+)")
NOT_THERE = frozenset({FeedState.REFUSED, FeedState.ABSENT, FeedState.NOT_HELD})

MACRO = """
create or replace temp macro money(amount, currency) as
    trim(format('{:,.2f}', cast(amount as double)) || ' ' || currency)
"""


@dataclass(frozen=True)
class CurrencyTotal:
    """What one check judged in one currency; totals are never summed over currencies."""

    check: str
    currency: str
    rows: int
    exceptions: int
    value: Decimal
    exception_value: Decimal


@dataclass(frozen=True)
class RollForward:
    """One legal entity's approved-unpaid balance in one currency, over the week (check 10)."""

    legal_entity: str
    currency: str
    opening: Decimal
    approved: Decimal
    paid: Decimal
    voided: Decimal
    credited: Decimal
    adjusted: Decimal
    """What discounts, taxes and adjustments took off; negative where they added."""
    closing: Decimal
    difference: Decimal


@dataclass(frozen=True)
class Note:
    """A row that is told and is no exception: on hold, unbacked, or of a check that only reports."""

    check: str
    key: str
    words: str
    amount: Decimal
    currency: str
    legal_entity: str


@dataclass(frozen=True)
class Reconciliation:
    """What one engagement-week came to, in the order of the checks' numbers and the rows' keys."""

    checks: tuple[CheckResult, ...]
    exceptions: tuple[ReconciliationException, ...]
    facts: WeekFacts
    main_currency: str = ""
    """The currency of most documents and payments; the checks' values are in it."""
    totals: tuple[CurrencyTotal, ...] = ()
    roll_forward: tuple[RollForward, ...] = ()
    notes: tuple[Note, ...] = ()
    legs: tuple[LegTotal, ...] = ()
    rows: ReconciledRows = NO_ROWS

    @property
    def details(self) -> dict[str, Any]:
        """What stands beside the verdicts, as plain JSON with amounts as text."""
        return {
            "main_currency": self.main_currency,
            "totals": [_plain(total) for total in self.totals],
            "roll_forward": [_plain(row) for row in self.roll_forward],
            "notes": [_plain(note) for note in self.notes],
            "legs": [_plain(leg) for leg in self.legs],
        }


@dataclass
class _Findings:
    results: list[CheckResult] = field(default_factory=list)
    exceptions: list[ReconciliationException] = field(default_factory=list)
    totals: list[CurrencyTotal] = field(default_factory=list)
    roll_forward: list[RollForward] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    legs: list[LegTotal] = field(default_factory=list)
    differing: list[DifferingRow] = field(default_factory=list)
    bank: list[BankRow] = field(default_factory=list)
    statements: list[StatementRow] = field(default_factory=list)


def _plain(record: CurrencyTotal | RollForward | Note | LegTotal) -> dict[str, Any]:
    return {name: str(value) if isinstance(value, Decimal) else value for name, value in asdict(record).items()}


def reconciliation_parameters(policy: Policy, engagement: Engagement) -> dict[str, Any]:
    """Return the values of the queries' parameters: the policy's numbers, and the engagement's payment run days."""
    numbers = policy.reconciliation
    run_days = policy.cycle.payment_run_days[engagement.payment_cadence]
    by_weekday = isinstance(run_days, str)
    return {
        "tolerance": numbers.tolerance,
        "late_after_business_days": numbers.late_after_business_days,
        "erp_leg_business_days": numbers.erp_leg_business_days,
        "bank_match_business_days": numbers.bank_match_business_days,
        "payment_run_weekday": WEEKDAYS.index(run_days) + 1 if isinstance(run_days, str) else None,
        "payment_run_days_of_month": (
            [] if by_weekday else [LAST_OF_MONTH if day == "last" else int(day) for day in run_days]
        ),
        "named_rows": NAMED_ROWS,
        **{f"{method}_business_days": days for method, days in numbers.payment_method_business_days.items()},
    }


def reconcile_week(
    views: WeekViews,
    week: Week,
    engagement: Engagement,
    feeds: Sequence[FeedHealth],
    checks: CheckBook,
    parameters: Mapping[str, Any],
) -> Reconciliation:
    """Run every check over the week to which `views` is turned; rows are counted in SQL, only offending ones read.

    - UNKNOWN names the feed, or the part of it, that a check lacks; NOT_APPLICABLE says what was not bought or not
      granted, or what flat files cannot hold.
    - A check that judged nothing passes with the reason "nothing to judge".
    - An item that offends is an exception of the one week of its `judged_on`; with later pulls the same week is
      computed again, and what was repaired no longer offends.

    Facts of an engagement without a valid feed of payments or invoices rest on what is there.

    Raises ConfigurationError when `views` is turned to another week, ContractError when a parameter is missing or a
    query fails.
    """
    selected = views.connection.execute("select week from engagement").fetchone()
    if selected != (str(week),):
        msg = f"{engagement.customer} ({engagement.id}): asked for {week}, but the tables are turned to {selected}"
        raise ConfigurationError(msg)
    refusals = {check.name: _find_refusal(check, engagement, feeds) for check in checks.checks}
    judged = [check.query for check in checks.checks if refusals[check.name] is None]
    views.load([*(table.query for table in checks.tables), *BANK_QUERIES, *ROW_QUERIES, *judged])
    views.derived.clear()
    create_shared_tables(views, checks, parameters)
    load_bank_matches(views.connection, parameters["tolerance"])
    main_currency = _find_main_currency(views)
    findings = _Findings()
    for check in checks.checks:
        refusal = refusals[check.name]
        if refusal is not None:
            findings.results.append(_conclude_unjudged(check, *refusal))
        else:
            _judge(views, check, week, main_currency, parameters, findings)
    return Reconciliation(
        checks=tuple(findings.results),
        exceptions=tuple(findings.exceptions),
        facts=_read_facts(views),
        main_currency=main_currency,
        totals=tuple(findings.totals),
        roll_forward=tuple(findings.roll_forward),
        notes=tuple(findings.notes),
        legs=tuple(findings.legs),
        rows=ReconciledRows(tuple(findings.differing), tuple(findings.bank), tuple(findings.statements)),
    )


def create_shared_tables(views: WeekViews, checks: CheckBook, parameters: Mapping[str, Any]) -> None:
    """Create what the checks read besides the records and does not stand for the week yet.

    Raises ContractError where that fails.
    """
    views.connection.execute(MACRO)
    for table in checks.tables:
        if table.name not in views.derived:
            create_table(views, table.name, table.query, parameters)


def create_table(views: WeekViews, name: str, query: str, parameters: Mapping[str, Any]) -> None:
    """Create a table of a query's rows; raise ContractError where the query fails or a parameter is missing."""
    views.load([query])
    _execute(views, f"create or replace temp table {name} as {query}", parameters, name)
    views.derived.add(name)


def _judge(
    views: WeekViews, check: Check, week: Week, main_currency: str, parameters: Mapping[str, Any], findings: _Findings
) -> None:
    """Run one check's query over the week and add what it found; a row that offends null can't be told yet: UNKNOWN."""
    query = f"""
        create or replace temp table judged as
        select judged.* from ({check.query}) as judged, engagement
        where judged.judged_on between engagement.week_monday and engagement.week_sunday
    """
    _execute(views, query, parameters, check.name)
    totals = [CurrencyTotal(check.name, *row) for row in _fetch(views, TOTALS)]
    rows, offending = sum(total.rows for total in totals), sum(total.exceptions for total in totals)
    untold = _fetch(views, f"{TOLD} where offending is null order by key")
    main = next((total for total in totals if total.currency == main_currency), None)
    findings.totals += totals
    findings.results.append(
        CheckResult(
            check=check.name,
            title=check.title,
            verdict=Verdict.UNKNOWN if untold else Verdict.FAIL if offending and not check.reported else Verdict.PASS,
            required=not (check.advisory or check.reported),
            advisory=check.advisory or check.reported,
            rows=rows,
            exceptions=0 if check.reported else offending,
            value=main.value if main else Decimal(0),
            exception_value=main.exception_value if main and not check.reported else Decimal(0),
            reason=_describe_untold(rows, untold) if untold else _describe(check, rows, offending),
        )
    )
    if not check.reported:
        findings.exceptions += [
            ReconciliationException(check.name, key, week, words, amount, currency, legal_entity)
            for key, words, amount, currency, legal_entity in _fetch(views, f"{TOLD} where offending order by key")
        ]
    told = "words is not null" if check.reported else "not offending and words is not null"
    findings.notes += [
        Note(check.name, key, words, amount, currency, legal_entity)
        for key, words, amount, currency, legal_entity in _fetch(
            views, f"{TOLD} where {told} order by amount desc, key limit {MOST_NOTES}"
        )
    ]
    _read_rows(views, check, findings)


def _read_rows(views: WeekViews, check: Check, findings: _Findings) -> None:
    """Add what stands behind a check that was just judged, where finance follows it row by row."""
    if check.name in LEGS:
        findings.legs += read_legs(views.connection, check.name)
    if check.name == "bank_side":
        findings.bank, findings.statements = read_bank_rows(views.connection)
    if check.name == "roll_forward":
        details = _fetch(views, "select legal_entity, currency, detail from judged order by legal_entity, currency")
        for entity, currency, detail in details:
            figures = json.loads(detail)
            findings.differing += read_differing(entity, currency, figures.pop("rows"))
            amounts = {name: Decimal(amount) for name, amount in figures.items()}
            findings.roll_forward.append(RollForward(entity, currency, **amounts))


TOTALS = """
select
    currency, count(*), count(*) filter (where offending), coalesce(sum(amount), 0),
    coalesce(sum(amount) filter (where offending), 0)
from judged group by currency order by currency
"""
TOLD = "select key, words, amount, currency, legal_entity from judged"


def _describe(check: Check, rows: int, offending: int) -> str:
    if not rows:
        return "nothing to judge"
    if not offending:
        return ""
    return f"{offending} of {rows} rows" + (" differ, reported only" if check.reported else " offend")


def _describe_untold(rows: int, untold: Sequence[tuple[Any, ...]]) -> str:
    return f"{len(untold)} of {rows} rows can't be told yet: {untold[0][1]}"


def _conclude_unjudged(check: Check, verdict: Verdict, reason: str) -> CheckResult:
    lenient = check.advisory or check.reported
    return CheckResult(check.name, check.title, verdict, required=not lenient, advisory=lenient, reason=reason)


def _find_refusal(check: Check, engagement: Engagement, feeds: Sequence[FeedHealth]) -> tuple[Verdict, str] | None:
    """Return why a check can't be judged, or None where it can."""
    if not check.products <= engagement.products:
        return Verdict.NOT_APPLICABLE, f"{', '.join(sorted(check.products - engagement.products))} was not bought"
    if check.erp_legs and engagement.erp_leg not in check.erp_legs:
        return Verdict.NOT_APPLICABLE, f"the ERP leg {str(engagement.erp_leg)!r} can't be seen in Coupa"
    health = {feed.feed: feed for feed in feeds}
    conditions = {"", str(engagement.erp_leg), *engagement.products}
    needs = [need for need in check.feeds if need.condition in conditions]
    only_optional = all(need.optional for need in needs)
    for need in needs:
        feed = health.get(need.feed) or FeedHealth(need.feed, FeedState.ABSENT, required=False, reason="never pulled")
        lack = feed.find_lack(need.part)
        if lack and feed.is_valid:
            return _refuse_for_lack(need, lack)
        if feed.is_valid:
            continue
        if need.where_given and feed.state in NOT_THERE:
            return Verdict.NOT_APPLICABLE, f"no {feed.feed.replace('_', ' ')} are given"
        reason = f"feed {feed.feed} is {feed.state}" + (f": {feed.reason}" if feed.reason else "")
        if feed.state is FeedState.NOT_HELD and not need.optional:
            return Verdict.NOT_APPLICABLE, reason
        if not need.optional or feed.state not in NOT_THERE:
            return Verdict.UNKNOWN, reason
        if only_optional:
            return Verdict.NOT_APPLICABLE, reason
    return None


def _refuse_for_lack(need: FeedNeed, lack: str) -> tuple[Verdict, str]:
    """Say what a part that is not delivered means: nobody can deliver pending work, all else the customer can add."""
    if need.part == PENDING:
        return Verdict.NOT_APPLICABLE, f"{need.feed}.{need.part}: {lack}"
    return Verdict.UNKNOWN, f"{need.feed}.{need.part} is needed: {lack}; have the customer add it to the export"


def _find_main_currency(views: WeekViews) -> str:
    rows = _fetch(
        views,
        "select currency from (select currency from documents union all select currency from released_payments) "
        "group by currency order by count(*) desc, currency limit 1",
    )
    return str(rows[0][0]) if rows else ""


def _read_facts(views: WeekViews) -> WeekFacts:
    columns = "settled_runs, activity, first_payment_released, first_invoice_exported"
    ((settled_runs, activity, released, exported),) = _fetch(views, f"select {columns} from week_facts")
    first_payment: date | None = released
    first_export: date | None = exported
    return WeekFacts(int(settled_runs), bool(activity), first_payment, first_export)


def _fetch(views: WeekViews, query: str) -> list[tuple[Any, ...]]:
    return views.connection.execute(query).fetchall()


def _execute(views: WeekViews, query: str, parameters: Mapping[str, Any], name: str) -> None:
    """Execute a query with those parameters that it names."""
    wanted = set(PARAMETER.findall(query))
    missing = wanted - set(parameters)
    if missing:
        msg = f"{name}.sql needs the parameters {sorted(missing)}, which the policy does not give"
        raise ContractError(msg)
    try:
        views.connection.execute(query, {key: parameters[key] for key in sorted(wanted)})
    except duckdb.Error as error:
        msg = f"{name}.sql failed on the records of {views.engagement.customer} ({views.engagement.id}): {error}"
        raise ContractError(msg) from error
