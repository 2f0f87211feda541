"""What is checked of a feed's records: its contract turned into checks and those into a Great Expectations suite.

Each check says the same thing twice: as an expectation, for frames that fit into memory, and as a SQL condition, which
finds the failing rows and does the counting where a feed is too big for a frame. Both look at the `records` table of
`quality_records`: last versions, an empty text being no value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from hypercare.contracts import Column, Contract, ListOf, Record, Rule, Scalar, flatten, nested_lists
from hypercare.errors import ContractError
from hypercare.quality_meanings import MEANINGS

Severity = Literal["critical", "warning", "info"]

OWNER = "_instance"
COPIES = "_copies"
CRITICAL_MISFITS = "_misfits_critical"
OTHER_MISFITS = "_misfits_other"


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

    def looks_at(self, parts: frozenset[str]) -> bool:
        """Tell whether the check is about one of these columns, or of the tables that they are in."""
        return not parts.isdisjoint({self.column, self.label, self.label.partition(".")[0]})

    @property
    def frame_columns(self) -> tuple[str, ...]:
        """The columns of the records table that the expectation reads."""
        return tuple(dict.fromkeys([OWNER, self.column, *([self.other] if self.other else [])]))


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
