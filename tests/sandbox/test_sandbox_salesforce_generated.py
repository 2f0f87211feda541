"""Generated SOQL: what the Salesforce stand-in finds is what plain Python finds over the records as they were put."""

from __future__ import annotations

import operator
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.salesforce.errors import ApiError
from sandbox.salesforce.queries import run_query
from sandbox.salesforce.soql import parse_query
from sandbox.salesforce.store import Org

NOW = datetime(2026, 11, 18, 15, 30, tzinfo=UTC)
DATA = "/services/data/v59.0"
NUMBERS = (-5, 0, 7, 1000)
WORDS = ("", "Acme", "acme", "bolt", "O'Neil", "50%", "a_b")
DAYS = (date(2026, 1, 1), date(2026, 11, 17), date(2026, 11, 18), date(2027, 6, 30))
PRODUCTS = ("Invoicing", "Coupa Pay", "Expenses")
COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

records = st.lists(
    st.fixed_dictionaries(
        {
            "Phase__c": st.none() | st.sampled_from(WORDS),
            "Go_Live_Date__c": st.none() | st.sampled_from(DAYS),
            "Products__c": st.lists(st.sampled_from(PRODUCTS), unique=True),
            "employees": st.none() | st.sampled_from(NUMBERS),
        }
    ),
    min_size=1,
    max_size=6,
)
Generated = tuple[str, Callable[[dict[str, Any]], bool]]
"""A condition as SOQL, and as a Python predicate over a record as it was put."""


def quote(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def compare(value: object, symbol: str, literal: object) -> bool:
    """Compare as SOQL does: null equals null only, and is neither before nor after anything."""
    if symbol in ("=", "!="):
        return (value == literal) is (symbol == "=")
    return value is not None and COMPARISONS[symbol](value, literal)


def fold(text: str | None) -> str | None:
    return text.casefold() if text else None


@st.composite
def leaves(draw: st.DrawFn) -> Generated:
    kind = draw(st.sampled_from(["text", "date", "number", "like", "in", "includes", "null"]))
    symbol = draw(st.sampled_from(sorted(COMPARISONS)))
    if kind == "text":
        word = draw(st.sampled_from([word for word in WORDS if word]))
        return f"Phase__c {symbol} {quote(word)}", lambda row: compare(fold(row["Phase__c"]), symbol, fold(word))
    if kind == "date":
        day = draw(st.sampled_from(DAYS))
        return f"Go_Live_Date__c {symbol} {day}", lambda row: compare(row["Go_Live_Date__c"], symbol, day)
    if kind == "number":
        number = draw(st.sampled_from(NUMBERS))
        return f"Account__r.NumberOfEmployees {symbol} {number}", lambda row: compare(row["employees"], symbol, number)
    if kind == "like":
        start = draw(st.sampled_from(["a", "A", "b", "x"]))
        return f"Phase__c LIKE '{start}%'", lambda row: (fold(row["Phase__c"]) or "").startswith(start.lower())
    negated = draw(st.booleans())
    if kind == "in":
        words = draw(st.lists(st.sampled_from(WORDS), min_size=1))
        members = {fold(word) for word in words}
        text = f"Phase__c {'NOT ' * negated}IN ({', '.join(map(quote, words))})"
        return text, lambda row: (fold(row["Phase__c"]) in members) is not negated
    if kind == "includes":
        groups = draw(st.lists(st.lists(st.sampled_from(PRODUCTS), min_size=1, unique=True), min_size=1))
        listed = ", ".join(quote(";".join(group)) for group in groups)
        text = f"Products__c {'EXCLUDES' if negated else 'INCLUDES'} ({listed})"
        return text, lambda row: any(set(group) <= set(row["Products__c"]) for group in groups) is not negated
    field = draw(st.sampled_from(["Phase__c", "Go_Live_Date__c"]))
    return f"{field} {'!=' if negated else '='} null", lambda row: (not row[field]) is not negated


def combine(parts: st.SearchStrategy[Generated]) -> st.SearchStrategy[Generated]:
    def join(word: str, judge: Callable[[list[bool]], bool], chosen: list[Generated]) -> Generated:
        text = f" {word} ".join(f"({part})" for part, _ in chosen)
        return text, lambda row: judge([test(row) for _, test in chosen])

    several = st.lists(parts, min_size=2, max_size=3)
    return st.one_of(
        several.map(lambda chosen: join("AND", all, chosen)),
        several.map(lambda chosen: join("or", any, chosen)),
        parts.map(lambda part: (f"NOT ({part[0]})", lambda row: not part[1](row))),
    )


conditions = st.recursive(leaves(), combine, max_leaves=6)


@settings(max_examples=300, deadline=None)
@given(records, conditions)
def test_generated_conditions_find_what_plain_python_finds(rows: list[dict[str, Any]], condition: Generated):
    org = Org("Demo", "client", "secret", clock=NOW)
    start = NOW - timedelta(days=1)
    for place, row in enumerate(rows):
        account = org.put("Account", start, {"Name": str(place), "NumberOfEmployees": row["employees"]})
        body = {key: value for key, value in row.items() if key != "employees"}
        org.put("ICM__c", start, {"Name": str(place), "Account__c": account, **body})
    text, judge = condition
    expected = [str(place) for place, row in enumerate(rows) if judge(row)]
    found = run_query(org, f"SELECT Name FROM ICM__c WHERE {text}", DATA)
    assert [row["Name"] for row in found.rows] == expected


@settings(max_examples=200)
@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_any_text_can_be_quoted(text: str):
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    condition = parse_query(f"SELECT Id FROM Account WHERE Name = '{escaped}'").condition
    assert condition is not None
    assert condition.literal.plain == text  # type: ignore[union-attr]


@settings(max_examples=300)
@given(st.text(alphabet="SELECTFROMWHEREidname ()'\\,.=<>!%_:0123456789\n-", max_size=40))
def test_nonsense_never_breaks_the_reader(tail: str):
    org = Org("Demo", "client", "secret", clock=NOW)
    for query in (tail, f"SELECT Id FROM Account WHERE {tail}"):
        try:
            run_query(org, query, DATA)
        except ApiError as error:
            assert error.status == 400
