"""Worlds of a few customers on instances of their own, small enough to be played many times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time
from unittest.mock import patch

from sandbox.demo import ENDS_AT, PREPARED, organisation
from sandbox.demo.action_items import write_tracker
from sandbox.demo.books import Books
from sandbox.demo.customers import CUSTOMERS, Customer
from sandbox.demo.expectations import RUNS
from sandbox.demo.incidents import INCIDENTS
from sandbox.demo.story import plan_story
from sandbox.salesforce.store import Org
from sandbox.scenario import Scenario, TimedFault
from sandbox.world import Instance, World


def customer(name: str, go_live: date, *stories: str, **changes: object) -> Customer:
    """Return a customer called `<name> go-live` on an instance of its own, that buys little."""
    plain = replace(CUSTOMERS[2], purchases_a_week=2, go_live=go_live, stories=stories, **changes)
    return replace(plain, name=f"{name} go-live", instances=(name.lower(),))


def build_world(customers: Sequence[Customer], faults: Sequence[TimedFault] = ()) -> Scenario:
    """Build a world of these customers, the same every time, with the demo's runs and without a rate limit."""
    world = World()
    for each in customers:
        _play(world, each)
    org = Org("Sandbox", "hypercare-sandbox", "sandbox-secret")
    with patch.multiple(organisation, CUSTOMERS=tuple(customers), CASES=()):
        organisation.fill_org(org)
    trackers = [write_tracker(each) for each in customers]
    return Scenario(title="A few customers", world=world, org=org, runs=RUNS, trackers=trackers, faults=faults)


def _play(world: World, each: Customer) -> None:
    instance = world.add(Instance(*each.instances, time_zone=each.zone, requests_per_second=None))
    books = Books(instance, datetime.combine(each.go_live - PREPARED, time(9), UTC))
    story = plan_story(each, books, entity_id=1)
    for incident in each.stories:
        INCIDENTS[incident](story)
    books.timeline.play(ENDS_AT)
