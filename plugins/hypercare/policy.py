"""The exit policy: every number by which hypercare judges, read from `include/policies/exit_gate.*.yaml`.

The records here are what the gate is handed; loading and validating the file happens in `load_policy` and nowhere else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from pydantic import TypeAdapter

from hypercare.errors import ConfigurationError
from hypercare.model import Cadence, Engagement, ErpLeg, Severity

SCHEMA = Path(__file__).resolve().parents[2] / "include" / "schemas" / "exit_gate.schema.json"

PaymentDays = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
DaysOfMonth = tuple[int | Literal["last"], ...]
RunDays = PaymentDays | DaysOfMonth
"""When payments are expected to run: a weekday, or days of the month."""
FiscalCalendar = Literal["month_ends"] | tuple[date, ...]
"""When accounting periods end: with each calendar month, or on the days of a table."""


@dataclass(frozen=True)
class PullPolicy:
    """How instances are pulled (rule R4)."""

    watermark_overlap_minutes: int
    refused_instance_words: tuple[str, ...]


@dataclass(frozen=True)
class RevisionPolicy:
    """Which weeks a run judges again by itself (rule R6)."""

    rejudge_unknown_weeks: int


@dataclass(frozen=True)
class RequiredFeeds:
    """Which feeds must be valid for a week to be judged (rule R7)."""

    always: tuple[str, ...]
    with_coupa_pay: tuple[str, ...]
    by_erp_leg: Mapping[ErpLeg, tuple[str, ...]]


@dataclass(frozen=True)
class FeedPolicy:
    """What is asked of feeds (rule R7)."""

    required: RequiredFeeds
    warnings_only_first_weeks: int
    warnings_only_in_holiday_weeks: bool


class CheckLevel(StrEnum):
    """How much a reconciliation check weighs (rule R8)."""

    REQUIRED = "required"
    WHEN_PRESENT = "when_present"
    """Binds like a required one once it was evaluated; its absence says nothing."""
    ADVISORY = "advisory"
    INFORMATION = "information"
    NOT_APPLICABLE = "not_applicable"


@dataclass(frozen=True)
class CheckPolicy:
    """One reconciliation check's place in the policy."""

    number: int
    """Its number in rule R8."""
    title: str
    with_coupa_pay: CheckLevel
    without_coupa_pay: CheckLevel
    not_with_erp_leg: tuple[ErpLeg, ...] = ()


@dataclass(frozen=True)
class SystemicPolicy:
    """When a check's exceptions are systemic (rule R9); shares are fractions of 1."""

    more_than_share_of_rows: Decimal
    more_than_share_of_value: Decimal
    at_least_rows: int


@dataclass(frozen=True)
class ReconciliationPolicy:
    """By which numbers payments are reconciled and weeks judged (rules R8, R9)."""

    tolerance: Decimal
    late_after_business_days: int
    erp_leg_business_days: int
    bank_match_business_days: int
    payment_method_business_days: Mapping[str, int]
    clear_within_business_days: int
    systemic: SystemicPolicy
    explanation_reasons: Mapping[str, str]
    """Code to what it means (rule R9)."""
    checks: Mapping[str, CheckPolicy]


@dataclass(frozen=True)
class CyclePolicy:
    """What completes the reconciliation cycle (rules R11, R16)."""

    weeks: int
    min_settled_runs: Mapping[Cadence, int]
    min_period_ends: int
    longest_quiet_pause_weeks: int
    payment_run_days: Mapping[Cadence, RunDays]
    fiscal_calendars: Mapping[str, FiscalCalendar]


@dataclass(frozen=True)
class MetricPolicy:
    """How adoption is measured where the published definitions leave a choice."""

    email_is_electronic: bool
    digital_check_is_digital: bool
    electronic_channels: tuple[str, ...]
    other_channels: tuple[str, ...]
    aged_after_business_days: int
    backlog_age_days: tuple[int, ...]
    listed_ids: int
    listed_reasons: int


@dataclass(frozen=True)
class ActionItemPolicy:
    """How action items are read (rule R12)."""

    required_sources: tuple[str, ...]
    """Feeds that must be valid."""
    unsorted_after_business_days: int
    plan_acceptor_roles: tuple[str, ...]
    priority_words: Mapping[str, Mapping[Severity, tuple[str, ...]]]

    def sort_priority(self, source: str, word: str | None) -> Severity:
        """Return what a source's priority word means; blank and unheard words are unsorted."""
        wanted = (word or "").strip().casefold()
        for severity, words in self.priority_words.get(source, {}).items():
            if wanted in {known.casefold() for known in words}:
                return severity
        return Severity.UNSORTED


