"""The stand-in's own calls, at `/admin/salesforce`: clock, faults, counters, sessions, records. They need no login."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated

import orjson
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.salesforce.faults import KINDS, Fault
from sandbox.salesforce.service import Service
from sandbox.striking import EVERYTHING

Endpoint = Callable[[Request], Awaitable[Response]]


class ClockSetting(BaseModel):
    """The instant that the org shall believe it is; null: the real time."""

    model_config = ConfigDict(extra="forbid")

    at: AwareDatetime | None


class FaultOrder(BaseModel):
    """A fault to come; see `sandbox.salesforce.faults.Fault`."""

    model_config = ConfigDict(extra="forbid")

    kind: Annotated[str, BeforeValidator(str)] = Field(pattern=f"^({'|'.join(sorted(KINDS))})$")
    resource: str = EVERYTHING
    times: int | None = Field(default=None, ge=1)
    after: int = Field(default=0, ge=0)
    begins: AwareDatetime | None = Field(default=None, alias="from")
    ends: AwareDatetime | None = Field(default=None, alias="until")
    seconds: float = Field(default=1.0, ge=0)


def create_admin_routes(service: Service) -> list[Route]:
    """Make the admin routes of one served org."""
    admin = _Admin(service)
    return [
        Route("/clock", admin.read_clock, methods=["GET"]),
        Route("/clock", _refuse_invalid(admin.set_clock), methods=["PUT"]),
        Route("/faults", admin.list_faults, methods=["GET"]),
        Route("/faults", _refuse_invalid(admin.add_fault), methods=["POST"]),
        Route("/faults", admin.clear_faults, methods=["DELETE"]),
        Route("/faults/{fault_id}", admin.clear_faults, methods=["DELETE"]),
        Route("/requests", admin.read_requests, methods=["GET"]),
        Route("/requests", admin.reset_requests, methods=["DELETE"]),
        Route("/tokens", admin.end_sessions, methods=["DELETE"]),
        Route("/results", admin.close_results, methods=["DELETE"]),
        Route("/records/{sobject}", _refuse_invalid(admin.put_record), methods=["POST"]),
        Route("/records/{sobject}/{record_id}", _refuse_invalid(admin.delete_record), methods=["DELETE"]),
    ]


class _Admin:
    """The endpoints; each says what it takes and does."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._org = service.org

    async def read_clock(self, _request: Request) -> Response:
        """GET clock: what was set, and the instant shown now."""
        return self._tell_clock()

    async def set_clock(self, request: Request) -> Response:
        """PUT clock `{"at": "2026-11-16T02:00:00Z"}`; null means the real time."""
        self._org.clock = ClockSetting.model_validate_json(await request.body()).at
        return self._tell_clock()

    async def list_faults(self, _request: Request) -> Response:
        """GET faults: each with how often it struck."""
        faults = self._service.faults.list_faults()
        return _answer(
            [
                {"id": fault_id, "kind": fault.kind, "resource": fault.resource, "struck": fault.struck}
                for fault_id, fault in faults.items()
            ]
        )

    async def add_fault(self, request: Request) -> Response:
        """POST faults `{"kind": "503", "resource": "*", "times", "after", "from", "until", "seconds"}`."""
        order = FaultOrder.model_validate_json(await request.body())
        fault = Fault(
            kind=order.kind,
            resource=order.resource,
            times=order.times,
            after=order.after,
            begins=order.begins,
            ends=order.ends,
            seconds=order.seconds,
        )
        return _answer({"id": self._service.faults.add(fault)}, status=201)

    async def clear_faults(self, request: Request) -> Response:
        """DELETE faults or faults/{id}: forget all, or one."""
        return _answer({"cleared": self._service.faults.clear(request.path_params.get("fault_id"))})

    async def read_requests(self, _request: Request) -> Response:
        """GET requests: counters by resource and status, API usage, the latest requests."""
        return _answer(self._service.traffic.write_body())

    async def reset_requests(self, _request: Request) -> Response:
        """DELETE requests: start counting anew."""
        self._service.traffic.reset()
        return _answer({"total": 0})

    async def end_sessions(self, _request: Request) -> Response:
        """DELETE tokens: every session ends; the next call with its token answers INVALID_SESSION_ID."""
        return _answer({"expired": self._service.sessions.end_all()})

    async def close_results(self, _request: Request) -> Response:
        """DELETE results: every `nextRecordsUrl` handed out answers INVALID_QUERY_LOCATOR."""
        return _answer({"closed": self._service.results.close_all()})

    async def put_record(self, request: Request) -> Response:
        """POST records/{sobject}: fields that change at the clock, as a person would; without `Id` a new record."""
        sobject = request.path_params["sobject"]
        record_id = self._org.put(sobject, self._org.now(), orjson.loads(await request.body()))
        return _answer({"id": record_id, "at": self._org.now().isoformat()}, status=201)

    async def delete_record(self, request: Request) -> Response:
        """DELETE records/{sobject}/{id}: into the recycle bin at the clock."""
        sobject, record_id = request.path_params["sobject"], request.path_params["record_id"]
        self._org.delete(sobject, self._org.now(), record_id)
        return _answer({"id": record_id})

    def _tell_clock(self) -> Response:
        return _answer({"at": _write_instant(self._org.clock), "now": _write_instant(self._org.now())})


def _refuse_invalid(endpoint: Endpoint) -> Endpoint:
    """Answer 400 with what is wrong where the endpoint finds its input invalid."""

    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except ValidationError as error:
            return Response(error.json(include_url=False), status_code=400, media_type="application/json")
        except ValueError as error:
            return _answer({"error": str(error)}, status=400)

    return answer


def _write_instant(instant: datetime | None) -> str | None:
    return instant.isoformat() if instant else None


def _answer(content: object, status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, media_type="application/json")
