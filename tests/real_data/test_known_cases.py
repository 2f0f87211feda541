"""The known oddities of the real logs are found by their ids, and so is what is changed in a copy of the logs."""

from __future__ import annotations

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
SETTLED_IN_W10 = {"unit65461": (156553, 157085, 160025), "unit65482": (154295, 157264)}
"""Created, approved, released and paid within 2018-W10."""

pytestmark = [
    pytest.mark.real_data,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not DATA.is_dir(), reason=f"{DATA} is absent: known cases of real records are NOT sought"),
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


@pytest.mark.parametrize(("number", "weeks"), [("90815", "2017-W50..2017-W51"), ("95149", "2017-W22..2017-W22")])
def test_reports_paid_without_final_approval(tmp_path_factory, play, number, weeks):
    folder = pick_cases(tmp_path_factory.mktemp("log"), "DomesticDeclarations", [f"declaration{number}"])
    played = play(load_event_logs(folder, weeks))
    assert keys_of(played, "paid_what_was_approved") == {f"payment:domestic/{number}"}


@pytest.mark.parametrize(
    ("log", "case", "weeks", "key"),
    [
        ("RequestForPayment", "requestforpayment176718", "2018-W42..2018-W43", "unit65463/176718"),
        ("DomesticDeclarations", "declaration124535", "2018-W27..2018-W28", "domestic/124535"),
    ],
)
def test_paid_although_no_payment_was_requested(tmp_path_factory, play, log, case, weeks, key):
    folder = pick_cases(tmp_path_factory.mktemp("log"), log, [case])
    played = play(load_event_logs(folder, weeks))
    week = weeks.split("..")[1]
    (found,) = keys_of(played, "both_sides_agree", week)
    assert found.split(":")[1] == key
    assert verdict_of(played, "roll_forward", week) == "FAIL"


# --- what is changed in a copy ---


PAYMENTS = "coupa_pay/payments"
DOUBLED, RAISED, REMOVED = SETTLED_IN_W10["unit65461"]
UNTOUCHED, TOTAL_ONLY = SETTLED_IN_W10["unit65482"]
REMOVED_NUMBER = 160026
"""The invoice number of the invoice whose payment is removed."""
TWIN = 956553
TEN = Decimal("10.00")


def load_settled(folder):
    numbers = [f"requestforpayment{number}" for unit in SETTLED_IN_W10.values() for number in unit]
    return load_event_logs(pick_cases(folder, "RequestForPayment", numbers), "2018-W10..2018-W10")


def put_again(instance: Instance, payment: int, new_id: int, more: Decimal, more_in_detail: Decimal) -> None:
    """Put every version of a payment again under an id, with more on its total and in its detail."""
    for version in instance.versions_of(PAYMENTS, payment):
        (detail,) = version.body["payment-details"]
        changed = {
            **detail,
            "id": new_id,
            "payment-id": str(new_id),
            "payment-total": str(Decimal(detail["payment-total"]) + more_in_detail),
        }
        total = str(Decimal(version.body["pay-to-total"]) + more)
        body = {**version.body, "id": new_id, "pay-to-total": total, "payment-details": [changed]}
        instance.put(PAYMENTS, version.at, body)


@pytest.fixture
def unchanged(tmp_path_factory, play):
    return play(load_settled(tmp_path_factory.mktemp("log")))


@pytest.fixture
def changed(tmp_path_factory, play, tmp_path):
    scenario = load_settled(tmp_path_factory.mktemp("log"))
    instance, other = scenario.world.instances["unit65461"], scenario.world.instances["unit65482"]
    put_again(instance, DOUBLED, TWIN, Decimal(0), Decimal(0))
    put_again(instance, RAISED, RAISED, TEN, TEN)
    instance.delete(PAYMENTS, instance.versions_of(PAYMENTS, REMOVED)[-1].at, REMOVED)
    put_again(other, TOTAL_ONLY, TOTAL_ONLY, TEN, Decimal(0))
    return play(scenario)


def test_the_unchanged_copy_passes(unchanged):
    assert unchanged.tables["exceptions"].empty
    assert set(unchanged.tables["week_revisions"]["verdict"]) == {"PASS"}


def test_a_changed_copy_is_caught(changed):
    words = changed.tables["exceptions"].set_index(["check", "key"])["words"]
    found = {check: keys_of(changed, check) for check in words.index.levels[0]}
    assert found["paid_what_was_approved"] == {f"payment:unit65461/{TWIN}", f"payment:unit65461/{RAISED}"}
    assert found["details_add_up"] == {f"payment:unit65482/{TOTAL_ONLY}"}
    unbacked = f"invoice_payment:unit65461/{REMOVED}"
    assert unbacked in found["both_sides_agree"]
    assert f"payment:unit65461/{TWIN}" in found["both_sides_agree"]
    (line,) = (line for key, line in words["roll_forward"].items() if "65461" in key)
    assert all(name in line for name in (f"unit65461/{TWIN}", f"unit65461/{RAISED}", f"invoice {REMOVED_NUMBER}")), line
    assert not any(str(UNTOUCHED) in key for keys in found.values() for key in keys)
    assert set(changed.tables["week_revisions"]["verdict"]) == {"FAIL"}
