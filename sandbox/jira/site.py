"""One Jira site: its people, fields, projects and issues, and what happens to them as its clock moves on."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sandbox.jira.errors import ApiError, issue_missing, off_screen

NEW, IN_PROGRESS, DONE = "new", "indeterminate", "done"
CATEGORIES = {NEW: (2, "To Do", "blue-gray"), IN_PROGRESS: (4, "In Progress", "yellow"), DONE: (3, "Done", "green")}
PRIORITIES = ("Highest", "High", "Medium", "Low", "Lowest")
FIRST_ID = 10000
LONGEST_SUMMARY = 255
ALWAYS_ON_SCREEN = frozenset({"project", "issuetype", "summary"})


@dataclass(frozen=True)
class User:
    """A person or service; most profiles hide the mail address from the API."""

    account_id: str
    name: str
    email: str
    shows_email: bool = False
    time_zone: str = "UTC"


@dataclass(frozen=True)
class Field:
    """A field of issues; `kind` is its schema's type: string, date, datetime, option, array, user, doc and others."""

    id: str
    name: str
    kind: str
    custom: bool = False


SYSTEM_FIELDS = (
    Field("summary", "Summary", "string"), Field("status", "Status", "status"), Field("labels", "Labels", "array"),
    Field("priority", "Priority", "priority"), Field("assignee", "Assignee", "user"),
    Field("reporter", "Reporter", "user"), Field("issuetype", "Issue Type", "issuetype"),
    Field("project", "Project", "project"), Field("created", "Created", "datetime"),
    Field("updated", "Updated", "datetime"), Field("duedate", "Due date", "date"),
    Field("resolutiondate", "Resolved", "datetime"), Field("resolution", "Resolution", "resolution"),
    Field("description", "Description", "doc"), Field("components", "Components", "array"),
)  # fmt: skip


@dataclass(frozen=True)
class Status:
    """A status, and the transition that leads to it from every other one."""

    id: str
    name: str
    category: str
    transition: str


STATUSES = (
    Status("10000", "To Do", NEW, "11"),
    Status("10001", "In Progress", IN_PROGRESS, "21"),
    Status("10002", "Resolved", DONE, "31"),
    Status("10003", "Closed", DONE, "41"),
)


@dataclass(frozen=True)
class Comment:
    """What somebody wrote below an issue; `body` is a document (ADF)."""

    id: str
    author: User
    body: Mapping[str, Any]
    created: datetime


@dataclass
class Issue:
    """One issue. `values` holds fields as they are on the wire, but for those that have an attribute here."""

    id: int
    key: str
    issue_type: str
    status: Status
    created: datetime
    updated: datetime
    values: dict[str, Any]
    resolved: datetime | None = None
    hidden_for: int = 0
    """In so many further searches the index does not know it yet."""
    comments: list[Comment] = field(default_factory=list)
    properties: dict[str, Any] = field(default_factory=dict)

    @property
    def project(self) -> str:
        """Its project's key."""
        return self.key.rpartition("-")[0]


@dataclass(frozen=True)
class Project:
    """A project: its issue types, and which fields its create screen has."""

    key: str
    name: str
    issue_types: tuple[str, ...] = ("Task", "Bug")
    screen: frozenset[str] = frozenset({"description", "labels", "duedate", "priority", "assignee"})


@dataclass(frozen=True)
class Happening:
    """What people do on the site at an instant (aware)."""

    at: datetime
    act: Callable[[Site], object]


