"""Airflow's own command line: connections go in without their secrets being shown, and come out as they went in."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from hypercare.errors import ConfigurationError
from hypercare.systems.airflow_command import import_connections, list_connection_ids, list_pools
from tests.hypercare.commands.shell import say

CSV = "instance,host,client id,secret,scopes\n{name},{name}.coupahost.com,id-1,s3cr3t,core.user.read\n"


@pytest.fixture
def airflow(migrated_airflow: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    for name, value in migrated_airflow.items():
        monkeypatch.setenv(name, value)
    return migrated_airflow


def read_connection(conn_id: str, environment: dict[str, str]) -> dict[str, object]:
    command = [sys.executable, "-m", "airflow", "connections", "get", conn_id, "--output", "json"]
    answer = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
    (found,) = json.loads(answer[answer.index("[") :])
    return dict(found)


@pytest.mark.airflow
def test_a_file_becomes_connections_once(airflow: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "new.csv"
    file.write_text(CSV.format(name="acme"))
    first = say("connect", "import", str(file))
    assert first.exit_code == 0, first.output
    assert "coupa_acme: imported" in first.output
    assert "s3cr3t" not in first.output
    assert "coupa_acme" in list_connection_ids()
    found = read_connection("coupa_acme", airflow)
    assert (found["login"], found["password"], found["host"]) == ("id-1", "s3cr3t", "acme.coupahost.com")
    assert "core.user.read" in str(found["extra_dejson"])

    again = say("connect", "import", str(file))
    assert again.exit_code == 2
    assert "row 2, column instance: there is a connection coupa_acme already" in again.output
    file.write_text(CSV.format(name="acme").replace("id-1", "id-2"))
    assert say("connect", "import", "--replace", str(file)).exit_code == 0
    assert read_connection("coupa_acme", airflow)["login"] == "id-2"


@pytest.mark.airflow
@pytest.mark.usefixtures("airflow")
def test_pools_are_listed() -> None:
    assert "default_pool" in list_pools()


@pytest.mark.airflow
def test_a_database_that_is_not_migrated_is_told_without_what_was_to_be_written(
    airflow: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", f"sqlite:///{tmp_path}/empty.db")
    with pytest.raises(ConfigurationError, match="airflow pools list failed"):
        list_pools()
    with pytest.raises(ConfigurationError, match="airflow connections import failed") as refused:
        import_connections({"coupa_acme": {"conn_type": "http", "login": "id-1", "password": "s3cr3t"}})
    assert "s3cr3t" not in str(refused.value)
