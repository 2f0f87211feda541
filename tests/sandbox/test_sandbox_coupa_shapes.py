"""The builders' bodies against Coupa's public R39 schemas: known keys, compatible types, full objects."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from sandbox.coupa import shapes
from sandbox.coupa.schema import RESOURCES, entities

R39 = Path(__file__).resolve().parents[2] / ".." / "shared" / "contracts" / "coupa-r39"
ZONE = ZoneInfo("America/Los_Angeles")

# Attributes that the API's documentation or live payloads show, but the schemas do not.
UNDOCUMENTED = {("Charge", "exported"), ("CoupaPay-Statement", "status")}
# Typed otherwise in live payloads than in the schemas.
OTHERWISE = {
    ("CoupaPay-PaymentDetail", "source-transaction-id"),
    ("Payables-Allocation", "source-transaction-from-id"),
    ("Payables-Allocation", "source-transaction-to-id"),
    ("OrderLine", "requisition-line-id"),
    ("RequisitionHeader", "currency"),
}


def _amounts(**more):
    return {"id": 3, "zone": ZONE, **more}


LINE = shapes.invoice_line(**_amounts(price=Decimal("2.50"), po_number="7", order_line_id=9))
DETAIL = shapes.payment_detail(
    **_amounts(
        payment_id=4,
        invoice_id=5,
        transaction_total=Decimal(10),
        discount_total=Decimal("0.20"),
        allocations=[shapes.payable_allocation(**_amounts(amount=Decimal(1), from_invoice_id=1, to_invoice_id=2))],
    )
)
BUILT = {
    "requisition": (
        "RequisitionHeader",
        shapes.requisition(**_amounts(total=Decimal(2), lines=[shapes.requisition_line(id=1)])),
    ),
    "requisition_line": ("RequisitionLine", shapes.requisition_line(**_amounts(unit_price=Decimal("2.5")))),
    "purchase_order": (
        "OrderHeader",
        shapes.purchase_order(**_amounts(requisition_id=1, lines=[shapes.order_line(id=2)])),
    ),
    "order_line": ("OrderLine", shapes.order_line(**_amounts(order_id=4, price=Decimal("1.234567")))),
    "invoice": (
        "InvoiceHeader",
        shapes.invoice(
            **_amounts(
                total=Decimal("567.07"),
                lines=[LINE],
                account_type=shapes.legal_entity(1, "COA US", "Acme Inc"),
                payments=[shapes.invoice_payment(id=1)],
                net_due_date=date(2026, 2, 1),
                approvals=[shapes.approval(id=1)],
                payment_term=shapes.payment_term_stub(),
            )
        ),
    ),
    "invoice_line": ("InvoiceLine", LINE),
    "invoice_payment": ("Payment", shapes.invoice_payment(**_amounts(amount_paid=Decimal(5), invoice_id=1))),
    "approval": ("Approval", shapes.approval(**_amounts(approvable_id=1, approval_date=datetime.now(UTC)))),
    "receipt": ("InventoryTransaction", shapes.receipt(**_amounts(order_line_id=5, price=Decimal(2)))),
    "expense_report": (
        "ExpenseReport",
        shapes.expense_report(
            **_amounts(total=Decimal(9), lines=[shapes.expense_line(id=1)], start_date=date(2026, 2, 1))
        ),
    ),
    "expense_line": ("ExpenseLine", shapes.expense_line(**_amounts(amount=Decimal(3), report_id=1))),
    "user": ("User", shapes.user(**_amounts())),
    "supplier": ("Supplier", shapes.supplier(**_amounts())),
    "contract": ("Contract", shapes.contract(**_amounts(end_date=date(2027, 1, 1)))),
    "payment": ("CoupaPay-Payment", shapes.payment(**_amounts(total=Decimal("9.80"), details=[DETAIL]))),
    "payment_detail": ("CoupaPay-PaymentDetail", DETAIL),
    "payable_allocation": ("Payables-Allocation", shapes.payable_allocation(**_amounts(amount=Decimal(4)))),
    "statement": ("CoupaPay-Statement", shapes.statement(**_amounts(total=Decimal(4)))),
    "charge": ("Charge", shapes.charge(**_amounts(total=Decimal(4), statement_id=1, virtual_card_id=2))),
    "integration": ("Integration", shapes.integration(**_amounts())),
    "integration_run": (
        "IntegrationRun",
        shapes.integration_run(**_amounts(integration=shapes.integration(id=1), total_records=3)),
    ),
    "integration_error": ("IntegrationError", shapes.integration_error(**_amounts(document_id=1, run_id=2))),
}


@pytest.fixture(scope="module")
def definitions():
    if not R39.is_dir():
        pytest.skip("../shared is absent: the builders are not checked against the R39 schemas")
    merged: dict[str, dict[str, dict]] = {}
    for path in sorted(R39.glob("*.json")):
        for name, definition in json.loads(path.read_text(encoding="utf-8"))["definitions"].items():
            known = merged.setdefault(name, {})
            for attribute, described in definition.get("properties", {}).items():
                known.setdefault(attribute, described)
    assert len(merged) > 200
    return merged


def _misfits(definitions, name, body, path=""):
    for attribute, value in body.items():
        place = f"{path}{name}.{attribute}"
        described = definitions[name].get(attribute)
        if described is None:
            if (name, attribute) not in UNDOCUMENTED:
                yield f"{place} is not in the schema"
        elif value is not None and (name, attribute) not in OTHERWISE:
            yield from _value_misfits(definitions, name, described, value, place)


def _value_misfits(definitions, owner, described, value, place):
    target = described.get("$ref", "").rpartition("/")[2]
    if described.get("type") == "array" and isinstance(value, list):
        item_type = described["items"].get("$ref", "").rpartition("/")[2]
        # An association with its owner's own type is how the schemas write "not known".
        for item in value if item_type and item_type != owner else ():
            yield from _misfits(definitions, item_type, item, place + ": ")
    elif target:
        if not isinstance(value, dict):
            yield f"{place} should be an object, not {value!r}"
        elif target != owner and target in definitions:
            yield from _misfits(definitions, target, value, place + ": ")
    elif "type" in described and not _fits(described, value):
        yield f"{place} should be {described['type']} ({described.get('format')}), not {value!r}"


def _fits(described, value) -> bool:
    wanted, form = described["type"], described.get("format", "")
    if wanted == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if wanted == "boolean":
        return isinstance(value, bool)
    if wanted == "number":  # live payloads send decimals as text
        return isinstance(value, str) and Decimal(value).is_finite()
    if form == "datetime":
        return datetime.fromisoformat(value).utcoffset() is not None
    if form in {"int", "true"}:  # evaluated defaults of integers and flags that were written as their type
        return isinstance(value, int)
    return isinstance(value, str)


@pytest.mark.parametrize("name", sorted(BUILT))
def test_body_fits_the_r39_schema(definitions, name):
    entity, body = BUILT[name]
    assert len(body) > 10
    assert list(_misfits(definitions, entity, body)) == []


def test_the_check_itself_sees_wrong_bodies(definitions):
    body = {"id": "3", "total-with-taxes": 5.0, "invoice-date": "soon", "nonsense": 1, "supplier": [], "paid": "no"}
    body["created-at"] = "2026-01-01T00:00:00"
    del body["invoice-date"]
    assert len(list(_misfits(definitions, "InvoiceHeader", body))) == 6


def test_every_served_attribute_is_in_the_r39_schema(definitions):
    ours = {"Any", "PayToAccount", "Payee"}
    unknown = [
        f"{name}.{attribute}"
        for name, entity in entities().items()
        if name not in ours
        for attribute in [*entity.kinds, *entity.one, *entity.many]
        if attribute not in definitions[name] and (name, attribute) not in UNDOCUMENTED
    ]
    assert unknown == []
    assert len(entities()) > 40


def test_bodies_are_full_objects():
    for name, (entity_name, body) in BUILT.items():
        entity = entities()[entity_name]
        assert {*entity.kinds, *entity.one, *entity.many} <= set(body), name
        for attribute in entity.many:
            assert isinstance(body[attribute], list), f"{name}.{attribute}"


def test_every_resource_has_a_described_entity():
    undescribed = {path for path, resource in RESOURCES.items() if not resource.entity.kinds}
    assert undescribed == {"payables/orders", "payables/external/payables"}


def test_amounts_have_the_decimals_of_their_currency():
    assert shapes.invoice(id=1, total=Decimal("5"), currency="USD")["total-with-taxes"] == "5.00"
    assert shapes.invoice(id=1, total=Decimal("5"), currency="JPY")["total-with-taxes"] == "5"
    assert shapes.invoice(id=1, total=Decimal("5"), currency="KWD")["total-with-taxes"] == "5.000"
    assert shapes.invoice(id=1, currency="JPY")["currency"] == {"id": 5, "code": "JPY", "decimals": 0}
    line = shapes.order_line(id=1, price=Decimal("1.234567"), quantity=Decimal(3))
    assert (line["price"], line["quantity"], line["total"]) == ("1.234567", "3", "3.70")
    with pytest.raises(ValueError, match="more decimals"):
        shapes.invoice(id=1, total=Decimal("5.001"))
    assert shapes.invoice(id=1, total_with_taxes="5.001")["total-with-taxes"] == "5.001"


def test_instants_carry_the_zones_offset_and_dates_are_its_midnight():
    body = shapes.invoice(
        id=1,
        zone=ZONE,
        created_at=datetime(2026, 7, 2, 3, 4, 5, tzinfo=UTC),
        invoice_date=date(2026, 1, 15),
        updated_at=datetime(2026, 12, 24, tzinfo=UTC),
    )
    assert body["created-at"] == "2026-07-01T20:04:05-07:00"
    assert body["invoice-date"] == "2026-01-15T00:00:00-08:00"
    assert body["updated-at"] == "2026-12-23T16:00:00-08:00"
    assert shapes.payment(id=1, requested_execution_date=date(2026, 1, 15))["requested-execution-date"] == "2026-01-15"
    with pytest.raises(ValueError, match="time zone"):
        shapes.invoice(id=1, created_at=datetime(2026, 1, 1))  # noqa: DTZ001


def test_unknown_attributes_are_refused_and_collections_are_not_shared():
    with pytest.raises(ValueError, match="InvoiceHeader has no attribute totl"):
        shapes.invoice(id=1, totl=5)
    first = shapes.invoice(id=1)
    first["failed-tolerances"].append("x")
    assert shapes.invoice(id=2)["failed-tolerances"] == []
