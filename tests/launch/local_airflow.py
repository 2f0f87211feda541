"""What a test needs to have Airflow's own components up, on a state folder and ports of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hypercare.ledger.embedded import EmbeddedPostgres
from launch.components import Components
from launch.state import State


@contextmanager
def running(state: State) -> Iterator[tuple[EmbeddedPostgres, Components]]:
    """Have a PostgreSQL up, and components that end with the block."""
    server = EmbeddedPostgres(state.path("postgres"))
    components = Components(state.path("components.json"), state.path("logs"), {})
    server.start(["airflow", "hypercare"])
    try:
        yield server, components
    finally:
        components.stop()
        server.stop()
