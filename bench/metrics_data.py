"""The records of `bench metrics`, made by DuckDB from the feed contracts, and the engagement that they belong to."""

# ruff: noqa: PLC0415 - each way runs in a process of its own and imports only what it needs
from __future__ import annotations

import sys
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ZONE = "America/New_York"
GO_LIVE = date(2026, 2, 2)
OBSERVED_AT = datetime(2026, 3, 30, 12, tzinfo=UTC)
WEEK = "2026-W13"
HOLIDAYS = "US"

DRAWN = """
create temp table drawn as
with numbered as (
    select
        range as i,
        range // 4 as block,
        timestamptz '2026-01-05 06:00:00+00' + to_seconds(range * 7257600 // {rows}) as created_at,
        timestamptz '2026-01-05 06:00:00+00' + to_seconds((range // 4 * 4 + 3) * 7257600 // {rows} + 777600)
            as released_at,
        50 + (range * 104729 % 1000000) / 100.0 as total
    from range({rows})
),
dated as (
    select
        *,
        created_at + to_minutes(120 + (i * 7919) % 6000) as approved_at,
        released_at + interval 46 hours as ended_at,
        timezone('{zone}', created_at)::date as created_on,
        i % 4 <> 3 as via_coupa_pay,
        block % 5 < 3 as has_order
    from numbered
),
told as (
    select
        *,
        case i % 100
            when 7 then 'voided' when 13 then 'draft' when 21 then 'disputed' when 29 then 'rejected'
            when 31 then 'on_hold'
            else case when approved_at < timestamptz '{observed}' then 'approved' else 'pending_approval' end
        end as status,
        case
            when released_at >= timestamptz '{observed}' then 'approved'
            when block % 1009 = 5 then 'completed_with_errors'
            when block % 1013 = 7 or ended_at >= timestamptz '{observed}' then 'payment_in_progress'
            else 'completed_successfully'
        end as payment_status
    from dated
)
select
    *,
    status = 'approved' and ended_at < timestamptz '{observed}'
    and (not via_coupa_pay or payment_status = 'completed_successfully') as is_paid,
    ['USD', 'USD', 'USD', 'USD', 'USD', 'USD', 'USD', 'EUR', 'EUR', 'GBP'][block % 10 + 1] as currency,
    'Acme ' || ['Inc.', 'GmbH', 'Ltd.', 'SAS'][block % 7 % 4 + 1] as entity,
    block % ({rows} // 200 + 1) as supplier,
    block % ({rows} // 2000 + 10) as person
from told
"""


def packed(record, values: dict[str, str]) -> str:
    """SQL for one nested record of the contract; what has no value is null."""
    from hypercare.typed import typed_schema

    schema = typed_schema(record)
    if unknown := set(values) - set(schema):
        sys.exit(f"no such columns: {sorted(unknown)}")
    return "struct_pack(" + ", ".join(f"{n} := cast({values.get(n, 'null')} as {t})" for n, t in schema.items()) + ")"


def write_feed(connection, folder: Path, contract, values: dict[str, str], source: str) -> None:
    from hypercare.typed import MISFITS, typed_schema

    schema = typed_schema(contract.columns)
    if unknown := set(values) - set(schema):
        sys.exit(f"{contract.feed} has no columns {sorted(unknown)}")
    columns = ", ".join(f"cast({values.get(n, 'null')} as {t}) as {n}" for n, t in schema.items())
    path = folder / f"{contract.feed}.parquet"
    connection.execute(f"copy (select {columns}, 0::bigint as {MISFITS} from {source}) to '{path}' (format parquet)")


def nested(contract, name: str):
    return contract.columns.fields[name].record


def generate(folder: Path, rows: int) -> dict:
    import duckdb

    from hypercare.contracts import load_contracts

    contracts = load_contracts(ROOT / "include" / "schemas" / "feeds")
    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")
    connection.execute(DRAWN.format(rows=rows, zone=ZONE, observed=OBSERVED_AT.isoformat()))
    write_invoices(connection, folder, contracts["invoices"])
    write_payments(connection, folder, contracts["payments"])
    write_orders(connection, folder, contracts)
    people = "(select distinct person from drawn)"
    stamps = {"created_at": "timestamptz '2026-01-02'", "updated_at": "timestamptz '2026-01-02'"}
    write_feed(
        connection, folder, contracts["suppliers"],
        {"id": "supplier", "status": "'active'", "name": "'Supplier ' || supplier", "number": "supplier", **stamps},
        "(select distinct supplier from drawn)",
    )  # fmt: skip
    write_feed(
        connection, folder, contracts["users"],
        {
            "id": "person", "active": "true", "purchasing_user": "true", "invoicing_user": "true", **stamps,
            "roles": f"[{packed(nested(contracts['users'], 'roles'), {'id': '1', 'name': repr('Buyer')})}]",
        },
        people,
    )  # fmt: skip
    step = {
        "created_at": "created_at + interval 1 hour", "updated_at": "approved_at", "approvable_type": "'InvoiceHeader'",
        "approvable_id": "i", "position": "1", "type": "'UserApproval'", "approver_id": "person",
        "approver_type": "'User'", "approved_by_id": "case when status = 'approved' then person end",
        "approval_date": "case when status = 'approved' then approved_at end", "id": "i",
        "status": "case when status = 'approved' then 'approved' else 'pending_approval' end",
    }  # fmt: skip
    write_feed(connection, folder, contracts["approvals"], step, "(from drawn where status not in ('draft', 'voided'))")
    size = sum(path.stat().st_size for path in folder.glob("*.parquet"))
    return {"mb": size / 1e6, "feeds": sorted(path.stem for path in folder.glob("*.parquet"))}


