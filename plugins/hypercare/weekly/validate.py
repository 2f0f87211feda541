"""Validation of what a run pulled: a feed that breaks its contract makes UNKNOWN what rests on it (rule R7)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from hypercare.ledger.faults import Fault, record_faults
from hypercare.ledger.leases import take_leases
from hypercare.ledger.pulls import PullRecord, RuleRecord, read_pulls, record_validation
from hypercare.ledger.roster import read_engagements
from hypercare.model import Engagement, FeedState
from hypercare.pulling import pull_id
from hypercare.quality import FeedValidation, validate_batch
from hypercare.quality_records import FeedPulls
from hypercare.runtime import Runtime
from hypercare.weekly.feeds import required_feeds
from hypercare.weekly.work import Batch
from hypercare.weeks import Week

CAUSES = {FeedState.INVALID: "invalid", FeedState.BROKEN: "broken"}


def validate_feeds_of_batch(runtime: Runtime, batch: Batch, as_of: datetime) -> list[str]:
    """Validate every feed that this run pulled for a batch, and record what each rule found.

    Returns the files of failing rows. Faults are recorded. A repeated try validates all feeds again, though the first
    validation of each stands: references are checked among the feeds at hand, and faults are recorded last.
    Raises LeaseLostError when another try of the same work has taken over.
    """
    everyone = read_engagements(runtime.engine)
    owners = [*batch.instances, *batch.engagements]
    leases = take_leases(runtime.engine, "validate", owners)
    current = [
        record
        for record in read_pulls(runtime.engine, owners, pull_id(as_of))
        if record.pull == pull_id(as_of) and record.outcome == "published"
    ]
    folder = runtime.settings.state_folder / "failing_rows" / pull_id(as_of)
    wanted = [_feed_pulls(runtime, record, everyone, as_of) for record in current]
    validated = validate_batch(runtime.contracts, wanted, folder, runtime.lake.attach) if wanted else []
    found = [_name_portably(validation, runtime.settings.state_folder) for validation in validated]
    for validation in found:
        record_validation(
            runtime.engine,
            (validation.feed, validation.instance, pull_id(as_of)),
            validation.state,
            validation.reason,
            _rule_records(validation),
            str(validation.failing_rows_path or ""),
            leases[validation.instance],
        )
    checked = [record.owner for record in current]
    faults = [_fault(runtime, validation, everyone) for validation in found if validation.state in CAUSES]
    record_faults(runtime.engine, as_of, faults, checked=checked, causes=tuple(CAUSES.values()), leases=leases.values())
    return [str(validation.failing_rows_path) for validation in found if validation.failing_rows_path]


def _name_portably(validation: FeedValidation, state_folder: Path) -> FeedValidation:
    """Name files as they lie below the state folder: a reason becomes evidence, which is the same on every machine."""
    return replace(validation, reason=validation.reason.replace(f"{state_folder}/", ""))


def _feed_pulls(runtime: Runtime, record: PullRecord, everyone: Sequence[Engagement], as_of: datetime) -> FeedPulls:
    manifests = runtime.lake.manifests(record.owner, [record.feed], record.pull)
    pulls = runtime.lake.typed_pulls(record.owner, [record.feed], record.pull)
    return FeedPulls(
        feed=record.feed,
        instance=record.owner,
        pulls=tuple(pulls),
        columns_missing=record.columns_missing,
        lacks=frozenset(part for m in manifests if m.pull == record.pull for part in m.lacks),
        rejects=tuple(runtime.lake.locate(m.rejects) for m in manifests if m.rejects),
        lenient=all(_is_lenient(runtime, engagement, as_of) for engagement in _concerned(record.owner, everyone)),
    )


def _is_lenient(runtime: Runtime, engagement: Engagement, as_of: datetime) -> bool:
    """Whether an engagement is in its first weeks, in which volume, freshness and references only warn."""
    weeks = Week.containing(as_of.date()).weeks_since(Week.containing(engagement.go_live))
    return weeks < runtime.policy.for_engagement(engagement).feeds.warnings_only_first_weeks


def _rule_records(validation: FeedValidation) -> Iterator[RuleRecord]:
    for rule in validation.rules:
        yield RuleRecord(
            rule=rule.rule,
            severity=rule.severity,
            outcome=rule.outcome,
            evaluated=rule.evaluated,
            unexpected=rule.unexpected,
            sample=rule.sample,
            message=rule.message,
        )


def _fault(runtime: Runtime, validation: FeedValidation, everyone: Sequence[Engagement]) -> Fault:
    concerned = _concerned(validation.instance, everyone)
    return Fault(
        subject=validation.instance,
        feed=validation.feed,
        cause=CAUSES[validation.state],
        words=validation.reason,
        engagements=tuple(engagement.name for engagement in concerned),
        required=any(validation.feed in required_feeds(runtime, engagement) for engagement in concerned),
    )


def _concerned(owner: str, everyone: Sequence[Engagement]) -> list[Engagement]:
    return [engagement for engagement in everyone if owner in (*engagement.instances, engagement.id)]
