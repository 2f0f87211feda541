"""The checks and shared tables of include/sql/reconciliation, read strictly from their headers (rule R8).

A header line is `-- key: value`, its further lines are indented. The feeds of a check are written
`invoices; with Coupa Pay: payments; optional: expense_reports; where given: bank_entries`: groups, each for every
engagement or for those with a product or an ERP leg, what a check can do without where it was never granted, and what
it does not apply without. `invoices.changes` says that the feed and this part of it are needed: a column, `pending`
documents, or later `changes`, which flat files may lack.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from hypercare.errors import ContractError

CHECK_KEYS = frozenset({"check", "number", "title", "definition", "judged on", "feeds", "source"})
OPTIONAL_CHECK_KEYS = frozenset({"products", "erp legs", "advisory", "reported"})
TABLE_KEYS = frozenset({"table", "number", "definition"})
HEADER_LINE = re.compile(r"^-- (?P<key>[a-z][a-z ]*): (?P<value>.+)$")
FEED_GROUP = re.compile(r"^(?P<need>optional|where given)?\s*(with (?P<condition>[^:]+))?$")


@dataclass(frozen=True)
class FeedNeed:
    """A feed that a check reads; `condition` is a product or an ERP leg with which it does, empty: always."""

    feed: str
    optional: bool = False
    condition: str = ""
    where_given: bool = False
    """Where it was never given, the check does not apply, whatever the other feeds are like."""
    part: str = ""
    """A part of the feed that must be there: a column, a nested table, `pending` or `changes`."""


@dataclass(frozen=True)
class Check:
    """One reconciliation check, as its file describes it."""

    name: str
    number: int
    title: str
    definition: str
    judged_on: str
    source: str
    query: str
    feeds: tuple[FeedNeed, ...] = ()
    products: frozenset[str] = frozenset()
    erp_legs: frozenset[str] = frozenset()
    """The engagement's ERP legs that it can judge; empty: it does not depend on the leg."""
    advisory: bool = False
    reported: bool = False
    """Its offending rows are told, never failing and no exceptions."""


@dataclass(frozen=True)
class SharedTable:
    """What several checks read."""

    name: str
    number: int
    definition: str
    query: str


@dataclass(frozen=True)
class CheckBook:
    """The checks and the tables they share, each by number."""

    checks: tuple[Check, ...]
    tables: tuple[SharedTable, ...]


def load_checks(folder: Path) -> CheckBook:
    """Read every check of a folder, and the tables they share from `tables/` below it.

    Raises ContractError naming the file whose header is incomplete or unknown, whose name or number is taken, or that
    holds no query; and when the folder holds no check.
    """
    checks = sorted((_read_check(path) for path in sorted(folder.glob("*.sql"))), key=lambda check: check.number)
    tables = sorted(
        (_read_table(path) for path in sorted((folder / "tables").glob("*.sql"))), key=lambda table: table.number
    )
    if not checks or not tables:
        msg = f"no reconciliation checks (*.sql) and shared tables (tables/*.sql) in {folder}"
        raise ContractError(msg)
    for numbers in ([check.number for check in checks], [table.number for table in tables]):
        if len(set(numbers)) < len(numbers):
            msg = f"two files of {folder} have the same number: {numbers}"
            raise ContractError(msg)
    return CheckBook(tuple(checks), tuple(tables))


def _read_check(path: Path) -> Check:
    header, query = read_headed_query(path, CHECK_KEYS, OPTIONAL_CHECK_KEYS)
    if header["check"] != path.stem:
        msg = f"{path.name}: the check is called {header['check']!r}, its file {path.stem!r}"
        raise ContractError(msg)
    for flag in ("advisory", "reported"):
        if header.get(flag, "true") != "true":
            msg = f"{path.name}: {flag} is written `true` or left out, not {header[flag]!r}"
            raise ContractError(msg)
    return Check(
        name=header["check"],
        number=_read_number(path, header),
        title=header["title"],
        definition=header["definition"],
        judged_on=header["judged on"],
        source=header["source"],
        query=query,
        feeds=tuple(_read_feeds(path, header["feeds"])),
        products=_split(header.get("products", "")),
        erp_legs=_split(header.get("erp legs", "")),
        advisory="advisory" in header,
        reported="reported" in header,
    )


def _read_table(path: Path) -> SharedTable:
    header, query = read_headed_query(path, TABLE_KEYS, frozenset())
    if header["table"] != path.stem:
        msg = f"{path.name}: the table is called {header['table']!r}, its file {path.stem!r}"
        raise ContractError(msg)
    return SharedTable(header["table"], _read_number(path, header), header["definition"], query)


def _read_feeds(path: Path, text: str) -> Iterator[FeedNeed]:
    """Read `invoices; with Coupa Pay: payments; optional: expense_reports`."""
    for group in text.split(";"):
        label, _, names = group.strip().rpartition(":")
        match = FEED_GROUP.match(label.strip())
        if not match or not names.strip():
            msg = f"{path.name}: can't read the feeds {group.strip()!r}"
            raise ContractError(msg)
        for name in sorted(_split(names)):
            feed, _, part = name.partition(".")
            yield FeedNeed(
                feed,
                optional=match["need"] == "optional",
                condition=(match["condition"] or "").strip(),
                where_given=match["need"] == "where given",
                part=part,
            )


def _read_number(path: Path, header: Mapping[str, str]) -> int:
    if not header["number"].isdigit():
        msg = f"{path.name}: {header['number']!r} is no number"
        raise ContractError(msg)
    return int(header["number"])


def _split(text: str) -> frozenset[str]:
    return frozenset(name.strip() for name in text.split(",") if name.strip())


def read_headed_query(path: Path, required: frozenset[str], optional: frozenset[str]) -> tuple[dict[str, str], str]:
    """Split an SQL file into its header (continued lines are indented) and its query, without comments.

    Raises ContractError naming the file whose header lacks a required key or has an unknown one, or without a query.
    """
    header: dict[str, str] = {}
    key = ""
    lines = path.read_text(encoding="utf-8").splitlines()
    body = next((number for number, line in enumerate(lines) if not line.startswith("--")), len(lines))
    for line in lines[:body]:
        match = HEADER_LINE.match(line)
        if match and match["key"] not in header and match["key"] in required | optional:
            key = match["key"]
            header[key] = match["value"].strip()
        elif key and line.startswith("--   "):
            header[key] += " " + line[2:].strip()
        else:
            msg = f"{path.name}: can't read the header line {line!r}; known: {', '.join(sorted(required | optional))}"
            raise ContractError(msg)
    missing = required - set(header)
    query = "\n".join(lines[body:]).strip().removesuffix(";")
    if missing or not query:
        msg = f"{path.name}: lacks {', '.join(sorted(missing)) or 'a query'}"
        raise ContractError(msg)
    return header, query
