"""Salesforce record ids: 15 case-sensitive characters, or 18 of which the last 3 make them safe without case."""

from __future__ import annotations

from hashlib import sha256

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
SUFFIX_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
BODY_LENGTH = 12
COUNTER_LIMIT = len(DIGITS) ** (BODY_LENGTH - 1)
"""Ids of counters stay below this number and ids of texts above it, so the two never meet."""


def new_id(prefix: str, of: int | str) -> str:
    """Make the 18-character id of the `of`-th record, or of the record that the text `of` names.

    The same prefix and `of` give the same id on every machine. `prefix` is an object's three-character key prefix.
    Raises ValueError where the prefix is not three base-62 digits or the counter is out of range.
    """
    if len(prefix) != 3 or any(character not in DIGITS for character in prefix):
        message = f"key prefix {prefix!r} is not three letters or digits"
        raise ValueError(message)
    if isinstance(of, str):
        number = COUNTER_LIMIT + int.from_bytes(sha256(of.encode()).digest()) % COUNTER_LIMIT
    elif 0 <= of < COUNTER_LIMIT:
        number = of
    else:
        message = f"record number {of} is outside 0 .. {COUNTER_LIMIT - 1}"
        raise ValueError(message)
    return complete_id(prefix + _write_base62(number))


def complete_id(text: str) -> str:
    """Return the 18-character form of an id of 15 or 18 characters, mending the case where the suffix tells it.

    Raises ValueError where the text is no id.
    """
    if len(text) not in (15, 18) or any(character not in DIGITS for character in text):
        message = f"{text!r} is not a record id of 15 or 18 letters and digits"
        raise ValueError(message)
    if len(text) == 15:
        return text + "".join(_write_suffix(text[start : start + 5]) for start in (0, 5, 10))
    body = "".join(_restore_case(text[start : start + 5], text[15 + start // 5].upper()) for start in (0, 5, 10))
    completed = complete_id(body)
    if completed[15:] != text[15:].upper():
        message = f"{text!r} has the suffix of another record id"
        raise ValueError(message)
    return completed


def _write_base62(number: int) -> str:
    digits = []
    for _ in range(BODY_LENGTH):
        number, digit = divmod(number, len(DIGITS))
        digits.append(DIGITS[digit])
    return "".join(reversed(digits))


def _write_suffix(block: str) -> str:
    """One suffix digit holds, as bits, which of five characters are capitals; the first character is the lowest bit."""
    return SUFFIX_DIGITS[sum(1 << place for place, character in enumerate(block) if "A" <= character <= "Z")]


def _restore_case(block: str, suffix: str) -> str:
    if suffix not in SUFFIX_DIGITS:
        message = f"{suffix!r} is not a digit of an id's suffix"
        raise ValueError(message)
    capitals = SUFFIX_DIGITS.index(suffix)
    return "".join(
        character.upper() if capitals >> place & 1 else character.lower() for place, character in enumerate(block)
    )
