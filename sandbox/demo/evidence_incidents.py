"""What happens to the engagements of `evidenced`, each by its name in a customer's `stories`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal

from sandbox.coupa import shapes
from sandbox.demo.incidents import WEEK_THREE, WEEK_TWO, invoice_on
from sandbox.demo.paying import Payment
from sandbox.demo.purchasing import Bill
from sandbox.demo.story import LAST_DAY, Story, list_days

SUPPLIER_WAITS_FOR = Decimal("2750.00")
"""The total of the invoice that its supplier lets wait."""
NEW_DUE_DATES = ((date(2026, 3, 24), date(2026, 3, 17)), (date(2026, 3, 31), date(2026, 3, 24)))
"""When its due date is moved, and to which day: each time it is late anew, in weeks four and five."""
INTEGRATION_DOWN = "Supplier master to the TMS"
INTEGRATION_DOWN_FROM = date(2026, 3, 26)


def refuse_run(story: Story) -> None:
    """Let the bank refuse every payment of the run of week two; the run of week three pays their invoices again."""

    def refuse(_at: datetime, day: date, payments: list[Payment]) -> None:
        if WEEK_TWO <= day < WEEK_THREE:
            for payment in payments:
                payment.outcome = "completed_with_errors"

    story.paying.after_drafting.append(refuse)


def let_supplier_wait(story: Story) -> None:
    """Leave an approved invoice unpaid, and move its due date on as the supplier agrees to."""
    timeline = story.books.timeline

    def wait(_at: datetime, bill: Bill) -> None:
        bill.is_kept_back = True
        for told_on, due in NEW_DUE_DATES:
            timeline.plan(
                timeline.moment(told_on, 10),
                lambda now, day=due: story.books.save(bill.document, now, net_due_date=day),
            )

    invoice_on(story, story.customer.go_live, SUPPLIER_WAITS_FOR, 1, wait)


def break_integration(story: Story) -> None:
    """Send suppliers' data to another system every working evening; from a day of week four on each run fails."""
    books, go_live = story.books, story.customer.go_live
    created_at = books.timeline.moment(go_live - timedelta(days=7), 8)
    suppliers = books.open(
        "integrations", shapes.integration, created_at, business_object="Supplier", name=INTEGRATION_DOWN
    ).body

    def send(at: datetime) -> None:
        fails = at.astimezone(books.zone).date() >= INTEGRATION_DOWN_FROM
        books.open(
            "integration_runs", shapes.integration_run, at, integration=suppliers, total_records=3,
            status="failed" if fails else "successful", records_processed=0 if fails else 3,
            end_time=at + timedelta(minutes=2),
        )  # fmt: skip

    for day in list_days(go_live, LAST_DAY):
        if day.weekday() < 5:
            books.timeline.plan(books.timeline.moment(day, 20), send)


EVIDENCE_INCIDENTS: Mapping[str, Callable[[Story], None]] = {
    "run_refused": refuse_run,
    "supplier_waits": let_supplier_wait,
    "integration_down": break_integration,
}
"""What happens in the records; the other stories happen in workbooks, statements or Jira."""
