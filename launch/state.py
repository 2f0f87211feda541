"""Where a local run keeps its state, and which ports it took."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OWN_FOLDER = ROOT / ".hypercare"
USER = "ops"
"""Who runs Airflow, and signs in here for all that needs no second person."""
USERS = {USER: "admin", "vera": "user", "jonas": "user"}
"""Users of the local Airflow with their roles; a waiver needs two who may confirm it beside the one who asks."""
MARK = "hypercare-state"
"""A file that tells a state folder from any other."""
PORTS_TRIED = 200
_handed_out: set[int] = set()


@dataclass(frozen=True)
class State:
    """The one ignored folder of a local run."""

    folder: Path

    @classmethod
    def default(cls) -> State:
        """Return the checkout's own state folder, or the one that HYPERCARE_STATE_FOLDER names."""
        return cls(Path(os.environ.get("HYPERCARE_STATE_FOLDER") or OWN_FOLDER).resolve())

    def path(self, *names: str) -> Path:
        """Return a path below the folder; its parent exists afterwards."""
        path = self.folder.joinpath(*names)
        self.folder.mkdir(parents=True, exist_ok=True)
        if not any(self.folder.iterdir()):
            (self.folder / MARK).touch()
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def remove(self) -> None:
        """Remove the folder with all that is in it; raise RuntimeError for one that no run has made."""
        if not self.folder.exists():
            return
        if self.folder != OWN_FOLDER and not (self.folder / MARK).exists():
            msg = f"{self.folder} was not made by a run and may hold other things: remove it by hand"
            raise RuntimeError(msg)
        shutil.rmtree(self.folder)

    def passwords(self) -> dict[str, str]:
        """Return each user's password for the UI, made at their first use and readable by their owner only."""
        file = self.path("airflow", "passwords.json")
        known = json.loads(file.read_text()) if file.exists() else {}
        missing = {user: secrets.token_urlsafe(12) for user in USERS if user not in known}
        if missing:
            _write(file, json.dumps(known | missing))
        return {user: (known | missing)[user] for user in USERS}

    def signing_key(self) -> str:
        """Return the key that signs Airflow's own tokens, made and kept like the password."""
        return _read_or_write(self.path("airflow", "signing.key"), lambda: secrets.token_urlsafe(64))


def _read_or_write(file: Path, make: Callable[[], str]) -> str:
    if not file.exists():
        _write(file, make())
    return file.read_text()


def _write(file: Path, text: str) -> None:
    """Write a secret file whole or not at all, so that a kill leaves no empty one."""
    unfinished = file.with_name(f"{file.name}.new")
    unfinished.unlink(missing_ok=True)
    unfinished.touch(mode=0o600)
    unfinished.write_text(text)
    unfinished.replace(file)


def free_port(preferred: int) -> int:
    """Return the preferred loopback port, or the next one that nobody listens on and nobody was given before."""
    for port in range(preferred, preferred + PORTS_TRIED):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in _handed_out:
            _handed_out.add(port)
            return port
    msg = f"no free port between {preferred} and {preferred + PORTS_TRIED - 1}"
    raise OSError(msg)
