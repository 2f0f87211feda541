"""Pulls of a batch: its instances side by side, each feed of each recorded, whatever comes of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

from hypercare.contracts import Contract
from hypercare.deliveries import pull_delivery
from hypercare.errors import (
    AccessDeniedError,
    ConfigurationError,
    HypercareError,
    LeaseLostError,
    LoginRefusedError,
    ResourceMissingError,
)
from hypercare.lake import Manifest
from hypercare.ledger.faults import Fault, record_faults
from hypercare.ledger.leases import Lease, take_leases
from hypercare.ledger.pulls import PullRecord, read_pulls, record_pull
from hypercare.ledger.roster import read_engagements
from hypercare.model import Engagement, FeedState
from hypercare.pulling import PullPolicy, pull_feed, pull_id
from hypercare.references import pull_references
from hypercare.runtime import Runtime
from hypercare.systems.coupa import CoupaClient
from hypercare.systems.csv_drop import DropFolder
from hypercare.weekly.clients import find_drop_folder, open_coupa
from hypercare.weekly.engagement_feeds import pull_engagement_feeds
from hypercare.weekly.feeds import applicable_feeds, required_feeds
from hypercare.weekly.work import Batch
from hypercare.weeks import local_midnight

PULL_CAUSES = ("pull", "refused")
GIVE_UP_AFTER = 2
"""After so many feeds in a row that no repetition brought, the instance's others are not tried."""
REFUSALS = (AccessDeniedError, LoginRefusedError, ResourceMissingError)
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class InstancePull:
    """One instance's share of a run."""

    runtime: Runtime
    instance: str
    as_of: datetime
    engagements: tuple[Engagement, ...]
    """Every engagement in hypercare on this instance: it is pulled once for all of them."""
    lease: Lease

    @property
    def pull(self) -> str:
        """The pull's id."""
        return pull_id(self.as_of)

    @property
    def go_live(self) -> datetime:
        """The earliest go-live on this instance."""
        return min(local_midnight(e.go_live, e.time_zone) for e in self.engagements)

    @property
    def feeds(self) -> list[Contract]:
        """The feeds that any of the engagements has; required ones first, so that a down instance is told by them."""
        wanted = {c.feed: c for e in self.engagements for c in applicable_feeds(e, self.runtime.contracts)}
        own = [contract for contract in wanted.values() if contract.system == "coupa"]
        return sorted(own, key=lambda contract: (contract.feed not in self.required, contract.feed))

    @property
    def required(self) -> frozenset[str]:
        """The feeds that any of the engagements requires."""
        return frozenset(feed for e in self.engagements for feed in required_feeds(self.runtime, e))

    @property
    def policy(self) -> PullPolicy:
        """What the exit policy says of pulls."""
        return PullPolicy(
            timedelta(minutes=self.runtime.policy.for_engagement(self.engagements[0]).pull.watermark_overlap_minutes)
        )


def pull_batch(runtime: Runtime, batch: Batch, as_of: datetime) -> list[Fault]:
    """Pull every feed of a batch's instances and engagements; return the faults, which are recorded too.

    Raises LeaseLostError when another try of the same work has taken over.
    """
    everyone = read_engagements(runtime.engine)
    members = [engagement for engagement in everyone if engagement.id in batch.engagements]
    leases = take_leases(runtime.engine, "pull", [*batch.instances, *batch.engagements])

    def pull_one(instance: str) -> list[PullRecord]:
        sharing = tuple(engagement for engagement in everyone if instance in engagement.instances)
        return pull_instance(InstancePull(runtime, instance, as_of, sharing, leases[instance]))

    with ThreadPoolExecutor(runtime.settings.instances_side_by_side, thread_name_prefix="pull") as pool:
        records = [record for found in pool.map(pull_one, batch.instances) for record in found]
    records += pull_engagement_feeds(runtime, members, as_of, leases)
    faults = [
        _fault(runtime, record, everyone) for record in records if record.outcome not in ("published", "not held")
    ]
    record_faults(runtime.engine, as_of, faults, checked=list(leases), causes=PULL_CAUSES, leases=leases.values())
    return faults


def pull_instance(work: InstancePull) -> list[PullRecord]:
    """Pull every feed of one instance, then the records that they refer to and nobody has.

    What files refer to and do not hold can't be fetched: it stays an orphan that validation reports.
    """
    try:
        runtime = work.runtime
        drops = find_drop_folder(runtime.settings, work.instance, runtime.contracts, work.required)
        if drops is not None:
            return [_record(work, _pull_delivery(work, drops, contract)) for contract in work.feeds]
        client = open_coupa(work.runtime.settings, work.instance, work.feeds)
    except ConfigurationError as error:
        return [_record(work, PullRecord(c.feed, work.instance, work.pull, "refused", str(error))) for c in work.feeds]
    try:
        records = _pull_feeds(work, client)
        if any(record.outcome == "published" for record in records):
            _pull_references(work, client, records)
        return records
    finally:
        client.close()


