"""The last step: what a run leaves for people to see to."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from hypercare.errors import HypercareError
from hypercare.gate_calendar import find_local_day
from hypercare.ledger.acknowledgements import Acknowledgement, KnownFault, acknowledge_faults, known_faults
from hypercare.ledger.adjustments import read_terms_of
from hypercare.ledger.decisions import read_runs, record_run
from hypercare.ledger.faults import Fault, cleared_faults, new_faults, open_faults
from hypercare.ledger.roster import read_engagements
from hypercare.model import ExitState
from hypercare.ops_digest import OpsDigest
from hypercare.runtime import Runtime
from hypercare.verdicts import read_standings
from hypercare.weeks import Week

BROKEN_STATES = {"failed", "upstream_failed"}
MAY_EXIT = {ExitState.READY, ExitState.EXCEPTION}
log = logging.getLogger(__name__)


class UnhealthyRunError(HypercareError):
    """A run that met something new that a person must know."""


def check_run(runtime: Runtime, as_of: datetime, task_states: Mapping[str, Any]) -> list[str]:
    """Record the run with its digest, and raise UnhealthyRunError naming every new fault and broken task.

    Engagements that rest or are cancelled give no alerts (rule R16): a fault of theirs alone is a note. Returns, for a
    healthy run, the notes: faults that are known or concern nothing required, what recovered, weeks in which no run
    took place, and who may leave hypercare.
    """
    resting = _list_resting(runtime, as_of)
    found = new_faults(runtime.engine, as_of)
    new = [fault for fault in found if not resting.issuperset(fault.engagements)]
    for fault in found:
        if fault not in new:
            _know_for_today(runtime, fault, as_of)
    broken = sorted(name for name, state in task_states.items() if str(state) in BROKEN_STATES)
    digest = _gather(runtime, as_of, new, broken)
    record_run(runtime.engine, as_of, len(new), digest.to_markdown())
    log.info("%s", digest.to_markdown())
    if not digest.is_red:
        return digest.notes()
    problems = [f"new: {line}" for line in digest.new]
    problems += [f"task {name} is broken, see its log" for name in broken]
    raise UnhealthyRunError("\n".join(["this run met something new:", *problems, *digest.notes()]))


def _gather(runtime: Runtime, as_of: datetime, new: list[Fault], broken: list[str]) -> OpsDigest:
    known = [found for found in known_faults(runtime.engine, as_of) if found.fault.required]
    told = [*new, *(found.fault for found in known)]
    others = [fault for fault in open_faults(runtime.engine) if fault not in told]
    missed = weeks_without_run(read_runs(runtime.engine), as_of)
    return OpsDigest(
        as_of=as_of,
        new=tuple(say_faults(new)),
        broken=tuple(broken),
        recovered=tuple(say_recovered(cleared_faults(runtime.engine, as_of))),
        known=tuple(_say_known(known)),
        lasting=tuple(say_faults(fault for fault in others if fault.required)),
        optional=tuple(say_faults(fault for fault in others if not fault.required)),
        missed=(", ".join(str(week) for week in missed),) if missed else (),
        may_exit=tuple(_may_exit(runtime)),
    )


def _list_resting(runtime: Runtime, as_of: datetime) -> set[str]:
    """Return the names of the engagements that rest on the day of a run, or are cancelled."""
    resting = set()
    for engagement in read_engagements(runtime.engine):
        terms = read_terms_of(runtime.engine, engagement.id)
        if terms.cancellation or terms.find_rest(find_local_day(as_of, engagement.time_zone)):
            resting.add(engagement.name)
    return resting


def _know_for_today(runtime: Runtime, fault: Fault, as_of: datetime) -> None:
    """Take a resting engagement's fault as known for the day of the run: the first run after the rest finds it new."""
    words = "every engagement that it concerns rests or is cancelled"
    said = Acknowledgement(fault.subject, as_of.date(), words, "hypercare", fault.feed, fault.cause)
    acknowledge_faults(runtime.engine, said, as_of)


def say_faults(faults: Iterable[Fault]) -> list[str]:
    """Return one line for each cause: whose, which feeds, what and what to do."""
    return [f"{about}: {words}" for about, words in _group(faults)]


def say_recovered(faults: Iterable[Fault]) -> list[str]:
    """Return one line for each cause that is no more: whose, and which feeds."""
    return list(dict.fromkeys(about for about, _ in _group(faults)))


def _group(faults: Iterable[Fault]) -> list[tuple[str, str]]:
    """Return, for each cause, whose it is with which feeds, and what it says."""
    causes: dict[tuple[str, str, str], list[Fault]] = {}
    for fault in faults:
        causes.setdefault((fault.subject, fault.cause, fault.words), []).append(fault)
    return [
        (f"{', '.join(same[0].engagements)}: {', '.join(fault.feed for fault in same if fault.feed)} ({cause})", words)
        for (_, cause, words), same in causes.items()
    ]


def _say_known(known: Iterable[KnownFault]) -> list[str]:
    """Return one line for each acknowledged cause, with until when, by whom and why."""
    acknowledged: dict[str, list[Fault]] = {}
    for found in known:
        acknowledged.setdefault(f"until {found.until} ({found.who}: {found.reason})", []).append(found.fault)
    return [f"{until}: {line}" for until, faults in acknowledged.items() for line in say_faults(faults)]


def _may_exit(runtime: Runtime) -> Iterable[str]:
    for standing in read_standings(runtime.engine):
        if standing.state in MAY_EXIT:
            yield f"{standing.engagement.name} ({standing.state})"


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
