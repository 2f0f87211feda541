"""The admin API (JSON): move clocks, inject faults, read counters, change records, expire tokens."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from sandbox.coupa.faults import read_moment

if TYPE_CHECKING:
    from starlette.requests import Request

    from sandbox.coupa.tenant import Tenant, Tenants
    from sandbox.world import World


class ClockOfAll:
    """Moves the clock of every instance at once."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def set_clock(self, request: Request) -> Response:
        """PUT /admin/clock `{"at": "2026-11-16T02:00:00+00:00"}`; null means real time."""
        at = await _read_clock(request)
        for instance in self.world.instances.values():
            instance.clock = at
        return _json({"at": _shown(at), "instances": len(self.world.instances)})


def admin_routes(tenants: Tenants) -> list[BaseRoute]:
    """Build the routes below `/admin/coupa`."""
    admin = Admin(tenants)
    return [
        Route("/{instance}/clock", admin.set_clock, methods=["PUT"]),
        Route("/{instance}/clock", admin.read_clock, methods=["GET"]),
        Route("/{instance}/faults", admin.add_fault, methods=["POST"]),
        Route("/{instance}/faults", admin.list_faults, methods=["GET"]),
        Route("/{instance}/faults", admin.clear_faults, methods=["DELETE"]),
        Route("/{instance}/faults/{fault_id}", admin.clear_faults, methods=["DELETE"]),
        Route("/{instance}/requests", admin.read_requests, methods=["GET"]),
        Route("/{instance}/requests", admin.reset_requests, methods=["DELETE"]),
        Route("/{instance}/tokens", admin.expire_tokens, methods=["DELETE"]),
        Route("/{instance}/records/{resource:path}", admin.put_record, methods=["POST", "PATCH"]),
        Route("/{instance}/records/{resource:path}", admin.delete_record, methods=["DELETE"]),
    ]


class Admin:
    """Endpoints about one instance."""

    def __init__(self, tenants: Tenants) -> None:
        self.tenants = tenants

    async def set_clock(self, request: Request) -> Response:
        """PUT clock `{"at": "..."}`: the instant that the instance shows from now on; null means real time."""
        tenant = self._tenant(request)
        tenant.instance.clock = await _read_clock(request)
        return _json({"at": _shown(tenant.instance.clock)})

    async def read_clock(self, request: Request) -> Response:
        """GET clock: what was set, and the instant shown now."""
        instance = self._tenant(request).instance
        return _json({"at": _shown(instance.clock), "now": instance.now().isoformat()})

    async def add_fault(self, request: Request) -> Response:
        """POST faults: add one, see faults.Fault; answers `{"id": "fault-1"}`."""
        tenant = self._tenant(request)
        try:
            fault = tenant.faults.add(await _read_object(request))
        except (ValueError, TypeError) as refused:
            raise HTTPException(400, str(refused)) from refused
        return _json({"id": fault.id}, status=201)

    async def list_faults(self, request: Request) -> Response:
        """GET faults: each with how often it struck."""
        faults = self._tenant(request).faults.faults.values()
        return _json(
            [
                {"id": fault.id, "kind": fault.kind, "resource": fault.resource, "struck": fault.struck}
                for fault in faults
            ]
        )

    async def clear_faults(self, request: Request) -> Response:
        """DELETE faults or faults/{id}: 404 when that one is not there."""
        fault_id = request.path_params.get("fault_id")
        cleared = self._tenant(request).faults.clear(fault_id)
        if fault_id is not None and not cleared:
            raise HTTPException(404, f"there is no fault {fault_id}")
        return _json({"cleared": cleared})

    async def read_requests(self, request: Request) -> Response:
        """GET requests: counters by method and resource, by status, and the last requests."""
        return _json(self._tenant(request).requests.summary())

    async def reset_requests(self, request: Request) -> Response:
        """DELETE requests: start counting anew."""
        self._tenant(request).requests.reset()
        return _json({"total": 0})

    async def expire_tokens(self, request: Request) -> Response:
        """DELETE tokens: every token issued so far answers 401 from now on."""
        return _json({"expired": self._tenant(request).tokens.expire_all()})

    async def put_record(self, request: Request) -> Response:
        """POST records/{resource}: a whole new version at the clock; PATCH lays attributes over the present version."""
        instance, resource = self._tenant(request).instance, request.path_params["resource"]
        body = await _read_object(request)
        try:
            if request.method == "PATCH":
                body = {**(instance.record(resource, body.get("id", 0)) or {}), **body}
            instance.put(resource, instance.now(), body)
        except ValueError as refused:
            raise HTTPException(400, str(refused)) from refused
        return _json({"id": body["id"], "at": instance.now().isoformat()}, status=201)

    async def delete_record(self, request: Request) -> Response:
        """DELETE records/{resource}?id=7: the record is gone from the clock on."""
        instance, resource = self._tenant(request).instance, request.path_params["resource"]
        record_id = request.query_params.get("id", "")
        if not record_id.isdecimal() or instance.record(resource, int(record_id)) is None:
            raise HTTPException(404, f"there is no record {record_id!r} in {resource}")
        instance.delete(resource, instance.now(), int(record_id))
        return _json({"id": int(record_id)})

    def _tenant(self, request: Request) -> Tenant:
        name = request.path_params["instance"]
        tenant = self.tenants.find(name)
        if tenant is None:
            raise HTTPException(404, f"there is no instance named {name}")
        return tenant


async def _read_object(request: Request) -> dict[str, Any]:
    try:
        content = orjson.loads(await request.body())
    except orjson.JSONDecodeError as fault:
        raise HTTPException(400, f"the body is not JSON: {fault}") from fault
    if not isinstance(content, dict):
        raise HTTPException(400, "the body must be a JSON object")
    return content


async def _read_clock(request: Request) -> datetime | None:
    content = await _read_object(request)
    if "at" not in content:
        raise HTTPException(400, 'the body must be {"at": an instant with an offset, or null for real time}')
    try:
        at = read_moment(content["at"])
    except (ValueError, TypeError) as fault:
        raise HTTPException(400, f"at is not an instant: {fault}") from fault
    return None if at is None else at.astimezone(UTC)


def _shown(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _json(content: object, status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, media_type="application/json")
