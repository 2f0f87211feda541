"""The pages behind the finance workbook's summary, each one table. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from hypercare.finance.balances import MOVEMENTS, WeekBalance, read_balances
from hypercare.finance.evidence import FinanceEvidence, FinanceWeek
from hypercare.finance.page import Attention, Column, Money, Page
from hypercare.model import ExceptionState, Verdict
from hypercare.reconciliation import MOST_NOTES

WEEK, ENTITY, CURRENCY = Column("Week", 11), Column("Legal entity", 24), Column("Currency", 10)
LEGS = {
    ("erp_leg", "invoice"): "ERP: invoices",
    ("erp_leg", "payment"): "ERP: payments",
    ("bank_side", "payment"): "Bank: payments",
}
"""What of Coupa's records is held against another system, by check and kind of record."""


def list_balances(evidence: FinanceEvidence) -> list[WeekBalance]:
    """Return the roll-forward rows of all weeks."""
    return read_balances((week.week, week.figures.get("roll_forward", [])) for week in evidence.weeks)


def make_roll_forward(evidence: FinanceEvidence) -> Page:
    """List opening, movements and closing of each week, and beside them what the ERP and the bank show."""
    lead = (
        "Approved and unpaid: opening plus approved, less paid, voided, credited and adjusted, is the closing. ERP and "
        "bank columns hold the records whose business days for it ended in the week, and of these what is still open."
    )
    balances, by_week = list_balances(evidence), {week.week: week for week in evidence.weeks}
    legs = list_legs(evidence)
    columns = (
        WEEK,
        ENTITY,
        CURRENCY,
        Column("Opening", 16, is_number=True),
        Column("plus approved", 16, is_number=True),
        *(Column(f"less {name}", 14, is_number=True) for name in MOVEMENTS[1:]),
        Column("Closing", 16, is_number=True),
        Column("Difference", 12, is_number=True),
        Column("Opening less closing of the week before", 14, is_number=True),
        Column("State", 32),
        *(Column(f"{LEGS[leg]}{what}", 14, is_number=True) for leg in legs for what in ("", ", still open")),
    )
    rows = [_roll(row, by_week[row.week], legs) for row in balances]
    return Page("Roll-forward", lead, columns, rows)


def list_legs(evidence: FinanceEvidence) -> list[tuple[str, str]]:
    """Return what is held against another system at all, by check and kind of record."""
    shown = {(leg["check"], leg["kind"]) for week in evidence.weeks for leg in week.figures.get("legs", [])}
    return [leg for leg in LEGS if leg in shown]


def _roll(row: WeekBalance, week: FinanceWeek, legs: Sequence[tuple[str, str]]) -> tuple[Any, ...]:
    def money(amount: Decimal | None) -> Any:  # noqa: ANN401
        return None if amount is None else Money(amount, row.currency)

    figures = [money(getattr(row, name)) for name in ("opening", *MOVEMENTS, "closing")]
    difference, gap = money(row.difference), money(row.gap)
    return (
        str(row.week),
        row.legal_entity or "no legal entity",
        row.currency,
        *figures,
        Attention(difference) if row.difference else difference,
        Attention(gap) if row.gap else gap,
        say_state(row, week),
        *_tell_legs(row, week.figures, legs),
    )


def say_state(row: WeekBalance, week: FinanceWeek) -> str:
    """Say whether a roll-forward closes, and whether that was judged at all."""
    check = next((each for each in week.revision.evidence.checks if each.check == "roll_forward"), None)
    if check is None or check.verdict not in (Verdict.PASS, Verdict.FAIL):
        return f"not judged{': ' + check.reason if check and check.reason else ''}"
    named = sum((each.legal_entity, each.currency) == row.group for each in week.rows.differing)
    rows = f"{named} row{'s' * (named != 1)}"
    if row.difference:
        return f"does not close: {rows} named" if named else "does not close: see Exceptions"
    return f"closes to 0: {rows} make up for each other" if named else "closes to 0"


def _tell_legs(row: WeekBalance, figures: Mapping[str, Any], legs: Sequence[tuple[str, str]]) -> Iterator[Any]:
    shown = {
        (leg["check"], leg["kind"]): leg
        for leg in figures.get("legs", [])
        if (leg["legal_entity"] or "", leg["currency"]) == row.group
    }
    for name in legs:
        leg = shown.get(name)
        amount, missing = (Decimal(leg["amount"]), Decimal(leg["open_amount"])) if leg else (None, None)
        yield None if amount is None else Money(amount, row.currency)
        told = None if missing is None else Money(missing, row.currency)
        yield Attention(told) if missing else told


