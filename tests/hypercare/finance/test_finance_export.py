"""The finance workbook, made of a real ledger and read back."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook
from sqlalchemy import text

from hypercare.errors import ConfigurationError, PermanentError
from hypercare.finance import evidence as reading
from hypercare.finance.evidence import read_evidence
from hypercare.finance.export import PAGES, export_evidence, make_file
from tests.hypercare.finance.finance_ledger import (
    DIFFERING,
    FORMULA,
    LAST,
    PULL,
    STATEMENT,
    finance_desk,
    open_file,
    read_cover,
    read_page,
    sign,
)
from tests.hypercare.weekly.frozen_weeks import RUN, WEEKS, Desk


@pytest.fixture
def desk(tmp_path: Path, ledger_url: str) -> Iterator[Desk]:
    with finance_desk(tmp_path, ledger_url) as opened:
        yield opened


def digest_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def day(value: date) -> datetime:
    """A date as openpyxl reads it."""
    return datetime.combine(value, time())


def export(desk: Desk, **asked: Any) -> bytes:
    return make_file(read_evidence(desk.runtime.engine, desk.engagement, **asked))


def find(cover: list[tuple[Any, ...]], label: str) -> tuple[Any, ...]:
    (row,) = (row for row in cover if row and row[0] == label)
    return row[1:]


def below(cover: list[tuple[Any, ...]], title: str) -> list[tuple[Any, ...]]:
    """The rows of a block, its headers among them."""
    start = cover.index((title,)) + 1
    return cover[start : cover.index((), start)]


class TestSummary:
    def test_a_signed_cycle_tells_who_signed_when_and_which_weeks(self, desk: Desk) -> None:
        sign(desk)
        cover = read_cover(open_file(export(desk)))
        assert cover[0] == ("Finance evidence: Acme go-live",)
        assert find(cover, "Asked") == ("level 2, or a sign-off by finance contact",)
        assert find(cover, "Reached") == ("signed off: signed off by Terry Client on 8 April",)
        assert find(cover, "Policy") == ("exit_gate.v1",)
        _, signed = below(cover, "Sign-off of the finance contact")
        assert signed == ("Terry Client", "finance contact", day(date(2026, 4, 8)), f"{WEEKS[0]} to {LAST}")
        weeks = [row[:2] for row in below(cover, "Weeks")[1:]]
        assert weeks == [(str(week), "CLEARED" if week == WEEKS[1] else "PASS") for week in WEEKS[1:]]

    def test_without_a_sign_off_it_says_that_coupa_alone_is_consistent(self, desk: Desk) -> None:
        desk.save({})
        desk.run(RUN + timedelta(days=1))
        cover = read_cover(open_file(export(desk)))
        assert find(cover, "Reached") == ("level 1: consistent in Coupa only",)
        assert below(cover, "Sign-off of the finance contact") == [("Nobody has signed.",)]

    def test_balances_are_added_up_over_the_weeks_by_entity_and_currency_only(self, desk: Desk) -> None:
        sign(desk)
        headers, *rows = below(
            read_cover(open_file(export(desk))), "Approved and unpaid, per legal entity and currency"
        )
        assert headers[2] == f"Opening of {WEEKS[1]}"
        assert headers[8] == f"Closing of {LAST}"
        found = {row[:2]: row[2:10] for row in rows}
        assert found == {
            ("Acme KK", "JPY"): (5000, 0, 0, 0, 0, 0, 5000, 0),
            ("Acme KSC", "KWD"): (0, 10.125, 3.5, 0, 0, 0, 10.125, 3.5),
            ("Acme SE", "EUR"): (600.5, 12345878.9, 675.5, 100, 50, -25, 12345678.9, 0),
        }
        assert {row[1]: row[10] for row in rows} == {
            "JPY": "closes to 0, each week opens as the one before closed",
            "KWD": "does not close: see Differing rows",
            "EUR": "closes to 0, each week opens as the one before closed",
        }

    def test_the_last_link_stands_on_it(self, desk: Desk) -> None:
        sign(desk)
        evidence = read_evidence(desk.runtime.engine, desk.engagement)
        (told,) = find(read_cover(open_file(make_file(evidence))), "Last link")
        assert told.endswith(f"(decision on {LAST}): {evidence.links[-1].hash}")


class TestPages:
    @pytest.fixture
    def book(self, desk: Desk) -> Workbook:
        sign(desk)
        return open_file(export(desk))

    def test_the_roll_forward_names_what_is_still_open_at_the_erp(self, book: Workbook) -> None:
        rows = {(row["Week"], row["Currency"]): row for row in read_page(book, "Roll-forward")}
        first = rows[str(WEEKS[1]), "EUR"]
        assert (first["Opening"], first["less paid"], first["Closing"], first["State"]) == (
            600.5,
            300.5,
            400,
            "closes to 0",
        )
        assert (first["ERP: payments"], first["ERP: payments, still open"]) == (300.5, 100)
        assert "Bank: payments" not in first
        assert first["Opening less closing of the week before"] is None
        assert rows[str(LAST), "EUR"]["Opening less closing of the week before"] == 0
        assert rows[str(LAST), "KWD"]["State"] == "does not close: 1 row named"

    def test_differing_rows_are_named(self, book: Workbook) -> None:
        (row,) = read_page(book, "Differing rows")
        assert (row["Row"], row["Difference"], row["What differs"]) == (DIFFERING.key, 3.5, DIFFERING.words)

    def test_exceptions_tell_state_words_ticket_and_who_accepted(self, book: Workbook) -> None:
        cleared, explained = read_page(book, "Exceptions")
        assert (cleared["State"], cleared["Resolved on"]) == ("CLEARED", day(date(2026, 3, 20)))
        assert (explained["Reason code"], explained["Ticket"], explained["Accepted by"]) == (
            "timing",
            "-4711",
            "Terry Client",
        )

    def test_bank_matches_name_entry_statement_amount_and_value_date(self, book: Workbook) -> None:
        rows = read_page(book, "Bank matches")
        first, second, *others = rows
        assert (first["Matched by"], first["Booked amount"], first["Value date"]) == (
            "reference",
            300.5,
            day(date(2026, 3, 12)),
        )
        assert (first["Statement"], first["File"], first["Place"]) == ("2026-03", STATEMENT.file, "Stmt 1, Ntry 1")
        assert [row["Payments in the booking"] for row in (first, second)] == [2, 2]
        assert [(row["Payment"], row["State"], row["Place"]) for row in others] == [
            ("acme/3", "ambiguous", "Stmt 1, Ntry 2"),
            ("acme/3", "ambiguous", "Stmt 1, Ntry 3"),
            ("acme/4", "missing", None),
        ]
        assert {row["Matched by"] or "" for row in others} == {""}

    def test_files_and_pulls_stand_with_their_digests(self, book: Workbook, desk: Desk) -> None:
        rows = {(row["Kind"], row["Name"]): row for row in read_page(book, "Files")}
        assert rows["bank statement", STATEMENT.file]["sha256"] == STATEMENT.file_digest
        assert rows["bank statement", STATEMENT.file]["Weeks"] == f"{WEEKS[1]} to {WEEKS[2]}"
        assert rows["pull", f"{PULL[0]} {PULL[2]}"]["sha256"] == PULL[3]
        assert rows["hypercare workbook", "acme.xlsx"]["sha256"] == digest_of(desk.folder / "acme.xlsx")

    def test_a_page_without_rows_says_so(self, desk: Desk) -> None:
        book = open_file(export(desk, week=WEEKS[0]))
        assert book["Bank matches"]["A1"].value.endswith("There are none.")
        assert read_page(book, "Bank matches") == []

    def test_every_page_has_a_frozen_header_a_filter_and_a_width_for_each_column(self, book: Workbook) -> None:
        titles = book.sheetnames[1:]
        assert len(titles) == len(PAGES)
        for title in titles:
            sheet = book[title]
            assert sheet.freeze_panes == "A4"
            assert sheet.auto_filter.ref.startswith("A3:")
            columns = [cell.column_letter for cell in sheet[3]]
            assert all(sheet.column_dimensions[letter].width >= 7 for letter in columns)


class TestNumbers:
    @pytest.mark.parametrize(("currency", "expected"), [("JPY", "#,##0"), ("EUR", "#,##0.00"), ("KWD", "#,##0.000")])
    def test_amounts_have_the_decimals_of_their_currency(self, desk: Desk, currency: str, expected: str) -> None:
        sign(desk)
        sheet = open_file(export(desk))["Roll-forward"]
        formats = {
            cell.number_format for row in sheet.iter_rows(min_row=4) if row[2].value == currency for cell in row[3:10]
        }
        assert formats == {expected}

    def test_no_cell_is_a_formula_whatever_people_wrote(self, desk: Desk) -> None:
        sign(desk)
        content = export(desk)
        cells = [cell for sheet in open_file(content) for row in sheet.iter_rows() for cell in row]
        assert len(cells) > 500
        assert {cell.data_type for cell in cells} <= {"s", "inlineStr", "n", "d"}
        hostile = [cell for cell in cells if isinstance(cell.value, str) and cell.value[:1] in "=+-@" and cell.value]
        assert {FORMULA, "-4711"} <= {cell.value for cell in hostile}
        assert all(cell.quotePrefix for cell in hostile)
        with zipfile.ZipFile(BytesIO(content)) as package:
            assert not any(b"<f>" in package.read(name) for name in package.namelist())


class TestFile:
    def test_the_same_ledger_makes_the_same_bytes(self, desk: Desk) -> None:
        sign(desk)
        content = export(desk)
        with zipfile.ZipFile(BytesIO(content)) as package:
            assert {member.date_time for member in package.infolist()} == {(1980, 1, 1, 0, 0, 0)}
            assert package.read("docProps/core.xml").count(b"2026-04-09T14:30:00Z") == 2
        assert export(desk) == content
        assert export(desk, week=LAST) != content

    def test_it_is_put_where_it_is_asked_for_once(self, desk: Desk, tmp_path: Path) -> None:
        sign(desk)
        to = str(tmp_path / "evidence.xlsx")
        made = export_evidence(desk.runtime.engine, desk.engagement, to)
        assert (made.is_new, made.sha256) == (True, digest_of(Path(to)))
        assert made.weeks == tuple(WEEKS[1:])
        again = export_evidence(desk.runtime.engine, desk.engagement, to)
        assert (again.is_new, again.sha256) == (False, made.sha256)

    def test_what_stands_there_is_never_written_over(self, desk: Desk, tmp_path: Path) -> None:
        sign(desk)
        theirs = (desk.folder / "acme.xlsx").read_bytes()
        with pytest.raises(ConfigurationError, match="stands there already"):
            export_evidence(desk.runtime.engine, desk.engagement, str(desk.folder / "acme.xlsx"))
        assert (desk.folder / "acme.xlsx").read_bytes() == theirs

    @pytest.mark.parametrize("to", ["evidence", "folder/", "a.xls", ".xlsx", "folder/.xlsx"])
    def test_an_address_that_names_no_workbook_is_refused(self, desk: Desk, to: str) -> None:
        with pytest.raises(ConfigurationError, match="names no workbook"):
            export_evidence(desk.runtime.engine, desk.engagement, to)


class TestEvidence:
    def test_before_the_gate_has_judged_a_cycle_one_week_can_be_asked_for(self, desk: Desk) -> None:
        with pytest.raises(ConfigurationError, match="no week was judged yet"):
            export(desk)
        cover = read_cover(open_file(export(desk, week=WEEKS[2])))
        assert find(cover, "Exit gate") == ("not judged yet",)

    def test_a_week_without_evidence_is_refused(self, desk: Desk) -> None:
        with pytest.raises(ConfigurationError, match=r"no evidence of 2026-W20 yet"):
            export(desk, week=LAST.shift(6))

    def test_a_changed_ledger_exports_nothing(self, desk: Desk) -> None:
        sign(desk)
        with desk.runtime.engine.begin() as connection:
            connection.execute(text("update bank_matches set amount = amount + 1"))
        with pytest.raises(PermanentError, match=r"link 2 \(2026-W11 revision 1\).*verify-ledger"):
            export(desk)

    def test_what_a_run_writes_meanwhile_is_read_anew(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        """A run judges between the reading of the chain and that of the evidence."""
        desk.save({})
        desk.run(RUN + timedelta(days=1))
        read = reading.read_standing
        told: list[int] = []

        def write_once(*arguments: Any) -> Any:
            if not told:
                told.append(1)
                sign(desk)
            return read(*arguments)

        monkeypatch.setattr(reading, "read_standing", write_once)
        evidence = read_evidence(desk.runtime.engine, desk.engagement)
        assert evidence.decision is not None
        assert evidence.links[-1].sequence == evidence.decision["sequence"]
        assert evidence.sign_offs
