"""A customer that gives bank statements: what was matched is frozen with the week, and exported."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from sqlalchemy import select

from hypercare.finance.evidence import read_evidence
from hypercare.finance.export import make_file
from hypercare.ledger import tables
from hypercare.ledger.chain import verify_chain
from hypercare.ledger.evidence import latest_revisions
from hypercare.ledger.reconciled_rows import read_rows
from hypercare.weekly.request import RunRequest
from tests.hypercare.finance.finance_ledger import open_file, read_page
from tests.hypercare.weekly.few_customers import build_world, customer
from tests.playing import Play, playing

GO_LIVE = date(2026, 3, 2)


@dataclass(frozen=True)
class Paid:
    """A payment as Coupa shows it."""

    name: str
    amount: str
    currency: str
    released_at: datetime


def run(play: Play, number: int) -> None:
    as_of = play.scenario.runs[number].as_of
    play.set_clock(as_of)
    play.run_steps(RunRequest(as_of=as_of))


def list_paid(play: Play, instance: str) -> list[Paid]:
    """The completed payments that were pulled, by their own names."""
    paths = [pull.path for pull in play.runtime.lake.typed_pulls(instance, ["payments"])]
    with duckdb.connect() as connection:
        rows = connection.execute(
            "select distinct coalesce(payment_identifier, external_ref_id), pay_to_total, pay_to_currency_code, "
            "released_at from read_parquet($paths) where status = 'completed_successfully' order by all",
            {"paths": paths},
        ).fetchall()
    return [Paid(name, f"{amount:.2f}", currency, released) for name, amount, currency, released in rows]


def write_statement(folder: Path, payments: list[Paid]) -> None:
    """A bank's CSV that books each payment on the day after its release."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "march.csv").open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        lines.writerow(["Account", "Currency", "Booking Date", "Value Date", "Amount", "Reference"])
        for one in payments:
            day = (one.released_at + timedelta(days=1)).date()
            lines.writerow(["DE02120300000000202051", one.currency, day, day, f"-{one.amount}", one.name])


@pytest.mark.timeout(600)
def test_what_the_bank_shows_is_frozen_and_exported(tmp_path: Path, ledger_url: str, monkeypatch: pytest.MonkeyPatch):
    scenario = build_world([customer("Banker", GO_LIVE, method="sepa")])
    bank = tmp_path / "bank"
    with playing(scenario, tmp_path, ledger_url, monkeypatch, bank_url=str(bank)) as play:
        for number in range(3):
            run(play, number)
        ((_, standing),) = play.standings().items()
        payments = list_paid(play, *standing.engagement.instances)
        assert len(payments) > 2
        write_statement(bank / standing.engagement.id, payments)
        run(play, 3)
        engine, engagement = play.runtime.engine, standing.engagement
        week, revision = max(latest_revisions(engine, engagement.id).items())
        (check,) = (each for each in revision.evidence.checks if each.check == "bank_side")
        rows = read_rows(engine, revision.key)
        assert len(rows.bank) == check.rows > 0
        assert {row.basis for row in rows.bank if row.state == "matched"} == {"reference"}
        assert any(row.state == "matched" for row in rows.bank)
        assert {one.file_digest for one in rows.statements} == {
            entry.file_digest for row in rows.bank for entry in row.entries
        }
        with engine.connect() as connection:
            legs = connection.execute(
                select(tables.week_revisions.c.details).where(revision.key.matches(tables.week_revisions))
            ).scalar_one()["legs"]
        assert sum(leg["rows"] for leg in legs if leg["check"] == "bank_side") == check.rows
        assert verify_chain(engine) == []
        book = open_file(make_file(read_evidence(engine, engagement, week)))
        assert len(read_page(book, "Bank matches")) == sum(max(len(row.entries), 1) for row in rows.bank)
        rolled = read_page(book, "Roll-forward")
        assert {row["State"] for row in rolled} == {"closes to 0"}
        assert any(row["Bank: payments"] for row in rolled)
