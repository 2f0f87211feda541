"""Typing: what fits is typed, what does not is counted and kept, whatever shape it has."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hypercare.contracts import Contract, load_contracts
from hypercare.typed import MISFITS, TypedFile, write_empty, write_typed

CONTRACT = """
feed: things
version: 1
system: coupa
resource: things
scope: core.thing.read
record: thing
baseline: {all: true}
columns:
  id: id!
  name: text
  total: decimal(18,4)
  count: integer
  flag: boolean
  day: date
  created-at: timestamp
  currency: {code: text, rate: "decimal(12,6)"}
  lines:
    - id: id!
      total: decimal(18,2)
      account: {code: text}
      parts:
        - id: id
          due: date
tables: {lines: thing_lines, lines.parts: thing_parts}
"""


@pytest.fixture(scope="module")
def contract(tmp_path_factory: pytest.TempPathFactory) -> Contract:
    folder = tmp_path_factory.mktemp("contracts")
    (folder / "things.yaml").write_text(CONTRACT)
    return load_contracts(folder)["things"]


def typed(
    contract: Contract, folder: Path, records: Sequence[Any] | str, superseded: Sequence[int] = ()
) -> tuple[TypedFile, list[dict[str, Any]], list[tuple[str, str, str]]]:
    """Type records; return the file, its rows, and its rejects."""
    source = folder / "pages.json"
    source.write_text(records if isinstance(records, str) else json.dumps(records))
    with duckdb.connect(config={"threads": 1}) as connection:
        found = write_typed(connection, contract, source, folder / "part.parquet", superseded)
        rows = connection.execute("from read_parquet(?)", [str(found.path)])
        names = [column[0] for column in rows.description or []]
        shown = [dict(zip(names, row, strict=True)) for row in rows.fetchall()]
        rejects = []
        if found.rejects_path:
            query = "select id, path, raw from read_parquet(?) order by all"
            rejects = connection.execute(query, [str(found.rejects_path)]).fetchall()
    return found, shown, rejects


def test_what_fits_is_typed(contract: Contract, tmp_path: Path) -> None:
    whole = {
        "id": 7,
        "name": 'Émile\'s "quote" | {brace',
        "total": "567.10",
        "count": 3,
        "flag": True,
        "day": "2026-04-01T00:00:00+03:00",
        "created-at": "2026-04-01T02:16:48+03:00",
        "currency": {"code": "USD", "rate": 0.25, "extra": [1]},
        "lines": [{"id": 1, "total": 2.5, "account": {"code": "a-b"}, "parts": [{"id": 5, "due": "2026-05-01"}]}],
        "surplus": {"ignored": True},
    }
    found, (row,), rejects = typed(contract, tmp_path, [whole])
    assert (found.rows, found.misfits, found.rejects_path, rejects) == (1, 0, None, [])
    assert row == {
        "id": "7",
        "name": 'Émile\'s "quote" | {brace',
        "total": Decimal("567.1000"),
        "count": 3,
        "flag": True,
        "day": date(2026, 4, 1),
        "created_at": datetime(2026, 3, 31, 23, 16, 48, tzinfo=UTC),
        "currency_code": "USD",
        "currency_rate": Decimal("0.250000"),
        "lines": [
            {
                "id": "1",
                "total": Decimal("2.50"),
                "account_code": "a-b",
                "parts": [{"id": "5", "due": date(2026, 5, 1)}],
            }
        ],
        MISFITS: 0,
    }


def test_nothing_there_is_null_and_fits(contract: Contract, tmp_path: Path) -> None:
    empty = {"id": 1, "total": "", "count": None, "flag": "", "day": "", "currency": None, "lines": []}
    found, rows, _ = typed(contract, tmp_path, [empty, {"id": 2}])
    assert found.misfits == 0
    assert all(rows[0][name] is None for name in ("total", "count", "flag", "day", "currency_code"))
    assert [row["lines"] for row in rows] == [[], None]


def test_no_records_make_an_empty_file_with_all_columns(contract: Contract, tmp_path: Path) -> None:
    found, rows, _ = typed(contract, tmp_path, [])
    assert (found.rows, found.misfits, rows) == (0, 0, [])
    with duckdb.connect() as connection:
        described = connection.execute("describe from read_parquet(?)", [str(found.path)]).fetchall()
    assert [(name, kind) for name, kind, *_ in described][2] == ("total", "DECIMAL(18,4)")


UNFIT = [
    ("total", "1.23456", "1.23456"),
    ("total", 1.5e-07, "1.5e-07"),
    ("total", "1,234.00", "1,234.00"),
    ("total", "123456789012345.00", "123456789012345.00"),
    ("total", "NaN", "NaN"),
    ("total", [1], "[1]"),
    ("total", {"amount": "1"}, '{"amount":"1"}'),
    ("total", True, "true"),
    ("count", "3.7", "3.7"),
    ("count", 3.5, "3.5"),
    ("count", "three", "three"),
    ("count", 10**19, "10000000000000000000"),
    ("flag", "yes", "yes"),
    ("flag", 1, "1"),
    ("day", "2026-02-30", "2026-02-30"),
    ("total", "1E-9", "1E-9"),
    ("count", "1e-1", "1e-1"),
    ("day", "2026-04-01garbage", "2026-04-01garbage"),
    ("day", "01/04/2026", "01/04/2026"),
    ("created-at", "yesterday", "yesterday"),
    ("currency", "USD", "USD"),
    ("currency", [{"code": "USD"}], '[{"code":"USD"}]'),
    ("lines", "none", "none"),
    ("lines", {"id": 1}, '{"id":1}'),
]


@pytest.mark.parametrize(("name", "value", "raw"), UNFIT, ids=str)
def test_what_does_not_fit_is_null_counted_and_kept(
    contract: Contract, tmp_path: Path, name: str, value: Any, raw: str
) -> None:
    records = [{"id": 1, "total": "1.0"}, {"id": 2, "total": "2.0", name: value}, {"id": 3, "total": "3.0"}]
    found, rows, rejects = typed(contract, tmp_path, records)
    assert (found.rows, found.misfits) == (3, 1)
    assert [row[MISFITS] for row in rows] == [0, 1, 0]
    assert [row["total"] for row in rows][::2] == [Decimal(1), Decimal(3)]
    assert rejects == [("2", name, raw)]
    if name in rows[1] and name != "lines":
        assert rows[1][name] is None


NESTED = [
    ({"currency": {"rate": "0.1234567"}}, [("1", "currency.rate", "0.1234567")]),
    ({"lines": [{"id": 1, "total": "0.001"}]}, [("1", "lines.total", "0.001")]),
    (
        {"lines": [{"id": 1, "parts": [{"due": "x"}, {"due": "y"}]}, {"id": 2, "parts": [{"due": "z"}]}]},
        [("1", "lines.parts.due", "x"), ("1", "lines.parts.due", "y"), ("1", "lines.parts.due", "z")],
    ),
    ({"lines": [{"id": 1, "account": "4711"}]}, [("1", "lines.account", "4711")]),
    ({"lines": [{"id": 1, "parts": "none"}]}, [("1", "lines.parts", "none")]),
    ({"lines": [{"id": 1}, 7]}, [("1", "lines", "7")]),
    ({"lines": [{"id": 1, "parts": [7, {"due": "2026-01-01"}]}]}, [("1", "lines.parts", "7")]),
    ({"lines": [{"id": {"a": 1}}]}, [("1", "lines.id", '{"a":1}')]),
    ({"currency": "USD", "total": "x"}, [("1", "currency", "USD"), ("1", "total", "x")]),
]


@pytest.mark.parametrize(("parts", "expected"), NESTED, ids=str)
def test_misfits_deep_inside_are_found(
    contract: Contract, tmp_path: Path, parts: dict[str, Any], expected: list[tuple[str, str, str]]
) -> None:
    found, rows, rejects = typed(contract, tmp_path, [{"id": 1, **parts}, {"id": 2, "total": "5.0"}])
    assert rejects == expected
    assert [row[MISFITS] for row in rows] == [len(expected), 0]
    assert found.misfits == len(expected)
    assert rows[1]["total"] == Decimal(5)


def test_exponents_that_lose_nothing_fit(contract: Contract, tmp_path: Path) -> None:
    records = '[{"id": 1, "total": 1.5e2, "count": 1E+3}, {"id": 2, "total": "2.50000000", "count": 4.0}]'
    found, rows, _ = typed(contract, tmp_path, records)
    assert found.misfits == 0
    assert [(row["total"], row["count"]) for row in rows] == [(Decimal(150), 1000), (Decimal("2.5"), 4)]


def test_superseded_records_are_left_out_by_place(contract: Contract, tmp_path: Path) -> None:
    records = [{"id": place % 3, "name": str(place), "total": "x" if place == 1 else "1"} for place in range(6)]
    found, rows, rejects = typed(contract, tmp_path, records, superseded=[1, 3, 5])
    assert [row["name"] for row in rows] == ["0", "2", "4"]
    assert (found.rows, found.misfits, rejects) == (3, 0, [])
    broken = [*records, {"id": 9, "lines": "x"}]
    found, rows, rejects = typed(contract, tmp_path, broken, superseded=[0, 3, 5])
    assert [row["name"] for row in rows] == ["1", "2", "4", None]
    assert rejects == [("1", "total", "x"), ("9", "lines", "x")]


def test_what_is_no_json_array_is_an_error(contract: Contract, tmp_path: Path) -> None:
    with pytest.raises(duckdb.Error):
        typed(contract, tmp_path, '[{"id": 1}')


texts = st.one_of(
    st.decimals(allow_nan=False, allow_infinity=False, places=6).map(str),
    st.integers(-(10**20), 10**20).map(str),
    st.sampled_from(["", "1.", ".5", "-", "1e3", "1E-9", "0.00010", "-0.00001", "12 ", "0x1", "1.10.1", "é", "00012"]),
    st.text(max_size=8).filter(lambda text: "\x00" not in text and text.isprintable()),
)


@settings(max_examples=60, deadline=None)
@given(values=st.lists(texts, min_size=1, max_size=30))
def test_every_value_is_either_kept_exactly_or_rejected(
    contract: Contract, tmp_path_factory: pytest.TempPathFactory, values: list[str]
) -> None:
    records = [{"id": number, "total": value} for number, value in enumerate(values)]
    found, rows, rejects = typed(contract, tmp_path_factory.mktemp("typed"), records)
    rejected = {int(record_id): raw for record_id, _, raw in rejects}
    assert found.misfits == len(rejected)
    for number, value in enumerate(values):
        if number in rejected:
            assert (rows[number]["total"], rejected[number]) == (None, value)
        elif value == "":
            assert rows[number]["total"] is None
        else:
            assert rows[number]["total"] == Decimal(value)


@pytest.mark.parametrize("feed", sorted(load_contracts(Path(__file__).parents[2] / "include/schemas/feeds")))
def test_every_feeds_contract_makes_valid_sql(feed: str, tmp_path: Path) -> None:
    contract = load_contracts(Path(__file__).parents[2] / "include/schemas/feeds")[feed]
    nested = {path.partition(".")[0]: "no list" for path in contract.tables}
    found, _, rejects = typed(contract, tmp_path, [{"id": 1}, {"id": 2, **nested}])
    assert (found.rows, found.misfits) == (2, len(nested))
    assert {path for _, path, _ in rejects} == set(nested)


def test_a_file_without_records_has_the_columns_of_one_that_was_cast(contract: Contract, tmp_path: Path) -> None:
    typed(contract, tmp_path, [{"id": 1}])
    (cast,) = tmp_path.glob("*.parquet")
    empty = write_empty(contract, tmp_path / "empty.parquet")
    assert (empty.rows, empty.misfits, empty.rejects_path) == (0, 0, None)
    described = [duckdb.sql(f"describe select * from read_parquet('{path}')").fetchall() for path in (cast, empty.path)]
    assert len(described[0]) > len(contract.columns.fields)
    assert described[0] == described[1]
    assert duckdb.sql(f"select count(*) from read_parquet('{empty.path}')").fetchall() == [(0,)]
