"""Real records: what the ledger holds after weeks of the two event logs equals what plain pandas makes of the CSV.

`HYPERCARE_REAL_WEEKS=2018-W10..2018-W14` plays all five weeks (several minutes); two are the default.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from decimal import Decimal

import pandas as pd
import pytest

from tests.hypercare.closing import check_closing
from tests.real_data.played_logs import DATA, Played, fresh_ledger, load_weeks, play_logs, show
from tests.real_data.recomputation import (
    PlayedWeek,
    approval_hours,
    choose_pulled,
    judge_due,
    judge_payments,
    paid_on_time,
    read_events,
    roll_forward,
    tell_cases,
    volumes,
)

WEEKS = os.environ.get("HYPERCARE_REAL_WEEKS", "2018-W10..2018-W11")
FIRST, LAST = WEEKS.split("..")
LABELS = [
    f"{day:%G-W%V}" for day in pd.date_range(PlayedWeek.parse(FIRST).monday, PlayedWeek.parse(LAST).monday, freq="7D")
]
ROUNDING = 0.000051
"""Hours are kept to four decimals, so they are off by no more than 0.2 seconds."""

pytestmark = [
    pytest.mark.real_data,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(
        not DATA.is_dir(),
        reason=f"{DATA} is absent: NOTHING is compared with real records, and no roll-forward of theirs is closed",
    ),
]
by_week = pytest.mark.parametrize("label", LABELS)


@pytest.fixture(scope="module")
def played(postgres, migrated_template, tmp_path_factory) -> Iterator[Played]:
    with fresh_ledger(postgres, migrated_template) as ledger_url:
        yield play_logs(load_weeks(WEEKS), tmp_path_factory.mktemp("real"), ledger_url)


@pytest.fixture(scope="module")
def cases() -> dict[str, pd.DataFrame]:
    """The cases of the logs as the product may know them at each week's run."""
    events, first = read_events(DATA), PlayedWeek.parse(FIRST)
    at_first_run = tell_cases(events, first.seen_at)
    return {
        label: choose_pulled(tell_cases(events, PlayedWeek.parse(label).seen_at), first, at_first_run)
        for label in LABELS
    }


def read_metric(played: Played, label: str, metric: str, dimension: str = "") -> pd.DataFrame:
    """Return a metric of the week itself by customer, those without anything to measure left out."""
    rows = played.first_revision("metrics", label)
    rows = rows[(rows["metric"] == metric) & (rows["span"] == "week") & (rows["dimension"] == dimension)]
    return rows[rows["n"] > 0].set_index("customer")


def read_check(played: Played, label: str, check: str) -> pd.DataFrame:
    """Return how many rows a check judged by customer, those without any left out."""
    rows = played.first_revision("checks", label)
    return rows[(rows["check"] == check) & (rows["rows"] > 0)].set_index("customer")


def read_keys(played: Played, label: str, check: str) -> set[str]:
    rows = played.first_revision("exceptions", label)
    return set(rows.loc[rows["check"] == check, "key"])


def name_keys(kind: str, rows: pd.DataFrame) -> set[str]:
    """Return the keys of exceptions about some cases: `payment:unit65458/150001`."""
    instances = rows["customer"].str.removeprefix("organizational ").str.replace(" ", "")
    return set((rows["kind"] if kind == "record" else kind) + ":" + instances + "/" + rows["id"])


def assert_equal_by_customer(found: pd.Series, wanted: pd.Series, what: str) -> None:
    assert len(wanted), f"{what}: nothing to compare"
    both = pd.DataFrame({"found": found, "wanted": wanted})
    differing = both[both["found"].isna() | both["wanted"].isna() | (both["found"] != both["wanted"])]
    assert differing.empty, f"{what} differs for {len(differing)} of {len(both)} customers:\n{differing.to_string()}"


# --- every week was judged at all ---


def test_every_customer_has_every_week(played):
    revisions = played.tables["week_revisions"]
    assert revisions["customer"].nunique() == 36
    assert set(revisions["week"]) == set(LABELS)
    assert revisions["sealed"].all()
    assert not (revisions["verdict"] == "UNKNOWN").any(), show(revisions[revisions["verdict"] == "UNKNOWN"])
    assert played.red_runs == {}


# --- the roll-forward ---


