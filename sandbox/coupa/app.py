"""The ASGI app: `/coupa/{instance}` stands for an instance's host, `/admin` steers the stand-in."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount, Route

from sandbox.coupa.admin import ClockOfAll, admin_routes
from sandbox.coupa.api import answer_request, name_resource
from sandbox.coupa.rendering import wants_json
from sandbox.coupa.tenant import RequestEntry, Tenants
from sandbox.coupa.wire import Request, read_body, refusal, send_answer

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from sandbox.coupa.wire import Receive, Send
    from sandbox.world import World


class CoupaHosts:
    """Every tenant behind one ASGI app: the first segment of the path below the mount names the instance.

    Written against ASGI directly, without a framework's request and response objects: lists are its hot path.
    """

    def __init__(self, tenants: Tenants) -> None:
        self.tenants = tenants

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one request and note it."""
        segments = scope["path"].removeprefix(scope.get("root_path", "")).strip("/").split("/")
        request = await _read_request(scope, segments[1:], receive)
        tenant = self.tenants.find(segments[0])
        if tenant is None:
            answer = refusal(request, 404, f"there is no instance named {segments[0]}")
            await send_answer(answer, datetime.now(UTC), receive, send)
            return
        name = name_resource(request)
        answer = await answer_request(tenant, request, name)
        now = tenant.instance.now()
        path = "/" + "/".join(request.segments)
        tenant.requests.note(
            RequestEntry(request.method, name, path, request.query, answer.status, now.isoformat(timespec="seconds"))
        )
        await send_answer(answer, now, receive, send)


async def _read_request(scope: MutableMapping[str, Any], segments: list[str], receive: Receive) -> Request:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    query = scope["query_string"].decode("latin-1")
    parameters = parse_qsl(query, keep_blank_values=True)
    asked_format = next((value for key, value in parameters if key == "format"), None)
    return Request(
        method=scope["method"],
        segments=segments,
        query=query,
        headers=headers,
        body=b"" if scope["method"] == "GET" else await read_body(receive),
        parameters=parameters,
        as_json=wants_json(headers.get("accept", ""), asked_format),
    )


def coupa_routes(world: World, *, with_common_clock: bool = True) -> list[BaseRoute]:
    """Build the routes to mount beside other stand-ins: `/coupa`, `/admin/coupa` and, if wanted, `/admin/clock`."""
    tenants = Tenants(world)
    routes: list[BaseRoute] = [
        Mount("/coupa", app=CoupaHosts(tenants)),
        Mount("/admin/coupa", routes=admin_routes(tenants)),
    ]
    if with_common_clock:
        routes.append(Route("/admin/clock", ClockOfAll(world).set_clock, methods=["PUT"]))
    return routes


def create_app(world: World) -> Starlette:
    """Create the app for a world's Coupa tenants; run it with the server's own Date header off."""
    return Starlette(routes=coupa_routes(world))