@dataclass(frozen=True)
class FlowPolicy:
    """One flow whose complete production chain is looked for (rule R13)."""

    title: str
    only_with_coupa_pay: bool = False


@dataclass(frozen=True)
class ProductionTransactionPolicy:
    """The flows of production transaction verification."""

    flows: Mapping[str, FlowPolicy]


@dataclass(frozen=True)
class CriterionPolicy:
    """One criterion of the exit gate: which function judges it is its name (rule R14)."""

    title: str
    enabled: bool
    advisory: bool
    only_with_coupa_pay: bool = False
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Route:
    """How customers of a segment and region are handed over (rule R18); `any` fits every one."""

    segment: str
    region: str
    transition: Literal["customer_calls", "support_session_and_cvm_mail"]


@dataclass(frozen=True)
class HandoverPolicy:
    """The numbers of the handover and of what follows it (rules R15, R17 to R21)."""

    prepare_from_week: int
    support_session_business_days_ahead: int
    min_possible_approvers: int
    relapse_watch_weeks: int
    relapse_watch_weeks_after_exception: int
    routes: tuple[Route, ...]


@dataclass(frozen=True)
class ShowingPolicy:
    """From how many on a number is shown and coloured (rule R22)."""

    min_n_for_colour: int
    min_n_for_rate: int
    last_weeks: int


@dataclass(frozen=True)
class ReportingPolicy:
    """Which reports wait for the EM (rule R24)."""

    em_confirms_first_reports: int
    em_confirms_new: tuple[str, ...]


@dataclass(frozen=True)
class Policy:
    """The policy as it holds for one engagement, its overrides merged in."""

    version: str
    digest: str
    """sha256 of the policy file, in hex."""
    default_source: str
    sources: Mapping[str, str]
    """Dotted path to where the value comes from, for all that does not come from `default_source`."""
    pull: PullPolicy
    revisions: RevisionPolicy
    feeds: FeedPolicy
    reconciliation: ReconciliationPolicy
    cycle: CyclePolicy
    metrics: MetricPolicy
    action_items: ActionItemPolicy
    production_transactions: ProductionTransactionPolicy
    criteria: Mapping[str, CriterionPolicy]
    handover: HandoverPolicy
    showing: ShowingPolicy
    reporting: ReportingPolicy

    def source_of(self, path: str) -> str:
        """Return where the value at a dotted path such as `cycle.weeks` comes from, to be shown beside it."""
        parts = path.split(".")
        prefixes = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
        return next((self.sources[prefix] for prefix in prefixes if prefix in self.sources), self.default_source)

    def list_required_feeds(self, engagement: Engagement) -> tuple[str, ...]:
        """Return the feeds that must be valid for a week of this engagement to be judged, by name."""
        required = self.feeds.required
        names = {*required.always, *required.by_erp_leg.get(engagement.erp_leg, ())}
        if engagement.has_coupa_pay:
            names.update(required.with_coupa_pay)
        return tuple(sorted(names))

    def find_check_level(self, check: str, engagement: Engagement) -> CheckLevel | None:
        """Return how much a check weighs for this engagement, or None where the policy does not know the check."""
        known = self.reconciliation.checks.get(check)
        if known is None:
            return None
        if engagement.erp_leg in known.not_with_erp_leg:
            return CheckLevel.NOT_APPLICABLE
        return known.with_coupa_pay if engagement.has_coupa_pay else known.without_coupa_pay


