"""Faults on request: what the site shall answer instead of serving, or do wrong while it serves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson
from starlette.responses import HTMLResponse, Response

from sandbox.jira.errors import ApiError, api_removed
from sandbox.striking import StrikingFault

INSTEAD = frozenset({"401", "403", "404", "410", "429", "429_silent", "500", "503", "html"})
"""Kinds that answer instead of serving; `429_silent` comes without Retry-After, `html` is a page with status 200."""
BESIDE = frozenset(
    {"slow", "reset", "lost_answer", "anonymous", "repeated_token", "last_too_early", "repeated_row", "empty_page"}
)
"""Kinds that serve, but badly: `lost_answer` takes effect and breaks the connection, `anonymous` forgets who asks."""
PAGE = "<html><head><title>Atlassian</title></head><body>We are working on it.</body></html>"


@dataclass
class Fault(StrikingFault):
    """One fault of a site.

    `resource`: myself, field, project, search, count, issue, transitions, comment, properties, oauth. `seconds`: of a
    wait asked for, or of a `slow` answer.
    """

    kind: str
    seconds: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in INSTEAD | BESIDE:
            message = f"kind must be one of {', '.join(sorted(INSTEAD | BESIDE))}, not {self.kind!r}"
            raise ValueError(message)


def answer_instead(fault: Fault) -> Response:
    """Answer a request that a fault of INSTEAD strikes."""
    match fault.kind:
        case "429" | "429_silent":
            return answer_too_many(fault.seconds if fault.kind == "429" else None)
        case "503":
            return HTMLResponse(PAGE, 503, {"Retry-After": f"{fault.seconds:g}"})
        case "html":
            return HTMLResponse(PAGE)
        case "401":
            # The gateway's own shape, unlike Jira's.
            return answer_json({"code": 401, "message": "Unauthorized"}, 401)
        case "403":
            error = ApiError(403, "You do not have the permission to perform this operation.")
        case "404":
            error = ApiError(404, "The requested resource does not exist.")
        case "410":
            error = api_removed()
        case _:
            error = ApiError(500, "Internal server error")
    return answer_json(error.write_body(), error.status)


def answer_too_many(seconds: float | None) -> Response:
    """Answer a request over the burst limit; not every such answer says how long to wait."""
    headers = {"X-RateLimit-NearLimit": "true", "RateLimit-Reason": "jira-burst-based", "X-RateLimit-Remaining": "0"}
    if seconds is not None:
        headers["Retry-After"] = f"{seconds:g}"
    return answer_json({"errorMessages": ["Rate limit exceeded."], "errors": {}}, 429, headers)


def answer_json(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:  # noqa: ANN401
    """Answer in JSON with Jira's content type."""
    body = b"" if content is None else orjson.dumps(content)
    return Response(body, status, headers, media_type="application/json;charset=UTF-8")
