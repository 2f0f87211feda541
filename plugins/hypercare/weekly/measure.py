"""Adoption metrics of every due week, into revisions that reconciling will seal."""

from __future__ import annotations

from datetime import datetime

from hypercare.ledger.evidence import begin_revision, write_metrics
from hypercare.ledger.faults import Fault
from hypercare.metric_definitions import load_metrics
from hypercare.metrics import measure_week, set_supplier_targets
from hypercare.runtime import Runtime
from hypercare.weekly.parameters import metric_parameters
from hypercare.weekly.revisions import is_done, last_revisions, next_key, opening_values
from hypercare.weekly.steps import EngagementStep, each_engagement
from hypercare.weekly.told import read_supplier_targets
from hypercare.weekly.work import Batch, RevisionReason


def measure_batch(runtime: Runtime, batch: Batch, as_of: datetime, words: str = "") -> list[Fault]:
    """Measure every due week of a batch; `words` is a restatement's reason. Returns what went wrong, and for whom."""

    def handle(step: EngagementStep) -> tuple[Fault, ...]:
        _measure(step, words)
        return ()

    return each_engagement(runtime, batch, as_of, "measure", handle)


def _measure(step: EngagementStep, words: str) -> None:
    definitions = load_metrics(step.runtime.settings.include_folder / "sql" / "metrics")
    parameters = metric_parameters(step.policy, step.engagement)
    last = last_revisions(step)
    with step.open_views() as views:
        set_supplier_targets(views, read_supplier_targets(step.runtime, step.engagement))
        for item in step.items:
            # Clearing exceptions changes no figure: its revision repeats those of the one before.
            if item.reason is RevisionReason.EXCEPTIONS_CLEARED or is_done(last.get(item.week), step):
                continue
            views.select_week(item.week, step.as_of)
            results = measure_week(views, step.feeds, definitions, parameters, step.engagement)
            key = next_key(step, item, last.get(item.week))
            with step.runtime.engine.begin() as connection:
                step.lease.hold(connection)
                if begin_revision(connection, key, opening_values(step, item, words)):
                    write_metrics(connection, key, results)
