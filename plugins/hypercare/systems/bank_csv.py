"""Reads bank statements that come as CSV, laid out as `include/mappings/bank_csv.yaml` says for the customer."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from hypercare.bank_entries import BankEntry, BankStatement, digest_of, drop_empty, mask_account
from hypercare.errors import ContractError, say_faults
from hypercare.systems.camt053 import FileRead
from hypercare.systems.camt053_elements import CURRENCY, MOST_DECIMALS, MOST_DIGITS, signed
from hypercare.systems.mapping_file import DateFormat, read_mapping

Column = Literal[
    "account",
    "currency",
    "booked_on",
    "value_on",
    "amount",
    "direction",
    "debit",
    "credit",
    "references",
    "bank_references",
    "batch_references",
    "remittance",
    "charges",
    "instructed_amount",
    "instructed_currency",
    "kind",
]
SEVERAL = ("references", "bank_references", "batch_references", "remittance")
"""Columns of which a file may have several, all of them read."""


class CsvLayout(BaseModel):
    """How one bank's files are laid out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    delimiter: str = Field(min_length=1, max_length=1)
    encoding: str = "utf-8-sig"
    decimal_mark: Literal[".", ","]
    grouping_mark: str = Field(default="", max_length=1)
    date_format: DateFormat
    header_within_rows: int = Field(default=10, ge=1, le=100)
    columns: Mapping[Column, tuple[str, ...]]
    debit_words: tuple[str, ...] = ()
    credit_words: tuple[str, ...] = ()
    reversal_words: tuple[str, ...] = ()
    fixed: Mapping[Literal["account", "currency"], str] = Field(default_factory=dict)

    @field_validator("debit_words", "credit_words", "reversal_words")
    @classmethod
    def _fold_words(cls, words: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(word.casefold() for word in words)

    @field_validator("encoding")
    @classmethod
    def _check_encoding(cls, encoding: str) -> str:
        try:
            return codecs.lookup(encoding).name
        except LookupError as error:
            raise ValueError(str(error)) from error

    @model_validator(mode="after")
    def _check_columns(self) -> CsvLayout:
        missing = {"account", "currency"} - set(self.columns) - set(self.fixed)
        if missing or "booked_on" not in self.columns:
            msg = f"{', '.join(sorted(missing) or ['booked_on'])} stands neither in a column nor under fixed"
            raise ValueError(msg)
        if ("amount" in self.columns) == bool({"debit", "credit"} & set(self.columns)):
            msg = "give either the column amount, or debit and credit"
            raise ValueError(msg)
        if self.decimal_mark == self.grouping_mark:
            msg = "decimal_mark and grouping_mark are the same"
            raise ValueError(msg)
        return self

    @property
    def required(self) -> tuple[Column, ...]:
        """The columns without which a file does not have this layout."""
        wanted: tuple[Column, ...] = ("account", "currency", "booked_on", "amount", "debit", "credit")
        return tuple(name for name in wanted if name in self.columns and name not in self.fixed)


class BankCsvMapping(BaseModel):
    """The layouts, and which engagement's bank writes which."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    layouts: Mapping[str, CsvLayout]
    default: str
    engagements: Mapping[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check_names(self) -> BankCsvMapping:
        unknown = {self.default, *self.engagements.values()} - set(self.layouts)
        if unknown:
            msg = f"no layout is called {', '.join(sorted(unknown))}; there are {', '.join(sorted(self.layouts))}"
            raise ValueError(msg)
        return self

    def layout_of(self, engagement: str) -> CsvLayout:
        """Return the layout of an engagement's files, by its ICM record id."""
        return self.layouts[self.engagements.get(engagement, self.default)]


def load_bank_csv_mapping(path: Path) -> BankCsvMapping:
    """Read the mapping; raise ConfigurationError that lists everything wrong in it."""
    return read_mapping(path, BankCsvMapping)


def read_bank_csv(content: bytes, file: str, digest: str, layout: CsvLayout) -> FileRead:
    """Read a file's bytes, every account of it as one statement without balances; `digest` is their sha256.

    A row that another file repeats has the same id there. Raises ContractError, naming the file, the lines and what to
    do, where a column is missing or a row lacks its amount, currency, account or date, or is cut short.
    """
    try:
        text = content.decode(layout.encoding)
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=layout.delimiter, strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        msg = f"{file}: is no CSV in {layout.encoding}, or cut short ({error}); see its layout in bank_csv.yaml"
        raise ContractError(msg) from error
    header, places = _find_header(rows, layout, file)
    faults: list[str] = []
    read = list(_read_rows(rows, header, places, layout, faults))
    if faults or not read:
        msg = f"{file}: {say_faults(faults) or 'it holds no entry'}. Correct the file, or its layout in bank_csv.yaml"
        raise ContractError(msg)
    entries = _name_entries(read, file, digest)
    return FileRead(tuple(_gather_statements(entries, file, digest)), tuple(entries))


def _find_header(rows: Sequence[Sequence[str]], layout: CsvLayout, file: str) -> tuple[int, dict[Column, list[int]]]:
    """Return the header's place and where each mapped column stands."""
    best: tuple[list[str], Sequence[str]] | None = None
    for number, cells in enumerate(rows[: layout.header_within_rows]):
        names = [_plain(cell) for cell in cells]
        places = {
            column: [place for place, name in enumerate(names) if name in {_plain(header) for header in headers}]
            for column, headers in layout.columns.items()
        }
        missing = [f"{name} ({', '.join(layout.columns[name])})" for name in layout.required if not places[name]]
        twice = [name for name, found in places.items() if name not in SEVERAL and len(found) > 1]
        if not missing and not twice:
            return number, {name: found for name, found in places.items() if found}
        if twice and not missing:
            msg = f"{file}: line {number + 1} bears several headers for {', '.join(twice)}; keep one in bank_csv.yaml"
            raise ContractError(msg)
        if best is None or len(missing) < len(best[0]):
            best = (missing, cells)
    lacking, closest = best or (["everything"], [])
    shown = ", ".join(repr(cell[:40]) for cell in closest[:40]) or "nothing"
    msg = (
        f"{file}: none of the first {layout.header_within_rows} lines holds the headers of its layout; missing in the "
        f"closest: {'; '.join(lacking)}; found there: {shown}. Map the bank's own headers in bank_csv.yaml"
    )
    raise ContractError(msg)


def _plain(header: str) -> str:
    return "".join(header.split()).casefold()


def _read_rows(
    rows: Sequence[Sequence[str]],
    header: int,
    places: Mapping[Column, Sequence[int]],
    layout: CsvLayout,
    faults: list[str],
) -> Iterator[BankEntry]:
    """Yield the rows as entries without ids; what cannot be taken goes to `faults`."""
    for number, cells in enumerate(rows[header + 1 :], start=header + 2):
        if not any(cell.strip() for cell in cells):
            continue
        width = len(rows[header])
        if len(cells) < width or any(cell.strip() for cell in cells[width:]):
            faults.append(f"line {number} has {len(cells)} cells, the header {width}")
            continue
        row = _Row(layout, {name: [cells[place].strip() for place in found] for name, found in places.items()})
        try:
            yield replace(row.read(), place=f"line {number}")
        except ValueError as fault:
            faults.append(f"line {number} {fault}")


@dataclass(frozen=True)
class _Row:
    """One row's texts; what it raises are ValueErrors whose words follow the line's number."""

    layout: CsvLayout
    texts: Mapping[Column, Sequence[str]]

    def text(self, name: Column) -> str:
        return next(iter(self.texts.get(name, ())), "")

    def read(self) -> BankEntry:
        account = self.text("account") or self.layout.fixed.get("account", "")
        currency = (self.text("currency") or self.layout.fixed.get("currency", "")).upper()
        booked_on = self.read_day("booked_on")
        if not account or not CURRENCY.fullmatch(currency) or booked_on is None:
            lacks = "account" if not account else "booking date" if booked_on is None else "currency"
            msg = f"has no {lacks}"
            raise ValueError(msg)
        amount = self.read_movement()
        instructed = self.read_number("instructed_amount")
        return BankEntry(
            id="",
            account=mask_account(account),
            currency=currency,
            amount=abs(amount),
            is_credit=amount >= 0,
            booked_on=booked_on,
            value_on=self.read_day("value_on"),
            is_reversal=self.text("kind").casefold() in self.layout.reversal_words,
            payer_references=drop_empty(self.texts.get("references", ())),
            bank_references=drop_empty(self.texts.get("bank_references", ())),
            batch_references=drop_empty(self.texts.get("batch_references", ())),
            remittance=" ".join(text for text in self.texts.get("remittance", ()) if text),
            charges=abs(self.read_number("charges") or Decimal(0)),
            instructed_amount=None if instructed is None else abs(instructed),
            instructed_currency=self.text("instructed_currency").upper() or (currency if instructed else ""),
        )

    def read_movement(self) -> Decimal:
        """Return what the row does to the balance."""
        if "amount" not in self.layout.columns:
            debit, credit = self.read_number("debit"), self.read_number("credit")
            if (debit or Decimal(0)) and (credit or Decimal(0)):
                msg = "has a debit and a credit: one row is one movement"
                raise ValueError(msg)
            if debit is None and credit is None:
                msg = "has no amount"
                raise ValueError(msg)
            return abs(credit) if credit else -abs(debit or Decimal(0))
        amount = self.read_number("amount")
        if amount is None:
            msg = "has no amount"
            raise ValueError(msg)
        word = self.text("direction").casefold()
        if not word:
            return amount
        if word in self.layout.debit_words:
            return -abs(amount)
        if word in self.layout.credit_words:
            return abs(amount)
        msg = f"says {word[:20]!r} for its direction, which stands neither under debit_words nor credit_words"
        raise ValueError(msg)

    def read_number(self, name: Column) -> Decimal | None:
        text = self.text(name).replace("\N{NO-BREAK SPACE}", "").replace(" ", "").replace("\N{MINUS SIGN}", "-")
        if not text:
            return None
        mark, group = re.escape(self.layout.decimal_mark), re.escape(self.layout.grouping_mark)
        whole = rf"(?:\d{{1,3}}(?:{group}\d{{3}})+|\d+)" if group else r"\d+"
        match = re.fullmatch(rf"(?P<sign>[+-]?)(?P<whole>{whole})(?:{mark}(?P<part>\d{{1,{MOST_DECIMALS}}}))?", text)
        if not match or len(match["whole"]) > MOST_DIGITS:
            mark = self.layout.decimal_mark
            msg = f"holds {text[:30]!r} for its {name}, which is no number with the decimal mark {mark!r}"
            raise ValueError(msg)
        digits = match["whole"].replace(self.layout.grouping_mark or "\0", "")
        return Decimal(f"{match['sign']}{digits}.{match['part'] or 0}")

    def read_day(self, name: Column) -> date | None:
        text = self.text(name)
        if not text:
            return None
        try:
            return datetime.strptime(text, self.layout.date_format).date()  # noqa: DTZ007 - a date only
        except ValueError:
            msg = f"holds {text[:30]!r} for its {name}, which is no date as {self.layout.date_format!r}"
            raise ValueError(msg) from None


def _name_entries(read: Sequence[BankEntry], file: str, digest: str) -> list[BankEntry]:
    """Give each row an id by what it says, and by how many such rows stood before it."""
    seen: Counter[str] = Counter()
    entries = []
    for entry in read:
        said = (
            entry.account,
            entry.currency,
            entry.booked_on,
            entry.value_on,
            entry.is_credit,
            entry.amount.normalize(),
        )
        key = digest_of(*said, *entry.payer_references, *entry.bank_references, entry.remittance)
        seen[key] += 1
        statement = digest_of(file, entry.account, entry.currency)[:16]
        identity = digest_of(key, seen[key])[:16]
        entries.append(replace(entry, id=identity, statement=statement, file=file, file_digest=digest))
    return entries


def _gather_statements(entries: Sequence[BankEntry], file: str, digest: str) -> Iterator[BankStatement]:
    for key in dict.fromkeys(entry.statement for entry in entries):
        own = [entry for entry in entries if entry.statement == key]
        days = [entry.booked_on for entry in own]
        yield BankStatement(
            id=key,
            account=own[0].account,
            currency=own[0].currency,
            name=file,
            page=1,
            sequence=None,
            covered_from=min(days),
            covered_through=max(days),
            opening=None,
            closing=None,
            entries=len(own),
            movement=sum((signed(entry.is_credit, entry.amount) for entry in own), Decimal(0)),
            file=file,
            file_digest=digest,
            place=own[0].place,
        )
