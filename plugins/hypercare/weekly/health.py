"""The last step: what a run leaves for people to see to."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from hypercare.errors import HypercareError
from hypercare.gate_calendar import find_local_day
from hypercare.ledger.adjustments import read_terms_of
from hypercare.ledger.decisions import read_runs, record_run
from hypercare.ledger.faults import Fault, acknowledge_fault, new_faults, open_faults
from hypercare.ledger.roster import read_engagements
from hypercare.runtime import Runtime
from hypercare.weeks import Week

BROKEN_STATES = {"failed", "upstream_failed"}
log = logging.getLogger(__name__)


class UnhealthyRunError(HypercareError):
    """A run that met something new that a person must know."""


def check_run(runtime: Runtime, as_of: datetime, task_states: Mapping[str, Any]) -> list[str]:
    """Record the run, and raise UnhealthyRunError naming every new fault and broken task.

    Engagements that rest or are cancelled give no alerts (rule R16): a fault of theirs alone is a note. Returns, for a
    healthy run, the notes: faults that are known or concern nothing required, and weeks in which no run took place.
    """
    resting = _list_resting(runtime, as_of)
    found = new_faults(runtime.engine, as_of)
    new = [fault for fault in found if not resting.issuperset(fault.engagements)]
    # Known for today only: the first run after the rest finds them new.
    for fault in found:
        if fault not in new:
            acknowledge_fault(runtime.engine, fault.subject, fault.feed, fault.cause, as_of.date())
    broken = sorted(name for name, state in task_states.items() if str(state) in BROKEN_STATES)
    others = [fault for fault in open_faults(runtime.engine) if fault not in new]
    notes = [f"known: {line}" for line in say_faults(fault for fault in others if fault.required)]
    notes += [f"optional: {line}" for line in say_faults(fault for fault in others if not fault.required)]
    missed = weeks_without_run(read_runs(runtime.engine), as_of)
    if missed:
        notes.append(f"weeks in which no run took place: {', '.join(str(week) for week in missed)}")
    record_run(runtime.engine, as_of, len(new))
    for note in notes:
        log.warning("%s", note)
    problems = [f"new: {line}" for line in say_faults(new)]
    problems += [f"task {name} is broken, see its log" for name in broken]
    if problems:
        raise UnhealthyRunError("\n".join(["this run met something new:", *problems, *notes]))
    return notes


def _list_resting(runtime: Runtime, as_of: datetime) -> set[str]:
    """Return the names of the engagements that rest on the day of a run, or are cancelled."""
    resting = set()
    for engagement in read_engagements(runtime.engine):
        terms = read_terms_of(runtime.engine, engagement.id)
        if terms.cancellation or terms.find_rest(find_local_day(as_of, engagement.time_zone)):
            resting.add(engagement.name)
    return resting


def say_faults(faults: Iterable[Fault]) -> list[str]:
    """Return one line for each cause: whose, which feeds, what and what to do."""
    causes: dict[tuple[str, str, str], list[Fault]] = {}
    for fault in faults:
        causes.setdefault((fault.subject, fault.cause, fault.words), []).append(fault)
    return [
        f"{', '.join(same[0].engagements)}: {', '.join(fault.feed for fault in same if fault.feed)} ({cause}): {words}"
        for (_, cause, words), same in causes.items()
    ]


def weeks_without_run(runs: list[datetime], as_of: datetime) -> list[Week]:
    """Return the ISO weeks (UTC) between the run before this one and this one in which nothing ran."""
    earlier = [run for run in runs if run < as_of]
    if not earlier:
        return []
    week, missed = Week.containing((earlier[-1] + timedelta(weeks=1)).date()), []
    while week < Week.containing(as_of.date()):
        missed.append(week)
        week = week.shift(1)
    return missed
