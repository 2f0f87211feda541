"""Engagements that do not run straight: paused, begun anew, left by exception, a week waived; and who decided it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime

from sandbox.demo.customer import PAY, Customer
from sandbox.demo.weeks import ALL_PASS
from sandbox.salesforce.store import Org
from sandbox.scenario import Decision, Expectation

OPS, VERA = "ops", "vera"
"""Users of the product: who enters a decision, and who confirms it."""

WILLOWBROOK = Customer(
    "Willowbrook Dairies go-live",
    "paused over two busy weeks, which therefore count no more: the cycle starts anew when it goes on",
    ("willowbrook",), "America/New_York", "Mid-Market", "US", "Willowbrook Dairies Inc.", "USD",
    products=PAY, holidays="US", purchases_a_week=4, stories=("nobody_checks",),
)  # fmt: skip
XENIA = Customer(
    "Xenia Ceramics go-live",
    "the go-live moves in Salesforce after week one and is confirmed a run later: what came before does not count",
    ("xenia",), "Europe/Vienna", "Enterprise", "EMEA", "Xenia Ceramics GmbH", "EUR",
    products=PAY, holidays="AT", method="sepa", purchases_a_week=4, stories=("nobody_checks",),
)  # fmt: skip
YARROW = Customer(
    "Yarrow Publishing go-live",
    "the bank keeps a returned payment for months and the customer wants out: an executive decides by exception",
    ("yarrow",), "Europe/Amsterdam", "Enterprise", "EMEA", "Yarrow Publishing B.V.", "EUR",
    products=PAY, holidays="NL", method="sepa", pays_on=2, purchases_a_week=4,
    stories=("returned", "customer_wants_out"),
)  # fmt: skip
ZINNIA = Customer(
    "Zinnia Cosmetics go-live",
    "a payment of week two was booked by hand in the ERP: the week fails, a waiver is asked for and granted",
    ("zinnia",), "Australia/Melbourne", "Enterprise", "APAC", "Zinnia Cosmetics Pty Ltd", "AUD",
    products=PAY, holidays="AU", pays_on=1, purchases_a_week=4, stories=("not_exported_in_week_two",),
)  # fmt: skip
ADJUSTED = (WILLOWBROOK, XENIA, YARROW, ZINNIA)

SECOND_GO_LIVE = date(2026, 3, 16)
MOVED_AT = datetime(2026, 3, 12, 9, tzinfo=UTC)
"""When Xenia's go-live is changed in Salesforce, by somebody who tells nobody."""
GO_LIVE_DIFFERS = f"{XENIA.name}: engagements (go-live)"
"""What the run after that complains about."""

AFTER_TWO, AFTER_FOUR = "2026-W11", "2026-W13"
TUESDAY_AFTER_TWO = datetime(2026, 3, 17, 10, tzinfo=UTC)
TUESDAY_AFTER_FOUR = datetime(2026, 3, 31, 10, tzinfo=UTC)
WAIVED_WEEK = {"criterion": "reconciliation_cycle", "week": "2026-W11"}


def change_org(org: Org, engagements: Mapping[str, str]) -> None:
    """Change what people change in Salesforce; `engagements` are the ids of the ICM records by name."""
    org.put("ICM__c", MOVED_AT, {"Id": engagements[XENIA.name], "Go_Live_Date__c": SECOND_GO_LIVE})


def _decide(after_run: str, at: datetime, customer: Customer, kind: str, **entries: object) -> Decision:
    return Decision(after_run, customer.name, at, {"kind": kind, **entries}, asked_by=OPS, confirmed_by=VERA)


DECISIONS = (
    _decide(
        AFTER_TWO, TUESDAY_AFTER_TWO, WILLOWBROOK, "pause", starts_on="2026-03-18",
        reason="the AP team takes stock of its plants", decided_by="Morgan Reyes", evidence="mail of 16 March",
    ),
    _decide(
        AFTER_TWO, TUESDAY_AFTER_TWO, XENIA, "go_live_moved", go_live=SECOND_GO_LIVE.isoformat(),
        reason="weeks one and two were a pilot of one plant", decided_by="Ingrid Solberg", evidence="mail of 16 March",
    ),
    _decide(
        AFTER_TWO, TUESDAY_AFTER_TWO, ZINNIA, "waiver_asked", **WAIVED_WEEK, expires_on="2026-04-30",
        reason="booked by hand in the ERP, voucher 4711", decided_by="Priya Raman", evidence="ticket FIN-212",
    ),
    _decide(
        AFTER_FOUR, TUESDAY_AFTER_FOUR, WILLOWBROOK, "resume", resumes_on="2026-03-30", decided_on="2026-03-30",
        reason="stock is taken", decided_by="Morgan Reyes", evidence="call of 30 March",
    ),
    _decide(
        AFTER_FOUR, TUESDAY_AFTER_FOUR, YARROW, "exit_by_exception",
        criteria=["reconciliation_cycle", "evidence_level", "exit_checklist"],
        reason="the customer runs on its own, and the bank's inquiry takes until summer",
        decided_by="Ada Lindqvist", executive="Ada Lindqvist", evidence="minutes of 31 March",
        risks=["the returned payment is paid again | Pat Yarrow | 2026-07-31",
               "the checklist is filled once the payment is cleared | Ingrid Solberg | 2026-07-31"],
        accepted_by_cvm="Luca Moretti", accepted_by_support="Helga Brandt",
    ),
    _decide(
        AFTER_FOUR, TUESDAY_AFTER_FOUR, ZINNIA, "waiver_approved", **WAIVED_WEEK,
        reason="the voucher and the bank agree", decided_by="Luca Moretti", evidence="mail of 30 March",
    ),
)  # fmt: skip
"""What people decide; each is entered into the product's form, and confirmed there by somebody else."""

EXPECTED_OF_ADJUSTED = (
    Expectation(
        WILLOWBROOK.name, WILLOWBROOK.scenario, ALL_PASS, "FAIL", "IN CYCLE", "week 1 of 4",
        reasons_by_run={
            "2026-W11": "week 1 of 4", "2026-W12": "paused since 18 March", "2026-W13": "paused since 18 March",
        },
        states_by_run={"2026-W11": "IN CYCLE", "2026-W12": "PAUSED", "2026-W13": "PAUSED"},
    ),
    Expectation(
        XENIA.name, XENIA.scenario, ALL_PASS, "FAIL", "IN CYCLE", "week 3 of 4",
        reasons_by_run={"2026-W11": "week 1 of 4", "2026-W12": "week 1 of 4", "2026-W13": "week 2 of 4"},
    ),
    Expectation(
        YARROW.name, YARROW.scenario, ALL_PASS | {"2026-W12": "FAIL"}, "FAIL", "EXCEPTION",
        "exit by exception, decided by Ada Lindqvist on 31 March",
        weeks_by_run={"2026-W12": {"2026-W12": "FAIL"}, "2026-W13": {"2026-W12": "FAIL"}},
        states_by_run={"2026-W13": "IN CYCLE"},
    ),
    Expectation(
        ZINNIA.name, ZINNIA.scenario, ALL_PASS | {"2026-W11": "WAIVED"}, "PASS", "READY", "criteria met",
        weeks_by_run={"2026-W11": {"2026-W11": "FAIL"}, "2026-W13": {"2026-W11": "FAIL"}},
        states_by_run={"2026-W13": "IN CYCLE"},
    ),
)  # fmt: skip
"""What they come to: a paused week, and one before the go-live, keep their verdicts and do not count."""
