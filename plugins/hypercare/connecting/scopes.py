"""Which read scopes of a Coupa instance an engagement needs, and what each is for. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from hypercare.contracts import Contract
from hypercare.metric_definitions import MetricDefinition
from hypercare.model import Engagement, ErpLeg, Segment
from hypercare.policy import PolicyFile
from hypercare.reconciliation_checks import CheckBook

SHOWN_PURPOSES = 3


@dataclass(frozen=True)
class ScopeNeed:
    """One scope, and the feeds that it opens."""

    scope: str
    feeds: tuple[str, ...]
    required: bool
    purposes: tuple[str, ...] = ()
    """Titles of metrics and checks that rest on it, some of them."""


@dataclass(frozen=True)
class NeededFeed:
    """A Coupa feed that an engagement has."""

    contract: Contract
    required: bool
    """Whether no week can be judged without it (rule R7)."""


def list_needed_feeds(
    engagements: Sequence[Engagement], contracts: Mapping[str, Contract], policy: PolicyFile
) -> list[NeededFeed]:
    """Return the Coupa feeds that engagements' products bring, required ones first, then by name."""
    needed: dict[str, bool] = {}
    for engagement in engagements:
        required = policy.for_engagement(engagement).list_required_feeds(engagement)
        for name, contract in contracts.items():
            if contract.system == "coupa" and contract.products <= engagement.products:
                needed[name] = needed.get(name, False) or name in required
    ordered = sorted(needed, key=lambda name: (not needed[name], name))
    return [NeededFeed(contracts[name], needed[name]) for name in ordered]


def list_scopes(feeds: Sequence[NeededFeed], purposes: Mapping[str, Collection[str]]) -> list[ScopeNeed]:
    """Return the scopes of feeds, required ones first; `purposes` holds by feed what rests on it."""
    by_scope: dict[str, list[NeededFeed]] = {}
    for each in feeds:
        by_scope.setdefault(each.contract.scope, []).append(each)
    needs = [
        ScopeNeed(
            scope=scope,
            feeds=tuple(each.contract.feed for each in opened),
            required=any(each.required for each in opened),
            purposes=tuple(dict.fromkeys(p for each in opened for p in purposes.get(each.contract.feed, ())))[
                :SHOWN_PURPOSES
            ],
        )
        for scope, opened in by_scope.items()
    ]
    return sorted(needs, key=lambda need: (not need.required, need.scope))


def find_purposes(metrics: Mapping[str, MetricDefinition], checks: CheckBook) -> dict[str, list[str]]:
    """Return by feed the titles of what rests on it: checks first, then metrics that can't do without, then others."""
    pairs = [(need.feed, check.title) for check in checks.checks for need in check.feeds]
    pairs += [(feed, metric.title) for metric in metrics.values() for feed in metric.needs.required]
    pairs += [(feed, metric.title) for metric in metrics.values() for feed in metric.needs.optional]
    found: dict[str, list[str]] = {}
    for feed, title in pairs:
        found.setdefault(feed, []).append(title)
    return found


def imagine_engagement(products: Collection[str], erp_leg: ErpLeg = ErpLeg.EXPORTED_FLAG) -> Engagement:
    """Return an engagement that nobody has opened yet, as far as feeds depend on it: products and ERP leg."""
    return Engagement(
        id="",
        name="",
        customer="",
        account_id="",
        segment=Segment.ENTERPRISE,
        region="",
        go_live=date.max,
        products=frozenset(products),
        time_zone="UTC",
        instances=(),
        erp_leg=erp_leg,
    )
