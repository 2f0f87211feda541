"""What a set-up's facts mean, one table row a finding."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from types import MappingProxyType

import pytest

from hypercare.connecting.feed_access import Access, FeedAccess, Light
from hypercare.connecting.scopes import imagine_engagement
from hypercare.doctor.facts import LedgerFacts, SalesforceFacts, SetUpFacts
from hypercare.doctor.findings import Finding, list_findings
from hypercare.model import COUPA_PAY, Delivery
from hypercare.policy import Policy, load_policy
from hypercare.weeks import Week

INCLUDE = Path(__file__).resolve().parents[3] / "include"
ROLES = {
    "EM": "Ada", "SA": "Ben", "CVM": "Cy", "Support manager": "Di", "partner PM": "Eve", "finance contact": "Flo",
}  # fmt: skip
ENGAGEMENT = replace(
    imagine_engagement([COUPA_PAY]), id="a0I1", name="Acme go-live", instances=("acme",), holiday_calendar="US",
    roles=ROLES,
)  # fmt: skip
POLICY = load_policy(INCLUDE / "policies" / "exit_gate.v1.yaml").for_engagement(ENGAGEMENT)
GRANTED = FeedAccess("acme", "invoices", "core.invoice.read", True, Access.GRANTED, "", timedelta(seconds=1))
HEALTHY = SetUpFacts(
    today=date(2026, 11, 25),
    salesforce=SalesforceFacts(clock_ahead=timedelta(seconds=-1)),
    engagements=(ENGAGEMENT,),
    policies=MappingProxyType({ENGAGEMENT.id: POLICY}),
    policy_problems=(),
    policy_version="exit_gate.v1",
    mapped_roles=frozenset(ROLES),
    accesses=(GRANTED, replace(GRANTED, feed="users")),
    tracker_problems={"Acme go-live": ""},
    ledger=LedgerFacts(revision="0001", head="0001", last_run=date(2026, 11, 23)),
    airflow_version="3.3.2",
    pools=frozenset({"coupa", "salesforce", "default_pool"}),
    pools_problem="",
    lake_problem="",
    outdated_feeds=(),
)


def with_policy(policy: Policy) -> SetUpFacts:
    return replace(HEALTHY, policies=MappingProxyType({ENGAGEMENT.id: policy}))


def with_org(**changes: object) -> SetUpFacts:
    return replace(HEALTHY, salesforce=replace(HEALTHY.salesforce, **changes))


def with_engagement(**changes: object) -> SetUpFacts:
    return replace(HEALTHY, engagements=(replace(ENGAGEMENT, **changes),))


def with_ledger(**changes: object) -> SetUpFacts:
    return replace(HEALTHY, ledger=replace(HEALTHY.ledger, **changes))


def with_access(*accesses: FeedAccess) -> SetUpFacts:
    return replace(HEALTHY, accesses=accesses)


def without_role(role: str, **changes: object) -> SetUpFacts:
    return with_engagement(roles={name: person for name, person in ROLES.items() if name != role}, **changes)


def with_periods(*ends: date) -> SetUpFacts:
    cycle = replace(POLICY.cycle, fiscal_calendars={"calendar-month": ends})
    return with_policy(replace(POLICY, cycle=cycle))


def with_checklist(*, advisory: bool) -> SetUpFacts:
    checklist = replace(POLICY.criteria["exit_checklist"], enabled=True, advisory=advisory)
    facts = with_policy(replace(POLICY, criteria={"exit_checklist": checklist}))
    return replace(facts, engagements=without_role("EM").engagements)


def test_a_healthy_set_up_is_green_all_over() -> None:
    found = list_findings(HEALTHY)
    assert {finding.light for finding in found} == {Light.GREEN}
    assert [finding.about for finding in found] == [
        "ledger", "lake", "Airflow", "Salesforce", "instance acme", "trackers", "clock", "runs",
    ]  # fmt: skip
    assert Finding(Light.GREEN, "clock", "agrees with 2 servers") in found


@pytest.mark.parametrize(
    ("facts", "light", "about", "words", "advice"),
    [
        (with_ledger(problem="does not answer"), Light.RED, "ledger", "does not answer", "HYPERCARE_LEDGER_URL"),
        (with_ledger(revision=None), Light.RED, "ledger", "has no tables", "hypercare migrate"),
        (with_ledger(head="0005"), Light.RED, "ledger", "at migration 0001, this release at 0005", "hypercare migrate"),
        (replace(HEALTHY, lake_problem="denied"), Light.RED, "lake", "denied", "HYPERCARE_LAKE_URL"),
        (replace(HEALTHY, outdated_feeds=("users",)), Light.YELLOW, "contracts", "users", "next pull"),
        (replace(HEALTHY, airflow_version="3.4.0"), Light.YELLOW, "Airflow", "3.4.0", "requirements.txt"),
        (replace(HEALTHY, pools_problem="no database"), Light.RED, "pools", "no database", "migrate"),
        (replace(HEALTHY, pools=frozenset({"coupa"})), Light.RED, "pools", "no pool salesforce", "pools set"),
        (with_org(login_problem="refused"), Light.RED, "Salesforce", "refused", "no engagement"),
        (with_org(mapping_problems=("no field X__c",)), Light.RED, "Salesforce mapping", "no field X__c", "access"),
        (with_org(record_problems=("time zone",)), Light.RED, "Salesforce records", "time zone", "left out"),
        (with_org(unknown_values=("SMB",)), Light.YELLOW, "Salesforce values", "SMB", "map it"),
        (with_org(untracked=("Stage__c",)), Light.YELLOW, "Salesforce history", "Stage__c", "Set History Tracking"),
        (with_org(tracking_problem="denied"), Light.YELLOW, "Salesforce history", "denied", "View Setup"),
        (with_org(clock_ahead=timedelta(minutes=2)), Light.YELLOW, "clock", "Salesforce is 120 s ahead of", "NTP"),
        (with_org(clock_ahead=timedelta(hours=-1)), Light.RED, "clock", "Salesforce is 3600 s behind", "NTP"),
        (
            with_access(replace(GRANTED, access=Access.REFUSED, words="grant core.invoice.read")),
            Light.RED, "instance acme", "invoices: refused", "grant core.invoice.read",
        ),
        (
            with_access(replace(GRANTED, access=Access.NOT_LICENSED, required=False)),
            Light.YELLOW, "instance acme", "invoices: not licensed", "",
        ),
        (
            replace(HEALTHY, tracker_problems={"Acme go-live": "there is no such file"}),
            Light.RED, "tracker of Acme go-live", "there is no such file", "",
        ),
        (without_role("CVM"), Light.YELLOW, "people of Acme go-live", "nobody is CVM", "ICM record"),
        (
            replace(without_role("CVM"), mapped_roles=frozenset()),
            Light.YELLOW, "people of Acme go-live", "nobody is CVM", "engagements.roles",
        ),
        (without_role("finance contact"), Light.YELLOW, "people of Acme go-live", "who can sign off", ""),
        (
            without_role("partner PM", delivery=Delivery.PARTNER),
            Light.RED, "people of Acme go-live", "nobody is partner PM: who answers", "",
        ),
        (
            without_role("partner PM", delivery=Delivery.PARTNER, products=frozenset({"Invoicing"})),
            Light.YELLOW, "people of Acme go-live", "partner PM: who fills the exit checklist", "",
        ),
        (with_checklist(advisory=False), Light.RED, "people of Acme go-live", "nobody is EM: who answers", ""),
        (with_engagement(holiday_calendar=""), Light.YELLOW, "calendars", "Acme go-live", "ISO country"),
        (replace(HEALTHY, policy_problems=("4-4-5",)), Light.RED, "calendars", "4-4-5", ""),
        (with_periods(date(2026, 12, 27)), Light.YELLOW, "calendars", "no period end after 2026-12-27", "policy"),
        (with_periods(date(2026, 10, 25)), Light.RED, "calendars", "no period end after 2026-10-25", "policy"),
        (with_ledger(weeks_missed=(Week(2026, 46),)), Light.RED, "runs", "2026-W46", "scheduler"),
        (with_ledger(last_run=None), Light.YELLOW, "runs", "none has taken place", "hypercare_weekly"),
        (with_ledger(other_policies={"exit_gate.v0": 3}), Light.YELLOW, "policy", "3 engagements", "next week"),
    ],
)  # fmt: skip
def test_what_is_not_as_it_should_be(facts: SetUpFacts, light: Light, about: str, words: str, advice: str) -> None:
    found = [finding for finding in list_findings(facts) if finding.light is not Light.GREEN]
    matching = [finding for finding in found if finding.about == about and words in finding.words]
    assert [finding.light for finding in matching] == [light], found
    assert advice in matching[0].advice


def test_a_vendor_needs_no_partner_and_a_filled_period_table_says_nothing() -> None:
    assert {f.light for f in list_findings(without_role("partner PM"))} == {Light.GREEN}
    assert {f.light for f in list_findings(with_periods(date(2026, 12, 27), date(2027, 2, 28)))} == {Light.GREEN}


def test_a_role_that_blocks_is_not_told_twice() -> None:
    found = [finding for finding in list_findings(with_checklist(advisory=False)) if finding.about.startswith("people")]
    assert len(found) == 1


def test_the_same_said_of_many_feeds_is_one_line() -> None:
    words = "no Airflow connection 'coupa_acme'"
    down = [
        FeedAccess("acme", feed, "core.x.read", True, Access.FAULT, words) for feed in ("invoices", "users", "payments")
    ]
    found = [finding for finding in list_findings(with_access(*down)) if finding.about == "instance acme"]
    assert found == [Finding(Light.RED, "instance acme", "invoices, users, payments: fault", words)]


def test_the_worst_stands_first() -> None:
    facts = replace(with_org(untracked=("Stage__c",), record_problems=("X",)), lake_problem="denied")
    lights = [finding.light for finding in list_findings(facts)]
    assert lights == sorted(lights, key=[Light.RED, Light.YELLOW, Light.GREEN].index)
    assert lights[0] is Light.RED


def test_nothing_known_is_not_healthy() -> None:
    nothing = replace(
        HEALTHY, salesforce=SalesforceFacts(login_problem="no connection"), engagements=(), accesses=(),
        tracker_problems={}, ledger=LedgerFacts(), pools=frozenset(),
    )  # fmt: skip
    found = list_findings(nothing)
    assert [f.about for f in found if f.light is Light.RED] == ["ledger", "pools", "pools", "Salesforce"]
    assert "clock" not in {f.about for f in found}