def write_invoices(connection, folder: Path, contract) -> None:
    line, step = nested(contract, "invoice-lines"), nested(contract, "approvals")
    half = "round(total / 2, 2)"
    order = {
        "po_number": "case when has_order then 'PO-' || block end",
        "order_line_id": "case when has_order then block * 2 + {n} end",
    }
    lines = ", ".join(
        packed(line, {
            "id": f"i * 2 + {n}", "line_num": str(n + 1), "status": "'matched'", "total": total, "quantity": "1",
            "price": total, **{name: text.format(n=n) for name, text in order.items()},
        })
        for n, total in enumerate([half, f"total - {half}"])
    )  # fmt: skip
    middle = "created_at + (approved_at - created_at) / 2"
    steps = {
        "approved": [("1", "'approved'", "created_at + interval 1 hour", middle),
                     ("2", "'approved'", middle, "approved_at")],
        "open": [("1", "'pending_approval'", "created_at + interval 1 hour", "null")],
    }  # fmt: skip
    lists = {
        kind: "[" + ", ".join(
            packed(step, {"id": f"i * 2 + {n}", "position": n, "status": status, "created_at": begun,
                          "approval_date": ended, "approver_id": "person"})
            for n, status, begun, ended in rows
        ) + "]"
        for kind, rows in steps.items()
    }  # fmt: skip
    shown = packed(nested(contract, "payments"), {
        "id": "i", "created_at": "ended_at", "amount_paid": "total",
        "payment_date": f"timezone('{ZONE}', ended_at)::date", "category": "'payment'",
    })  # fmt: skip
    failed = packed(nested(contract, "failed-tolerances"), {"id": "i", "code": "'price'", "resolved": "true"})
    values = {
        "id": "i", "created_at": "created_at", "status": "status", "invoice_number": "'INV-' || i",
        "updated_at": "case when is_paid then ended_at when status = 'approved' then approved_at else created_at end",
        "invoice_date": "created_on - cast(i % 5 as integer)", "document_type": "'Invoice'", "is_credit_note": "false",
        "channel": "['cXML', 'csp', 'email', 'UI', 'fax', null][i % 6 + 1]", "date_received": "created_on",
        "net_due_date": "created_on + cast(7 + i % 10 as integer)", "gross_total": "total", "total_with_taxes": "total",
        "amount_due": "case when is_paid then 0 else total end", "currency_code": "currency", "supplier_id": "supplier",
        "supplier_name": "'Supplier ' || supplier", "account_type_name": "'Chart'",
        "account_type_legal_entity_name": "entity",
        "payment_channel": "case when via_coupa_pay then 'Coupa Pay' else 'ERP' end", "payment_method": "'invoice'",
        "paid": "is_paid", "payment_date": f"case when is_paid then timezone('{ZONE}', ended_at)::date end",
        "canceled": "false", "exported": "status = 'approved'", "requested_by_id": "person", "created_by_id": "person",
        "last_exported_at": "case when status = 'approved' then approved_at end",
        "dispute_reasons": "[]", "reconciliation_lines": "[]", "invoice_lines": f"[{lines}]",
        "payments": f"case when is_paid then [{shown}] else [] end",
        "failed_tolerances": f"case when has_order and i % 17 = 0 then [{failed}] else [] end",
        "approvals": f"case when status = 'approved' then {lists['approved']} "
                     f"when status in ('draft', 'voided') then [] else {lists['open']} end",
    }  # fmt: skip
    write_feed(connection, folder, contract, values, "drawn")


