"""What a run has to do, and how it is spread over batches. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from hypercare.model import Engagement
from hypercare.weeks import Week

LABEL_LENGTH = 200
"""Airflow fails a task whose rendered label is longer than 250 characters, after its work is done."""


class RevisionReason(StrEnum):
    """Why evidence of a week is computed (rule R6)."""

    FIRST = "first"
    RECONSTRUCTED = "reconstructed"
    """The week lies before the engagement was connected."""
    FAULT_REPAIRED = "fault repaired"
    EXCEPTIONS_CLEARED = "exceptions cleared"
    RESTATED = "restated"


@dataclass(frozen=True)
class WorkItem:
    """One engagement-week whose evidence is to be computed."""

    engagement: str
    week: Week
    reason: RevisionReason


@dataclass(frozen=True)
class Batch:
    """Engagements that one task handles: whole connected components of engagements and instances."""

    label: str
    engagements: tuple[str, ...]
    instances: tuple[str, ...]
    items: tuple[WorkItem, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the batch as ids and labels, small enough for XCom."""
        items = [[item.engagement, str(item.week), item.reason.value] for item in self.items]
        return {
            "label": self.label,
            "engagements": list(self.engagements),
            "instances": list(self.instances),
            "items": items,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Batch:
        """Return the batch that `to_json` wrote."""
        items = (WorkItem(name, Week.parse(week), RevisionReason(reason)) for name, week, reason in document["items"])
        return cls(document["label"], tuple(document["engagements"]), tuple(document["instances"]), tuple(items))


def plan_batches(
    engagements: Sequence[Engagement],
    items: Sequence[WorkItem],
    weights: Mapping[str, int],
    count: int,
) -> list[Batch]:
    """Spread work over at most `count` batches, heaviest component first, each into the lightest batch.

    Engagements that share an instance stay together, so that an instance is pulled once. `weights` gives each
    instance's rows of earlier pulls; unknown ones weigh 1. Engagements without work are left out. Raises ValueError for
    work of an engagement that is not among `engagements`.
    """
    busy = {item.engagement for item in items}
    unknown = busy - {engagement.id for engagement in engagements}
    if unknown:
        msg = f"work for engagements that nobody has: {', '.join(sorted(unknown))}"
        raise ValueError(msg)
    components = _connected([engagement for engagement in engagements if engagement.id in busy])
    # At least 1, else whatever weighs nothing would pile up in one batch and leave others empty.
    loads = [(max(1, sum(weights.get(name, 1) for name in _instances(group))), group) for group in components]
    bins: list[tuple[int, list[Engagement]]] = [(0, []) for _ in range(min(count, len(loads)))]
    for weight, group in sorted(loads, key=lambda load: (-load[0], load[1][0].name)):
        lightest = min(range(len(bins)), key=lambda index: (bins[index][0], index))
        bins[lightest] = (bins[lightest][0] + weight, bins[lightest][1] + group)
    return [_batch(sorted(group, key=lambda e: (e.name, e.id)), items) for _, group in bins]


def cut_label(names: Sequence[str]) -> str:
    """Return names as one label of at most 200 characters, saying how many it leaves out."""
    label = ", ".join(names)
    if len(label) <= LABEL_LENGTH:
        return label
    for kept in range(len(names) - 1, 0, -1):
        label = f"{', '.join(names[:kept])} and {len(names) - kept} more"
        if len(label) <= LABEL_LENGTH:
            return label
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return names[0][: LABEL_LENGTH - len(more) - 1] + "…" + more


def _batch(group: list[Engagement], items: Sequence[WorkItem]) -> Batch:
    ids = {engagement.id for engagement in group}
    return Batch(
        label=cut_label([engagement.name for engagement in group]),
        engagements=tuple(engagement.id for engagement in group),
        instances=tuple(sorted(_instances(group))),
        items=tuple(item for item in items if item.engagement in ids),
    )


def _instances(group: Sequence[Engagement]) -> set[str]:
    return {instance for engagement in group for instance in engagement.instances}


def _connected(engagements: Sequence[Engagement]) -> list[list[Engagement]]:
    """Group engagements that share instances, directly or through others."""
    groups: list[tuple[set[str], list[Engagement]]] = []
    for engagement in engagements:
        instances, members = set(engagement.instances), [engagement]
        apart = []
        for group in groups:
            if group[0] & instances:
                instances |= group[0]
                members = group[1] + members
            else:
                apart.append(group)
        groups = [*apart, (instances, members)]
    return [members for _, members in groups]
