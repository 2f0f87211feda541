"""Exceptions that people explain (rule R9): whether an explanation stands, and what it does to a week's rows. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from hypercare.model import CheckResult, ExceptionState, ReconciliationException, Verdict
from hypercare.weeks import Week
from hypercare.workbook_entries import Entry, EntryFault, fold_name, is_same_name

RowId = tuple[str, str]
"""Check and key: what an exception is over all weeks."""
SHEET = "exceptions"
NUMBER = re.compile(r"\d+([,.:-]\d+)*")


@dataclass(frozen=True)
class Explanation:
    """What somebody said of an exception, and of which amount and status it was said."""

    check: str
    key: str
    reason_code: str
    words: str
    ticket: str
    explained_by: str
    explained_on: date | None
    accepted_by: str
    """A second person, or the customer's finance contact; empty: not accepted yet."""
    accepted_on: date | None
    amount: Decimal | None
    currency: str
    status: str
    """What the row said apart from its numbers, see `describe_status`."""

    @property
    def row(self) -> RowId:
        """The exception that it explains."""
        return self.check, self.key

    @property
    def is_accepted(self) -> bool:
        """Whether a second person accepted it."""
        accepted = bool(self.accepted_by.strip()) and self.accepted_on is not None
        return accepted and not is_same_name(self.accepted_by, self.explained_by)

    def fits(self, row: ReconciliationException) -> bool:
        """Tell whether the row is still what was explained: same amount, same status."""
        same = (self.amount, self.currency) == (row.amount, row.currency)
        return self.row == (row.check, row.key) and same and self.status == describe_status(row)


def describe_status(row: ReconciliationException) -> str:
    """Return what a row says apart from days and amounts, which its words repeat."""
    return NUMBER.sub("#", row.words)


def read_explanation(
    entry: Entry,
    standing: Mapping[RowId, ReconciliationException],
    people: Mapping[str, frozenset[str]],
    today: date,
) -> tuple[Explanation | None, list[EntryFault]]:
    """Return the explanation that a row of the workbook gives, or why it does not stand.

    `standing` are the exceptions as last found; `people` the engagement's, by folded name; `today` its local day.
    """
    row = standing.get((entry.text("check"), entry.text("row")))
    faults = [EntryFault(entry, *fault) for fault in _list_faults(entry, row, people, today)]
    if faults or row is None:
        return None, faults
    return make_explanation(entry, row), []


def make_explanation(entry: Entry, row: ReconciliationException) -> Explanation:
    """Return what an entry says of a row as the row stands now."""
    return Explanation(
        check=row.check,
        key=row.key,
        reason_code=entry.text("reason_code"),
        words=entry.text("explanation"),
        ticket=entry.text("ticket"),
        explained_by=entry.text("explained_by"),
        explained_on=entry.day("explained_on"),
        accepted_by=entry.text("accepted_by"),
        accepted_on=entry.day("accepted_on"),
        amount=row.amount,
        currency=row.currency,
        status=describe_status(row),
    )


def _list_faults(
    entry: Entry,
    row: ReconciliationException | None,
    people: Mapping[str, frozenset[str]],
    today: date,
) -> Iterator[tuple[str, str, str]]:
    if row is None:
        yield "row", f"no exception of {entry.text('check')} has this key", "copy the row from our answers file"
        return
    amount = entry.number("amount")
    if amount != row.amount:
        said, now = (
            _say_amount(amount, entry.text("currency") or row.currency),
            _say_amount(row.amount, row.currency),
        )
        yield "amount", f"the explanation is of {said}, the row stands at {now}", "copy the row again and explain that"
    yield from _list_acceptance_faults(entry, people)
    explained_on, accepted_on = entry.day("explained_on"), entry.day("accepted_on")
    for column, day in (("explained_on", explained_on), ("accepted_on", accepted_on)):
        if day and day > today:
            yield column, f"{day} lies in the future", "write the day on which it was done"
    if explained_on and accepted_on and accepted_on < explained_on:
        yield "accepted_on", f"it was accepted before it was explained on {explained_on}", "correct one of the dates"


def _list_acceptance_faults(entry: Entry, people: Mapping[str, frozenset[str]]) -> Iterator[tuple[str, str, str]]:
    acceptor = entry.text("accepted_by")
    if bool(acceptor) != bool(entry.text("accepted_on")):
        blank = "accepted_on" if acceptor else "accepted_by"
        yield blank, "an acceptance needs a name and a date", "fill in both, or neither"
    if not acceptor:
        return
    if is_same_name(acceptor, entry.text("explained_by")):
        words = "the explanation is accepted by who gave it"
        yield "accepted_by", words, "let a second person or the finance contact accept it"
    elif fold_name(acceptor) not in people:
        words = f"{acceptor!r} is nobody of this engagement"
        yield "accepted_by", words, "add the person to the sheet People and access, or to the ICM record"


def _say_amount(amount: Decimal | None, currency: str) -> str:
    return "no amount" if amount is None else f"{amount:,.2f} {currency}".strip()


def explain_rows(
    rows: Iterable[ReconciliationException],
    explanations: Mapping[RowId, Explanation],
    found_before: Mapping[RowId, Week],
) -> tuple[ReconciliationException, ...]:
    """Return a week's rows with the week in which each was first found, and explained where that was accepted."""
    dated = (replace(row, week=min(row.week, found_before.get((row.check, row.key), row.week))) for row in rows)
    return tuple(explain_row(row, explanations.get((row.check, row.key))) for row in dated)


def explain_row(
    row: ReconciliationException, explanation: Explanation | None, now: ReconciliationException | None = None
) -> ReconciliationException:
    """Return an open row as EXPLAINED where the explanation is accepted and still fits; else as it is.

    `now` is the row as later evidence has it, where that is not the row itself.
    """
    if explanation is None or row.state is not ExceptionState.OPEN:
        return row
    if not (explanation.is_accepted and explanation.fits(now or row)):
        return row
    return replace(
        row,
        state=ExceptionState.EXPLAINED,
        resolved_on=explanation.accepted_on,
        reason_code=explanation.reason_code,
        explanation=explanation.words,
        ticket=explanation.ticket,
        explained_by=explanation.explained_by,
        accepted_by=explanation.accepted_by,
    )


def leave_out_carried(
    checks: Sequence[CheckResult], rows: Sequence[ReconciliationException], week: Week, main_currency: str
) -> tuple[CheckResult, ...]:
    """Return the checks without the rows that were explained in an earlier week: those weigh on this one no more."""
    carried = [row for row in rows if is_carried(row, week)]
    return tuple(
        _leave_out(check, [row for row in carried if row.check == check.check], main_currency) for check in checks
    )


def is_carried(row: ReconciliationException, week: Week) -> bool:
    """Tell whether a row was found in an earlier week and its explanation accepted by this week's Sunday."""
    explained = row.state is ExceptionState.EXPLAINED and row.resolved_on is not None
    return explained and row.week < week and row.resolved_on is not None and row.resolved_on <= week.sunday


def _leave_out(check: CheckResult, carried: Sequence[ReconciliationException], main_currency: str) -> CheckResult:
    if not carried:
        return check
    left = check.exceptions - len(carried)
    value = sum((row.amount or Decimal(0) for row in carried if row.currency == main_currency), Decimal(0))
    words = f"{len(carried)} explained in an earlier week"
    return replace(
        check,
        verdict=check.verdict if left else Verdict.PASS,
        exceptions=left,
        exception_value=check.exception_value - value,
        reason=f"{check.reason}, {words}" if check.reason else words,
    )
