"""Every operator of the query language, over a real socket; the records differ in exactly one respect each."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from sandbox.coupa import shapes
from sandbox.coupa.app import create_app
from sandbox.world import Instance, World
from tests.sandbox.coupa_visit import Visit
from tests.sandbox.serving import serve

OSLO = ZoneInfo("Europe/Oslo")


def _invoice(id, total, updated, **more):
    line = shapes.invoice_line(id=id * 10, price=Decimal(total), currency=more.get("currency", "USD"))
    return shapes.invoice(
        id=id, created_at=updated, total=Decimal(total), zone=OSLO, lines=[line], **{"channel": None, **more}
    )


def _fill(instance: Instance) -> None:
    bodies = [
        _invoice(
            1,
            "9.50",
            datetime(2026, 11, 1, 23, 30, tzinfo=UTC),
            channel="cXML",
            supplier=shapes.supplier_stub(7, "Alpha Paper"),
        ),
        _invoice(
            2,
            "10.00",
            datetime(2026, 11, 2, 0, 0, tzinfo=UTC),
            channel="CSP",
            paid=True,
            supplier=shapes.supplier_stub(8, "Beta Paper Mills"),
        ),
        _invoice(3, "100.00", datetime(2026, 11, 2, 10, 0, tzinfo=UTC), status="voided"),
        _invoice(
            4,
            "250",
            datetime(2026, 11, 3, 8, 0, tzinfo=UTC),
            currency="JPY",
            custom_fields={"region": "north"},
            account_type=shapes.legal_entity(5, "COA Norway", "Acme Norge AS"),
        ),
    ]
    for body in bodies:
        instance.put("invoices", datetime(2026, 11, 4, tzinfo=UTC), body)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    instance.put("users", start, shapes.user(id=1))
    instance.put("users", start, shapes.user(id=2, active=False))
    instance.put("coupa_pay/statements", start, shapes.statement(id=1))
    instance.put("coupa_pay/statements", start, shapes.statement(id=2, status="open"))


@pytest.fixture(scope="module")
def visit():
    world = World()
    instance = world.add(
        Instance("acme", time_zone="Europe/Oslo", requests_per_second=None, clock=datetime(2026, 11, 5, tzinfo=UTC))
    )
    _fill(instance)
    with serve(create_app(world)) as base:
        yield Visit(base)


CASES = [
    ({}, [1, 2, 3, 4]),
    ({"id": "2"}, [2]),
    ({"id[not_eq]": "2"}, [1, 3, 4]),
    ({"id[gt]": "2"}, [3, 4]),
    ({"id[gt_or_eq]": "2"}, [2, 3, 4]),
    ({"id[lt]": "2"}, [1]),
    ({"id[lt_or_eq]": "2"}, [1, 2]),
    ({"id[in]": "4,1,99"}, [1, 4]),
    ({"id[not_in]": "4,1"}, [2, 3]),
    ({"id[gt]": "1", "id[lt]": "4"}, [2, 3]),
    ({"id[in]": "1,2,3", "id[gt]": "1"}, [2, 3]),
    # decimals by value, not by text: 9.50 < 10.00 < 100.00, and 10 = 10.00
    ({"total_with_taxes[gt]": "9.5"}, [2, 3, 4]),
    ({"total_with_taxes": "10"}, [2]),
    ({"total_with_taxes[in]": "10.000,250.00"}, [2, 4]),
    ({"total-with-taxes[lt_or_eq]": "10"}, [1, 2]),
    # instants, whatever offset they are written with; a bare date is midnight UTC
    ({"updated_at": "2026-11-02T01:00:00+01:00"}, [2]),
    ({"updated-at[gt]": "2026-11-02"}, [3, 4]),
    ({"updated_at[gt_or_eq]": "2026-11-02"}, [2, 3, 4]),
    ({"updated_at[gt_or_eq]": "2026-11-02", "updated_at[lt]": "2026-11-03"}, [2, 3]),
    ({"updated_at[lt]": "2026-11-02T00:00:00Z"}, [1]),
    ({"updated_at[lt]": "2026-11-02T00:00:00"}, [1]),
    ({"paid": "true"}, [2]),
    ({"paid": "0"}, [1, 3, 4]),
    ({"exported": "false"}, [1, 2, 3, 4]),
    ({"status[not_eq]": "approved"}, [3]),
    ({"status[in]": "voided,new"}, [3]),
    ({"status[not_in]": "voided"}, [1, 2, 4]),
    ({"channel[blank]": "true"}, [3, 4]),
    ({"channel[blank]": "false"}, [1, 2]),
    # null satisfies no comparison, as in SQL
    ({"channel[not_eq]": "CSP"}, [1]),
    ({"invoice_number[contains]": "NV-3"}, [3]),
    ({"invoice_number[starts_with]": "INV-"}, [1, 2, 3, 4]),
    ({"invoice_number[starts_with]": "NV-"}, []),
    ({"invoice-number[ends_with]": "-4"}, [4]),
    ({"supplier[name][contains]": "Mills"}, [2]),
    ({"supplier[id]": "7"}, [1]),
    ({"supplier[id][in]": "7,8"}, [1, 2]),
    ({"account_type[legal_entity_name]": "Acme Norge AS"}, [4]),
    ({"account_type[blank]": "true"}, [1, 2, 3]),
    ({"invoice_lines[id]": "30"}, [3]),
    ({"invoice_lines[total][gt_or_eq]": "100"}, [3, 4]),
    ({"payments[blank]": "true"}, [1, 2, 3, 4]),
    ({"payments[amount_paid][gt]": "0"}, []),
    ({"custom_fields[region]": "north"}, [4]),
    ({"custom_fields[region][blank]": "true"}, [1, 2, 3]),
]


@pytest.mark.parametrize(("parameters", "expected"), CASES, ids=lambda value: str(value)[:60])
def test_filter_selects(visit, parameters, expected):
    assert visit.ids("invoices", parameters) == expected


@pytest.mark.parametrize(
    "parameters",
    [
        {"no_such": "1"},
        {"supplier[no_such]": "1"},
        {"supplier": "7"},
        {"id[is]": "7"},
        {"id": "seven"},
        {"total_with_taxes[gt]": "much"},
        {"paid": "perhaps"},
        {"updated_at[gt]": "yesterday"},
        {"updated_at[gt]": "2026-11-02T00:00:00 01:00"},
        {"updated_at[contains]": "2026"},
        {"updated_at[blank]": "true"},
        {"id[contains]": "1"},
        {"order_by": "no_such"},
        {"dir": "sideways"},
        {"limit": "0"},
        {"offset": "-1"},
        {"supplier[name": "x"},
    ],
    ids=str,
)
def test_invalid_query_is_refused_and_says_why(visit, parameters):
    response = visit.get("invoices", **parameters)
    assert response.status_code == 400
    (messages,) = response.json()["errors"].values()
    assert messages[0]


def test_a_plus_sign_in_an_offset_must_be_encoded(visit):
    url = f"{visit.host}/api/invoices?updated_at[gt_or_eq]=2026-11-02T01:00:00"
    assert [row["id"] for row in visit.session.get(url + "%2B01:00", timeout=10).json()] == [2, 3, 4]
    assert visit.session.get(url + "+01:00", timeout=10).status_code == 400


def test_users_status_filters_the_flag_active(visit):
    assert visit.ids("users", {"status": "active"}) == [1]
    assert visit.ids("users", {"status": "inactive"}) == [2]


def test_statements_are_filtered_by_a_status_that_is_never_shown(visit):
    rows = visit.rows("coupa_pay/statements", {"status": "approved_for_payment"})
    assert [row["id"] for row in rows] == [1]
    assert "status" not in rows[0]
    assert "status" not in visit.rows("coupa_pay/statements", {"fields": '["id","status"]'})[0]
