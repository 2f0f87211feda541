"""One engagement fed both ways: by the API, and by flat files exported from the same world.

What both can show is equal; what the files cannot hold is NOT_APPLICABLE (in the checks, where the customer could add
it to the export: UNKNOWN), each with its reason, and never a figure.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import duckdb
import psycopg
import pytest
from sqlalchemy import select

from hypercare.ledger import tables
from hypercare.ledger.embedded import EmbeddedPostgres
from hypercare.ledger.evidence import Revision, latest_revisions
from hypercare.ledger.pulls import PullRecord, read_pulls
from hypercare.model import FeedState
from hypercare.pulling import pull_id
from hypercare.weekly.health import UnhealthyRunError
from sandbox.coupa.csv_export import Drop
from tests.hypercare.weekly.few_customers import build_world, customer
from tests.playing import Play, playing

RUNS = 3
GO_LIVE = date(2026, 3, 2)
STORIES = ("early_payment_discount", "credit_note", "voided_invoice", "returned_and_paid_again")
API, OWN_FORMAT, STANDARD = "Asked", "Ownformat", "Standard"
DROPS = (
    Drop(OWN_FORMAT.lower(), mapping="coupa_csv.changes.yaml"),
    Drop(STANDARD.lower(), own_format=False),
)
Results = dict[tuple[str, ...], dict[str, Any]]


@dataclass
class Fed:
    """What the ledger holds of one engagement after the runs."""

    metrics: Results
    """By week, metric, span and dimension."""
    checks: Results
    """By week and check."""
    revisions: dict[str, Revision]
    pulls: dict[str, PullRecord]
    """Of the last run, by feed."""


@dataclass
class Played:
    """The three engagements, and what the runs turned red for."""

    play: Play
    fed: dict[str, Fed]
    red: list[str]


@pytest.fixture(scope="module")
def played(
    postgres: EmbeddedPostgres, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Played]:
    world = build_world([customer(name, GO_LIVE, *STORIES) for name in (API, OWN_FORMAT, STANDARD)])
    scenario = dataclasses.replace(world, drops=DROPS)
    instances = scenario.world.instances
    for drop in DROPS:
        instances[drop.instance].mirror(instances[API.lower()])
    with psycopg.connect(postgres.admin_dsn, autocommit=True) as connection:
        connection.execute(f"create database both_ways template {migrated_template}")
    folder = tmp_path_factory.mktemp("both-ways")
    with (
        pytest.MonkeyPatch.context() as monkeypatch,
        playing(scenario, folder, postgres.url("both_ways"), monkeypatch) as play,
    ):
        red = [words for run in scenario.runs[:RUNS] if (words := _run(play, run.as_of))]
        yield Played(play, {name: _read(play, name) for name in (API, OWN_FORMAT, STANDARD)}, red)


def _run(play: Play, as_of: datetime) -> str:
    try:
        play.run(as_of)
    except UnhealthyRunError as error:
        return str(error)
    return ""


def _read(play: Play, name: str) -> Fed:
    engine = play.runtime.engine
    engagement = play.standings()[f"{name} go-live"].engagement.id
    last = pull_id(play.scenario.runs[RUNS - 1].as_of)
    return Fed(
        _rows(play, engagement, tables.metrics, "week", "metric", "span", "dimension"),
        _rows(play, engagement, tables.checks, "week", "check"),
        {str(week): found for week, found in latest_revisions(engine, engagement).items()},
        {each.feed: each for each in read_pulls(engine, [name.lower()], last) if each.pull == last},
    )


def _rows(play: Play, engagement: str, table: Any, *key: str) -> Results:
    query = select(table).where(table.c.engagement == engagement, table.c.revision == 1)
    with play.runtime.engine.connect() as connection:
        rows = [dict(row._mapping) for row in connection.execute(query)]
    return {tuple(str(row[name]) for name in key): row for row in rows}


FIGURES = ("verdict", "value", "n", "numerator", "denominator", "detail")
WAITING = ("waiting", "waiting_since")
NOT_HELD = "not part of the flat-file exports"
CANNOT_BE_HELD = {
    "approvals_waiting": NOT_HELD,
    "invoice_approval_time": NOT_HELD,
    "expense_approval_time": NOT_HELD,
    "integration_errors_unresolved": NOT_HELD,
    "integration_run_failures": NOT_HELD,
    "invoice_backlog": "the export holds approved invoices only",
    "invoices_held": "the export holds approved invoices only",
    "order_backed_invoice_share": "the export holds approved invoices only",
    "expense_lines_in_policy_share": "the export holds approved expense reports only",
    "licensed_user_share": NOT_HELD,
}
"""Metrics that flat files can never show, with the words of the reason."""
SHOWN_BY_BOTH = {
    OWN_FORMAT: {
        "active_users",
        "digital_payment_share",
        "electronic_order_share",
        "on_contract_spend_share",
        "order_transmission_failures",
        "orders_awaiting_receipt",
        "paid_on_time_share",
        "payment_batch_approval_time",
        "pre_approved_spend_share",
        "production_transactions",
        "requisition_to_order_time",
        "transaction_amount",
        "transaction_volume",
    },
    STANDARD: {
        "pre_approved_spend_share",
        "production_transactions",
        "requisition_to_order_time",
        "transaction_volume",
    },
}
"""Metrics of which at least one figure is told both ways."""


def _told(row: dict[str, Any], name: str, columns: tuple[str, ...]) -> tuple[Any, ...]:
    """Return figures as they are without the instance's name, which is written before ids."""
    values = (row[column] for column in columns)
    return tuple(value.replace(f"{name.lower()}/", "") if isinstance(value, str) else value for value in values)


