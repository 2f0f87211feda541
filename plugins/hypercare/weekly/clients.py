"""Clients of outside systems, opened from Airflow connections and this installation's settings."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from hypercare.contracts import Contract
from hypercare.settings import Settings
from hypercare.systems.connections import read_connection
from hypercare.systems.coupa import CoupaClient, CoupaConnection
from hypercare.systems.csv_drop import DropFolder, open_drop_folder
from hypercare.systems.http import RequestPolicy


def open_coupa(
    settings: Settings, instance: str, contracts: Sequence[Contract], scopes: Sequence[str] = ()
) -> CoupaClient:
    """Return a client of an instance, from the connection `coupa_<instance>`, that asks for these scopes.

    Without any, the connection's extra `scopes` (space separated) names what the customer's admin granted, and without
    that every scope that the contracts need is asked for. Raises ConfigurationError where the connection is missing or
    a test instance.
    """
    found = read_connection(f"{settings.coupa_connection_prefix}{instance}")
    granted = scopes or str(found.extra.get("scopes", "")).split() or sorted({c.scope for c in contracts if c.scope})
    connection = CoupaConnection(instance, found.base_url, found.login, found.password, tuple(granted))
    policy = RequestPolicy(
        attempts=settings.coupa_attempts,
        connect_timeout=settings.coupa_connect_seconds,
        read_timeout=settings.coupa_read_seconds,
        first_wait=settings.coupa_backoff_seconds,
    )
    return CoupaClient(
        connection,
        policy,
        requests_per_second=settings.coupa_requests_per_second,
        allow_test_instances=settings.allow_test_instances,
    )


def find_drop_folder(
    settings: Settings, instance: str, contracts: Mapping[str, Contract], required: Collection[str]
) -> DropFolder | None:
    """Return the folder of an instance that is fed by flat files; None for one that has an API.

    Its connection `coupa_<instance>` says so in its extra: `drops`, a folder below the setting `drops_url` or a path or
    URL of its own, and where the customer's columns differ, `mapping`, a file in include/mappings, which can't take
    away the `required` feeds. Raises ConfigurationError where connection, address or mapping can't be used.
    """
    found = read_connection(f"{settings.coupa_connection_prefix}{instance}")
    place = str(found.extra.get("drops", "")).strip()
    if not place:
        return None
    return open_drop_folder(
        instance,
        place,
        str(found.extra.get("mapping", "")).strip(),
        settings.drops_url or str(settings.state_folder / "drops"),
        settings.include_folder / "mappings",
        contracts,
        required,
        settings.drops_settle_seconds,
    )
