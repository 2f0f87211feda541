"""Gathers a set-up's facts: asks every system, and keeps what it says or that it does not answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

from sqlalchemy.exc import OperationalError

from hypercare.connecting.feed_access import check_instances
from hypercare.doctor.facts import LedgerFacts, SalesforceFacts, SetUpFacts
from hypercare.errors import ConfigurationError, HypercareError
from hypercare.ledger.database import read_migrations
from hypercare.ledger.decisions import latest_decisions, read_runs
from hypercare.ledger.pulls import newest_pulls
from hypercare.ledger.roster import read_engagements
from hypercare.model import Engagement
from hypercare.policy import Policy
from hypercare.runtime import Runtime
from hypercare.systems.airflow_command import list_pools
from hypercare.systems.http import http_date
from hypercare.systems.salesforce import SalesforceReader, open_client
from hypercare.systems.salesforce_history import read_tracked_fields
from hypercare.systems.salesforce_mapping import (
    SalesforceMapping,
    list_mapping_problems,
    list_unknown_values,
    load_salesforce_mapping,
)
from hypercare.systems.salesforce_rest import SalesforceClient
from hypercare.weekly.engagement_feeds import open_readers
from hypercare.weekly.health import weeks_without_run

T = TypeVar("T")


def gather_facts(runtime: Runtime) -> SetUpFacts:
    """Ask everything that a run needs; takes some seconds an instance. What does not answer becomes a fact."""
    now = datetime.now(UTC)
    ledger = _gather_ledger(runtime, now)
    mapping, mapping_problem = _try(lambda: load_salesforce_mapping(_mapping_file(runtime)))
    salesforce, engagements = _gather_salesforce(runtime, mapping)
    if mapping_problem:
        salesforce = replace(salesforce, mapping_problems=(mapping_problem,))
    if engagements is None:
        # The last ones that were read: everything else can still be checked.
        engagements = tuple(read_engagements(runtime.engine)) if ledger.revision else ()
    policies, policy_problems = _find_policies(runtime, engagements)
    pools, pools_problem = _try(list_pools)
    return SetUpFacts(
        today=now.date(),
        salesforce=salesforce,
        engagements=engagements,
        policies=policies,
        policy_problems=policy_problems,
        policy_version=runtime.policy.version,
        mapped_roles=frozenset(mapping.engagements.roles) if mapping else frozenset(),
        accesses=tuple(check_instances(runtime, [], [each for each in engagements if each.id in policies])),
        tracker_problems=_read_trackers(runtime, engagements),
        ledger=ledger,
        airflow_version=version("apache-airflow"),
        pools=frozenset(pools or ()),
        pools_problem=pools_problem,
        lake_problem=_try_lake(runtime),
        outdated_feeds=_find_outdated(runtime) if ledger.revision else (),
    )


def _try(ask: Callable[[], T]) -> tuple[T | None, str]:
    """Return what was asked, or None and in words why not."""
    try:
        return ask(), ""
    except HypercareError as error:
        return None, str(error)


def _mapping_file(runtime: Runtime) -> Path:
    return runtime.settings.include_folder / "mappings" / "salesforce.yaml"


def _gather_ledger(runtime: Runtime, now: datetime) -> LedgerFacts:
    try:
        revision, head = read_migrations(runtime.engine)
    except OperationalError as error:
        return LedgerFacts(problem=f"does not answer: {error.orig}")
    if revision is None or revision != head:
        return LedgerFacts(revision=revision, head=head)
    runs = read_runs(runtime.engine)
    judged_by = Counter(str(each["policy_version"]) for each in latest_decisions(runtime.engine).values())
    return LedgerFacts(
        revision=revision,
        head=head,
        last_run=runs[-1].date() if runs else None,
        weeks_missed=tuple(weeks_without_run(runs, now)),
        other_policies={name: count for name, count in judged_by.items() if name != runtime.policy.version},
    )


def _gather_salesforce(
    runtime: Runtime, mapping: SalesforceMapping | None
) -> tuple[SalesforceFacts, tuple[Engagement, ...] | None]:
    """Return what the org says, and the engagements that it has in hypercare; None where it can't be asked for them."""
    try:
        client = open_client(runtime.settings)
        answer = client.send(
            "GET", "query", "Salesforce, login", parameters={"q": "SELECT Id FROM Organization LIMIT 1"}
        )
    except HypercareError as error:
        return SalesforceFacts(login_problem=str(error)), None
    server = http_date(answer.headers.get("Date", ""))
    facts = SalesforceFacts(clock_ahead=None if server is None else server - datetime.now(UTC))
    if mapping is None:
        return facts, None
    try:
        return _look_into_org(runtime, client, mapping, facts)
    except HypercareError as error:
        return replace(facts, login_problem=str(error)), None


