"""How fast one engagement's week is measured and reconciled: our SQL against the same figures in pandas.

    .venv/bin/python -m bench metrics [--rows 1000000] [--plain]

Fresh processes read the same typed Parquet files, made by DuckDB from the feed contracts (`--rows` invoices with
lines, approvals, payments, orders, requisitions, receipts, suppliers and users in proportion):

- `sql`: seven metrics and two checks through WeekViews, measure_week and reconcile_week, over the three feeds they need
- `pandas`: the same figures in pandas, which reads only the columns that they need and flattens lists by Arrow
- `plain` (with `--plain`): the same, from pandas.read_parquet of all columns, as pandas is mostly used: lists of dicts
- `everything`: all feeds, all metrics, all checks

Their figures are compared one by one, and nothing is printed as a rate when one differs. `sql` computes more than is
compared (medians in business hours, ages, waiting) and keeps amounts as decimals, where pandas has floats.
"""

# ruff: noqa: PLC0415 - each way runs in a process of its own and imports only what it needs
from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from hypercare.weeks import Week

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "plugins"), str(ROOT)]

ZONE = "America/New_York"
GO_LIVE = date(2026, 2, 2)
OBSERVED_AT = datetime(2026, 3, 30, 12, tzinfo=UTC)
WEEK = "2026-W13"
HOLIDAYS = "US"
METRICS = (
    "invoice_approval_time",
    "electronic_invoice_share",
    "order_backed_invoice_share",
    "paid_on_time_share",
    "first_time_match_share",
    "invoice_backlog",
    "transaction_amount",
)
CHECKS = ("details_add_up", "roll_forward")
NOT_RECEIVED = ["draft", "voided", "abandoned", "invalid"]
FEEDS = ("invoices", "payments", "purchase_orders")

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


def run_sql(folder: Path, feeds, metrics, checks) -> dict:
    import duckdb

    from hypercare.contracts import load_contracts
    from hypercare.feed_tables import TypedPull
    from hypercare.metrics import load_metrics, measure_week
    from hypercare.model import FeedHealth, FeedState
    from hypercare.reconciliation import CheckBook, load_checks, reconcile_week, reconciliation_parameters
    from hypercare.week_views import WeekViews
    from hypercare.weekly.parameters import metric_parameters
    from hypercare.weeks import Week

    contracts = load_contracts(ROOT / "include" / "schemas" / "feeds")
    definitions = load_metrics(ROOT / "include" / "sql" / "metrics")
    book = load_checks(ROOT / "include" / "sql" / "reconciliation")
    engagement, policy = load_engagement()
    pulls = [TypedPull(f, "acme", "20260330T120000Z", str(folder / f"{f}.parquet"), OBSERVED_AT) for f in feeds]
    health = [FeedHealth(feed, FeedState.VALID, required=True) for feed in contracts]
    week = Week.parse(WEEK)
    definitions = {name: found for name, found in definitions.items() if not metrics or name in metrics}
    book = CheckBook(tuple(check for check in book.checks if not checks or check.name in checks), book.tables)
    connection = duckdb.connect(config={"temp_directory": str(folder / "spilled")})
    seconds = {}
    started = time.perf_counter()
    with WeekViews(engagement, contracts, pulls, connection) as views:
        views.select_week(week, OBSERVED_AT)
        queries = [query for one in definitions.values() for query in one.queries]
        views.load([*queries, *(one.query for one in (*book.tables, *book.checks))])
        seconds["reading"] = time.perf_counter() - started
        results = measure_week(views, health, definitions, metric_parameters(policy, engagement), engagement)
        seconds["metrics"] = time.perf_counter() - started - seconds["reading"]
        found = reconcile_week(views, week, engagement, health, book, reconciliation_parameters(policy, engagement))
    seconds["whole"] = time.perf_counter() - started
    seconds["checks"] = seconds["whole"] - seconds["metrics"] - seconds["reading"]
    verdicts = [str(check.verdict) for check in found.checks]
    return {
        "seconds": seconds,
        "counts": f"{len(definitions)} metrics ({len(results)} results), {len(found.checks)} checks: "
        + ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in sorted(set(verdicts))),
        "unknown": sum(str(result.verdict) == "UNKNOWN" for result in results),
        "figures": figures_of(results, found),
    }


