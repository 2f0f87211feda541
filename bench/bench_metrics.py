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
from pathlib import Path

from bench.metrics_data import OBSERVED_AT, ROOT, WEEK, generate, load_engagement, plain
from bench.metrics_in_pandas import read_plainly, run_pandas

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
FEEDS = ("invoices", "payments", "purchase_orders")


def run_sql(folder: Path, feeds, metrics, checks) -> dict:
    import duckdb

    from hypercare.contracts import load_contracts
    from hypercare.feed_tables import TypedPull
    from hypercare.metrics import load_metrics, measure_week
    from hypercare.model import FeedHealth, FeedState
    from hypercare.reconciliation import reconcile_week, reconciliation_parameters
    from hypercare.reconciliation_checks import CheckBook, load_checks
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


WAYS = {
    "sql": lambda folder: run_sql(folder, FEEDS, METRICS, CHECKS),
    "pandas": run_pandas,
    "plain": lambda folder: run_pandas(folder, read_plainly),
    "everything": lambda folder: run_sql(folder, sorted(p.stem for p in folder.glob("*.parquet")), (), ()),
}


def measure(folder: Path, rows: int, way: str) -> dict:
    command = [sys.executable, "-m", "bench.bench_metrics", "--way", way, "--folder", str(folder), "--rows", str(rows)]
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