def _pull_feeds(work: InstancePull, client: CoupaClient) -> list[PullRecord]:
    trusted = trusted_pulls(work)
    records: list[PullRecord] = []
    failed: list[str] = []
    for contract in work.feeds:
        if len(failed) >= GIVE_UP_AFTER:
            words = f"not tried, since {' and '.join(failed)} could not be read; the next run tries again"
            record = PullRecord(contract.feed, work.instance, work.pull, "fault", words)
        else:
            record = _pull_feed(work, client, contract, trusted.get(contract.feed, frozenset()))
            failed = [*failed, contract.feed] if record.outcome == "fault" else []
        records.append(_record(work, record))
    return records


def _pull_feed(work: InstancePull, client: CoupaClient, contract: Contract, trusted: frozenset[str]) -> PullRecord:
    def ask() -> Manifest:
        return pull_feed(
            work.runtime.lake,
            client,
            contract,
            work.pull,
            go_live=work.go_live,
            policy=work.policy,
            trusted=trusted,
            check_lease=work.lease.check,
        )

    return _attempt(work, contract, ask)


def _pull_delivery(work: InstancePull, drops: DropFolder, contract: Contract) -> PullRecord:
    """Read one feed's new files; a feed that files cannot hold is recorded as such, with the reason."""
    not_held = drops.mapping.not_held.get(contract.feed)
    if not_held is not None:
        return PullRecord(contract.feed, work.instance, work.pull, "not held", not_held)

    def read() -> Manifest:
        return pull_delivery(
            work.runtime.lake, drops, contract, work.pull, as_of=work.as_of, check_lease=work.lease.check
        )

    return _attempt(work, contract, read)


def _attempt(work: InstancePull, contract: Contract, pull: Callable[[], Manifest]) -> PullRecord:
    """Pull one feed; what came of it is a record, only a lost lease is an error."""
    try:
        manifest = pull()
    except LeaseLostError:
        raise
    except REFUSALS as error:
        return PullRecord(contract.feed, work.instance, work.pull, "refused", str(error))
    except HypercareError as error:
        log.warning("%s", error)
        return PullRecord(contract.feed, work.instance, work.pull, "fault", str(error))
    return record_of(manifest)


def trusted_pulls(work: InstancePull) -> dict[str, frozenset[str]]:
    """Return, by feed, the pulls that validated: the next one goes on from the last of these.

    What an invalid pull brought is asked for again, so that records mended on the other side replace it.
    """
    trusted: dict[str, set[str]] = {}
    for record in read_pulls(work.runtime.engine, [work.instance], work.pull):
        if record.state == FeedState.VALID:
            trusted.setdefault(record.feed, set()).add(record.pull)
    return {feed: frozenset(pulls) for feed, pulls in trusted.items()}


def _pull_references(work: InstancePull, client: CoupaClient, records: Sequence[PullRecord]) -> None:
    """Fetch what the pulled records refer to; what can't be had stays an orphan that validation reports."""
    published = {record.feed for record in records if record.outcome == "published"}
    contracts = {contract.feed: contract for contract in work.feeds if contract.feed in published}
    try:
        pull_references(work.runtime.lake, client, contracts, work.pull, check_lease=work.lease.check)
    except LeaseLostError:
        raise
    except HypercareError as error:
        log.warning("instance %s: references were not fetched: %s", work.instance, error)


def record_of(manifest: Manifest) -> PullRecord:
    """Return the ledger's record of a published pull."""
    return PullRecord(
        feed=manifest.feed,
        owner=manifest.owner,
        pull=manifest.pull,
        outcome="published",
        path=manifest.typed,
        rejects_path=manifest.rejects or "",
        rows=manifest.rows,
        misfits=manifest.misfits,
        columns_missing=manifest.columns_missing,
        observed_at=manifest.observed_at,
        watermark=manifest.watermark,
        digest=manifest.digest,
    )


def _record(work: InstancePull, record: PullRecord) -> PullRecord:
    with work.runtime.engine.begin() as connection:
        work.lease.hold(connection)
        record_pull(connection, record)
    return record


def _fault(runtime: Runtime, record: PullRecord, everyone: Iterable[Engagement]) -> Fault:
    concerned = [e for e in everyone if record.owner in (*e.instances, e.id)]
    return Fault(
        subject=record.owner,
        feed=record.feed,
        cause="refused" if record.outcome == "refused" else "pull",
        words=record.reason,
        engagements=tuple(e.name for e in concerned),
        required=any(record.feed in required_feeds(runtime, e) for e in concerned),
    )
