"""`python -m launch play` and `python -m launch airflow`: what `make run` and `make airflow` call."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console

from hypercare.errors import HypercareError
from hypercare.ledger.database import migrate, open_engine
from hypercare.ledger.embedded import EmbeddedPostgres
from hypercare.verdicts import read_standings
from launch.airflow_api import AirflowApi
from launch.components import Components
from launch.decisions import ADJUST_DAG_ID
from launch.environment import airflow_environment, write_connections
from launch.outcome import find_differences, show_decisions, show_runs, show_standings
from launch.play import DAG_ID, Sandbox, play_runs
from launch.state import ROOT, USER, USERS, State, free_port

POOLS = {"coupa": (8, "calls to customers' Coupa instances"), "salesforce": (2, "calls to Salesforce")}
app = typer.Typer(add_completion=False, help=__doc__, pretty_exceptions_enable=False)
console = Console(width=None if sys.stdout.isatty() else 170)


@app.command()
def play(
    data: Annotated[Path | None, typer.Option(help="Play a folder of event logs instead of the demo world.")] = None,
    weeks: Annotated[str, typer.Option(help="Which weeks of the logs: 2018-W10..2018-W14.")] = "2018-W10..2018-W14",
    once: Annotated[bool, typer.Option(help="Stop when all runs are played.")] = False,
) -> None:
    """Play five weeks of hypercare through Airflow's scheduler, against the sandbox."""
    state = State.default()
    refuse_other_world(state, f"{data.resolve().name} {weeks}" if data else "demo")
    with told_errors(), postgres_running(state) as server, components_of(state) as components:
        port = free_port(8900)
        world = ["--data", str(data.resolve()), "--weeks", weeks] if data else ["--world", "demo"]
        trackers = state.path("trackers", "x").parent
        components.start(
            "sandbox", [sys.executable, "-m", "sandbox", "--port", str(port), "--trackers", str(trackers), *world]
        )
        sandbox = Sandbox(f"http://127.0.0.1:{port}")
        console.print("starting PostgreSQL, the sandbox and Airflow …")
        sandbox.wait_until_up(components.find_dead)
        connections = write_connections(state, sandbox.scenario["connections"])
        extra = connections | {
            # Who decides in the world are these users, whoever may in the caller's own installation.
            "HYPERCARE_APPROVERS": ", ".join(USERS),
            "HYPERCARE_SCHEDULED": "false",
            "HYPERCARE_ALLOW_TEST_INSTANCES": "true",
            "HYPERCARE_BATCHES": os.environ.get("HYPERCARE_BATCHES", "2"),
            # The sandbox answers 25 a second; customers' instances are shared with their own integrations.
            "HYPERCARE_COUPA_REQUESTS_PER_SECOND": "20",
            # An instance that the demo world holds down stays down: no need to ask as often as a real one.
            "HYPERCARE_COUPA_ATTEMPTS": "3",
            "HYPERCARE_TRACKER_URL": str(trackers),
            "HYPERCARE_BANK_URL": sandbox.scenario["bank"],
        }
        api = start_airflow(state, server, components, extra)
        people = sign_in(api, state)
        runs, decisions = play_runs(people, sandbox, components.find_dead, console)
        standings = read_standings(open_engine(server.url("hypercare")))
        show_runs(console, runs)
        show_decisions(console, decisions)
        show_standings(console, standings)
        differences = find_differences(sandbox.scenario.get("expected", []), standings)
        differences += [f"{run.label}: {run.state}, {run.words}" for run in runs if not run.is_as_expected]
        differences += [f"{each.label}: {each.state}, {each.words}" for each in decisions if not each.is_as_expected]
        for words in sandbox.scenario.get("notes", []):
            console.print(words)
        if differences:
            console.print("[red]Not as the world says it must be:[/]", *differences, sep="\n  ")
        else:
            console.print("[green]Every run and every verdict is as the world says it must be.[/]")
        if not once:
            wait_for_end(api, state)
    raise typer.Exit(1 if differences else 0)


@app.command()
def airflow() -> None:
    """Run Airflow on real systems: connections come from the environment or a secrets backend."""
    state = State.default()
    with told_errors(), postgres_running(state) as server, components_of(state) as components:
        api = start_airflow(state, server, components, {})
        wait_for_end(api, state)


