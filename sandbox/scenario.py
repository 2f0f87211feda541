"""What a sandbox shows from its first run to its last, and what the product is expected to make of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox.coupa.api import every_scope
from sandbox.coupa.csv_export import Drop

if TYPE_CHECKING:
    from sandbox.bank.account import BankAccount
    from sandbox.jira.site import Site
    from sandbox.salesforce.store import Org
    from sandbox.trackers import Tracker
    from sandbox.world import Instance, World

SALESFORCE_DOMAIN = "sandbox.my"
"""The My Domain name of the org; it is where a client-credentials login asks for its token."""


@dataclass(frozen=True)
class Run:
    """One weekly run: the product's `as_of`, at which the sandbox's clock stands too (aware UTC).

    `expected_state`: success, failed (a new fault), or finished where either may come; `expected_faults`: words that
    the run's faults must hold.
    """

    label: str
    as_of: datetime
    expected_state: str = "success"
    expected_faults: tuple[str, ...] = ()


@dataclass(frozen=True)
class Expectation:
    """What is expected of one engagement after the last run; `..._by_run` says what was expected before, by run label.

    `cycle` is the verdict on the reconciliation cycle, `state` the exit state, `reason_contains` words of its reasons,
    `evidence` how far the evidence reaches (empty: whatever it is).
    """

    engagement: str
    scenario: str
    weeks: Mapping[str, str]
    cycle: str
    state: str
    reason_contains: str
    weeks_by_run: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    reasons_by_run: Mapping[str, str] = field(default_factory=dict)
    states_by_run: Mapping[str, str] = field(default_factory=dict)
    evidence: str = ""


@dataclass(frozen=True)
class Decision:
    """What people decide about an engagement once a run has ended, and enter into the product's form for that.

    `at` is when it is entered (aware UTC); `form` holds the form's other entries, `kind` among them. Who asks and who
    confirms are users of the product. Of one engagement there is at most one decision after each run.
    """

    after_run: str
    engagement: str
    at: datetime
    form: Mapping[str, Any]
    asked_by: str
    confirmed_by: str

    def fill_form(self) -> dict[str, Any]:
        """Return the whole form as JSON values."""
        return {"engagement": self.engagement, "as_of": self.at.isoformat(), **self.form}


@dataclass(frozen=True)
class TimedFault:
    """A fault of one Coupa instance, as its admin API takes it; `from` and `until` bound it on the instance's clock."""

    instance: str
    fault: Mapping[str, Any]


@dataclass(frozen=True)
class Scenario:
    """A whole sandbox: what its systems hold, which runs to start, what to expect of them."""

    title: str
    world: World
    org: Org
    runs: Sequence[Run]
    trackers: Sequence[Tracker]
    expected: Sequence[Expectation] = ()
    faults: Sequence[TimedFault] = ()
    decisions: Sequence[Decision] = ()
    jira_sites: Sequence[Site] = ()
    drops: Sequence[Drop] = ()
    """Instances that give no API to the product and drop files beside the tracker workbooks' folder instead."""
    bank_accounts: Sequence[BankAccount] = ()
    """Accounts whose statements are dropped as files, in a folder beside those."""
    skipped: Mapping[str, int] = field(default_factory=dict)
    """Activities of an event log that no record stands for, and how often they came."""
    notes: Sequence[str] = ()
    """What somebody who looks at the outcome should know."""

    def __post_init__(self) -> None:
        """Raise ValueError for decisions that would never be made, or not by themselves."""
        places = Counter((decision.after_run, decision.engagement) for decision in self.decisions)
        lost = {label for label, _ in places} - {run.label for run in self.runs}
        if lost or any(count > 1 for count in places.values()):
            message = f"decisions: one engagement has two after a run, or there is no run {sorted(lost)}"
            raise ValueError(message)

    def describe(self, host: str, port: int, trackers_folder: Path) -> dict[str, Any]:
        """Return the answer of `GET /admin/scenario` as JSON values.

        `connections` holds Airflow connections (no other keys than Airflow's own): the address of each system is
        `{schema}://{host}:{port}{extra.path}`, `extra.scopes` are the scopes granted to the client,
        separated by spaces. The connection of an instance that drops files names its folder in `extra.drops`.
        `trackers` and `bank` are the folders of workbooks and of bank statements.
        """
        drops = {drop.instance: drop for drop in self.drops}
        return {
            "title": self.title,
            "runs": [_describe_run(run) for run in self.runs],
            "connections": [
                *(
                    _describe_drop(drops[name], drops_folder(trackers_folder))
                    if name in drops
                    else _describe_instance(instance, host, port)
                    for name, instance in self.world.instances.items()
                ),
                _describe_org(self.org, host, port),
                *(_describe_site(site, host, port) for site in self.jira_sites),
            ],
            "trackers": str(trackers_folder),
            "bank": str(bank_folder(trackers_folder)),
            "decisions": [_describe_decision(decision) for decision in self.decisions],
            "expected": [_describe_expectation(each) for each in self.expected],
            "skipped": dict(self.skipped),
            "notes": list(self.notes),
        }


