"""Jira Cloud as an engagement's action item tracker: a project's issues read into the feed `action_items`.

Nothing is guessed: a value that does not fit its column is refused with issue and field, since a wrong item could open
the exit gate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from hypercare.errors import ContractError, TransientError, say_faults
from hypercare.settings import Settings
from hypercare.systems.connections import read_connection
from hypercare.systems.http import RequestPolicy
from hypercare.systems.jira_documents import is_document, read_document
from hypercare.systems.jira_mapping import JiraMapping, match_fields
from hypercare.systems.jira_rest import JiraClient, quote_jql, read_jira_connection
from hypercare.systems.tracker_mapping import normalise

DONE = "done"
"""The key of the status category that ends an issue; names are translated, keys are not."""


def open_jira(settings: Settings, connection_id: str) -> JiraClient:
    """Return a client of the site of an Airflow connection; raise ConfigurationError where that lacks something."""
    connection = read_jira_connection(read_connection(connection_id))
    policy = RequestPolicy(attempts=settings.jira_attempts, first_wait=settings.jira_backoff_seconds)
    return JiraClient(connection, policy, requests_per_second=settings.jira_requests_per_second)


def read_jira_items(client: JiraClient, project: str, mapping: JiraMapping, time_zone: str) -> list[dict[str, Any]]:
    """Return the issues of a project as rows of the feed `action_items`, in the order of their creation.

    Instants become dates in `time_zone` (IANA). Raises LoginRefusedError, ResourceMissingError for a project that is
    not there or hidden, ConfigurationError for a mapping that does not fit the site, ContractError naming issues and
    fields whose values do not fit, TransientError where an empty list contradicts the site's own count.
    """
    what = f"Jira {client.connection.id}, project {project}"
    # Search is open to the anonymous and then finds nothing; these two calls are not.
    client.send("GET", "myself", what)
    client.send("GET", f"project/{project}", what)
    fields = match_fields(mapping, client.send("GET", "field", what), client.connection.id)
    jql = write_jql(project, mapping.issue_types)
    issues = client.search(jql, sorted({"status", *fields.values()}), what)
    if not issues and client.count(jql, what):
        msg = f"{what}: no issue came, though the project has some; the next run tries again"
        raise TransientError(msg)
    reader = _IssueReader(mapping, fields, ZoneInfo(time_zone))
    rows = [reader.read(issue) for issue in issues]
    _refuse(what, reader.faults)
    return rows


def write_jql(project: str, issue_types: Sequence[str]) -> str:
    """Return the query for a project's action items. Keys and creation never change, so pages do not shift."""
    types = f" AND issuetype in ({', '.join(map(quote_jql, issue_types))})" if issue_types else ""
    return f"project = {quote_jql(project)}{types} ORDER BY created ASC, key ASC"


class _IssueReader:
    """Reads issues into rows; collects what does not fit."""

    def __init__(self, mapping: JiraMapping, fields: Mapping[str, str], zone: ZoneInfo) -> None:
        self.faults: list[str] = []
        self._mapping = mapping
        self._fields = fields
        self._zone = zone
        self._resolved = {normalise(status) for status in mapping.resolved_statuses}
        self._answers = {normalise(word): True for word in mapping.yes_words}
        self._answers.update({normalise(word): False for word in mapping.no_words})

    def read(self, issue: Mapping[str, Any]) -> dict[str, Any]:
        key = str(issue.get("key") or issue.get("id"))
        found = issue.get("fields")
        values: Mapping[str, Any] = found if isinstance(found, Mapping) else {}
        row: dict[str, Any] = {"id": key, "state": self._read_state(key, values.get("status"))}
        for name, column in self._mapping.columns.items():
            value = values.get(self._fields[name]) if name in self._fields else None
            try:
                row[name] = self._read_value(column.kind, value)
            except ValueError as fault:
                self.faults.append(f"{key}, field {self._fields[name]} ({name.replace('_', ' ')}) {fault}")
        if not row.get("title"):
            self.faults.append(f"{key} has no summary that this user may see")
        return row

    def _read_state(self, key: str, status: object) -> str:
        """Return closed or resolved for a status of the category done, else its own name."""
        told: Mapping[str, Any] = status if isinstance(status, Mapping) else {}
        category = told.get("statusCategory")
        name = str(told.get("name") or "")
        if not name or not isinstance(category, Mapping) or not category.get("key"):
            self.faults.append(f"{key} shows no status, so that nobody can say whether it is open")
            return name
        if category["key"] == DONE:
            return "resolved" if normalise(name) in self._resolved else "closed"
        # A status may be called Closed and yet not be done: it must not read as one that ends the item.
        return f"{name} (not done)" if normalise(name) in ("closed", "resolved") else name

    def _read_value(self, kind: str, value: object) -> str | bool | None:
        if kind == "date":
            return self._read_date(value)
        text = write_value(value)
        if kind == "boolean" and text is not None:
            answer = self._answers.get(normalise(text))
            if answer is None:
                accepted = ", ".join((*self._mapping.yes_words, *self._mapping.no_words))
                msg = f"holds {text[:40]!r}: choose one of {accepted}"
                raise ValueError(msg)
            return answer
        return text

    def _read_date(self, value: object) -> str | None:
        if value is None or value == "":
            return None
        if isinstance(value, str):
            with suppress(ValueError):
                return date.fromisoformat(value).isoformat()
            with suppress(ValueError):
                instant = datetime.fromisoformat(value)
                if instant.tzinfo is not None:
                    return instant.astimezone(self._zone).date().isoformat()
        msg = f"holds {str(value)[:40]!r}, which is no date"
        raise ValueError(msg)


def write_value(value: object) -> str | None:
    """Return a field's value as people see it, None for a blank one: options, people, lists, documents, numbers."""
    match value:
        case None:
            return None
        case bool():
            return "yes" if value else "no"
        case str():
            return value.strip() or None
        case int() | float():
            return f"{value:.15g}"
        case list():
            return ", ".join(filter(None, map(write_value, value))) or None
        case dict() if is_document(value):
            return read_document(value) or None
        case dict():
            return _write_object(value)
    return str(value)


def _write_object(value: Mapping[str, Any]) -> str | None:
    """Write an option (with its child), a person, who may hide all but the account, or anything named."""
    name = next((str(value[key]) for key in ("value", "displayName", "name", "accountId") if value.get(key)), None)
    child = write_value(value.get("child"))
    return f"{name} / {child}" if name and child else name


def _refuse(what: str, faults: Sequence[str]) -> None:
    if faults:
        msg = f"{what}: {say_faults(faults)}"
        raise ContractError(msg)
