"""Feeds that belong to an engagement rather than an instance: its ICM record, its cases, its action item tracker."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from hypercare.errors import HypercareError, LeaseLostError
from hypercare.ledger.leases import Lease
from hypercare.ledger.pulls import PullRecord, record_pull
from hypercare.model import Engagement
from hypercare.pulling import publish_rows, pull_id
from hypercare.runtime import Runtime
from hypercare.weekly.trackers import open_trackers

log = logging.getLogger(__name__)
Rows = Sequence[Mapping[str, Any]]


def pull_engagement_feeds(
    runtime: Runtime, engagements: Sequence[Engagement], as_of: datetime, leases: Mapping[str, Lease]
) -> list[PullRecord]:
    """Pull cases and action items of each engagement, under its lease; return what came of each, recorded too."""
    readers = open_readers(runtime)
    records = []
    for engagement in engagements:
        lease = leases[engagement.id]
        for feed, read in readers.items():
            record = _pull(runtime, feed, engagement, as_of, read, lease)
            with runtime.engine.begin() as connection:
                lease.hold(connection)
                record_pull(connection, record)
            records.append(record)
    return records


def open_readers(runtime: Runtime) -> dict[str, Callable[[Engagement], Rows]]:
    """Return, by feed, what reads it for an engagement; a system that can't be opened fails at its first read."""
    from hypercare.systems.salesforce import open_salesforce

    settings = runtime.settings
    salesforce = open_salesforce(settings)
    trackers = open_trackers(settings)

    def read_engagement(engagement: Engagement) -> Rows:
        return [row for row in salesforce.read_engagements().rows if row["id"] == engagement.id]

    def read_cases(engagement: Engagement) -> Rows:
        return salesforce.read_case_rows(engagement.account_id)

    return {"engagements": read_engagement, "cases": read_cases, "action_items": trackers.read_items}


def _pull(
    runtime: Runtime,
    feed: str,
    engagement: Engagement,
    as_of: datetime,
    read: Callable[[Engagement], Rows],
    lease: Lease,
) -> PullRecord:
    from hypercare.weekly.pull import record_of

    pull = pull_id(as_of)
    try:
        published = runtime.lake.manifest(feed, engagement.id, pull)
        if published is None:
            rows = read(engagement)
            published = publish_rows(
                runtime.lake, runtime.contracts[feed], engagement.id, pull, rows, as_of, lease.check
            )
        return record_of(published)
    except LeaseLostError:
        raise
    except HypercareError as error:
        log.warning("%s: %s", engagement.name, error)
        return PullRecord(feed, engagement.id, pull, "fault", f"{engagement.name}: {error}")
