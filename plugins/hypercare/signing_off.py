"""The finance contact's sign-off of the cycle (rule R10): figures per week that must be the ledger's. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from hypercare.model import ReadinessAnswer
from hypercare.weeks import Week
from hypercare.workbook_entries import Entry, EntryFault, fold_name

SHEET = "finance_sign_off"
CRITERION = "evidence_level"
FIGURES = ("approved", "paid", "closing")


@dataclass(frozen=True)
class WeekTotal:
    """One legal entity's figures in one currency, as the ledger has them of a week's latest revision."""

    week: Week
    legal_entity: str
    currency: str
    approved: Decimal
    paid: Decimal
    closing: Decimal


def read_sign_offs(
    entries: Sequence[Entry],
    totals: Sequence[WeekTotal],
    people: Mapping[str, frozenset[str]],
    sign_off_roles: Sequence[str],
    today: date,
    tolerance: Decimal,
) -> tuple[list[ReadinessAnswer], list[EntryFault]]:
    """Return what the finance contact signed, and the rows that do not stand with both figures.

    A week is signed when each of its legal entities and currencies is, with the ledger's figures. For each day on which
    something was signed there is one answer: the weeks that were signed wholly on that day or later, so that the gate
    finds the one that covers its cycle.
    """
    known = {(str(total.week), total.legal_entity, total.currency): total for total in totals}
    faults: list[EntryFault] = []
    signed: dict[tuple[str, str, str], tuple[date, Entry]] = {}
    for entry in entries:
        if entry.sheet != SHEET or not entry.is_complete:
            continue
        key = (entry.text("week"), entry.text("legal_entity"), entry.text("currency").upper())
        found = [
            EntryFault(entry, *fault)
            for fault in _list_faults(entry, known.get(key), people, sign_off_roles, today, tolerance)
        ]
        faults += found
        day = entry.day("signed_on")
        if not found and day:
            signed[key] = (day, entry)
    roles = {role for role in sign_off_roles}
    return [_answer(day, signed, totals, people, roles) for day in sorted({day for day, _ in signed.values()})], faults


def _list_faults(
    entry: Entry,
    total: WeekTotal | None,
    people: Mapping[str, frozenset[str]],
    sign_off_roles: Sequence[str],
    today: date,
    tolerance: Decimal,
) -> Iterator[tuple[str, str, str]]:
    if total is None:
        yield "week", "the ledger has no such week, legal entity and currency", "copy the row from our answers file"
        return
    for figure in FIGURES:
        told, ours = entry.number(figure), getattr(total, figure)
        if told is None or abs(told - ours) > tolerance:
            said = "nothing" if told is None else f"{told:,.2f}"
            words = f"it says {said}, the ledger {ours:,.2f} {total.currency} {figure}"
            yield figure, words, "find out which is right; if ours is not, raise an action item and do not sign"
    if not people.get(fold_name(entry.text("signed_by")), frozenset()) & set(sign_off_roles):
        role = " or ".join(sign_off_roles)
        words = f"{entry.text('signed_by')!r} is not the {role} of this engagement"
        yield "signed_by", words, f"let the {role} sign, or name the person so in People and access"
    day = entry.day("signed_on")
    if day and day > today:
        yield "signed_on", f"{day} lies in the future", "write the day on which it was signed"


def _answer(
    day: date,
    signed: Mapping[tuple[str, str, str], tuple[date, Entry]],
    totals: Sequence[WeekTotal],
    people: Mapping[str, frozenset[str]],
    sign_off_roles: set[str],
) -> ReadinessAnswer:
    """Return what was signed on a day or later."""
    late = {key: entry for key, (signed_on, entry) in signed.items() if signed_on >= day}
    needed: dict[Week, set[tuple[str, str, str]]] = {}
    for total in totals:
        needed.setdefault(total.week, set()).add((str(total.week), total.legal_entity, total.currency))
    names = ", ".join(dict.fromkeys(entry.text("signed_by") for entry in late.values()))
    first = next(iter(late.values()))
    return ReadinessAnswer(
        criterion=CRITERION,
        confirmed=True,
        answered_on=day,
        answered_by=names,
        role=min(people[fold_name(first.text("signed_by"))] & sign_off_roles),
        customer_contact=names,
        weeks=tuple(week for week in sorted(needed) if needed[week] <= set(late)),
        evidence=tuple(
            f"{week} {legal_entity} {currency}: " + ", ".join(f"{name} {entry.text(name)}" for name in FIGURES)
            for (week, legal_entity, currency), entry in sorted(late.items())
        ),
    )
