"""What the `expect` of a contract's rule means, in two languages: a Great Expectations type and a SQL condition.

Both must find the same records; where the two engines differ (the end of a text, the width of a digit, a decimal
against a float), the expectation is put so that they do not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from hypercare.contracts import Contract, Scalar, flatten

ORDERED_KINDS = ("integer", "decimal", "date", "timestamp")
TEXT_KINDS = ("id", "text")


@dataclass(frozen=True)
class Meaning:
    """What an `expect` of a contract means, in both languages."""

    expectation: str
    arguments: Mapping[str, Any]
    unexpected: str
    words: str
    judges_missing: bool = False
    other: str = ""


def sql_literal(value: str | int | float) -> str:
    """Return a value as SQL."""
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return f"{Decimal(str(value)):f}"


def _not_null(_contract: Contract, column: str, _scalar: Scalar) -> Meaning:
    return Meaning("expect_column_values_to_not_be_null", {}, f'"{column}" is null', f"have no {column}", True)


def _in_set(_contract: Contract, column: str, scalar: Scalar, *, values: list[str]) -> Meaning:
    _expect_kind(scalar, TEXT_KINDS)
    if not values:
        msg = "no values are named"
        raise ValueError(msg)
    known = ", ".join(sql_literal(str(value)) for value in values)
    return Meaning(
        "expect_column_values_to_be_in_set",
        {"value_set": [str(value) for value in values]},
        f'"{column}" not in ({known})',
        f"have a {column} that the contract does not know",
    )


def _between(_contract: Contract, column: str, scalar: Scalar, *, min: Any = None, max: Any = None) -> Meaning:  # noqa: ANN401 - YAML
    _expect_kind(scalar, ORDERED_KINDS)
    least, most = _bound(min), _bound(max)
    if least is None and most is None:
        msg = "neither min nor max is given"
        raise ValueError(msg)
    outside = ([f'"{column}" < {sql_literal(least)}'] if least is not None else []) + (
        [f'"{column}" > {sql_literal(most)}'] if most is not None else []
    )
    span = " or ".join(
        words for words, bound in ((f"below {least}", least), (f"above {most}", most)) if bound is not None
    )
    return Meaning(
        "expect_column_values_to_be_between",
        {"min_value": _float_bound(scalar, least, -1), "max_value": _float_bound(scalar, most, 1)},
        f"({' or '.join(outside)})",
        f"have a {column} {span}",
    )


def _length_between(_contract: Contract, column: str, scalar: Scalar, *, min: int = 0, max: int) -> Meaning:
    _expect_kind(scalar, TEXT_KINDS)
    return Meaning(
        "expect_column_value_lengths_to_be_between",
        {"min_value": int(min), "max_value": int(max)},
        f'length("{column}") not between {int(min)} and {int(max)}',
        f"have a {column} that is not {min} to {max} characters long",
    )


def _matches(_contract: Contract, column: str, scalar: Scalar, *, pattern: str) -> Meaning:
    """Ask that the whole value matches, by a pattern that Python and RE2 (DuckDB) read alike.

    Python's `$` also stands before a last line feed and its digits are wider than RE2's: the expectation asks for ASCII
    classes and the true end, as a lookahead, which keeps pandas from handing the pattern to RE2 now and then.
    """
    _expect_kind(scalar, TEXT_KINDS)
    re.compile(pattern)
    return Meaning(
        "expect_column_values_to_match_regex",
        {"regex": rf"(?a)\A(?:{pattern})(?![\s\S])"},
        f'not regexp_full_match("{column}", {sql_literal(pattern)})',
        f"have a {column} that does not match {pattern}",
    )


def _not_before(contract: Contract, column: str, scalar: Scalar, *, other: str) -> Meaning:
    second = next((c.node for c in flatten(contract.columns) if c.name == other), None)
    if not isinstance(second, Scalar) or second.kind != scalar.kind or scalar.kind not in ORDERED_KINDS:
        msg = f"{other!r} is not a column of the same kind"
        raise ValueError(msg)
    return Meaning(
        "expect_column_pair_values_a_to_be_greater_than_b",
        {"column_A": column, "column_B": other, "or_equal": True, "ignore_row_if": "either_value_is_missing"},
        f'"{column}" < "{other}"',
        f"have a {column} before their {other}",
        other=other,
    )


def _bound(value: Any) -> Any:  # noqa: ANN401 - YAML: a number, a date or an instant
    """Return a bound as JSON can carry it."""
    return value.isoformat() if hasattr(value, "isoformat") else value


def _float_bound(scalar: Scalar, bound: Any, outwards: int) -> Any:  # noqa: ANN401 - as `_bound`
    """Return a bound as Great Expectations may compare it.

    It takes numbers as floats, and a decimal 0.10 is less than the float 0.1. So a fraction moves outwards by half a
    unit of the column's last digit, where no value can lie.
    """
    if scalar.kind != "decimal" or not isinstance(bound, float) or Decimal(bound) == Decimal(str(bound)):
        return bound
    units = Decimal(str(bound)).scaleb(scalar.scale).to_integral_value(ROUND_CEILING if outwards < 0 else ROUND_FLOOR)
    return float((units + outwards * Decimal("0.5")).scaleb(-scalar.scale))


def _expect_kind(scalar: Scalar, kinds: tuple[str, ...]) -> None:
    if scalar.kind not in kinds:
        msg = f"it is said of {', '.join(kinds)} only"
        raise ValueError(msg)


MEANINGS: Mapping[str, Callable[..., Meaning]] = {
    "not_null": _not_null,
    "in_set": _in_set,
    "between": _between,
    "length_between": _length_between,
    "matches": _matches,
    "not_before": _not_before,
}
