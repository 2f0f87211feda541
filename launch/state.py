"""Where a local run keeps its state, and which ports it took."""

from __future__ import annotations

import json
import os
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
USER = "ops"


@dataclass(frozen=True)
class State:
    """The one ignored folder of a local run."""

    folder: Path

    @classmethod
    def default(cls) -> State:
        """Return the checkout's own state folder, or the one that HYPERCARE_STATE_FOLDER names."""
        return cls(Path(os.environ.get("HYPERCARE_STATE_FOLDER", ROOT / ".hypercare")).resolve())

    def path(self, *names: str) -> Path:
        """Return a path below the folder; its parent exists afterwards."""
        path = self.folder.joinpath(*names)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def password(self) -> str:
        """Return the UI password of this state folder, made at its first use and readable by its owner only."""
        file = self.path("airflow", "passwords.json")
        if not file.exists():
            file.touch(mode=0o600)
            file.write_text(json.dumps({USER: secrets.token_urlsafe(12)}))
        return str(json.loads(file.read_text())[USER])


def free_port(preferred: int) -> int:
    """Return the preferred loopback port, or the next one that nobody listens on."""
    for port in range(preferred, preferred + 200):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    msg = f"no free port between {preferred} and {preferred + 199}"
    raise OSError(msg)
