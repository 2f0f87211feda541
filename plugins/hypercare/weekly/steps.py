"""What measuring and reconciling have in common: engagement by engagement, a fault of one stays its own."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from hypercare.errors import HypercareError, LeaseLostError
from hypercare.lake import Manifest
from hypercare.ledger.faults import Fault, record_faults
from hypercare.ledger.leases import Lease, take_lease
from hypercare.ledger.roster import read_engagements
from hypercare.model import Engagement, FeedHealth
from hypercare.policy import Policy
from hypercare.runtime import Runtime
from hypercare.week_views import WeekViews
from hypercare.weekly.feeds import feed_healths, published_pulls, read_owned_pulls, typed_pulls
from hypercare.weekly.work import Batch, WorkItem

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class EngagementStep:
    """One engagement's share of a step."""

    runtime: Runtime
    engagement: Engagement
    policy: Policy
    as_of: datetime
    items: tuple[WorkItem, ...]
    pulls: tuple[Manifest, ...]
    feeds: tuple[FeedHealth, ...]
    lease: Lease

    @contextmanager
    def open_views(self) -> Iterator[WeekViews]:
        """Open the engagement's records as SQL tables."""
        pulls = typed_pulls(self.runtime, self.engagement, self.as_of)
        connection = self.runtime.connect_duckdb()
        with WeekViews(self.engagement, self.runtime.contracts, pulls, connection) as views:
            yield views


def each_engagement(
    runtime: Runtime, batch: Batch, as_of: datetime, cause: str, handle: Callable[[EngagementStep], None]
) -> list[Fault]:
    """Run `handle` for each engagement of a batch, and return the faults, named, of those for which it failed.

    Raises LeaseLostError when another try of the same work has taken over.
    """
    faults = []
    for engagement in read_engagements(runtime.engine, batch.engagements):
        try:
            handle(_open_step(runtime, batch, engagement, as_of))
        except LeaseLostError:
            raise
        except HypercareError as error:
            log.exception("%s of %s failed", cause, engagement.name)
            faults.append(Fault(engagement.id, "", cause, str(error), (engagement.name,)))
    record_faults(runtime.engine, as_of, faults, checked=batch.engagements, causes=[cause])
    return faults


def _open_step(runtime: Runtime, batch: Batch, engagement: Engagement, as_of: datetime) -> EngagementStep:
    policy = runtime.policy.for_engagement(engagement)
    records = read_owned_pulls(runtime, engagement, as_of)
    return EngagementStep(
        runtime=runtime,
        engagement=engagement,
        policy=policy,
        as_of=as_of,
        items=tuple(item for item in batch.items if item.engagement == engagement.id),
        pulls=tuple(published_pulls(runtime, engagement, as_of)),
        feeds=feed_healths(engagement, runtime.contracts, policy, records, as_of),
        lease=take_lease(runtime.engine, f"week:{engagement.id}"),
    )
