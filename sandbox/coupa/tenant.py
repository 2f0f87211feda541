"""What the server keeps about one tenant besides its records: tokens, faults, the rate limit and what was asked."""

from __future__ import annotations

import time
from collections import Counter, deque
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox.coupa.faults import FaultBoard
from sandbox.coupa.oauth import TokenDesk

if TYPE_CHECKING:
    from sandbox.world import Instance, World

LOG_LENGTH = 5000


@dataclass
class LeakyBucket:
    """A rate limit: holds `burst` requests and leaks `per_second`; a request that does not fit is refused."""

    per_second: float
    burst: int
    level: float = 0.0
    measured_at: float | None = None

    def admit(self, now: float) -> bool:
        """Take one request at `now` (seconds, monotonic), or refuse it."""
        if self.measured_at is not None:
            self.level = max(0.0, self.level - (now - self.measured_at) * self.per_second)
        self.measured_at = now
        if self.level + 1 > self.burst:
            return False
        self.level += 1
        return True


@dataclass(frozen=True)
class RequestEntry:
    """One request as it was received and answered; `clock` is the instance's, in ISO 8601."""

    method: str
    resource: str
    path: str
    query: str
    status: int
    clock: str


@dataclass
class RequestLog:
    """Counters by method and resource that miss nothing, and the last requests in full."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    entries: deque[RequestEntry] = field(default_factory=lambda: deque(maxlen=LOG_LENGTH))

    def note(self, entry: RequestEntry) -> None:
        """Count one request."""
        self.counts[entry.method, entry.resource] += 1
        self.statuses[entry.status] += 1
        self.entries.append(entry)

    def reset(self) -> None:
        """Start counting anew."""
        self.counts.clear()
        self.statuses.clear()
        self.entries.clear()

    def summary(self) -> dict[str, Any]:
        """Show the counters as `{method: {resource: n}}`, by status, in total, and the last requests."""
        by_method: dict[str, dict[str, int]] = {}
        for (method, resource), count in sorted(self.counts.items()):
            by_method.setdefault(method, {})[resource] = count
        return {
            "total": self.counts.total(),
            "counts": by_method,
            "statuses": {str(status): count for status, count in sorted(self.statuses.items())},
            "log": [asdict(entry) for entry in self.entries],
        }


class Tenant:
    """One instance with the server's own state about it."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.tokens = TokenDesk(instance)
        self.faults = FaultBoard()
        self.requests = RequestLog()
        self.last_page: dict[str, list[dict[str, Any]]] = {}
        self._bucket = LeakyBucket(instance.requests_per_second or 0.0, instance.burst)

    def admit(self) -> bool:
        """Tell whether the rate limit lets one more API request in."""
        if self.instance.requests_per_second is None:
            return True
        self._bucket.per_second, self._bucket.burst = self.instance.requests_per_second, self.instance.burst
        return self._bucket.admit(time.monotonic())


class Tenants:
    """The tenants of a world by name; an instance added later is found too."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._known: dict[str, Tenant] = {}

    def find(self, name: str) -> Tenant | None:
        """Find the tenant of that name, or None."""
        instance = self.world.instances.get(name)
        if instance is None:
            return None
        tenant = self._known.get(name)
        if tenant is None or tenant.instance is not instance:
            tenant = self._known[name] = Tenant(instance)
        return tenant
