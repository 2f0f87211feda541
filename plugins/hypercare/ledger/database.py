"""Connections to the ledger's database, and its migrations."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from sqlalchemy import Engine, create_engine

MIGRATIONS = Path(__file__).parent / "migrations"


@lru_cache
def open_engine(url: str) -> Engine:
    """Return the process's engine for a SQLAlchemy URL (`postgresql+psycopg://…`)."""
    return create_engine(url, pool_pre_ping=True, pool_size=5, max_overflow=20)


def migrate(url: str) -> None:
    """Bring the database to this release's tables; a database that is there already stays as it is."""
    from alembic import command  # noqa: PLC0415 - only where migrations run
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["url"] = url
    command.upgrade(config, "head")
