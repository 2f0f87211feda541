"""Every setting of the product, read once from the environment (`HYPERCARE_…`)."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

ROOT = Path(__file__).resolve().parents[2]


class Settings(BaseSettings):
    """How this installation is set up; the process rules themselves stand in the policy file."""

    model_config = SettingsConfigDict(env_prefix="HYPERCARE_", frozen=True)

    state_folder: Path = ROOT / ".hypercare"
    """Where the embedded PostgreSQL, the default lake and the logs of a local run live."""
    include_folder: Path = ROOT / "include"
    ledger_url: str = ""
    """SQLAlchemy URL of the ledger (`postgresql+psycopg://…`); empty: the embedded server."""
    lake_url: str = ""
    """Root of the lake: a folder, or s3://, gs://, abfs:// …; empty: a folder in the state folder."""
    tracker_url: str = ""
    """Folder or URL of the action item workbooks; empty: a folder in the state folder."""
    bank_url: str = ""
    """Folder or URL of a folder of bank statements for each engagement, named by its ICM record id; empty: none."""
    drops_url: str = ""
    """Folder or URL below which instances without an API drop their files; empty: a folder in the state folder."""
    drops_settle_seconds: float = Field(default=60, ge=0)
    """A file written more recently than this may still be growing: it is left for the next run."""
    policy_file: Path = ROOT / "include" / "policies" / "exit_gate.v1.yaml"
    salesforce_connection: str = "salesforce_default"
    salesforce_base_url: str = ""
    """Address to use instead of https://{instance}, for gateways and tests."""
    coupa_connection_prefix: str = "coupa_"
    coupa_requests_per_second: float | None = Field(default=5.0, gt=0)
    """Per instance; the vendor allows 25 with a burst of 20, shared with everybody else's integrations."""
    coupa_attempts: int = Field(default=5, ge=1)
    coupa_connect_seconds: float = 10
    coupa_read_seconds: float = 120
    coupa_backoff_seconds: float = 1.0
    """First wait before a transient fault is tried again; it doubles, with jitter."""
    jira_requests_per_second: float | None = Field(default=5.0, gt=0)
    """Per site."""
    jira_attempts: int = Field(default=5, ge=1)
    jira_backoff_seconds: float = 2.0
    """First wait before a transient fault is tried again; it doubles, with jitter."""
    jira_index_seconds: float = 2.0
    """First wait before an issue is looked for again that search may not know yet; it doubles."""
    allow_test_instances: bool = False
    """Whether addresses that look like test instances may be pulled (rule R4: production evidence only)."""
    batches: int = Field(default=4, ge=1)
    """Into how many mapped tasks a run's engagements are spread, at most."""
    approvers: str = ""
    """Who may confirm adjustments: Airflow user ids, separated by commas; where an id is no user name (FAB), write
    `id=name`: `7=vera, 9=jonas`."""
    instances_side_by_side: int = Field(default=8, ge=1)
    """How many instances of a batch are pulled at the same time."""


@lru_cache
def load_settings() -> Settings:
    """Return the process's settings."""
    return Settings()
