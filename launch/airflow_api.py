"""The few calls to Airflow's REST API that playing and checking a run needs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import requests

TIMEOUT = 30
FINAL = {"success", "failed"}
DONE = {"success", "failed", "skipped", "upstream_failed", "removed"}
"""How runs, and how tasks end."""


class AirflowApi:
    """A client that logs in by name and password."""

    def __init__(self, base_url: str, user: str, password: str) -> None:
        self.base_url = base_url
        self._credentials = {"username": user, "password": password}
        self._session = requests.Session()
        self._session.trust_env = False

    def wait_until_up(self, find_dead: Callable[[], str | None], seconds: float = 180) -> None:
        """Wait until API, scheduler and dag processor are healthy; raise RuntimeError when a component ends instead."""
        deadline = time.monotonic() + seconds
        while not self._is_healthy():
            dead = find_dead()
            if dead or time.monotonic() > deadline:
                raise RuntimeError(dead or f"Airflow was not healthy after {seconds:.0f} s")
            time.sleep(0.3)
        # On a port that another Airflow holds, that one has answered and ours is gone.
        time.sleep(1)
        if dead := find_dead():
            raise RuntimeError(dead)
        self._log_in()

    def wait_for_dag(self, dag_id: str, find_dead: Callable[[], str | None], seconds: float = 120) -> None:
        """Wait until a DAG is known; raise RuntimeError with the import errors when it can't be."""
        deadline = time.monotonic() + seconds
        while self._get(f"/api/v2/dags/{dag_id}", missing_ok=True) is None:
            errors = self.import_errors()
            dead = find_dead()
            if errors or dead or time.monotonic() > deadline:
                raise RuntimeError(dead or "\n".join(errors) or f"DAG {dag_id} did not appear within {seconds:.0f} s")
            time.sleep(0.3)

    def import_errors(self) -> list[str]:
        """Return what kept DAG files and plugins from being imported."""
        dags = self._get("/api/v2/importErrors")["import_errors"]
        plugins = self._get("/api/v2/plugins/importErrors")["import_errors"]
        return [f"{e['filename']}: {e['stack_trace']}" for e in dags] + [
            f"{e['source']}: {e['error']}" for e in plugins
        ]

    def unpause(self, dag_id: str) -> None:
        """Let a DAG run."""
        self._send("PATCH", f"/api/v2/dags/{dag_id}", {"is_paused": False})

    def set_pool(self, name: str, slots: int, description: str) -> None:
        """Create a pool, or leave the one that is there as somebody set it."""
        if self._get(f"/api/v2/pools/{name}", missing_ok=True) is None:
            self._send("POST", "/api/v2/pools", {"name": name, "slots": slots, "description": description})

    def trigger(self, dag_id: str, run_id: str, conf: dict[str, Any]) -> None:
        """Start a run."""
        body = {"dag_run_id": run_id, "conf": conf, "logical_date": None}
        self._send("POST", f"/api/v2/dags/{dag_id}/dagRuns", body)

    def read_run(self, dag_id: str, run_id: str) -> dict[str, Any] | None:
        """Return a run, or None where there is none."""
        run: dict[str, Any] | None = self._get(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}", missing_ok=True)
        return run

    def read_tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Return a run's task instances."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances?limit=100"
        tasks: list[dict[str, Any]] = self._get(path)["task_instances"]
        return tasks

    def answer(self, dag_id: str, run_id: str, task_id: str, option: str) -> None:
        """Answer what a task asks; where somebody has answered meanwhile, that stands.

        Raises RuntimeError where this user may not.
        """
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/-1/hitlDetails"
        self._send("PATCH", path, {"chosen_options": [option]}, repeated_ok=True)

    def read_scheduler_heartbeat(self) -> str:
        """Return when the scheduler last said that it is alive, which it does between two rounds of its work."""
        health = self._get("/api/v2/monitor/health")
        return str(health["scheduler"]["latest_scheduler_heartbeat"])

    def _is_healthy(self) -> bool:
        try:
            answer = self._session.get(f"{self.base_url}/api/v2/monitor/health", timeout=5)
            health = answer.json()
        except (requests.RequestException, ValueError):
            return False
        parts = [health.get(name, {}).get("status") for name in ("metadatabase", "scheduler", "dag_processor")]
        return parts == ["healthy"] * 3

    def _log_in(self) -> None:
        answer = self._session.post(f"{self.base_url}/auth/token", json=self._credentials, timeout=TIMEOUT)
        answer.raise_for_status()
        self._session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def _get(self, path: str, *, missing_ok: bool = False) -> Any:  # noqa: ANN401 - JSON
        answer = self._request("GET", path)
        if missing_ok and answer.status_code == 404:
            return None
        answer.raise_for_status()
        return answer.json()

    def _send(self, method: str, path: str, body: dict[str, Any], *, repeated_ok: bool = False) -> None:
        answer = self._request(method, path, body)
        if not answer.ok and not (repeated_ok and answer.status_code == 409):
            msg = f"{method} {path}: {answer.status_code} {answer.text[:500]}"
            raise RuntimeError(msg)

    def _request(self, method: str, path: str, body: dict[str, Any] | None = None) -> requests.Response:
        """Send a request, after logging in where that was not done yet or has expired."""
        answer = self._session.request(method, self.base_url + path, json=body, timeout=TIMEOUT)
        if answer.status_code == 401:
            self._log_in()
            answer = self._session.request(method, self.base_url + path, json=body, timeout=TIMEOUT)
        return answer


def read_failure(api: AirflowApi, dag_id: str, run_id: str) -> str:
    """Name the tasks of a run that failed."""
    failed = [task["task_display_name"] for task in api.read_tasks(dag_id, run_id) if task["state"] == "failed"]
    return "failed: " + ", ".join(sorted(set(failed)))
