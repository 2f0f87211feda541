"""A Jira stand-in behind a real socket, with clients that do not wait long, for tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests

from hypercare.systems.connections import SystemConnection
from hypercare.systems.http import RequestPolicy
from hypercare.systems.jira import read_jira_items
from hypercare.systems.jira_issues import JiraIssues, Patience
from hypercare.systems.jira_mapping import JiraMapping, load_jira_mapping
from hypercare.systems.jira_rest import JiraClient, read_jira_connection
from sandbox.jira.app import create_app
from sandbox.jira.site import Field, Project, Site
from tests.sandbox.serving import serve

ROOT = Path(__file__).resolve().parents[3]
MAPPING = ROOT / "include" / "mappings" / "jira.yaml"
IMPATIENT = RequestPolicy(attempts=3, first_wait=0.001, longest_wait=0.002, connect_timeout=5, read_timeout=5)
MONDAY = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
CUSTOM = (
    Field("customfield_10001", "Plan Date", "date", custom=True),
    Field("customfield_10002", "Plan Owner", "user", custom=True),
    Field("customfield_10003", "Plan Accepted By", "string", custom=True),
    Field("customfield_10004", "Resolution Plan", "doc", custom=True),
    Field("customfield_10005", "Internal Only", "option", custom=True),
    Field("customfield_10006", "Support Case", "array", custom=True),
)


@dataclass
class StandIn:
    """One served site with the project HC."""

    site: Site
    base_url: str

    def connection(self, *, oauth: bool = False, **changes: Any) -> SystemConnection:
        """An Airflow connection to it, through the gateway with OAuth."""
        host, port = self.base_url.removeprefix("http://").split(":")
        extra = {"path": f"/jira/{self.site.name}"}
        login, password = self.site.user.email, self.site.api_token
        if oauth:
            token_url = f"{self.base_url}/jira/{self.site.name}/oauth/token"
            extra = {"path": f"/jira/ex/jira/{self.site.cloud_id}", "auth": "oauth2", "token_url": token_url}
            login, password = self.site.client_id, self.site.client_secret
        values = {"login": login, "password": password, "extra": extra, **changes}
        return SystemConnection(id="jira_acme", host=host, port=int(port), schema="http", **values)

    def client(self, **changes: Any) -> JiraClient:
        connection = read_jira_connection(self.connection(**changes))
        return JiraClient(connection, IMPATIENT, requests_per_second=None)

    def issues(self, looks: int = 4) -> JiraIssues:
        return JiraIssues(self.client(), "HC", mapping().writing, Patience(looks, 0.0))

    def rows(self, project: str = "HC", used: JiraMapping | None = None, **changes: Any) -> list[dict[str, Any]]:
        return read_jira_items(self.client(**changes), project, used or mapping(), "Europe/Stockholm")

    def fault(self, kind: str, resource: str = "*", **options: Any) -> None:
        order = {"kind": kind, "resource": resource, **options}
        requests.post(f"{self._admin}/faults", json=order, timeout=5).raise_for_status()

    def mend(self) -> None:
        requests.delete(f"{self._admin}/faults", timeout=5).raise_for_status()

    def asked(self) -> dict[str, int]:
        found: dict[str, int] = requests.get(f"{self._admin}/requests", timeout=5).json()
        return found

    @property
    def _admin(self) -> str:
        return f"{self.base_url}/admin/jira/{self.site.name}"


def mapping() -> JiraMapping:
    return load_jira_mapping(MAPPING)


def document(*texts: str) -> dict[str, Any]:
    content = [{"type": "paragraph", "content": [{"type": "text", "text": text}]} for text in texts]
    return {"type": "doc", "version": 1, "content": content}


@contextmanager
def stand_in(**options: Any) -> Iterator[StandIn]:
    """Serve a site whose clock stands on MONDAY."""
    site = Site("acme", [Project("HC", "Hypercare"), Project("OTHER", "Other")], custom_fields=CUSTOM, **options)
    site.move_to(MONDAY)
    with serve(create_app(site)) as url:
        yield StandIn(site, url)
