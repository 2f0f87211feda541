"""Faults on request, as every stand-in has them: which requests a fault strikes, and which are still to come."""

from __future__ import annotations

import itertools
import threading
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

OAUTH = "oauth"
EVERYTHING = "*"


@dataclass(kw_only=True)
class StrikingFault:
    """One fault: of the requests that it concerns it lets `after` pass, then strikes `times` (None: until cleared).

    `resource`: as the stand-in names its own; `*` for all of its API; or `oauth`. `begins`, `ends`: the window of the
    stand-in's clock (aware) in which it exists, end excluded.
    """

    resource: str = EVERYTHING
    times: int | None = None
    after: int = 0
    begins: datetime | None = None
    ends: datetime | None = None
    passed: int = 0
    struck: int = 0

    def concerns(self, resource: str, now: datetime) -> bool:
        """Tell whether a request for this resource at this instant of the stand-in's clock falls under it."""
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


F = TypeVar("F", bound=StrikingFault)


class FaultPlan(Generic[F]):
    """The faults that are still to come; of several that would strike one request the first added does."""

    def __init__(self) -> None:
        self._faults: dict[str, F] = {}
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def add(self, fault: F) -> str:
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

    def list_faults(self) -> dict[str, F]:
        """List the faults by id, in the order in which they were added."""
        with self._lock:
            return dict(self._faults)

    def find_fault(self, resource: str, now: datetime) -> F | None:
        """Find the fault that strikes a request for this resource, and count it."""
        with self._lock:
            concerned = (fault for fault in self._faults.values() if fault.concerns(resource, now))
            return next((fault for fault in concerned if fault.strike()), None)
