"""A Salesforce stand-in behind a real socket, with readers that do not wait long, for tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hypercare.systems.connections import SystemConnection
from hypercare.systems.http import RequestPolicy
from hypercare.systems.salesforce import SalesforceReader
from hypercare.systems.salesforce_login import read_login
from hypercare.systems.salesforce_rest import SalesforceClient
from sandbox.salesforce.app import create_app
from sandbox.salesforce.faults import Fault
from sandbox.salesforce.service import Service
from sandbox.salesforce.store import Org
from tests.sandbox.serving import serve

ROOT = Path(__file__).resolve().parents[3]
MAPPING = ROOT / "include" / "mappings" / "salesforce.yaml"
IMPATIENT = RequestPolicy(attempts=3, first_wait=0.001, longest_wait=0.002, connect_timeout=5, read_timeout=5)
NOVEMBER = datetime(2026, 11, 2, 8, tzinfo=UTC)


@dataclass
class StandIn:
    """One served org."""

    org: Org
    service: Service
    base_url: str
    account: str

    def connection(self, **extra: Any) -> SystemConnection:
        """An Airflow connection to it; `extra` replaces or adds extras."""
        host, port = self.base_url.removeprefix("http://").split(":")
        keys = {"consumer_key": "client", "consumer_secret": "secret", "domain": "acme.my", **extra}
        return SystemConnection("salesforce_default", host, int(port), "http", "integration@example.com", "", keys)

    def client(self, policy: RequestPolicy = IMPATIENT, **extra: Any) -> SalesforceClient:
        return SalesforceClient(read_login(self.connection(**extra)), policy)

    def reader(self, mapping: Path = MAPPING) -> SalesforceReader:
        return SalesforceReader(self.client, mapping)

    def fault(self, kind: str, resource: str = "*", **options: Any) -> None:
        self.service.faults.add(Fault(kind, resource=resource, **options))

    def asked(self) -> Mapping[str, int]:
        """How many requests came, by method and resource."""
        return self.service.traffic.write_body()["by_resource"]

    def add_icm(self, name: str, **fields: Any) -> str:
        """Put an ICM record in hypercare that is right in every field, but for those given."""
        values = {
            "Name": name,
            "Account__c": self.account,
            "Stage__c": "In Hypercare",
            "Go_Live_Date__c": "2026-09-14",
            "Products__c": "Procurement;Coupa Pay",
            "Time_Zone__c": "America/New_York",
            "Coupa_Instances__c": "acme",
            **fields,
        }
        return self.org.put("ICM__c", NOVEMBER, values)


@contextmanager
def stand_in(**org: Any) -> Iterator[StandIn]:
    """Serve an org with one account."""
    served = Org("Demo", "client", "secret", clock=NOVEMBER, **org)
    account = served.put(
        "Account", NOVEMBER, {"Name": "Acme Industries", "Segment__c": "Enterprise", "Region__c": "US"}
    )
    service = Service(served)
    with serve(create_app(served, service=service)) as url:
        yield StandIn(served, service, url, account)
