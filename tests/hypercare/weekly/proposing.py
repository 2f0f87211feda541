"""An installation of one engagement with a Jira tracker, whose pulls are written by hand, for tests of proposing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from hypercare.contracts import load_contracts
from hypercare.lake import Lake
from hypercare.ledger.faults import Fault, open_faults
from hypercare.ledger.leases import take_lease
from hypercare.ledger.proposals import KeptProposal, read_proposals
from hypercare.ledger.pulls import record_pull, record_validation
from hypercare.ledger.roster import record_engagements
from hypercare.model import Engagement, FeedState
from hypercare.policy import load_policy
from hypercare.pulling import publish_rows, pull_id
from hypercare.runtime import Runtime
from hypercare.settings import Settings
from hypercare.weekly.propose import propose_issues
from hypercare.weekly.pull import record_of
from hypercare.weekly.reconcile import reconcile_batch
from hypercare.weekly.work import Batch
from tests.hypercare import records as wire
from tests.hypercare.systems.jira_stand_in import StandIn, stand_in

TRACKER = {"tracker": "jira:acme/HC", "tracker_writable": True}


@dataclass
class Installation:
    """A runtime, its one engagement and the site behind its tracker."""

    runtime: Runtime
    jira: StandIn
    who: Engagement

    def pull(self, as_of: datetime, states: Mapping[str, FeedState] | None = None, **feeds: Any) -> None:
        """Publish the state of some feeds as of a run, VALID unless `states` says otherwise."""
        for feed, rows in feeds.items():
            manifest = publish_rows(
                self.runtime.lake, self.runtime.contracts[feed], "acme", pull_id(as_of), rows, as_of
            )
            with self.runtime.engine.begin() as connection:
                record_pull(connection, record_of(manifest))
            state = (states or {}).get(feed, FeedState.VALID)
            lease = take_lease(self.runtime.engine, "validate:acme")
            record_validation(self.runtime.engine, (feed, "acme", pull_id(as_of)), state, "", (), "", lease)

    def propose(self, as_of: datetime) -> int:
        """Find what fails, as reconciling does for an engagement without a due week, and write it."""
        reconcile_batch(self.runtime, Batch(self.who.name, (self.who.id,), (), ()), as_of)
        return propose_issues(self.runtime, as_of)

    def kept(self) -> dict[str, KeptProposal]:
        return read_proposals(self.runtime.engine, self.who.id)

    def let(self, **changes: Any) -> None:
        """Change what the ICM record says."""
        self.who = wire.engagement(**{**TRACKER, **changes})
        record_engagements(self.runtime.engine, [self.who], wire.OBSERVED_AT)

    def faults(self) -> list[Fault]:
        return open_faults(self.runtime.engine)

    def shown(self) -> list[tuple[str, str, int]]:
        """Key, status and number of comments of each issue in the tracker."""
        return [(each.key, each.status.name, len(each.comments)) for each in self.jira.site.issues.values()]


@contextmanager
def installing(engine: Engine, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    """Open an installation whose engagement may write into the project HC of its site."""
    settings = Settings(
        state_folder=folder, jira_attempts=2, jira_backoff_seconds=0.001, jira_index_seconds=0.0,
        jira_requests_per_second=None,
    )  # fmt: skip
    runtime = Runtime(
        settings=settings,
        engine=engine,
        lake=Lake(str(folder / "lake")),
        contracts=load_contracts(settings.include_folder / "schemas" / "feeds"),
        policy=load_policy(settings.policy_file),
    )
    with stand_in() as jira:
        connection = jira.connection()
        described = {
            "conn_type": "http", "host": connection.host, "port": connection.port, "schema": "http",
            "login": connection.login, "password": connection.password, "extra": dict(connection.extra),
        }  # fmt: skip
        monkeypatch.setenv("AIRFLOW_CONN_JIRA_ACME", json.dumps(described))
        installed = Installation(runtime, jira, wire.engagement())
        installed.let()
        yield installed
