"""Which revision of a week a step works on, and what a revision names before it holds any figures."""

from __future__ import annotations

from typing import Any

from hypercare.canonical import plain
from hypercare.ledger.evidence import Revision, RevisionKey, latest_revisions
from hypercare.weekly.steps import EngagementStep
from hypercare.weekly.work import WorkItem
from hypercare.weeks import Week


def last_revisions(step: EngagementStep) -> dict[Week, Revision]:
    """Return the last sealed revision of each week of the step's engagement."""
    return latest_revisions(step.runtime.engine, step.engagement.id)


def next_key(step: EngagementStep, item: WorkItem, last: Revision | None) -> RevisionKey:
    """Return the key of the revision that would follow."""
    return RevisionKey(step.engagement.id, item.week, last.key.revision + 1 if last else 1)


def is_done(last: Revision | None, step: EngagementStep) -> bool:
    """Whether this very run has sealed a revision of the week already: a repeated try leaves it."""
    return last is not None and last.as_of == step.as_of


def opening_values(step: EngagementStep, item: WorkItem, words: str) -> dict[str, Any]:
    """Return a revision's own row: why it exists, what it rests on, how the feeds stand."""
    return {
        "reason": item.reason.value,
        "words": words,
        "as_of": step.as_of,
        "pulls": [[pull.feed, pull.owner, pull.pull, pull.digest] for pull in step.pulls],
        "feeds": plain(step.feeds),
        "facts": {},
    }
