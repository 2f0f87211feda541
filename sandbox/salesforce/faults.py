"""Faults on request: what the org shall answer instead of serving, how often, and when."""

from __future__ import annotations

import itertools
import threading
from dataclasses import dataclass
from datetime import datetime

from sandbox.salesforce.errors import ApiError, request_limit_exceeded, session_invalid

ANSWERS: dict[str, ApiError] = {
    "401": session_invalid(),
    "403": ApiError(403, "API_DISABLED_FOR_ORG", "The REST API is not enabled for this Organization."),
    "500": ApiError(
        500,
        "UNKNOWN_EXCEPTION",
        "An unexpected error occurred. Please include this ErrorId if you contact support: 1180562-42 (-1234567890)",
    ),
    "limit": request_limit_exceeded(),
}
"""Kinds that are a JSON error of Salesforce's own."""

MAINTENANCE_PAGE = "<html><head><title>Service Unavailable</title></head><body>Down for maintenance.</body></html>"

KINDS = frozenset({*ANSWERS, "503", "slow", "reset"})
"""`503` is an HTML page, `slow` serves after a wait, `reset` breaks the connection inside the answer's body."""

OAUTH = "oauth"
EVERYTHING = "*"


@dataclass
class Fault:
    """One fault: of the requests that it concerns it lets `after` pass, then strikes `times` (None: until cleared).

    `resource`: such as `query`, `sobjects/Account`, `sobjects/Account/describe`; `*` for all of the API; or `oauth`.
    `begins`, `ends`: the window of the org's clock (aware) in which it exists, end excluded. `seconds`: how long a
    `slow` answer takes.
    """

    kind: str
    resource: str = EVERYTHING
    times: int | None = None
    after: int = 0
    begins: datetime | None = None
    ends: datetime | None = None
    seconds: float = 1.0
    passed: int = 0
    struck: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            message = f"kind must be one of {', '.join(sorted(KINDS))}, not {self.kind!r}"
            raise ValueError(message)

    def concerns(self, resource: str, now: datetime) -> bool:
        """Tell whether a request for this resource at this instant of the org's clock falls under it."""
        if self.resource != resource and (self.resource != EVERYTHING or resource == OAUTH):
            return False
        return (self.begins is None or self.begins <= now) and (self.ends is None or now < self.ends)

    def strike(self) -> bool:
        """Count one request that it concerns, and tell whether it is struck."""
        if self.times is not None and self.struck >= self.times:
            return False
        if self.passed < self.after:
            self.passed += 1
            return False
        self.struck += 1
        return True


class FaultPlan:
    """The faults that are still to come; of several that would strike one request the first added does."""

    def __init__(self) -> None:
        self._faults: dict[str, Fault] = {}
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> str:
        """Add a fault and return the id by which it can be cleared."""
        with self._lock:
            fault_id = f"fault-{next(self._numbers)}"
            self._faults[fault_id] = fault
        return fault_id

    def clear(self, fault_id: str | None = None) -> int:
        """Forget one fault, or all; return how many were forgotten."""
        with self._lock:
            gone = [each for each in self._faults if fault_id in (None, each)]
            for each in gone:
                del self._faults[each]
        return len(gone)

    def list_faults(self) -> dict[str, Fault]:
        """List the faults by id, in the order in which they were added."""
        with self._lock:
            return dict(self._faults)

    def find_fault(self, resource: str, now: datetime) -> Fault | None:
        """Find the fault that strikes a request for this resource, and count it."""
        with self._lock:
            concerned = (fault for fault in self._faults.values() if fault.concerns(resource, now))
            return next((fault for fault in concerned if fault.strike()), None)
