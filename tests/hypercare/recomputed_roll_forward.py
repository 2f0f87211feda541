"""The roll-forward of a history, posted by hand in plain Decimal: no code of the check, and no records."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal

from payment_histories import GROUPS, PULLS, Document, History

MOVEMENTS = ("approved", "paid", "voided", "credited", "adjusted")
Posting = tuple[int, str, int]
"""Day, movement, cents; all but approved lower what is open."""
Figures = dict[str, Decimal]


def roll_forward(history: History, week: int) -> dict[tuple[str, str], Figures]:
    """Opening, movements and closing per legal entity and currency of a week; groups without any are left out."""
    first, last = week * 7, week * 7 + 6
    sums: dict[tuple[str, str], dict[str, int]] = defaultdict(
        lambda: dict.fromkeys(("opening", *MOVEMENTS, "closing"), 0)
    )
    for document in history.documents:
        own = sums[GROUPS[document.group]]
        for day, movement, cents in list_postings(document):
            effect = cents if movement == "approved" else -cents
            own["opening"] += effect if day < first else 0
            own["closing"] += effect if day <= last else 0
            own[movement] += cents if first <= day <= last else 0
    return {
        group: {name: Decimal(cents) / 100 for name, cents in figures.items()}
        for group, figures in sums.items()
        if any(figures.values())
    }


def list_postings(document: Document) -> list[Posting]:
    """All that ever moves a document's open amount, in order of the days."""
    booked = find_booked(document)
    if booked is None:
        return []
    found = sorted(_post(document, booked), key=lambda posting: posting[0])
    if document.voided is not None:
        open_then = sum(cents if movement == "approved" else -cents for _, movement, cents in found)
        found.append((document.voided, "voided", open_then))
    return found


def find_booked(document: Document) -> int | None:
    """The day on which a document becomes payable: its approval.

    One that pulls saw held before they saw it approved enters with the end of the hold, if a pull sees that.
    """
    if document.held is None:
        return document.approved
    begins, released = document.held
    ended = PULLS[-1] + 1 if document.voided is None else document.voided
    seen_held = any(begins <= pull < min(released, ended) for pull in PULLS)
    seen_approved = any(document.approved <= pull < begins for pull in PULLS)
    if seen_approved or not seen_held:
        return document.approved
    return released if any(released <= pull < ended for pull in PULLS) else None


def _post(document: Document, booked: int) -> Iterator[Posting]:
    is_credit = document.kind == "credit"
    yield booked, "credited" if is_credit else "approved", document.total
    total = document.total
    for day, corrected in document.corrections:
        yield day, "adjusted", corrected - total if is_credit else total - corrected
        total = corrected
    if document.used is not None:
        yield document.used, "credited", -total
    for payment in document.payments:
        if payment.completed is not None:
            yield max(payment.completed, booked), "paid", payment.amount
            if payment.failed is not None:
                yield max(payment.failed, booked), "paid", -payment.amount
    for settlement in document.settlements:
        movement = "credited" if settlement.category == "credit" else "adjusted"
        yield max(settlement.day, booked), movement, settlement.amount
