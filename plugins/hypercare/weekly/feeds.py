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
    FeedState.NOT_HELD,
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
    manifests: Sequence[Manifest] = (),
) -> tuple[FeedHealth, ...]:
    """Return the state of each feed of an engagement as of a run, the worst over its instances, with the reason.

    `manifests` of the published pulls say which parts of a feed its way of delivery does not bring.
    """
    required = set(policy.list_required_feeds(engagement))
    current = {(pull.feed, pull.owner): pull for pull in pulls if pull.pull == pull_id(as_of)}
    healths = []
    for contract in applicable_feeds(engagement, contracts):
        states = [(*_state(current.get((contract.feed, owner))), owner) for owner in owners_of(engagement, contract)]
        state, reason, owner = min(states, key=lambda entry: WORST_FIRST.index(entry[0]))
        words = f"{owner}: {reason}" if reason and contract.system == "coupa" else reason
        lacks = _lacks(contract, manifests, as_of)
        if state is FeedState.VALID and (lack := _find_scope_lack(engagement, contract, lacks)):
            state, words = FeedState.INVALID, lack
        healths.append(FeedHealth(contract.feed, state, contract.feed in required, words, lacks))
    return tuple(healths)


def _lacks(contract: Contract, manifests: Sequence[Manifest], as_of: datetime) -> tuple[tuple[str, str], ...]:
    current = [m for m in manifests if m.feed == contract.feed and m.pull == pull_id(as_of)]
    return tuple(sorted({part: f"{m.owner}: {why}" for m in current for part, why in m.lacks.items()}.items()))


def _find_scope_lack(engagement: Engagement, contract: Contract, lacks: Sequence[tuple[str, str]]) -> str:
    """Return why an engagement's records can't be told from those of others; empty where they can, or need not."""
    if not engagement.scope or not contract.legal_entity_column:
        return ""
    column = contract.legal_entity_column
    part = f"{contract.legal_entity_table}.{column}" if contract.legal_entity_table else column
    why = dict(lacks).get(part) or dict(lacks).get(contract.legal_entity_table, "")
    return f"the legal entities of this engagement can't be told from others: {why}" if why else ""


def _state(pull: PullRecord | None) -> tuple[FeedState, str]:
    if pull is None:
        return FeedState.ABSENT, "never pulled"
    if pull.outcome == "refused":
        return FeedState.REFUSED, pull.reason
    if pull.outcome == "not held":
        return FeedState.NOT_HELD, pull.reason
    if pull.outcome != "published":
        return FeedState.FAULT, pull.reason
    if not pull.state:
        return FeedState.BROKEN, "it was pulled, but not validated"
    return FeedState(pull.state), pull.state_reason
