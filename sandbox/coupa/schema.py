"""Which resources the API has, which scope each needs, and which attributes its objects have."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

SCALAR_KINDS = ("integer", "decimal", "boolean", "datetime", "date", "text")
CUSTOM_FIELDS = "custom-fields"


@dataclass(frozen=True)
class Entity:
    """One kind of object: `kinds` maps scalar attributes to their kind, `one` and `many` associations to entities."""

    name: str
    kinds: dict[str, str] = field(default_factory=dict)
    one: dict[str, str] = field(default_factory=dict)
    many: dict[str, str] = field(default_factory=dict)

    def knows(self, attribute: str) -> bool:
        """Tell whether the object has this attribute (hyphenated)."""
        return attribute in self.kinds or attribute in self.one or attribute in self.many

    def related(self, attribute: str) -> Entity | None:
        """Find the entity behind an association or collection; None for a scalar or unknown attribute."""
        name = self.one.get(attribute) or self.many.get(attribute)
        return entity_named(name) if name else None


@dataclass(frozen=True)
class Resource:
    """One path below `/api`; `wrapper` and `element` are its names in XML.

    `hidden`: attributes that can be filtered but never stand in the payload.
    """

    path: str
    entity_name: str
    scope: str
    wrapper: str
    element: str
    exportable: bool = False
    hidden: frozenset[str] = frozenset()
    omits_nulls: bool = False

    @property
    def entity(self) -> Entity:
        """Describe what its records look like."""
        return entity_named(self.entity_name)


@cache
def entities() -> dict[str, Entity]:
    """Read every entity of schema.yaml, by name."""
    text = Path(__file__).with_name("schema.yaml").read_text(encoding="utf-8")
    described: dict[str, dict[str, Any]] = yaml.safe_load(text)
    return {name: _entity(name, parts) for name, parts in described.items()}


def entity_named(name: str) -> Entity:
    """Find the entity of that name; one without attributes when schema.yaml does not describe it."""
    return entities().get(name) or Entity(name)


def _entity(name: str, parts: dict[str, Any]) -> Entity:
    kinds = {attribute: kind for kind in SCALAR_KINDS for attribute in parts.get(kind, ())}
    return Entity(name, kinds, parts.get("one", {}), parts.get("many", {}))


def _resource(path: str, entity: str, scope: str, wrapper: str, element: str = "", **more: Any) -> Resource:  # noqa: ANN401
    return Resource(path, entity, f"core.{scope}.read", wrapper, element or wrapper.removesuffix("s"), **more)


# The wrappers are those of the R39 schemas; the scopes are those of the table in the API's own documentation.
RESOURCES: dict[str, Resource] = {
    resource.path: resource
    for resource in (
        _resource("requisitions", "RequisitionHeader", "requisition", "requisition-headers"),
        _resource("purchase_orders", "OrderHeader", "purchase_order", "order-headers", exportable=True),
        _resource("purchase_order_lines", "OrderLine", "purchase_order", "order-lines"),
        _resource("invoices", "InvoiceHeader", "invoice", "invoice-headers", exportable=True),
        _resource("receiving_transactions", "InventoryTransaction", "inventory.receiving", "inventory-transactions"),
        _resource("inventory_transactions", "InventoryTransaction", "inventory.transaction", "inventory-transactions"),
        _resource("expense_reports", "ExpenseReport", "expense", "expense-reports"),
        _resource("expense_lines", "ExpenseLine", "expense", "expense-lines"),
        _resource("suppliers", "Supplier", "supplier", "suppliers"),
        _resource(
            "supplier_information",
            "SupplierInformation",
            "supplier",
            "supplier-information",
            element="supplier-information",
            omits_nulls=True,
        ),
        _resource("users", "User", "user", "users"),
        _resource("contracts", "Contract", "contract", "contracts"),
        _resource("approvals", "Approval", "approval", "approvals"),
        _resource("integrations", "Integration", "integration", "integrations"),
        _resource("integration_runs", "IntegrationRun", "integration", "integration-runs"),
        _resource("integration_errors", "IntegrationError", "integration", "integration-errors"),
        _resource(
            "integration_history_records", "IntegrationHistoryRecord", "integration", "integration-history-records"
        ),
        _resource("data_file_sources", "DataFileSource", "integration", "data-file-sources"),
        _resource("coupa_pay/payments", "CoupaPay-Payment", "pay.payments", "coupa-pay-payments", exportable=True),
        _resource(
            "coupa_pay/statements",
            "CoupaPay-Statement",
            "pay.statements",
            "coupa-pay-statements",
            exportable=True,
            hidden=frozenset({"status"}),
        ),
        _resource("coupa_pay/virtual_cards", "CoupaPay-VirtualCard", "pay.virtual_cards", "coupa-pay-virtual-cards"),
        _resource("charges", "Charge", "pay.charges", "charges"),
        _resource("payables/invoices", "Payables-Invoice", "payables.invoice", "payables-invoices"),
        _resource("payables/orders", "Payables-Order", "payables.order", "payables-orders"),
        _resource("payables/allocations", "Payables-Allocation", "payables.allocations", "payables-allocations"),
        _resource("payables/external/payables", "Any", "payables.external", "payables-external-payables"),
        _resource("accounts", "Account", "common", "accounts"),
        _resource("account_types", "AccountType", "common", "account-types"),
        _resource("currencies", "Currency", "common", "currencies", element="currency"),
        _resource("departments", "Department", "common", "departments"),
        _resource("payment_terms", "PaymentTerm", "common", "payment-terms"),
        _resource("items", "Item", "item", "items"),
    )
}


def find_resource(segments: list[str]) -> tuple[Resource | None, list[str]]:
    """Split the path below `/api` into its resource and the segments that follow it (an id, an action)."""
    for length in range(min(3, len(segments)), 0, -1):
        resource = RESOURCES.get("/".join(segments[:length]))
        if resource is not None:
            return resource, segments[length:]
    return None, segments