@pytest.mark.parametrize("name", [OWN_FORMAT, STANDARD])
def test_a_metric_is_equal_or_not_applicable_with_its_reason(played: Played, name: str) -> None:
    asked, dropped = played.fed[API].metrics, played.fed[name].metrics
    shown = set()
    for key, row in dropped.items():
        if row["verdict"] == "NOT_APPLICABLE":
            assert (row["value"], row["waiting"]) == (None, None), key
            assert row["reason"], key
            continue
        if key[1] in ("action_items", "support_cases"):
            continue
        shown.add(key[1])
        assert _told(row, name, FIGURES) == _told(asked[key], API, FIGURES), key
        if row["waiting"] is None and asked[key]["waiting"] is not None:
            assert "what is still waiting is not told" in row["reason"], key
        else:
            assert _told(row, name, WAITING) == _told(asked[key], API, WAITING), key
    assert shown == SHOWN_BY_BOTH[name]
    for week, metric, span, dimension in asked.keys() - dropped.keys():
        first = dimension.partition("/")[0]
        governing = dropped.get((week, metric, span, first)) or dropped[week, metric, span, ""]
        assert governing["verdict"] == "NOT_APPLICABLE", (week, metric, span, dimension)


@pytest.mark.parametrize("name", [OWN_FORMAT, STANDARD])
@pytest.mark.parametrize("metric", CANNOT_BE_HELD)
def test_what_files_cannot_hold_is_never_zero(played: Played, name: str, metric: str) -> None:
    rows = [row for key, row in played.fed[name].metrics.items() if key[1] == metric]
    assert len(rows) >= RUNS
    for row in rows:
        assert (row["verdict"], row["value"], row["waiting"]) == ("NOT_APPLICABLE", None, None)
        assert CANNOT_BE_HELD[metric] in row["reason"]


def test_the_checks_find_the_same(played: Played) -> None:
    asked, dropped = played.fed[API], played.fed[OWN_FORMAT]
    assert dropped.checks.keys() == asked.checks.keys()
    for key, row in dropped.checks.items():
        if key[1] == "no_duplicates":
            assert (row["verdict"], row["rows"]) == ("NOT_APPLICABLE", 0)
            assert "the export holds approved invoices only" in row["reason"]
            continue
        columns = ["verdict", "exceptions", "exception_value"]
        # The files do not show the payments on an invoice, only that it is paid: these rows are fewer.
        columns += [] if key[1] == "both_sides_agree" else ["rows", "value"]
        assert _told(row, OWN_FORMAT, tuple(columns)) == _told(asked.checks[key], API, tuple(columns)), key
    assert {week: found.judgement.verdict for week, found in dropped.revisions.items()} == {
        week: found.judgement.verdict for week, found in asked.revisions.items()
    }
    assert {found.judgement.verdict for found in asked.revisions.values()} == {"PASS", "FAIL"}


