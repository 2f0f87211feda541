"""Long-running processes: each in a session of its own, so that it can be ended with all that it started."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

STOP_SECONDS = 10
CLOCK_SECONDS = 2
"""How far a process's start, as the system tells it, may move while clocks are set right."""


@dataclass
class Components:
    """The processes of a local run; what it started is on record, so that the next start can end what was left."""

    record: Path
    logs: Path
    environment: Mapping[str, str]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _entries: list[dict[str, Any]] = field(default_factory=list)

    def start(self, name: str, command: Sequence[str]) -> None:
        """Start a component; its output goes to a log file of its name. Raises RuntimeError where there is none."""
        self.logs.mkdir(parents=True, exist_ok=True)
        with (self.logs / f"{name}.log").open("wb") as log:
            try:
                process = subprocess.Popen(
                    command,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    stdin=subprocess.DEVNULL,
                    env=dict(self.environment),
                    start_new_session=True,
                )
            except OSError as error:
                msg = f"{name} can't be started: {error}"
                raise RuntimeError(msg) from error
        self.processes[name] = process
        # Before anybody asks whether it has ended: until then its number is its own.
        self._entries.append(_identify(process.pid))
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
        _end_sessions({process.pid for process in self.processes.values()})
        for process in self.processes.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=STOP_SECONDS)
        self.processes.clear()
        self._entries.clear()
        self.record.unlink(missing_ok=True)

    def end_leftovers(self) -> int:
        """End what a launcher that was killed has left behind; return how many components that were.

        Raises RuntimeError where that launcher still runs: what it started is not left behind.
        """
        if not self.record.exists():
            return 0
        recorded = json.loads(self.record.read_text())
        launcher = recorded["launcher"]
        if launcher["pid"] != os.getpid() and _started(launcher["pid"]) and _is_same(launcher):
            msg = f"another run uses this folder: process {launcher['pid']}; end it first"
            raise RuntimeError(msg)
        left = {entry["pid"] for entry in recorded["components"] if _is_same(entry) and _members({entry["pid"]})}
        _end_sessions(left)
        self.record.unlink()
        return len(left)

    def _write_record(self) -> None:
        """Keep the record whole at any instant, since this process may be killed at any."""
        record = {
            "launcher": _identify(os.getpid()),
            "components": self._entries,
        }
        unfinished = self.record.with_name(f"{self.record.name}.new")
        unfinished.write_text(json.dumps(record))
        unfinished.replace(self.record)


def _identify(pid: int) -> dict[str, Any]:
    return {"pid": pid, "started": psutil.Process(pid).create_time(), "booted": psutil.boot_time()}


def _started(pid: int) -> float | None:
    try:
        return psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return None


def _is_same(entry: Mapping[str, Any]) -> bool:
    """Whether a number on record still means the process that had it, or one that has ended since.

    Numbers are given out again: after a reboot to anything, before it to nothing while the session has members.
    """
    started = _started(entry["pid"])
    if started is None:
        return abs(psutil.boot_time() - entry["booted"]) < CLOCK_SECONDS
    return bool(abs(started - entry["started"]) < CLOCK_SECONDS)


def _members(sessions: Collection[int]) -> list[psutil.Process]:
    members = []
    for process in psutil.process_iter():
        with contextlib.suppress(ProcessLookupError, psutil.Error):
            if os.getsid(process.pid) in sessions and process.status() != psutil.STATUS_ZOMBIE:
                members.append(process)
    return members


def _end_sessions(sessions: Collection[int]) -> None:
    """Ask the members of sessions to end, all at once, then make them, and those that they have started since."""
    _signal(_members(sessions), signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while _members(sessions) and time.monotonic() < deadline:
        time.sleep(0.1)
    deadline = time.monotonic() + STOP_SECONDS
    while (left := _members(sessions)) and time.monotonic() < deadline:
        _signal(left, signal.SIGKILL)
        time.sleep(0.1)


def _signal(processes: Sequence[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.send_signal(number)
