"""Reads JQL into a syntax tree; what the names in it mean is looked at by `search`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lark import Lark, Token, Transformer, v_args
from lark.exceptions import UnexpectedInput, UnexpectedToken

from sandbox.jira.errors import ApiError

GRAMMAR_FILE = Path(__file__).with_name("jql.lark")
ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


@dataclass(frozen=True)
class Comparison:
    """`field operator value`; the operator is one of = != < <= > >= ~ !~."""

    field: str
    operator: str
    value: str


@dataclass(frozen=True)
class Membership:
    """`field in (values)`, or not in."""

    field: str
    values: tuple[str, ...]
    negated: bool


@dataclass(frozen=True)
class Emptiness:
    """`field is empty`, or is not empty."""

    field: str
    negated: bool


@dataclass(frozen=True)
class Conjunction:
    """All of the conditions."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True)
class Disjunction:
    """Any of the conditions."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True)
class Negation:
    """Not the condition."""

    condition: Condition


Condition = Comparison | Membership | Emptiness | Conjunction | Disjunction | Negation


@dataclass(frozen=True)
class Sort:
    """One key of ORDER BY."""

    field: str
    descending: bool


@dataclass(frozen=True)
class Query:
    """A whole query; without a condition it is unbounded."""

    condition: Condition | None
    order: tuple[Sort, ...]


def parse_jql(text: str) -> Query:
    """Read a query; raise ApiError 400 with the place where it is none."""
    try:
        query: Query = _TreeReader().transform(_load_parser().parse(text))
    except UnexpectedInput as error:
        raise _describe_syntax_error(text, error) from error
    return query


@cache
def _load_parser() -> Lark:
    return Lark(
        GRAMMAR_FILE.read_text(encoding="utf-8"),
        parser="lalr",
        lexer="contextual",
        start="query",
        maybe_placeholders=True,
    )


def _describe_syntax_error(text: str, error: UnexpectedInput) -> ApiError:
    ended = isinstance(error, UnexpectedToken) and error.token.type == "$END"
    if ended or error.pos_in_stream is None or error.pos_in_stream >= len(text):
        return ApiError(400, "Error in the JQL Query: The query ends where more was expected.")
    found = text[error.pos_in_stream :].split(maxsplit=1)[0]
    return ApiError(400, f"Error in the JQL Query: Unexpected '{found}'. (line {error.line}, character {error.column})")


@v_args(inline=True)
class _TreeReader(Transformer[Token, Query]):
    """Turns lark's tree into the records above."""

    def query(self, condition: Condition | None, *order: Sort | None) -> Query:
        return Query(condition, tuple(sort for sort in order if sort is not None))

    def disjunction(self, *conditions: Condition) -> Condition:
        return conditions[0] if len(conditions) == 1 else Disjunction(conditions)

    def conjunction(self, *conditions: Condition) -> Condition:
        return conditions[0] if len(conditions) == 1 else Conjunction(conditions)

    def negation(self, condition: Condition) -> Condition:
        return Negation(condition)

    def comparison(self, field: str, operator: Token, value: str) -> Condition:
        return Comparison(field.casefold(), str(operator), value)

    def membership(self, field: str, word: Token, *values: str) -> Condition:
        return Membership(field.casefold(), values, word.type == "NOT_IN")

    def emptiness(self, field: str, word: Token, _empty: Token) -> Condition:
        return Emptiness(field.casefold(), word.type == "IS_NOT")

    def sort(self, field: str, direction: Token | None) -> Sort:
        return Sort(field.casefold(), direction is not None and direction.type == "DESC")

    def name(self, token: Token) -> str:
        return _unquote(token)

    def value(self, token: Token) -> str:
        return _unquote(token)


def _unquote(token: Token) -> str:
    if token.type != "QUOTED":
        return str(token)
    characters = iter(token[1:-1])
    return "".join(ESCAPES.get(after := next(characters), after) if each == "\\" else each for each in characters)
