"""A run ends red for what is new, green with notes for what is known, and leaves one digest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from hypercare.ledger import tables
from hypercare.ledger.acknowledgements import Acknowledgement, acknowledge_faults
from hypercare.ledger.decisions import read_ops_digest
from hypercare.ledger.faults import Fault, record_faults
from hypercare.runtime import Runtime, open_runtime
from hypercare.settings import Settings
from hypercare.weekly.health import UnhealthyRunError, check_run
from tests.hypercare.ledger.test_ledger_faults import MONDAY, OPTIONAL, PULL, THURSDAY, TUESDAY, WEDNESDAY

ACKNOWLEDGED = Acknowledgement("acme", WEDNESDAY.date(), "they move house", "Ada")


@pytest.fixture
def runtime(ledger_url: str, tmp_path: Path) -> Iterator[Runtime]:
    with open_runtime(Settings(ledger_url=ledger_url, state_folder=tmp_path)) as opened:
        yield opened


def find(runtime: Runtime, as_of: object, *faults: Fault) -> None:
    record_faults(runtime.engine, as_of, faults, checked=["acme"], causes=["pull", "refused"])  # type: ignore[arg-type]


def test_from_new_over_known_to_recovered(runtime: Runtime) -> None:
    find(runtime, MONDAY, PULL, OPTIONAL)
    with pytest.raises(UnhealthyRunError, match=r"(?s)new: Acme phase 1, Acme phase 2: payments \(pull\).*optional: "):
        check_run(runtime, MONDAY, {})
    acknowledge_faults(runtime.engine, ACKNOWLEDGED, MONDAY)
    find(runtime, TUESDAY, PULL)
    recovered, known = check_run(runtime, TUESDAY, {})
    assert recovered == "recovered: Acme phase 1: contracts (pull)"
    assert known.startswith("known: until 2026-03-11 (Ada: they move house): Acme phase 1, Acme phase 2: payments")
    find(runtime, WEDNESDAY, PULL)
    assert check_run(runtime, WEDNESDAY, {}) == [known]
    find(runtime, THURSDAY, PULL)
    with pytest.raises(UnhealthyRunError, match="new: Acme phase 1"):
        check_run(runtime, THURSDAY, {})


def test_what_was_announced_and_nobody_acknowledged_stays_in_the_notes(runtime: Runtime) -> None:
    find(runtime, MONDAY, PULL)
    with pytest.raises(UnhealthyRunError):
        check_run(runtime, MONDAY, {})
    find(runtime, TUESDAY, PULL)
    assert [note.partition(":")[0] for note in check_run(runtime, TUESDAY, {})] == ["lasting"]


def test_a_broken_task_turns_a_run_red(runtime: Runtime) -> None:
    with pytest.raises(UnhealthyRunError, match=r"task process_batch\.pull_feeds is broken"):
        check_run(runtime, MONDAY, {"process_batch.pull_feeds": "failed", "judge_engagements": "success"})
    assert "## Broken tasks" in read_ops_digest(runtime.engine, MONDAY)


def test_a_run_leaves_one_digest_however_often_it_is_repeated(runtime: Runtime) -> None:
    find(runtime, MONDAY, PULL)
    digests = []
    for _ in range(2):
        with pytest.raises(UnhealthyRunError):
            check_run(runtime, MONDAY, {})
        digests.append(read_ops_digest(runtime.engine, MONDAY))
    assert digests[0] == digests[1]
    assert "## New" in digests[0]
    with runtime.engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(tables.runs)).scalar_one() == 1
    assert read_ops_digest(runtime.engine, TUESDAY) == ""
