"""What is known of a set-up, before anything is made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from hypercare.connecting.feed_access import FeedAccess
from hypercare.model import Engagement
from hypercare.policy import Policy
from hypercare.weeks import Week


@dataclass(frozen=True)
class SalesforceFacts:
    """What the org answers; a problem is a message, empty where there is none."""

    login_problem: str = ""
    mapping_problems: tuple[str, ...] = ()
    record_problems: tuple[str, ...] = ()
    """ICM records that are in hypercare, but no engagement."""
    unknown_values: tuple[str, ...] = ()
    untracked: tuple[str, ...] = ()
    """Fields that decide, but whose history nobody keeps."""
    tracking_problem: str = ""
    clock_ahead: timedelta | None = None
    """How far the org's clock is ahead of this machine's."""


@dataclass(frozen=True)
class LedgerFacts:
    """Where the ledger stands."""

    problem: str = ""
    revision: str | None = None
    """None: it has no tables."""
    head: str | None = None
    last_run: date | None = None
    weeks_missed: tuple[Week, ...] = ()
    other_policies: Mapping[str, int] = field(default_factory=dict)
    """Versions of other policies by which engagements were last judged, and how many engagements."""


@dataclass(frozen=True)
class SetUpFacts:
    """All that the findings rest on."""

    today: date
    """The day in UTC."""
    salesforce: SalesforceFacts
    engagements: tuple[Engagement, ...]
    policies: Mapping[str, Policy]
    """By engagement id, for those that a policy fits."""
    policy_problems: tuple[str, ...]
    policy_version: str
    mapped_roles: frozenset[str]
    """Roles for which the Salesforce mapping names a field."""
    accesses: tuple[FeedAccess, ...]
    tracker_problems: Mapping[str, str]
    """By engagement name; empty for a tracker that was read."""
    ledger: LedgerFacts
    airflow_version: str
    pools: frozenset[str]
    pools_problem: str
    lake_problem: str
    outdated_feeds: tuple[str, ...]
    """Feeds whose last pull was read by an earlier version of their contract."""
