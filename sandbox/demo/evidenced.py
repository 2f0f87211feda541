"""Engagements whose verdict rests on more than Coupa's API: a signature, a bank, an explanation, files, Jira."""

from __future__ import annotations

from datetime import date, timedelta

from sandbox.coupa.csv_export import Drop
from sandbox.demo.customer import PAY, Customer
from sandbox.demo.weeks import ALL_PASS
from sandbox.scenario import Expectation

QUARRYSTONE = Customer(
    "Quarrystone Cement go-live",
    "no ERP leg, so consistent in Coupa only: the finance contact compares the cycle's figures and signs them",
    ("quarrystone",), "America/Boise", "Mid-Market", "US", "Quarrystone Cement Co.", "USD",
    products=PAY, erp_leg="none", go_live=date(2026, 2, 16), purchases_a_week=3, stories=("signed_off",),
)  # fmt: skip
RAVENNA = Customer(
    "Ravenna Glass go-live",
    "no ERP leg, but statements of the bank, on which each payment is found: by reference, in batches, by its invoices",
    ("ravenna",), "Europe/Rome", "Enterprise", "EMEA", "Ravenna Glass S.p.A.", "EUR",
    products=PAY, erp_leg="none", holidays="IT", method="sepa", pays_on=1, settles_in=1, purchases_a_week=3,
    stories=("bank_statements",),
)  # fmt: skip
SOLSTICE = Customer(
    "Solstice Brewing go-live",
    "an invoice that its supplier lets wait: late in week two, explained and accepted, and carried from then on",
    ("solstice",), "America/Chicago", "Mid-Market", "US", "Solstice Brewing LLC", "USD",
    products=PAY, holidays="US", purchases_a_week=3, stories=("supplier_waits",),
)  # fmt: skip
TIDEWATER = Customer(
    "Tidewater Marine go-live",
    "the bank refuses the whole run of week two: systemic, so that paying it again in week three does not heal it",
    ("tidewater",), "America/New_York", "Enterprise", "US", "Tidewater Marine Inc.", "USD",
    products=PAY, holidays="US", pays_on=1, purchases_a_week=3, stories=("run_refused", "nobody_checks"),
)  # fmt: skip
UMBRIA = Customer(
    "Umbria Leather go-live",
    "gives no API: its own integration format drops CSV files, which the same checks read",
    ("umbria",), "Europe/Rome", "Mid-Market", "EMEA", "Umbria Leather S.r.l.", "EUR",
    products=PAY, holidays="IT", method="sepa", pays_on=2, purchases_a_week=3,
)  # fmt: skip
VANTAGE = Customer(
    "Vantage Couriers go-live",
    "tracks its action items in Jira: an integration that fails from week four on is written there, and holds the exit",
    ("vantage",), "Europe/London", "Strategic", "EMEA", "Vantage Couriers Ltd", "GBP",
    products=PAY, holidays="GB-ENG", pays_on=2, purchases_a_week=3, stories=("tracker_in_jira", "integration_down"),
)  # fmt: skip
EVIDENCED = (QUARRYSTONE, RAVENNA, SOLSTICE, TIDEWATER, UMBRIA, VANTAGE)

DROPS = (Drop(UMBRIA.instances[0], mapping="coupa_csv.changes.yaml", every=timedelta(days=7)),)
JIRA_TRACKER = f"jira:{VANTAGE.instances[0]}/HC"

EXPECTED_OF_EVIDENCED = (
    Expectation(
        QUARRYSTONE.name, QUARRYSTONE.scenario, {"2026-W08": "PASS", "2026-W09": "PASS", **ALL_PASS}, "PASS", "READY",
        "criteria met", evidence="signed off",
        states_by_run={"2026-W11": "IN CYCLE", "2026-W12": "CYCLE COMPLETE"},
        reasons_by_run={"2026-W12": "consistent in Coupa only"},
    ),
    Expectation(
        RAVENNA.name, RAVENNA.scenario, ALL_PASS, "PASS", "READY", "criteria met", evidence="level 3",
        reasons_by_run={"2026-W10": "cycle not started"},
    ),
    Expectation(
        SOLSTICE.name, SOLSTICE.scenario, ALL_PASS | {"2026-W11": "CLEARED"}, "PASS", "READY", "criteria met",
        evidence="level 2",
        weeks_by_run={
            "2026-W11": {"2026-W11": "FAIL"},
            "2026-W12": {"2026-W11": "CLEARED"},
            "2026-W13": {"2026-W11": "CLEARED", "2026-W13": "PASS"},
        },
        reasons_by_run={"2026-W11": "is unpaid: 2,750.00 USD"},
    ),
    Expectation(
        TIDEWATER.name, TIDEWATER.scenario, ALL_PASS | {"2026-W11": "FAIL"}, "FAIL", "IN CYCLE",
        "clearing them does not heal the week",
        weeks_by_run={
            "2026-W11": {"2026-W11": "FAIL"},
            "2026-W12": {"2026-W11": "FAIL", "2026-W12": "PASS"},
            "2026-W13": {"2026-W11": "FAIL", "2026-W13": "PASS"},
        },
        reasons_by_run={"2026-W12": "systemic: errors_resolved"},
    ),
    Expectation(
        UMBRIA.name, UMBRIA.scenario, ALL_PASS, "PASS", "READY", "criteria met", evidence="level 2",
    ),
    Expectation(
        VANTAGE.name, VANTAGE.scenario, ALL_PASS, "PASS", "CYCLE COMPLETE",
        "tracker HC-2 Integration Supplier master to the TMS fails",
        evidence="level 2", states_by_run={"2026-W13": "IN CYCLE"},
    ),
)  # fmt: skip
"""What they come to."""
