"""The Jira site of the engagement that tracks its action items there, and what its people write."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from sandbox.demo.evidenced import JIRA_TRACKER, VANTAGE
from sandbox.demo.organisation import tracker_name
from sandbox.jira.site import Happening, Project, Site, User
from sandbox.salesforce.store import Org

CONNECTED_AT = datetime(2026, 2, 9, 9, tzinfo=UTC)
"""When the ICM record is told that the tracker is in Jira."""

RAISED_AT = datetime(2026, 3, 10, 11, tzinfo=UTC)
RESOLVED_AT = datetime(2026, 3, 20, 15, tzinfo=UTC)
RESOLVE = "31"
"""The transition to Resolved."""
LEAD = User("7c21-ap-lead", "Pat Vantage", "pat.vantage@example.com")


def point_to_jira(org: Org, engagements: Mapping[str, str]) -> None:
    """Let an ICM record name its Jira project, where issues may be written; `engagements` are ids by name."""
    tracker = {"Tracker__c": JIRA_TRACKER, "Tracker_Writable__c": True, "Hypercare_Workbook__c": tracker_name(VANTAGE)}
    org.put("ICM__c", CONNECTED_AT, {"Id": engagements[VANTAGE.name], **tracker})


def open_site() -> Site:
    """Return the site, before anything happened on it."""
    name, _, project = JIRA_TRACKER.removeprefix("jira:").partition("/")
    site = Site(
        name,
        [Project(project, "Hypercare")],
        happenings=[Happening(RAISED_AT, _raise_issue), Happening(RESOLVED_AT, _resolve_issue)],
    )
    site.add_user(LEAD)
    return site


def _raise_issue(site: Site) -> None:
    (project,) = site.projects
    values = {
        "summary": "Depots cannot see who approved an order → calls to purchasing",
        "priority": {"name": "Medium"},
        "assignee": LEAD.account_id,
        "reporter": LEAD.account_id,
    }
    site.create(project, values)


def _resolve_issue(site: Site) -> None:
    (project,) = site.projects
    site.move(site.find_issue(f"{project}-1"), RESOLVE)