@dataclass(frozen=True)
class PolicyFile:
    """A policy file that was read and found valid, overrides included."""

    name: str
    digest: str
    document: Mapping[str, Any]

    @property
    def version(self) -> str:
        """The policy's version, such as `exit_gate.v1`."""
        return str(self.document["version"])

    def for_engagement(self, engagement: Engagement) -> Policy:
        """Return the policy of one engagement: the file's values, its segment's overrides, then its own.

        Raises ConfigurationError where the engagement names a fiscal calendar that the policy does not have.
        """
        overrides = self.document["overrides"]
        layers = {
            f"override for segment {engagement.segment}": overrides["segments"].get(engagement.segment, {}),
            f"override for engagement {engagement.id}": overrides["engagements"].get(engagement.id, {}),
        }
        merged = dict(self.document)
        origin = self.document["sources"]
        sources = origin["seeded"] | (origin["seeded_with_coupa_pay"] if engagement.has_coupa_pay else {})
        for label, override in layers.items():
            merged = _merge(merged, override)
            sources |= dict.fromkeys(_list_leaves(override), label)
        policy = _POLICY.validate_python(
            merged | {"digest": self.digest, "sources": sources, "default_source": origin["default"]}
        )
        if engagement.fiscal_calendar not in policy.cycle.fiscal_calendars:
            known = ", ".join(sorted(policy.cycle.fiscal_calendars))
            msg = (
                f"{engagement.customer} ({engagement.id}) has the fiscal calendar {engagement.fiscal_calendar!r}, "
                f"which {self.name} does not have (it has: {known}); add its period ends under cycle.fiscal_calendars"
            )
            raise ConfigurationError(msg)
        return policy


_POLICY = TypeAdapter(Policy)


class _StrictLoader(yaml.SafeLoader):
    """Refuses a key that stands twice: the second would silently win."""


def _construct_mapping(loader: _StrictLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    pairs = [
        (loader.construct_object(key, deep=True), loader.construct_object(value, deep=True))
        for key, value in node.value
    ]
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        msg = f"the key {twice!r} stands twice"
        raise yaml.constructor.ConstructorError(None, None, msg, node.start_mark)
    return mapping


_StrictLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _construct_mapping)


def load_policy(path: Path, schema: Path = SCHEMA) -> PolicyFile:
    """Read a policy file and validate it with every override merged in.

    Raises ConfigurationError naming the file and the dotted path of whatever is unknown, missing or of the wrong kind.
    """
    raw = path.read_bytes()
    try:
        document = yaml.load(raw, Loader=_StrictLoader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        msg = f"{path.name} is not readable YAML: {error}"
        raise ConfigurationError(msg) from error
    validator = Draft202012Validator(json.loads(schema.read_text(encoding="utf-8")))
    _refuse_faults(path.name, "", validator, document)
    for group in ("segments", "engagements"):
        for key, override in document["overrides"][group].items():
            _refuse_faults(path.name, f"overrides.{group}.{key}", validator, _merge(document, override))
    _refuse_unknown_sources(path.name, document)
    return PolicyFile(name=path.name, digest=hashlib.sha256(raw).hexdigest(), document=document)


def _refuse_faults(name: str, prefix: str, validator: Draft202012Validator, document: object) -> None:
    faults = sorted(text for error in validator.iter_errors(document) for text in _describe(error, prefix))
    if faults:
        msg = f"{name}: " + "; ".join(faults)
        raise ConfigurationError(msg)


def _describe(error: ValidationError, prefix: str) -> Iterator[str]:
    path = [part for part in (prefix, *map(str, error.absolute_path)) if part]
    if error.validator == "additionalProperties" and isinstance(error.schema, Mapping):
        known = sorted(error.schema.get("properties", {}))
        for unknown in sorted({str(key) for key in error.instance if key not in known}):  # type: ignore[union-attr]
            yield f"{'.'.join([*path, unknown])} is not a key of the policy; known there: {', '.join(known)}"
    else:
        yield f"{'.'.join(path) or 'the policy'}: {error.message}"


def _refuse_unknown_sources(name: str, document: Mapping[str, Any]) -> None:
    for path in document["sources"]["seeded"] | document["sources"]["seeded_with_coupa_pay"]:
        value: Any = document
        for part in path.split("."):
            if not isinstance(value, Mapping) or part not in value:
                msg = f"{name}: sources: {path} names no value of the policy"
                raise ConfigurationError(msg)
            value = value[part]


def _merge(base: Mapping[str, Any], override: Mapping[str, Any]) -> dict[str, Any]:
    """Return `base` with `override` laid over it: mappings merge, everything else is replaced."""
    merged = dict(base)
    for key, value in override.items():
        below = merged.get(key)
        merged[key] = _merge(below, value) if isinstance(value, Mapping) and isinstance(below, Mapping) else value
    return merged


def _list_leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in tree.items():
        path = f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from _list_leaves(value, f"{path}.")
        else:
            yield path
