"""The weeks of one engagement on one instance: who buys when, when payments run, what its integrations do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from sandbox.coupa import shapes
from sandbox.demo.books import Body, Books, Document
from sandbox.demo.customers import Customer
from sandbox.demo.paying import Paying
from sandbox.demo.purchasing import Purchasing

LAST_DAY = date(2026, 4, 5)
DAY = timedelta(days=1)
WEEK = timedelta(days=7)
OPEN_AT_GO_LIVE = 8
"""How many invoices of each engagement were entered before go-live and are still to be paid."""


@dataclass(frozen=True)
class Story:
    """One engagement on one instance, with what its particular events need to reach into."""

    customer: Customer
    books: Books
    purchasing: Purchasing
    paying: Paying


def plan_story(customer: Customer, books: Books, entity_id: int) -> Story:
    """Plan everything ordinary that happens in an engagement's weeks."""
    purchasing = Purchasing(books, customer, entity_id)
    story = Story(customer, books, purchasing, Paying(purchasing))
    if customer.purchases_a_week:
        _plan_open_invoices(story)
        _plan_purchases(story)
        _plan_payment_runs(story)
        if customer.erp_leg != "none":
            _plan_integration_runs(story)
    return story


def list_days(first: date, last: date) -> list[date]:
    """Return the days from `first` to `last`, both included."""
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _plan_open_invoices(story: Story) -> None:
    """Invoices that were entered before go-live and approved, but not paid yet."""
    books, purchasing = story.books, story.purchasing
    for number in range(OPEN_AT_GO_LIVE):
        vendor = books.vendors[number % len(books.vendors)]
        at = books.timeline.moment(story.customer.go_live - timedelta(days=12 - number % 4), 9, number * 5)
        terms = (14, 14, 16, 21)[number % 4]
        total = (Decimal(books.random.randint(20000, 300000)) / 100).quantize(Decimal("0.01"))
        books.timeline.plan(
            at, lambda now, v=vendor, t=terms, a=total: purchasing.receive_invoice(now, v, total=a, terms=t)
        )


def _plan_purchases(story: Story) -> None:
    """Purchases of every working day from the week before go-live, invoices without an order, expense reports."""
    books, customer, purchasing = story.books, story.customer, story.purchasing
    monday = customer.go_live - WEEK
    while monday <= LAST_DAY:
        count = customer.purchases_a_week if monday >= customer.go_live else customer.purchases_a_week // 2
        for _ in range(count):
            books.timeline.plan(_some_moment(books, monday), purchasing.start_purchase)
        for _ in range(2 if monday >= customer.go_live else 0):
            vendor = books.random.choice(books.vendors)
            books.timeline.plan(_some_moment(books, monday), lambda now, v=vendor: purchasing.receive_invoice(now, v))
        for _ in range(3 if "Expenses" in customer.products and monday >= customer.go_live else 0):
            books.timeline.plan(_some_moment(books, monday), purchasing.start_expense_report)
        monday += WEEK


def _some_moment(books: Books, monday: date) -> datetime:
    return books.timeline.moment(
        monday + timedelta(days=books.random.randint(0, 4)), books.random.randint(8, 15), books.random.randint(0, 59)
    )


def _plan_payment_runs(story: Story) -> None:
    customer = story.customer
    if customer.is_weekly:
        days = [day for day in list_days(customer.go_live, LAST_DAY) if day.weekday() == customer.pays_on]
    else:
        days = [day for day in customer.run_days if day <= LAST_DAY]
    for day in days:
        story.paying.plan_run(day)


def _plan_integration_runs(story: Story) -> None:
    """Every working evening the ERP fetches invoices and payments; once it fails, and one document is repaired."""
    books, customer = story.books, story.customer
    kinds = ["InvoiceHeader", "CoupaPay::Payment"] if customer.has_coupa_pay else ["InvoiceHeader"]
    integrations = []
    for kind in kinds:
        at = books.timeline.moment(customer.go_live - WEEK, 7)
        integrations.append(books.open("integrations", shapes.integration, at, business_object=kind).body)
    for day in list_days(customer.go_live, LAST_DAY):
        if day.weekday() < 5:
            at = books.timeline.moment(day, 19)
            books.timeline.plan(at, lambda now, known=tuple(integrations): _run_integrations(now, books, known))
    failure = books.timeline.moment(customer.go_live + timedelta(days=9), 12)
    books.timeline.plan(failure, lambda now: _fail_integration(now, books, integrations[0]))


def _run_integrations(at: datetime, books: Books, integrations: tuple[Body, ...]) -> None:
    for integration in integrations:
        count = books.random.randint(1, 9)
        books.open(
            "integration_runs", shapes.integration_run, at, integration=integration, total_records=count,
            end_time=at + timedelta(minutes=4),
        )  # fmt: skip


def _fail_integration(at: datetime, books: Books, integration: Body) -> None:
    invoice_id = next(each.id for each in books.documents["invoices"] if each.facts["status"] == "approved")
    run = books.open(
        "integration_runs", shapes.integration_run, at, integration=integration, status="failed", total_records=5,
        records_processed=4, end_time=at + timedelta(minutes=4),
    )  # fmt: skip
    error: Document = books.open(
        "integration_errors", shapes.integration_error, at, document_id=invoice_id, run_id=run.id,
        integration=integration,
    )  # fmt: skip
    books.timeline.plan(at + DAY, lambda now: books.save(error, now, resolved=True, status="resolved"))
