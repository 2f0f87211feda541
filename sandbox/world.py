"""What the stand-ins show: Coupa instances whose records have versions, seen through a clock that can be moved."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import RLock
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Version:
    """One state of one record: from `at` (UTC) on the server shows `body`; None means deleted."""

    at: datetime
    body: Body | None


@dataclass(frozen=True, slots=True)
class RecordVersion(Version):
    """The same with the record's number."""

    record_id: int


class Shelf:
    """The records of one resource, kept sorted by id as of the last instant asked for.

    Moving forward in time applies only what became visible since; moving back, or adding a version
    older than what is already shown, starts over.
    """

    def __init__(self) -> None:
        self.ids: list[int] = []
        self.bodies: dict[int, Body] = {}
        self.attributes: set[str] = set()
        self._timeline: list[tuple[datetime, int, Body | None]] = []
        self._incoming: list[tuple[datetime, int, Body | None]] = []
        self._applied = 0
        self._lock = RLock()

    def add(self, version_at: datetime, record_id: int, body: Body | None) -> None:
        """Append one version; a later call wins among versions of the same instant."""
        with self._lock:
            self._incoming.append((version_at, record_id, body))
            if body is not None:
                self.attributes.update(body)

    def show(self, instant: datetime) -> Shelf:
        """Bring `ids` (ascending) and `bodies` to what is visible at `instant` (aware) and return the shelf itself."""
        with self._lock:
            if self._incoming:
                self._merge_incoming()
            if self._applied and self._timeline[self._applied - 1][0] > instant:
                self._start_over()
            end = bisect_right(self._timeline, instant, lo=self._applied, key=_instant_of)
            if end > self._applied:
                self._apply(end)
        return self

    def versions_of(self, record_id: int) -> list[Version]:
        """Every version of one record, oldest first, whatever the clock says."""
        with self._lock:
            self._merge_incoming()
            return [Version(at, body) for at, known_id, body in self._timeline if known_id == record_id]

    def timeline(self) -> list[RecordVersion]:
        """Every version of every record, oldest first, whatever the clock says."""
        with self._lock:
            self._merge_incoming()
            return [RecordVersion(at, body, record_id) for at, record_id, body in self._timeline]

    def _merge_incoming(self) -> None:
        incoming, self._incoming = self._incoming, []
        if not incoming:
            return
        shown_until = self._timeline[self._applied - 1][0] if self._applied else None
        self._timeline.extend(incoming)
        self._timeline.sort(key=_instant_of)  # stable: among equal instants the later call stays last
        if shown_until is not None and min(map(_instant_of, incoming)) < shown_until:
            self._start_over()

    def _start_over(self) -> None:
        self.ids, self.bodies, self._applied = [], {}, 0

    def _apply(self, end: int) -> None:
        before = len(self.bodies)
        added: list[int] = []
        removed = False
        for _, record_id, body in self._timeline[self._applied : end]:
            if body is None:
                removed |= self.bodies.pop(record_id, None) is not None
                continue
            if record_id not in self.bodies:
                added.append(record_id)
            self.bodies[record_id] = body
        self._applied = end
        if removed or len(self.bodies) != before:
            # A fresh list, so that an answer being written from the old one is not disturbed.
            self.ids = sorted(self.bodies) if removed else sorted([*self.ids, *added])


def _instant_of(entry: tuple[datetime, int, Body | None]) -> datetime:
    return entry[0]


@dataclass(frozen=True)
class Quirks:
    """Where one tenant behaves unlike the documentation.

    `empty_as_404`: a JSON list without rows answers 404 instead of 200 `[]`.
    `token_delay_seconds`: a fresh token is refused (401) for that long.
    `unlicensed`: resources that answer 404 whatever is asked.
    `strict_fields`: a name in `fields` that the schema does not know is refused (400) instead of left out.
    """

    empty_as_404: bool = False
    token_delay_seconds: float = 0.0
    unlicensed: Collection[str] = ()
    strict_fields: bool = False


