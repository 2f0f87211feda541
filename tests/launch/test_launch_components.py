"""Components end with all that they started, and what a killed launcher left is ended by the next: that and no more."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from launch.components import Components

ROOT = Path(__file__).resolve().parents[2]
# A shell that starts sleepers, one below another shell, and says their numbers.
FAMILY = 'sleep 600 & echo $! > "$0"; sh -c \'sleep 600 & echo $! >> "$0"; wait\' "$0" & echo $! >> "$0"; wait'
STUBBORN = 'trap "" TERM; echo $$ > "$0"; while true; do sleep 600; done'
ORPHANING = 'sleep 600 & echo $! > "$0"; exec true'
LAUNCHER = """
import sys
from pathlib import Path
from launch.components import Components
folder = Path(sys.argv[1])
components = Components(folder / "components.json", folder / "logs", {"PATH": "/usr/bin:/bin"})
components.start("family", ["sh", "-c", sys.argv[2], str(folder / "family")])
components.start("orphaning", ["sh", "-c", sys.argv[3], str(folder / "orphan")])
print("up", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def components(tmp_path: Path) -> Iterator[Components]:
    made = make_components(tmp_path)
    yield made
    made.stop()


def make_components(folder: Path) -> Components:
    return Components(folder / "components.json", folder / "logs", {"PATH": os.environ["PATH"]})


def read_pids(file: Path, count: int) -> list[int]:
    """Return the numbers that a component's family wrote, once all have."""
    pause = threading.Event()
    while not file.exists() or len(file.read_text().split()) < count or not file.read_text().endswith("\n"):
        pause.wait(0.02)
    return [int(pid) for pid in file.read_text().split()]


def is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_until_ended(components: Components, name: str) -> None:
    components.processes[name].wait(timeout=30)


def test_output_goes_to_a_log_of_the_components_name(components: Components, tmp_path: Path) -> None:
    components.start("talker", ["sh", "-c", "echo out; echo err >&2"])
    wait_until_ended(components, "talker")
    assert sorted((tmp_path / "logs" / "talker.log").read_text().split()) == ["err", "out"]


def test_a_component_gets_its_environment_and_nothing_else(components: Components, tmp_path: Path) -> None:
    components.start("env", ["env"])
    wait_until_ended(components, "env")
    assert (tmp_path / "logs" / "env.log").read_text() == f"PATH={os.environ['PATH']}\n"


def test_a_component_that_ended_is_named_with_its_last_words(components: Components) -> None:
    components.start("steady", ["sleep", "600"])
    assert components.find_dead() is None
    components.start("broken", ["sh", "-c", "echo the disk is full; exit 3"])
    wait_until_ended(components, "broken")
    assert components.find_dead() == "broken ended with code 3; its log ends with:\nthe disk is full"


def test_a_command_that_is_not_there_is_named(components: Components) -> None:
    with pytest.raises(RuntimeError, match=r"scheduler can't be started.*no-such-command"):
        components.start("scheduler", ["no-such-command"])


def test_stopping_ends_children_and_grandchildren(components: Components, tmp_path: Path) -> None:
    components.start("family", ["sh", "-c", FAMILY, str(tmp_path / "family")])
    pids = read_pids(tmp_path / "family", 3)
    assert all(is_alive(pid) for pid in pids)
    components.stop()
    assert [pid for pid in pids if is_alive(pid)] == []
    assert not (tmp_path / "components.json").exists()
    components.stop()


def test_who_does_not_listen_is_made_to_end(
    components: Components, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("launch.components.STOP_SECONDS", 1)
    components.start("stubborn", ["sh", "-c", STUBBORN, str(tmp_path / "stubborn")])
    (pid,) = read_pids(tmp_path / "stubborn", 1)
    components.stop()
    assert not is_alive(pid)


def test_children_of_a_component_that_ended_by_itself_are_ended(components: Components, tmp_path: Path) -> None:
    components.start("orphaning", ["sh", "-c", ORPHANING, str(tmp_path / "orphan")])
    (pid,) = read_pids(tmp_path / "orphan", 1)
    wait_until_ended(components, "orphaning")
    assert is_alive(pid)
    components.stop()
    assert not is_alive(pid)


@pytest.fixture
def killed_launcher(tmp_path: Path) -> Iterator[list[int]]:
    """What a launcher has started that was killed with no chance to end it."""
    launcher = subprocess.Popen(
        [sys.executable, "-c", LAUNCHER, str(tmp_path), FAMILY, ORPHANING],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert launcher.stdout.readline() == "up\n"
    pids = read_pids(tmp_path / "family", 3) + read_pids(tmp_path / "orphan", 1)
    launcher.kill()
    launcher.communicate()
    yield pids
    for pid in pids:
        if is_alive(pid):
            os.kill(pid, signal.SIGKILL)


def test_the_next_start_ends_what_a_killed_launcher_left(
    components: Components, killed_launcher: list[int], tmp_path: Path
) -> None:
    bystander = subprocess.Popen(["sleep", "600"], start_new_session=True)
    try:
        assert all(is_alive(pid) for pid in killed_launcher)
        assert components.end_leftovers() == 2
        assert [pid for pid in killed_launcher if is_alive(pid)] == []
        assert is_alive(bystander.pid)
        assert not (tmp_path / "components.json").exists()
        assert components.end_leftovers() == 0
    finally:
        bystander.kill()
        bystander.wait()


def test_what_a_living_launcher_started_is_not_left_behind(components: Components, tmp_path: Path) -> None:
    launcher = subprocess.Popen(
        [sys.executable, "-c", LAUNCHER, str(tmp_path), FAMILY, ORPHANING],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert launcher.stdout.readline() == "up\n"
    pids = read_pids(tmp_path / "family", 3)
    try:
        with pytest.raises(RuntimeError, match=f"process {launcher.pid}"):
            components.end_leftovers()
        assert all(is_alive(pid) for pid in pids)
    finally:
        launcher.kill()
        launcher.communicate()
    assert components.end_leftovers() == 2


@pytest.mark.parametrize("change", [-3600.0, 3600.0])
def test_a_number_that_another_process_has_now_is_left_alone(
    components: Components, tmp_path: Path, change: float
) -> None:
    components.start("first", ["sleep", "600"])
    other = subprocess.Popen(["sleep", "600"], start_new_session=True)
    try:
        record = json.loads((tmp_path / "components.json").read_text())
        (entry,) = record["components"]
        started = psutil.Process(other.pid).create_time() + change
        record["components"] = [entry | {"pid": other.pid, "started": started}]
        (tmp_path / "components.json").write_text(json.dumps(record))
        assert make_components(tmp_path).end_leftovers() == 0
        assert is_alive(other.pid)
    finally:
        other.kill()
        other.wait()


def test_after_a_reboot_a_session_of_the_same_number_is_left_alone(components: Components, tmp_path: Path) -> None:
    components.start("orphaning", ["sh", "-c", ORPHANING, str(tmp_path / "orphan")])
    (pid,) = read_pids(tmp_path / "orphan", 1)
    wait_until_ended(components, "orphaning")
    record = json.loads((tmp_path / "components.json").read_text())
    record["components"][0]["booted"] -= 86_400
    (tmp_path / "components.json").write_text(json.dumps(record))
    assert make_components(tmp_path).end_leftovers() == 0
    assert is_alive(pid)


def test_the_record_is_replaced_whole(components: Components, tmp_path: Path) -> None:
    for number in range(3):
        components.start(f"sleeper {number}", ["sleep", "600"])
    record = json.loads((tmp_path / "components.json").read_text())
    assert [entry["pid"] for entry in record["components"]] == [p.pid for p in components.processes.values()]
    assert record["launcher"]["pid"] == os.getpid()
    assert not (tmp_path / "components.json.new").exists()