def _look_into_org(
    runtime: Runtime, client: SalesforceClient, mapping: SalesforceMapping, facts: SalesforceFacts
) -> tuple[SalesforceFacts, tuple[Engagement, ...] | None]:
    problems = list_mapping_problems(mapping, client.describe)
    facts = replace(
        facts,
        mapping_problems=tuple(problems),
        unknown_values=tuple(list_unknown_values(mapping, client.describe)),
    )
    tracked, problem = _try(lambda: read_tracked_fields(client, mapping.engagements.object))
    if tracked is None:
        facts = replace(facts, tracking_problem=problem)
    else:
        facts = replace(facts, untracked=tuple(_list_untracked(mapping, tracked)))
    if problems:
        return facts, None
    found = SalesforceReader(lambda: client, _mapping_file(runtime)).read_engagements()
    return replace(facts, record_problems=tuple(words for _, words in found.problems)), tuple(found.engagements)


def _list_untracked(mapping: SalesforceMapping, tracked: Iterable[str]) -> list[str]:
    """Return the fields whose changes decide, and that are not tracked: whether hypercare runs, and since when."""
    kept = {name.casefold() for name in tracked}
    deciding = (mapping.engagements.stage.field, mapping.engagements.fields["go_live"])
    return [path for path in deciding if "." not in path and path.casefold() not in kept]


def _find_policies(runtime: Runtime, engagements: Sequence[Engagement]) -> tuple[dict[str, Policy], tuple[str, ...]]:
    policies, problems = {}, []
    for engagement in engagements:
        try:
            policies[engagement.id] = runtime.policy.for_engagement(engagement)
        except ConfigurationError as error:
            problems.append(str(error))
    return policies, tuple(problems)


def _read_trackers(runtime: Runtime, engagements: Sequence[Engagement]) -> Mapping[str, str]:
    readers, problem = _try(lambda: open_readers(runtime))
    if readers is None:
        return {"every engagement": problem}
    return {each.name: _try(partial(readers["action_items"], each))[1] for each in engagements}


def _try_lake(runtime: Runtime) -> str:
    """Write a small object, read it and take it away; return what went wrong, in words."""
    folder = f"doctor/{uuid4().hex}"
    try:
        runtime.lake.write(f"{folder}/probe", b"probe")
        is_same = runtime.lake.read(f"{folder}/probe") == b"probe"
        runtime.lake.remove_folder(folder)
    except Exception as error:  # noqa: BLE001 - each store has its own: botocore's, aiohttp's, OSError
        return f"can't be written and read ({type(error).__name__}: {error})"
    return "" if is_same else "does not give back what was written"


def _find_outdated(runtime: Runtime) -> tuple[str, ...]:
    """Return the feeds whose newest pull was read by another version of their contract."""
    outdated = []
    for feed, owner, pull in newest_pulls(runtime.engine):
        manifest = runtime.lake.manifest(feed, owner, pull)
        contract = runtime.contracts.get(feed)
        if manifest and contract and manifest.contract_version != contract.version:
            outdated.append(feed)
    return tuple(outdated)
