"""The org's records, each with all its versions, shown as they stood at the org's clock."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sandbox.salesforce.ids import new_id
from sandbox.salesforce.schema import Field, Schema, SObject, load_schema
from sandbox.salesforce.values import Value, read_value

Record = Mapping[str, Value]
"""A record as it stands: every field of its object; instants are aware UTC datetimes, numbers Decimal or int."""

EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
"""When an org's own record and its integration user were made."""


@dataclass
class _History:
    """The versions of one record, by instant; `states` are the whole records after each of them."""

    instants: list[datetime] = field(default_factory=list)
    changes: list[dict[str, Value]] = field(default_factory=list)
    states: list[dict[str, Value]] = field(default_factory=list)

    def find_state(self, now: datetime) -> Record | None:
        count = bisect_right(self.instants, now)
        return self.states[count - 1] if count else None


class Org:
    """One Salesforce org: who may log in, what it holds, what time it has.

    `clock` is the instant the org believes it is (aware UTC); None: the real time. A record shows its last version
    whose instant is not after the clock, and does not exist before its first. `public_key` (PEM) is the certificate
    that JWT assertions of `client_id` are signed for; `audiences` are the `aud` values that are taken.
    """

    def __init__(
        self,
        name: str,
        client_id: str,
        client_secret: str,
        *,
        username: str = "integration@example.com",
        public_key: str | None = None,
        audiences: tuple[str, ...] = ("https://login.salesforce.com",),
        clock: datetime | None = None,
        time_zone: str = "UTC",
        is_sandbox: bool = False,
        page_size: int = 2000,
        request_limit: int = 15000,
        schema: Schema | None = None,
    ) -> None:
        self.name = name
        self.client_id = client_id
        self.client_secret = client_secret
        self.username = username
        self.public_key = public_key
        self.audiences = audiences
        self.clock = clock
        self.time_zone = ZoneInfo(time_zone)
        self.page_size = page_size
        self.request_limit = request_limit
        self.schema = schema or load_schema()
        self._histories: dict[str, dict[str, _History]] = {each.name: {} for each in self.schema.objects}
        self._counters: Counter[str] = Counter()
        self._lock = threading.RLock()
        self.user_id = new_id("005", username)
        """The integration user's id."""
        self.organization_id = self.put(
            "Organization",
            EPOCH,
            {
                "Id": new_id("00D", name),
                "Name": name,
                "InstanceName": "NA1",
                "IsSandbox": is_sandbox,
                "TimeZoneSidKey": time_zone,
            },
        )
        self.put(
            "User",
            EPOCH,
            {
                "Id": self.user_id,
                "Name": "Integration",
                "Username": username,
                "Email": username,
                "IsActive": True,
            },
        )

        self._define_fields()

    def _define_fields(self) -> None:
        """Make the records by which the org tells of its own objects and fields."""
        for sobject in self.schema.objects:
            entity = self.put("EntityDefinition", EPOCH, {"QualifiedApiName": sobject.name})
            for each in sobject.fields:
                told = {"QualifiedApiName": each.name, "DataType": each.type, "EntityDefinitionId": entity}
                self.put("FieldDefinition", EPOCH, {**told, "IsFieldHistoryTracked": each.history_tracked})

    def now(self) -> datetime:
        """Tell the org's present, aware UTC."""
        return self.clock or datetime.now(UTC)

    def new_id(self, sobject: str) -> str:
        """Make the next free id for a record of this object: 1, 2, 3 ... in the order of asking."""
        described = self._find_object(sobject)
        with self._lock:
            while True:
                self._counters[described.prefix] += 1
                candidate = new_id(described.prefix, self._counters[described.prefix])
                if candidate not in self._histories[described.name]:
                    return candidate

    def put(self, sobject: str, at: datetime, body: Mapping[str, Any]) -> str:
        """Record that, at an instant, a record took these values; return its 18-character id.

        Fields not named keep the value of the version before; versions may be put in any order. Without an `Id` a new
        record is made. Dates may be given as `date` or ISO text, instants as aware datetimes or ISO text, multi-select
        picklists as a list or joined by semicolons; an empty text is null, as in Salesforce. `CreatedDate`,
        `LastModifiedDate` and `SystemModstamp` follow the versions' instants unless given, and `LastModifiedById` is
        the integration user unless given.

        Raises ValueError for an unknown object or field, a value that is not of the field's type, an id of another
        object, or an instant without time zone.
        """
        if at.tzinfo is None:
            message = f"{sobject}: the version's instant {at} has no time zone"
            raise ValueError(message)
        described = self._find_object(sobject)
        with self._lock:
            change = dict(self._read_body(described, body))
            record_id = str(change.get("Id") or self.new_id(sobject))
            change["Id"] = record_id
            if not record_id.startswith(described.prefix):
                message = f"{record_id} is not the id of a {described.name} ({described.prefix}...)"
                raise ValueError(message)
            history = self._histories[described.name].setdefault(record_id, _History())
            place = bisect_right(history.instants, at)
            history.instants.insert(place, at.astimezone(UTC))
            history.changes.insert(place, change)
            self._replay(described, history)
        return record_id

    def delete(self, sobject: str, at: datetime, record_id: str) -> None:
        """Move a record to the recycle bin: from then on only `queryAll` shows it."""
        self.put(sobject, at, {"Id": record_id, "IsDeleted": True})

    def get(self, sobject: str, record_id: str) -> Record | None:
        """Read a record as it stands at the clock, deleted or not; None where it does not exist yet."""
        history = self._histories[self._find_object(sobject).name].get(record_id)
        return history.find_state(self.now()) if history else None

    def list_records(self, sobject: str, *, include_deleted: bool = False) -> Iterator[Record]:
        """List an object's records as they stand at the clock, in the order in which they were first put."""
        now = self.now()
        with self._lock:
            histories = list(self._histories[self._find_object(sobject).name].values())
        for history in histories:
            state = history.find_state(now)
            if state is not None and (include_deleted or not state.get("IsDeleted")):
                yield state

    def _find_object(self, name: str) -> SObject:
        found = self.schema.find_object(name)
        if found is None:
            message = f"the schema has no object {name!r}"
            raise ValueError(message)
        return found

    def _read_body(self, described: SObject, body: Mapping[str, Any]) -> Iterator[tuple[str, Value]]:
        for name, value in body.items():
            known = described.find_field(name)
            if known is None:
                message = f"{described.name} has no field {name!r}"
                raise ValueError(message)
            yield known.name, self._read_field_value(described, known, value)

    def _read_field_value(self, described: SObject, known: Field, value: object) -> Value:
        try:
            read = read_value(known, value)
        except ValueError as error:
            message = f"{described.name}.{known.name}: {error}"
            raise ValueError(message) from error
        if read is not None and known.to:
            target = self._find_object(known.to)
            if not str(read).startswith(target.prefix):
                message = f"{described.name}.{known.name}: {read} is not the id of a {target.name}"
                raise ValueError(message)
        return read

    def _replay(self, described: SObject, history: _History) -> None:
        """Build the whole record after each version from the changes; a record's first version brings its defaults."""
        states: list[dict[str, Value]] = []
        state: dict[str, Value] = self._start_record(described, history)
        for instant, change in zip(history.instants, history.changes, strict=True):
            state = state | {
                "LastModifiedDate": instant,
                "SystemModstamp": instant,
                "LastModifiedById": self.user_id,
            }
            state |= _follow_status(described, state, change, instant) | change
            states.append(state)
        history.states = states

    def _start_record(self, described: SObject, history: _History) -> dict[str, Value]:
        state: dict[str, Value] = {each.name: False if each.type == "boolean" else None for each in described.fields}
        for each in described.fields:
            if each.auto_number and not any(each.name in change for change in history.changes):
                key = f"{described.name}.{each.name}"
                self._counters[key] += 1
                history.changes[0][each.name] = each.auto_number.format(self._counters[key])
        return state | {"CreatedDate": history.instants[0], "CreatedById": self.user_id}


def _follow_status(
    described: SObject, state: Record, change: Mapping[str, Value], instant: datetime
) -> dict[str, Value]:
    """Tell what a change of `Status` does to `IsClosed` and `ClosedDate` of objects that are closed by it."""
    if not described.closed_status or "Status" not in change:
        return {}
    closed = change["Status"] == described.closed_status
    if closed == state["IsClosed"]:
        return {}
    return {"IsClosed": closed, "ClosedDate": instant if closed else None}
