"""Builders of full bodies for each feed, with the values that matter as keyword arguments.

Common to all: `id` is a number; instants are aware and written with the offset of `zone`; amounts are Decimals, written
as text with the decimals of `currency` (ISO 4217); suppliers, users and legal entities are the stubs of `building`.
Any attribute of the schema can be set by its name with underscores, among them `updated_at` (default: `created_at`),
`created_by` and `updated_by` (default: user 1), `custom_fields`; one that the schema does not know raises ValueError.
Attributes not set are null, collections empty. Sums are not checked, so that documents that do not add up can be made.
"""

from __future__ import annotations

from sandbox.coupa.building import (
    build,
    currency_stub,
    legal_entity,
    payment_term_stub,
    supplier_stub,
    user_stub,
    write_amount,
    write_instant,
)
from sandbox.coupa.master_shapes import (
    contract,
    expense_line,
    expense_report,
    integration,
    integration_error,
    integration_run,
    supplier,
    user,
)
from sandbox.coupa.pay_shapes import charge, payable_allocation, payment, payment_detail, statement
from sandbox.coupa.purchasing_shapes import (
    approval,
    invoice,
    invoice_line,
    invoice_payment,
    order_line,
    purchase_order,
    receipt,
    requisition,
    requisition_line,
)

__all__ = [
    "approval",
    "build",
    "charge",
    "contract",
    "currency_stub",
    "expense_line",
    "expense_report",
    "integration",
    "integration_error",
    "integration_run",
    "invoice",
    "invoice_line",
    "invoice_payment",
    "legal_entity",
    "order_line",
    "payable_allocation",
    "payment",
    "payment_detail",
    "payment_term_stub",
    "purchase_order",
    "receipt",
    "requisition",
    "requisition_line",
    "statement",
    "supplier",
    "supplier_stub",
    "user",
    "user_stub",
    "write_amount",
    "write_instant",
]
