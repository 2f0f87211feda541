"""Connections to the ledger's database, and its migrations."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event

from hypercare.errors import ConfigurationError

MIGRATIONS = Path(__file__).parent / "migrations"
SESSION = "set timezone = 'UTC'; set datestyle = 'ISO'; set synchronous_commit = on"
"""What PGTZ, PGDATESTYLE or a server's settings must not change: how instants read, and that a commit is kept."""


@lru_cache
def open_engine(url: str) -> Engine:
    """Return the process's engine for a SQLAlchemy URL (`postgresql+psycopg://…`)."""
    engine = create_engine(url, pool_pre_ping=True, pool_size=5, max_overflow=20)
    event.listen(engine, "connect", _prepare_session)
    return engine


def migrate(url: str) -> None:
    """Bring the database to this release's tables; a database that is there already stays as it is.

    Raises ConfigurationError for a database that a later release has written.
    """
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    # Alembic reads options as a ConfigParser does, for which a lone % is a mistake.
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["url"] = url
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        msg = f"the ledger can't be brought to this release's tables: {error}; was it written by a later release?"
        raise ConfigurationError(msg) from error


def read_migrations(engine: Engine) -> tuple[str | None, str | None]:
    """Return the migration that a ledger stands at (None: it has no tables), and this release's last one."""
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory

    with engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    return current, ScriptDirectory(str(MIGRATIONS)).get_current_head()


def _prepare_session(connection: Any, _record: Any) -> None:  # noqa: ANN401 - a DBAPI connection
    with connection.cursor() as cursor:
        cursor.execute(SESSION)
    connection.commit()
