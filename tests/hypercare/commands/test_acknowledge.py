"""`hypercare acknowledge`, as it is typed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from hypercare.ledger.acknowledgements import known_faults
from hypercare.ledger.faults import record_faults
from tests.hypercare.commands.shell import say, shell
from tests.hypercare.ledger.test_ledger_faults import PULL, REFUSED


@pytest.fixture(autouse=True)
def installation(monkeypatch: pytest.MonkeyPatch, ledger_url: str, tmp_path: Path) -> Iterator[None]:
    with shell(monkeypatch, ledger_url, tmp_path):
        yield


def test_what_was_said_is_kept_and_repeated(ledger_engine: Engine) -> None:
    now = datetime.now(UTC)
    until = (now + timedelta(days=3)).date()
    record_faults(ledger_engine, now, [PULL, REFUSED], checked=["acme"], causes=["pull", "refused"])
    said = ("--until", until.isoformat(), "--reason", "they move house", "--who", "Ada")
    result = say("acknowledge", "acme", *said, "--feed", "users")
    assert result.exit_code == 0, result.output
    assert f"known until {until}: acme users (refused)" in result.output
    assert [(known.fault, known.who) for known in known_faults(ledger_engine, now)] == [(REFUSED, "Ada")]


@pytest.mark.parametrize(
    ("until", "words"),
    [("soon", "'soon' is no date"), ("2020-01-01", "has passed"), ("2999-01-01", "is open; open are")],
)
def test_what_can_not_be_is_refused(until: str, words: str) -> None:
    result = say("acknowledge", "acme", "--until", until, "--reason", "known", "--who", "Ada")
    assert result.exit_code == 2
    assert words in result.output
