"""Equal records have one text and one digest; what has no certain form is refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hypercare.canonical import canonical_json, digest, plain
from hypercare.model import Verdict
from hypercare.weeks import Week

PLUGINS = Path(__file__).resolve().parents[2] / "plugins"


@dataclass(frozen=True)
class Record:
    kind: ClassVar[str] = "not a field"
    week: Week
    verdict: Verdict
    amounts: tuple[Decimal, ...]
    names: frozenset[str]


class Colour(Enum):
    RED = Decimal("1.0")


class Level(IntEnum):
    LOW = 1


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (0, "0"),
        (Level.LOW, "1"),
        (Verdict.PASS, '"PASS"'),
        (Colour.RED, '"1"'),
        ("Łódź 東京 \n", '"Łódź 東京 \\n"'),
        (Decimal("1.50"), '"1.5"'),
        (Decimal("100"), '"100"'),
        (Decimal("1E+2"), '"100"'),
        (Decimal("1E-7"), '"0.0000001"'),
        (Decimal("-0.00"), '"0"'),
        (Decimal("1234567890123456789012345678901.5"), '"1234567890123456789012345678901.5"'),
        (date(2026, 3, 9), '"2026-03-09"'),
        (datetime(2026, 3, 9, 12, tzinfo=UTC), '"2026-03-09T12:00:00+00:00"'),
        (datetime(2026, 3, 9, 1, tzinfo=timezone(timedelta(hours=13))), '"2026-03-08T12:00:00+00:00"'),
        (Week(2026, 9), '"2026-W09"'),
        ({"b": 1, "a": [2, (3,)]}, '{"a":[2,[3]],"b":1}'),
        ({Week(2026, 9): Verdict.FAIL}, '{"2026-W09":"FAIL"}'),
        (MappingProxyType({"a": {3, 1, 2}}), '{"a":[1,2,3]}'),
        (
            Record(Week(2026, 9), Verdict.QUIET, (Decimal("2.10"),), frozenset({"b", "a"})),
            '{"amounts":["2.1"],"names":["a","b"],"verdict":"QUIET","week":"2026-W09"}',
        ),
    ],
    ids=repr,
)
def test_each_value_has_one_text(value: object, text: str) -> None:
    assert canonical_json(value) == text


@pytest.mark.parametrize(
    "value", [1.5, b"bytes", bytearray(b"x"), object(), Record, iter([1]), timedelta(1), {"nested": [1.0]}]
)
def test_what_has_no_form_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="has no canonical form"):
        plain(value)


@pytest.mark.parametrize(
    "value",
    [
        Decimal("NaN"),
        Decimal("-Infinity"),
        datetime(2026, 3, 9),  # noqa: DTZ001 - that is what is refused
        {1: "a", "1": "b"},
    ],
    ids=repr,
)
def test_what_has_no_certain_form_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"no number|no time zone|read the same"):
        digest(value)


def test_sets_of_records_have_one_order() -> None:
    first, second = (
        Record(Week(2026, number), Verdict.PASS, (), frozenset(str(n) for n in range(50))) for number in (1, 2)
    )
    assert canonical_json({first, second}) == canonical_json(frozenset({second, first}))
    assert [entry["week"] for entry in plain({second, first})] == ["2026-W01", "2026-W02"]


def test_a_digest_is_the_same_in_processes_that_hash_otherwise() -> None:
    script = "from hypercare.canonical import digest; print(digest({'a': frozenset(map(str, range(99))), 'b': 'ü'}))"
    digests = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(PLUGINS), "PYTHONHASHSEED": seed, "TZ": zone},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed, zone in (("1", "UTC"), ("2", "Asia/Kolkata"))
    }
    assert digests == {digest({"b": "ü", "a": {str(number) for number in range(99)}}) + "\n"}


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(st.characters(exclude_categories=("Cs",)))
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.dates()
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4)
)


@given(VALUES)
def test_a_form_is_json_and_its_own_form(value: object) -> None:
    form = plain(value)
    assert json.loads(canonical_json(value)) == form
    assert plain(form) == form


@given(st.dictionaries(st.text(max_size=5), VALUES, max_size=5), st.randoms(use_true_random=False))
def test_the_order_of_keys_does_not_matter(value: dict[str, object], random: object) -> None:
    items = list(value.items())
    random.shuffle(items)
    assert digest(dict(items)) == digest(value)


@given(st.decimals(allow_nan=False, allow_infinity=False), st.decimals(allow_nan=False, allow_infinity=False))
def test_decimals_have_one_text_just_where_they_are_equal(one: Decimal, other: Decimal) -> None:
    assert (plain(one) == plain(other)) is (one == other)
    assert Decimal(plain(one)) == one


@given(st.decimals(-(10**9), 10**9, places=4), st.integers(0, 6))
def test_a_decimals_scale_does_not_matter(value: Decimal, places: int) -> None:
    assert plain(value) == plain(value.quantize(Decimal(1).scaleb(-4 - places)))


@given(
    st.datetimes(datetime(1900, 1, 2), datetime(2200, 1, 1)),  # noqa: DTZ001 - gets its zones below
    st.integers(-14 * 60, 14 * 60),
)
def test_an_instant_is_the_same_in_any_zone(moment: datetime, minutes: int) -> None:
    instant = moment.replace(tzinfo=UTC)
    assert digest(instant) == digest(instant.astimezone(timezone(timedelta(minutes=minutes))))
    assert digest(instant) != digest(instant + timedelta(microseconds=1))


@given(VALUES, VALUES)
def test_different_forms_have_different_digests(one: object, other: object) -> None:
    assume(plain(one) != plain(other) or type(plain(one)) is not type(plain(other)))
    assume(canonical_json(one) != canonical_json(other))
    assert digest(one) != digest(other)