@app.command()
def clean() -> None:
    """End what is left of an earlier run and remove the state folder."""
    state = State.default()
    if not state.folder.exists():
        return
    with told_errors():
        Components(state.path("components.json"), state.path("logs"), {}).end_leftovers()
        EmbeddedPostgres(state.path("postgres")).stop()
        state.remove()


def refuse_other_world(state: State, world: str) -> None:
    """Keep one world a state folder; raise typer.Exit where another one has been played."""
    file = state.path("world.json")
    if file.exists() and (played := json.loads(file.read_text())) != world:
        console.print(f"{state.folder} holds the world {played!r}; run `make clean` before playing {world!r}.")
        raise typer.Exit(2)
    file.write_text(json.dumps(world))


@contextmanager
def told_errors() -> Iterator[None]:
    """Say what went wrong in its own words, without a traceback, and end with code 1."""
    try:
        yield
    except KeyboardInterrupt:
        console.print("stopped")
        raise typer.Exit(130) from None
    except (HypercareError, RuntimeError) as error:
        console.print(str(error), style="red", markup=False)
        raise typer.Exit(1) from error


@contextmanager
def postgres_running(state: State) -> Iterator[EmbeddedPostgres]:
    """Have the embedded PostgreSQL up for the length of a block, whoever started it."""
    server = EmbeddedPostgres(state.path("postgres"))
    Components(state.path("components.json"), state.path("logs"), {}).end_leftovers()
    server.start(["airflow", "hypercare"])
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def components_of(state: State) -> Iterator[Components]:
    """Give components that are ended with the block, also on Ctrl-C and SIGTERM."""
    components = Components(state.path("components.json"), state.path("logs"), _own_environment(state))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _interrupt)
    try:
        yield components
    finally:
        components.stop()


def start_airflow(state: State, server: EmbeddedPostgres, components: Components, extra: dict[str, str]) -> AirflowApi:
    """Start Airflow's components on the embedded or a named database, and return its API once the DAG is there."""
    ports = {name: free_port(port) for name, port in (("api", 8080), ("worker_logs", 8793), ("trigger_logs", 8794))}
    metadata = os.environ.get("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN") or server.url("airflow", "psycopg2")
    ledger = os.environ.get("HYPERCARE_LEDGER_URL") or server.url("hypercare")
    environment = airflow_environment(state, metadata, ports, extra | {"HYPERCARE_LEDGER_URL": ledger})
    state.path("environment.json").write_text(json.dumps(environment))
    components.environment = environment
    migration = threading.Thread(target=migrate, args=(ledger,))
    migration.start()
    migrated = subprocess.run(
        ["airflow", "db", "migrate"], env=environment, capture_output=True, text=True, check=False
    )
    migration.join()
    if migrated.returncode:
        msg = f"airflow db migrate failed:\n{migrated.stderr[-2000:]}"
        raise RuntimeError(msg)
    for name in ("api-server", "scheduler", "dag-processor", "triggerer"):
        components.start(name, ["airflow", name])
    api = AirflowApi(f"http://127.0.0.1:{ports['api']}", USER, state.passwords()[USER])
    api.wait_until_up(components.find_dead)
    for pool, (slots, description) in POOLS.items():
        api.set_pool(pool, slots, description)
    for dag_id in (DAG_ID, ADJUST_DAG_ID):
        api.wait_for_dag(dag_id, components.find_dead)
        api.unpause(dag_id)
    return api


def sign_in(api: AirflowApi, state: State) -> dict[str, AirflowApi]:
    """Return the API as each user has it, the one who runs Airflow first."""
    passwords = state.passwords()
    return {user: api if user == USER else AirflowApi(api.base_url, user, passwords[user]) for user in USERS}


def wait_for_end(api: AirflowApi, state: State) -> None:
    """Say where the UI is, and stay until Ctrl-C."""
    console.print(f"Airflow: {api.base_url}   (Ctrl-C ends everything)")
    for user, password in state.passwords().items():
        console.print(f"  user: {user:6} password: {password}   role: {USERS[user]}")
    with suppress(KeyboardInterrupt):
        threading.Event().wait()


def _own_environment(state: State) -> dict[str, str]:
    """Return what the sandbox runs with."""
    home = state.path("home", "x").parent
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
    }


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    app()