class Site:
    """The state of one site. Its clock only goes forward: what was written stays written."""

    def __init__(
        self,
        name: str,
        projects: Sequence[Project],
        *,
        user: User | None = None,
        api_token: str = "sandbox-token",  # noqa: S107 - of no real system
        client_id: str = "sandbox-client",
        client_secret: str = "sandbox-secret",  # noqa: S107
        custom_fields: Sequence[Field] = (),
        statuses: Sequence[Status] = STATUSES,
        happenings: Sequence[Happening] = (),
        most_with_fields: int = 100,
        burst: int | None = None,
    ) -> None:
        """`most_with_fields`: rows a page when fields are asked for; `burst`: requests a second for one endpoint."""
        self.name = name
        self.cloud_id = f"00000000-0000-4000-8000-{sum(name.encode()):012d}"
        self.user = user or User("5b10-hypercare", "Hypercare service", "hypercare@example.com")
        self.api_token = api_token
        self.client_id, self.client_secret = client_id, client_secret
        self.projects = {project.key: project for project in projects}
        self.fields = (*SYSTEM_FIELDS, *custom_fields)
        self.statuses = tuple(statuses)
        self.issues: dict[int, Issue] = {}
        self.people = {self.user.account_id: self.user}
        self.most_with_fields = most_with_fields
        self.burst = burst
        self.index_lag = 0
        """How many searches a new issue stays unknown to the index."""
        self.journal: Path | None = None
        """Where what the API writes is kept, see `sandbox.jira.journal`."""
        self._clock: datetime | None = None
        self._to_come = sorted(happenings, key=lambda each: each.at)
        self._ids = itertools.count(FIRST_ID)
        self._numbers: dict[str, int] = {}

    def now(self) -> datetime:
        """Return the instant that the site believes it is."""
        return self._clock or datetime.now(UTC)

    def move_to(self, at: datetime) -> None:
        """Let everything happen up to an instant."""
        while self._to_come and self._to_come[0].at <= at:
            happening = self._to_come.pop(0)
            self._clock = happening.at
            happening.act(self)
        self._clock = at.astimezone(UTC)

    def add_user(self, user: User) -> User:
        """Let somebody join."""
        self.people[user.account_id] = user
        return user

    def find_issue(self, id_or_key: str) -> Issue:
        """Return an issue by id or key; raise ApiError 404."""
        for issue in self.issues.values():
            if id_or_key.upper() in (issue.key, str(issue.id)):
                return issue
        raise issue_missing()

    def create(self, project: str, values: Mapping[str, Any], issue_type: str = "Task", status: str = "") -> Issue:
        """Create an issue without asking the create screen, as an administrator's import does."""
        number = self._numbers[project] = self._numbers.get(project, 0) + 1
        initial = next(each for each in self.statuses if not status or each.name == status)
        now = self.now()
        issue = Issue(
            next(self._ids), f"{project}-{number}", issue_type, initial, now, now, dict(values), None, self.index_lag
        )
        self.issues[issue.id] = issue
        return issue

    def create_from_screen(self, fields: Mapping[str, Any]) -> Issue:
        """Create an issue as the API does; raise ApiError 400 with a text for each wrong field."""
        project = self.projects.get(str((fields.get("project") or {}).get("key")))
        if project is None:
            raise ApiError(400, fields={"project": "valid project is required"})
        issue_type = str((fields.get("issuetype") or {}).get("name"))
        if issue_type not in project.issue_types:
            raise ApiError(400, fields={"issuetype": "Specify a valid issue type"})
        values = {name: value for name, value in fields.items() if name not in ("project", "issuetype")}
        for name in values:
            if name not in ALWAYS_ON_SCREEN | project.screen:
                raise off_screen(name)
        self.check_values(values)
        if not str(values.get("summary") or "").strip():
            raise ApiError(400, fields={"summary": "You must specify a summary of the issue."})
        return self.create(project.key, {"reporter": self.user.account_id, **values}, issue_type)

    def check_values(self, values: Mapping[str, Any]) -> None:
        """Raise ApiError 400 for what Jira's fields do not take."""
        summary = values.get("summary", "")
        if len(summary) > LONGEST_SUMMARY or "\n" in summary:
            text = "The summary is invalid because it contains newline characters."
            raise ApiError(400, fields={"summary": text if "\n" in summary else "Summary can't exceed 255 characters."})
        for label in values.get("labels", ()):
            if " " in label:
                raise ApiError(400, fields={"labels": f"The label '{label}' contains spaces which is invalid."})
        priority = values.get("priority")
        if priority and priority.get("name") not in PRIORITIES:
            raise ApiError(400, fields={"priority": "The priority selected is invalid."})
        description = values.get("description")
        if description is not None and not _is_document(description):
            text = "Operation value must be an Atlassian Document (see the Atlassian Document Format)"
            raise ApiError(400, fields={"description": text})

    def edit(self, issue: Issue, **values: Any) -> None:  # noqa: ANN401 - whatever fields hold
        """Change fields."""
        issue.values.update(values)
        issue.updated = self.now()

    def move(self, issue: Issue, transition: str) -> None:
        """Move an issue along a transition; raise ApiError 400 for one that it does not have now."""
        target = next((each for each in self.statuses if each.transition == transition), None)
        if target is None or target is issue.status:
            text = f"It seems that you have tried to perform a workflow operation ({transition}) that is not valid."
            raise ApiError(400, text)
        issue.status = target
        issue.updated = self.now()
        issue.resolved = self.now() if target.category == DONE else None

    def comment(self, issue: Issue, body: Mapping[str, Any]) -> Comment:
        """Write below an issue; raise ApiError 400 for what is no document."""
        if not _is_document(body):
            raise ApiError(400, fields={"comment": "Comment body is not valid!"})
        written = Comment(str(next(self._ids)), self.user, body, self.now())
        issue.comments.append(written)
        issue.updated = self.now()
        return written


def _is_document(body: object) -> bool:
    return isinstance(body, Mapping) and body.get("type") == "doc" and body.get("version") == 1 and "content" in body