def _describe_run(run: Run) -> dict[str, Any]:
    return {
        "label": run.label,
        "as_of": run.as_of.isoformat(),
        "clock": run.as_of.isoformat(),
        "expected_state": run.expected_state,
        "expected_faults": list(run.expected_faults),
    }


def _describe_decision(decision: Decision) -> dict[str, Any]:
    return {
        "after_run": decision.after_run,
        "engagement": decision.engagement,
        "form": decision.fill_form(),
        "asked_by": decision.asked_by,
        "confirmed_by": decision.confirmed_by,
    }


def _describe_instance(instance: Instance, host: str, port: int) -> dict[str, Any]:
    path = f"/coupa/{instance.name}"
    return {
        "conn_id": f"coupa_{instance.name}",
        "conn_type": "http",
        "host": host,
        "port": port,
        "schema": "http",
        "login": instance.client_id,
        "password": instance.client_secret,
        "extra": {"path": path, "scopes": " ".join(sorted(instance.scopes or every_scope()))},
    }


def drops_folder(trackers_folder: Path) -> Path:
    """Return the folder below which instances drop their files."""
    return trackers_folder.parent / "drops"


def bank_folder(trackers_folder: Path) -> Path:
    """Return the folder below which banks drop their statements."""
    return trackers_folder.parent / "bank"


def _describe_drop(drop: Drop, folder: Path) -> dict[str, Any]:
    place = str((folder / drop.instance).absolute())
    extra = {"drops": place, "mapping": drop.mapping} if drop.mapping else {"drops": place}
    return {"conn_id": f"coupa_{drop.instance}", "conn_type": "generic", "extra": extra}


def _describe_org(org: Org, host: str, port: int) -> dict[str, Any]:
    return {
        "conn_id": "salesforce_default",
        "conn_type": "salesforce",
        "host": host,
        "port": port,
        "schema": "http",
        "login": "",
        "password": "",
        "extra": {
            "consumer_key": org.client_id,
            "consumer_secret": org.client_secret,
            "domain": SALESFORCE_DOMAIN,
            "path": "/salesforce",
        },
    }


def _describe_site(site: Site, host: str, port: int) -> dict[str, Any]:
    return {
        "conn_id": f"jira_{site.name}",
        "conn_type": "http",
        "host": host,
        "port": port,
        "schema": "http",
        "login": site.user.email,
        "password": site.api_token,
        "extra": {"path": f"/jira/{site.name}"},
    }


def _describe_expectation(each: Expectation) -> dict[str, Any]:
    return {
        "engagement": each.engagement,
        "scenario": each.scenario,
        "weeks": dict(each.weeks),
        "weeks_by_run": {label: dict(weeks) for label, weeks in each.weeks_by_run.items()},
        "cycle": each.cycle,
        "state": each.state,
        "reason_contains": each.reason_contains,
        "reasons_by_run": dict(each.reasons_by_run),
        "states_by_run": dict(each.states_by_run),
        "evidence": each.evidence,
    }
