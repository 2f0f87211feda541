"""How references are compared: as banks hand them on, in capitals, cut at 35 characters, or amid other words."""

from __future__ import annotations

import re
from collections.abc import Iterable

from hypercare.bank_entries import NO_REFERENCES

LONGEST = 35
"""ISO 20022's `Max35Text`, at which banks cut references."""
SHORTEST_IN_TEXT = 4
MOST_WORDS = 4
"""A reference within a text is looked for in so many words in a row: `PAY-2026-17` is three."""


def name_keys(references: Iterable[str]) -> frozenset[str]:
    """Return the forms by which references are compared: without case, spaces and signs, whole and cut."""
    keys = {_plain(form) for reference in references for form in (reference, reference.strip()[:LONGEST])}
    return frozenset(key for key in keys if key and key not in NO_REFERENCES)


def list_words(texts: Iterable[str], *, whole: bool = False) -> frozenset[str]:
    """Return what may be references in texts: up to four words in a row that hold a digit. `whole`: all of each text.

    What is shorter than four characters says nothing within a text.
    """
    found: set[str] = set()
    for text in texts:
        words = re.findall(r"[^\W_]+", text.upper())
        most = len(words) if whole else min(MOST_WORDS, len(words))
        for length in range(most if whole else 1, most + 1):
            found.update("".join(words[start : start + length]) for start in range(len(words) - length + 1))
    return frozenset(key for key in found if len(key) >= SHORTEST_IN_TEXT and any(sign.isdigit() for sign in key))


def _plain(reference: str) -> str:
    return re.sub(r"[\W_]+", "", reference.upper())