def test_the_standard_export_cannot_carry_a_week(played: Played) -> None:
    """It brings each document once, so that nobody sees what was paid: the gate must stay shut, and say what to do."""
    for revision in played.fed[STANDARD].revisions.values():
        assert revision.judgement.verdict == "UNKNOWN"
        reasons = " ".join(revision.judgement.reasons)
        assert "invoices.changes is needed" in reasons
        assert "have the customer add it to the export" in reasons


@pytest.mark.parametrize("name", [OWN_FORMAT, STANDARD])
def test_feeds_are_valid_or_not_held(played: Played, name: str) -> None:
    outcomes = {feed: pull.outcome for feed, pull in played.fed[name].pulls.items()}
    not_held = {"approvals", "integration_errors", "integration_runs"}
    assert {feed for feed, outcome in outcomes.items() if outcome == "not held"} == not_held
    assert {pull.state for feed, pull in played.fed[name].pulls.items() if feed not in not_held} == {"VALID"}
    revision = played.fed[name].revisions["2026-W12"]
    states = {feed.feed: (feed.state, feed.reason) for feed in revision.evidence.feeds}
    assert states["approvals"] == (FeedState.NOT_HELD, f"{name.lower()}: approvals are {NOT_HELD}")
    assert played.red == []


APPROVED = {
    "requisitions": {"approved", "ordered", "partially_received", "received"},
    "purchase_orders": {"issued", "closed"},
    "invoices": {"approved"},
    "expense_reports": {"approved_for_payment", "paid"},
}


@pytest.mark.parametrize(
    ("feed", "resource"),
    [
        ("requisitions", "requisitions"),
        ("purchase_orders", "purchase_orders"),
        ("invoices", "invoices"),
        ("expense_reports", "expense_reports"),
        ("receipts", "receiving_transactions"),
        ("payments", "coupa_pay/payments"),
        ("users", "users"),
        ("suppliers", "suppliers"),
        ("contracts", "contracts"),
    ],
)
def test_the_last_versions_are_the_worlds(played: Played, feed: str, resource: str) -> None:
    play, name = played.play, OWN_FORMAT.lower()
    instance = play.scenario.world.instances[name]
    seen = play.scenario.runs[RUNS - 1].as_of
    there: dict[str, datetime] = {}
    for version in instance.timeline(resource):
        if version.at > seen or version.body is None:
            continue
        number, status = str(version.record_id), version.body.get("status")
        if number in there or status in APPROVED.get(feed, {status}):
            there[number] = datetime.fromisoformat(version.body["updated-at"])
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        paths = [pull.path for pull in play.runtime.lake.typed_pulls(name, [feed])]
        query = "select id, max(updated_at) from read_parquet(?) group by id"
        held = dict(connection.execute(query, [paths]).fetchall())
    assert held == there
    assert held


def test_files_that_stop_coming_are_unknown_and_named(played: Played) -> None:
    """The world stands still for a week: the API says that nothing happened, a drop folder says nothing."""
    play, (before, now) = played.play, played.play.scenario.runs[RUNS - 1 : RUNS + 1]
    with pytest.raises(UnhealthyRunError) as red:
        play.run(now.as_of, [f"{OWN_FORMAT} go-live"], clock=before.as_of)
    newest = f"InvoiceHeader_{before.as_of.astimezone(UTC):%Y%m%d_%H%M%SZ}_.csv"
    reasons = " ".join(_read(play, OWN_FORMAT).revisions["2026-W13"].judgement.reasons)
    for words in (reasons, str(red.value)):
        assert "instance ownformat, invoices: not delivered since" in words
        assert "InvoiceHeader*.csv" in words
        assert newest in words
    assert play.verdicts(f"{OWN_FORMAT} go-live")["2026-W13"] == "UNKNOWN"