def figures_of(results, found) -> dict[str, str]:
    """The figures that pandas computes too, by metric, span, dimension and part."""
    told = {}
    for result in results:
        place = f"{result.metric} {result.span} {result.dimension}".strip()
        match result.metric:
            case "invoice_approval_time" if result.dimension == "elapsed_median":
                told |= {f"{place} value": result.value, f"{place} n": result.n}
            case "electronic_invoice_share" | "paid_on_time_share" | "first_time_match_share":
                told |= {f"{place} numerator": result.numerator, f"{place} denominator": result.denominator}
            case "order_backed_invoice_share" if not result.dimension:
                told |= {f"{place} numerator": result.numerator, f"{place} denominator": result.denominator}
            case "invoice_backlog" if result.dimension.startswith("status/"):
                told |= {f"{place} value": result.value}
            case "transaction_amount" if result.dimension.startswith(FEEDS) and "/" in result.dimension:
                told |= {f"{place} value": result.value, f"{place} n": result.n}
    for total in found.totals:
        if total.check == "details_add_up":
            place = f"details_add_up {total.currency}"
            told |= {f"{place} rows": total.rows, f"{place} exceptions": total.exceptions, f"{place} sum": total.value}
    for row in found.roll_forward:
        place = f"roll_forward {row.legal_entity} {row.currency}"
        told |= {f"{place} {part}": getattr(row, part) for part in ("opening", "approved", "paid", "closing")}
    return {place: plain(value) for place, value in told.items()}


def plain(value) -> str:
    """A figure as text of up to four digits, the same from decimals, floats and counts."""
    digits = Decimal(str(value)).quantize(Decimal("0.0001"), ROUND_HALF_EVEN)
    return f"{digits:.4f}"


def run_pandas(folder: Path, read=None) -> dict:
    from hypercare.weeks import Week, local_midnight

    policy = load_engagement()[1]
    started = time.perf_counter()
    tables = (read or read_by_arrow)(folder)
    seconds = {"reading": time.perf_counter() - started}
    week = Week.parse(WEEK)
    go_live, end = local_midnight(GO_LIVE, ZONE), week.end(ZONE)
    spans = {
        "week": (week.start(ZONE), end),
        "last_four": (max(go_live, week.shift(-3).start(ZONE)), end),
        "since_go_live": (go_live, end),
    }
    figures: dict[str, object] = {}
    received = tables["invoices"][~tables["invoices"]["status"].isin(NOT_RECEIVED)]
    add_approval_times(figures, tables, spans)
    add_shares(figures, tables, received, spans, policy)
    add_backlog(figures, received, spans, end)
    add_amounts(figures, tables, spans)
    seconds["metrics"] = time.perf_counter() - started - seconds["reading"]
    add_details(figures, tables, week, policy)
    add_roll_forward(figures, tables, week)
    seconds["whole"] = time.perf_counter() - started
    seconds["checks"] = seconds["whole"] - seconds["metrics"] - seconds["reading"]
    return {"seconds": seconds, "figures": {place: plain(value) for place, value in figures.items()}}


def read_by_arrow(folder: Path) -> dict[str, pd.DataFrame]:
    from pyarrow import parquet

    invoices = parquet.ParquetFile(folder / "invoices.parquet").read(
        columns=[
            "id", "created_at", "status", "invoice_number", "invoice_date", "document_type", "is_credit_note",
            "channel", "net_due_date", "total_with_taxes", "currency_code", "supplier_id", "paid", "payment_date",
            "account_type_legal_entity_name", "payment_channel", "tolerance_failures",
            *members("invoice_lines", "po_number", "order_line_id"),
            *members("payments", "created_at", "amount_paid", "payment_date"),
            *members("approvals", "status", "created_at", "approval_date"),
            *members("failed_tolerances", "code"),
        ],
    )  # fmt: skip
    payments = parquet.ParquetFile(folder / "payments.parquet").read(
        columns=[
            "id", "updated_at", "status", "released_at", "pay_to_total", "pay_to_currency_code", "legal_entity_name",
            *members("payment_details", "source_transaction_id", "payment_total"),
        ],
    )  # fmt: skip
    orders = parquet.ParquetFile(folder / "purchase_orders.parquet").read(
        columns=["created_at", "status", "currency_code", *members("order_lines", "id", "total")],
    )
    return {
        "invoices": frame(invoices),
        "lines": flatten(invoices, "invoice_lines"),
        "shown": flatten(invoices, "payments"),
        "steps": flatten(invoices, "approvals"),
        "failed": flatten(invoices, "failed_tolerances"),
        "payments": frame(payments),
        "details": flatten(payments, "payment_details"),
        "orders": frame(orders),
        "order_lines": flatten(orders, "order_lines"),
    }


