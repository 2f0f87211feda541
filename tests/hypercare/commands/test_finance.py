"""`hypercare finance` and `hypercare verify-ledger --against`, as they are typed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from openpyxl import load_workbook
from sqlalchemy import text

from tests.hypercare.commands.shell import say, shell
from tests.hypercare.finance.finance_ledger import LAST, finance_desk, sign
from tests.hypercare.weekly.frozen_weeks import ENGAGEMENT, RUN, Desk


@pytest.fixture
def desk(tmp_path: Path, ledger_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with finance_desk(tmp_path, ledger_url) as opened, shell(monkeypatch, ledger_url, tmp_path):
        sign(opened)
        yield opened


def test_it_makes_the_file_and_tells_its_digest(desk: Desk, tmp_path: Path) -> None:
    to = str(tmp_path / "acme.xlsx")
    made = say("finance", ENGAGEMENT.name, "--cycle", "--to", to)
    assert made.exit_code == 0, made.output
    assert f"{to}: made; 2026-W11, 2026-W12, 2026-W13, 2026-W14; sha256 " in made.output
    again = say("finance", ENGAGEMENT.id, "--to", to)
    assert "stands there already, the same" in again.output
    assert again.output.split()[-1] == made.output.split()[-1]


def test_one_week(desk: Desk, tmp_path: Path) -> None:
    made = say("finance", ENGAGEMENT.name, "--week", str(LAST), "--to", str(tmp_path / "week.xlsx"))
    assert made.exit_code == 0, made.output
    assert f"made; {LAST}; sha256" in made.output


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--week", "W14", "--to", "x.xlsx"), 2, "is not an ISO week"),
        (("--week", "2026-W14", "--cycle", "--to", "x.xlsx"), 2, "not for both"),
        (("--to", "x.pdf"), 1, "names no workbook"),
        (("--to", "missing/folder/x.xlsx"), 1, "make that folder"),
    ],
)
def test_what_can_not_be_is_refused(desk: Desk, arguments: tuple[str, ...], code: int, words: str) -> None:
    result = say("finance", ENGAGEMENT.name, *arguments)
    assert result.exit_code == code
    assert words in result.output


def test_nobody_is_exported_by_a_wrong_name(desk: Desk) -> None:
    result = say("finance", "Nobody", "--to", "x.xlsx")
    assert (result.exit_code, "no engagement is called Nobody" in result.output) == (1, True)


class TestVerifying:
    @pytest.fixture
    def exported(self, desk: Desk, tmp_path: Path) -> Path:
        to = tmp_path / "acme.xlsx"
        assert say("finance", ENGAGEMENT.name, "--to", str(to)).exit_code == 0
        return to

    def test_its_links_are_the_ledgers(self, exported: Path) -> None:
        result = say("verify-ledger", "--against", str(exported))
        assert result.exit_code == 0, result.output
        assert f"the 10 links of {exported} are the ledger's" in result.output

    def test_a_chain_cut_off_at_its_end_is_found_by_the_file_alone(self, desk: Desk, exported: Path) -> None:
        with desk.runtime.engine.begin() as connection:
            connection.execute(text("delete from decisions where sequence = 10"))
            connection.execute(text("delete from chain where sequence = 10"))
        assert say("verify-ledger").exit_code == 0
        result = say("verify-ledger", "--against", str(exported))
        assert result.exit_code == 1
        assert f"link 10 (decision on {LAST}) is gone from the ledger since the file was made" in result.output

    def test_a_chain_that_grew_still_holds_the_file(self, desk: Desk, exported: Path) -> None:
        desk.save({})
        desk.run(RUN + timedelta(days=5))
        assert say("verify-ledger", "--against", str(exported)).exit_code == 0

    def test_a_link_changed_in_the_file_is_found(self, exported: Path) -> None:
        book = load_workbook(exported)
        book["Chain"]["E6"] = "0" * 64
        book.save(exported)
        result = say("verify-ledger", "--against", str(exported))
        assert result.exit_code == 1
        assert "link 3 of its page Chain does not follow: the file was changed" in result.output

    def test_another_workbook_is_refused(self, desk: Desk) -> None:
        result = say("verify-ledger", "--against", str(desk.folder / "acme.xlsx"))
        assert (result.exit_code, "it has no page Chain" in result.output) == (1, True)
