"""Issues, users and statuses as Jira writes them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sandbox.jira.site import CATEGORIES, PRIORITIES, Comment, Field, Issue, Site, Status, User

ONLY_ID: tuple[str, ...] = ("id",)


def write_instant(at: datetime | None) -> str | None:
    """Write an instant in Jira's form, its offset without a colon."""
    return None if at is None else at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}+0000"


def write_user(user: User) -> dict[str, Any]:
    """Write a user; without the mail address where the profile hides it."""
    shown = {"accountId": user.account_id, "displayName": user.name, "active": True, "accountType": "atlassian"}
    return {**shown, "emailAddress": user.email} if user.shows_email else shown


def write_status(status: Status) -> dict[str, Any]:
    """Write a status with its category."""
    number, name, colour = CATEGORIES[status.category]
    category = {"id": number, "key": status.category, "name": name, "colorName": colour}
    return {"id": status.id, "name": status.name, "statusCategory": category}


def write_field(field: Field) -> dict[str, Any]:
    """Write an entry of the list of fields."""
    schema: dict[str, Any] = {"type": "string" if field.kind == "doc" else field.kind}
    if field.custom:
        number = int(field.id.removeprefix("customfield_"))
        schema |= {"custom": f"com.atlassian.jira.plugin.system.customfieldtypes:{field.kind}", "customId": number}
    return {"id": field.id, "key": field.id, "name": field.name, "custom": field.custom, "schema": schema}


def write_comment(comment: Comment) -> dict[str, Any]:
    """Write a comment."""
    author, created = write_user(comment.author), write_instant(comment.created)
    return {"id": comment.id, "author": author, "body": comment.body, "created": created, "updated": created}


def write_issue(site: Site, issue: Issue, wanted: Collection[str], base: str) -> dict[str, Any]:
    """Write an issue with the fields asked for; names that are no field are passed over."""
    shown: dict[str, Any] = {"id": str(issue.id)}
    if tuple(wanted) == ONLY_ID:
        return shown
    every = not {"*all", "*navigable"}.isdisjoint(wanted)
    fields = {field.id: _write_value(site, issue, field) for field in site.fields if every or field.id in wanted}
    return {**shown, "key": issue.key, "self": f"{base}/rest/api/3/issue/{issue.id}", "fields": fields}


def _write_value(site: Site, issue: Issue, field: Field) -> Any:  # noqa: ANN401 - JSON
    computed: Mapping[str, Any] = {
        "status": write_status(issue.status),
        "issuetype": {"id": "10100", "name": issue.issue_type, "subtask": False},
        "project": {"id": "10200", "key": issue.project, "name": site.projects[issue.project].name},
        "created": write_instant(issue.created),
        "updated": write_instant(issue.updated),
        "resolutiondate": write_instant(issue.resolved),
        "resolution": {"id": "10300", "name": "Done"} if issue.resolved else None,
        "labels": list(issue.values.get("labels", ())),
    }
    if field.id in computed:
        return computed[field.id]
    value = issue.values.get(field.id)
    if field.kind == "user":
        return write_user(site.people[value]) if isinstance(value, str) else value
    if field.kind == "priority" and value:
        return {"id": str(PRIORITIES.index(value["name"]) + 1), "name": value["name"]}
    return value
