"""One engagement of the demo world, and what it can be."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta

PROCUREMENT = ("Procurement", "Invoicing")
PAY = (*PROCUREMENT, "Coupa Pay")
FULL = (*PROCUREMENT, "Expenses", "Coupa Pay")
GO_LIVE = date(2026, 3, 2)


@dataclass(frozen=True)
class Customer:
    """One engagement.

    `pays_on`: weekday of the weekly payment run (0 is Monday); `run_days`: the dates of the runs of other cadences, as
    long as the story needs them; `settles_in`: working days from release to completion; `method`: ach, sepa or wire.
    `stories`: the particular things that happen here, by their names in `incidents`.
    """

    name: str
    scenario: str
    instances: tuple[str, ...]
    zone: str
    segment: str
    region: str
    legal_entity: str
    currency: str
    products: tuple[str, ...] = FULL
    cadence: str = "weekly"
    delivery: str = "vendor"
    erp_leg: str = "exported_flag"
    go_live: date = GO_LIVE
    holidays: str = ""
    account: str = ""
    scope: tuple[str, ...] = ()
    pays_on: int = 3
    run_days: tuple[date, ...] = ()
    settles_in: int = 2
    method: str = "ach"
    purchases_a_week: int = 8
    stories: tuple[str, ...] = field(default=())

    @property
    def has_coupa_pay(self) -> bool:
        """Whether payments run through Coupa Pay."""
        return "Coupa Pay" in self.products

    @property
    def is_weekly(self) -> bool:
        """Whether payments run every week."""
        return not self.run_days

    def due_date(self, invoice_date: date, days: int) -> date:
        """Return when an invoice is due: after its terms, or on the payment run that comes then."""
        due = invoice_date + timedelta(days=days)
        return next((day for day in self.run_days if day >= due), due)
