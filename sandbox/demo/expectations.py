"""The demo world's five runs, and what each engagement must come to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sandbox.demo.adjusted import ADJUSTED, EXPECTED_OF_ADJUSTED, GO_LIVE_DIFFERS
from sandbox.demo.customers import CUSTOMERS
from sandbox.demo.evidenced import EVIDENCED, EXPECTED_OF_EVIDENCED
from sandbox.demo.weeks import WEEKS
from sandbox.scenario import Expectation, Run

FIRST_RUN = datetime(2026, 3, 9, 14, 30, tzinfo=UTC)
"""Monday after the first week, late enough for UTC-11."""

FAULTS = {
    "2026-W11": ("harbourline", "payments", GO_LIVE_DIFFERS),
    "2026-W12": ("ironwood", "invoices"),
    "2026-W13": ("eastgate", "503"),
}
"""The runs that bring a new fault, and words that it must hold."""

RUNS = tuple(
    Run(
        label=week,
        as_of=FIRST_RUN + timedelta(weeks=number),
        expected_state="failed" if week in FAULTS else "success",
        expected_faults=FAULTS.get(week, ()),
    )
    for number, week in enumerate(WEEKS)
)
"""One run a week, named after the week that it judges."""


@dataclass(frozen=True)
class _Outcome:
    """What becomes of an engagement; `weeks` names the weeks that are not PASS after the last run."""

    weeks: Mapping[str, str] = field(default_factory=dict)
    cycle: str = "PASS"
    state: str = "READY"
    reason: str = ""
    weeks_by_run: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    reasons_by_run: Mapping[str, str] = field(default_factory=dict)
    evidence: str = ""


_OUTCOMES = {
    "Aurora Outfitters go-live": _Outcome(
        reasons_by_run={"2026-W13": "period end 0 of 1, next period end 31 March"}, reason="criteria met"
    ),
    "Bergstrom Shipping go-live": _Outcome(
        {"2026-W12": "FAIL"}, "FAIL", "IN CYCLE", "week 2 of 4",
        weeks_by_run={"2026-W12": {"2026-W12": "FAIL"}, "2026-W13": {"2026-W12": "FAIL"}},
    ),
    "Cascadia Foods go-live": _Outcome(
        {"2026-W12": "CLEARED"},
        weeks_by_run={"2026-W12": {"2026-W12": "FAIL"}, "2026-W13": {"2026-W12": "CLEARED"}},
    ),
    "Dunmore Hotels go-live": _Outcome(
        dict.fromkeys(WEEKS[:4], "QUIET"),
        reasons_by_run={"2026-W13": "week 4 of 4, run 0 of 1, next run 31 March"},
    ),
    "Eastgate Logistics go-live": _Outcome(
        weeks_by_run={"2026-W13": {"2026-W13": "UNKNOWN"}, "2026-W14": {"2026-W13": "PASS"}},
    ),
    "Fenwick Robotics go-live": _Outcome(state="CYCLE COMPLETE", reason="AI-005"),
    "Harbourline Media go-live": _Outcome(
        weeks_by_run={"2026-W11": {"2026-W11": "UNKNOWN"}, "2026-W12": {"2026-W11": "PASS"}},
    ),
    "Ironwood Mutual go-live": _Outcome(
        weeks_by_run={"2026-W12": {"2026-W12": "UNKNOWN"}, "2026-W13": {"2026-W12": "PASS"}},
    ),
    "Kestrel Aerospace go-live": _Outcome(dict.fromkeys(WEEKS, "QUIET"), "FAIL", "IN CYCLE", "cycle not started"),
    "Lumen Textiles go-live": _Outcome(
        {"2026-W13": "QUIET"}, reasons_by_run={"2026-W13": "answered before the cycle was complete"}
    ),
    "Northbridge Retail Ireland go-live": _Outcome(
        {"2026-W13": "FAIL"}, "FAIL", "IN CYCLE", "week 1 of 4",
        weeks_by_run={"2026-W13": {"2026-W13": "FAIL"}},
    ),
    "Pampas Agro go-live": _Outcome(state="CYCLE COMPLETE", reason="consistent in Coupa only", evidence="level 1"),
}  # fmt: skip
"""By engagement; one that is not here passes every week and is ready after the last run."""


def list_expectations() -> tuple[Expectation, ...]:
    """Return what is expected of every engagement in hypercare."""
    told = (_expect(each.name, each.scenario) for each in CUSTOMERS if each not in (*EVIDENCED, *ADJUSTED))
    return (*told, *EXPECTED_OF_EVIDENCED, *EXPECTED_OF_ADJUSTED)


def _expect(name: str, scenario: str) -> Expectation:
    outcome = _OUTCOMES.get(name, _Outcome())
    return Expectation(
        engagement=name,
        scenario=scenario,
        weeks={week: outcome.weeks.get(week, "PASS") for week in WEEKS},
        cycle=outcome.cycle,
        state=outcome.state,
        reason_contains=outcome.reason,
        weeks_by_run=outcome.weeks_by_run,
        reasons_by_run=outcome.reasons_by_run,
        evidence=outcome.evidence,
    )
