"""What people of the demo world fill into their hypercare workbooks: the exit checklist, and who they are."""

from __future__ import annotations

from datetime import UTC, date, datetime

from sandbox.demo.customers import Customer
from sandbox.demo.organisation import STAFF, find_staff
from sandbox.trackers import FilledRow, FilledSheet

CHECKED_AT = datetime(2026, 4, 6, 9, tzinfo=UTC)
"""The Monday from which the cycles that started in week two are complete."""
TOO_EARLY = datetime(2026, 3, 27, 15, tzinfo=UTC)
WANTS_OUT = datetime(2026, 3, 30, 9, tzinfo=UTC)
"""When a customer says that it is ready to leave, whatever the rest of the checklist comes to."""

LISTED_AT = datetime(2026, 3, 3, 11, tzinfo=UTC)
TARGETED = ("Office Supply House", "packwell packaging", "Bright Print Works", "Ferry Lines United")
"""The suppliers on a target list, as somebody types them; the last one is not in Coupa."""

PAY_ITEMS = {
    "CP-1": "Yes",
    "CP-2": "Yes",
    "CP-3": "Yes",
    "CP-4": "Yes",
    "CP-5": "Yes",
    "CP-6": "Not applicable",
    "CP-7": "Yes",
}
READY_ITEM = "CR-1"
LINE = "To be answered after the cycle is complete"
HEADERS = ("Item", "Question", "Done", "Name", "Role", "Date", "Confirmed With", "Remarks")


def fill_sheets(customer: Customer) -> tuple[FilledSheet, ...]:
    """Return the further sheets of an engagement's workbook; none where nobody has filled them yet."""
    if "nobody_checks" in customer.stories:
        return ()
    sheets = (_fill_checklist(customer), _name_people(customer))
    return (*sheets, _list_suppliers()) if "lists_suppliers" in customer.stories else sheets


def _fill_checklist(customer: Customer) -> FilledSheet:
    if "customer_wants_out" in customer.stories:
        rows = _answer(customer, WANTS_OUT)[-1:]
        return FilledSheet("Exit checklist", LINE, HEADERS, tuple(rows))
    rows = []
    if customer.has_coupa_pay and "checked_too_early" in customer.stories:
        rows += _answer(customer, TOO_EARLY, until=CHECKED_AT)
    rows += _answer(customer, CHECKED_AT)
    return FilledSheet("Exit checklist", LINE, HEADERS, tuple(rows))


def _answer(customer: Customer, at: datetime, until: datetime | None = None) -> list[FilledRow]:
    manager = STAFF[find_staff(customer)["em"]][0]
    checker = (manager, "EM") if customer.delivery == "vendor" else (f"Casey {last_name(customer)}", "partner PM")
    day: date = at.date()
    items = PAY_ITEMS if customer.has_coupa_pay else {}
    rows = [FilledRow(at, (item, None, answer, *checker, day, None, None), until) for item, answer in items.items()]
    customer_ready = (READY_ITEM, None, "Yes", manager, "EM", day, f"Pat {last_name(customer)}", "Said so in the call")
    return [*rows, FilledRow(at, customer_ready, until)]


def _name_people(customer: Customer) -> FilledSheet:
    people = (("client AP lead", f"Pat {last_name(customer)}"), ("finance contact", f"Terry {last_name(customer)}"))
    rows = tuple(FilledRow(TOO_EARLY, (role, name, "Yes")) for role, name in people)
    return FilledSheet("People and access", "Who plays which role", ("Role", "Person", "Portal Access"), rows)


def _list_suppliers() -> FilledSheet:
    """List whom the customer wants enabled; one of them it does not deal with yet."""
    rows = tuple(FilledRow(LISTED_AT, (name, LISTED_AT.date(), "1")) for name in TARGETED)
    return FilledSheet("Supplier targets", "First wave", ("Supplier", "Target Date", "Wave"), rows)


def last_name(customer: Customer) -> str:
    """Return the family name that all of an engagement's own people share."""
    return customer.name.split(maxsplit=1)[0]
