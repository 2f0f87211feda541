"""Puts Jira sites on the wire: at `/jira/{site}`, and through the gateway's `/jira/ex/jira/{cloudId}`.

The gateway takes OAuth tokens and API tokens, a site API tokens only, as Atlassian's hosts do. The token address is
`/jira/{site}/oauth/token`, for `https://auth.atlassian.com/oauth/token`.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
import time
from base64 import b64decode
from collections import Counter
from collections.abc import Sequence
from email.utils import format_datetime

import orjson
from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.jira.admin import create_admin_routes
from sandbox.jira.api import create_api
from sandbox.jira.faults import INSTEAD, Fault, answer_instead, answer_json, answer_too_many
from sandbox.jira.site import Site
from sandbox.striking import FaultPlan

TOKEN_LIFETIME = 3600
NAMES = {"jql": "search", "approximate-count": "count"}


class SiteHost:
    """One site behind its hosts, as an ASGI app: faults, burst limit, who asks, then the API."""

    def __init__(self, site: Site, *, is_gateway: bool, shared: SharedState) -> None:
        self._site = site
        self._api = create_api(site)
        self._is_gateway = is_gateway
        self._shared = shared

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it, and count it."""
        if scope["type"] != "http":
            await self._api(scope, receive, send)
            return
        path = scope["path"].removeprefix(scope.get("root_path", "")).rstrip("/")
        resource = name_resource(path)
        self._shared.requests[f"{scope['method']} {resource}"] += 1
        fault = self._shared.faults.find_fault(resource, self._site.now())
        if fault is not None and fault.kind == "reset":
            await _break_connection(send)
            return
        app = await self._choose(scope, path, fault, resource)

        async def send_dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Date"] = format_datetime(self._site.now(), usegmt=True)
                if not scope["state"].get("signed_in", True):
                    headers["X-Seraph-LoginReason"] = "AUTHENTICATED_FAILED"
            await send(message)

        if fault is not None and fault.kind == "lost_answer":
            await _serve_without_answer(app, scope, receive)
            await _break_connection(send)
            return
        await app(scope, receive, send_dated)

    async def _choose(self, scope: Scope, path: str, fault: Fault | None, resource: str) -> ASGIApp:
        """Return what answers; for the API, with who asks and what fault strikes in the scope's state."""
        scope["state"] = {"fault": fault}
        if fault is not None and fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
        if fault is not None and fault.kind in INSTEAD:
            return answer_instead(fault)
        if path == "/oauth/token":
            return self._answer_token
        if path == "/_edge/tenant_info":
            return answer_json({"cloudId": self._site.cloud_id})
        if not self._shared.has_room(f"{scope['method']} {resource}", self._site.burst):
            return answer_too_many(1)
        authorization = Headers(scope=scope).get("authorization", "")
        if authorization.lower().startswith("bearer ") and not self._takes_bearer(authorization[7:]):
            return answer_json({"code": 401, "message": "Unauthorized; scope does not match"}, 401)
        is_known = authorization.lower().startswith("bearer ") or self._takes_basic(authorization)
        scope["state"]["signed_in"] = is_known and not (fault is not None and fault.kind == "anonymous")
        return self._api

    async def _answer_token(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        is_form = "form" in request.headers.get("content-type", "")
        asked = dict(await request.form()) if is_form else orjson.loads(await request.body())
        answer: Response
        if asked.get("grant_type") != "client_credentials":
            answer = answer_json({"error": "unsupported_grant_type"}, 400)
        elif (asked.get("client_id"), asked.get("client_secret")) != (self._site.client_id, self._site.client_secret):
            answer = answer_json({"error": "access_denied", "error_description": "Unauthorized"}, 401)
        else:
            token = secrets.token_urlsafe(32)
            self._shared.tokens.add(token)
            content = {"access_token": token, "expires_in": TOKEN_LIFETIME, "token_type": "Bearer"}
            answer = answer_json({**content, "scope": "read:jira-work write:jira-work"})
        await answer(scope, receive, send)

    def _takes_bearer(self, token: str) -> bool:
        return self._is_gateway and token.strip() in self._shared.tokens

    def _takes_basic(self, authorization: str) -> bool:
        try:
            given = b64decode(authorization[6:], validate=True) if authorization.lower().startswith("basic ") else b""
        except ValueError:
            return False
        return hmac.compare_digest(given, f"{self._site.user.email}:{self._site.api_token}".encode())


class SharedState:
    """What a site's two hosts share: faults, tokens, counters."""

    def __init__(self) -> None:
        self.faults: FaultPlan[Fault] = FaultPlan()
        self.tokens: set[str] = set()
        self.requests: Counter[str] = Counter()
        self._recent: dict[str, list[float]] = {}

    def has_room(self, endpoint: str, burst: int | None) -> bool:
        """Whether one more request of this second is within the burst limit."""
        if burst is None:
            return True
        now = time.monotonic()
        recent = [each for each in self._recent.get(endpoint, ()) if each > now - 1]
        self._recent[endpoint] = [*recent, now][-burst:]
        return len(recent) < burst


def create_routes(sites: Sequence[Site], prefix: str = "/jira") -> list[BaseRoute]:
    """Make the routes of some sites, to stand beside those of other stand-ins; admin calls at `/admin/jira/{site}`."""
    routes: list[BaseRoute] = []
    for site in sites:
        shared = SharedState()
        routes += [
            Mount(f"{prefix}/ex/jira/{site.cloud_id}", app=SiteHost(site, is_gateway=True, shared=shared)),
            Mount(f"/admin/jira/{site.name}", routes=create_admin_routes(site, shared)),
            Mount(f"{prefix}/{site.name}", app=SiteHost(site, is_gateway=False, shared=shared)),
        ]
    return routes


def create_app(*sites: Site) -> Starlette:
    """Make an app of sites alone."""
    return Starlette(routes=create_routes(sites))


def name_resource(path: str) -> str:
    """Name what a path is about, as faults and counters do: myself, search, issue, transitions ..."""
    parts = path.strip("/").split("/")
    if parts[0] == "oauth":
        return "oauth"
    if parts[:3] != ["rest", "api", "3"]:
        return parts[0]
    if parts[3:4] == ["issue"]:
        return parts[5] if len(parts) > 5 else "issue"
    return NAMES.get(parts[-1], parts[3] if len(parts) > 3 else "")


async def _serve_without_answer(app: ASGIApp, scope: Scope, receive: Receive) -> None:
    async def drop(_message: Message) -> None:
        return None

    await app(scope, receive, drop)


async def _break_connection(send: Send) -> None:
    """Promise more bytes than come: the client sees the connection break inside the body."""
    headers = [(b"content-type", b"application/json"), (b"content-length", b"4096")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b'{"issues":', "more_body": True})