def write_payments(connection, folder: Path, contract) -> None:
    detail = packed(nested(contract, "payment-details"), {
        "id": "i", "payable_id": "i", "payable_type": "'CoupaPay::Invoice'", "source_transaction_id": "i",
        "source_transaction_type": "'InvoiceHeader'", "source_transaction_reference": "'INV-' || i",
        "transaction_total": "total", "discount_total": "0", "adjustment_total": "0", "payment_total": "total",
        "payable_allocations": "[]",
    })  # fmt: skip
    released = f"released_at < timestamptz '{OBSERVED_AT.isoformat()}'"
    total = "details_total + case when block % 211 = 11 then 5 else 0 end"
    stamp = f"case when status like 'completed%' then ended_at when {released} then released_at else begun_at end"
    values = {
        "id": "block", "created_at": "begun_at", "updated_at": stamp, "status": "status",
        "payment_batch_id": "block // 500", "payment_batch_status": "'approved'",
        "payment_batch_created_at": "begun_at", "payment_batch_updated_at": "begun_at", "line_num": "block % 500",
        "released_at": f"case when {released} then released_at end", "pay_from_total": total, "pay_to_total": total,
        "pay_from_currency_code": "currency", "pay_to_currency_code": "currency", "legal_entity_name": "entity",
        "exported": f"status = '{'completed_successfully'}'", "pay_from_account_account_kind": "'bank_account'",
        "payment_details": "details",
    }  # fmt: skip
    source = f"""(
        select
            block, any_value(payment_status) as status, any_value(currency) as currency, any_value(entity) as entity,
            any_value(released_at) as released_at, any_value(ended_at) as ended_at,
            any_value(released_at) - interval 20 hours as begun_at, sum(total) as details_total,
            list({detail} order by i) as details
        from drawn where via_coupa_pay and status = 'approved' group by block
    )"""
    write_feed(connection, folder, contract, values, source)


def write_orders(connection, folder: Path, contracts) -> None:
    orders = "(select * from drawn where has_order and i % 4 = 0)"
    placed = "created_at - interval 1 day - to_hours(block % 97)"
    lines = {
        name: ", ".join(
            packed(nested(contracts[feed], name), {
                "id": f"block * 2 + {n}", "line_num": str(n + 1), "quantity": "1", "total": "total * 2",
                "account_type_legal_entity_name" if feed == "purchase_orders" else
                "account_account_type_legal_entity_name": "entity", **more,
            })
            for n in (0, 1)
        )
        for feed, name, more in (
            ("purchase_orders", "order-lines", {"price": "total * 2", "received": "1", "status": "'received'"}),
            ("requisitions", "requisition-lines", {"unit_price": "total * 2", "source_type": "'Form'"}),
        )
    }  # fmt: skip
    stamps = {"created_at": placed, "updated_at": placed, "currency_code": "currency", "created_by_id": "person"}
    write_feed(
        connection, folder, contracts["purchase_orders"],
        {
            "id": "block", "status": "'issued'", "po_number": "'PO-' || block", "version": "1", "type": "'external'",
            "transmission_status": "'sent_via_cxml'", "exported": "true", "supplier_id": "supplier",
            "requisition_header_id": "block", **stamps, "order_lines": f"[{lines['order-lines']}]",
        },
        orders,
    )  # fmt: skip
    step = packed(nested(contracts["requisitions"], "approvals"), {
        "id": "block", "position": "1", "status": "'approved'", "created_at": f"{placed} - interval 30 hours",
        "approval_date": f"{placed} - interval 3 hours",
    })  # fmt: skip
    write_feed(
        connection, folder, contracts["requisitions"],
        {
            "id": "block", "status": "'ordered'", "total": "total * 4", "line_count": "2", "requested_by_id": "person",
            **stamps, "submitted_at": f"{placed} - interval 30 hours", "approvals": f"[{step}]",
            "requisition_lines": f"[{lines['requisition-lines']}]",
        },
        orders,
    )  # fmt: skip
    write_feed(
        connection, folder, contracts["receipts"],
        {
            "id": "block * 2 + n", "type": "'ReceivingQuantityConsumption'", "status": "'created'", "quantity": "1",
            "total": "total * 2", "transaction_date": "created_at", "order_line_id": "block * 2 + n",
            "order_line_order_header_id": "block", "account_account_type_legal_entity_name": "entity", **stamps,
        },
        f"(select *, unnest([0, 1]) as n from {orders})",
    )  # fmt: skip


def load_engagement():
    from hypercare.model import COUPA_PAY, Engagement, Segment
    from hypercare.policy import load_policy

    engagement = Engagement(
        "a01", "Acme go-live", "Acme", "001", Segment.ENTERPRISE, "US", GO_LIVE, frozenset({COUPA_PAY}), ZONE,
        ("acme",), holiday_calendar=HOLIDAYS,
    )  # fmt: skip
    policy = load_policy(ROOT / "include" / "policies" / "exit_gate.v1.yaml").for_engagement(engagement)
    return engagement, policy


def plain(value) -> str:
    """A figure as text of up to four digits, the same from decimals, floats and counts."""
    digits = Decimal(str(value)).quantize(Decimal("0.0001"), ROUND_HALF_EVEN)
    return f"{digits:.4f}"
