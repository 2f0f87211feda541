"""Short ways to judge payments with the bank, for the tests of the bank side.

A default payment completes on Wednesday 11 March by ACH: three business days, and three more for the bank, end on
Thursday the 19th (W12). Statements cover February and March unless said otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import records as wire
from reconciling import Judged, bill, books, day, entry

from hypercare.model import FeedState

CHECK = "bank_side"
GIVEN = {"bank_statements": FeedState.VALID, "bank_entries": FeedState.VALID}
PAID = {"shows": [entry(5, "100.00", "3-11")], "paid": True}


def booked(id: str = "1", amount: str = "100.00", reference: str = "PAY-1", *, on: str = "3-11", **more: Any) -> Any:
    moved = day(on).isoformat()
    return wire.bank_entry(id, amount=amount, payer_references=reference, booked_on=moved, value_on=moved, **more)


def judge(
    folder: Path,
    payments: Sequence[Any],
    entries: Sequence[Any],
    *,
    week: str = "3-19",
    as_of: str = "3-23",
    statements: Sequence[Any] = (wire.bank_statement("S1"),),
    later: Sequence[Any] = (),
    **states: FeedState,
) -> Judged:
    records = {
        "invoices": [bill(1, **PAID)],
        "payments": payments,
        "bank_statements": statements,
        "bank_entries": entries,
    }
    with books(folder, records, *later, as_of=as_of) as open_books:
        return open_books.judge(week, wire.feed_health(open_books.who, **(GIVEN | states)))
