"""What an answer carries: fields, return_object, filters, custom fields; and in which format."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

import defusedxml.ElementTree
import pytest

from sandbox.coupa import shapes
from sandbox.coupa.app import create_app
from sandbox.world import Instance, World
from tests.sandbox.coupa_visit import Visit
from tests.sandbox.serving import serve

NOW = datetime(2026, 11, 5, tzinfo=UTC)
XML = {"Accept": "application/xml"}


def _tenant(name: str, **settings) -> Instance:
    instance = Instance(name, requests_per_second=None, clock=NOW, **settings)
    lines = [shapes.invoice_line(id=11, price=Decimal("5.00")), shapes.invoice_line(id=12, price=Decimal("7.10"))]
    body = shapes.invoice(id=1, total=Decimal("12.10"), lines=lines, supplier=shapes.supplier_stub(7, "Alpha & Sons"))
    instance.put("invoices", NOW, body)
    instance.put("approvals", NOW, {"id": 1, "status": "approved"})
    instance.put("supplier_information", NOW, {"id": 1, "name": "Alpha", "status": None})
    return instance


@pytest.fixture(scope="module")
def base():
    world = World()
    world.add(_tenant("acme", custom_fields={"invoices": {"cost-owner": None}}, named_filters={"tiny": ["id", "paid"]}))
    world.add(_tenant("narrow", default_filters={"invoices": ["id", "invoice_number"]}, empty_as_404=True))
    world.add(_tenant("strict", strict_fields=True))
    with serve(create_app(world)) as base:
        yield base


@pytest.fixture
def visit(base):
    return Visit(base)


def _fields(visit: Visit, fields: object) -> dict:
    return visit.rows("invoices", {"fields": json.dumps(fields)})[0]


def test_fields_select_nested_attributes_and_answers_are_hyphenated(visit):
    asked = ["id", "invoice_number", {"supplier": ["name"], "invoice-lines": ["id", "total"]}]
    assert _fields(visit, asked) == {
        "id": 1,
        "invoice-number": "INV-1",
        "supplier": {"name": "Alpha & Sons"},
        "invoice-lines": [{"id": 11, "total": "5.00"}, {"id": 12, "total": "7.10"}],
    }


def test_asked_attributes_without_value_are_null_and_unknown_ones_left_out(visit):
    assert _fields(visit, ["payment_date", {"contract": ["id"]}, "no_such"]) == {"payment-date": None, "contract": None}


def test_attributes_that_a_sparse_record_does_not_store_are_null_too(visit):
    assert visit.rows("approvals", {"fields": '["id","position",{"approver":["id"]}]'}) == [
        {"id": 1, "position": None, "approver": None}
    ]


def test_an_empty_object_asks_for_everything_below(visit):
    shown = _fields(visit, ["id", {"custom_fields": {}}, {"supplier": {}}])
    assert shown["custom-fields"] == {"cost-owner": None}
    assert set(shown["supplier"]) == {"id", "name", "display-name", "number"}


def test_strict_tenant_refuses_unknown_fields(base):
    strict = Visit(base, "strict")
    assert strict.get("invoices", fields='["id",{"invoice_lines":["total"]}]').status_code == 200
    refused = strict.get("invoices", fields='["id",{"invoice_lines":["totl"]}]')
    assert refused.status_code == 400
    assert "invoice-lines.totl" in refused.text


@pytest.mark.parametrize("fields", ["", "id,name", "[]", '{"id":1}', "[1]", '["id"', '[{"supplier":3}]'])
def test_malformed_fields_are_refused(visit, fields):
    assert visit.get("invoices", fields=fields).status_code == 400


def test_return_object(visit):
    assert visit.rows("invoices", {"return_object": "limited"}) == [{"id": 1}]
    shallow = visit.rows("invoices", {"return_object": "shallow"})[0]
    assert shallow["supplier"] == {"id": 7, "name": "Alpha & Sons", "number": "S00007"}
    assert shallow["invoice-lines"] == [{"id": 11}, {"id": 12}]
    assert visit.get("invoices", return_object="none").status_code == 400


def test_named_and_default_filters(base, visit):
    assert visit.rows("invoices", {"filter": "tiny"}) == [{"id": 1, "paid": False}]
    assert len(visit.rows("invoices", {"filter": "default_invoices_filter"})[0]) > 40
    assert visit.get("invoices", filter="no_such").status_code == 400
    narrow = Visit(base, "narrow")
    assert narrow.rows("invoices") == [{"id": 1, "invoice-number": "INV-1"}]
    assert narrow.rows("invoices", {"fields": '["id","total_with_taxes"]'}) == [{"id": 1, "total-with-taxes": "12.10"}]


def test_the_full_object_has_its_nulls_and_custom_fields(visit):
    row = visit.rows("invoices")[0]
    assert row["payment-date"] is None
    assert row["custom-fields"] == {"cost-owner": None}
    assert visit.rows("supplier_information") == [{"id": 1, "name": "Alpha"}]


def test_a_single_record_is_a_bare_object(visit):
    assert visit.get("invoices/1").json()["id"] == 1
    assert visit.get("invoices/1", fields='["id"]').json() == {"id": 1}
    missing = visit.get("invoices/99")
    assert (missing.status_code, list(missing.json())) == (404, ["errors"])
    assert visit.get("invoices/abc").status_code == 404


def test_xml_is_the_default_and_carries_types(visit):
    response = visit.get("invoices", headers={"Accept": "*/*"})
    assert response.headers["content-type"].startswith("application/xml")
    root = defusedxml.ElementTree.fromstring(response.content)
    header = root[0]
    assert (root.tag, header.tag) == ("invoice-headers", "invoice-header")
    assert header.find("id").attrib == {"type": "integer"}
    assert header.find("total-with-taxes").attrib == {"type": "decimal"}
    assert header.find("created-at").attrib == {"type": "datetime"}
    assert (header.find("paid").attrib, header.find("paid").text) == ({"type": "boolean"}, "false")
    assert header.find("payment-date").attrib == {"nil": "true"}
    assert [line.find("total").text for line in header.find("invoice-lines")] == ["5.00", "7.10"]
    assert header.find("invoice-lines")[0].tag == "invoice-line"
    assert header.find("supplier/name").text == "Alpha & Sons"


def test_format_parameter_wins_over_accept(visit):
    assert visit.get("invoices", headers=XML, format="json").json()[0]["id"] == 1
    assert visit.get("invoices", format="xml").text.startswith("<?xml")


def test_no_match_is_an_empty_array_in_json_and_404_in_xml(base, visit):
    assert visit.get("invoices", **{"id": 99}).json() == []
    answer = visit.get("invoices", headers=XML, **{"id": 99})
    assert answer.status_code == 404
    assert defusedxml.ElementTree.fromstring(answer.content)[0].text == "No results match your search criteria."
    assert Visit(base, "narrow").get("invoices", **{"id": 99}).status_code == 404


def test_errors_speak_xml_too(visit):
    answer = visit.get("invoices", headers=XML, no_such=1)
    assert answer.status_code == 400
    assert defusedxml.ElementTree.fromstring(answer.content).tag == "errors"
