"""Which feeds an engagement has, how each stands as of a run, and the pulls its evidence rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from hypercare.contracts import Contract
from hypercare.feed_tables import TypedPull
from hypercare.lake import Manifest
from hypercare.ledger.pulls import PullRecord, read_pulls
from hypercare.model import Engagement, FeedHealth, FeedState
from hypercare.policy import Policy
from hypercare.pulling import pull_id
from hypercare.runtime import Runtime

WORST_FIRST = (
    FeedState.REFUSED,
    FeedState.ABSENT,
    FeedState.FAULT,
    FeedState.BROKEN,
    FeedState.INVALID,
    FeedState.VALID,
)


def applicable_feeds(engagement: Engagement, contracts: Mapping[str, Contract]) -> list[Contract]:
    """Return the contracts of the feeds that this engagement's products bring."""
    return [contract for contract in contracts.values() if contract.products <= engagement.products]


def owners_of(engagement: Engagement, contract: Contract) -> tuple[str, ...]:
    """Return whose pulls make up a feed of an engagement: its instances, or itself."""
    return engagement.instances if contract.system == "coupa" else (engagement.id,)


def required_feeds(runtime: Runtime, engagement: Engagement) -> frozenset[str]:
    """Return the feeds without which a week of this engagement, or its action items, would be UNKNOWN."""
    policy = runtime.policy.for_engagement(engagement)
    return frozenset({*policy.list_required_feeds(engagement), *policy.action_items.required_sources})


def read_owned_pulls(runtime: Runtime, engagement: Engagement, as_of: datetime) -> list[PullRecord]:
    """Return every pull of an engagement's instances and of itself, up to a run."""
    return read_pulls(runtime.engine, [*engagement.instances, engagement.id], pull_id(as_of))


def published_pulls(runtime: Runtime, engagement: Engagement, as_of: datetime) -> list[Manifest]:
    """Return the published pulls that an engagement's evidence rests on as of a run, references included."""
    feeds = [contract.feed for contract in applicable_feeds(engagement, runtime.contracts)]
    owners = [*engagement.instances, engagement.id]
    return [m for owner in owners for m in runtime.lake.manifests(owner, feeds, pull_id(as_of))]


def typed_pulls(runtime: Runtime, engagement: Engagement, as_of: datetime) -> list[TypedPull]:
    """Return the same as files that DuckDB can read."""
    feeds = [contract.feed for contract in applicable_feeds(engagement, runtime.contracts)]
    owners = [*engagement.instances, engagement.id]
    return [pull for owner in owners for pull in runtime.lake.typed_pulls(owner, feeds, pull_id(as_of))]


def feed_healths(
    engagement: Engagement,
    contracts: Mapping[str, Contract],
    policy: Policy,
    pulls: Sequence[PullRecord],
    as_of: datetime,
) -> tuple[FeedHealth, ...]:
    """Return the state of each feed of an engagement as of a run, the worst over its instances, with the reason."""
    required = set(policy.list_required_feeds(engagement))
    current = {(pull.feed, pull.owner): pull for pull in pulls if pull.pull == pull_id(as_of)}
    healths = []
    for contract in applicable_feeds(engagement, contracts):
        states = [(*_state(current.get((contract.feed, owner))), owner) for owner in owners_of(engagement, contract)]
        state, reason, owner = min(states, key=lambda entry: WORST_FIRST.index(entry[0]))
        words = f"{owner}: {reason}" if reason and contract.system == "coupa" else reason
        healths.append(FeedHealth(contract.feed, state, required=contract.feed in required, reason=words))
    return tuple(healths)


def _state(pull: PullRecord | None) -> tuple[FeedState, str]:
    if pull is None:
        return FeedState.ABSENT, "never pulled"
    if pull.outcome == "refused":
        return FeedState.REFUSED, pull.reason
    if pull.outcome != "published":
        return FeedState.FAULT, pull.reason
    if not pull.state:
        return FeedState.BROKEN, "it was pulled, but not validated"
    return FeedState(pull.state), pull.state_reason
