"""The environment in which Airflow's components and the command line run on one machine."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import make_url

from launch.state import ROOT, USERS, State

KEPT = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "TERM", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")
"""What is taken over from the caller besides AIRFLOW_CONN_…, AIRFLOW__… and HYPERCARE_… ."""


def airflow_environment(
    state: State, metadata_url: str, ports: Mapping[str, int], extra: Mapping[str, str]
) -> dict[str, str]:
    """Return the environment of all components; `ports` names api, worker_logs and trigger_logs."""
    home = state.path("home")
    home.mkdir(exist_ok=True)
    # Airflow makes one of its own where it finds none.
    state.passwords()
    kept = {name: value for name, value in os.environ.items() if name in KEPT or _is_ours(name)}
    api = f"http://127.0.0.1:{ports['api']}"
    defaults = {
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": "4",
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{user}:{role}" for user, role in USERS.items()),
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(state.path("airflow", "passwords.json")),
        "API__WORKERS": "1",
        "API_AUTH__JWT_SECRET": state.signing_key(),
        **_async_connection(metadata_url),
        "DAG_PROCESSOR__REFRESH_INTERVAL": "30",
        "LOGGING__BASE_LOG_FOLDER": str(state.path("airflow", "logs")),
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
        "SCHEDULER__ENABLE_HEALTH_CHECK": "False",
        # For so long a worker may hold on to a task that has ended: it looks away until its next heartbeat.
        "WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        # By these a played decision waits for its answer; see launch.decisions.
        "SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "1",
    }
    # Not for the caller to set: the launcher has taken these ports and waits there.
    addresses = {
        "CORE__EXECUTION_API_SERVER_URL": f"{api}/execution/",
        "API__PORT": str(ports["api"]),
        "API__HOST": "127.0.0.1",
        "API__BASE_URL": api,
        "LOGGING__WORKER_LOG_SERVER_PORT": str(ports["worker_logs"]),
        "LOGGING__TRIGGER_LOG_SERVER_PORT": str(ports["trigger_logs"]),
        "DATABASE__SQL_ALCHEMY_CONN": metadata_url,
    }
    return (
        {f"AIRFLOW__{name}": value for name, value in defaults.items()}
        | {"HYPERCARE_APPROVERS": ", ".join(USERS)}
        | kept
        | {f"AIRFLOW__{name}": value for name, value in addresses.items()}
        | {
            "HOME": str(home),
            "AIRFLOW_HOME": str(state.path("airflow", "airflow.cfg").parent),
            "HYPERCARE_STATE_FOLDER": str(state.folder),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', os.defpath)}",
            "PYTHONPATH": str(ROOT / "plugins"),
            "PYTHONUNBUFFERED": "1",
            "XDG_RUNTIME_DIR": str(home),
            "GX_ANALYTICS_ENABLED": "false",
            "NO_PROXY": "127.0.0.1,localhost",
        }
        | dict(extra)
    )


def _async_connection(metadata_url: str) -> dict[str, str]:
    """Return where Airflow connects asynchronously: psycopg speaks both ways, else it asks for a third driver."""
    url = make_url(metadata_url)
    if url.get_backend_name() != "postgresql":
        return {}
    name = url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
    return {"DATABASE__SQL_ALCHEMY_CONN_ASYNC": name}


def _is_ours(name: str) -> bool:
    return name.startswith(("AIRFLOW_CONN_", "AIRFLOW__", "HYPERCARE_"))


def write_connections(state: State, connections: list[dict[str, object]]) -> dict[str, str]:
    """Write Airflow connections for its own file-based secrets backend; return the settings that make it read them."""
    file = state.path("airflow", "connections.json")
    file.touch(mode=0o600)
    file.chmod(0o600)
    file.write_text(json.dumps({str(entry["conn_id"]): entry for entry in connections}, indent=1))
    return {
        "AIRFLOW__SECRETS__BACKEND": "airflow.secrets.local_filesystem.LocalFilesystemBackend",
        "AIRFLOW__SECRETS__BACKEND_KWARGS": json.dumps({"connections_file_path": str(file)}),
    }
