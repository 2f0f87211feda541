"""Which tracker an engagement has, from the text in its ICM record. Pure.

`jira:<connection>/<PROJECT>` names the Airflow connection `jira_<connection>`; the address of a project or issue at
`https://<site>.atlassian.net` names `jira_<site>`. Everything else is a workbook's file name.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from hypercare.action_items import JIRA, TRACKER
from hypercare.errors import ConfigurationError

SCHEME = "jira:"
CLOUD = ".atlassian.net"
CONNECTION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
PROJECT = re.compile(r"[A-Z][A-Z0-9_]+")
"""A project's key, as Jira forms them by default."""
LEADING_TO_A_KEY = ("browse", "projects")
"""Parts of a path at a site behind which a project's key stands, or an issue's."""


@dataclass(frozen=True)
class WorkbookAddress:
    """A workbook below the tracker folder."""

    file: str


@dataclass(frozen=True)
class JiraAddress:
    """A project of the Jira site behind an Airflow connection."""

    connection: str
    """The connection's id: `jira_acme`."""
    project: str

    def __str__(self) -> str:
        return f"{SCHEME}{self.connection.removeprefix('jira_')}/{self.project}"


def parse_tracker_address(text: str) -> WorkbookAddress | JiraAddress:
    """Read an ICM record's tracker; raise ConfigurationError for what begins like a Jira project and names none."""
    plain = text.strip()
    if not is_jira(plain):
        return WorkbookAddress(plain)
    name, project = _split_address(plain) if "://" in plain else _split_scheme(plain)
    project = project.upper()
    if not CONNECTION.fullmatch(name) or not PROJECT.fullmatch(project):
        msg = (
            f"the ICM record's tracker {plain!r} names no Jira project: write jira:<connection>/<PROJECT>, or the "
            f"project's address, https://<site>{CLOUD}/browse/<PROJECT>"
        )
        raise ConfigurationError(msg)
    return JiraAddress(f"jira_{name.replace('-', '_')}", project)


def is_jira(text: str) -> bool:
    """Whether an ICM record's tracker is meant to be a Jira project."""
    plain = text.strip().lower()
    return plain.startswith(SCHEME) or (urlsplit(plain).hostname or "").endswith(CLOUD)


def words_of(text: str) -> str:
    """Return whose priority words a tracker uses, as the exit policy names the sources (rule R12)."""
    return JIRA if is_jira(text) else TRACKER


def _split_scheme(text: str) -> tuple[str, str]:
    name, _, project = text[len(SCHEME) :].partition("/")
    return name.strip(), project.strip()


def _split_address(text: str) -> tuple[str, str]:
    address = urlsplit(text)
    site = (address.hostname or "").removesuffix(CLOUD)
    parts = [part for part in address.path.split("/") if part]
    keys = [after for before, after in itertools.pairwise(parts) if before in LEADING_TO_A_KEY]
    return site, (keys[0] if keys else "").partition("-")[0]
