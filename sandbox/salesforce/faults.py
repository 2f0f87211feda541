"""Faults on request: what the org shall answer instead of serving, how often, and when."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.salesforce.errors import ApiError, request_limit_exceeded, session_invalid
from sandbox.striking import StrikingFault

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


@dataclass
class Fault(StrikingFault):
    """One fault of the org. `resource`: such as `query`, `sobjects/Account`, `sobjects/Account/describe`.

    `seconds`: how long a `slow` answer takes.
    """

    kind: str
    seconds: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            message = f"kind must be one of {', '.join(sorted(KINDS))}, not {self.kind!r}"
            raise ValueError(message)
