"""Faults that tests and demos inject: what goes wrong, on which resource, when, and how often."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson

from sandbox.coupa.projection import hyphenated
from sandbox.striking import EVERYTHING, StrikingFault

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sandbox.world import Instance

Body = dict[str, Any]
BEFORE = frozenset({"status", "slow", "token_not_ready"})
STORED = frozenset({"rows_changed"})
ROWS = frozenset({"wrong_type", "missing_field", "extra_field"})
PAGE = frozenset({"same_page"})
EMPTY = frozenset({"empty_404"})
WIRE = frozenset({"reset", "truncated"})
KINDS = BEFORE | STORED | ROWS | PAGE | EMPTY | WIRE


@dataclass
class Fault(StrikingFault):
    """One fault of an instance. `resource`: a path such as `coupa_pay/payments`.

    `options` by kind: status {status, retry_after, html}; slow {seconds}; token_not_ready {seconds, requests};
    wrong_type and extra_field {field, value, ids}; missing_field {field, ids}, `field` a dotted path through objects
    and lists; rows_changed {put: [bodies], touch: [ids], set: {attribute: value}, delete: [ids]}.
    """

    id: str
    kind: str
    options: dict[str, Any] = field(default_factory=dict)


class FaultBoard:
    """The faults of one tenant, struck in the order in which they were added."""

    def __init__(self) -> None:
        self.faults: dict[str, Fault] = {}
        self._numbers = itertools.count(1)

    def add(self, described: Mapping[str, Any]) -> Fault:
        """Add a fault given as JSON (`kind`, `resource`, `times`, `after`, `from`, `until`, and its kind's options).

        Raises ValueError naming what is wrong with the description.
        """
        options = dict(described)
        kind = options.pop("kind", None)
        if kind not in KINDS:
            msg = f"kind must be one of {', '.join(sorted(KINDS))}, not {kind!r}"
            raise ValueError(msg)
        if kind == "status" and not isinstance(options.get("status"), int):
            msg = "a fault of kind status needs the HTTP status as a number"
            raise ValueError(msg)
        if kind in ROWS and not options.get("field"):
            msg = f"a fault of kind {kind} needs a field"
            raise ValueError(msg)
        fault = Fault(
            id=f"fault-{next(self._numbers)}",
            kind=kind,
            resource=options.pop("resource", EVERYTHING),
            times=options.pop("times", None),
            after=options.pop("after", 0),
            begins=read_moment(options.pop("from", None)),
            ends=read_moment(options.pop("until", None)),
            options=options,
        )
        self.faults[fault.id] = fault
        return fault

    def clear(self, fault_id: str | None = None) -> int:
        """Remove one fault, or all; returns how many were removed."""
        if fault_id is not None:
            return 0 if self.faults.pop(fault_id, None) is None else 1
        count = len(self.faults)
        self.faults.clear()
        return count

    def striking(self, kinds: frozenset[str], resource: str, now: datetime) -> Iterator[Fault]:
        """Yield the faults of these kinds that strike this request, counting it."""
        for fault in list(self.faults.values()):
            if fault.kind in kinds and fault.concerns(resource, now) and fault.strike():
                yield fault


def read_moment(text: str | None) -> datetime | None:
    """Read an ISO 8601 instant with an offset, or None. Raises ValueError."""
    if text is None:
        return None
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        msg = f"{text} needs a UTC offset"
        raise ValueError(msg)
    return moment


def spoil_rows(rows: list[Body], fault: Fault) -> list[Body]:
    """Return copies of the rows with the fault's field set, removed or added; rows with other ids stay as they are."""
    ids = fault.options.get("ids")
    path = [hyphenated(step) for step in fault.options["field"].split(".")]
    return [_spoil(row, path, fault) if ids is None or row.get("id") in ids else row for row in rows]


def _spoil(row: Body, path: list[str], fault: Fault) -> Body:
    copy: Body = orjson.loads(orjson.dumps(row))
    _change(copy, path, fault)
    return copy


def _change(value: object, path: list[str], fault: Fault) -> None:
    if isinstance(value, list):
        for item in value:
            _change(item, path, fault)
    elif isinstance(value, dict) and len(path) > 1:
        _change(value.get(path[0]), path[1:], fault)
    elif isinstance(value, dict) and fault.kind == "missing_field":
        value.pop(path[0], None)
    elif isinstance(value, dict):
        value[path[0]] = fault.options.get("value")


def change_rows(instance: Instance, resource: str, fault: Fault) -> None:
    """Apply a `rows_changed` fault at the instance's clock: new versions, touched and deleted records.

    A touched record is the last version with `set` laid over it and `updated-at` at the clock.
    """
    now = instance.now()
    for body in fault.options.get("put", ()):
        instance.put(resource, now, body)
    for record_id in fault.options.get("touch", ()):
        body = instance.record(resource, record_id)
        if body is not None:
            stamp = now.astimezone(instance.time_zone).isoformat(timespec="seconds")
            instance.put(resource, now, {**body, **fault.options.get("set", {}), "updated-at": stamp})
    for record_id in fault.options.get("delete", ()):
        instance.delete(resource, now, record_id)
