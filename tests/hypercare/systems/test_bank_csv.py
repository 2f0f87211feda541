"""Mapped CSV statements: columns by name, decimals and dates as given, and what is refused by line."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from hypercare.errors import ConfigurationError, ContractError
from hypercare.systems.bank_csv import BankCsvMapping, CsvLayout, load_bank_csv_mapping, read_bank_csv
from hypercare.systems.camt053 import FileRead

ROOT = Path(__file__).resolve().parents[3]
MAPPING = ROOT / "include" / "mappings" / "bank_csv.yaml"
LAYOUTS = load_bank_csv_mapping(MAPPING).layouts
STANDARD = (
    "Exported by the bank,,,,\n"
    "booking date,Amount,IBAN,CURRENCY,Reference,Details,Purpose,Type,Value Date,Charges,Balance\n"
    "2026-03-11,-100.00,DE021001,EUR,PAY-1,INV-1,of March,transfer,2026-03-12,1.50,5\n"
    "2026-03-12,100.00,DE021001,EUR,NOTPROVIDED,,,Reversal,,,5\n"
    "\n"
)
CONTINENTAL = (
    "IBAN;Currency;Booking Date;Value Date;Debit;Credit;End-to-End Reference;Remittance Information\n"
    'DE021001;EUR;11.03.2026;12.03.2026;1.234,50;;PAY-1;"INV-1; INV-2"\n'
    "DE021001;EUR;12.03.2026;;;7;PAY-2;\n"
)


def read(text: str, layout: str | CsvLayout = "standard") -> FileRead:
    chosen = LAYOUTS[layout] if isinstance(layout, str) else layout
    return read_bank_csv(text.encode(chosen.encoding), "a.csv", "d1", chosen)


def test_columns_stand_anywhere_and_are_found_by_name() -> None:
    first, second = read(STANDARD).entries
    assert (first.amount, first.is_credit, first.currency) == (Decimal("100.00"), False, "EUR")
    assert (first.booked_on, first.value_on) == (date(2026, 3, 11), date(2026, 3, 12))
    assert (first.payer_references, first.remittance, first.charges) == (("PAY-1",), "INV-1 of March", Decimal("1.50"))
    assert (second.is_credit, second.is_reversal, second.payer_references) == (True, True, ())
    assert second.place == "line 4"


def test_decimal_marks_dates_and_two_columns_are_as_given() -> None:
    found = read(CONTINENTAL, "semicolon_with_comma")
    assert [(one.amount, one.is_credit) for one in found.entries] == [
        (Decimal("1234.50"), False),
        (Decimal("7"), True),
    ]
    (statement,) = found.statements
    assert (statement.covered_from, statement.covered_through) == (date(2026, 3, 11), date(2026, 3, 12))
    assert (statement.opening, statement.arithmetic, statement.movement) == (None, "untold", Decimal("-1227.50"))


def test_directions_are_read_by_their_words_and_fixed_values_stand_in() -> None:
    layout = LAYOUTS["standard"].model_copy(update={"fixed": {"account": "X1", "currency": "USD"}})
    found = read("Booking Date,Amount,Direction\n2026-03-11,5,DBIT\n2026-03-11,5,Credit\n", layout)
    assert [(one.is_credit, one.currency) for one in found.entries] == [(False, "USD"), (True, "USD")]


def test_the_same_rows_in_another_file_have_the_same_ids_and_equal_rows_their_own() -> None:
    twice = STANDARD + "2026-03-12,100.00,DE021001,EUR,NOTPROVIDED,,,Reversal,,,5\n"
    ids = [one.id for one in read(twice).entries]
    assert len(set(ids)) == 3
    assert [one.id for one in read(STANDARD).entries] == ids[:2]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("Amount", "Sum"), r"missing in the closest: amount \(Amount\); found there: 'booking date', 'Sum'"),
        (("Value Date", "Amount"), "line 2 bears several headers for amount"),
        (("-100.00", ""), "line 3 has no amount"),
        (("-100.00", "-1,00"), "line 3 has 12 cells, the header 11"),
        (("-100.00", "1e5"), "line 3 holds '1e5' for its amount, which is no number with the decimal mark '.'"),
        (("DE021001,EUR", "DE021001,"), "line 3 has no currency"),
        (("DE021001,EUR", ",EUR"), "line 3 has no account"),
        (("2026-03-11,", "11.03.2026,"), "line 3 holds '11.03.2026' for its booked_on, which is no date"),
        (("2026-03-11,", ","), "line 3 has no booking date"),
        ((",1.50,5", ""), "line 3 has 9 cells, the header 11"),
        (("PAY-1", '"PAY-1'), "is no CSV in utf-8-sig, or cut short"),
    ],
)
def test_what_cannot_be_taken_is_named_by_line(change: tuple[str, str], words: str) -> None:
    with pytest.raises(ContractError, match=words) as refused:
        read(STANDARD.replace(*change, 1))
    assert str(refused.value).startswith("a.csv: ")


def test_a_grouping_mark_stands_between_threes_only() -> None:
    with pytest.raises(ContractError, match=r"line 2 holds '1\.5' for its debit"):
        read(CONTINENTAL.replace("1.234,50", "1.5"), "semicolon_with_comma")


def test_an_unknown_direction_both_columns_and_no_rows_are_refused() -> None:
    with pytest.raises(ContractError, match="line 2 says 'out' for its direction"):
        read("Account,Currency,Booking Date,Amount,Direction\nX,USD,2026-03-11,5,out\n")
    with pytest.raises(ContractError, match="line 2 has a debit and a credit"):
        read(CONTINENTAL.replace(";;PAY-1", ";3;PAY-1"), "semicolon_with_comma")
    with pytest.raises(ContractError, match="it holds no entry"):
        read("Account,Currency,Booking Date,Amount\n")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"date_format": "%d.%m."}, "does not name day, month and year"),
        ({"encoding": "utf-9"}, "unknown encoding"),
        ({"grouping_mark": "."}, "decimal_mark and grouping_mark are the same"),
        ({"columns": {"booked_on": ["A"], "account": ["B"], "amount": ["C"]}}, "currency stands neither"),
        ({"columns": {"booked_on": ["A"], "account": ["B"], "currency": ["C"]}}, "give either the column amount"),
        ({"columns": {"price": ["A"]}}, "columns.price"),
    ],
)
def test_a_layout_that_is_wrong_is_refused(tmp_path: Path, change: dict[str, object], words: str) -> None:
    document = yaml.safe_load(MAPPING.read_text(encoding="utf-8"))
    document["layouts"]["standard"] |= change
    path = tmp_path / "bank_csv.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    with pytest.raises(ConfigurationError, match=words):
        load_bank_csv_mapping(path)


def test_an_engagement_has_its_own_layout() -> None:
    mapping = BankCsvMapping(layouts=LAYOUTS, default="standard", engagements={"a0X1": "semicolon_with_comma"})
    assert mapping.layout_of("a0X1") is LAYOUTS["semicolon_with_comma"]
    assert mapping.layout_of("a0X2") is LAYOUTS["standard"]
    with pytest.raises(ValueError, match="no layout is called other"):
        BankCsvMapping(layouts=LAYOUTS, default="other")
