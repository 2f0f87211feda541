"""The sandbox as one ASGI app on loopback: the stand-ins beside each other, and what steers them."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from sandbox.clocks import Clocks
from sandbox.coupa.admin import admin_routes
from sandbox.coupa.app import CoupaHosts
from sandbox.coupa.tenant import Tenants
from sandbox.jira.app import create_routes as create_jira_routes
from sandbox.jira.journal import keep_journal
from sandbox.salesforce.app import create_routes
from sandbox.scenario import Scenario, TimedFault

LOOPBACK = "127.0.0.1"


def create_app(scenario: Scenario, trackers_folder: Path) -> Starlette:
    """Create the app of a scenario, its clock at the first run and its faults in place.

    Beside `/coupa/{instance}`, `/salesforce`, `/jira/{site}` and their admin calls it answers `GET /admin/scenario` and
    `GET` and `PUT /admin/clock` with `{"at": an instant with an offset}`. Serve it without the server's Date header.
    What is written into Jira is kept in a folder beside the trackers'.
    """
    tenants = Tenants(scenario.world)
    _lay_faults(tenants, scenario.faults)
    for site in scenario.jira_sites:
        keep_journal(site, trackers_folder.parent / "jira" / f"{site.name}.jsonl")
    clocks = Clocks(scenario, trackers_folder)
    clocks.move_to(scenario.runs[0].as_of)
    admin = _Admin(scenario, clocks)
    routes: list[BaseRoute] = [
        Route("/admin/clock", admin.set_clock, methods=["PUT"]),
        Route("/admin/clock", admin.read_clock, methods=["GET"]),
        Route("/admin/scenario", admin.read_scenario, methods=["GET"]),
        Mount("/coupa", app=CoupaHosts(tenants)),
        Mount("/admin/coupa", routes=admin_routes(tenants)),
        *create_jira_routes(scenario.jira_sites),
        *create_routes(scenario.org, "/salesforce"),
    ]
    return Starlette(routes=routes)


def serve(scenario: Scenario, trackers_folder: Path, port: int, announce: Callable[[int], None]) -> None:
    """Serve a scenario on 127.0.0.1 until interrupted; port 0 takes a free one. `announce` is told the port."""
    app = create_app(scenario, trackers_folder)
    listener = socket.create_server((LOOPBACK, port), backlog=256)
    announce(listener.getsockname()[1])
    config = uvicorn.Config(app, date_header=False, server_header=False, access_log=False, log_level="warning")
    uvicorn.Server(config).run(sockets=[listener])


def _lay_faults(tenants: Tenants, faults: Sequence[TimedFault]) -> None:
    for timed in faults:
        tenant = tenants.find(timed.instance)
        if tenant is None:
            message = f"a fault names the instance {timed.instance}, which the scenario does not have"
            raise ValueError(message)
        tenant.faults.add(timed.fault)


class _Admin:
    """The calls that steer the whole sandbox."""

    def __init__(self, scenario: Scenario, clocks: Clocks) -> None:
        self._scenario = scenario
        self._clocks = clocks

    async def read_clock(self, _request: Request) -> Response:
        return _answer({"at": self._clocks.at.isoformat() if self._clocks.at else None})

    async def set_clock(self, request: Request) -> Response:
        try:
            self._clocks.move_to(datetime.fromisoformat(orjson.loads(await request.body())["at"]))
        except (ValueError, TypeError, KeyError) as fault:
            raise HTTPException(400, f'send {{"at": an instant with an offset}}: {fault}') from fault
        return await self.read_clock(request)

    async def read_scenario(self, request: Request) -> Response:
        host, port = request.scope["server"]
        return _answer(self._scenario.describe(host, port, self._clocks.trackers_folder))


def _answer(content: dict[str, Any]) -> Response:
    return Response(orjson.dumps(content), media_type="application/json")
