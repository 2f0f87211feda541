"""Short ways to write the records of payment histories and to reconcile weeks of them, for the reconciliation tests.

Days are written `3-24` (2026), instants `3-24` (that day's noon in UTC) or in full; amounts as text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import records as wire

from hypercare.model import CheckResult, Engagement, FeedHealth, ReconciliationException
from hypercare.policy import PolicyFile, load_policy
from hypercare.reconciliation import Reconciliation, reconcile_week, reconciliation_parameters
from hypercare.reconciliation_checks import load_checks
from hypercare.week_views import WeekViews
from hypercare.weeks import Week

CHECKS = load_checks(wire.ROOT / "include" / "sql" / "reconciliation")
POLICY = load_policy(wire.ROOT / "include" / "policies" / "exit_gate.v1.yaml")
YEAR = 2026


def day(text: str) -> date:
    month, number = text.split("-")
    return date(YEAR, int(month), int(number))


def at(text: str) -> str:
    """An instant on the wire: a full one as it is, a day at noon UTC."""
    return text if "T" in text else f"{day(text).isoformat()}T12:00:00Z"


def week_of(text: str) -> Week:
    return Week.containing(day(text))


def bill(
    id: int,
    total: str = "100.00",
    *,
    approved: str | None = "3-2",
    due: str = "12-31",
    seen: str | None = None,
    shows: Sequence[Mapping[str, Any]] = (),
    lines: Sequence[Mapping[str, Any]] = (),
    entity: str = "Acme Inc.",
    **changes: Any,
) -> dict[str, Any]:
    """An invoice approved on a day (None: waiting for approval); `seen` is its last change."""
    if approved is None:
        changes = {"status": "pending_approval", **changes}
    return wire.invoice(
        id,
        **{
            "total_with_taxes": total,
            "gross_total": total,
            "net_due_date": day(due).isoformat(),
            "created_at": at("3-1"),
            "updated_at": at(seen or approved or "3-2"),
            "approvals": [wire.approval_step(id, approval_date=at(approved))] if approved else [],
            "payments": list(shows),
            "reconciliation_lines": list(lines),
            "account_type": {"legal-entity-name": entity},
            "payment_channel": None,
            **changes,
        },
    )


def entry(id: int, amount: str, on: str, category: str = "payment") -> dict[str, Any]:
    """A payment or reconciliation line as an invoice shows it."""
    return {
        "id": id,
        "amount-paid": amount,
        "amount": amount,
        "payment-date": day(on).isoformat(),
        "adjustment-date": day(on).isoformat(),
        "created-at": at(on),
        "category": category,
    }


def report(id: int, total: str = "100.00", *, approved: str | None = "3-2", **changes: Any) -> dict[str, Any]:
    """An expense report approved for payment on a day."""
    return wire.expense_report(
        id,
        **{
            "total": total,
            "status": "approved_for_payment" if approved else "pending_approval",
            "updated_at": at(approved or "3-2"),
            "approvals": [wire.approval_step(id, approval_date=at(approved))] if approved else [],
            "expense_lines": [wire.expense_line(id, account={"account-type": {"legal-entity-name": "Acme Inc."}})],
            **changes,
        },
    )


def pay(
    id: int,
    amount: str = "100.00",
    to: int | Sequence[tuple[str, int, str]] = 1,
    *,
    released: str = "3-10",
    ended: str | None = "3-11",
    status: str = "completed_successfully",
    **changes: Any,
) -> dict[str, Any]:
    """A payment of invoice `to`, or of several documents as (kind, id, amount); `ended` None: in flight."""
    if ended is None:
        status = "payment_in_progress" if status == "completed_successfully" else status
    documents = [("InvoiceHeader", to, amount)] if isinstance(to, int) else to
    details = [
        wire.payment_detail(
            id * 100 + number,
            source_transaction_id=document,
            source_transaction_type=kind,
            source_transaction_reference=f"INV-{document}" if kind == "InvoiceHeader" else str(document),
            payable_type="Payables::Invoice" if kind == "InvoiceHeader" else "Payables::Expense",
            transaction_total=part,
            payment_total=part,
        )
        for number, (kind, document, part) in enumerate(documents)
    ]
    return wire.payment(
        id,
        **{
            "status": status,
            "pay_to_total": amount,
            "released_at": at(released),
            "created_at": at(released),
            "updated_at": at(ended or released),
            "payment_batch_id": id,
            "payment_details": details,
            **changes,
        },
    )


@dataclass(frozen=True)
class Judged:
    """One reconciled week, by the names of its checks."""

    found: Reconciliation

    def check(self, name: str) -> CheckResult:
        return next(check for check in self.found.checks if check.check == name)

    def rows(self, name: str) -> int:
        return self.check(name).rows

    def offending(self, name: str) -> dict[str, str]:
        return {row.key: row.words for row in self.found.exceptions if row.check == name}

    def exception(self, name: str) -> ReconciliationException:
        (only,) = (row for row in self.found.exceptions if row.check == name)
        return only

    def notes(self, name: str) -> dict[str, str]:
        return {note.key: note.words for note in self.found.notes if note.check == name}


@dataclass(frozen=True)
class Books:
    """An engagement's records, open for judging weeks."""

    views: WeekViews
    who: Engagement
    as_of: datetime
    policy: PolicyFile = POLICY

    def judge(self, week: str | Week, feeds: Sequence[FeedHealth] | None = None, only: str = "") -> Judged:
        """Reconcile the week that holds the day, as of the last pull or the week's end where that is later."""
        chosen = week_of(week) if isinstance(week, str) else week
        self.views.select_week(chosen, max(self.as_of, chosen.judgeable_from(self.who.time_zone)))
        health = wire.feed_health(self.who) if feeds is None else feeds
        parameters = reconciliation_parameters(self.policy.for_engagement(self.who), self.who)
        checks = CHECKS if not only else replace(CHECKS, checks=tuple(c for c in CHECKS.checks if c.name == only))
        return Judged(reconcile_week(self.views, chosen, self.who, health, checks, parameters))


@contextmanager
def books(
    folder: Path,
    records: wire.Records,
    *later: wire.Records,
    who: Engagement | None = None,
    as_of: str = "3-16",
    policy: PolicyFile = POLICY,
) -> Iterator[Books]:
    """Open the records of one pull, and of later ones, as they stand on the day of the last."""
    engagement = who or wire.engagement()
    instant = datetime.combine(day(as_of), datetime.min.time(), UTC) + timedelta(hours=12)
    with wire.open_views(engagement, records, folder, later=later, observed_at=instant) as views:
        yield Books(views, engagement, instant, policy)
