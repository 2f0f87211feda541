"""A cell's text as the API would write the value: what can't be read stays as it is and will not fit its contract."""

from __future__ import annotations

import re
from datetime import datetime
from zoneinfo import ZoneInfo

from hypercare.contracts import Scalar
from hypercare.systems.csv_mapping import CsvColumn, CsvMapping, normalise

DIGIT_SPACES = re.compile(r"&nbsp;?|[\s\u00a0\u202f\u2009]", re.IGNORECASE)
"""For locales that part digits by a space Coupa writes it as `&nbsp` (flat-file pages, number columns)."""
ENGLISH_NUMBER = re.compile(r"[+-]?\d{1,3}(,\d{3})+\.\d+")
"""Nothing else is meant by it: both marks are there."""
ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ].*)?")
OFFSET_AND_Z = re.compile(r"([+-]\d{2}:?\d{2})Z$")
"""The pages' own format is `YYYY-MM-DDTHH:MM:SS+HH:MMZ`."""
YES = frozenset({"true", "t", "yes", "y", "1"})
NO = frozenset({"false", "f", "no", "n", "0"})


def convert(text: str, column: CsvColumn, scalar: Scalar, mapping: CsvMapping) -> str | None:
    """Return a cell as the contract's wire text; None for a blank one, which is unknown and never false or zero.

    A date keeps the day of the file's own offset. Texts that look like formulas stay texts.
    """
    if not text.strip():
        return None
    words = {normalise(word): wire for word, wire in column.words.items()}
    text = words.get(normalise(text), text)
    match scalar.kind:
        case "text":
            return text
        case "id":
            return text.strip()
        case "boolean":
            word = text.strip().casefold()
            return "true" if word in YES else "false" if word in NO else text
        case "decimal" | "integer":
            return _convert_number(text, mapping)
        case "date":
            moment = _parse_moment(text.strip(), mapping)
            return text.strip() if isinstance(moment, str) else moment.date().isoformat()
        case _:
            return _convert_timestamp(text.strip(), mapping)


def _convert_number(text: str, mapping: CsvMapping) -> str:
    plain = DIGIT_SPACES.sub("", text)
    if mapping.decimal == ".":
        return plain.replace(",", "") if mapping.thousands == "," or ENGLISH_NUMBER.fullmatch(plain) else plain
    whole, comma, rest = (
        plain.replace(mapping.thousands, "").partition(",") if mapping.thousands else (plain.partition(","))
    )
    return f"{whole}.{rest}" if comma else whole


def _convert_timestamp(text: str, mapping: CsvMapping) -> str:
    moment = _parse_moment(text, mapping)
    if isinstance(moment, str):
        return text
    return (moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(mapping.time_zone))).isoformat()


def _parse_moment(text: str, mapping: CsvMapping) -> datetime | str:
    """Return a date or instant as the file says it, the offset kept; the text itself where it is neither."""
    if ISO_DATE.fullmatch(text):
        try:
            return datetime.fromisoformat(OFFSET_AND_Z.sub(r"\1", text))
        except ValueError:
            return text
    for each in mapping.date_formats:
        try:
            return datetime.strptime(text, each)  # noqa: DTZ007 - the mapping's zone is added where one is needed
        except ValueError:
            continue
    return text
