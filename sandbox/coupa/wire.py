"""Answers on their way out: complete, cut short, or ended by a reset of the TCP connection."""

from __future__ import annotations

import asyncio
import socket
import struct
from dataclasses import dataclass, field
from email.utils import format_datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sandbox.coupa.rendering import HTML_TYPE, JSON_TYPE, XML_TYPE, render_errors

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping
    from datetime import datetime

    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_UNAVAILABLE_PAGE = (
    b"<!DOCTYPE html><html><head><title>%d</title></head><body><h1>We'll be back soon</h1></body></html>"
)


@dataclass(frozen=True)
class Answer:
    """One HTTP answer; `ending` is complete, truncated (a whole answer around a cut body) or reset."""

    status: int
    body: bytes
    content_type: str = JSON_TYPE
    headers: tuple[tuple[str, str], ...] = ()
    ending: str = "complete"


class RefusedError(Exception):
    """The request ends here with this answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


@dataclass(frozen=True)
class Request:
    """One request: the decoded path below the instance in segments, header names in lower case."""

    method: str
    segments: list[str]
    query: str
    headers: dict[str, str]
    body: bytes
    parameters: list[tuple[str, str]] = field(default_factory=list)
    as_json: bool = True


def refusal(
    request: Request, status: int, why: str, *, at: str = "error", headers: dict[str, str] | None = None
) -> Answer:
    """Make an error answer in the format that was asked for."""
    content_type = JSON_TYPE if request.as_json else XML_TYPE
    body = render_errors({at: [why]}, as_json=request.as_json)
    return Answer(status, body, content_type, tuple((headers or {}).items()))


def html_page(status: int, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    """Make the page that a load balancer shows in front of a system that is down."""
    return Answer(status, _UNAVAILABLE_PAGE % status, HTML_TYPE, headers)


async def read_body(receive: Receive) -> bytes:
    """Read a whole request body."""
    chunks = []
    while True:
        message = await receive()
        chunks.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(chunks)


async def send_answer(answer: Answer, now: datetime, receive: Receive, send: Send) -> None:
    """Send an answer whose Date header says `now` (UTC), ended as the answer says."""
    body = answer.body[: max(1, len(answer.body) * 3 // 5)] if answer.ending == "truncated" else answer.body
    headers = [
        (b"content-type", answer.content_type.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"date", _http_date(now.replace(microsecond=0))),
        *((name.lower().encode(), value.encode()) for name, value in answer.headers),
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    if answer.ending == "reset":
        await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
        await reset_connection(receive)
        return
    await send({"type": "http.response.body", "body": body})


async def reset_connection(receive: Receive) -> None:
    """Reset the client's TCP connection: with a linger time of 0, closing sends RST instead of FIN.

    ASGI has no word for that, so this reaches for the transport of uvicorn's request cycle. Raises
    ConnectionResetError where there is none; the server then closes the unfinished answer.
    """
    transport = getattr(getattr(receive, "__self__", None), "transport", None)
    if transport is None:
        msg = "the server gives no access to its connection; closing instead of resetting"
        raise ConnectionResetError(msg)
    raw: socket.socket = transport.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
    await asyncio.sleep(0.01)  # the server notices the lost connection before this request ends


@lru_cache(maxsize=1024)
def _http_date(now: datetime) -> bytes:
    return format_datetime(now, usegmt=True).encode()
