"""Drops account statements where the product looks for them: a folder for each engagement, by its ICM record id."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from sandbox.bank.account import BankAccount
from sandbox.bank.camt053 import render_statement


def drop_statements(accounts: Sequence[BankAccount], folder: Path, at: datetime) -> list[Path]:
    """Write every statement due by an instant (aware) that is not there yet; return the new files.

    What was delivered stays as it is, also when the clock is moved back.
    """
    written = []
    for account in accounts:
        for statement in account.list_statements(at):
            path = folder / account.engagement / f"statement-{account.iban[-4:]}-{statement.name}.xml"
            if path.exists():
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            growing = path.with_name(f".{path.name}")
            growing.write_bytes(render_statement(statement))
            growing.replace(path)
            written.append(path)
    return written
