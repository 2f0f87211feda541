"""A ledger whose cycle finance can follow: three legal entities and currencies, exceptions of every state, a bank.

Acme SE pays in EUR and Acme KK in JPY; Acme KSC has a difference in KWD in the cycle's last week.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

from openpyxl import Workbook, load_workbook

from hypercare.model import ExceptionState, ReconciliationException
from hypercare.reconciled_rows import BankRow, DifferingRow, MatchedEntry, ReconciledRows, StatementRow
from hypercare.weeks import Week
from tests.hypercare.weekly.frozen_weeks import LEVEL_ONE, OPEN, RUN, WEEKS, Desk, opening_desk

FORMULA = '=HYPERLINK("http://example.invalid","+1")'
MOVED = ("opening", "approved", "paid", "voided", "credited", "adjusted", "closing", "difference")
ROLLED: Mapping[tuple[str, str], Sequence[tuple[str, ...]]] = {
    ("Acme SE", "EUR"): [
        ("0", "1000.50", "400", "0", "0", "0", "600.50", "0"),
        ("600.50", "200", "300.50", "100", "0", "0", "400", "0"),
        ("400", "0", "0", "0", "50", "-25", "375", "0"),
        ("375", "12345678.90", "375", "0", "0", "0", "12345678.90", "0"),
        ("12345678.90", "0", "0", "0", "0", "0", "12345678.90", "0"),
    ],
    ("Acme KK", "JPY"): [("0", "5000", "0", "0", "0", "0", "5000", "0")] + [("5000", *["0"] * 5, "5000", "0")] * 4,
    ("Acme KSC", "KWD"): [("0", *["0"] * 5, "0", "0")] * 4 + [("0", "10.125", "3.500", "0", "0", "0", "10.125", "3.5")],
}
"""Figures of each of the five weeks, in the order of MOVED."""
DIFFERING = DifferingRow("Acme KSC", "KWD", "payment:acme/9", Decimal("3.500"), "payment acme/9 pays what is not known")
PULL = ["payments", "acme", "20260406T143000Z", "ef" * 32]


def entry(name: str, amount: str, day: int, **changes: Any) -> MatchedEntry:
    plain = MatchedEntry(
        entry=name,
        account="…1234 0a1b2c3d",
        currency="EUR",
        amount=Decimal(amount),
        is_credit=False,
        booked_on=date(2026, 3, day),
        value_on=date(2026, 3, day),
        statement="S1",
        file="bank statement march.xml",
        file_digest="cd" * 32,
        place=f"Stmt 1, Ntry {name}",
    )
    return replace(plain, **changes)


def bank_row(number: int, amount: str, state: str, basis: str, *entries: MatchedEntry, **changes: Any) -> BankRow:
    plain = BankRow(
        key=f"payment:acme/{number}",
        payment=f"acme/{number}",
        legal_entity="Acme SE",
        currency="EUR",
        amount=Decimal(amount),
        completed_on=date(2026, 3, 11),
        state=state,
        basis=basis,
        verdict="PASS" if basis else "FAIL",
        words="" if basis else "several entries, or payments, fit",
        entries=entries,
    )
    return replace(plain, **changes)


TOGETHER = entry("1", "300.50", 12)
BANK = (
    bank_row(1, "200.50", "matched", "reference", TOGETHER),
    bank_row(2, "100", "matched", "reference", TOGETHER),
    bank_row(3, "40", "ambiguous", "", entry("2", "40", 13), entry("3", "40", 14)),
    bank_row(4, "7", "missing", "", verdict="UNKNOWN", words="the statements end on 2026-03-12"),
)
STATEMENT = StatementRow(
    statement="S1",
    account="…1234 0a1b2c3d",
    currency="EUR",
    name="2026-03",
    covered_from=date(2026, 3, 1),
    covered_through=date(2026, 3, 31),
    opening=Decimal(1000),
    closing=Decimal("699.50"),
    arithmetic="balanced",
    continuity="first",
    file="bank statement march.xml",
    file_digest="cd" * 32,
)
LEG = {
    "check": "erp_leg",
    "kind": "payment",
    "legal_entity": "Acme SE",
    "currency": "EUR",
    "rows": 2,
    "amount": "300.5",
    "open_rows": 1,
    "open_amount": "100",
}
NOTE = {
    "check": "roll_forward",
    "key": "bank_entry:9",
    "words": FORMULA,
    "amount": "12",
    "currency": "EUR",
    "legal_entity": "",
}
CLEARED = replace(OPEN, key="payment:1", state=ExceptionState.CLEARED, resolved_on=date(2026, 3, 20))
EXPLAINED = replace(
    OPEN,
    key="payment:2",
    words=FORMULA,
    state=ExceptionState.EXPLAINED,
    resolved_on=date(2026, 3, 19),
    reason_code="timing",
    explanation="@SUM(A1) is what the bank calls it",
    ticket="-4711",
    explained_by="Ana Example",
    accepted_by="Terry Client",
)


def figures(position: int) -> dict[str, Any]:
    """What stands beside the checks of the week at this position."""
    rows = [
        {"legal_entity": entity, "currency": currency, **dict(zip(MOVED, weeks[position], strict=True))}
        for (entity, currency), weeks in ROLLED.items()
        if any(Decimal(figure) for figure in weeks[position])
    ]
    told = {"roll_forward": rows, "main_currency": "EUR", "legs": [LEG] if position == 1 else []}
    return {**told, "notes": [NOTE] if position == 1 else []}


def exceptions(position: int) -> list[ReconciliationException]:
    return [CLEARED, EXPLAINED] if position == 1 else []


@contextmanager
def finance_desk(folder: Path, ledger_url: str) -> Iterator[Desk]:
    """Open a ledger with the five weeks, not judged yet."""
    with opening_desk(folder, ledger_url, **LEVEL_ONE) as desk:
        for position, week in enumerate(WEEKS):
            desk.seal(
                week,
                exceptions(position),
                details=figures(position),
                rows=ReconciledRows(
                    differing=(DIFFERING,) if position == len(WEEKS) - 1 else (),
                    bank=BANK if position == 1 else (),
                    statements=(STATEMENT,) if position in (1, 2) else (),
                ),
                pulls=[PULL],
            )
        yield desk


def sign(desk: Desk) -> None:
    """Let the finance contact sign every week, and the run judge it."""
    rows = [
        {
            "week": str(week),
            "legal_entity": row["legal_entity"],
            "currency": row["currency"],
            **{name: Decimal(row[name]) for name in ("approved", "paid", "closing")},
            "signed_by": "Terry Client",
            "signed_on": date(2026, 4, 8),
        }
        for position, week in enumerate(WEEKS)
        for row in figures(position)["roll_forward"]
    ]
    desk.save({"finance_sign_off": rows})
    desk.run(RUN + timedelta(days=3))


def open_file(content: bytes) -> Workbook:
    return load_workbook(BytesIO(content))


def read_page(book: Workbook, title: str) -> list[dict[str, Any]]:
    """A page's rows by its headers."""
    header, *rows = book[title].iter_rows(min_row=3, values_only=True)
    return [dict(zip(header, row, strict=True)) for row in rows]


def read_cover(book: Workbook) -> list[tuple[Any, ...]]:
    """The summary's rows, without empty cells at their ends."""
    rows = book["Summary"].iter_rows(values_only=True)
    return [row[: max((place for place, value in enumerate(row, 1) if value is not None), default=0)] for row in rows]


LAST = WEEKS[-1]
FIRST: Week = WEEKS[0]
