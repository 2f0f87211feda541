"""Everything a step needs, opened once: settings, ledger, lake, contracts and policy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache

import duckdb
from sqlalchemy import Engine

from hypercare.contracts import Contract, load_contracts
from hypercare.lake import Lake
from hypercare.ledger.database import open_engine
from hypercare.ledger.embedded import EmbeddedPostgres
from hypercare.policy import PolicyFile, load_policy
from hypercare.settings import Settings, load_settings

LEDGER_DATABASE = "hypercare"


@dataclass(frozen=True)
class Runtime:
    """The opened parts."""

    settings: Settings
    engine: Engine
    lake: Lake
    contracts: Mapping[str, Contract]
    policy: PolicyFile

    def connect_duckdb(self) -> duckdb.DuckDBPyConnection:
        """Return a DuckDB connection of its own that can read the lake."""
        connection = duckdb.connect()
        self.lake.attach(connection)
        return connection


@contextmanager
def open_runtime(settings: Settings | None = None) -> Iterator[Runtime]:
    """Open what a step needs; without HYPERCARE_LEDGER_URL the embedded server is used, started where it isn't up.

    Raises ConfigurationError or ContractError naming the setting or file that is wrong.
    """
    settings = settings or load_settings()
    if settings.ledger_url:
        yield _open(settings, settings.ledger_url)
        return
    server = EmbeddedPostgres(settings.state_folder / "postgres")
    with server.running([LEDGER_DATABASE]):
        yield _open(settings, server.url(LEDGER_DATABASE))


@lru_cache
def _open(settings: Settings, ledger_url: str) -> Runtime:
    return Runtime(
        settings=settings,
        engine=open_engine(ledger_url),
        lake=Lake(settings.lake_url or str(settings.state_folder / "lake")),
        contracts=load_contracts(settings.include_folder / "schemas" / "feeds"),
        policy=load_policy(settings.policy_file),
    )
