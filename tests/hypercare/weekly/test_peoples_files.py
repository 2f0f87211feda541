"""What whole runs do with the files of people: rows enter, refusals are answered, and no byte of theirs changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from hypercare.ledger.explanations import read_explanations
from hypercare.ledger.workbook_entries import latest_version, read_entries
from hypercare.systems.hypercare_workbook import digest_file
from hypercare.weekly.answering import answer_workbooks
from hypercare.weekly.judge import judge_all
from hypercare.weekly.workbooks import read_workbooks
from tests.hypercare.peoples_files import EXPLAINED, enter, excel, explained, libreoffice
from tests.hypercare.weekly.frozen_weeks import ANSWERS, DAY, NAME, OPEN, RUN, WEEKS, Desk, opening_desk
from tests.hypercare.workbooks import headers_of, inline_row, make_by_hand

PAYMENTS = [
    replace(OPEN, key=f"payment:{number}", amount=Decimal("1234.5"), words=f"payment {number} failed")
    for number in (776, 777)
]
"""What the files explain."""
WELL = excel(lambda workbook, sheet: enter(workbook, sheet, EXPLAINED))


@pytest.fixture
def desk(tmp_path: Path, ledger_url: str) -> Iterator[Desk]:
    # An engagement whose tracker is another file: this one is its workbook only.
    with opening_desk(tmp_path, ledger_url, workbook=NAME) as opened:
        opened.seal(WEEKS[-1], PAYMENTS)
        yield opened


def lay(desk: Desk, content: bytes) -> None:
    (desk.folder / NAME).write_bytes(content)


def mistype(workbook: Any, sheet: Any) -> None:
    enter(workbook, sheet, EXPLAINED, explained(row="payment:777"))
    sheet.write_formula("J3", "='[other.xlsx]Sheet1'!$A$1", None, "00001001")
    sheet.merge_range("L2:M2", "merged")


def list_explained(desk: Desk) -> set[str]:
    return {key for _, key in read_explanations(desk.runtime.engine, desk.engagement.id)}


FILES: dict[str, tuple[Callable[[], bytes], set[str], set[tuple[str, str]]]] = {
    "moved, renamed and hidden, by LibreOffice": (libreoffice("filled.xlsx"), {"payment:776", "payment:777"}, set()),
    "dates from 1904, by LibreOffice": (libreoffice("dates_from_1904.xlsx"), {"payment:776"}, set()),
    "merged, by LibreOffice": (
        libreoffice("merged.xlsx"),
        set(),
        {("Exceptions", "K4:K5"), ("Handover notes", "A3:B3"), ("Exceptions", "B6")},
    ),
    "formulas, by LibreOffice": (
        libreoffice("formulas.xlsx"),
        set(),
        {("Exceptions", cell) for cell in ("D4", "D5", "D5:D7", "J8", "I9")},
    ),
    "well, by XlsxWriter": (WELL, {"payment:776"}, set()),
    "mistyped, by XlsxWriter": (
        excel(mistype),
        set(),
        {("Exceptions", "J3"), ("Exceptions", "L2:M2"), ("Exceptions", "L2")},
    ),
    "by hand": (
        lambda: make_by_hand(
            "Exceptions",
            [inline_row(1, headers_of("exceptions")), inline_row(2, ["x", "y", None, 1, None, None, None, "timing"])],
        ),
        set(),
        {("Exceptions", "I2"), ("Exceptions", "K2")},
    ),
}


@pytest.mark.parametrize(("make", "taken", "refused"), FILES.values(), ids=FILES)
def test_rows_enter_and_the_rest_is_answered_by_sheet_and_cell(
    desk: Desk, make: Callable[[], bytes], taken: set[str], refused: set[tuple[str, str]]
):
    content = make()
    lay(desk, content)
    at = (desk.folder / NAME).stat().st_mtime_ns
    desk.run()
    assert list_explained(desk) == taken
    told = {(row[0], row[1]): row[2:] for row in desk.answers("Not taken")}
    assert set(told) == refused
    assert all(reason and remedy for _, reason, remedy in told.values())
    assert dict(desk.answers("Read"))["Version (sha256)"] == digest_file(content)
    assert (desk.folder / NAME).read_bytes() == content
    assert (desk.folder / NAME).stat().st_mtime_ns == at
    assert sorted(each.name for each in desk.folder.iterdir()) == [ANSWERS, NAME]


WHOLE: dict[str, tuple[Callable[[], bytes], str]] = {
    "a password": (libreoffice("password.xlsx"), "is protected by a password"),
    "a macro": (libreoffice("macros.xlsm"), "holds macros; save it as .xlsx, without them"),
    "another kind": (libreoffice("opendocument.ods"), "is an OpenDocument file; save it as .xlsx"),
    "half of it": (lambda: WELL()[:3_000], "is damaged or cut short"),
    "nothing": (bytes, "is empty"),
}


@pytest.mark.parametrize(("make", "words"), WHOLE.values(), ids=WHOLE)
def test_a_file_that_is_refused_as_a_whole_takes_nothing_back(desk: Desk, make: Callable[[], bytes], words: str):
    lay(desk, WELL())
    desk.run()
    content = make()
    lay(desk, content)
    (fault,) = read_workbooks(desk.runtime, RUN + DAY)
    assert fault.words.startswith(f"workbook {NAME}: {words}")
    judge_all(desk.runtime, RUN + DAY)
    assert answer_workbooks(desk.runtime, RUN + DAY) == []
    assert list_explained(desk) == {"payment:776"}
    assert words in dict(desk.answers("Read"))["Refused"]
    assert any(words in row[3] for row in desk.answers("Not taken"))
    assert (desk.folder / NAME).read_bytes() == content
    lay(desk, WELL())
    desk.run(RUN + 2 * DAY)
    assert "Refused" not in dict(desk.answers("Read"))


MEANWHILE: dict[str, Callable[[], bytes]] = {
    "corrected": libreoffice("filled.xlsx"),
    "with a password": libreoffice("password.xlsx"),
    "with a macro": libreoffice("macros.xlsm"),
    "half saved": lambda: WELL()[:3_000],
    "empty": bytes,
}


@pytest.mark.parametrize("make", MEANWHILE.values(), ids=MEANWHILE)
def test_a_file_saved_between_our_read_and_our_answer_stays_as_it_was_saved(desk: Desk, make: Callable[[], bytes]):
    """The answer is of the file that was read, and says that there is a newer one."""
    read, saved = excel(mistype)(), make()
    lay(desk, read)
    assert read_workbooks(desk.runtime, RUN) == []
    judge_all(desk.runtime, RUN)
    lay(desk, saved)
    at = (desk.folder / NAME).stat().st_mtime_ns
    assert answer_workbooks(desk.runtime, RUN) == []
    told = dict(desk.answers("Read"))
    assert told["Version (sha256)"] == digest_file(read)
    assert f"was saved after we read it (sha256 {digest_file(saved)})" in told["Newer file"]
    assert {row[1] for row in desk.answers("Not taken")} == {"J3", "L2:M2", "L2"}
    assert (desk.folder / NAME).read_bytes() == saved
    assert (desk.folder / NAME).stat().st_mtime_ns == at


def test_a_file_taken_away_between_our_read_and_our_answer_is_not_made_anew(desk: Desk):
    lay(desk, WELL())
    assert read_workbooks(desk.runtime, RUN) == []
    (desk.folder / NAME).unlink()
    judge_all(desk.runtime, RUN)
    assert answer_workbooks(desk.runtime, RUN) == []
    assert [each.name for each in desk.folder.iterdir()] == [ANSWERS]
    assert "Newer file" not in dict(desk.answers("Read"))
    (fault,) = read_workbooks(desk.runtime, RUN + DAY)
    assert "there is no such file" in fault.words
    assert list_explained(desk) == {"payment:776"}


def test_a_file_that_somebody_holds_open_is_read_and_answered(desk: Desk):
    """Office lays its lock beside the file, under a name of its own."""
    content = WELL()
    lay(desk, content)
    (desk.folder / f"~${NAME}").write_bytes(b"\x0bAna Example")
    with (desk.folder / NAME).open("r+b") as held:
        desk.run()
        held.seek(0)
        assert held.read() == content
    assert list_explained(desk) == {"payment:776"}
    assert sorted(each.name for each in desk.folder.iterdir()) == [ANSWERS, NAME, f"~${NAME}"]


def test_the_same_file_read_again_is_the_same_version(desk: Desk):
    lay(desk, excel(mistype)())
    desk.run()
    first = latest_version(desk.runtime.engine, desk.engagement.id)
    entries = read_entries(desk.runtime.engine, desk.engagement.id)
    desk.run(RUN + DAY)
    again = latest_version(desk.runtime.engine, desk.engagement.id)
    assert first is not None
    assert again == replace(first, last_as_of=RUN + DAY)
    assert read_entries(desk.runtime.engine, desk.engagement.id) == entries
