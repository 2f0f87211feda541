"""What stands in the demo world's trackers, and how it changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime

from sandbox.demo.customers import Customer
from sandbox.demo.organisation import STAFF, find_staff, tracker_name
from sandbox.demo.workbooks import fill_sheets
from sandbox.trackers import FilledSheet, Item, ItemChange, Tracker


def write_tracker(customer: Customer, further: Sequence[FilledSheet] = ()) -> Tracker:
    """Return an engagement's workbook: everyday items, those of its stories, and what people filled in.

    `further` are sheets beside those that every workbook has. Where the items are tracked in Jira there are none here.
    """
    parts = {part: STAFF[key][0] for part, key in find_staff(customer).items()}
    items = [] if "tracker_in_jira" in customer.stories else _everyday_items(customer, parts)
    if "high_item_without_plan" in customer.stories:
        items.append(_unplanned_item(parts))
    if "high_item_with_plan" in customer.stories:
        items.append(_planned_item(parts))
    return Tracker(tracker_name(customer), tuple(items), (*fill_sheets(customer), *further), saved_by=parts["em"])


def _noon(month: int, day: int) -> datetime:
    return datetime(2026, month, day, 12, tzinfo=UTC)


def _raise(day: datetime, **values: object) -> ItemChange:
    return ItemChange(day, {"state": "raised", "raised_on": day.date(), "internal_only": False, **values})


def _everyday_items(customer: Customer, parts: dict[str, str]) -> list[Item]:
    approver = Item(
        "AI-001",
        (
            _raise(
                _noon(2, 27), title="Two approvers lack a delegate → requisitions wait over holidays", category="Users",
                priority="Medium", impact="Approvals take a day", owner="Client AP lead", due_on=date(2026, 3, 13),
            ),
            ItemChange(_noon(3, 3), {"state": "active"}),
            ItemChange(
                _noon(3, 12),
                {"state": "closed", "resolved_on": date(2026, 3, 12), "resolution": "Delegates set for both"},
            ),
        ),
    )  # fmt: skip
    reminder = Item(
        "AI-002",
        (
            _raise(
                _noon(3, 10), title="Suppliers ask how to send invoices → calls to the AP team", category="Suppliers",
                priority="Low", impact="About five calls a week", owner=parts["em"], due_on=date(2026, 4, 17),
            ),
            ItemChange(_noon(3, 24), {"state": "active", "plan": "Second supplier webinar"}),
        ),
    )  # fmt: skip
    resolved = Item(
        "AI-003",
        (
            _raise(
                _noon(3, 4), title="Tax code missing on freight lines → invoices held", category="Invoicing",
                priority="High", impact="Four invoices held", owner=parts["em"], due_on=date(2026, 3, 9),
            ),
            ItemChange(
                _noon(3, 6),
                {"state": "closed", "resolved_on": date(2026, 3, 6), "resolution": "Tax code mapped"},
            ),
        ),
    )  # fmt: skip
    internal = Item(
        "AI-004",
        (
            _raise(
                _noon(3, 18), title="Confirm hours left on the project → change request", category="Project",
                priority="Low", impact="None for the customer", owner=parts["em"], due_on=date(2026, 4, 10),
                internal_only=True,
            ),
        ),
    )  # fmt: skip
    return [approver, reminder, resolved, internal] if customer.purchases_a_week else [approver, internal]


def _unplanned_item(parts: dict[str, str]) -> Item:
    return Item(
        "AI-005",
        (
            _raise(
                _noon(3, 19), title="Order changes do not reach cXML suppliers → wrong deliveries", category="Orders",
                priority="Critical", impact="Changed orders are called in", owner="Client technical architect",
                due_on=date(2026, 3, 27),
            ),
            ItemChange(_noon(3, 26), {"state": "active", "escalated_to": parts["support"]}),
        ),
    )  # fmt: skip


def _planned_item(parts: dict[str, str]) -> Item:
    return Item(
        "AI-005",
        (
            _raise(
                _noon(3, 17), title="Invoices of one supplier arrive twice → duplicates are voided by hand",
                category="Invoicing", priority="High", impact="One void a week", owner=parts["em"],
                due_on=date(2026, 4, 24), case_number="00001049",
            ),
            ItemChange(
                _noon(3, 25),
                {
                    "state": "active", "plan": "The supplier turns off its second channel with its next release",
                    "plan_owner": parts["em"], "plan_date": date(2026, 4, 24),
                    "plan_accepted_by": f"Support: {parts['support']}",
                },
            ),
        ),
    )  # fmt: skip
