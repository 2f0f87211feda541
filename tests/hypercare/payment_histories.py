"""Histories of what was approved and how it was settled, as hypothesis draws them.

Days count from FIRST_DAY, a Monday; amounts are cents. Pulls look at the end of each week's Sunday. A history is drawn
so that every state which matters was seen by a pull; what happens between two of them and is undone nobody can know.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from hypothesis import strategies as st
from reconciling import day

FIRST_DAY = day("3-2")
WEEKS = 4
PULLS = tuple(week * 7 + 6 for week in range(WEEKS))
LAST = PULLS[-1]
GROUPS = (("Acme Inc.", "USD"), ("Acme Inc.", "EUR"), ("Acme GmbH", "EUR"), ("Acme KK", "JPY"))
CATEGORIES = ("discount", "credit", "adjustment")
FAILURES = ("cancelled", "completed_with_errors")


@dataclass(frozen=True)
class Payment:
    """Money for one document; `shown` is when the document begins to show it."""

    id: int
    amount: int
    released: int
    shown: int
    completed: int | None = None
    failed: int | None = None
    """Cancelled or ended with errors; after its completion: returned."""
    status: str = FAILURES[0]
    is_countered: bool = False
    """What failed is taken back on the document by a second entry, not by removing the first."""
    to: int | None = None
    """The document that it names, where that is not its own."""
    paid: int | None = None
    """What it pays, where that is not what the document shows."""


@dataclass(frozen=True)
class Settlement:
    """What lowers a document without money, or raises it."""

    id: int
    day: int
    category: str
    amount: int


@dataclass(frozen=True)
class Document:
    """An invoice, a credit note or an expense report."""

    id: int
    kind: str
    group: int
    total: int
    created: int
    approved: int
    corrections: tuple[tuple[int, int], ...] = ()
    """(day, new total)"""
    held: tuple[int, int] | None = None
    voided: int | None = None
    used: int | None = None
    """A credit note: when it was used up."""
    payments: tuple[Payment, ...] = ()
    settlements: tuple[Settlement, ...] = ()

    def total_on(self, when: int) -> int:
        """The total as it reads on a day."""
        return next((total for changed, total in reversed(self.corrections) if changed <= when), self.total)

    @property
    def key(self) -> str:
        """As the check names it."""
        return f"{'expense_report' if self.kind == 'expense' else 'invoice'}:acme/{self.id}"


@dataclass(frozen=True)
class History:
    """Some documents, and how their instance writes."""

    documents: tuple[Document, ...]
    lowers_due: bool
    """The amount due falls with each settlement, as some tenants have it."""


def next_pull(when: int) -> int:
    """The first pull that sees a day."""
    return next(pull for pull in PULLS if pull >= when)


@st.composite
def documents(draw: st.DrawFn, id: int) -> Document:
    kind = draw(st.sampled_from(["invoice"] * 4 + ["credit", "expense"]))
    approved = draw(st.integers(0, LAST))
    plain = Document(
        id=id,
        kind=kind,
        group=draw(st.integers(0, len(GROUPS) - 1)),
        total=draw(st.integers(1, 1_000)) * 100,
        created=draw(st.integers(max(approved - 10, 0), approved)),
        approved=approved,
    )
    if kind == "expense":
        paid = draw(st.booleans())
        return replace(plain, payments=(draw(payments(plain, 1, plain.total, LAST)),) if paid else ())
    voided = draw(st.none() | st.integers(approved, LAST))
    last = LAST if voided is None else voided
    if kind == "credit":
        return replace(plain, voided=voided, corrections=draw(corrections(plain, last)))
    lasting = replace(plain, voided=voided, held=draw(st.none() | holds(plain, last)))
    left, paid = plain.total, []
    # What is paid while nobody has seen the approval yet keeps the books open: not of a fair history.
    is_hidden = lasting.held is not None and next_pull(approved) >= lasting.held[0]
    for number in range(0 if is_hidden else draw(st.integers(0, 3))):
        amount = draw(st.integers(0, left))
        if amount:
            paid.append(draw(payments(plain, number, amount, last)))
            left -= amount
    settled = []
    for number in range(draw(st.integers(0, 2))):
        amount = draw(st.integers(-left, left))
        if amount:
            happened, category = draw(st.integers(approved, last)), draw(st.sampled_from(CATEGORIES))
            settled.append(Settlement(id * 10 + 5 + number, happened, category, amount))
            left -= max(amount, 0)
    return replace(
        lasting,
        payments=tuple(paid),
        settlements=tuple(settled),
        corrections=() if lasting.held else draw(corrections(plain, last)),
    )


@st.composite
def payments(draw: st.DrawFn, document: Document, number: int, amount: int, last: int) -> Payment:
    """One that completes, fails, is still in flight, or comes back after a pull saw it completed."""
    released = draw(st.integers(document.approved, last))
    ended = draw(st.integers(released, last))
    fate = draw(st.sampled_from(["completed", "completed", "completed", "returned", "failed", "in flight"]))
    plain = Payment(
        id=document.id * 10 + number,
        amount=amount,
        released=released,
        shown=draw(st.sampled_from([released, ended])),
        status=draw(st.sampled_from(FAILURES)),
        is_countered=draw(st.booleans()),
    )
    if fate == "in flight":
        # What is in flight when its document is voided and completes later keeps the books open: not of a fair history.
        return replace(plain, shown=released, failed=last if last < LAST else None)
    if fate == "failed":
        return replace(plain, shown=released, failed=ended)
    if fate == "returned" and next_pull(ended) < last:
        return replace(plain, completed=ended, failed=draw(st.integers(next_pull(ended) + 1, last)))
    return replace(plain, completed=ended)


@st.composite
def holds(draw: st.DrawFn, document: Document, last: int) -> tuple[int, int]:
    begins = draw(st.integers(document.approved, last))
    return begins, draw(st.integers(begins, LAST + 1))


@st.composite
def corrections(draw: st.DrawFn, document: Document, last: int) -> tuple[tuple[int, int], ...]:
    """New totals, each after a pull saw the one before; a total may come back."""
    found: list[tuple[int, int]] = []
    seen = next_pull(document.approved)
    totals = st.sampled_from([document.total, document.total + 5_000, document.total * 2])
    while seen < last and draw(st.integers(0, 2)) == 0:
        found.append((draw(st.integers(seen + 1, last)), draw(totals)))
        seen = next_pull(found[-1][0])
    return tuple(found)


@st.composite
def histories(draw: st.DrawFn, least: int = 4, most: int = 12) -> History:
    ids = range(1, draw(st.integers(least, most)) + 1)
    drawn = tuple(draw(documents(id)) for id in ids)
    return History(draw(use_credits(drawn)), draw(st.booleans()))


@st.composite
def use_credits(draw: st.DrawFn, drawn: tuple[Document, ...]) -> tuple[Document, ...]:
    """Use up some credit notes on invoices of the same group that can still bear them."""
    by_id = {document.id: document for document in drawn}
    for note in (document for document in drawn if document.kind == "credit" and document.voided is None):
        for bearer in by_id.values():
            fits = bearer.kind == "invoice" and bearer.group == note.group and bearer.voided is None
            first = max([note.approved, bearer.approved, *(changed for changed, _ in note.corrections)])
            if fits and not bearer.held and draw(st.booleans()):
                used = draw(st.integers(first, LAST))
                credit = Settlement(note.id * 10 + 9, used, "credit", note.total_on(used))
                by_id[bearer.id] = replace(bearer, settlements=(*bearer.settlements, credit))
                by_id[note.id] = replace(note, used=used)
                break
    return tuple(by_id.values())
