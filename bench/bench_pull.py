"""How fast pages become published typed Parquet: against raw download, and against dlt. Prints rates, ratios, memory.

    .venv/bin/python bench/bench_pull.py [--instances 5] [--invoices 10000] [--without-dlt]

Instances are pulled side by side, rate limits off, from a loopback server in a process of its own that has every page
ready. Each way runs in a fresh process: raw download (one requests.Session for each instance, in threads, the same
URLs, bodies thrown away), pull_feed (in threads, to manifests), dlt's rest_api source to Parquet files (its own
parallel extraction). Rates count from the first request to the last file; imports are not counted (in `cpu` they are).
On a busy machine the ratio to download falls: a download waits for one core, a pull can use all.
"""

# ruff: noqa: PLC0415 - each way runs in a process of its own and imports only what it needs
from __future__ import annotations

import argparse
import dataclasses
import json
import os
import re
import resource
import socket
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = 50
CURSOR = re.compile(rb"id%5Bgt%5D=(\d+)")
BAD_EVERY = 1000
"""One invoice in so many carries an amount that does not fit, so that counting misfits is measured too."""


def invoice(number: int, spoiled: bool) -> dict:
    stamp = "2026-03-02T09:42:43-08:00"
    return {
        "id": number, "created-at": stamp, "updated-at": stamp, "status": "approved",
        "invoice-number": f"INV-{number}", "invoice-date": "2026-03-02", "document-type": "Invoice",
        "is-credit-note": False, "channel": "cXML", "date-received": "2026-03-02", "net-due-date": "2026-04-01",
        "discount-due-date": None, "gross-total": "300.00", "total-with-taxes": "3OO.00" if spoiled else "300.00",
        "amount-due": "300.00", "currency": {"code": "USD"},
        "supplier": {"id": number % 97, "name": f"Supplier {number % 97}"}, "contract": None,
        "account-type": {"name": "Chart", "legal-entity-name": "Acme Inc."}, "payment-channel": "Coupa Pay",
        "payment-method": "invoice", "paid": False, "payment-date": None, "canceled": False, "exported": False,
        "last-exported-at": None, "tolerance-failures": None, "original-invoice-number": None,
        "requested-by": {"id": 4}, "created-by": {"id": 5}, "dispute-reasons": [], "failed-tolerances": [],
        "invoice-lines": [
            {
                "id": number * 3 + line, "line-num": line, "type": "InvoiceQuantityLine", "status": "matched",
                "total": "100.00", "quantity": "2.0", "price": "50.00", "po-number": str(number),
                "order-header-num": str(number), "order-line-id": number * 3 + line, "contract": None, "category": None,
            }
            for line in (1, 2, 3)
        ],
        "payments": [], "reconciliation-lines": [],
        "approvals": [
            {
                "id": number * 2 + step, "position": step, "status": "approved", "created-at": stamp,
                "approval-date": stamp, "approver-id": step,
            }
            for step in (1, 2)
        ],
    }  # fmt: skip


