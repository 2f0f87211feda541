"""What is checked of a feed's records: its contract turned into checks and those into a Great Expectations suite.

Each check says the same thing twice: as an expectation, for frames that fit into memory, and as a SQL condition, which
finds the failing rows and does the counting where a feed is too big for a frame. Both look at the `records` table of
`quality_records`: last versions, an empty text being no value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from hypercare.contracts import Column, Contract, ListOf, Record, Rule, Scalar, flatten, nested_lists
from hypercare.errors import ContractError

Severity = Literal["critical", "warning", "info"]

OWNER = "_instance"
COPIES = "_copies"
CRITICAL_MISFITS = "_misfits_critical"
OTHER_MISFITS = "_misfits_other"

ORDERED_KINDS = ("integer", "decimal", "date", "timestamp")
TEXT_KINDS = ("id", "text")


@dataclass(frozen=True)
class Check:
    """One thing that must hold for every record of a feed."""

    rule: str
    """`invoices.currency_is_iso`: the name under which it is reported."""
    kind: str
    severity: Severity
    column: str
    """The column of the records table that is looked at."""
    label: str
    """That column as people know it: `invoice_lines.id`."""
    words: str
    """What is wrong with a record that fails."""
    unexpected: str
    """SQL condition over a record that has a value there (or, for missing values, any record)."""
    expectation: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    where: str = ""
    """SQL condition: the records to which this applies; empty: all."""
    judges_missing: bool = False
    """Whether records without a value are looked at, too."""
    other: str = ""
    """A second column whose value must be there for the check to look at a record."""

    @property
    def in_scope(self) -> str:
        """SQL condition, never null: the record is one that the check is about."""
        return f"coalesce(({self.where}), false)" if self.where else "true"

    @property
    def applies(self) -> str:
        """SQL condition, never null: the check looks at the record."""
        if self.judges_missing:
            return self.in_scope
        columns = [self.column, *([self.other] if self.other else [])]
        return " and ".join([self.in_scope, *(f'"{column}" is not null' for column in columns)])

    @property
    def frame_columns(self) -> tuple[str, ...]:
        """The columns of the records table that the expectation reads."""
        return tuple(dict.fromkeys([OWNER, self.column, *([self.other] if self.other else [])]))


@dataclass(frozen=True)
class Meaning:
    """What an `expect` of a contract means, in both languages."""

    expectation: str
    arguments: Mapping[str, Any]
    unexpected: str
    words: str
    judges_missing: bool = False
    other: str = ""


def list_checks(contract: Contract) -> tuple[Check, ...]:
    """Return every check of a feed's records; raise ContractError naming the contract and the rule that is wrong."""
    checks = (
        *_key_checks(contract),
        *_required_checks(contract),
        *_nested_required_checks(contract),
        *_misfit_checks(contract),
        *(_rule_check(contract, rule) for rule in contract.rules),
    )
    names = [check.rule for check in checks]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        msg = f"contract {contract.feed}: these rules are there twice: {', '.join(twice)}"
        raise ContractError(msg)
    return checks


def suite_document(contract: Contract, checks: tuple[Check, ...]) -> dict[str, Any]:
    """Return a feed's Great Expectations suite as a JSON document; `meta.rule` of each expectation names its check."""
    return {
        "name": f"{contract.feed}.v{contract.version}",
        "expectations": [
            {
                "type": check.expectation,
                "kwargs": _keyword_arguments(check, position),
                "meta": {"rule": check.rule},
                "severity": check.severity,
            }
            for position, check in enumerate(checks)
        ],
        "meta": {"contract": contract.feed, "version": contract.version},
    }


def scope_column(position: int) -> str:
    """Return the name of the frame's boolean column that says whether the check at that position applies to a row."""
    return f"_scope_{position}"


def critical_paths(contract: Contract) -> frozenset[str]:
    """Return the dotted wire paths whose loss is critical, with the objects that hold them.

    These are the values that every record must have and those that a critical rule looks at.
    """
    ruled = {rule.column for rule in contract.rules if rule.severity == "critical"}
    paths = {column.path for column in contract.required_columns}
    paths |= {column.path for column in flatten(contract.columns) if column.name in ruled}
    for path, node in nested_lists(contract.columns):
        paths |= {(*path, *column.path) for column in _required(node.record)}
    return frozenset(".".join(path[:length]) for path in paths for length in range(1, len(path) + 1))


def nested_missing_columns(contract: Contract) -> Iterator[tuple[str, str, str]]:
    """Yield, for each required value of a nested list: its table, its column, and SQL that counts what is missing.

    The count is null for a record whose list is empty.
    """
    for column in flatten(contract.columns):
        if isinstance(column.node, ListOf):
            yield from _count_missing(contract, column, f'"{column.name}"', column.path, 1)


def missing_column(table: str, column: str) -> str:
    """Return the name of the records table's column that counts missing values of a nested table's column."""
    return f"_missing_{table}_{column}"


def _keyword_arguments(check: Check, position: int) -> dict[str, Any]:
    arguments = dict(check.arguments)
    if not {"column_list", "column_A"} & set(arguments):
        arguments["column"] = check.column
    if check.where:
        arguments["row_condition"] = {
            "type": "comparison",
            "column": {"name": scope_column(position)},
            "operator": "==",
            "parameter": True,
        }
    return arguments


