"""Whether an instance gives what its engagements need: every feed is asked for one record, and shown as a light."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import orjson

from hypercare.connecting.scopes import NeededFeed, imagine_engagement, list_needed_feeds
from hypercare.contracts import ListOf, Record, Scalar
from hypercare.errors import (
    AccessDeniedError,
    ConfigurationError,
    HypercareError,
    LoginRefusedError,
    ResourceMissingError,
)
from hypercare.model import Engagement
from hypercare.runtime import Runtime
from hypercare.settings import Settings
from hypercare.systems.coupa import CoupaClient
from hypercare.weekly.clients import open_coupa

ATTEMPTS = 2
"""A person waits for the answer."""
GIVE_UP_AFTER = 2
"""After so many faults in a row, the instance's other feeds are not tried."""


class Light(StrEnum):
    """How urgent something is."""

    RED = "red"
    YELLOW = "yellow"
    GREEN = "green"


class Access(StrEnum):
    """What became of asking for a feed."""

    GRANTED = "granted"
    REFUSED = "refused"
    NOT_LICENSED = "not licensed"
    FIELDS_HIDDEN = "default filter hides fields"
    FAULT = "fault"


@dataclass(frozen=True)
class FeedAccess:
    """One feed of one instance."""

    instance: str
    feed: str
    scope: str
    required: bool
    access: Access
    words: str = ""
    """What is wrong and what to do."""
    clock_ahead: timedelta | None = None
    """How far the server's clock is ahead of this machine's; None without an answer. Its Date tells whole seconds."""

    usable: bool = True
    """Whether pulls get what is granted, with the connection as it stands."""

    @property
    def light(self) -> Light:
        """Red where a week can't be judged so, yellow where something will not be shown."""
        if self.access is Access.GRANTED and self.usable:
            return Light.GREEN
        return Light.RED if self.required and self.access is not Access.FIELDS_HIDDEN else Light.YELLOW


def check_instances(runtime: Runtime, instances: Sequence[str], engagements: Sequence[Engagement]) -> list[FeedAccess]:
    """Check instances side by side (without any: all of the engagements'), for what their engagements need.

    One that no engagement names is checked for every product. Raises nothing for what an instance does.
    """
    named = instances or sorted({instance for each in engagements for instance in each.instances})
    every_product = frozenset().union(*(contract.products for contract in runtime.contracts.values()))
    settings = runtime.settings.model_copy(update={"coupa_attempts": ATTEMPTS})

    def check_one(instance: str) -> list[FeedAccess]:
        sharing = [each for each in engagements if instance in each.instances] or [imagine_engagement(every_product)]
        feeds = list_needed_feeds(sharing, runtime.contracts, runtime.policy)
        return list(_Check(settings, instance, feeds).run())

    with ThreadPoolExecutor(settings.instances_side_by_side, thread_name_prefix="check") as pool:
        return [access for found in pool.map(check_one, named) for access in found]


class _Check:
    """One instance's check.

    Where the login refuses the connection's scopes as a whole, each scope is tried in a login of its own, so that the
    missing ones are named.
    """

    def __init__(self, settings: Settings, instance: str, feeds: Sequence[NeededFeed]) -> None:
        self._settings = settings
        self._instance = instance
        self._feeds = feeds
        self._connection = f"{settings.coupa_connection_prefix}{instance}"
        self._failed: list[str] = []

    def run(self) -> Iterator[FeedAccess]:
        try:
            client = self._open()
        except ConfigurationError as error:
            yield from (self._conclude(feed, Access.FAULT, str(error)) for feed in self._feeds)
            return
        try:
            for feed in self._feeds:
                yield self._ask(feed, client)
        finally:
            client.close()

    def _open(self, scopes: Sequence[str] = ()) -> CoupaClient:
        return open_coupa(self._settings, self._instance, [feed.contract for feed in self._feeds], scopes)

    def _ask(self, feed: NeededFeed, client: CoupaClient) -> FeedAccess:
        if len(self._failed) >= GIVE_UP_AFTER:
            return self._conclude(feed, Access.FAULT, f"not tried, since {' and '.join(self._failed)} failed")
        if feed.contract.scope not in client.connection.scopes:
            words = (
                f"the scope {feed.contract.scope} is not among those of connection {self._connection}: "
                "have it granted, then add it there"
            )
            return self._conclude(feed, Access.REFUSED, words)
        return self._note(feed, lambda: self._read_first(feed, client))

    def _note(self, feed: NeededFeed, ask: Callable[[], FeedAccess]) -> FeedAccess:
        """Ask, and tell what the error means; instances that do not answer are soon left alone."""
        try:
            found = ask()
        except (AccessDeniedError, LoginRefusedError) as error:
            found = self._conclude(feed, Access.REFUSED, str(error))
        except ResourceMissingError as error:
            found = self._conclude(feed, Access.NOT_LICENSED, str(error))
        except HypercareError as error:
            self._failed.append(feed.contract.feed)
            return self._conclude(feed, Access.FAULT, str(error))
        self._failed.clear()
        return found

    def _read_first(self, feed: NeededFeed, client: CoupaClient) -> FeedAccess:
        """Ask with the connection's scopes; where these are refused as a whole, with the feed's own alone."""
        try:
            return self._look(feed, client)
        except AccessDeniedError:
            alone = self._open([feed.contract.scope])
        try:
            found = self._look(feed, alone)
        finally:
            alone.close()
        words = (
            f"granted, but connection {self._connection} also asks for scopes that are not, and so gets nothing: "
            "have those granted, or take them out of the connection"
        )
        return replace(found, words=words, usable=False)

    def _look(self, feed: NeededFeed, client: CoupaClient) -> FeedAccess:
        contract = feed.contract
        page = client.read_list(contract, {}, limit=1)
        ahead = page.server_date - datetime.now(UTC)
        records = orjson.loads(page.body)
        hidden = list(find_hidden(contract.columns, records[0])) if records else []
        if not hidden:
            words = "" if records else "there is no record yet, so its fields were not seen"
            return self._conclude(feed, Access.GRANTED, words, ahead)
        words = (
            f"came without {', '.join(hidden)}: have the customer's admin look for an API response filter that is the "
            f"default of {contract.resource}, and add these fields to it"
        )
        return self._conclude(feed, Access.FIELDS_HIDDEN, words, ahead)

    def _conclude(
        self, feed: NeededFeed, access: Access, words: str = "", ahead: timedelta | None = None
    ) -> FeedAccess:
        contract = feed.contract
        return FeedAccess(self._instance, contract.feed, contract.scope, feed.required, access, words, ahead)


def find_hidden(columns: Record, record: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Yield the wire paths of a contract's fields that a record does not have as keys; a null is there."""
    for name, node in columns.fields.items():
        here = f"{path}{name}"
        if name not in record:
            yield here
            continue
        value = record[name]
        first = value[0] if isinstance(value, list) and value else value
        if not isinstance(node, Scalar) and isinstance(first, Mapping):
            yield from find_hidden(node.record if isinstance(node, ListOf) else node, first, f"{here}.")
