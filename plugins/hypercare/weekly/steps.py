"""What measuring and reconciling have in common: engagement by engagement, a fault of one stays its own."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.exc import OperationalError

from hypercare.errors import HypercareError, LeaseLostError
from hypercare.lake import Manifest
from hypercare.ledger.faults import Fault, record_faults
from hypercare.ledger.leases import Lease, take_leases
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
    runtime: Runtime,
    batch: Batch,
    as_of: datetime,
    cause: str,
    handle: Callable[[EngagementStep], Iterable[Fault]],
    other_causes: Sequence[str] = (),
) -> list[Fault]:
    """Run `handle` for each engagement of a batch, and return the faults, named, of those for which it failed.

    `handle` itself returns what else went wrong, by `other_causes`, and did not stop it.
    Raises LeaseLostError when another try of the same work has taken over.
    """
    faults: list[Fault] = []
    leases = take_leases(runtime.engine, "week", batch.engagements)
    for engagement in read_engagements(runtime.engine, batch.engagements):

        def act(member: Engagement = engagement, found: list[Fault] = faults) -> None:
            found.extend(handle(_open_step(runtime, batch, member, as_of, leases[member.id])))

        fault = find_fault(engagement, cause, act)
        faults += [fault] if fault else []
    causes = [cause, *other_causes]
    record_faults(runtime.engine, as_of, faults, checked=batch.engagements, causes=causes, leases=leases.values())
    return faults


def find_fault(engagement: Engagement, cause: str, act: Callable[[], object]) -> Fault | None:
    """Do one engagement's share of a step; return the fault for which it failed, whatever that was.

    Raises LeaseLostError, and OperationalError when the ledger is out of reach: then nothing could be recorded.
    """
    try:
        act()
    except (LeaseLostError, OperationalError):
        raise
    except HypercareError as error:
        words = str(error)
    except Exception as error:  # noqa: BLE001 - a surprise in one customer's data must stay that customer's
        words = f"unexpected {type(error).__name__}: {error}"
    else:
        return None
    log.exception("%s of %s failed: %s", cause, engagement.name, words)
    return Fault(engagement.id, "", cause, words.replace("\0", "\\0"), (engagement.name,))


def _open_step(runtime: Runtime, batch: Batch, engagement: Engagement, as_of: datetime, lease: Lease) -> EngagementStep:
    policy = runtime.policy.for_engagement(engagement)
    records = read_owned_pulls(runtime, engagement, as_of)
    pulls = tuple(published_pulls(runtime, engagement, as_of))
    return EngagementStep(
        runtime=runtime,
        engagement=engagement,
        policy=policy,
        as_of=as_of,
        items=tuple(item for item in batch.items if item.engagement == engagement.id),
        pulls=pulls,
        feeds=feed_healths(engagement, runtime.contracts, policy, records, as_of, pulls),
        lease=lease,
    )
