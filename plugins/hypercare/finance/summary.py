"""The first page of the finance workbook: what was asked, what was reached, who signed, and what it comes to. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from hypercare import signing_off
from hypercare.finance.balances import MOVEMENTS, Balance, are_consecutive, sum_balances
from hypercare.finance.evidence import FinanceEvidence, FinanceWeek
from hypercare.finance.page import Attention, Block, Cover, Money
from hypercare.finance.pages import list_balances
from hypercare.model import ExceptionState, Verdict
from hypercare.reconciled_rows import BankRow
from hypercare.week_verdict import CYCLE_CRITERION, GOOD
from hypercare.weeks import Week

WIDTHS = (30, 20, 17, 17, 17, 17, 17, 17, 17, 17, 40)
NOT_JUDGED = "not judged yet"


def make_cover(evidence: FinanceEvidence) -> Cover:
    """Return the summary."""
    engagement = evidence.engagement
    lead = f"Frozen evidence of {_say_labels(evidence.labels)}, as the ledger holds it; no cell is a formula."
    blocks = [
        Block("Engagement", (), list(_tell_engagement(evidence))),
        Block("Level of the evidence", (), list(_tell_level(evidence))),
        _tell_sign_offs(evidence),
        _tell_weeks(evidence),
        _tell_balances(evidence),
        _tell_exceptions(evidence),
        _tell_bank(evidence),
        Block("How to verify this file", (), list(_tell_verifying(evidence))),
    ]
    return Cover(f"Finance evidence: {engagement.name}", lead, WIDTHS, blocks)


def _say_labels(weeks: Sequence[Week]) -> str:
    if len(weeks) > 1 and are_consecutive(weeks):
        return f"{weeks[0]} to {weeks[-1]}"
    return ", ".join(map(str, weeks)) or "none"


def _find_criterion(evidence: FinanceEvidence, name: str) -> dict[str, Any]:
    criteria = evidence.decision["criteria"] if evidence.decision else ()
    return next((each for each in criteria if each["criterion"] == name), {})


def _tell_engagement(evidence: FinanceEvidence) -> Iterator[tuple[str, Any]]:
    engagement, decision = evidence.engagement, evidence.decision
    yield "Customer", engagement.customer
    yield "Engagement", f"{engagement.name} (ICM record {engagement.id})"
    yield "Go-live", engagement.go_live
    yield "Legal entities", ", ".join(engagement.scope) or "all of the instance"
    yield "Instances", ", ".join(engagement.instances)
    yield "Products", ", ".join(sorted(engagement.products)) or "none named"
    yield "Weeks", f"{_say_labels(evidence.labels)}, {engagement.time_zone}"
    if decision is None:
        yield "Exit gate", NOT_JUDGED
        return
    cycle = _find_criterion(evidence, CYCLE_CRITERION)
    yield "Reconciliation cycle", _mark(f"{cycle.get('verdict', '')}: {decision['cycle']['reason']}", cycle)
    yield "Exit gate", f"{decision['state']} ({decision['verdict']}), decided for {decision['week']}"
    yield "Policy", decision["policy_version"]


def _mark(words: str, criterion: dict[str, Any]) -> Any:  # noqa: ANN401
    return Attention(words) if criterion.get("verdict") in (Verdict.FAIL, Verdict.UNKNOWN) else words


def _tell_level(evidence: FinanceEvidence) -> Iterator[tuple[str, Any]]:
    level = _find_criterion(evidence, signing_off.CRITERION)
    if not level:
        yield "Asked", NOT_JUDGED if evidence.decision is None else "the policy asks for none"
        return
    yield "Asked", level["threshold"] or level["reason"]
    yield "Reached", _mark(f"{level['value']}: {level['reason']}", level)
    yield "Verdict", _mark(level["verdict"], level)
    levels = [line for line in level["evidence"] if " level " in line]
    yield "Weeks", ", ".join(levels) or "no payment became final in them"


def _tell_sign_offs(evidence: FinanceEvidence) -> Block:
    headers = ("Signed by", "Role", "Signed on", "Weeks signed wholly")
    rows = [
        (
            answer.customer_contact or answer.answered_by,
            answer.role,
            answer.answered_on,
            _say_labels(answer.weeks),
        )
        for answer in evidence.sign_offs
        if answer.confirmed
    ]
    return Block("Sign-off of the finance contact", headers if rows else (), rows or [("Nobody has signed.",)])


def _tell_weeks(evidence: FinanceEvidence) -> Block:
    states = ("Open", "Cleared", "Explained")
    headers = ("Week", "Verdict", "Revision", "Made for", "Run", *states, "Systemic", "Can clear until", "Reason")
    by_label = {week.week: week for week in evidence.weeks}
    rows = [
        _tell_week(by_label[label]) if label in by_label else (str(label), Attention("no evidence"), *[None] * 9)
        for label in evidence.labels
    ]
    return Block("Weeks", headers, rows)


def _tell_week(week: FinanceWeek) -> tuple[Any, ...]:
    revision, line = week.revision, week.line
    told = f"{line.verdict}{', paused' if line.paused else ''}{', reconstructed' if line.reconstructed else ''}"
    return (
        str(week.week),
        told if line.verdict in GOOD else Attention(told),
        revision.key.revision,
        revision.reason,
        revision.as_of.date(),
        *(_count(week, state) for state in (ExceptionState.OPEN, ExceptionState.CLEARED, ExceptionState.EXPLAINED)),
        "yes" if revision.judgement.systemic else "no",
        revision.judgement.open_until,
        "; ".join(revision.judgement.reasons),
    )


def _count(week: FinanceWeek, state: ExceptionState) -> int:
    return sum(row.state is state for row in week.revision.evidence.exceptions)


def _tell_balances(evidence: FinanceEvidence) -> Block:
    title = "Approved and unpaid, per legal entity and currency"
    weeks = [week.week for week in evidence.weeks]
    if not are_consecutive(weeks):
        return Block(title, (), [("Not added up: a week in between has no evidence. See Roll-forward.",)])
    headers = (
        "Legal entity",
        "Currency",
        f"Opening of {weeks[0]}",
        "plus approved",
        *(f"less {name}" for name in MOVEMENTS[1:]),
        f"Closing of {weeks[-1]}",
        "Difference",
        "State",
    )
    rows = [_tell_balance(balance) for balance in sum_balances(list_balances(evidence), weeks)]
    return Block(title, headers if rows else (), rows or [("Nothing was approved and unpaid.",)])


def _tell_balance(balance: Balance) -> tuple[Any, ...]:
    entity, currency = balance.group
    figures = [balance.opening, *balance.movements.values(), balance.closing]
    difference = Money(balance.difference, currency)
    gaps = ", ".join(map(str, balance.gaps))
    if gaps:
        state: Any = Attention(f"does not open as the week before closed: {gaps}")
    elif balance.difference:
        state = Attention("does not close: see Differing rows")
    else:
        state = "closes to 0, each week opens as the one before closed"
    shown = Attention(difference) if balance.difference else difference
    return (entity or "no legal entity", currency, *(Money(amount, currency) for amount in figures), shown, state)


def _tell_exceptions(evidence: FinanceEvidence) -> Block:
    sums: dict[tuple[str, str, str], tuple[int, Decimal]] = {}
    for week in evidence.weeks:
        titles = {check.check: check.title for check in week.revision.evidence.checks}
        for row in week.revision.evidence.exceptions:
            key = titles.get(row.check, row.check), row.state.value, row.currency
            count, amount = sums.get(key, (0, Decimal(0)))
            sums[key] = count + 1, amount + abs(row.amount or Decimal(0))
    rows = [
        (check, Attention(state) if state == ExceptionState.OPEN else state, count, Money(amount, currency), currency)
        for (check, state, currency), (count, amount) in sorted(sums.items())
    ]
    headers = ("Check", "State", "Rows", "Amount", "Currency")
    return Block("Exceptions", headers if rows else (), rows or [("None.",)])


def _tell_bank(evidence: FinanceEvidence) -> Block:
    found = [row for week in evidence.weeks for row in week.rows.bank]
    keys = sorted({(row.state, row.basis, row.currency) for row in found})
    rows = [_tell_matches(key, [row for row in found if (row.state, row.basis, row.currency) == key]) for key in keys]
    headers = ("State", "Matched by", "Payments", "Amount", "Currency")
    none = "No payment was judged with a bank statement."
    return Block("Bank", headers if rows else (), rows or [(none,)])


def _tell_matches(key: tuple[str, str, str], rows: Sequence[BankRow]) -> tuple[Any, ...]:
    state, basis, currency = key
    good = all(row.verdict == Verdict.PASS for row in rows)
    amount = Money(sum((row.amount for row in rows), Decimal(0)), currency)
    return state if good else Attention(state), basis, len(rows), amount, currency


def _tell_verifying(evidence: FinanceEvidence) -> Iterator[tuple[str, str]]:
    last = evidence.links[-1]
    yield "Last link", f"{last.sequence} ({last.subject}): {last.hash}"
    yield "With this file", "hypercare verify-ledger --against <this file> compares the page Chain with the ledger"
    yield "Made again", "the same ledger makes the same bytes: compare the sha256 that `hypercare finance` prints"
