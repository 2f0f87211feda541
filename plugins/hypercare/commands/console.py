"""How commands speak: tables, JSON, and what is wrong."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from hypercare.canonical import plain
from hypercare.errors import HypercareError
from hypercare.ledger.database import migrate
from hypercare.ledger.roster import read_engagements
from hypercare.model import Engagement
from hypercare.runtime import Runtime, open_runtime

# Piped into a file or another command, a table keeps its columns.
console = Console(width=None if sys.stdout.isatty() else 220)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def fail(words: str) -> NoReturn:
    """Say what is wrong with what was asked, and end with exit code 2."""
    console.print(words, style="red", markup=False)
    raise typer.Exit(2)


def show(title: str, rows: Sequence[Mapping[str, Any]], *, as_json: bool, colour_by: str = "") -> None:
    """Print rows as a table, or as JSON; `colour_by` names the column whose word is a row's colour."""
    if as_json:
        console.print_json(json.dumps([plain(row) for row in rows], ensure_ascii=False))
        return
    if not rows:
        console.print(f"{title}: none", markup=False)
        return
    table = Table(title=title, title_justify="left")
    for name in rows[0]:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()), style=str(row[colour_by]) if colour_by else None)
    console.print(table)


@contextmanager
def failing_by_words() -> Iterator[None]:
    """Say what is wrong where something refuses what was asked, and end with exit code 1."""
    try:
        yield
    except HypercareError as error:
        console.print(str(error), style="red", markup=False, soft_wrap=True)
        raise typer.Exit(1) from error


@contextmanager
def open_migrated_runtime() -> Iterator[Runtime]:
    """Open what a command needs, with the ledger's tables made where there are none: it may be the first command."""
    with open_runtime() as runtime:
        migrate(runtime.engine.url.render_as_string(hide_password=False))
        yield runtime


def load_airflow() -> None:
    """Load Airflow's SDK for commands that read connections, and undo what it does to logging.

    Its import has the root logger print everything to standard output, where a command's own result belongs.
    """
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    import airflow.sdk  # noqa: F401

    root.setLevel(level)
    root.handlers[:] = handlers


def find_engagement(runtime: Runtime, name: str) -> Engagement:
    """Return the engagement in hypercare of this name or ICM id; without one, say so and end."""
    for engagement in read_engagements(runtime.engine):
        if name in (engagement.id, engagement.name):
            return engagement
    return fail(f"no engagement is called {name}; see `hypercare verdicts`")


def _cell(value: object) -> str:
    if value is None:
        return ""
    return escape(f"{value:,f}" if isinstance(value, Decimal) else str(value))