def serve(invoices: int) -> None:
    """Print the port, then answer until the parent goes away."""
    spoiled = [number % BAD_EVERY == 0 for number in range(invoices + 1)]
    pages = {
        after: _answer([invoice(n, spoiled[n]) for n in range(after + 1, min(after + PAGE, invoices) + 1)])
        for after in range(0, invoices + 1, PAGE)
    }
    token = _answer({"access_token": "bench", "expires_in": 86399})
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    print(listener.getsockname()[1], flush=True)

    def answer(connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        asked = b""
        while received := connection.recv(65536):
            asked += received
            head, ended, rest = asked.partition(b"\r\n\r\n")
            if not ended:
                continue
            if head.startswith(b"POST"):
                length = int(re.search(rb"(?i)content-length: (\d+)", head)[1])
                if len(rest) < length:
                    continue
                connection.sendall(token)
                asked = rest[length:]
                continue
            cursor = CURSOR.search(head)
            connection.sendall(pages[int(cursor[1]) if cursor else 0])
            asked = rest

    while True:
        threading.Thread(target=answer, args=[listener.accept()[0]], daemon=True).start()


def _answer(content: object) -> bytes:
    body = json.dumps(content, separators=(",", ":")).encode()
    date = format_datetime(datetime.now(UTC), usegmt=True)
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: {date}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def download(url: str, instances: int, invoices: int) -> dict:
    import requests

    from hypercare.contracts import fields_parameter, load_contracts

    fields = fields_parameter(load_contracts(ROOT / "include" / "schemas" / "feeds")["invoices"])

    def read(number: int) -> int:
        session = requests.Session()
        after, count = 0, 0
        while count < invoices:
            parameters = {"fields": fields, "order_by": "id", "dir": "asc", "limit": PAGE, "id[gt]": after}
            response = session.get(f"{url}/{number}/api/invoices", params=parameters, timeout=30)
            count += min(PAGE, invoices - after) if response.content else 0
            after += PAGE
        return count

    started = time.perf_counter()
    with ThreadPoolExecutor(instances) as pool:
        rows = sum(pool.map(read, range(instances)))
    return {"rows": rows, "seconds": time.perf_counter() - started}


def pull(url: str, instances: int, invoices: int) -> dict:
    from hypercare.contracts import Baseline, load_contracts
    from hypercare.lake import Lake
    from hypercare.pulling import pull_feed
    from hypercare.systems.coupa import CoupaClient, CoupaConnection

    contract = load_contracts(ROOT / "include" / "schemas" / "feeds")["invoices"]
    contract = dataclasses.replace(contract, baseline=Baseline(all=True))
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(folder)

        def read(number: int) -> tuple[int, int]:
            connection = CoupaConnection(f"bench{number}", f"{url}/{number}", "id", "secret", (contract.scope,))
            client = CoupaClient(connection, requests_per_second=None)
            found = pull_feed(lake, client, contract, "20260302T040000Z", go_live=datetime(2026, 2, 2, tzinfo=UTC))
            return found.rows, found.misfits

        started = time.perf_counter()
        with ThreadPoolExecutor(instances) as pool:
            found = list(pool.map(read, range(instances)))
        seconds = time.perf_counter() - started
    return {"rows": sum(rows for rows, _ in found), "misfits": sum(bad for _, bad in found), "seconds": seconds}


def load_with_dlt(url: str, instances: int, invoices: int) -> dict:
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    os.environ["RUNTIME__LOG_LEVEL"] = "CRITICAL"
    import dlt
    from dlt.sources.helpers.rest_client.paginators import BasePaginator
    from dlt.sources.rest_api import rest_api_source
    from pyarrow import parquet

    class Keyset(BasePaginator):
        def update_state(self, response, data=None):
            self.after = data[-1]["id"] if data else 0
            self._has_next_page = len(data or ()) == PAGE and self.after < invoices

        def update_request(self, request):
            request.params = {**(request.params or {}), "id[gt]": self.after}

    with tempfile.TemporaryDirectory() as folder:
        os.environ["DESTINATION__FILESYSTEM__BUCKET_URL"] = f"file://{folder}/out"
        pipeline = dlt.pipeline(
            "bench_pull", destination="filesystem", dataset_name="bench", pipelines_dir=f"{folder}/state"
        )
        source = rest_api_source(
            {
                "client": {"base_url": url},
                "resources": [
                    {
                        "name": f"invoices_{number}",
                        "parallelized": True,
                        "endpoint": {"path": f"{number}/api/invoices", "paginator": Keyset(), "data_selector": "$"},
                    }
                    for number in range(instances)
                ],
            }
        )
        started = time.perf_counter()
        pipeline.run(source, loader_file_format="parquet")
        seconds = time.perf_counter() - started
        written = [
            parquet.read_metadata(path).num_rows
            for number in range(instances)
            for path in Path(folder).glob(f"out/bench/invoices_{number}/*.parquet")
        ]
    return {"rows": sum(written), "seconds": seconds}


WAYS = {"download": download, "pull": pull, "dlt": load_with_dlt}


def measure(way: str, port: str, instances: int, invoices: int) -> dict:
    arguments = ["--way", way, "--port", port, "--instances", str(instances), "--invoices", str(invoices)]
    done = subprocess.run([sys.executable, "-m", "bench.bench_pull", *arguments], check=True, stdout=subprocess.PIPE)
    found = json.loads(done.stdout.splitlines()[-1])
    expected = instances * invoices
    if found["rows"] != expected:
        sys.exit(f"{way}: {found['rows']} rows instead of {expected}: nothing is measured")
    found["rate"] = found["rows"] / found["seconds"]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instances", type=int, default=5)
    parser.add_argument("--invoices", type=int, default=10_000)
    parser.add_argument("--without-dlt", action="store_true")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--port", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.invoices)
    if options.way:
        found = WAYS[options.way](f"http://127.0.0.1:{options.port}", options.instances, options.invoices)
        used = resource.getrusage(resource.RUSAGE_SELF)
        cpu = used.ru_utime + used.ru_stime
        print(json.dumps({**found, "cpu": cpu, "peak_mb": used.ru_maxrss / 1024}))
        return
    server = subprocess.Popen(
        [sys.executable, "-m", "bench.bench_pull", "--serve", "--invoices", str(options.invoices)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        port = server.stdout.readline().strip()
        ways = [way for way in WAYS if way != "dlt" or not options.without_dlt]
        found = {way: measure(way, port, options.instances, options.invoices) for way in ways}
    finally:
        server.kill()
        server.wait()
    print(f"{options.instances} instances side by side, {options.invoices} invoices each")
    for way, figures in found.items():
        misfits = f", {figures['misfits']} misfits counted" if "misfits" in figures else ""
        print(
            f"  {way:9}{figures['rate']:10,.0f} rows/s  {figures['seconds']:7.2f} s  "
            f"cpu {figures['cpu']:6.2f} s  "
            f"peak {figures['peak_mb']:5.0f} MB{misfits}"
        )
    print(f"pull / download: {found['pull']['rate'] / found['download']['rate']:.2f} (goal: at least 0.40)")
    if "dlt" in found:
        print(f"pull / dlt: {found['pull']['rate'] / found['dlt']['rate']:.1f} (goal: at least 5)")
    print(f"peak memory of the pull: {found['pull']['peak_mb']:.0f} MB (goal: under 500)")


if __name__ == "__main__":
    main()
