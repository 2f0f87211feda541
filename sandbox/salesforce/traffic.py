"""What the org was asked, for tests and for the curious: totals, and the latest requests."""

from __future__ import annotations

from collections import Counter, deque
from typing import Any

from sandbox.striking import OAUTH

LATEST = 1000


class Traffic:
    """Counts the requests to the org. Headers and bodies are not kept."""

    def __init__(self) -> None:
        self.api_usage = 0
        """Requests that count against the org's limit: those with a valid session, since the org was served."""
        self.reset()

    def reset(self) -> None:
        """Start counting anew; the org's API usage goes on."""
        self._by_resource: Counter[str] = Counter()
        self._by_status: Counter[str] = Counter()
        self._latest: deque[dict[str, Any]] = deque(maxlen=LATEST)

    def note(self, method: str, path: str, query: str, status: int | None) -> None:
        """Note a request; `status` is None where the connection broke instead of an answer."""
        self._by_resource[f"{method} {name_resource(path)}"] += 1
        self._by_status[str(status or "broken")] += 1
        self._latest.append({"method": method, "path": path, "query": query, "status": status})

    def write_body(self) -> dict[str, Any]:
        """Write the counters as JSON."""
        return {
            "total": self._by_resource.total(),
            "api_usage": self.api_usage,
            "by_resource": dict(self._by_resource),
            "by_status": dict(self._by_status),
            "latest": list(self._latest),
        }


def name_resource(path: str) -> str:
    """Name what a path is about, without API version, ids and locators: `query`, `sobjects/Account`, `oauth` ...

    The path is relative to where the org is mounted: `/services/data/v59.0/sobjects/Account/001...`.
    """
    parts = path.strip("/").split("/")
    if parts[:2] == ["services", "oauth2"]:
        return OAUTH
    if parts[:2] != ["services", "data"]:
        return "/".join(parts)
    if parts[3:4] != ["sobjects"]:
        return "/".join(parts[3:4]) or "versions"
    return "/".join([*parts[3:5], *(part for part in parts[5:6] if part == "describe")])
