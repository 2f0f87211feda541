"""Flat files for tests: small invoice files, a drop folder, and what is read from it."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from hypercare.contracts import load_contracts
from hypercare.settings import ROOT
from hypercare.systems.csv_drop import DropFolder, open_drop_folder

CONTRACTS = load_contracts(ROOT / "include" / "schemas" / "feeds")
MAPPINGS = ROOT / "include" / "mappings"
HEADER = (
    "type", "id", "created-at", "updated-at", "status", "invoice-number", "invoice-date", "document-type",
    "net_due_date", "total", "currency", "supplier-id", "paid", "payment-date", "exported",
    "bill-to-address-legal-entity-name",
)  # fmt: skip
LINE = ("type", "invoice-id", "invoice-line-id", "total", "price", "po-number", "order-line-id")
STAMP = datetime(2026, 3, 9, 14, tzinfo=UTC)


def invoice(number: int, updated: str = "2026-03-05T10:00:00-05:00", **values: str) -> list[str]:
    """Return the `Header` row of an invoice; `values` by header, with underscores for hyphens and blanks."""
    plain = {
        "type": "Header", "id": str(number), "created-at": "2026-03-04T09:00:00-05:00", "updated-at": updated,
        "status": "approved", "invoice-number": f"INV-{number}", "invoice-date": "2026-03-04T00:00:00-05:00",
        "document-type": "Invoice", "net_due_date": "2026-04-03T00:00:00-04:00", "total": "1234.50",
        "currency": "USD", "supplier-id": "7", "paid": "False", "payment-date": "", "exported": "False",
        "bill-to-address-legal-entity-name": "Acme Inc.",
    }  # fmt: skip
    changed = plain | {name if name in plain else name.replace("_", "-"): value for name, value in values.items()}
    return [changed[name] for name in HEADER]


def line(invoice_number: int, number: int, total: str = "1234.50") -> list[str]:
    """Return a `Line` row."""
    return ["Line", str(invoice_number), str(number), total, total, "PO-9", "90"]


def render(rows: Sequence[Sequence[str]], delimiter: str = ",", quoting: int = csv.QUOTE_ALL) -> str:
    """Return rows as CSV text, all equally wide."""
    width = max(map(len, rows))
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, quoting=quoting)  # type: ignore[arg-type]
    writer.writerows([*row, *[""] * (width - len(row))] for row in rows)
    return text.getvalue()


def invoice_file(*rows: Sequence[str], header: Sequence[str] = HEADER) -> str:
    """Return an invoice file with its two header rows."""
    return render([header, LINE, *rows])


def put_file(folder: Path, content: str | bytes, stamp: datetime = STAMP, name: str = "InvoiceHeader") -> Path:
    """Write a file as an export of an instant writes it."""
    path = folder / "Invoices" / f"{name}_{stamp:%Y%m%d_%H%M%SZ}_.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    os.utime(path, (stamp.timestamp(), stamp.timestamp()))
    return path


def open_folder(folder: Path, override: str = "", settle_seconds: float = 60) -> DropFolder:
    """Open a drop folder of the instance `acme`."""
    folder.mkdir(parents=True, exist_ok=True)
    return open_drop_folder("acme", str(folder), override, "", MAPPINGS, CONTRACTS, (), settle_seconds)
