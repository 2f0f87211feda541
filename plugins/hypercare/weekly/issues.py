"""What fails technically, found while an engagement's records are open, and kept in the ledger as proposals."""

from __future__ import annotations

from dataclasses import replace

from hypercare.ledger.faults import Fault
from hypercare.ledger.proposals import proposed_as_of, read_proposals, record_proposals
from hypercare.reconciliation import reconciliation_parameters
from hypercare.reconciliation_checks import load_checks
from hypercare.technical_failures import find_failures, load_failure_kinds, select_judged
from hypercare.technical_issues import update_proposals
from hypercare.week_views import WeekViews
from hypercare.weekly.steps import EngagementStep, find_fault
from hypercare.weeks import Week, last_judgeable_week

FINDING = "find_issues"
"""The cause of a fault that no required evidence rests on."""


def find_issues(step: EngagementStep, views: WeekViews) -> list[Fault]:
    """Bring an engagement's proposals up to its last closed week; return the fault where that failed.

    `views` are turned to that week. Raises LeaseLostError when another try has taken over.
    """
    fault = find_fault(step.engagement, FINDING, lambda: _update_proposals(step, views))
    return [replace(fault, required=False)] if fault else []


def _update_proposals(step: EngagementStep, views: WeekViews) -> None:
    runtime, engagement = step.runtime, step.engagement
    week = last_judgeable_week(step.as_of, engagement.time_zone)
    before = proposed_as_of(runtime.engine, engagement.id)
    # An earlier instant, played again, knows less than what stands in the ledger.
    if week < Week.containing(engagement.go_live) or (before is not None and before > step.as_of):
        return
    folder = runtime.settings.include_folder / "sql"
    kinds = select_judged(load_failure_kinds(folder / "technical_issues"), step.feeds)
    views.select_week(week, step.as_of)
    checks, parameters = load_checks(folder / "reconciliation"), reconciliation_parameters(step.policy, engagement)
    failures = find_failures(views, kinds, checks, parameters)
    known = {name: kept.proposal for name, kept in read_proposals(runtime.engine, engagement.id).items()}
    found = update_proposals(engagement.id, known, failures, frozenset(kind.name for kind in kinds), week)
    changed = [proposal for name, proposal in found.items() if known.get(name) != proposal]
    with runtime.engine.begin() as connection:
        step.lease.hold(connection)
        record_proposals(connection, changed, step.as_of)
