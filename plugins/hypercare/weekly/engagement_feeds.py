"""Feeds that belong to an engagement rather than an instance: its ICM record, cases, tracker, bank statements."""

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
Read = Callable[[Engagement], Rows | None]
"""Reads a feed for an engagement; None: it does not have that feed."""


def pull_engagement_feeds(
    runtime: Runtime, engagements: Sequence[Engagement], as_of: datetime, leases: Mapping[str, Lease]
) -> list[PullRecord]:
    """Pull each engagement's own feeds, under its lease; return what came of each that it has, recorded too."""
    readers = open_readers(runtime)
    records = []
    for engagement in engagements:
        lease = leases[engagement.id]
        for feed, read in readers.items():
            record = _pull(runtime, feed, engagement, as_of, read, lease)
            if record is None:
                continue
            with runtime.engine.begin() as connection:
                lease.hold(connection)
                record_pull(connection, record)
            records.append(record)
    return records


def open_readers(runtime: Runtime) -> dict[str, Read]:
    """Return, by feed, what reads it for an engagement; a system that can't be opened fails at its first read."""
    from hypercare.systems.salesforce import open_salesforce
    from hypercare.weekly.bank_feeds import open_bank_readers

    settings = runtime.settings
    salesforce = open_salesforce(settings)
    trackers = open_trackers(settings)

    def read_engagement(engagement: Engagement) -> Rows:
        return [row for row in salesforce.read_engagements().rows if row["id"] == engagement.id]

    def read_cases(engagement: Engagement) -> Rows:
        return salesforce.read_case_rows(engagement.account_id)

    readers: dict[str, Read] = {
        "engagements": read_engagement,
        "cases": read_cases,
        "action_items": trackers.read_items,
    }
    return readers | open_bank_readers(runtime)


def _pull(
    runtime: Runtime,
    feed: str,
    engagement: Engagement,
    as_of: datetime,
    read: Read,
    lease: Lease,
) -> PullRecord | None:
    from hypercare.weekly.pull import record_of

    pull = pull_id(as_of)
    try:
        published = runtime.lake.manifest(feed, engagement.id, pull)
        if published is None:
            rows = read(engagement)
            if rows is None:
                return None
            published = publish_rows(
                runtime.lake, runtime.contracts[feed], engagement.id, pull, rows, as_of, lease.check
            )
        return record_of(published)
    except LeaseLostError:
        raise
    except HypercareError as error:
        log.warning("%s: %s", engagement.name, error)
        return PullRecord(feed, engagement.id, pull, "fault", f"{engagement.name}: {error}")
