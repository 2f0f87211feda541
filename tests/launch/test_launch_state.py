"""The state folder of a local run, its secrets, its ports, and the environment of what runs in it."""

from __future__ import annotations

import json
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from launch.environment import airflow_environment, write_connections
from launch.state import OWN_FOLDER, USERS, State, free_port

PORTS = {"api": 18080, "worker_logs": 18793, "trigger_logs": 18794}
METADATA = "postgresql+psycopg2://postgres:@/airflow?host=/tmp/x"


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path / "state")


@pytest.fixture
def busy_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_busy_port_is_stepped_around(busy_port: int) -> None:
    found = free_port(busy_port)
    assert busy_port < found < busy_port + 200
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", found))


def test_a_port_that_listens_everywhere_is_busy_too() -> None:
    with socket.socket() as listener:
        listener.bind(("0.0.0.0", 0))
        listener.listen()
        assert free_port(listener.getsockname()[1]) != listener.getsockname()[1]


def test_neighbours_do_not_get_the_same_port(busy_port: int) -> None:
    # The first steps onto what the second would prefer.
    assert len({free_port(busy_port), free_port(busy_port + 1), free_port(busy_port)}) == 3


def test_the_state_folder_is_the_named_one_or_the_checkouts_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HYPERCARE_STATE_FOLDER", str(tmp_path))
    assert State.default().folder == tmp_path
    monkeypatch.setenv("HYPERCARE_STATE_FOLDER", "")
    assert State.default().folder == OWN_FOLDER
    monkeypatch.delenv("HYPERCARE_STATE_FOLDER")
    assert State.default().folder == OWN_FOLDER


def test_removing_takes_only_a_folder_that_a_run_has_made(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "thesis.txt").write_text("years of work")
    state = State(home)
    state.path("logs", "x")
    with pytest.raises(RuntimeError, match="not made by a run"):
        state.remove()
    assert (home / "thesis.txt").exists()
    for folder in (tmp_path / "new", tmp_path / "empty"):
        if folder.name == "empty":
            folder.mkdir()
        State(folder).path("logs", "x").write_text("")
        State(folder).remove()
        assert not folder.exists()
        State(folder).remove()


def test_secrets_are_made_once_and_readable_by_their_owner_only(state: State) -> None:
    passwords, key = state.passwords(), state.signing_key()
    assert (State(state.folder).passwords(), State(state.folder).signing_key()) == (passwords, key)
    assert passwords.keys() == USERS.keys()
    assert min(map(len, passwords.values())) >= 16
    # HMAC-SHA512 asks for 64 bytes.
    assert len(key) >= 64
    for name in ("passwords.json", "signing.key"):
        assert stat.S_IMODE((state.folder / "airflow" / name).stat().st_mode) == 0o600
    assert json.loads((state.folder / "airflow" / "passwords.json").read_text()) == passwords


def test_users_who_came_later_get_a_password_and_the_others_keep_theirs(state: State) -> None:
    state.path("airflow", "passwords.json").write_text('{"ops": "kept", "of-an-older-release": "kept too"}')
    passwords = state.passwords()
    assert passwords.keys() == USERS.keys()
    assert passwords["ops"] == "kept"
    assert len(set(passwords.values())) == len(USERS)
    assert state.passwords() == passwords
    assert json.loads((state.folder / "airflow" / "passwords.json").read_text())["of-an-older-release"] == "kept too"


def test_a_secret_that_was_being_written_at_a_kill_is_made_anew(state: State) -> None:
    state.path("airflow", "passwords.json.new").write_text("")
    assert state.passwords()


def test_two_folders_have_secrets_of_their_own(tmp_path: Path) -> None:
    first, second = State(tmp_path / "a"), State(tmp_path / "b")
    assert not set(first.passwords().values()) & set(second.passwords().values())
    assert first.signing_key() != second.signing_key()


def test_components_get_what_is_theirs_and_nothing_else_of_the_callers(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SALESFORCE_DEFAULT", "salesforce://x")
    monkeypatch.setenv("AIRFLOW__CORE__PARALLELISM", "16")
    monkeypatch.setenv("HYPERCARE_BATCHES", "7")
    for name in ("PGHOST", "AWS_SECRET_ACCESS_KEY", "PYTHONHOME", "AIRFLOW_HOME", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "the caller's")
    environment = airflow_environment(state, METADATA, PORTS, {"HYPERCARE_LEDGER_URL": "postgresql://x"})
    assert "the caller's" not in environment.values()
    assert environment["AIRFLOW_CONN_SALESFORCE_DEFAULT"] == "salesforce://x"
    assert environment["AIRFLOW__CORE__PARALLELISM"] == "16"
    assert (environment["HYPERCARE_BATCHES"], environment["HYPERCARE_LEDGER_URL"]) == ("7", "postgresql://x")
    assert Path(environment["HOME"]).is_dir()
    # Else Airflow would make passwords that nobody is told.
    known = json.loads(Path(environment["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"]).read_text())
    users = dict(user.split(":") for user in environment["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"].split(","))
    assert known.keys() == users.keys()
    # Whoever asks for a waiver, two others must be able to confirm it.
    assert len(environment["HYPERCARE_APPROVERS"].split(", ")) >= 3
    assert set(environment["HYPERCARE_APPROVERS"].split(", ")) == users.keys()
    for name in ("HOME", "AIRFLOW_HOME", "XDG_RUNTIME_DIR", "AIRFLOW__LOGGING__BASE_LOG_FOLDER"):
        assert environment[name].startswith(str(state.folder))


def test_the_ports_that_the_launcher_took_hold(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__API__PORT", "9999")
    environment = airflow_environment(state, METADATA, PORTS, {})
    assert environment["AIRFLOW__API__PORT"] == "18080"
    assert environment["AIRFLOW__API__BASE_URL"] == "http://127.0.0.1:18080"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (METADATA, "postgresql+psycopg://postgres:@/airflow?host=%2Ftmp%2Fx"),
        ("postgresql://a:p%40ss@db/airflow", "postgresql+psycopg://a:p%40ss@db/airflow"),
        ("mysql+mysqldb://a:b@db/airflow", None),
    ],
)
def test_asynchronous_connections_go_to_the_same_database(state: State, url: str, expected: str | None) -> None:
    environment = airflow_environment(state, url, PORTS, {})
    assert environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] == url
    assert environment.get("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC") == expected


def test_connections_are_for_their_owner_only(state: State) -> None:
    state.path("airflow", "connections.json").write_text("{}")
    settings = write_connections(state, [{"conn_id": "coupa_acme", "conn_type": "http", "password": "s3cret"}])
    file = Path(json.loads(settings["AIRFLOW__SECRETS__BACKEND_KWARGS"])["connections_file_path"])
    assert json.loads(file.read_text())["coupa_acme"]["password"] == "s3cret"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "s3cret" not in json.dumps(settings)
