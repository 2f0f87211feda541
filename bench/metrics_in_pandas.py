"""The figures of `bench metrics` in pandas, read by Arrow or plainly, with floats for amounts."""

# ruff: noqa: PLC0415 - pandas and pyarrow are part of what is measured
from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench.metrics_data import GO_LIVE, HOLIDAYS, OBSERVED_AT, WEEK, ZONE, load_engagement, plain

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from hypercare.weeks import Week

NOT_RECEIVED = ["draft", "voided", "abandoned", "invalid"]


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