def make_differing(evidence: FinanceEvidence) -> Page:
    """List the rows that keep a roll-forward from closing."""
    columns = (
        WEEK,
        ENTITY,
        CURRENCY,
        Column("Row", 30),
        Column("Difference", 16, is_number=True),
        Column("What differs", 90),
    )
    lead = "Documents and payments that keep a roll-forward from closing, or would if others did not make up for them."
    rows = [
        (
            str(week.week),
            row.legal_entity or "no legal entity",
            row.currency,
            row.key,
            Money(row.difference, row.currency),
            row.words,
        )
        for week in evidence.weeks
        for row in week.rows.differing
    ]
    return Page("Differing rows", lead, columns, rows)


def make_checks(evidence: FinanceEvidence) -> Page:
    """List what each check came to in each week."""
    columns = (
        WEEK,
        Column("Check", 30),
        Column("Verdict", 16),
        Column("Counts", 12),
        Column("Rows", 9, is_number=True),
        Column("Exceptions", 13, is_number=True),
        Column("Amount judged", 18, is_number=True),
        Column("Amount of exceptions", 18, is_number=True),
        CURRENCY,
        Column("Reason", 70),
    )
    rows = []
    for week in evidence.weeks:
        currency = week.figures.get("main_currency", "")
        for check in week.revision.evidence.checks:
            counts = "required" if check.required else "advisory" if check.advisory else "if present"
            verdict: Any = check.verdict.value
            bad = check.verdict in (Verdict.FAIL, Verdict.UNKNOWN)
            amounts = Money(check.value, currency), Money(check.exception_value, currency)
            shown = Attention(verdict) if bad else verdict
            told = (str(week.week), check.title, shown, counts, check.rows, check.exceptions)
            rows.append((*told, *amounts, currency, check.reason))
    lead = "Amounts are of the main currency of the week only; amounts of several currencies are never added up."
    return Page("Checks", lead, columns, rows)


def make_exceptions(evidence: FinanceEvidence) -> Page:
    """List every exception of the weeks, open ones marked."""
    columns = (
        WEEK,
        Column("Found in", 11),
        Column("Check", 24),
        Column("Row", 30),
        Column("State", 12),
        ENTITY,
        Column("Amount", 16, is_number=True),
        CURRENCY,
        Column("What", 70),
        Column("Resolved on", 12),
        Column("Reason code", 18),
        Column("Explanation", 50),
        Column("Ticket", 16),
        Column("Explained by", 20),
        Column("Accepted by", 20),
    )
    rows = []
    for week in evidence.weeks:
        titles = {check.check: check.title for check in week.revision.evidence.checks}
        for row in week.revision.evidence.exceptions:
            state: Any = row.state.value
            rows.append(
                (
                    str(week.week),
                    str(row.week),
                    titles.get(row.check, row.check),
                    row.key,
                    Attention(state) if row.state is ExceptionState.OPEN else state,
                    row.legal_entity,
                    None if row.amount is None else Money(row.amount, row.currency),
                    row.currency,
                    row.words,
                    row.resolved_on,
                    row.reason_code,
                    row.explanation,
                    row.ticket,
                    row.explained_by,
                    row.accepted_by,
                )
            )
    lead = "Rows that offend a check: open, cleared by later evidence, or explained and accepted by a second person."
    return Page("Exceptions", lead, columns, rows)


def make_sign_off(evidence: FinanceEvidence) -> Page:
    """List what the finance contact signed."""
    columns = (Column("Signed by", 24), Column("Role", 18), Column("Signed on", 12), Column("Figures", 90))
    rows = [
        (answer.customer_contact or answer.answered_by, answer.role, answer.answered_on, line)
        for answer in evidence.sign_offs
        if answer.confirmed
        for line in answer.evidence
    ]
    lead = "The figures that the finance contact signed, by week, legal entity and currency: they were the ledger's."
    return Page("Sign-off", lead, columns, rows)


def make_notes(evidence: FinanceEvidence) -> Page:
    """List what checks tell without its being an exception."""
    columns = (WEEK, Column("Check", 24), Column("Row", 30), ENTITY, Column("Amount", 16, is_number=True), CURRENCY)
    rows = []
    for week in evidence.weeks:
        titles = {check.check: check.title for check in week.revision.evidence.checks}
        for note in week.figures.get("notes", []):
            amount = None if note["amount"] is None else Money(Decimal(note["amount"]), note["currency"])
            named = (str(week.week), titles.get(note["check"], note["check"]), note["key"], note["legal_entity"])
            rows.append((*named, amount, note["currency"], note["words"]))
    lead = (
        "What checks report without failing: bookings that are no payment of Coupa's, adjustments, what is on hold. Of "
        f"a check and week the {MOST_NOTES} largest."
    )
    return Page("Notes", lead, (*columns, Column("What", 80)), rows)
