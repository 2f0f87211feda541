"""Balances of one legal entity and currency over consecutive weeks, as the ledger has them of each. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import pairwise
from typing import Any

from hypercare.weeks import Week

MOVEMENTS = ("approved", "paid", "voided", "credited", "adjusted")
Group = tuple[str, str]
"""A legal entity and a currency."""


@dataclass(frozen=True)
class WeekBalance:
    """One row of a week's roll-forward: opening + approved - paid - voided - credited - adjusted = closing."""

    week: Week
    legal_entity: str
    currency: str
    opening: Decimal
    approved: Decimal
    paid: Decimal
    voided: Decimal
    credited: Decimal
    adjusted: Decimal
    closing: Decimal
    difference: Decimal
    gap: Decimal | None = None
    """Opening less the closing of the week before; None where no roll-forward of that week is at hand."""

    @property
    def group(self) -> Group:
        """To whom it belongs."""
        return self.legal_entity, self.currency


@dataclass(frozen=True)
class Balance:
    """What several weeks come to."""

    group: Group
    first: Week
    last: Week
    opening: Decimal
    movements: Mapping[str, Decimal]
    closing: Decimal
    difference: Decimal
    """Closing less opening and movements, over all weeks: what differed in a week and what lay between two."""
    gaps: tuple[Week, ...]
    """The weeks that do not open as the one before closed."""


def read_balances(weeks: Iterable[tuple[Week, Sequence[Mapping[str, Any]]]]) -> list[WeekBalance]:
    """Return the roll-forward rows of weeks, by week, legal entity and currency.

    Where one of two consecutive weeks has no row for a legal entity and currency, its balance is zero there.
    """
    rolled = {week: {(row["legal_entity"] or "", row["currency"]): row for row in rows} for week, rows in weeks}
    found = []
    for week, rows in sorted(rolled.items()):
        before = rolled.get(week.shift(-1))
        carried = [group for group, row in (before or {}).items() if group not in rows and Decimal(row["closing"])]
        for entity, currency in sorted([*rows, *carried]):
            figures = {name: Decimal(rows.get((entity, currency), {}).get(name, 0)) for name in _FIGURES}
            row = WeekBalance(week, entity, currency, **figures)
            closed = Decimal((before or {}).get((entity, currency), {}).get("closing", 0))
            found.append(row if before is None else replace(row, gap=row.opening - closed))
    return found


_FIGURES = ("opening", *MOVEMENTS, "closing", "difference")


def sum_balances(rows: Sequence[WeekBalance], weeks: Sequence[Week]) -> list[Balance]:
    """Return, by legal entity and currency, what the roll-forward rows of these consecutive weeks come to."""
    groups: dict[Group, dict[Week, WeekBalance]] = {}
    for row in rows:
        groups.setdefault(row.group, {})[row.week] = row
    return [_sum(group, own, weeks) for group, own in sorted(groups.items())]


def are_consecutive(weeks: Sequence[Week]) -> bool:
    """Tell whether each week follows the one before it."""
    return all(later == earlier.shift(1) for earlier, later in pairwise(weeks))


def _sum(group: Group, own: Mapping[Week, WeekBalance], weeks: Sequence[Week]) -> Balance:
    opening = own[weeks[0]].opening if weeks[0] in own else Decimal(0)
    closing = own[weeks[-1]].closing if weeks[-1] in own else Decimal(0)
    movements = {name: sum((getattr(row, name) for row in own.values()), Decimal(0)) for name in MOVEMENTS}
    taken_off = sum((amount for name, amount in movements.items() if name != "approved"), Decimal(0))
    return Balance(
        group=group,
        first=weeks[0],
        last=weeks[-1],
        opening=opening,
        movements=movements,
        closing=closing,
        difference=closing - (opening + movements["approved"] - taken_off),
        gaps=tuple(week for week, row in sorted(own.items()) if row.gap),
    )
