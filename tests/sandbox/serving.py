"""Runs an ASGI app behind a real loopback socket for the length of a test."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn


@contextmanager
def serve(app: Any, *, start_within: float = 20.0) -> Iterator[str]:
    """Serve `app` with uvicorn in a thread on a free port of 127.0.0.1 and yield its base URL, without a final slash.

    The stand-ins write their own Date header, so the server's is off. Raises RuntimeError when it does not start.
    """
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    config = uvicorn.Config(
        app,
        date_header=False,
        server_header=False,
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=2,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="sandbox-server", daemon=True)
    thread.start()
    try:
        _wait_until_started(server, thread, start_within)
        host, port = listener.getsockname()[:2]
        yield f"http://{host}:{port}"
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        listener.close()


def _wait_until_started(server: uvicorn.Server, thread: threading.Thread, within: float) -> None:
    waiting = threading.Event()
    for _ in range(int(within / 0.01)):
        if server.started:
            return
        if not thread.is_alive():
            break
        waiting.wait(0.01)
    msg = "the sandbox server did not start; see the log above for its reason"
    raise RuntimeError(msg)
