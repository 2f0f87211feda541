"""What validation found of one feed and instance, and what it comes to: a state, a reason in words, failing rows."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from hypercare.model import FeedState
from hypercare.quality_records import Failing, FailingRow, FeedPulls
from hypercare.quality_suites import Check, Severity

SAMPLE = 5
VALUES_SHOWN = 5
LONGEST_VALUE = 60
LONGEST_FAULT = 300
MAIL_ADDRESS = re.compile(r"\S+@\S+")
FORMULA = re.compile(r"[=+@\t\r]|-\D")


@dataclass(frozen=True)
class RuleResult:
    """What one rule came to for one feed of one instance."""

    feed: str
    instance: str
    rule: str
    """`invoices.currency_is_iso`."""
    kind: str
    severity: Severity
    outcome: Literal["passed", "failed", "broke"]
    evaluated: int
    """Records looked at; a rule that applies to no record of an instance has no result there."""
    unexpected: int = 0
    sample: tuple[str, ...] = ()
    """Up to five ids."""
    message: str = ""


@dataclass(frozen=True)
class FeedValidation:
    """How one feed of one instance stands after validation."""

    feed: str
    instance: str
    state: FeedState
    """VALID, INVALID or BROKEN."""
    reason: str
    """Names rule, count, sample ids and what to do; for a VALID feed its warnings, or nothing."""
    rules: tuple[RuleResult, ...]
    failing_rows_path: str | None = None
    """CSV of rule, id, column and value; None when nothing failed or no folder was given."""


@dataclass
class Findings:
    """What was found of one feed and instance so far."""

    feed: FeedPulls
    rows: int = 0
    results: list[RuleResult] = field(default_factory=list)
    row_rules: int = 0
    """How many of the results are of records."""
    failing: list[tuple[str, FailingRow]] = field(default_factory=list)

    def add_break(self, rule: str, kind: str, severity: Severity, why: str) -> None:
        """Note that a check could not be carried out."""
        name = f"{self.feed.feed}.{rule}" if "." not in rule else rule
        message = f"the check broke: {_first_line(why)}"
        self.results.append(
            RuleResult(self.feed.feed, self.feed.instance, name, kind, severity, "broke", 0, 0, (), message)
        )

    def add(self, rule: str, kind: str, severity: Severity, evaluated: int, failing: Failing, message: str) -> None:
        """Note that a check was carried out over `evaluated` things, and what failed it."""
        self.results.append(
            RuleResult(
                self.feed.feed,
                self.feed.instance,
                rule,
                kind,
                severity,
                "failed" if failing.total else "passed",
                evaluated,
                failing.total,
                _sample(failing.rows),
                message if failing.total else f"holds for all {evaluated} looked at",
            )
        )
        self.failing += [(rule, row) for row in failing.rows]


def _sample(rows: Sequence[FailingRow]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(row.id or "(no id)" for row in rows))[:SAMPLE]


def _first_line(text: str) -> str:
    return MAIL_ADDRESS.sub("(a mail address)", text.strip().partition("\n")[0])[:LONGEST_FAULT]


def conclude(finding: Findings, folder: Path | None) -> FeedValidation:
    """Return what the findings come to; write the failing rows below `folder`, if there are any and it is given."""
    feed, instance = finding.feed.feed, finding.feed.instance
    path = _write_failing_rows(finding, folder) if folder is not None and finding.failing else None
    state, reason = _judge(finding)
    if path and state is FeedState.INVALID:
        reason += f" All failing rows: {path}"
    return FeedValidation(feed, instance, state, reason, tuple(finding.results), path)


def _judge(finding: Findings) -> tuple[FeedState, str]:
    name = f"{finding.feed.feed} of {finding.feed.instance}"
    failed = [result for result in finding.results if result.outcome == "failed"]
    critical = [result for result in failed if result.severity == "critical"]
    broke = [result for result in finding.results if result.outcome == "broke"]
    if critical:
        rules = "; ".join(_words(result) for result in critical)
        return FeedState.INVALID, f"{name}: {rules}. {_what_to_do(critical[0].kind)}"
    if broke:
        rules = "; ".join(f"{result.rule}: {result.message}" for result in broke[:SAMPLE])
        return FeedState.BROKEN, (
            f"{name}: {rules}. This is a fault of the check or of the stored files, not of the customer's data; "
            "correct it and validate again."
        )
    if not finding.feed.pulls:
        return FeedState.BROKEN, f"{name}: no published pull was given, so nothing was validated. Pull it first."
    if not finding.results or (finding.rows and not finding.row_rules):
        return FeedState.BROKEN, f"{name}: no rule looked at its {finding.rows} records. Look at the contract's rules."
    return FeedState.VALID, "; ".join(_words(result) for result in failed)


def _words(result: RuleResult) -> str:
    sample = f" (ids {', '.join(result.sample)})" if result.sample else ""
    return f"{result.rule}: {result.message}{sample}"


def _what_to_do(kind: str) -> str:
    match kind:
        case "misfits":
            return "Compare the rejected values with the contract's types; correct the records, or the contract."
        case "columns":
            return "Grant these fields to the API client, or correct their names in the contract; then pull again."
        case "freshness" | "volume" | "reference":
            return (
                "Ask the customer whether this is so; if not, look at the pull's filters and the API client's rights."
            )
        case _:
            return "Have these records corrected at their source; the next pull takes the correction in."


def _write_failing_rows(finding: Findings, folder: Path) -> str:
    """Write what failed as CSV; values are shown as far as they are `presentable`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{finding.feed.feed}-{re.sub(r'[^A-Za-z0-9._-]', '_', finding.feed.instance)}.csv"
    named = Counter(rule for rule, _ in finding.failing)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["rule", "id", "column", "value"])
        writer.writerows([rule, row.id, row.column, _as_text(row.value)] for rule, row in finding.failing)
        for result in finding.results:
            if named[result.rule] and (more := result.unexpected - named[result.rule]) > 0:
                writer.writerow([result.rule, "", "", f"and {more} more"])
    return str(path)


def _as_text(value: str | None) -> str:
    """Return a presentable value that no spreadsheet takes for a formula."""
    shown = presentable(value)
    return f"'{shown}" if FORMULA.match(shown) else shown


def describe_failing(check: Check, evaluated: int, failing: Failing) -> str:
    """Say what fails a check; where the contract names values, with the values that it does not know."""
    words = f"{failing.total} of {evaluated} records {check.words}"
    if check.kind in ("in_set", "matches", "misfits") and failing.rows:
        named = Counter(presentable(row.value) for row in failing.rows)
        shown = ", ".join(f"'{value}' ({count})" for value, count in named.most_common(VALUES_SHOWN))
        words += f": {shown}" + (" …" if len(named) > VALUES_SHOWN else "")
    return words


def presentable(value: str | None) -> str:
    """Return a raw value fit for showing: cut, without mail addresses; objects, which may hold names, not at all."""
    if value is None:
        return ""
    if value.lstrip()[:1] in ("{", "["):
        return "(an object)"
    hidden = MAIL_ADDRESS.sub("(a mail address)", value)
    return hidden if len(hidden) <= LONGEST_VALUE else f"{hidden[:LONGEST_VALUE]}…"
