"""What every request to the org passes first: faults on request, API version, session, the org's request limit."""

from __future__ import annotations

import asyncio
from email.utils import format_datetime

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.salesforce.answers import JSONAnswer, answer_fault
from sandbox.salesforce.errors import (
    ApiError,
    request_limit_exceeded,
    resource_missing,
    session_invalid,
    version_retired,
)
from sandbox.salesforce.faults import ANSWERS, MAINTENANCE_PAGE, Fault
from sandbox.salesforce.oauth import LoginRefusedError
from sandbox.salesforce.service import Service
from sandbox.salesforce.traffic import name_resource

OLDEST_VERSION = 31
NEWEST_VERSION = 68
DATA_PATH = "/services/data"


class Gate:
    """Stands before the org's API as an ASGI app; knows paths relative to where it is mounted."""

    def __init__(self, api: ASGIApp, service: Service) -> None:
        self._api = api
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it, and note it."""
        if scope["type"] != "http":
            await self._api(scope, receive, send)
            return
        # Clients differ in the final slash; Salesforce takes both.
        scope = {**scope, "path": scope["path"].rstrip("/")}
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        status: int | None = None

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                self._add_headers(path, MutableHeaders(scope=message))
            await send(message)

        fault = self._service.faults.find_fault(name_resource(path), self._service.org.now())
        try:
            if fault is not None and fault.kind == "reset":
                await _break_connection(send)
                return
            answer = await self._find_refusal(fault, path, Headers(scope=scope))
            await (answer or self._api)(scope, receive, send_and_note)
        finally:
            query = scope.get("query_string", b"").decode("latin-1")
            self._service.traffic.note(scope["method"], path, query, status)

    async def _find_refusal(self, fault: Fault | None, path: str, headers: Headers) -> Response | None:
        """Find the answer to give instead of serving; None: serve."""
        if fault is not None and fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
        elif fault is not None:
            return _answer_injected(fault, path)
        if not path.startswith(f"{DATA_PATH}/"):
            return None
        try:
            self._check_version(path)
            self._check_session(headers)
        except ApiError as refused:
            return answer_fault(refused)
        return None

    def _check_version(self, path: str) -> None:
        version = path.split("/")[3]
        number, _, minor = version.removeprefix("v").partition(".")
        if not version.startswith("v") or not number.isdecimal() or minor != "0":
            raise resource_missing()
        if int(number) < OLDEST_VERSION:
            raise version_retired()
        if int(number) > NEWEST_VERSION:
            raise resource_missing()

    def _check_session(self, headers: Headers) -> None:
        if not self._service.sessions.is_valid(headers.get("authorization", "")):
            raise session_invalid()
        if self._service.traffic.api_usage >= self._service.org.request_limit:
            raise request_limit_exceeded()
        self._service.traffic.api_usage += 1

    def _add_headers(self, path: str, headers: MutableHeaders) -> None:
        headers["Date"] = format_datetime(self._service.org.now(), usegmt=True)
        if path.startswith(DATA_PATH):
            usage, limit = self._service.traffic.api_usage, self._service.org.request_limit
            headers["Sforce-Limit-Info"] = f"api-usage={usage}/{limit}"


def _answer_injected(fault: Fault, path: str) -> Response:
    if fault.kind == "503":
        return HTMLResponse(MAINTENANCE_PAGE, status_code=503)
    answer = ANSWERS[fault.kind]
    if path.startswith(DATA_PATH):
        return answer_fault(answer)
    return JSONAnswer(LoginRefusedError(answer.code.lower(), answer.message).write_body(), status_code=answer.status)


async def _break_connection(send: Send) -> None:
    """Promise more bytes than come: the server closes the connection, the client sees it break inside the body."""
    headers = [(b"content-type", b"application/json;charset=UTF-8"), (b"content-length", b"4096")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b'{"totalSize":', "more_body": True})