@by_week
def test_roll_forward_to_the_cent(played, cases, label):
    week = PlayedWeek.parse(label)
    wanted = roll_forward(cases[label], week)
    wanted = wanted[(wanted != 0).any(axis=1)]
    rows = played.roll_forward(label).set_index("customer")
    for name in ("opening", "approved", "paid", "closing"):
        found = rows[name].map(lambda amount: int(Decimal(amount) * 100))
        assert_equal_by_customer(found, wanted[name], f"{label} {name}")


@by_week
def test_only_what_the_first_run_could_not_know_keeps_it_from_closing(played, cases, label):
    week, known = PlayedWeek.parse(label), cases[label]
    paid = known[known["has_record"] & known["booked_on"].notna() & week.holds(known["handled_on"])]
    unknown = paid[~paid["has_payment"]]
    difference = played.roll_forward(label).set_index("customer")["difference"].map(Decimal)
    assert set(difference[difference != 0].index) == set(unknown["customer"])
    numbers = {key.split(":")[1] for key in read_keys(played, label, "both_sides_agree")}
    assert numbers == {key.split(":")[1] for key in name_keys("record", unknown)}


def test_every_roll_forward_closes_to_the_cent_or_names_its_rows(played):
    tables = (played.tables[name].to_dict("records") for name in ("week_revisions", "checks", "differing_rows"))
    closing = check_closing(*tables)
    assert closing.faults == []
    # Customers without approved invoices have no balance to roll forward.
    assert closing.rows == sum(len(played.roll_forward(label)) for label in LABELS)
    assert closing.rows > 40
    assert closing.links > 15


# --- checks ---


@by_week
def test_payments_not_stuck(played, cases, label):
    judged = judge_payments(cases[label], PlayedWeek.parse(label))
    found = read_check(played, label, "not_stuck")
    assert_equal_by_customer(found["rows"], judged.groupby("customer").size(), f"{label} rows of not_stuck")
    assert read_keys(played, label, "not_stuck") == name_keys("payment", judged[~judged["is_final"]])


@by_week
def test_paid_what_was_approved(played, cases, label):
    week = PlayedWeek.parse(label)
    judged, due = judge_payments(cases[label], week), judge_due(cases[label], week)
    rows = pd.concat([judged, due]).groupby("customer").size()
    found = read_check(played, label, "paid_what_was_approved")
    assert_equal_by_customer(found["rows"], rows, f"{label} rows of paid_what_was_approved")
    wanted = name_keys("payment", judged[~judged["is_approved"]]) | name_keys("record", due[due["is_open"]])
    assert read_keys(played, label, "paid_what_was_approved") == wanted


# --- metrics ---


@by_week
@pytest.mark.parametrize(
    ("metric", "kind"), [("invoice_approval_time", "invoice"), ("expense_approval_time", "expense_report")]
)
def test_approval_times_to_the_second(played, cases, label, metric, kind):
    hours = approval_hours(cases[label], kind, PlayedWeek.parse(label))
    grouped = hours.groupby(level=0)
    for dimension, wanted in {"elapsed_median": grouped.median(), "elapsed_mean": grouped.mean()}.items():
        found = read_metric(played, label, metric, dimension)
        assert_equal_by_customer(found["n"], grouped.size(), f"{label} n of {metric}")
        distance = (found["value"].astype(float) - wanted).abs()
        far = distance[~(distance < ROUNDING)]
        assert far.empty, f"{label} {metric} {dimension} is off by these hours:\n{far.to_string()}"


@by_week
def test_paid_on_time(played, cases, label):
    wanted = paid_on_time(cases[label], PlayedWeek.parse(label))
    found = read_metric(played, label, "paid_on_time_share")
    assert_equal_by_customer(found["denominator"].astype(int), wanted["paid"], f"{label} invoices paid")
    assert_equal_by_customer(found["numerator"].astype(int), wanted["on_time"], f"{label} invoices paid on time")


@by_week
@pytest.mark.parametrize("dimension", ["invoices", "expense_reports", "payments"])
def test_volumes(played, cases, label, dimension):
    wanted = volumes(cases[label], PlayedWeek.parse(label))[dimension]
    found = read_metric(played, label, "transaction_volume", dimension)
    assert_equal_by_customer(found["value"].astype(int), wanted[wanted > 0], f"{label} {dimension}")