def _key_checks(contract: Contract) -> Iterator[Check]:
    yield Check(
        rule=f"{contract.feed}.{contract.key}_unique",
        kind="key",
        severity="critical",
        column=contract.key,
        label=contract.key,
        words=f"share their {contract.key} with another record of the same pull",
        unexpected=f"{COPIES} > 1",
        expectation="expect_compound_columns_to_be_unique",
        arguments={"column_list": [OWNER, contract.key], "ignore_row_if": "any_value_is_missing"},
    )


def _required_checks(contract: Contract) -> Iterator[Check]:
    names = {contract.key, *(column.name for column in contract.required_columns)}
    for column in flatten(contract.columns):
        if column.name in names:
            yield Check(
                rule=f"{contract.feed}.{column.name}_required",
                kind="key" if column.name == contract.key else "required",
                severity="critical",
                column=column.name,
                label=column.name,
                words=f"have no {column.name}",
                unexpected=f'"{column.name}" is null',
                expectation="expect_column_values_to_not_be_null",
                judges_missing=True,
            )


def _nested_required_checks(contract: Contract) -> Iterator[Check]:
    for table, column, _ in nested_missing_columns(contract):
        name = missing_column(table, column)
        yield Check(
            rule=f"{contract.feed}.{table}_{column}_required",
            kind="required",
            severity="critical",
            column=name,
            label=f"{table}.{column}",
            words=f"have {table} without {column}",
            unexpected=f'"{name}" > 0',
            expectation="expect_column_values_to_be_between",
            arguments={"max_value": 0},
        )


def _misfit_checks(contract: Contract) -> Iterator[Check]:
    for name, column, severity, which in (
        ("required_values_fit", CRITICAL_MISFITS, "critical", "required or critically checked"),
        ("other_values_fit", OTHER_MISFITS, "warning", "other"),
    ):
        yield Check(
            rule=f"{contract.feed}.{name}",
            kind="misfits",
            severity="critical" if severity == "critical" else "warning",
            column=column,
            label="",
            words=f"have {which} values that do not fit the contract's types",
            unexpected=f"{column} > 0",
            expectation="expect_column_values_to_be_between",
            arguments={"max_value": 0},
        )


def _rule_check(contract: Contract, rule: Rule) -> Check:
    name = f"contract {contract.feed}: rule {rule.id}"
    if rule.expect not in MEANINGS:
        msg = f"{name}: unknown expectation {rule.expect!r}; known are {', '.join(sorted(MEANINGS))}"
        raise ContractError(msg)
    if rule.severity not in ("critical", "warning", "info"):
        msg = f"{name}: unknown severity {rule.severity!r}"
        raise ContractError(msg)
    column = next((c for c in flatten(contract.columns) if c.name == rule.column), None)
    if column is None or not isinstance(column.node, Scalar):
        msg = f"{name}: the contract has no value called {rule.column!r}"
        raise ContractError(msg)
    try:
        meaning = MEANINGS[rule.expect](contract, column.name, column.node, **rule.arguments)
    except (TypeError, ValueError, re.error) as error:
        msg = f"{name}: {rule.expect} with {dict(rule.arguments)} on a column of kind {column.node.kind}: {error}"
        raise ContractError(msg) from error
    return Check(
        rule=f"{contract.feed}.{rule.id}",
        kind=rule.expect,
        severity=rule.severity,
        column=rule.column,
        label=rule.column,
        words=meaning.words + (f" although {rule.where}" if rule.where else ""),
        unexpected=meaning.unexpected,
        expectation=meaning.expectation,
        arguments=meaning.arguments,
        where=rule.where,
        judges_missing=meaning.judges_missing,
        other=meaning.other,
    )


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
        {"min_value": least, "max_value": most},
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


MEANINGS: Mapping[str, Callable[..., Meaning]] = {
    "not_null": _not_null,
    "in_set": _in_set,
    "between": _between,
    "length_between": _length_between,
    "matches": _matches,
    "not_before": _not_before,
}


def sql_literal(value: str | int | float) -> str:
    """Return a value as SQL."""
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else str(value)


def _bound(value: Any) -> Any:  # noqa: ANN401 - YAML: a number, a date or an instant
    """Return a bound as JSON can carry it."""
    return value.isoformat() if hasattr(value, "isoformat") else value


def _expect_kind(scalar: Scalar, kinds: tuple[str, ...]) -> None:
    if scalar.kind not in kinds:
        msg = f"it is said of {', '.join(kinds)} only"
        raise ValueError(msg)


def _required(record: Record) -> Iterator[Column]:
    return (c for c in flatten(record) if isinstance(c.node, Scalar) and c.node.required)


def _count_missing(
    contract: Contract, column: Column, value: str, path: tuple[str, ...], depth: int
) -> Iterator[tuple[str, str, str]]:
    """Yield as `nested_missing_columns` does, for the list `value` and the lists in it."""
    assert isinstance(column.node, ListOf)
    item = f"x{depth}"

    def total(expression: str) -> str:
        return f"list_sum(list_transform({value}, lambda {item}: {expression}))::bigint"

    for inner in _required(column.node.record):
        missing = f"(nullif({item}.\"{inner.name}\"::varchar, '') is null)::bigint"
        yield contract.tables[".".join(path)], inner.name, total(missing)
    for inner in flatten(column.node.record):
        if isinstance(inner.node, ListOf):
            below = f'{item}."{inner.name}"'
            for table, name, expression in _count_missing(contract, inner, below, (*path, *inner.path), depth + 1):
                yield table, name, total(expression)
