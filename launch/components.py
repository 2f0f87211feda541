"""Long-running processes: each in a session of its own, so that it can be ended with all that it started."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

STOP_SECONDS = 10


@dataclass
class Components:
    """The processes of a local run; what it started is on record, so that the next start can end what was left."""

    record: Path
    logs: Path
    environment: Mapping[str, str]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, command: Sequence[str]) -> None:
        """Start a component; its output goes to a log file of its name."""
        self.logs.mkdir(parents=True, exist_ok=True)
        with (self.logs / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                command,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=dict(self.environment),
                start_new_session=True,
            )
        self.processes[name] = process
        self._write_record()

    def find_dead(self) -> str | None:
        """Return what a component that ended by itself last said, with its name; None while all run."""
        for name, process in self.processes.items():
            if process.poll() is not None:
                lines = (self.logs / f"{name}.log").read_text(errors="replace").splitlines()
                last = "\n".join(lines[-15:])
                return f"{name} ended with code {process.returncode}; its log ends with:\n{last}"
        return None

    def stop(self) -> None:
        """End every component and whatever runs in its session."""
        for process in self.processes.values():
            _end_session(process.pid)
        for process in self.processes.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=STOP_SECONDS)
        self.processes.clear()
        self.record.unlink(missing_ok=True)

    def end_leftovers(self) -> int:
        """End what a launcher that was killed has left behind; return how many components that were."""
        if not self.record.exists():
            return 0
        left = [entry for entry in json.loads(self.record.read_text()) if _is_same(entry)]
        for entry in left:
            _end_session(entry["pid"])
        self.record.unlink()
        return len(left)

    def _write_record(self) -> None:
        entries = [
            {"name": name, "pid": process.pid, "started": _started(process.pid)}
            for name, process in self.processes.items()
        ]
        self.record.write_text(json.dumps(entries))


def _started(pid: int) -> float | None:
    try:
        return psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return None


def _is_same(entry: dict[str, object]) -> bool:
    """Whether a recorded session still has members: its leader, or children that outlived it."""
    pid = int(str(entry["pid"]))
    started = _started(pid)
    return bool(_members(pid)) and (started is None or started == entry["started"])


def _members(session: int) -> list[psutil.Process]:
    members = []
    for process in psutil.process_iter():
        with contextlib.suppress(ProcessLookupError, psutil.Error):
            if os.getsid(process.pid) == session and process.status() != psutil.STATUS_ZOMBIE:
                members.append(process)
    return members


def _end_session(session: int) -> None:
    """Ask the members of a session to end, then make them."""
    for signal_number in (signal.SIGTERM, signal.SIGKILL):
        members = _members(session)
        for process in members:
            with contextlib.suppress(psutil.Error):
                process.send_signal(signal_number)
        deadline = time.monotonic() + STOP_SECONDS
        while _members(session) and time.monotonic() < deadline:
            time.sleep(0.1)
