"""What a set-up's facts mean, and what to do about them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from hypercare.connecting.feed_access import Access, Light
from hypercare.doctor.facts import SetUpFacts
from hypercare.doctor.people import find_missing_people

AIRFLOW_SERIES = "3.3."
"""The releases of Airflow that this product is made for and tested with."""
POOLS = ("coupa", "salesforce")
"""The pools that the DAGs' tasks wait in."""
CLOCK_YELLOW, CLOCK_RED = timedelta(seconds=60), timedelta(minutes=10)
"""A week is judged from two hours after its end on by this machine's clock; Date headers tell whole seconds."""
PERIOD_ENDS_AHEAD = timedelta(days=62)
"""How far a table of period ends must reach, so that the next one is known."""
WORST_FIRST = (Light.RED, Light.YELLOW, Light.GREEN)


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's."""

    light: Light
    about: str
    words: str
    advice: str = ""


def list_findings(facts: SetUpFacts) -> list[Finding]:
    """Return everything that is to be said of a set-up, worst first, otherwise in the order of the set-up."""
    found = [finding for check in CHECKS for finding in check(facts)]
    return sorted(found, key=lambda finding: WORST_FIRST.index(finding.light))


def check_ledger(facts: SetUpFacts) -> Iterator[Finding]:
    """Look at the ledger's address and tables."""
    ledger = facts.ledger
    if ledger.problem:
        yield Finding(Light.RED, "ledger", ledger.problem, "correct HYPERCARE_LEDGER_URL, or start the database")
    elif ledger.revision is None:
        yield Finding(Light.RED, "ledger", "it has no tables", "run: hypercare migrate")
    elif ledger.revision != ledger.head:
        words = f"it stands at migration {ledger.revision}, this release at {ledger.head}"
        yield Finding(Light.RED, "ledger", words, "run: hypercare migrate")
    else:
        yield Finding(Light.GREEN, "ledger", f"at migration {ledger.head}")


def check_lake(facts: SetUpFacts) -> Iterator[Finding]:
    """Look at the lake, and at what was pulled by earlier contracts."""
    if facts.lake_problem:
        yield Finding(Light.RED, "lake", facts.lake_problem, "correct HYPERCARE_LAKE_URL, or grant write access")
    else:
        yield Finding(Light.GREEN, "lake", "can be written and read")
    if facts.outdated_feeds:
        words = f"last pulled by an earlier contract: {', '.join(facts.outdated_feeds)}"
        yield Finding(Light.YELLOW, "contracts", words, "the next pull brings what the new contract asks for")


def check_airflow(facts: SetUpFacts) -> Iterator[Finding]:
    """Look at Airflow's version and pools."""
    if not facts.airflow_version.startswith(AIRFLOW_SERIES):
        words = f"version {facts.airflow_version}; this release is made for {AIRFLOW_SERIES}x"
        yield Finding(Light.YELLOW, "Airflow", words, "install the versions of requirements.txt")
    else:
        yield Finding(Light.GREEN, "Airflow", f"version {facts.airflow_version}")
    if facts.pools_problem:
        yield Finding(Light.RED, "pools", facts.pools_problem, "start Airflow's database, or migrate it")
        return
    for pool in POOLS:
        if pool not in facts.pools:
            advice = f"create it: airflow pools set {pool} <slots> <words>; without it its tasks never start"
            yield Finding(Light.RED, "pools", f"there is no pool {pool}", advice)


def check_salesforce(facts: SetUpFacts) -> Iterator[Finding]:
    """Look at the login, the mapping, the records and the history of fields."""
    org = facts.salesforce
    if org.login_problem:
        yield Finding(Light.RED, "Salesforce", org.login_problem, "without it no engagement is found")
        return
    correct = "correct include/mappings/salesforce.yaml, or give the integration user access"
    for problem in org.mapping_problems:
        yield Finding(Light.RED, "Salesforce mapping", problem, correct)
    for problem in org.record_problems:
        yield Finding(Light.RED, "Salesforce records", problem, "have the record corrected; until then it is left out")
    for words in org.unknown_values:
        advice = "map it to a field with these words, or take the value out of use"
        yield Finding(Light.YELLOW, "Salesforce values", words, advice)
    if org.tracking_problem:
        advice = (
            'give the integration user "View Setup and Configuration", or look at the object\'s field history by hand'
        )
        yield Finding(Light.YELLOW, "Salesforce history", org.tracking_problem, advice)
    for name in org.untracked:
        advice = "track it: Object Manager, Fields, Set History Tracking"
        yield Finding(Light.YELLOW, "Salesforce history", f"who changes {name}, and when, is not kept", advice)
    if not org.mapping_problems:
        yield Finding(Light.GREEN, "Salesforce", f"logged in; {len(facts.engagements)} engagements in hypercare")


