"""The contracts themselves: what each says is consistent, and a wrong file is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hypercare.contracts import (
    Contract,
    ListOf,
    Record,
    Scalar,
    fields_parameter,
    flatten,
    load_contracts,
    nested_lists,
    snake_case,
)
from hypercare.errors import ContractError

FOLDER = Path(__file__).resolve().parents[2] / "include" / "schemas" / "feeds"
CONTRACTS = load_contracts(FOLDER)
PLAIN = """
feed: things
version: 1
system: coupa
record: thing
baseline: {all: true}
columns: {id: id!}
"""


def names(record: Record) -> set[str]:
    return {column.name for column in flatten(record)}


def table_columns(contract: Contract, table: str) -> set[str]:
    if not table:
        return names(contract.columns)
    path = next(path for path, name in contract.tables.items() if name == table)
    return names(next(node for at, node in nested_lists(contract.columns) if ".".join(at) == path).record)


@pytest.mark.parametrize("feed", sorted(CONTRACTS))
def test_a_contract_agrees_with_itself(feed: str) -> None:
    contract = CONTRACTS[feed]
    assert contract.feed == feed
    assert "id" in {column.name for column in contract.required_columns}
    assert all(rule.column in names(contract.columns) for rule in contract.rules)
    assert len({rule.id for rule in contract.rules}) == len(contract.rules)
    assert set(contract.tables) == {".".join(path) for path, _ in nested_lists(contract.columns)}
    if contract.legal_entity_column:
        assert contract.legal_entity_column in table_columns(contract, contract.legal_entity_table)
    if contract.business_date:
        assert contract.business_date in names(contract.columns)


@pytest.mark.parametrize("feed", sorted(CONTRACTS))
def test_references_name_what_is_there(feed: str) -> None:
    contract = CONTRACTS[feed]
    for reference in contract.references:
        assert reference.column in table_columns(contract, reference.table)
        assert "id" in table_columns(CONTRACTS[reference.feed], reference.through)


@pytest.mark.parametrize("feed", sorted(feed for feed, contract in CONTRACTS.items() if contract.system == "coupa"))
def test_a_coupa_contract_can_be_asked_for(feed: str) -> None:
    contract = CONTRACTS[feed]
    assert contract.resource
    assert contract.scope.endswith(".read")
    assert {"id", "created-at", "updated-at"} <= set(contract.columns.fields)
    assert _shape(json.loads(fields_parameter(contract))) == _shape_of(contract.columns)


def _shape(asked: list[Any]) -> dict[str, Any]:
    shape: dict[str, Any] = {}
    for part in asked:
        shape.update({part: None} if isinstance(part, str) else {name: _shape(below) for name, below in part.items()})
    return shape


def _shape_of(record: Record) -> dict[str, Any]:
    return {
        name: None if isinstance(node, Scalar) else _shape_of(node.record if isinstance(node, ListOf) else node)
        for name, node in record.fields.items()
    }


def test_tables_have_one_name_over_all_feeds() -> None:
    tables = [*CONTRACTS, *(table for contract in CONTRACTS.values() for table in contract.tables.values())]
    assert len(tables) == len(set(tables)) > len(CONTRACTS)


def test_objects_are_flattened_and_lists_kept() -> None:
    columns = {column.name: column for column in flatten(CONTRACTS["invoices"].columns)}
    assert columns["supplier_name"].path == ("supplier", "name")
    assert isinstance(columns["invoice_lines"].node, ListOf)
    assert columns["total_with_taxes"].node == Scalar("decimal", required=True, precision=18, scale=4)
    assert snake_case("a-b-c") == "a_b_c"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (PLAIN.replace("id!", "money"), "money"),
        (PLAIN.replace("feed: things", "feed: other"), "other"),
        (PLAIN.replace("version: 1", ""), "version"),
        (PLAIN.replace("{id: id!}", "{id: id!, lines: [{id: id}]}"), "lines"),
        (PLAIN + "references: [{column: id, feed: nothing}]", "nothing"),
        ("[", "things.yaml"),
        ("", "things.yaml"),
    ],
)
def test_a_wrong_contract_is_named(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "things.yaml").write_text(text)
    with pytest.raises(ContractError, match="things") as raised:
        load_contracts(tmp_path)
    assert words in str(raised.value)


def test_a_folder_without_contracts_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="no feed contract"):
        load_contracts(tmp_path)
