"""The Jira stand-in over HTTP, against the shapes that Jira Cloud's pages give."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from serving import serve

from sandbox.jira.app import create_app
from sandbox.jira.site import Field, Happening, Project, Site
from sandbox.salesforce.store import Org
from sandbox.scenario import Run, Scenario
from sandbox.server import create_app as create_sandbox
from sandbox.world import World

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
AUTH = ("hypercare@example.com", "sandbox-token")
DOCUMENT = {"type": "doc", "version": 1, "content": []}


@pytest.fixture
def site() -> Site:
    fields = [Field("customfield_10001", "Plan Date", "date", custom=True)]
    happening = Happening(datetime(2026, 3, 4, tzinfo=UTC), lambda at: at.create("HC", {"summary": "Later"}))
    served = Site("acme", [Project("HC", "Hypercare")], custom_fields=fields, happenings=[happening])
    served.move_to(NOON)
    return served


@pytest.fixture
def base(site: Site) -> Iterator[str]:
    with serve(create_app(site)) as url:
        yield url


def call(base: str, method: str, path: str, *, auth: Any = AUTH, **options: Any) -> requests.Response:
    return requests.request(method, f"{base}/jira/acme/rest/api/3/{path}", auth=auth, timeout=10, **options)


def create(base: str, **fields: Any) -> requests.Response:
    values = {"project": {"key": "HC"}, "issuetype": {"name": "Task"}, "summary": "Item", **fields}
    return call(base, "POST", "issue", json={"fields": values})


def search(base: str, **body: Any) -> requests.Response:
    return call(base, "POST", "search/jql", json={"jql": "project = HC ORDER BY key", **body})


def test_an_issue_is_created_moved_commented_and_edited(base: str) -> None:
    created = create(base, labels=["hc-1"], description=DOCUMENT)
    assert created.status_code == 201
    assert set(created.json()) == {"id", "key", "self"}
    offered = call(base, "GET", "issue/HC-1/transitions").json()["transitions"]
    done = next(each for each in offered if each["to"]["statusCategory"]["key"] == "done")
    moved = call(base, "POST", "issue/HC-1/transitions", json={"transition": {"id": done["id"]}})
    assert (moved.status_code, moved.content) == (204, b"")
    assert call(base, "POST", "issue/HC-1/comment", json={"body": DOCUMENT}).status_code == 201
    edited = call(base, "PUT", "issue/HC-1", json={"update": {"labels": [{"add": "more"}]}})
    assert (edited.status_code, edited.content) == (204, b"")
    shown = call(base, "GET", "issue/HC-1").json()["fields"]
    assert shown["labels"] == ["hc-1", "more"]
    assert shown["resolutiondate"] == "2026-03-02T12:00:00.000+0000"
    assert "emailAddress" not in shown["reporter"]
    assert call(base, "GET", "issue/HC-1/comment").json()["total"] == 1


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"summary": ""}, "summary", "must specify a summary"),
        ({"summary": "x" * 256}, "summary", "255"),
        ({"summary": "a\nb"}, "summary", "newline"),
        ({"labels": ["a b"]}, "labels", "contains spaces"),
        ({"priority": {"name": "Urgent"}}, "priority", "invalid"),
        ({"description": "plain"}, "description", "Atlassian Document"),
        ({"environment": DOCUMENT}, "environment", "not on the appropriate screen"),
        ({"project": {"key": "GONE"}}, "project", "valid project"),
        ({"issuetype": {"name": "Epic"}}, "issuetype", "valid issue type"),
    ],
)
def test_a_wrong_field_is_refused_by_name(base: str, fields: dict[str, Any], field: str, words: str) -> None:
    answer = create(base, **fields)
    assert answer.status_code == 400
    assert words in answer.json()["errors"][field]


def test_a_transition_that_is_not_offered_and_an_issue_that_is_not_there_are_refused(base: str) -> None:
    create(base)
    assert call(base, "POST", "issue/HC-1/transitions", json={"transition": {"id": "99"}}).status_code == 400
    assert call(base, "GET", "issue/HC-9").status_code == 404


def test_fields_are_the_id_alone_unless_asked_for(base: str) -> None:
    create(base)
    assert search(base).json() == {"issues": [{"id": "10000"}], "isLast": True}
    (shown,) = search(base, fields=["summary", "colour"]).json()["issues"]
    assert shown["fields"] == {"summary": "Item"}


def test_page_tokens_belong_to_their_query_and_the_last_page_has_none(base: str) -> None:
    for _ in range(3):
        create(base)
    first = search(base, maxResults=2).json()
    assert (len(first["issues"]), first["isLast"]) == (2, False)
    assert search(base, maxResults=2, nextPageToken=first["nextPageToken"]).json() == {
        "issues": [{"id": "10002"}],
        "isLast": True,
    }
    other = search(base, jql="project = HC", nextPageToken=first["nextPageToken"])
    assert other.status_code == 400
    query = {"jql": "project = HC", "fields": "summary,status,labels", "maxResults": "5000"}
    assert len(call(base, "GET", "search/jql", params=query).json()["issues"]) == 3


def test_pages_shrink_where_fields_are_asked_for(base: str, site: Site) -> None:
    site.most_with_fields = 2
    for _ in range(3):
        create(base)
    page = search(base, fields=["summary", "status", "labels"], maxResults=5000).json()
    assert len(page["issues"]) == 2


def test_the_index_lags_but_for_reconciled_issues(base: str, site: Site) -> None:
    site.index_lag = 2
    create(base)
    assert search(base).json()["issues"] == []
    assert len(search(base, reconcileIssues=[10000]).json()["issues"]) == 1
    assert search(base).json()["issues"] == []
    assert len(search(base).json()["issues"]) == 1


def test_the_search_of_old_is_gone(base: str) -> None:
    answer = call(base, "GET", "search", params={"jql": "project = HC"})
    assert answer.status_code == 410
    assert "/rest/api/3/search/jql" in answer.json()["errorMessages"][0]


def test_nobody_in_particular_finds_nothing_and_is_told_by_a_header(base: str) -> None:
    create(base)
    for auth in (None, ("hypercare@example.com", "expired")):
        found = call(base, "POST", "search/jql", auth=auth, json={"jql": "project = HC"})
        assert (found.status_code, found.json()["issues"]) == (200, [])
        assert found.headers["X-Seraph-LoginReason"] == "AUTHENTICATED_FAILED"
        assert call(base, "GET", "myself", auth=auth).status_code == 401
        assert call(base, "POST", "issue", auth=auth, json={"fields": {}}).status_code == 401
        assert call(base, "GET", "project/HC", auth=auth).status_code == 404


def test_bearer_tokens_work_at_the_gateway_alone(base: str, site: Site) -> None:
    asked = {"grant_type": "client_credentials", "client_id": site.client_id, "client_secret": site.client_secret}
    token_url = f"{base}/jira/acme/oauth/token"
    told = requests.post(token_url, json=asked, timeout=10).json()
    assert told["expires_in"] == 3600
    headers = {"Authorization": f"Bearer {told['access_token']}"}
    gateway = f"{base}/jira/ex/jira/{site.cloud_id}/rest/api/3/myself"
    assert requests.get(gateway, headers=headers, timeout=10).status_code == 200
    assert requests.get(f"{base}/jira/acme/rest/api/3/myself", headers=headers, timeout=10).status_code == 401
    refused = requests.post(token_url, data={**asked, "client_secret": "wrong"}, timeout=10)
    assert refused.status_code == 401
    assert requests.get(f"{base}/jira/acme/_edge/tenant_info", timeout=10).json() == {"cloudId": site.cloud_id}


def test_a_burst_is_refused_with_its_reason(base: str, site: Site) -> None:
    site.burst = 2
    answers = [call(base, "GET", "myself") for _ in range(6)]
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.headers["Retry-After"] == "1"
    assert refused.headers["RateLimit-Reason"] == "jira-burst-based"


def test_an_answer_can_be_lost_after_it_took_effect(base: str, site: Site) -> None:
    order = {"kind": "lost_answer", "resource": "issue", "times": 1}
    assert requests.post(f"{base}/admin/jira/acme/faults", json=order, timeout=10).status_code == 201
    with pytest.raises(requests.RequestException):
        create(base)
    assert len(site.issues) == 1


def test_what_people_do_happens_as_the_clock_moves_on(base: str, site: Site) -> None:
    assert site.issues == {}
    moved = requests.put(f"{base}/admin/jira/acme/clock", json={"at": "2026-03-05T00:00:00Z"}, timeout=10)
    assert moved.status_code == 200
    assert call(base, "GET", "issue/HC-1").json()["fields"]["created"] == "2026-03-04T00:00:00.000+0000"
    changed = requests.put(f"{base}/admin/jira/acme/issues/HC-1", json={"transition": "41"}, timeout=10)
    assert changed.status_code == 200
    assert site.find_issue("HC-1").status.name == "Closed"


@pytest.mark.parametrize("order", [{"kind": "unheard"}, {"kind": "429", "times": 0}, {}])
def test_a_fault_that_is_none_is_refused(base: str, order: dict[str, Any]) -> None:
    assert requests.post(f"{base}/admin/jira/acme/faults", json=order, timeout=10).status_code == 400


def test_a_scenario_serves_its_sites_by_the_common_clock(site: Site, tmp_path: Path) -> None:
    org = Org("Sandbox", "client", "secret")
    scenario = Scenario("A site", World(), org, [Run("first", NOON)], [], jira_sites=[site])
    with serve(create_sandbox(scenario, tmp_path / "trackers")) as url:
        told = requests.get(f"{url}/admin/scenario", timeout=10).json()["connections"][-1]
        assert (told["conn_id"], told["extra"]["path"]) == ("jira_acme", "/jira/acme")
        requests.put(f"{url}/admin/clock", json={"at": "2026-03-05T00:00:00Z"}, timeout=10)
        assert call(url, "GET", "issue/HC-1", auth=(told["login"], told["password"])).status_code == 200
