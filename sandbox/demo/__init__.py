"""The demo world: five weeks of made-up customers in hypercare, each with something particular."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any

from sandbox.coupa.api import every_scope
from sandbox.demo.action_items import write_tracker
from sandbox.demo.adjusted import DECISIONS, change_org
from sandbox.demo.bank import open_accounts
from sandbox.demo.books import Books
from sandbox.demo.customers import CUSTOMERS, Customer
from sandbox.demo.evidence_incidents import EVIDENCE_INCIDENTS
from sandbox.demo.evidenced import DROPS
from sandbox.demo.expectations import RUNS, list_expectations
from sandbox.demo.finance import fill_finance_sheets
from sandbox.demo.incidents import INCIDENTS
from sandbox.demo.jira_site import open_site, point_to_jira
from sandbox.demo.organisation import fill_org
from sandbox.demo.story import plan_story
from sandbox.salesforce.store import Org
from sandbox.scenario import Scenario, TimedFault
from sandbox.world import Instance, World

PREPARED = timedelta(days=60)
"""How long before go-live an instance has its people and suppliers."""

ENDS_AT = datetime(2026, 4, 7, 12, tzinfo=UTC)
"""Nothing happens after this."""

OUT_OF_SERVICE = ("2026-03-30T00:00:00+00:00", "2026-04-01T00:00:00+00:00")
COLUMN_GONE = ("2026-03-21T00:00:00+00:00", "2026-03-25T00:00:00+00:00")

SHOWN_BY_DEFAULT = {
    "invoices": ["id", "invoice-number", "status", "total-with-taxes"],
    "coupa_pay/payments": ["id", "status"],
    "purchase_orders": ["id", "po-number", "status"],
}
"""What an administrator's default filter leaves of three resources."""


def build_demo() -> Scenario:
    """Build the whole demo world; the same every time."""
    world = World()
    stories = []
    shelves: dict[str, Books] = {}
    for customer in CUSTOMERS:
        for name in customer.instances:
            if name not in shelves:
                opened_at = datetime.combine(customer.go_live - PREPARED, time(9), UTC)
                shelves[name] = Books(world.add(_open_instance(name, customer)), opened_at)
            entity_id = sum(story.books is shelves[name] for story in stories) + 1
            stories.append(plan_story(customer, shelves[name], entity_id))
    for story in stories:
        for incident in story.customer.stories:
            if act := (INCIDENTS | EVIDENCE_INCIDENTS).get(incident):
                act(story)
    for books in shelves.values():
        books.timeline.play(ENDS_AT)
    org = Org("Sandbox", "hypercare-sandbox", "sandbox-secret")
    engagements = fill_org(org)
    point_to_jira(org, engagements)
    change_org(org, engagements)
    return Scenario(
        title=f"Demo: five weeks of {len(CUSTOMERS)} engagements, 2026-W10 to 2026-W14",
        world=world,
        org=org,
        runs=RUNS,
        trackers=[write_tracker(customer, fill_finance_sheets(customer, world)) for customer in CUSTOMERS],
        expected=list_expectations(),
        faults=list(_list_faults()),
        decisions=DECISIONS,
        jira_sites=(open_site(),),
        drops=DROPS,
        bank_accounts=open_accounts(world, engagements),
    )


def _open_instance(name: str, customer: Customer) -> Instance:
    unlicensed = () if customer.has_coupa_pay else ("coupa_pay/payments", "coupa_pay/statements", "charges")
    scopes = every_scope() - {"core.pay.statements.read"} if "no_statements_scope" in customer.stories else None
    return Instance(
        name,
        time_zone=customer.zone,
        scopes=scopes,
        default_filters=SHOWN_BY_DEFAULT if "default_filter" in customer.stories else None,
        unlicensed=unlicensed,
    )


def _list_faults() -> list[TimedFault]:
    down = [{"kind": "status", "status": 503, "html": True, "resource": resource} for resource in ("*", "oauth")]
    gone: list[Mapping[str, Any]] = [{"kind": "missing_field", "resource": "invoices", "field": "status"}]
    happenings: dict[str, tuple[list[Any], tuple[str, str]]] = {
        "api_down": (down, OUT_OF_SERVICE),
        "missing_column": (gone, COLUMN_GONE),
    }
    return [
        TimedFault(instance, {**fault, "from": begins, "until": ends})
        for customer in CUSTOMERS
        for story, (faults, (begins, ends)) in happenings.items()
        if story in customer.stories
        for instance in customer.instances
        for fault in faults
    ]
