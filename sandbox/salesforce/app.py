"""Puts an org on the wire: its API at a prefix, the stand-in's own admin calls beside it."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount

from sandbox.salesforce.admin import create_admin_routes
from sandbox.salesforce.gate import Gate
from sandbox.salesforce.rest import create_api
from sandbox.salesforce.service import Service
from sandbox.salesforce.store import Org


def create_app(org: Org, prefix: str = "", service: Service | None = None) -> Starlette:
    """Make an app that serves one org at `prefix` (`""` or `/salesforce`) and its admin calls at `/admin/salesforce`.

    `nextRecordsUrl` and the records' `url` are relative to the `instance_url` of the token answer, whatever the prefix.
    `service` is the org's state, for those who want to reach it without the admin calls.
    """
    return Starlette(routes=create_routes(org, prefix, service))


def create_routes(org: Org, prefix: str = "/salesforce", service: Service | None = None) -> list[BaseRoute]:
    """Make the routes of an org, to stand beside those of other stand-ins in one app.

    With an empty prefix the org takes every path that no route before it took, so these routes must come last.
    """
    service = service or Service(org)
    return [
        Mount("/admin/salesforce", routes=create_admin_routes(service)),
        Mount(prefix, app=Gate(create_api(service), service)),
    ]
