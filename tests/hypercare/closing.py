"""Whether the roll-forwards that a ledger holds close to 0.00, or name the rows that keep them from closing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sqlalchemy import Engine, select

from hypercare.ledger import tables
from hypercare.ledger.row_tables import differing_rows
from hypercare.weeks import Week

FIGURES = ("opening", "approved", "paid", "voided", "credited", "adjusted", "closing")
Row = Mapping[str, Any]


@dataclass
class Closing:
    """What was looked at, and what does not hold."""

    rows: int = 0
    """Roll-forward rows of any revision."""
    links: int = 0
    """Pairs of consecutive weeks with a balance between them."""
    named: int = 0
    """Rows that do not close and name all of their difference."""
    faults: list[str] = field(default_factory=list)


def check_closing(revisions: Iterable[Row], checks: Iterable[Row], differing: Iterable[Row]) -> Closing:
    """Check the rows of three of the ledger's tables.

    Every roll-forward that was judged closes to 0.00, or the rows that it names come to its difference; each week opens
    as the one before closed, both as their last revisions tell.
    """
    judged = {_key(row) for row in checks if row["check"] == "roll_forward" and row["verdict"] in ("PASS", "FAIL")}
    named: dict[Any, Decimal] = defaultdict(Decimal)
    for row in differing:
        named[*_key(row), row["legal_entity"], row["currency"]] += row["difference"]
    found = Closing()
    last: dict[tuple[str, str], dict[tuple[str, str], Row]] = {}
    for revision in sorted(revisions, key=_key):
        if not revision["sealed"] or _key(revision) not in judged:
            continue
        rows = {(row["legal_entity"], row["currency"]): row for row in revision["details"]["roll_forward"]}
        last[revision["engagement"], revision["week"]] = rows
        for group, row in rows.items():
            _check_row(found, (*_key(revision), *group), row, named)
    for (engagement, week), rows in last.items():
        before = last.get((engagement, str(Week.parse(week).shift(-1))))
        if before is not None:
            _check_link(found, f"{engagement} {week}", before, rows)
    return found


def read_closing(engine: Engine) -> Closing:
    """Check all that a ledger holds."""
    with engine.connect() as connection:
        read = [
            [dict(row._mapping) for row in connection.execute(select(table))]
            for table in (tables.week_revisions, tables.checks, differing_rows)
        ]
    return check_closing(*read)


def _key(row: Row) -> tuple[str, str, int]:
    return row["engagement"], row["week"], row["revision"]


def _check_row(found: Closing, key: tuple[Any, ...], row: Row, named: Mapping[Any, Decimal]) -> None:
    opening, approved, *lowering, closing = (Decimal(row[name]) for name in FIGURES)
    difference = closing - (opening + approved - sum(lowering))
    found.rows += 1
    if difference != Decimal(row["difference"]):
        found.faults.append(f"{key}: it tells a difference of {row['difference']}, its figures come to {difference}")
    if round(difference, 2) and named.get(key) == difference:
        found.named += 1
    elif round(difference, 2):
        found.faults.append(f"{key}: it does not close by {difference}, the rows named come to {named.get(key, 0)}")


def _check_link(
    found: Closing, where: str, before: Mapping[tuple[str, str], Row], rows: Mapping[tuple[str, str], Row]
) -> None:
    for group in sorted({*before, *rows}):
        closed = Decimal(before[group]["closing"]) if group in before else Decimal(0)
        opened = Decimal(rows[group]["opening"]) if group in rows else Decimal(0)
        found.links += bool(closed or opened)
        if opened != closed:
            found.faults.append(f"{where} {group}: it opens with {opened}, the week before closed with {closed}")
