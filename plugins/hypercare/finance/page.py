"""What a page of the finance workbook holds, apart from how it is written. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any


@dataclass(frozen=True)
class Money:
    """An amount of one currency: shown with as many decimals as that has, and more where the amount itself has."""

    amount: Decimal
    currency: str


@dataclass(frozen=True)
class Attention:
    """A value that a reader should not miss."""

    value: Any


@dataclass(frozen=True)
class Column:
    """One column of a page; its width is in characters."""

    header: str
    width: int = 14
    is_number: bool = False


@dataclass(frozen=True)
class Block:
    """Rows below a title of their own; values are text, numbers, dates, instants, Money, or one of those marked."""

    title: str
    headers: Sequence[str]
    rows: Sequence[Sequence[Any]]


@dataclass(frozen=True)
class Cover:
    """The first page: blocks below each other."""

    title: str
    lead: str
    widths: Sequence[int]
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Page:
    """A page of one table, its header frozen."""

    title: str
    lead: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Any]]
