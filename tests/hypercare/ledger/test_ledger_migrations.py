"""The migrations build exactly the tables that the code uses, also when two components start at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, inspect, text
from sqlalchemy.types import TypeEngine

from hypercare.errors import ConfigurationError
from hypercare.ledger import tables
from hypercare.ledger.database import MIGRATIONS, migrate, open_engine
from hypercare.ledger.embedded import EmbeddedPostgres

PLUGINS = Path(__file__).resolve().parents[3] / "plugins"
MIGRATE = "import sys; from hypercare.ledger.database import migrate; migrate(sys.argv[1])"


def differences(engine: Engine) -> list[object]:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        return compare_metadata(context, tables.metadata)


def test_migrations_give_the_tables_of_the_code(ledger_engine: Engine) -> None:
    assert set(inspect(ledger_engine).get_table_names()) == {*tables.metadata.tables, "alembic_version"}
    assert differences(ledger_engine) == []


def test_a_missing_column_would_be_noticed(ledger_engine: Engine) -> None:
    with ledger_engine.begin() as connection:
        connection.execute(text("alter table exceptions drop column found_week"))
        connection.execute(text("alter table checks alter column rows type text"))
    assert len(differences(ledger_engine)) == 2


def test_comments_and_types_are_those_of_the_code_to_the_letter(ledger_engine: Engine) -> None:
    """Alembic's comparison leaves out comments of columns and the scale of numbers."""

    def say(kind: TypeEngine[object]) -> str:
        return str(kind.compile(dialect=ledger_engine.dialect))

    for table in tables.metadata.sorted_tables:
        columns = inspect(ledger_engine).get_columns(table.name)
        found = {column["name"]: (say(column["type"]), column["comment"]) for column in columns}
        assert found == {column.name: (say(column.type), column.comment) for column in table.columns}


def test_migrating_again_changes_nothing(ledger_engine: Engine, ledger_url: str) -> None:
    with ledger_engine.begin() as connection:
        connection.execute(tables.instances.insert().values(name="acme", first_seen_as_of="2026-03-01T00:00:00Z"))
    migrate(ledger_url)
    with ledger_engine.connect() as connection:
        assert connection.execute(text("select name from instances")).scalars().all() == ["acme"]


def test_processes_that_migrate_at_once_all_succeed(postgres: EmbeddedPostgres) -> None:
    postgres.start(["migrated_by_many"])
    url = postgres.url("migrated_by_many")
    environment = {"PYTHONPATH": str(PLUGINS), "PATH": "/usr/bin:/bin"}
    processes = [
        subprocess.Popen([sys.executable, "-c", MIGRATE, url], env=environment, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    ended = [(process.communicate()[1], process.returncode) for process in processes]
    assert ended == [("", 0)] * 3
    assert differences(open_engine(url)) == []
    with open_engine(url).connect() as connection:
        assert connection.execute(text("select count(*) from pg_locks where locktype = 'advisory'")).scalar_one() == 0
    open_engine(url).dispose()


def test_a_ledger_of_a_later_release_is_refused(ledger_engine: Engine, ledger_url: str) -> None:
    with ledger_engine.begin() as connection:
        connection.execute(text("update alembic_version set version_num = '9999'"))
    with pytest.raises(ConfigurationError, match=r"9999.*later release"):
        migrate(ledger_url)


def test_migrations_are_found_below_any_folder_name(
    ledger_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "100% ours" / "migrations"
    folder.parent.mkdir()
    folder.symlink_to(MIGRATIONS)
    monkeypatch.setattr("hypercare.ledger.database.MIGRATIONS", folder)
    migrate(ledger_url)


def test_sessions_read_and_commit_alike_whatever_the_environment_says(
    ledger_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGTZ", "Asia/Kolkata")
    monkeypatch.setenv("PGDATESTYLE", "German")
    open_engine.cache_clear()
    engine = open_engine(ledger_url)
    with engine.connect() as connection:
        settings = [
            connection.execute(text(f"show {name}")).scalar_one()
            for name in ("timezone", "datestyle", "synchronous_commit", "client_encoding")
        ]
        assert connection.execute(text("select timestamptz '2026-03-01T12:00:00Z'")).scalar_one().isoformat() == (
            "2026-03-01T12:00:00+00:00"
        )
    engine.dispose()
    open_engine.cache_clear()
    assert settings[0] == "UTC"
    assert settings[1].startswith("ISO")
    assert settings[2:] == ["on", "UTF8"]
