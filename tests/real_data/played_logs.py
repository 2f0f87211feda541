"""Plays event logs on a ledger of their own and keeps what the ledger's tables then hold, as pandas tables."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import psycopg
import pytest

from hypercare.ledger.embedded import EmbeddedPostgres
from hypercare.weekly.health import UnhealthyRunError
from sandbox.event_log import load_event_logs
from sandbox.scenario import Scenario
from tests.playing import playing, unlimited

DATA = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "bpic2020"
TABLES = ("week_revisions", "metrics", "checks", "exceptions", "differing_rows", "pulls", "faults")
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Played:
    """The ledger after some weeks: every table by name, with the engagement's name as `customer`."""

    tables: dict[str, pd.DataFrame]
    red_runs: dict[str, str]

    def first_revision(self, table: str, week: str) -> pd.DataFrame:
        """Return a week's rows as they were first judged."""
        rows = self.tables[table]
        return rows[(rows["week"] == week) & (rows["revision"] == 1)]

    def roll_forward(self, week: str) -> pd.DataFrame:
        """Return the roll-forward's rows of a week, amounts in cents, by customer."""
        rows = [
            {"customer": customer, **row}
            for customer, details in self.first_revision("week_revisions", week)[["customer", "details"]].itertuples(
                index=False
            )
            for row in details["roll_forward"]
        ]
        return pd.DataFrame(rows)


@contextmanager
def fresh_ledger(postgres: EmbeddedPostgres, template: str) -> Iterator[str]:
    """Yield the URL of a migrated ledger that lasts longer than one test."""
    name = f"real_data_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(postgres.admin_dsn, autocommit=True) as connection:
        connection.execute(f'create database "{name}" template "{template}"')
    yield postgres.url(name)
    with psycopg.connect(postgres.admin_dsn, autocommit=True) as connection:
        connection.execute(f'drop database "{name}" with (force)')


def play_logs(scenario: Scenario, folder: Path, ledger_url: str) -> Played:
    """Play every run of a scenario of event logs and return what the ledger holds afterwards."""
    red_runs = {}
    with pytest.MonkeyPatch.context() as patch, playing(unlimited(scenario), folder, ledger_url, patch) as play:
        for run in scenario.runs:
            try:
                play.run(run.as_of)
            except UnhealthyRunError as error:
                red_runs[run.label] = str(error)
        with play.runtime.engine.connect() as connection:
            names = pd.read_sql("select id as engagement, name as customer from engagements", connection)
            tables = {name: pd.read_sql_table(name, connection, coerce_float=False) for name in TABLES}
    for name, rows in tables.items():
        if "engagement" in rows:
            tables[name] = rows.merge(names, on="engagement", how="left")
    return Played(tables, red_runs)


def load_weeks(weeks: str) -> Scenario:
    """Load the logs themselves."""
    return load_event_logs(DATA, weeks)


def pick_cases(folder: Path, log: str, cases: Sequence[str], **changes: object) -> Path:
    """Write a small log of some cases with the columns of a whole one into a folder and return the folder."""
    raw = pd.read_csv(DATA / f"{log}.csv.gz", dtype=str, keep_default_na=False)
    raw[raw["case"].isin(cases)].assign(**changes).to_csv(folder / f"{log}.csv.gz", index=False)
    return folder


def show(rows: pd.DataFrame) -> str:
    """Return a few rows for a message."""
    return json.dumps(json.loads(rows.head(5).to_json(orient="records", default_handler=str)))
