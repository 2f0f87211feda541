"""Exceptions that people explained, laid into a week's evidence (rule R9)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypercare.explaining import explain_row, explain_rows, leave_out_carried
from hypercare.gate_calendar import find_local_day
from hypercare.ledger.explanations import read_explanations
from hypercare.model import ExceptionState, ReconciliationException
from hypercare.reconciliation import Reconciliation
from hypercare.weekly.steps import EngagementStep
from hypercare.weekly.told import first_weeks
from hypercare.weeks import Week


def apply_explanations(step: EngagementStep, week: Week, found: Reconciliation) -> Reconciliation:
    """Return what a week came to with its rows dated and explained; rows explained earlier weigh on no check."""
    explanations = read_explanations(step.runtime.engine, step.engagement.id)
    rows = explain_rows(found.exceptions, explanations, first_weeks(step.runtime, step.engagement, week))
    return replace(found, exceptions=rows, checks=leave_out_carried(found.checks, rows, week, found.main_currency))


def resolve_rows(
    step: EngagementStep, frozen: Sequence[ReconciliationException], found: Sequence[ReconciliationException]
) -> tuple[ReconciliationException, ...]:
    """Return a week's frozen rows as they stand now: CLEARED where they offend no more, EXPLAINED where accepted.

    A row that was explained and has changed since is open again.
    """
    explanations = read_explanations(step.runtime.engine, step.engagement.id)
    offending = {(row.check, row.key): row for row in found}
    today = find_local_day(step.as_of, step.engagement.time_zone)

    def resolve(row: ReconciliationException) -> ReconciliationException:
        now = offending.get((row.check, row.key))
        if row.state is ExceptionState.CLEARED or (now is None and row.state is ExceptionState.EXPLAINED):
            return row
        if now is None:
            return replace(row, state=ExceptionState.CLEARED, resolved_on=today)
        opened = replace(row, state=ExceptionState.OPEN)
        return explain_row(opened, explanations.get((row.check, row.key)), now)

    return tuple(resolve(row) for row in frozen)
