"""What the tests of the demo world share: it is built once, and looked at as an engagement sees it."""

from __future__ import annotations

from datetime import datetime
from functools import cache

from sandbox.demo import build_demo
from sandbox.demo.customers import CUSTOMERS, Customer
from sandbox.demo.expectations import RUNS
from sandbox.scenario import Scenario

BY_NAME = {customer.name.removesuffix(" go-live"): customer for customer in CUSTOMERS}
PAYING = [customer for customer in CUSTOMERS if customer.has_coupa_pay and customer.purchases_a_week]
LAST_RUN = RUNS[-1].as_of


@cache
def demo_world() -> Scenario:
    """The demo world, built once in a test session."""
    return build_demo()


def names(customers):
    return [customer.name for customer in customers]


def look(customer: Customer, resource: str, at: datetime = LAST_RUN):
    """What the engagement's instances show of a resource at an instant, of its own legal entity."""
    found = []
    for name in customer.instances:
        instance = demo_world().world.instances[name]
        instance.clock = at
        found += [(name, body) for body in instance.records(resource) if belongs(customer, resource, body)]
    return found


def belongs(customer, resource, body):
    if not customer.scope:
        return True
    entity = {
        "invoices": lambda: body["account-type"]["legal-entity-name"],
        "coupa_pay/payments": lambda: body["legal-entity-name"],
        "expense_reports": lambda: body["expense-lines"][0]["account"]["account-type"]["legal-entity-name"],
    }
    return entity[resource]() in customer.scope


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
