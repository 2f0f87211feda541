"""States of an installation, copied in milliseconds, and steps run on them in processes that may be killed."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from hypercare.lake import Lake
from hypercare.ledger.chain import verify_chain
from hypercare.ledger.contents import digest_contents
from hypercare.ledger.embedded import EmbeddedPostgres
from tests.hypercare.weekly.step_killer import Order, Outcome

ROOT = Path(__file__).resolve().parents[3]
_numbers = itertools.count(1)
"""Of all installations of this process: their databases stand in one server."""


@dataclass(frozen=True)
class State:
    """A ledger and a state folder with its lake."""

    database: str
    folder: Path


@dataclass
class Installation:
    """Makes, copies and drops states, and has steps run on them."""

    postgres: EmbeddedPostgres
    folder: Path
    settings: dict[str, Any]
    """Settings of the product besides ledger and state folder."""
    killer: subprocess.Popen[str]

    def copy(self, source: State) -> State:
        """Copy a state that nobody is connected to. What is written to a lake never changes, so files are linked."""
        name = f"state_{os.getpid()}_{next(_numbers)}"
        self._execute(f'create database "{name}" template "{source.database}"')
        folder = self.folder / name
        shutil.copytree(source.folder, folder, copy_function=os.link)
        for note in folder.glob("*.json"):  # these are rewritten in place
            kept = note.read_bytes()
            note.unlink()
            note.write_bytes(kept)
        return State(name, folder)

    def drop(self, state: State) -> None:
        """Forget a state."""
        self._execute(f'drop database "{state.database}" with (force)')
        shutil.rmtree(state.folder)

    def run(self, state: State, steps: tuple[str, ...], as_of: datetime, kill_at: int = 0) -> Outcome:
        """Run steps on a state in a process of their own, killed at a moment where one is given."""
        own = {"state_folder": str(state.folder), "ledger_url": self.postgres.url(state.database)}
        order = Order({**self.settings, **own}, steps, as_of.isoformat(), kill_at)
        assert self.killer.stdin is not None
        assert self.killer.stdout is not None
        print(json.dumps(asdict(order)), file=self.killer.stdin, flush=True)
        return Outcome(**json.loads(self.killer.stdout.readline()))

    def digest(self, state: State) -> dict[str, str]:
        """Return the digests of all that a state holds; its chain must hold too."""
        engine = create_engine(self.postgres.url(state.database), poolclass=NullPool)
        assert verify_chain(engine) == []
        return digest_contents(engine, Lake(str(state.folder / "lake")))

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self.postgres.admin_dsn, autocommit=True) as connection:
            connection.execute(statement)


@contextmanager
def installing(postgres: EmbeddedPostgres, folder: Path, settings: dict[str, Any]) -> Iterator[Installation]:
    """Start the process that runs steps; it inherits the connections from this one's environment."""
    paths = os.pathsep.join([str(ROOT / "plugins"), str(ROOT)])
    with (
        (folder / "steps.log").open("w") as log,
        subprocess.Popen(
            [sys.executable, "-m", "tests.hypercare.weekly.step_killer"],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": paths},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as killer,
    ):
        yield Installation(postgres, folder, settings, killer)
