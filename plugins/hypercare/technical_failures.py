"""Finds what fails technically in an engagement's records: each file of include/sql/technical_issues is one kind.

Its header names what it is, how severe, and the feeds it rests on; its query returns a row for each failing record,
over the week's tables and, with Coupa Pay, the rows of the reconciliation check `errors_resolved`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any

from hypercare.errors import ContractError
from hypercare.model import FeedHealth, Severity
from hypercare.reconciliation import create_shared_tables, create_table
from hypercare.reconciliation_checks import CheckBook, read_headed_query
from hypercare.technical_issues import Failure
from hypercare.week_views import WeekViews

KEYS = frozenset({"issue", "title", "definition", "severity", "feeds", "source"})
BORROWED_CHECK = "errors_resolved"
BORROWED_FOR = "payments"
"""The feed whose kinds of failure read the borrowed check's rows."""
COLUMNS = "failure, integration_key, document_key, failed_at, words, impact"


@dataclass(frozen=True)
class FailureKind:
    """One kind of failure, as its file describes it."""

    name: str
    title: str
    definition: str
    severity: Severity
    feeds: frozenset[str]
    query: str


def load_failure_kinds(folder: Path) -> tuple[FailureKind, ...]:
    """Read every kind of a folder; raise ContractError naming the file that is wrong, or a folder without any."""
    kinds = tuple(_read_kind(path) for path in sorted(folder.glob("*.sql")))
    if not kinds:
        msg = f"no kinds of technical failures (*.sql) in {folder}"
        raise ContractError(msg)
    return kinds


def select_judged(kinds: Sequence[FailureKind], feeds: Sequence[FeedHealth]) -> tuple[FailureKind, ...]:
    """Return the kinds whose feeds are all there and valid; of the others nothing can be said."""
    valid = {feed.feed for feed in feeds if feed.is_valid}
    return tuple(kind for kind in kinds if kind.feeds <= valid)


def find_failures(
    views: WeekViews, kinds: Sequence[FailureKind], checks: CheckBook, parameters: Mapping[str, Any]
) -> list[Failure]:
    """Return what fails of some kinds, by the end of the week to which `views` is turned, and is not mended.

    `parameters` are the reconciliation's. Raises ContractError for a query that fails.
    """
    if any(BORROWED_FOR in kind.feeds for kind in kinds):
        create_shared_tables(views, checks, parameters)
        borrowed = next(check for check in checks.checks if check.name == BORROWED_CHECK)
        create_table(views, BORROWED_CHECK, borrowed.query, parameters)
    return [failure for kind in kinds for failure in _find(views, kind, parameters)]


def _find(views: WeekViews, kind: FailureKind, parameters: Mapping[str, Any]) -> list[Failure]:
    create_table(views, "technical_failures", kind.query, parameters)
    rows = views.connection.execute(f"select {COLUMNS} from technical_failures order by failure").fetchall()
    return [
        Failure(
            kind=kind.name,
            id=failure,
            integration=integration or "",
            document=document or "",
            failed_at=failed_at.astimezone(UTC),
            what=what,
            impact=impact,
            severity=kind.severity,
        )
        for failure, integration, document, failed_at, what, impact in rows
    ]


def _read_kind(path: Path) -> FailureKind:
    header, query = read_headed_query(path, KEYS, frozenset())
    severities = {severity.value for severity in Severity} - {Severity.UNSORTED.value}
    if header["issue"] != path.stem or header["severity"] not in severities:
        msg = f"{path.name}: its issue must be called {path.stem}, its severity one of {', '.join(sorted(severities))}"
        raise ContractError(msg)
    return FailureKind(
        name=path.stem,
        title=header["title"],
        definition=header["definition"],
        severity=Severity(header["severity"]),
        feeds=frozenset(name.strip() for name in header["feeds"].split(",")),
        query=query,
    )
