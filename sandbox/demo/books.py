"""One Coupa instance while its story is told: its people and suppliers, and documents that change over time."""

from __future__ import annotations

import itertools
import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sandbox.coupa import shapes
from sandbox.demo.timeline import Timeline
from sandbox.world import Instance

Body = dict[str, Any]
Maker = Callable[..., Body]

FIRST_NAMES = ("Alex", "Bo", "Chris", "Dana", "Eli", "Fran", "Gael", "Harper", "Indra", "Jo", "Kai", "Lee")
LAST_NAMES = (
    "Abbott",
    "Brandt",
    "Castillo",
    "Dahl",
    "Ekström",
    "Fischer",
    "Garza",
    "Hart",
    "Ito",
    "Jensen",
    "Khan",
    "Lund",
)
LICENCES = (
    ("purchasing", "expense"),
    ("purchasing", "expense", "analytics"),
    ("purchasing", "invoicing", "expense"),
    ("expense",),
)
SUPPLIERS = (
    ("Office Supply House", "cxml", "CSP"),
    ("Meridian Facilities", "email", "email"),
    ("Packwell Packaging", "cxml", "cXML"),
    ("Northern Light Energy", "email", "CSP"),
    ("Datacore Systems", "cxml", "cXML"),
    ("Swift Couriers", "email", "SAN"),
    ("Bright Print Works", "prompt", None),
    ("Halden Tools", "cxml", "sFTP"),
    ("Clearwater Catering", "email", "CSP"),
    ("Atlas Travel", "prompt", "email"),
)
"""Name, order method, and the channel by which the supplier's invoices come; None: typed in by hand."""


@dataclass
class Document:
    """A record that changes: `facts` are the arguments of its builder as they stand now."""

    resource: str
    make: Maker
    facts: dict[str, Any]
    body: Body = field(default_factory=dict)

    @property
    def id(self) -> int:
        """Its number within the resource."""
        return int(self.facts["id"])


@dataclass(frozen=True)
class Vendor:
    """A supplier as documents see it."""

    stub: Body
    order_method: str
    channel: str | None
    contract: Body | None


class Books:
    """The records of one instance; ids rise in the order of creation, each change is a version at its instant."""

    def __init__(self, instance: Instance, opened_at: datetime) -> None:
        self.instance = instance
        self.zone: ZoneInfo = instance.time_zone
        self.random = random.Random(instance.name)
        self.timeline = Timeline(self.zone)
        self.documents: defaultdict[str, list[Document]] = defaultdict(list)
        self.people: list[Body] = []
        self.vendors: list[Vendor] = []
        self._counters: defaultdict[str, Iterator[int]] = defaultdict(lambda: itertools.count(1001))
        self._employ_people(opened_at)
        self._list_suppliers(opened_at)

    def next_id(self, kind: str) -> int:
        """Return the next number of a kind of record."""
        return next(self._counters[kind])

    def open(self, resource: str, make: Maker, at: datetime, **facts: object) -> Document:
        """Create a record at an instant and return it."""
        document = Document(
            resource, make, {"id": self.next_id(resource), "created_at": at, "zone": self.zone, **facts}
        )
        self.save(document, at)
        self.documents[resource].append(document)
        return document

    def save(self, document: Document, at: datetime, **changes: object) -> None:
        """Change a record at an instant: a new version with that `updated-at`."""
        document.facts |= changes
        document.body = document.make(**document.facts, updated_at=at)
        self.instance.put(document.resource, at, document.body)

    def spoil(self, document: Document, at: datetime, **attributes: object) -> None:
        """Show attributes (by wire name) with values that do not belong there, from an instant on."""
        stamp = shapes.write_instant(at, self.zone)
        document.body = {**document.body, **attributes, "updated-at": stamp}
        self.instance.put(document.resource, at, document.body)

    def requester(self) -> Body:
        """Return somebody who buys."""
        return self.random.choice(self.people[2:])

    def approver(self, position: int = 1) -> Body:
        """Return who approves at a position of the chain."""
        return self.people[position % 2]

    def _employ_people(self, opened_at: datetime) -> None:
        for number, (first, last) in enumerate(zip(FIRST_NAMES, LAST_NAMES, strict=True), start=1):
            self.people.append(shapes.user_stub(number, first, last))
            user = self.open(
                "users", shapes.user, opened_at + timedelta(minutes=number), firstname=first, lastname=last,
                licences=LICENCES[number % len(LICENCES)], roles=[{"id": 1, "name": "User"}],
                department={"id": 1 + number % 3, "name": ("Operations", "Finance", "Facilities")[number % 3]},
            )  # fmt: skip
            self.people[-1]["id"] = user.id
        self.open("users", shapes.user, opened_at, firstname="Integration", lastname="User", licences=(), api_user=True)
        self.open("users", shapes.user, opened_at, firstname="Vendor", lastname="Support", support_user=True)
        self.open("users", shapes.user, opened_at, firstname="Former", lastname="Employee", active=False)

    def _list_suppliers(self, opened_at: datetime) -> None:
        for name, order_method, channel in SUPPLIERS:
            at = opened_at + timedelta(hours=1)
            supplier = self.open(
                "suppliers", shapes.supplier, at, name=name, po_method=order_method, connected=channel == "CSP"
            )
            stub = shapes.supplier_stub(supplier.id, name)
            contract = None
            if order_method == "cxml":
                signed = self.open(
                    "contracts", shapes.contract, at, supplier=stub, start_date=opened_at.date(),
                    end_date=opened_at.date() + timedelta(days=730),
                )  # fmt: skip
                contract = {"id": signed.id, "number": f"C{signed.id:05d}", "name": f"Contract {signed.id}"}
            self.vendors.append(Vendor(stub, order_method, channel, contract))
        self.open("suppliers", shapes.supplier, opened_at, name="Dormant Supplies", status="inactive", connected=False)
