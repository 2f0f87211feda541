"""Validation of what was pulled: each feed against its contract, for a batch of instances at once.

The records that stand now (the last version of each, over an instance's pulls) are checked by Great Expectations, once
a feed and batch; what fails is laid at its own instance's door. Three outcomes are kept apart: a rule passed, the data
failed it, or the check itself broke. What looked at nothing has not passed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from hypercare.contracts import Contract
from hypercare.errors import ContractError
from hypercare.quality_expectations import Outcome, Validator
from hypercare.quality_findings import FeedValidation, Findings, RuleResult, conclude, describe_failing
from hypercare.quality_records import (
    NOTHING,
    Failing,
    FeedPulls,
    count_applicable,
    fetch_frame,
    find_failing,
    find_lacking_columns,
    load_records,
)
from hypercare.quality_statistics import (
    KnownKeys,
    Measure,
    ValidationLimits,
    check_measures,
    measure_columns,
    measure_past,
    measure_references,
)
from hypercare.quality_suites import Check, list_checks, suite_document

__all__ = ["FeedPulls", "FeedValidation", "RuleResult", "ValidationLimits", "validate_batch"]


def validate_batch(
    contracts: Mapping[str, Contract],
    batch: Sequence[FeedPulls],
    failing_rows_folder: Path | None = None,
    attach: Callable[[duckdb.DuckDBPyConnection], None] | None = None,
    limits: ValidationLimits = ValidationLimits(),  # noqa: B008 - frozen
) -> list[FeedValidation]:
    """Validate the feeds of several instances; return one answer for each entry of `batch`, in its order.

    `attach` lets a DuckDB connection open the typed files where they are not local ones. References are checked
    where the other feed of the same instance is in the batch, too. Raises ContractError when a contract's rule is wrong
    (naming both), and ValueError when a feed of an instance stands in the batch twice.
    """
    if not batch:
        return []
    found = {(feed.feed, feed.instance): Findings(feed) for feed in batch}
    if len(found) != len(batch):
        msg = "a feed of an instance stands twice in the batch"
        raise ValueError(msg)
    by_feed: dict[str, list[FeedPulls]] = {}
    for feed in batch:
        by_feed.setdefault(feed.feed, []).append(feed)
    checks = {name: list_checks(_contract(contracts, name)) for name in by_feed}
    validator = Validator()
    measures: list[Measure] = []
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        if attach is not None:
            attach(connection)
        keys = KnownKeys(connection, contracts, by_feed)
        for name, feeds in by_feed.items():
            for lacks in dict.fromkeys(feed.lacks for feed in feeds):
                judged = tuple(check for check in checks[name] if not check.looks_at(lacks))
                run = FeedRun(connection, validator, contracts[name], judged, keys, limits, found)
                measures += run.check([feed for feed in feeds if feed.pulls and feed.lacks == lacks])
    _settle(validator, measures, found)
    return [conclude(found[feed.feed, feed.instance], failing_rows_folder) for feed in batch]


@dataclass(frozen=True)
class FeedRun:
    """The checks of one feed on its way through a batch."""

    connection: duckdb.DuckDBPyConnection
    validator: Validator
    contract: Contract
    checks: tuple[Check, ...]
    keys: KnownKeys
    limits: ValidationLimits
    found: dict[tuple[str, str], Findings]

    def check(self, feeds: Sequence[FeedPulls]) -> list[Measure]:
        """Check these instances, one by one where together something breaks; return the measures yet to be checked."""
        if not feeds:
            return []
        attempt = {feed.instance: Findings(feed) for feed in feeds}
        try:
            measures = self._check_together(feeds, attempt)
        except duckdb.Error as error:
            measures = []
            for finding in attempt.values():
                finding.add_break("readable", "records", "critical", f"the typed files cannot be read: {error}")
        broke = any(result.outcome == "broke" for finding in attempt.values() for result in finding.results)
        if broke and len(feeds) > 1:
            return [measure for feed in feeds for measure in self.check([feed])]
        for feed in feeds:
            self.found[feed.feed, feed.instance] = attempt[feed.instance]
        return measures

    def _check_together(self, feeds: Sequence[FeedPulls], attempt: Mapping[str, Findings]) -> list[Measure]:
        measures = [measure for feed in feeds for measure in measure_columns(self.contract, feed)]
        for owner, names in find_lacking_columns(self.connection, self.contract, feeds).items():
            version = f"{self.contract.feed} contract {self.contract.version}"
            why = f"the newest typed file lacks {', '.join(names)}: type it again by the {version}"
            attempt[owner].add_break("typed_columns", "records", "critical", why)
        load_records(self.connection, self.contract, self.checks, feeds)
        rows, applicable = self._count()
        for owner, count in rows.items():
            attempt[owner].rows = count
        if sum(rows.values()) > self.limits.rows_in_frame:
            measures += self._count_failing(attempt, applicable)
        elif rows:
            self._check_frame(attempt, applicable)
        measures += measure_past(self.connection, self.contract, feeds, self.limits)
        return measures + measure_references(self.connection, self.contract, feeds, self.keys, self.limits)

    def _count(self) -> tuple[dict[str, int], dict[tuple[str, str], int]]:
        try:
            return count_applicable(self.connection, self.checks)
        except duckdb.Error:
            for check in self.checks:
                try:
                    count_applicable(self.connection, [check])
                except duckdb.Error as error:
                    msg = f"contract {self.contract.feed}: rule {check.rule}: {check.where!r} is no condition: {error}"
                    raise ContractError(msg) from error
            raise

    def _check_frame(self, attempt: Mapping[str, Findings], applicable: Mapping[tuple[str, str], int]) -> None:
        """Let Great Expectations look at the records, and find the failing ones of each rule that it says fails."""
        outcomes = self.validator.run(
            fetch_frame(self.connection, self.checks), suite_document(self.contract, self.checks)
        )
        for check in self.checks:
            outcome = outcomes[check.rule]
            failing: dict[str, Failing] = {}
            if not outcome.fault and outcome.unexpected:
                failing = find_failing(self.connection, check, self.limits.failing_rows_kept)
            looked_at = sum(applicable.get((owner, check.rule), 0) for owner in attempt)
            fault = _disagreement(outcome, looked_at, sum(one.total for one in failing.values()))
            for owner, finding in attempt.items():
                evaluated = applicable.get((owner, check.rule), 0)
                if fault:
                    finding.add_break(check.rule, check.kind, check.severity, fault)
                elif evaluated:
                    one = failing.get(owner, NOTHING)
                    finding.row_rules += 1
                    finding.add(
                        check.rule, check.kind, check.severity, evaluated, one, describe_failing(check, evaluated, one)
                    )

    def _count_failing(
        self, attempt: Mapping[str, Findings], applicable: Mapping[tuple[str, str], int]
    ) -> list[Measure]:
        """Count in DuckDB what fails each rule; Great Expectations checks the counts."""
        measures = []
        for check in self.checks:
            try:
                failing = find_failing(self.connection, check, self.limits.failing_rows_kept)
            except duckdb.Error as error:
                for finding in attempt.values():
                    finding.add_break(check.rule, check.kind, check.severity, str(error))
                continue
            for owner, finding in attempt.items():
                evaluated = applicable.get((owner, check.rule), 0)
                if evaluated:
                    one = failing.get(owner, NOTHING)
                    finding.row_rules += 1
                    measures.append(
                        Measure(
                            self.contract.feed,
                            owner,
                            check.rule,
                            check.kind,
                            check.severity,
                            measured=one.total,
                            words=describe_failing(check, evaluated, one),
                            most=0,
                            evaluated=evaluated,
                            failing=one,
                        )
                    )
        return measures


def _contract(contracts: Mapping[str, Contract], feed: str) -> Contract:
    if feed not in contracts:
        msg = f"feed {feed} has no contract"
        raise ContractError(msg)
    return contracts[feed]


def _disagreement(outcome: Outcome, looked_at: int, failing: int) -> str:
    """Return why an outcome cannot be believed; empty when it can."""
    if outcome.fault:
        return outcome.fault
    if (outcome.evaluated, outcome.unexpected) != (looked_at, failing):
        return (
            f"Great Expectations found {outcome.unexpected} of {outcome.evaluated} records to fail, "
            f"the records themselves say {failing} of {looked_at}"
        )
    return "" if outcome.success == (failing == 0) else "success and the count of failures contradict each other"


def _settle(validator: Validator, measures: Sequence[Measure], found: Mapping[tuple[str, str], Findings]) -> None:
    """Add the measures to what was found, once Great Expectations has checked them."""
    fault = check_measures(validator, measures)
    for measure in measures:
        finding = found[measure.feed, measure.instance]
        if fault:
            finding.add_break(measure.rule, measure.kind, measure.severity, fault)
        else:
            failing = measure.failing if measure.failing.total else Failing(0 if measure.is_within else 1, ())
            finding.add(measure.rule, measure.kind, measure.severity, measure.evaluated, failing, measure.words)
