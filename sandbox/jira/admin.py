"""The stand-in's own calls, at `/admin/jira/{site}`: clock, faults, counters, tokens, issues. They need no login."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import orjson
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.jira.errors import ApiError
from sandbox.jira.faults import Fault, answer_json
from sandbox.jira.site import Site
from sandbox.striking import EVERYTHING

if TYPE_CHECKING:
    from sandbox.jira.app import SharedState

Endpoint = Callable[[Request], Awaitable[Response]]


class ClockSetting(BaseModel):
    """The instant to which the site moves on."""

    model_config = ConfigDict(extra="forbid")

    at: AwareDatetime


class FaultOrder(BaseModel):
    """A fault to come; see `sandbox.jira.faults.Fault`."""

    model_config = ConfigDict(extra="forbid")

    kind: str
    resource: str = EVERYTHING
    times: int | None = Field(default=None, ge=1)
    after: int = Field(default=0, ge=0)
    seconds: float = Field(default=1.0, ge=0)


def create_admin_routes(site: Site, shared: SharedState) -> list[Route]:
    """Make the admin routes of one site."""
    admin = _Admin(site, shared)
    return [
        Route("/clock", _refuse_invalid(admin.set_clock), methods=["PUT"]),
        Route("/faults", admin.list_faults, methods=["GET"]),
        Route("/faults", _refuse_invalid(admin.add_fault), methods=["POST"]),
        Route("/faults", admin.clear_faults, methods=["DELETE"]),
        Route("/index", _refuse_invalid(admin.set_lag), methods=["PUT"]),
        Route("/requests", admin.read_requests, methods=["GET"]),
        Route("/tokens", admin.end_tokens, methods=["DELETE"]),
        Route("/issues/{issue}", _refuse_invalid(admin.edit_issue), methods=["PUT"]),
    ]


class _Admin:
    """The endpoints; each says what it takes and does."""

    def __init__(self, site: Site, shared: SharedState) -> None:
        self._site = site
        self._shared = shared

    async def set_clock(self, request: Request) -> Response:
        """PUT clock `{"at": "2026-11-16T02:00:00Z"}`: what happens until then happens."""
        self._site.move_to(ClockSetting.model_validate_json(await request.body()).at)
        return answer_json({"at": self._site.now().isoformat()})

    async def list_faults(self, _request: Request) -> Response:
        """GET faults: each with how often it struck."""
        found = self._shared.faults.list_faults().items()
        return answer_json(
            [{"id": name, "kind": f.kind, "resource": f.resource, "struck": f.struck} for name, f in found]
        )

    async def add_fault(self, request: Request) -> Response:
        """POST faults `{"kind": "429", "resource": "search", "times", "after", "seconds"}`."""
        order = FaultOrder.model_validate_json(await request.body())
        return answer_json({"id": self._shared.faults.add(Fault(**order.model_dump()))}, 201)

    async def clear_faults(self, _request: Request) -> Response:
        """DELETE faults: forget all."""
        self._shared.faults.clear()
        return answer_json({})

    async def set_lag(self, request: Request) -> Response:
        """PUT index `{"lag": 2}`: new issues stay unknown to so many searches."""
        self._site.index_lag = int(orjson.loads(await request.body())["lag"])
        return answer_json({"lag": self._site.index_lag})

    async def read_requests(self, _request: Request) -> Response:
        """GET requests: how many came, by method and resource."""
        return answer_json(dict(self._shared.requests))

    async def end_tokens(self, _request: Request) -> Response:
        """DELETE tokens: every access token ends."""
        self._shared.tokens.clear()
        return answer_json({})

    async def edit_issue(self, request: Request) -> Response:
        """PUT issues/{issue} `{"duedate": …}`: fields that somebody changes; `transition` moves the issue."""
        issue = self._site.find_issue(request.path_params["issue"])
        values = orjson.loads(await request.body())
        transition = values.pop("transition", None)
        self._site.edit(issue, **values)
        if transition is not None:
            self._site.move(issue, transition)
        return answer_json({"key": issue.key})


def _refuse_invalid(endpoint: Endpoint) -> Endpoint:
    """Answer 400 with what is wrong where the endpoint finds its input invalid."""

    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except ApiError as error:
            return answer_json(error.write_body(), error.status)
        except (ValidationError, ValueError, KeyError) as error:
            return answer_json({"error": str(error)}, 400)

    return answer
