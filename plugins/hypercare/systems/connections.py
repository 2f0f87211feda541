"""Credentials and addresses, from Airflow's connections only: environment, secrets backend or its database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hypercare.errors import ConfigurationError


@dataclass(frozen=True)
class SystemConnection:
    """What an Airflow connection says."""

    id: str
    host: str
    port: int | None
    schema: str
    login: str
    password: str = field(repr=False)
    extra: Mapping[str, Any] = field(repr=False, default_factory=dict)

    @property
    def base_url(self) -> str:
        """The address: `https://host[:port]` unless the host names a scheme itself, with the extra's `path` behind."""
        host = self.host if "://" in self.host else f"{self.schema or 'https'}://{self.host}"
        return host.rstrip("/") + (f":{self.port}" if self.port else "") + str(self.extra.get("path", ""))


def read_connection(connection_id: str) -> SystemConnection:
    """Return an Airflow connection; raise ConfigurationError saying how to make it where there is none."""
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        found = BaseHook.get_connection(connection_id)
    except AirflowNotFoundException as error:
        msg = (
            f"no Airflow connection {connection_id!r}: create it in Admin > Connections, or set "
            f"AIRFLOW_CONN_{connection_id.upper()} (README, 'Real systems')"
        )
        raise ConfigurationError(msg) from error
    return SystemConnection(
        id=connection_id,
        host=found.host or "",
        port=found.port,
        schema=found.schema or "",
        login=found.login or "",
        password=found.password or "",
        extra=found.extra_dejson,
    )
