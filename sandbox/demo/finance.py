"""What the customers' finance people fill into their workbooks, by their own books: a sign-off, an explanation.

Figures are counted here from the instance's records; the product's are never looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from sandbox.demo.customers import Customer
from sandbox.demo.evidence_incidents import SUPPLIER_WAITS_FOR
from sandbox.demo.workbooks import last_name
from sandbox.trackers import FilledRow, FilledSheet
from sandbox.world import Body, Instance, World

CYCLE = tuple(date(2026, 2, 23) + timedelta(weeks=number) for number in range(4))
"""The Mondays of the cycle that is signed: weeks 9 to 12, complete on 23 March."""
SIGNED_AT = datetime(2026, 4, 2, 14, tzinfo=UTC)
EXPLAINED_AT = datetime(2026, 3, 17, 10, tzinfo=UTC)
ACCEPTED_AT = datetime(2026, 3, 19, 16, tzinfo=UTC)

SIGN_OFF_HEADERS = ("Week", "Entity", "Currency", "Approved", "Paid", "Closing Balance", "Signed By", "Date Signed")
EXCEPTION_HEADERS = (
    "Check", "Row", "Week", "Amount", "Currency", "Reason Code", "Explanation", "Ticket", "Explained By",
    "Explained On", "Accepted By", "Accepted On",
)  # fmt: skip


def fill_finance_sheets(customer: Customer, world: World) -> tuple[FilledSheet, ...]:
    """Return the sheets that an engagement's finance people fill, where its stories say so."""
    instance = world.instances[customer.instances[0]]
    sheets = []
    if "signed_off" in customer.stories:
        sheets.append(_sign_off(customer, instance))
    if "supplier_waits" in customer.stories:
        sheets.append(_explain(customer, instance))
    return tuple(sheets)


@dataclass(frozen=True)
class WeekFigures:
    """What an instance's invoices came to in a week, in local time: approved and paid in it, open at its end."""

    approved: Decimal
    paid: Decimal
    closing: Decimal


def count_week(instance: Instance, monday: date) -> WeekFigures:
    """Count a week of an instance of one legal entity and currency, whose invoices are paid through Coupa Pay."""
    start, end = _midnight(instance, monday), _midnight(instance, monday + timedelta(days=7))
    first_approved: dict[int, tuple[datetime, Body]] = {}
    standing: dict[int, Body] = {}
    for at, body in _list_versions(instance, "invoices", end):
        standing[body["id"]] = body
        if body["status"] == "approved":
            first_approved.setdefault(body["id"], (at, body))
    completed: dict[int, tuple[datetime, Body]] = {}
    for at, body in _list_versions(instance, "coupa_pay/payments", end):
        if body["status"] == "completed_successfully":
            completed.setdefault(body["id"], (at, body))
    zero = Decimal(0)
    return WeekFigures(
        approved=sum((Decimal(b["total-with-taxes"]) for at, b in first_approved.values() if at >= start), zero),
        paid=sum((Decimal(b["pay-to-total"]) for at, b in completed.values() if at >= start), zero),
        closing=sum((Decimal(b["amount-due"]) for b in standing.values() if b["status"] == "approved"), zero),
    )


def _list_versions(instance: Instance, resource: str, until: datetime) -> Iterator[tuple[datetime, Body]]:
    for version in instance.timeline(resource):
        if version.at < until and version.body is not None:
            yield version.at, version.body


def _midnight(instance: Instance, day: date) -> datetime:
    return datetime.combine(day, datetime.min.time(), instance.time_zone)


def _sign_off(customer: Customer, instance: Instance) -> FilledSheet:
    signer = f"Terry {last_name(customer)}"
    rows = []
    for monday in CYCLE:
        figures = count_week(instance, monday)
        week = f"{monday.isocalendar().year}-W{monday.isocalendar().week:02d}"
        told = (figures.approved, figures.paid, figures.closing)
        rows.append(
            FilledRow(
                SIGNED_AT,
                (week, customer.legal_entity, customer.currency, *told, signer, SIGNED_AT.date()),
            )
        )
    return FilledSheet("Finance sign-off", "Compared with the ledger of the ERP", SIGN_OFF_HEADERS, tuple(rows))


def _explain(customer: Customer, instance: Instance) -> FilledSheet:
    """Explain the invoice that waits; two days later somebody else accepts it."""
    (invoice,) = {
        version.record_id
        for version in instance.timeline("invoices")
        if version.body is not None and Decimal(version.body["total-with-taxes"]) == SUPPLIER_WAITS_FOR
    }
    last = last_name(customer)
    told = (
        "paid_what_was_approved", f"invoice:{instance.name}/{invoice}", "2026-W11", SUPPLIER_WAITS_FOR,
        customer.currency, "agreed_with_supplier", "Wrong hops delivered: paid once the right ones are there", "AP-311",
        f"Pat {last}", EXPLAINED_AT.date(),
    )  # fmt: skip
    rows = (
        FilledRow(EXPLAINED_AT, (*told, None, None), until=ACCEPTED_AT),
        FilledRow(ACCEPTED_AT, (*told, f"Terry {last}", ACCEPTED_AT.date())),
    )
    return FilledSheet("Exceptions", "What does not need a repair", EXCEPTION_HEADERS, rows)