class Instance:
    """One Coupa tenant: credentials, settings, records with versions, and the clock they are seen through.

    `time_zone`: the zone of the offsets in its bodies. `scopes`: what its client was granted; None means every scope.
    `default_filters`: resource -> the only top-level keys shown when a call carries no `fields`.
    `named_filters`: filter name -> the top-level keys it shows. `custom_fields`: resource -> name -> default value,
    present in `custom-fields` of every record that does not set it.
    `requests_per_second` with `burst`: the rate limit; None switches it off.
    `clock`: the instant (UTC) that the server shows; None means real time.
    """

    def __init__(
        self,
        name: str,
        *,
        time_zone: str = "UTC",
        scopes: Collection[str] | None = None,
        client_id: str = "hypercare",
        client_secret: str = "sandbox-secret",  # noqa: S107 - a stand-in's own made-up secret
        default_filters: Mapping[str, Sequence[str]] | None = None,
        named_filters: Mapping[str, Sequence[str]] | None = None,
        custom_fields: Mapping[str, Mapping[str, Any]] | None = None,
        requests_per_second: float | None = 25.0,
        burst: int = 20,
        empty_as_404: bool = False,
        token_delay_seconds: float = 0.0,
        unlicensed: Collection[str] = (),
        strict_fields: bool = False,
        clock: datetime | None = None,
    ) -> None:
        self.name = name
        self.time_zone = ZoneInfo(time_zone)
        self.scopes = None if scopes is None else frozenset(scopes)
        self.client_id = client_id
        self.client_secret = client_secret
        self.default_filters = dict(default_filters or {})
        self.named_filters = dict(named_filters or {})
        self.custom_fields = dict(custom_fields or {})
        self.requests_per_second = requests_per_second
        self.burst = burst
        self.quirks = Quirks(empty_as_404, token_delay_seconds, frozenset(unlicensed), strict_fields)
        self.clock = clock
        self._shelves: dict[str, Shelf] = {}

    def put(self, resource: str, version_at: datetime, body: Body) -> None:
        """Append a version of the record `body["id"]` (an int) that is visible from `version_at` (aware) on.

        The body is kept as given, not copied: do not change it afterwards, put a new one.
        Raises ValueError for a naive instant or an id that is not an int.
        """
        if not isinstance(body.get("id"), int):
            msg = f"{self.name} {resource}: a record needs an int id, not {body.get('id')!r}"
            raise ValueError(msg)
        self._shelf(resource).add(_in_utc(version_at), body["id"], body)

    def delete(self, resource: str, version_at: datetime, record_id: int) -> None:
        """Show the record no more from `version_at` (aware) on."""
        self._shelf(resource).add(_in_utc(version_at), record_id, None)

    def now(self) -> datetime:
        """Return the instant that the server shows, in UTC."""
        return self.clock or datetime.now(UTC)

    def shelf(self, resource: str) -> Shelf:
        """Return the resource's records as of the clock."""
        return self._shelf(resource).show(self.now())

    def record(self, resource: str, record_id: int) -> Body | None:
        """One record as of the clock, or None."""
        return self.shelf(resource).bodies.get(record_id)

    def records(self, resource: str) -> Iterator[Body]:
        """Every record as of the clock, by ascending id."""
        shelf = self.shelf(resource)
        bodies = shelf.bodies
        return (bodies[record_id] for record_id in shelf.ids)

    def versions_of(self, resource: str, record_id: int) -> list[Version]:
        """Every version of one record, oldest first, whatever the clock says."""
        return self._shelf(resource).versions_of(record_id)

    def timeline(self, resource: str) -> list[RecordVersion]:
        """Every version of every record of a resource, oldest first, whatever the clock says."""
        return self._shelf(resource).timeline()

    def mirror(self, other: Instance) -> None:
        """Show another instance's records instead of own ones; versions put to one are then seen in both."""
        self._shelves = other._shelves

    def resources(self) -> list[str]:
        """Name the resources that were ever put, sorted; one that was only asked for is none."""
        return sorted(name for name, shelf in self._shelves.items() if shelf.attributes)

    def _shelf(self, resource: str) -> Shelf:
        return self._shelves.setdefault(resource, Shelf())


def _in_utc(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        msg = f"an instant needs a time zone: {instant.isoformat()}"
        raise ValueError(msg)
    return instant.astimezone(UTC)


@dataclass
class World:
    """Every tenant that one sandbox process serves, by name."""

    instances: dict[str, Instance] = field(default_factory=dict)

    def add(self, instance: Instance) -> Instance:
        """Serve this tenant under `/coupa/{name}`; raises ValueError when the name is taken."""
        if instance.name in self.instances:
            msg = f"an instance named {instance.name} is already there"
            raise ValueError(msg)
        self.instances[instance.name] = instance
        return instance
