"""All that one served org keeps beside its records: sessions, faults to come, counters, results being read."""

from __future__ import annotations

from sandbox.salesforce.faults import Fault
from sandbox.salesforce.oauth import Sessions
from sandbox.salesforce.queries import OpenResults
from sandbox.salesforce.store import Org
from sandbox.salesforce.traffic import Traffic
from sandbox.striking import FaultPlan


class Service:
    """The state of one served org."""

    def __init__(self, org: Org) -> None:
        self.org = org
        self.sessions = Sessions(org)
        self.faults: FaultPlan[Fault] = FaultPlan()
        self.traffic = Traffic()
        self.results = OpenResults()
