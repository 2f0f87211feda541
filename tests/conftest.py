"""A real ledger for tests: one embedded PostgreSQL a session, and a migrated database of its own for each test."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import Engine

from hypercare.ledger.database import migrate, open_engine
from hypercare.ledger.embedded import EmbeddedPostgres

TEMPLATE = "migrated"
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """The session's PostgreSQL server; a machine on which it does not start fails the tests that need it."""
    server = EmbeddedPostgres(tmp_path_factory.mktemp("ledger") / "postgres")
    server.start()
    try:
        with psycopg.connect(server.admin_dsn, autocommit=True) as connection:
            # Nobody needs these databases after a power cut, and making one is 20 times as fast.
            connection.execute("alter system set fsync = off")
            connection.execute("select pg_reload_conf()")
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def migrated_template(postgres: EmbeddedPostgres) -> str:
    """The name of a migrated database that no one is connected to, so that it can be copied."""
    postgres.start([TEMPLATE])
    migrate(postgres.url(TEMPLATE))
    return TEMPLATE


@pytest.fixture
def ledger_url(postgres: EmbeddedPostgres, migrated_template: str) -> Iterator[str]:
    """The SQLAlchemy URL of a fresh, migrated ledger."""
    name = f"ledger_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(postgres.admin_dsn, autocommit=True) as connection:
        connection.execute(f'create database "{name}" template "{migrated_template}"')
    yield postgres.url(name)
    with psycopg.connect(postgres.admin_dsn, autocommit=True) as connection:
        connection.execute(f'drop database "{name}" with (force)')


@pytest.fixture
def ledger_engine(ledger_url: str) -> Iterator[Engine]:
    """An engine on a fresh, migrated ledger."""
    engine = open_engine(ledger_url)
    yield engine
    engine.dispose()