def read_plainly(folder: Path) -> dict[str, pd.DataFrame]:
    """The same frames by pandas.read_parquet, its lists of dicts put into frames, amounts made floats."""
    import numpy as np
    import pandas as pd

    lists = {
        "invoices": {
            "lines": "invoice_lines",
            "shown": "payments",
            "steps": "approvals",
            "failed": "failed_tolerances",
        },
        "payments": {"details": "payment_details"},
        "purchase_orders": {"order_lines": "order_lines"},
    }
    tables = {}
    for feed, columns in lists.items():
        records = pd.read_parquet(folder / f"{feed}.parquet")
        for name, column in columns.items():
            items = pd.DataFrame([item for found in records[column] for item in found])
            items["parent"] = np.repeat(records.index.to_numpy(), records[column].str.len())
            tables[name] = with_plain_types(items)
        tables[feed] = with_plain_types(records.drop(columns=list(columns.values())))
    tables["orders"] = tables.pop("purchase_orders")
    return tables


def with_plain_types(records: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    for name in records.columns.intersection(
        ["total", "total_with_taxes", "amount_paid", "pay_to_total", "payment_total"]
    ):
        records[name] = records[name].astype(float)
    for name in records.columns.intersection(["invoice_date", "net_due_date", "payment_date"]):
        records[name] = pd.to_datetime(records[name]).astype("datetime64[s]")
    for name in records.columns.intersection(["created_at", "approval_date"]):
        records[name] = pd.to_datetime(records[name], utc=True)
    return records


def members(column: str, *names: str) -> list[str]:
    return [f"{column}.list.element.{name}" for name in names]


def frame(table: pa.Table) -> pd.DataFrame:
    """The scalars of a table, amounts as floats, dates as timestamps."""
    import pyarrow as pa

    kept = {}
    for name in table.column_names:
        column = table[name]
        if pa.types.is_decimal(column.type):
            column = column.cast(pa.float64())
        if pa.types.is_date(column.type):
            column = column.cast(pa.timestamp("s"))
        if not pa.types.is_list(column.type):
            kept[name] = column
    return pa.table(kept).to_pandas()


def flatten(table: pa.Table, column: str) -> pd.DataFrame:
    """The items of a list, each with the row number of its record as `parent`."""
    import pyarrow as pa
    from pyarrow import compute

    lists = table[column].combine_chunks()
    lists = lists.combine_chunks() if isinstance(lists, pa.ChunkedArray) else lists
    items = frame(pa.Table.from_struct_array(compute.list_flatten(lists)))
    items["parent"] = compute.list_parent_indices(lists).to_numpy(zero_copy_only=False)
    return items


def local_day(instants: pd.Series) -> pd.Series:
    return instants.dt.tz_convert(ZONE).dt.tz_localize(None).dt.normalize().astype("datetime64[s]")


def within(instants: pd.Series, span: tuple) -> pd.Series:
    return (instants >= span[0]) & (instants < span[1])


def add_approval_times(figures: dict, tables: dict, spans: dict) -> None:
    import pandas as pd

    steps, invoices = tables["steps"], tables["invoices"]
    approved = steps["status"] == "approved"
    is_open = ~steps["status"].isin(["approved", "rejected", "skipped"])
    cases = pd.DataFrame({
        "started": steps.groupby("parent")["created_at"].min(),
        "ended": steps[approved].groupby("parent")["approval_date"].max(),
        "is_open": is_open.groupby(steps["parent"]).any(),
    })  # fmt: skip
    cases["status"] = invoices["status"]
    cases = cases[~cases["is_open"] & ~cases["status"].isin(["voided", "rejected", "abandoned", "invalid"])]
    cases = cases[cases["ended"] >= cases["started"]]
    hours = ((cases["ended"] - cases["started"]).dt.total_seconds() / 3600).round(6)
    for span, bounds in spans.items():
        chosen = hours[within(cases["ended"], bounds)]
        figures[f"invoice_approval_time {span} elapsed_median value"] = round(chosen.median(), 6)
        figures[f"invoice_approval_time {span} elapsed_median n"] = len(chosen)


def add_shares(figures: dict, tables: dict, received: pd.DataFrame, spans: dict, policy) -> None:
    channel = received["channel"].str.strip().str.lower()
    electronic = channel.isin(policy.metrics.electronic_channels)
    known = electronic | channel.isin(policy.metrics.other_channels)
    lines = tables["lines"]
    names_order = lines["order_line_id"].notna() | (lines["po_number"].notna() & (lines["po_number"] != ""))
    backed = received.index.isin(lines.loc[names_order, "parent"].unique())
    not_rejected = received["status"] != "rejected"
    attempts = match_attempts(tables, received)
    paid = paid_invoices(tables["invoices"])
    for span, bounds in spans.items():
        arrived = within(received["created_at"], bounds)
        add_share(figures, f"electronic_invoice_share {span}", arrived & electronic, arrived & known)
        add_share(
            figures, f"order_backed_invoice_share {span}", arrived & not_rejected & backed, arrived & not_rejected
        )
        tried = within(attempts["created_at"], bounds)
        add_share(figures, f"first_time_match_share {span}", tried & attempts["is_matched"], tried)
        settled = paid[within(paid["paid_at"], bounds)]
        add_share(figures, f"paid_on_time_share {span}", settled["is_on_time"], settled["total_with_taxes"].notna())
        amounts = settled.assign(in_time=settled["total_with_taxes"].where(settled["is_on_time"], 0))
        for currency, row in amounts.groupby("currency_code")[["in_time", "total_with_taxes"]].sum().iterrows():
            place = f"paid_on_time_share {span} {currency}"
            figures |= {
                f"{place} numerator": round(row["in_time"], 2),
                f"{place} denominator": round(row["total_with_taxes"], 2),
            }


def add_share(figures: dict, place: str, numerator: pd.Series, denominator: pd.Series) -> None:
    figures |= {f"{place} numerator": int(numerator.sum()), f"{place} denominator": int(denominator.sum())}


def match_attempts(tables: dict, received: pd.DataFrame) -> pd.DataFrame:
    ordered_at = tables["order_lines"].set_index("id")["parent"].map(tables["orders"]["created_at"])
    lines = tables["lines"]
    ordered = lines["order_line_id"].map(ordered_at)
    last_ordered = ordered.groupby(lines["parent"]).max().dropna()
    tried = received.copy()
    tried["same_number"] = tried.groupby(["supplier_id", "invoice_number"], dropna=False)["id"].transform("size")
    tried["ordered_on"] = local_day(last_ordered)
    tried = tried[tried["ordered_on"].notna() & ~tried["status"].isin(["new", "processing"])]
    tried = tried[~((tried["status"] == "rejected") & (tried["same_number"] > 1))]
    tried = tried[tried["ordered_on"] <= tried["invoice_date"].fillna(local_day(tried["created_at"]))]
    tried["is_matched"] = (
        ~tried.index.isin(tables["failed"]["parent"])
        & (tried["tolerance_failures"].fillna("").str.strip() == "")
        & (tried["status"] != "rejected")
    )
    return tried


def paid_invoices(invoices: pd.DataFrame) -> pd.DataFrame:
    paid = invoices[invoices["paid"] & (invoices["status"] != "voided") & (invoices["total_with_taxes"] >= 0)].copy()
    paid = paid[paid["net_due_date"].notna() & paid["payment_date"].notna()]
    paid["paid_at"] = paid["payment_date"].dt.tz_localize(ZONE)
    paid["is_on_time"] = paid["payment_date"] <= paid["net_due_date"]
    return paid


def add_backlog(figures: dict, received: pd.DataFrame, spans: dict, end: object) -> None:
    pending = received[~received["status"].isin(["approved", "rejected", "payable_adjustment"])]
    counts = pending.loc[pending["created_at"] < end, "status"].value_counts()
    figures |= {f"invoice_backlog {span} status/{status} value": n for span in spans for status, n in counts.items()}


def add_amounts(figures: dict, tables: dict, spans: dict) -> None:
    invoices, payments, orders = tables["invoices"], tables["payments"], tables["orders"]
    lines = tables["order_lines"]
    ended = [*NOT_RECEIVED, "rejected"]
    kinds = {
        "invoices": (invoices, "created_at", "currency_code", "total_with_taxes", ended),
        "payments": (payments, "released_at", "pay_to_currency_code", "pay_to_total",
                     ["draft", "cancelled", "completed_with_errors"]),
        "purchase_orders": (orders.assign(total=lines.groupby("parent")["total"].sum()), "created_at", "currency_code",
                            "total", ["draft", "cancelled", "error"]),
    }  # fmt: skip
    for feed, (records, happened, currency, amount, left_out) in kinds.items():
        kept = records[~records["status"].isin(left_out)]
        seen = kept.loc[within(kept[happened], spans["since_go_live"]), currency].unique()
        for span, bounds in spans.items():
            grouped = kept[within(kept[happened], bounds)].groupby(currency)[amount].agg(["sum", "count"])
            grouped = grouped.reindex(seen, fill_value=0)
            for code, row in grouped.iterrows():
                place = f"transaction_amount {span} {feed}/{code}"
                figures |= {f"{place} value": round(row["sum"], 2), f"{place} n": int(row["count"])}


def add_details(figures: dict, tables: dict, week: Week, policy) -> None:
    import numpy as np
    import pandas as pd

    from hypercare.business_calendar import holidays_between

    released = tables["payments"][tables["payments"]["released_at"].notna()].copy()
    details = tables["details"].groupby("parent")["payment_total"].sum()
    final = local_day(released["updated_at"]).where(released["status"].str.startswith("completed"))
    days = local_day(released["released_at"]).to_numpy().astype("datetime64[D]")
    holidays = np.array(list(holidays_between(HOLIDAYS, GO_LIVE.replace(month=1), GO_LIVE.replace(month=12))))
    allowed = policy.reconciliation.payment_method_business_days["ach"]
    deadline = pd.Series(
        np.busday_offset(days, allowed, roll="backward", holidays=holidays.astype("datetime64[D]")),
        index=released.index,
    )
    observed = pd.Timestamp(OBSERVED_AT).tz_convert(ZONE).tz_localize(None).normalize()
    judged = final.where(final.notna() & (final <= deadline), deadline)
    judged = judged.where(final.notna() | (deadline < observed))
    released["offending"] = (released.index.map(details).fillna(0) - released["pay_to_total"]).abs() > float(
        policy.reconciliation.tolerance
    ) + 1e-9
    chosen = released[(judged >= pd.Timestamp(week.monday)) & (judged <= pd.Timestamp(week.sunday))]
    for currency, rows in chosen.groupby("pay_to_currency_code"):
        place = f"details_add_up {currency}"
        figures |= {
            f"{place} rows": len(rows),
            f"{place} exceptions": int(rows["offending"].sum()),
            f"{place} sum": round(rows["pay_to_total"].sum(), 2),
        }


def add_roll_forward(figures: dict, tables: dict, week: Week) -> None:
    """Approved and unpaid at both ends of the week, approved and paid in it; the records hold nothing else to roll."""
    import pandas as pd

    monday, sunday = pd.Timestamp(week.monday), pd.Timestamp(week.sunday)
    invoices, steps, payments = tables["invoices"], tables["steps"], tables["payments"]
    books = invoices[invoices["status"] == "approved"].copy()
    books["approved_on"] = local_day(steps[steps["status"] == "approved"].groupby("parent")["approval_date"].max())
    by = ["account_type_legal_entity_name", "currency_code"]
    shown = tables["shown"].join(books[[*by, "payment_channel"]], on="parent", how="inner")
    entered = local_day(shown["created_at"])
    shown["on"] = entered.where(entered >= shown["payment_date"], shown["payment_date"])
    own = shown[~shown["payment_channel"].str.contains("coupa.*pay", case=False)]
    completed = payments[payments["status"] == "completed_successfully"]
    paid = tables["details"].join(
        completed.assign(on=local_day(completed["updated_at"]))[["on", "legal_entity_name", "pay_to_currency_code"]],
        on="parent", how="inner",
    )  # fmt: skip
    in_week = paid[paid["on"].between(monday, sunday)]
    by_payment = in_week.groupby(["legal_entity_name", "pay_to_currency_code"])["payment_total"].sum()
    parts = pd.DataFrame({
        "due_before": total(books[books["approved_on"] < monday], by, "total_with_taxes"),
        "approved": total(books[books["approved_on"].between(monday, sunday)], by, "total_with_taxes"),
        "shown_before": total(shown[shown["on"] < monday], by, "amount_paid"),
        "shown_in_week": total(shown[shown["on"].between(monday, sunday)], by, "amount_paid"),
        "own": total(own[own["on"].between(monday, sunday)], by, "amount_paid"),
        "by_payment": by_payment.rename_axis(by),
    }).fillna(0)  # fmt: skip
    parts["opening"] = parts["due_before"] - parts["shown_before"]
    parts["paid"] = parts["by_payment"] + parts["own"]
    parts["closing"] = parts["opening"] + parts["approved"] - parts["shown_in_week"]
    for (entity, currency), row in parts.iterrows():
        place = f"roll_forward {entity} {currency}"
        figures |= {f"{place} {part}": round(row[part], 2) for part in ("opening", "approved", "paid", "closing")}


def total(rows: pd.DataFrame, by: list[str], amount: str) -> pd.Series:
    return rows.groupby(by)[amount].sum()


WAYS = {
    "sql": lambda folder: run_sql(folder, FEEDS, METRICS, CHECKS),
    "pandas": run_pandas,
    "plain": lambda folder: run_pandas(folder, read_plainly),
    "everything": lambda folder: run_sql(folder, sorted(p.stem for p in folder.glob("*.parquet")), (), ()),
}


def measure(folder: Path, rows: int, way: str) -> dict:
    command = [sys.executable, __file__, "--way", way, "--folder", str(folder), "--rows", str(rows)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout.splitlines()[-1])


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000, help="invoices")
    parser.add_argument("--plain", action="store_true", help="pandas without Arrow too: 10 kB of memory an invoice")
    parser.add_argument("--way", choices=["generate", *WAYS], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.way:
        found = (
            generate(options.folder, options.rows) if options.way == "generate" else WAYS[options.way](options.folder)
        )
        used = resource.getrusage(resource.RUSAGE_SELF)
        cpu = used.ru_utime + used.ru_stime
        print(json.dumps({**found, "cpu": cpu, "peak_mb": used.ru_maxrss / 1024}))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = measure(folder, options.rows, "generate")
        found = {way: measure(folder, options.rows, way) for way in WAYS if way != "plain" or options.plain}
    report(options.rows, made, found)


def report(rows: int, made: dict, found: dict) -> None:
    sql = found["sql"]["figures"]
    in_pandas = [way for way in ("pandas", "plain") if way in found]
    for way in in_pandas:
        frames = found[way]["figures"]
        differing = sorted(place for place in sql.keys() | frames.keys() if sql.get(place) != frames.get(place))
        for place in differing[:20]:
            print(f"  {place}: sql {sql.get(place)}, {way} {frames.get(place)}")
        if differing or not sql:
            sys.exit(f"{len(differing)} of {len(sql)} figures differ: nothing is measured")
    print(f"{rows:,} invoices and what belongs to them, {made['mb']:.0f} MB of typed Parquet")
    for way in found:
        seconds = found[way]["seconds"]
        parts = ", ".join(f"{part} {took:.2f}" for part, took in seconds.items() if part != "whole")
        print(
            f"  {way:10}{seconds['whole']:8.2f} s ({parts})  {rows / seconds['whole']:10,.0f} invoices/s  "
            f"cpu {found[way]['cpu']:.1f} s  peak {found[way]['peak_mb']:6,.0f} MB"
        )
    for way in ("sql", "everything"):
        print(f"{way}: {found[way]['counts']}, {found[way]['unknown']} results UNKNOWN")
    print(f"{len(sql)} figures are the same in all; ratios of times, above 1: sql is faster")
    seconds = {way: found[way]["seconds"] for way in found}
    for way in in_pandas:
        whole = seconds[way]["whole"] / seconds["sql"]["whole"]
        computing = [seconds[each]["whole"] - seconds[each]["reading"] for each in (way, "sql")]
        print(f"  {way} / sql, reading included: {whole:.2f}, without reading: {computing[0] / computing[1]:.2f}")


if __name__ == "__main__":
    main()
