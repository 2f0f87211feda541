"""The values of a camt message's elements: text, amounts, days, directions. Names stand without their namespaces."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal
from xml.etree.ElementTree import Element

AMOUNT = re.compile(r"\d+(\.\d*)?|\.\d+")
MOST_DIGITS, MOST_DECIMALS = 18, 5
CURRENCY = re.compile(r"[A-Z]{3}")


class ElementFaultError(ValueError):
    """An element that cannot be taken; the text follows its place."""


def read_text(element: Element | None, path: str) -> str:
    """Return the text of the first element at a path, spaces and line breaks as single spaces; empty: none."""
    return "" if element is None else " ".join((element.findtext(path) or "").split())


def read_texts(element: Element, *paths: str) -> list[str]:
    """Return the texts of all elements at some paths, in the order of the paths."""
    return [" ".join((found.text or "").split()) for path in paths for found in element.findall(path)]


def read_amount(element: Element | None, name: str) -> tuple[Decimal, str]:
    """Return amount and currency; raise ElementFaultError where either is missing or is none by the ISO schemas."""
    if element is None or not (element.text or "").strip():
        msg = f"it has no amount ({name})"
        raise ElementFaultError(msg)
    text = (element.text or "").strip()
    currency = element.get("Ccy", "").strip()
    digits = text.replace(".", "")
    decimals = len(text.rpartition(".")[2]) if "." in text else 0
    if not AMOUNT.fullmatch(text) or len(digits) > MOST_DIGITS or decimals > MOST_DECIMALS:
        msg = f"{text[:40]!r} is no amount ({name}): digits with a point, without sign or exponent"
        raise ElementFaultError(msg)
    if not CURRENCY.fullmatch(currency):
        msg = f"the amount {text} has no currency ({name}/@Ccy)"
        raise ElementFaultError(msg)
    return Decimal(text), currency


def read_direction(element: Element) -> bool:
    """Return whether money comes in; raise ElementFaultError where `CdtDbtInd` does not say."""
    word = read_text(element, "CdtDbtInd")
    if word not in ("CRDT", "DBIT"):
        msg = f"CdtDbtInd says {word[:20]!r}, not CRDT or DBIT"
        raise ElementFaultError(msg)
    return word == "CRDT"


def read_day(element: Element | None) -> date | None:
    """Return the day of a date choice (`Dt` or `DtTm`), in the bank's own zone; None: it is not there."""
    return parse_day(read_text(element, "Dt") or read_text(element, "DtTm"))


def parse_day(text: str) -> date | None:
    """Return the day of an ISO date or instant; None for an empty text, ElementFaultError for any other."""
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).date() if "T" in text else date.fromisoformat(text[:10])
    except ValueError:
        msg = f"{text[:40]!r} is no date"
        raise ElementFaultError(msg) from None


def signed(is_credit: bool, amount: Decimal) -> Decimal:
    """Return an amount as it changes a balance."""
    return amount if is_credit else -amount
