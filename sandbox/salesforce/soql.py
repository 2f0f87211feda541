"""Reads SOQL into a syntax tree; what the names in it mean is not looked at here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from itertools import islice
from pathlib import Path

from lark import Lark, Token, Transformer, v_args
from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedInput, UnexpectedToken, VisitError

from sandbox.salesforce.errors import ApiError, malformed_query

GRAMMAR_FILE = Path(__file__).with_name("soql.lark")
ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", '"': '"', "'": "'", "\\": "\\"}
WILDCARDS = "%_"


@dataclass(frozen=True)
class FieldPath:
    """A field, or one of a parent's fields: `("Account__r", "Owner", "Name")`. `offset` is its place in the query."""

    names: tuple[str, ...]
    offset: int

    def __str__(self) -> str:
        return ".".join(self.names)


@dataclass(frozen=True)
class Text:
    """A quoted text: `plain` as compared, `pattern` as LIKE takes it, where a backslash guards the next character."""

    plain: str
    pattern: str


@dataclass(frozen=True)
class DateWord:
    """A relative date such as TODAY or LAST_N_DAYS:30; `name` is in capitals."""

    name: str
    count: int | None


Literal = Text | Decimal | bool | None | date | datetime | DateWord


@dataclass(frozen=True)
class Comparison:
    """`path operator literal`; the operator is one of = != < <= > >= LIKE."""

    path: FieldPath
    operator: str
    literal: Literal


@dataclass(frozen=True)
class Membership:
    """`path operator (literals)`; the operator is one of IN, NOT IN, INCLUDES, EXCLUDES."""

    path: FieldPath
    operator: str
    literals: tuple[Literal, ...]


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


Condition = Comparison | Membership | Conjunction | Disjunction | Negation


@dataclass(frozen=True)
class OrderKey:
    """One key of ORDER BY; Salesforce puts nulls first in either direction unless told otherwise."""

    path: FieldPath
    descending: bool
    nulls_last: bool


@dataclass(frozen=True)
class Query:
    """A whole query; `paths` is empty for COUNT()."""

    text: str
    paths: tuple[FieldPath, ...]
    sobject: str
    sobject_offset: int
    condition: Condition | None
    order: tuple[OrderKey, ...]
    limit: int | None
    offset: int | None


def parse_query(text: str) -> Query:
    """Read a query. Raises ApiError MALFORMED_QUERY, with the place, where the text is not SOQL."""
    try:
        query: Query = _TreeReader(text).transform(_load_parser().parse(text))
        return query
    except VisitError as error:
        if isinstance(error.orig_exc, ApiError):
            raise error.orig_exc from None
        raise
    except UnexpectedInput as error:
        raise _describe_syntax_error(text, error) from error


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
    at_end = isinstance(error, UnexpectedEOF) or (isinstance(error, UnexpectedToken) and error.token.type == "$END")
    if at_end:
        return malformed_query(text, len(text), "unexpected token: '<EOF>'")
    offset = error.pos_in_stream or 0
    if isinstance(error, UnexpectedToken):
        return malformed_query(text, offset, f"unexpected token: '{error.token}'")
    if isinstance(error, UnexpectedCharacters) and text[offset] == "'":
        return malformed_query(text, offset, "line 1: unterminated string literal")
    word = text[offset:].split(maxsplit=1)[0] if text[offset:].split() else text[offset]
    return malformed_query(text, offset, f"unexpected token: '{word}'")


@v_args(inline=True)
class _TreeReader(Transformer[Token, Query]):  # type: ignore[misc]
    """Turns lark's tree into the records above, from the leaves up."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text

    def query(self, paths: tuple[FieldPath, ...], sobject: Token, condition: Condition | None, *rest: object) -> Query:
        *keys, limit, offset = rest
        return Query(
            text=self._text,
            paths=paths,
            sobject=str(sobject),
            sobject_offset=sobject.start_pos or 0,
            condition=condition,
            order=tuple(key for key in keys if isinstance(key, OrderKey)),
            limit=self._read_count(limit),
            offset=self._read_count(offset),
        )

    def count_all(self, _count: Token) -> tuple[FieldPath, ...]:
        return ()

    def paths(self, *paths: FieldPath) -> tuple[FieldPath, ...]:
        return paths

    def path(self, *names: Token) -> FieldPath:
        return FieldPath(tuple(str(name) for name in names), names[0].start_pos or 0)

    def conjunction(self, *conditions: Condition) -> Conjunction:
        return Conjunction(conditions)

    def disjunction(self, *conditions: Condition) -> Disjunction:
        return Disjunction(conditions)

    def negation(self, condition: Condition) -> Negation:
        return Negation(condition)

    def comparison(self, path: FieldPath, operator: Token, literal: Literal) -> Comparison:
        symbol = "!=" if operator == "<>" else operator.upper()
        return Comparison(path, symbol, literal)

    def membership(self, path: FieldPath, operator: Token, *literals: Literal) -> Membership:
        return Membership(path, " ".join(operator.upper().split()), literals)

    def order_key(self, path: FieldPath, *options: Token | None) -> OrderKey:
        kinds = {option.type for option in options if option is not None}
        return OrderKey(path, descending="DESC" in kinds, nulls_last="NULLS_LAST" in kinds)

    def text(self, token: Token) -> Text:
        return self._read_text(token)

    def number(self, token: Token) -> Decimal:
        return Decimal(token)

    def date(self, token: Token) -> date:
        try:
            return date.fromisoformat(token)
        except ValueError as error:
            raise malformed_query(self._text, token.start_pos or 0, f"Invalid date: {token}") from error

    def datetime(self, token: Token) -> datetime:
        try:
            return datetime.fromisoformat(token).astimezone(UTC)
        except ValueError as error:
            raise malformed_query(self._text, token.start_pos or 0, f"Invalid datetime: {token}") from error

    def word(self, token: Token, count: Token | None) -> Literal:
        """Read TRUE, FALSE and NULL; every other bare word can only be a relative date."""
        name = token.upper()
        constants: dict[str, Literal] = {"TRUE": True, "FALSE": False, "NULL": None}
        if name in constants and count is None:
            return constants[name]
        return DateWord(name, None if count is None else int(count))

    def _read_count(self, token: object) -> int | None:
        if token is None:
            return None
        count = int(str(token))
        if count < 0:
            raise malformed_query(self._text, self._text.rindex(str(token)), f"unexpected token: '{token}'")
        return count

    def _read_text(self, token: Token) -> Text:
        characters = iter(token[1:-1])
        plain, pattern = [], []
        for character in characters:
            if character != "\\":
                plain.append(character)
                pattern.append(character)
                continue
            read = self._read_escape(token, next(characters), characters)
            plain.append(read)
            pattern.append("\\" + read)
        return Text("".join(plain), "".join(pattern))

    def _read_escape(self, token: Token, kind: str, following: Iterator[str]) -> str:
        if kind in WILDCARDS:
            return kind
        if kind.lower() == "u":
            digits = "".join(islice(following, 4))
            if len(digits) == 4 and all(digit in "0123456789abcdefABCDEF" for digit in digits):
                return chr(int(digits, 16))
        elif kind.lower() in ESCAPES:
            return ESCAPES[kind.lower()]
        detail = f"Invalid string literal {token}. Illegal character sequence '\\{kind}' in string literal."
        raise malformed_query(self._text, token.start_pos or 0, detail)
