"""A Jira site that starts again: what was written through its API is there as it was, between its own happenings."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests
from serving import serve

from sandbox.jira.app import create_app
from sandbox.jira.journal import keep_journal
from sandbox.jira.site import Happening, Project, Site

MONDAY = datetime(2026, 3, 2, 12, tzinfo=UTC)
TUESDAY, WEDNESDAY, THURSDAY = (MONDAY.replace(day=day) for day in (3, 4, 5))
AUTH = ("hypercare@example.com", "sandbox-token")
DOCUMENT = {"type": "doc", "version": 1, "content": []}


def open_site(file: Path) -> Site:
    happenings = [Happening(WEDNESDAY, lambda site: site.create("HC", {"summary": "By people"}))]
    site = Site("acme", [Project("HC", "Hypercare")], happenings=happenings)
    keep_journal(site, file)
    return site


def write(base: str, method: str, path: str, body: Any) -> None:
    requests.request(
        method, f"{base}/jira/acme/rest/api/3/issue{path}", json=body, auth=AUTH, timeout=10
    ).raise_for_status()


def write_everything(site: Site) -> None:
    with serve(create_app(site)) as base:
        fields = {"project": {"key": "HC"}, "issuetype": {"name": "Task"}, "summary": "Written", "labels": ["hc-1"]}
        site.move_to(TUESDAY)
        write(base, "POST", "", {"fields": fields, "properties": [{"key": "mark", "value": {"n": 1}}]})
        site.move_to(THURSDAY)
        write(base, "POST", "", {"fields": fields})
        write(base, "POST", "/HC-1/comment", {"body": DOCUMENT})
        write(base, "PUT", "/HC-1", {"update": {"labels": [{"add": "seen"}]}})
        write(base, "PUT", "/HC-3/properties/mark", {"n": 2})
        write(base, "POST", "/HC-3/transitions", {"transition": {"id": "31"}})


def test_a_site_that_starts_again_stands_where_it_stood(tmp_path: Path) -> None:
    file = tmp_path / "jira" / "acme.jsonl"
    first = open_site(file)
    write_everything(first)
    again = open_site(file)
    shown = {issue.key: asdict(issue) for issue in again.issues.values()}
    assert shown == {issue.key: asdict(issue) for issue in first.issues.values()}
    assert [issue.values["summary"] for issue in again.issues.values()] == ["Written", "By people", "Written"]
    assert again.find_issue("HC-1").properties == {"mark": {"n": 1}}
    assert again.find_issue("HC-3").status.name == "Resolved"
    assert len(again.find_issue("HC-1").comments) == 1


def test_what_is_refused_is_not_kept(tmp_path: Path) -> None:
    file = tmp_path / "acme.jsonl"
    with serve(create_app(open_site(file))) as base:
        refused = requests.post(f"{base}/jira/acme/rest/api/3/issue", json={"fields": {}}, auth=AUTH, timeout=10)
    assert refused.status_code == 400
    assert not file.exists()
    assert open_site(file).issues == {}
