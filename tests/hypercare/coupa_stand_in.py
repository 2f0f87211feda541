"""A Coupa stand-in behind a real socket, with a client that does not wait long, for tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests

from hypercare.contracts import Contract, load_contracts
from hypercare.systems.coupa import CoupaClient, CoupaConnection
from hypercare.systems.http import RequestPolicy
from sandbox.coupa.app import create_app
from sandbox.world import Instance, World
from tests.sandbox.serving import serve

ROOT = Path(__file__).resolve().parents[2]
CONTRACTS: Mapping[str, Contract] = load_contracts(ROOT / "include" / "schemas" / "feeds")
SCOPES = tuple(sorted({contract.scope for contract in CONTRACTS.values() if contract.scope}))
IMPATIENT = RequestPolicy(attempts=3, first_wait=0.001, longest_wait=0.002, connect_timeout=5, read_timeout=5)
GO_LIVE = datetime(2026, 2, 2, 5, 0, tzinfo=UTC)


@dataclass
class StandIn:
    """One served instance and its admin address."""

    instance: Instance
    base_url: str
    admin_url: str

    def client(self, policy: RequestPolicy = IMPATIENT, **settings: Any) -> CoupaClient:
        """Make a client without a rate limit; `settings` are the client's own, or replace the connection's parts."""
        parts: dict[str, Any] = {
            "instance": self.instance.name,
            "base_url": self.base_url,
            "client_id": self.instance.client_id,
            "client_secret": self.instance.client_secret,
            "scopes": SCOPES,
        }
        parts.update({name: settings.pop(name) for name in list(settings) if name in parts})
        return CoupaClient(CoupaConnection(**parts), policy, **{"requests_per_second": None, **settings})

    def fault(self, kind: str, resource: str = "*", **options: Any) -> None:
        """Inject a fault."""
        body = {"kind": kind, "resource": resource, **options}
        requests.post(f"{self.admin_url}/faults", json=body, timeout=5).raise_for_status()

    def clear_faults(self) -> None:
        """Remove all faults."""
        requests.delete(f"{self.admin_url}/faults", timeout=5).raise_for_status()

    def expire_tokens(self) -> None:
        """Make every issued token invalid."""
        requests.delete(f"{self.admin_url}/tokens", timeout=5).raise_for_status()

    def requests_seen(self) -> dict[str, Any]:
        """What the server was asked so far."""
        return requests.get(f"{self.admin_url}/requests", timeout=5).json()

    def asked(self, resource: str) -> int:
        """How many GETs of a resource the server saw."""
        return self.requests_seen()["counts"].get("GET", {}).get(resource, 0)

    def forget_requests(self) -> None:
        """Start counting anew."""
        requests.delete(f"{self.admin_url}/requests", timeout=5).raise_for_status()


@contextmanager
def stand_in(name: str = "acme", **settings: Any) -> Iterator[StandIn]:
    """Serve one instance without a rate limit, unless its settings say otherwise."""
    world = World()
    instance = world.add(Instance(name, **{"requests_per_second": None, **settings}))
    with serve(create_app(world)) as url:
        yield StandIn(instance, f"{url}/coupa/{name}", f"{url}/admin/coupa/{name}")
