"""The embedded PostgreSQL on a bare machine: as root and not, side by side, after kills, over broken folders."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
import pytest
from sqlalchemy import text

from hypercare.errors import ConfigurationError
from hypercare.ledger.database import open_engine
from hypercare.ledger.embedded import NOBODY, EmbeddedPostgres

PLUGINS = Path(__file__).resolve().parents[3] / "plugins"
as_root = pytest.mark.skipif(os.getuid() != 0, reason="not root: that a server of root's runs as nobody is not tested")
START_AND_STOP = """
import os, sys
from pathlib import Path
from hypercare.ledger.embedded import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]))
assert server.start(["ledger"])
print(os.getuid(), server.is_running(), server.data.owner())
server.stop()
print(server.is_running())
"""
USE_FOR_A_WHILE = """
import sys
from pathlib import Path
from hypercare.ledger.embedded import EmbeddedPostgres
with EmbeddedPostgres(Path(sys.argv[1])).running():
    print("up", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(tmp_path / "state" / "postgres")
    yield server
    server.stop()


def recorded_pid(server: EmbeddedPostgres) -> int:
    return int((server.data / "postmaster.pid").read_text().splitlines()[0])


def server_processes(server: EmbeddedPostgres) -> list[int]:
    """Every process of a server: the one that has its folder as an argument, and its children."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and (
                str(server.data) in process.cmdline() or process.cwd() == str(server.data)
            ):
                found.append(process.pid)
        except (psutil.Error, OSError):
            continue
    return found


def write_note(server: EmbeddedPostgres, note: str) -> None:
    engine = open_engine(server.url("ledger"))
    with engine.begin() as connection:
        connection.execute(text("create table if not exists notes (note text)"))
        connection.execute(text("insert into notes values (:note)"), {"note": note})
    engine.dispose()


def read_notes(server: EmbeddedPostgres) -> list[str]:
    engine = open_engine(server.url("ledger"))
    with engine.connect() as connection:
        notes = list(connection.execute(text("select note from notes order by note")).scalars())
    engine.dispose()
    return notes


def run_script(script: str, *arguments: str, prefix: Sequence[str] = ()) -> subprocess.Popen[str]:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(PLUGINS), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.Popen(
        [*prefix, sys.executable, "-c", script, *arguments],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_it_starts_stops_and_keeps_what_was_written(server: EmbeddedPostgres) -> None:
    assert not server.is_running()
    assert server.start(["ledger"])
    write_note(server, "München 東京")
    server.stop()
    assert not server.is_running()
    assert server.start(["ledger"])
    assert read_notes(server) == ["München 東京"]


def test_a_running_server_is_used_again(server: EmbeddedPostgres) -> None:
    assert server.start(["ledger"])
    pid = recorded_pid(server)
    assert not server.start(["ledger", "another"])
    assert recorded_pid(server) == pid
    with open_engine(server.url("another")).connect() as connection:
        assert connection.execute(text("select 1")).scalar_one() == 1
    open_engine(server.url("another")).dispose()


def test_stopping_leaves_no_process_and_no_socket(server: EmbeddedPostgres) -> None:
    server.start()
    sockets = server.socket_folder
    assert len(server_processes(server)) > 1
    assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    server.stop()
    assert server_processes(server) == []
    assert not sockets.exists()
    server.stop()


def test_stopping_does_not_wait_for_open_transactions(server: EmbeddedPostgres) -> None:
    server.start(["ledger"])
    with suppress(psycopg.OperationalError), psycopg.connect(server.admin_dsn) as connection:
        connection.execute("create table notes (note text)")
        server.stop()
        assert server_processes(server) == []


@as_root
def test_roots_server_runs_as_nobody(server: EmbeddedPostgres) -> None:
    server.start()
    assert {psutil.Process(pid).uids().effective for pid in server_processes(server)} == {NOBODY}
    assert server.data.stat().st_uid == NOBODY


@as_root
def test_an_ordinary_user_has_a_server_of_its_own() -> None:
    # Below the temp folder itself: pytest's own folder is closed to others.
    folder = Path(f"/tmp/hypercare-test-{os.getpid()}")
    folder.mkdir()
    os.chown(folder, NOBODY, NOBODY)
    try:
        # The capability lets it reach a Python that lies below root's home; it gives no right to write.
        reach = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
        prefix = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *reach]
        script = run_script(START_AND_STOP, str(folder / "postgres"), prefix=prefix)
        output, errors = script.communicate()
        assert (output.split(), script.returncode) == ([str(NOBODY), "True", "nobody", "False"], 0), errors
    finally:
        subprocess.run(["rm", "-rf", str(folder)], check=True)


@as_root
def test_a_state_folder_below_a_closed_home_works_for_root(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    server = EmbeddedPostgres(home / "project" / ".hypercare" / "postgres")
    try:
        assert server.start(["ledger"])
        write_note(server, "reached")
        assert read_notes(server) == ["reached"]
    finally:
        server.stop()


def test_after_a_kill_it_starts_again_with_everything_committed(server: EmbeddedPostgres) -> None:
    server.start(["ledger"])
    for number in range(20):
        write_note(server, f"note {number:02d}")
    os.kill(recorded_pid(server), signal.SIGKILL)
    assert server.start(["ledger"])
    assert read_notes(server) == [f"note {number:02d}" for number in range(20)]


def test_a_kill_of_every_process_is_survived_too(server: EmbeddedPostgres) -> None:
    server.start(["ledger"])
    write_note(server, "kept")
    for pid in server_processes(server):
        os.kill(pid, signal.SIGKILL)
    assert server.start(["ledger"])
    assert read_notes(server) == ["kept"]


def test_a_dead_servers_number_may_belong_to_another_process(server: EmbeddedPostgres) -> None:
    server.start(["ledger"])
    write_note(server, "kept")
    os.kill(recorded_pid(server), signal.SIGKILL)
    other = subprocess.Popen(
        ["sleep", "600"], **({"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.getuid() == 0 else {})
    )
    try:
        record = server.data / "postmaster.pid"
        lines = record.read_text().splitlines(keepends=True)
        record.write_text("".join([f"{other.pid}\n", *lines[1:]]))
        server.stop()
        assert server.start(["ledger"])
        assert read_notes(server) == ["kept"]
        server.stop()
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_an_initdb_that_was_killed_leaves_nothing_that_looks_whole(server: EmbeddedPostgres) -> None:
    unfinished = server.data.with_name("postgres.new")
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n")
    assert server.start(["ledger"])
    assert not unfinished.exists()


@pytest.mark.parametrize("missing", ["PG_VERSION", "global/pg_control", "base"])
def test_a_broken_data_folder_is_told_in_postgresqls_words(server: EmbeddedPostgres, missing: str) -> None:
    server.start(["ledger"])
    server.stop()
    (server.data / missing).rename(server.data.parent / "taken away")
    with pytest.raises(ConfigurationError) as refusal:
        server.start(["ledger"])
    assert str(server.data) in str(refusal.value)
    assert missing in str(refusal.value)
    assert server_processes(server) == []
    (server.data.parent / "taken away").rename(server.data / missing)
    assert server.start(["ledger"])


def test_a_folder_of_other_things_is_left_alone(server: EmbeddedPostgres) -> None:
    server.data.mkdir(parents=True)
    (server.data / "precious.txt").write_text("mine")
    with pytest.raises(ConfigurationError, match=r"not a valid data directory|PG_VERSION|postgresql\.conf"):
        server.start()
    assert (server.data / "precious.txt").read_text() == "mine"


def test_two_state_folders_side_by_side_and_a_very_long_path(tmp_path: Path) -> None:
    short = EmbeddedPostgres(tmp_path / "a" / "postgres")
    long = EmbeddedPostgres(tmp_path / ("long-" * 20) / ("longer " * 20) / "postgres")
    try:
        for server in (short, long):
            server.start(["ledger"])
            write_note(server, str(server.data))
        assert [read_notes(short), read_notes(long)] == [[str(short.data)], [str(long.data)]]
        short.stop()
        assert read_notes(long) == [str(long.data)]
    finally:
        short.stop()
        long.stop()


def test_a_temp_folder_with_a_long_name_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    temp = tmp_path / ("deep-" * 20)
    temp.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temp))
    server = EmbeddedPostgres(tmp_path / "postgres")
    with server.running(["ledger"]):
        write_note(server, "reached")
    assert list(temp.iterdir()) == []


def test_a_relative_folder_is_the_one_below_the_current(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with EmbeddedPostgres(Path("postgres")).running(["ledger"]):
        monkeypatch.chdir("/")
        assert EmbeddedPostgres(tmp_path / "postgres").is_running()


def test_a_server_is_found_whatever_the_temp_folder_is_now(
    server: EmbeddedPostgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.start(["ledger"])
    (tmp_path / "t").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "t"))
    again = EmbeddedPostgres(server.data)
    assert not again.start(["ledger"])
    write_note(again, "the same")
    assert again.socket_folder.parent != tmp_path / "t"


def test_variables_meant_for_other_servers_do_not_disturb(
    server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    strangers = {
        "PGHOST": "db.example.com",
        "PGPORT": "6543",
        "PGUSER": "somebody",
        "PGPASSWORD": "secret",
        "PGDATABASE": "elsewhere",
        "PGDATA": "/nowhere",
        "PGOPTIONS": "-c search_path=elsewhere",
        "PGCLIENTENCODING": "LATIN1",
        "PGSSLMODE": "verify-full",
        "PGTARGETSESSIONATTRS": "read-only",
        "PGTZ": "Asia/Kolkata",
        "PGDATESTYLE": "German",
        "LC_ALL": "de_DE.UTF-8",
    }
    for name, value in strangers.items():
        monkeypatch.setenv(name, value)
    assert server.start(["ledger"])
    write_note(server, "東京")
    assert read_notes(server) == ["東京"]


@pytest.mark.parametrize("name", ["PGHOSTADDR", "PGSERVICE"])
def test_variables_that_lead_elsewhere_are_refused(
    server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "192.0.2.1")
    with pytest.raises(ConfigurationError, match=name):
        server.start()


def test_somebody_elses_socket_folder_is_not_trusted(server: EmbeddedPostgres, tmp_path: Path) -> None:
    bait = tmp_path / "bait"
    bait.mkdir()
    server.socket_folder.symlink_to(bait)
    try:
        with pytest.raises(ConfigurationError, match="no folder of this user's"):
            server.start()
    finally:
        server.socket_folder.unlink()


def test_many_starters_at_once_give_one_server(server: EmbeddedPostgres) -> None:
    started = []
    threads = [threading.Thread(target=lambda: started.append(server.start(["ledger"]))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(started) == [False] * 5 + [True]
    write_note(server, "one")


def test_a_block_stops_only_what_a_block_started(server: EmbeddedPostgres) -> None:
    server.start()
    with server.running():
        assert server.is_running()
    assert server.is_running()
    server.stop()
    with server.running():
        assert not server.start()
    assert server.is_running()


def test_the_last_of_several_commands_stops_the_server(server: EmbeddedPostgres) -> None:
    commands = [run_script(USE_FOR_A_WHILE, str(server.data)) for _ in range(2)]
    assert [command.stdout.readline() for command in commands] == ["up\n", "up\n"]
    pid = recorded_pid(server)
    for command in commands:
        assert psutil.pid_exists(pid)
        assert server.is_running()
        command.communicate("end\n")
    assert server_processes(server) == []


def test_a_killed_command_does_not_keep_the_next_from_stopping_the_server(server: EmbeddedPostgres) -> None:
    command = run_script(USE_FOR_A_WHILE, str(server.data))
    assert command.stdout.readline() == "up\n"
    command.kill()
    command.communicate()
    assert server.is_running()
    with server.running():
        pass
    assert server_processes(server) == []


def test_a_failure_inside_the_block_still_stops_the_server(server: EmbeddedPostgres) -> None:
    with (
        pytest.raises(psycopg.errors.DivisionByZero),
        server.running(),
        psycopg.connect(server.admin_dsn) as connection,
    ):
        connection.execute("select 1 / 0")
    assert server_processes(server) == []