def check_access(facts: SetUpFacts) -> Iterator[Finding]:
    """Look at connections and scopes: one finding for all feeds of an instance of which the same is to be said."""
    groups: dict[tuple[str, Light, Access, str], list[str]] = {}
    for each in facts.accesses:
        words = "" if each.light is Light.GREEN else each.words
        groups.setdefault((each.instance, each.light, each.access, words), []).append(each.feed)
    for (instance, light, access, words), feeds in groups.items():
        named = f"{len(feeds)} feeds" if light is Light.GREEN else ", ".join(feeds)
        yield Finding(light, f"instance {instance}", f"{named}: {access}", words)


def check_trackers(facts: SetUpFacts) -> Iterator[Finding]:
    """Look at the action item trackers."""
    for engagement, problem in facts.tracker_problems.items():
        if problem:
            yield Finding(Light.RED, f"tracker of {engagement}", problem)
    read = sum(not problem for problem in facts.tracker_problems.values())
    if read:
        yield Finding(Light.GREEN, "trackers", f"{read} can be read")


def check_people(facts: SetUpFacts) -> Iterator[Finding]:
    """Look at the roles that somebody must have: red where the gate waits for one of them."""
    for engagement in facts.engagements:
        policy = facts.policies.get(engagement.id)
        if policy is None:
            continue
        for missing in find_missing_people(engagement, policy):
            light = Light.RED if missing.blocks else Light.YELLOW
            unmapped = [role for role in missing.roles if role not in facts.mapped_roles]
            advice = "fill it in in the ICM record"
            if unmapped:
                advice = f"name the field of {', '.join(unmapped)} under engagements.roles of the Salesforce mapping"
            words = f"nobody is {' or '.join(missing.roles)}: {missing.why}"
            yield Finding(light, f"people of {engagement.name}", words, advice)


def check_calendars(facts: SetUpFacts) -> Iterator[Finding]:
    """Look at holidays and accounting periods."""
    for problem in facts.policy_problems:
        yield Finding(Light.RED, "calendars", problem)
    without = [each.name for each in facts.engagements if not each.holiday_calendar]
    if without:
        advice = "write an ISO country into the ICM record; until then every weekday is a business day"
        yield Finding(Light.YELLOW, "calendars", f"no holiday calendar: {', '.join(without)}", advice)
    used = {each.fiscal_calendar: facts.policies[each.id] for each in facts.engagements if each.id in facts.policies}
    for name, policy in used.items():
        ends = policy.cycle.fiscal_calendars[name]
        if ends == "month_ends" or max(ends) >= facts.today + PERIOD_ENDS_AHEAD:
            continue
        light = Light.RED if max(ends) < facts.today else Light.YELLOW
        words = f"the fiscal calendar {name} knows no period end after {max(ends)}"
        yield Finding(light, "calendars", words, "add the next ones under cycle.fiscal_calendars of the policy")


def check_clocks(facts: SetUpFacts) -> Iterator[Finding]:
    """Compare this machine's clock with those of the servers that answered."""
    gaps = {f"instance {each.instance}": each.clock_ahead for each in facts.accesses if each.clock_ahead is not None}
    if facts.salesforce.clock_ahead is not None:
        gaps["Salesforce"] = facts.salesforce.clock_ahead
    wrong = {server: gap for server, gap in gaps.items() if abs(gap) > CLOCK_YELLOW}
    for server, gap in wrong.items():
        light = Light.RED if abs(gap) > CLOCK_RED else Light.YELLOW
        side = "ahead of" if gap > timedelta(0) else "behind"
        words = f"{server} is {abs(gap).total_seconds():.0f} s {side} this machine"
        yield Finding(light, "clock", words, "set this machine's clock by NTP; it decides which weeks are due")
    if len(gaps) > len(wrong):
        yield Finding(Light.GREEN, "clock", f"agrees with {len(gaps) - len(wrong)} servers")


def check_runs(facts: SetUpFacts) -> Iterator[Finding]:
    """Look at what ran, and by which policy."""
    ledger = facts.ledger
    if ledger.weeks_missed:
        words = f"no run took place in {', '.join(map(str, ledger.weeks_missed))}"
        yield Finding(
            Light.RED, "runs", words, "look whether scheduler and DAG are on; the next run judges these weeks"
        )
    elif ledger.last_run:
        yield Finding(Light.GREEN, "runs", f"the last one was on {ledger.last_run}")
    elif ledger.revision:
        yield Finding(Light.YELLOW, "runs", "none has taken place yet", "switch the DAG hypercare_weekly on")
    for version, count in ledger.other_policies.items():
        words = f"{count} engagements were last judged by {version}; the policy is {facts.policy_version} now"
        yield Finding(Light.YELLOW, "policy", words, "their next week is judged by the new one")


CHECKS: tuple[Callable[[SetUpFacts], Iterator[Finding]], ...] = (
    check_ledger,
    check_lake,
    check_airflow,
    check_salesforce,
    check_access,
    check_trackers,
    check_people,
    check_calendars,
    check_clocks,
    check_runs,
)
