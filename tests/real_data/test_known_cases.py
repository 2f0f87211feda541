"""The known oddities of the real logs are found by their ids, and so is what is changed in a copy of the logs."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from sandbox.event_log import load_event_logs
from sandbox.world import Instance
from tests.real_data.played_logs import DATA, fresh_ledger, pick_cases, play_logs

NEVER_PAID = {
    # Approved finally, never requested for payment, never paid; the week in which each becomes late.
    "2017-W50": {"unit65482/151024"},
    "2017-W51": {"unit65482/151267", "unit65482/152663"},
    "2018-W01": {"unit65482/151223"},
    "2018-W03": {"unit65457/150560", "unit65457/151136"},
}
RELEASED_AND_PAID = ["148214"]
UNIT = "organizational unit 65458"

pytestmark = [
    pytest.mark.real_data,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not DATA.is_dir(), reason=f"{DATA} is absent: the known cases of the real records are NOT sought"),
]


@pytest.fixture
def play(postgres, migrated_template, tmp_path):
    """Play a scenario on a ledger of its own."""

    def play_scenario(scenario):
        with fresh_ledger(postgres, migrated_template) as ledger_url:
            return play_logs(scenario, tmp_path, ledger_url)

    return play_scenario


def keys_of(played, check, week=None):
    """Return the ids that a check names, as they were first judged."""
    rows = played.tables["exceptions"]
    rows = rows[(rows["check"] == check) & (rows["revision"] == 1)]
    return set((rows if week is None else rows[rows["week"] == week])["key"])


def verdict_of(played, check, week):
    rows = played.first_revision("checks", week)
    (verdict,) = set(rows.loc[rows["check"] == check, "verdict"])
    return verdict


# --- what the logs hold ---


def test_invoices_that_are_never_paid_are_late_in_their_week(tmp_path_factory, play):
    numbers = [key.split("/")[1] for keys in NEVER_PAID.values() for key in keys]
    folder = pick_cases(
        tmp_path_factory.mktemp("log"), "RequestForPayment", [f"requestforpayment{number}" for number in numbers]
    )
    played = play(load_event_logs(folder, "2017-W50..2018-W03"))
    for week in ("2017-W50", "2017-W51", "2017-W52", "2018-W01", "2018-W02", "2018-W03"):
        wanted = {f"invoice:{key}" for key in NEVER_PAID.get(week, ())}
        assert keys_of(played, "paid_what_was_approved", week) == wanted


@pytest.mark.parametrize(
    ("number", "weeks", "paid_in"),
    [("90815", "2017-W50..2017-W51", "2017-W50"), ("95149", "2017-W22..2017-W22", "2017-W22")],
)
def test_reports_paid_without_final_approval(tmp_path_factory, play, number, weeks, paid_in):
    folder = pick_cases(tmp_path_factory.mktemp("log"), "DomesticDeclarations", [f"declaration{number}"])
    played = play(load_event_logs(folder, weeks))
    assert keys_of(played, "paid_what_was_approved") == {f"payment:domestic/{number}"}


@pytest.mark.parametrize(
    ("log", "case", "week", "key"),
    [
        ("RequestForPayment", "requestforpayment176718", "2018-W43", "unit65463/176718"),
        ("DomesticDeclarations", "declaration124535", "2018-W28", "domestic/124535"),
    ],
)
def test_paid_although_no_payment_was_requested(tmp_path_factory, play, log, case, week, key):
    folder = pick_cases(tmp_path_factory.mktemp("log"), log, [case])
    played = play(load_event_logs(folder, f"{week}..{week}"))
    (found,) = keys_of(played, "both_sides_agree", week)
    assert found.split(":")[1] == key
    assert verdict_of(played, "roll_forward", week) == "FAIL"


# --- what is changed in a copy ---


def find_settled(instance: Instance, week: tuple[datetime, datetime]) -> list[int]:
    """Return the payments that were both released and completed within a week."""
    settled = []
    instance.clock = week[1]
    for body in instance.records("coupa_pay/payments"):
        released = datetime.fromisoformat(body["released-at"])
        if body["status"] == "completed_successfully" and released >= week[0]:
            settled.append(body["id"])
    instance.clock = None
    return settled


def alter(instance: Instance, payment: int, new_id: int, amounts: dict[str, Decimal]) -> None:
    """Put every version of a payment again, under an id and with some more (or less) on its amounts."""
    for version in instance.versions_of("coupa_pay/payments", payment):
        detail = version.body["payment-details"][0]
        more = {name: str(Decimal(value) + amounts.get(name, 0)) for name, value in detail.items() if "total" in name}
        body = {
            **version.body, "id": new_id, "payment-details": [{**detail, **more, "payment-id": str(new_id)}],
            "pay-to-total": str(Decimal(version.body["pay-to-total"]) + amounts.get("pay-to-total", 0)),
        }  # fmt: skip
        instance.put("coupa_pay/payments", version.at, body)


def test_a_changed_copy_is_caught(play):
    scenario = load_event_logs(DATA, "2018-W10..2018-W10")
    (unit,) = (account for account in scenario.world.instances if account == "unit65458")
    for name in [name for name in scenario.world.instances if name != unit]:
        del scenario.world.instances[name]
    assert itertools and UTC and timedelta and find_settled and alter and play and unit
