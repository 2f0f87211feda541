"""An engagement's folder of bank statements: put together, duplicates and gaps told, and refused by file."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import fsspec
import pytest

from hypercare.errors import ConfigurationError, ContractError, ResourceMissingError, TransientError
from hypercare.systems.bank_csv import load_bank_csv_mapping
from hypercare.systems.bank_statement import BankRead, read_bank_folder

ROOT = Path(__file__).resolve().parents[3]
MAPPING = load_bank_csv_mapping(ROOT / "include" / "mappings" / "bank_csv.yaml")
SHAPES = Path(__file__).parent / "resources" / "bank"
WHO = "a0X000000000001"
SEPA = (SHAPES / "sepa_02.xml").read_text(encoding="utf-8")
CSV = "Account,Currency,Booking Date,Amount\nX1,USD,2026-03-{0},-5\nX1,USD,2026-03-{1},-6\n"


def next_day(text: str = SEPA, *, sequence: int = 71, opening: str = "4197.50", closing: str = "3395.00") -> str:
    """The statement of the day after, which goes on from SEPA."""
    changed = text.replace("2026-070", f"2026-0{sequence}").replace("<ElctrncSeqNb>70", f"<ElctrncSeqNb>{sequence}")
    changed = changed.replace("4197.50", closing).replace("5000.00", opening)
    return changed.replace("2026-03-12<", "2026-03-13<").replace("2026-03-11<", "2026-03-12<")


Put = Callable[..., BankRead]


@pytest.fixture
def put(tmp_path: Path) -> Put:
    """Write files into the engagement's folder and read it."""

    def write(**files: str) -> BankRead:
        folder = tmp_path / WHO
        folder.mkdir(exist_ok=True)
        for name, text in files.items():
            (folder / name.replace("__", ".")).write_text(text, encoding="utf-8")
        return read_bank_folder(str(tmp_path), WHO, MAPPING)

    return write


def test_files_of_both_kinds_are_read_as_one(put: Put) -> None:
    found = put(a__xml=SEPA, b__XML=next_day(), c__csv=CSV.format("11", "12"))
    assert [one.continuity for one in found.statements if one.currency == "EUR"] == ["first", "linked"]
    assert len(found.entries) == 12
    assert found.warnings == ()
    assert len({one.file_digest for one in found.entries}) == 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (next_day(sequence=72), "statement 72 of …8603 .* follows 70; ask the bank for what is missing"),
        (next_day(opening="4000.00", closing="3197.50"), "opens with 4000.00, but closed with 4197.50 on 2026-03-11"),
    ],
)
def test_a_gap_is_told(put: Put, text: str, words: str) -> None:
    found = put(a__xml=SEPA, b__xml=text)
    assert [one.continuity for one in found.statements] == ["first", "gap"]
    (warning,) = found.warnings
    assert re.search(words, warning), warning


def test_numbers_begin_anew_with_the_year(put: Put) -> None:
    old = SEPA.replace("2026-03-1", "2025-12-1")
    found = put(a__xml=old, b__xml=next_day(sequence=1))
    assert [one.continuity for one in found.statements] == ["first", "linked"]


def test_a_file_given_twice_and_a_statement_given_twice_are_refused(put: Put, tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"b\.xml: is the same file as a\.xml; remove one of them"):
        put(a__xml=SEPA, b__xml=SEPA)
    (tmp_path / WHO / "b.xml").unlink()
    with pytest.raises(ContractError, match=r"2026-070 of account .* stands in a\.xml, .* and c\.xml, .*: remove one"):
        put(c__xml=SEPA.replace("INV-1 of", "INV-1 of late"))


def test_what_the_bank_marks_as_a_copy_counts_once(put: Put) -> None:
    copy = SEPA.replace("<Acct>", "<CpyDplctInd>CODU</CpyDplctInd><Acct>", 1)
    assert len(put(a__xml=copy).entries) == 5
    found = put(a__xml=copy, b__xml=SEPA)
    assert len(found.entries) == 5
    assert {one.file for one in found.entries} == {"bank statement b.xml"}
    assert "a copy of bank statement b.xml; counted once" in found.warnings[0]


def test_rows_of_two_exports_that_overlap_count_once(put: Put) -> None:
    found = put(a__csv=CSV.format("11", "12"), b__csv=CSV.format("11", "13"))
    assert len(found.entries) == 3
    assert found.warnings == ("bank statement b.csv: 1 rows stand in bank statement a.csv too; counted once",)


def test_the_order_of_files_does_not_matter(put: Put, tmp_path: Path) -> None:
    first = put(a__xml=SEPA, b__xml=next_day())
    for path in (tmp_path / WHO).iterdir():
        path.unlink()
    second = put(a__xml=next_day(), b__xml=SEPA)
    assert [one.id for one in first.entries] == [one.id for one in second.entries]


def test_other_files_are_told_and_hidden_ones_not(put: Put) -> None:
    found = put(a__xml=SEPA, readme__txt="hello", __keep="x")
    assert found.warnings == ("bank statement readme.txt: neither .xml nor .csv, not read; unpack or remove it",)


def test_no_folder_and_an_empty_one_are_not_given(put: Put, tmp_path: Path) -> None:
    with pytest.raises(ResourceMissingError, match=f"no bank statements .* in .*{WHO}"):
        read_bank_folder(str(tmp_path), WHO, MAPPING)
    with pytest.raises(ResourceMissingError):
        put()


def test_an_empty_file_an_unknown_store_and_a_store_that_fails(
    put: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ContractError, match=r"bank statement a\.xml: is empty"):
        put(a__xml="")
    with pytest.raises(ConfigurationError, match="cannot be opened"):
        read_bank_folder("nowhere://bucket", WHO, MAPPING)

    def fail(*_: object, **__: object) -> None:
        raise OSError

    monkeypatch.setattr(fsspec.implementations.local.LocalFileSystem, "find", fail)
    with pytest.raises(TransientError, match="the next run tries again"):
        read_bank_folder(str(tmp_path), WHO, MAPPING)


def test_an_object_store_is_a_folder_too() -> None:
    store = fsspec.filesystem("memory")
    store.pipe_file(f"/bank/{WHO}/a.xml", SEPA.encode())
    assert len(read_bank_folder("memory://bank", WHO, MAPPING).entries) == 5
