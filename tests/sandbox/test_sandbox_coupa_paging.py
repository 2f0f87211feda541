"""Limits, offsets and order; and that the fast path by id finds what a full scan finds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.coupa.app import create_app
from sandbox.coupa.query import parse_list_query, select_rows
from sandbox.coupa.schema import RESOURCES
from sandbox.world import Instance, World
from tests.sandbox.coupa_visit import Visit
from tests.sandbox.serving import serve

START = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def visit():
    world = World()
    instance = world.add(Instance("acme", requests_per_second=None, clock=START + timedelta(days=1)))
    for number in range(1, 121):
        body = {"id": number, "gross-total": f"{number % 7 * 5}.00", "invoice-number": f"I{number}", "paid": None}
        instance.put("invoices", START, body)
    with serve(create_app(world)) as base:
        yield Visit(base)


def test_fifty_rows_is_default_and_maximum(visit):
    assert visit.ids("invoices") == list(range(1, 51))
    assert visit.ids("invoices", {"limit": 500}) == list(range(1, 51))
    assert visit.ids("invoices", {"limit": 3}) == [1, 2, 3]


def test_offset_skips_that_many_rows(visit):
    assert visit.ids("invoices", {"offset": 50})[0] == 51
    assert visit.ids("invoices", {"offset": 1})[0] == 2
    assert visit.ids("invoices", {"offset": 120}) == []


def test_paging_by_the_last_id_brings_every_row_once(visit):
    seen: list[int] = []
    for _ in range(10):
        page = visit.ids("invoices", {"id[gt]": seen[-1] if seen else 0, "order_by": "id", "limit": 50})
        seen += page
        if len(page) < 50:
            break
    assert seen == list(range(1, 121))


def test_order_by_value_with_ties_by_id(visit):
    assert visit.ids("invoices", {"order_by": "invoice-number", "limit": 4}) == [1, 10, 100, 101]
    assert visit.ids("invoices", {"order_by": "id", "dir": "desc", "limit": 2}) == [120, 119]
    assert visit.ids("invoices", {"order_by": "id", "dir": "desc", "id[lt]": 50, "limit": 2}) == [49, 48]


def test_order_by_decimal_is_by_value(visit):
    rows = visit.rows("invoices", {"order_by": "gross_total", "dir": "desc", "limit": 18})
    assert [row["gross-total"] for row in rows] == ["30.00"] * 17 + ["25.00"]
    assert visit.ids("invoices", {"order_by": "gross_total", "limit": 2, "offset": 17}) == [1, 8]


OPERATORS = {
    "gt": lambda value, bound: value > bound,
    "gt_or_eq": lambda value, bound: value >= bound,
    "lt": lambda value, bound: value < bound,
    "lt_or_eq": lambda value, bound: value <= bound,
    "not_eq": lambda value, bound: value != bound,
}


@given(
    ids=st.sets(st.integers(1, 60)),
    bounds=st.lists(st.tuples(st.sampled_from(sorted(OPERATORS)), st.integers(0, 61)), max_size=3),
    descending=st.booleans(),
    limit=st.integers(1, 60),
    offset=st.integers(0, 10),
)
def test_the_bisected_page_is_the_page_of_a_full_scan(ids, bounds, descending, limit, offset):
    instance = Instance("acme", clock=START)
    for record_id in ids:
        instance.put("invoices", START, {"id": record_id})
    parameters = [(f"id[{operator}]", str(bound)) for operator, bound in bounds]
    parameters += [("limit", str(limit)), ("offset", str(offset)), ("dir", "desc" if descending else "asc")]
    query = parse_list_query(parameters, RESOURCES["invoices"], set())
    found = [body["id"] for body in select_rows(instance.shelf("invoices"), query)]
    scanned = [value for value in ids if all(OPERATORS[operator](value, bound) for operator, bound in bounds)]
    assert found == sorted(scanned, reverse=descending)[offset : offset + min(limit, 50)]
