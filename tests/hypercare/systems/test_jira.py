"""Jira as a tracker, read over real sockets from the stand-in."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from hypercare.contracts import flatten, load_contracts
from hypercare.errors import (
    AccessDeniedError,
    ConfigurationError,
    ContractError,
    HypercareError,
    LoginRefusedError,
    RateLimitedError,
    ResourceMissingError,
    TransientError,
)
from hypercare.systems.jira import write_value
from hypercare.systems.jira_mapping import COLUMNS, load_jira_mapping
from hypercare.systems.jira_rest import JiraRefusalError, read_jira_connection
from sandbox.jira.site import User
from tests.hypercare.systems.jira_stand_in import CUSTOM, MAPPING, MONDAY, ROOT, StandIn, document, mapping, stand_in


@pytest.fixture
def jira() -> Iterator[StandIn]:
    with stand_in() as served:
        yield served


def fill(jira: StandIn, count: int) -> None:
    for number in range(count):
        jira.site.create("HC", {"summary": f"Item {number}"})


def test_an_issue_becomes_the_row_that_a_workbook_would_give(jira: StandIn) -> None:
    erin = jira.site.add_user(User("5b10-erin", "Erin Manager", "erin@example.com"))
    issue = jira.site.create(
        "HC",
        {
            "summary": " Orders do not reach cXML suppliers ",
            "priority": {"name": "Highest"},
            "assignee": erin.account_id,
            "duedate": "2026-03-27",
            "components": [{"id": "1", "name": "Orders"}, {"id": "2", "name": "cXML"}],
            "customfield_10001": "2026-04-24",
            "customfield_10002": erin.account_id,
            "customfield_10003": "Support: Sam Support",
            "customfield_10004": document("The supplier turns off", "its second channel"),
            "customfield_10005": {"id": "7", "value": "Yes"},
            "customfield_10006": ["00001049", "00001050"],
        },
        status="In Progress",
    )
    jira.site.move_to(MONDAY + timedelta(hours=14))
    jira.site.edit(issue)
    assert jira.rows() == [
        {
            "id": "HC-1",
            "state": "In Progress",
            "title": "Orders do not reach cXML suppliers",
            "category": "Orders, cXML",
            "priority": "Highest",
            "impact": None,
            "owner": "Erin Manager",
            "raised_on": "2026-03-02",
            "due_on": "2026-03-27",
            "resolved_on": None,
            "resolution": None,
            "plan": "The supplier turns off\nits second channel",
            "plan_owner": "Erin Manager",
            "plan_date": "2026-04-24",
            "plan_accepted_by": "Support: Sam Support",
            "escalated_to": None,
            "case_number": "00001049, 00001050",
            "internal_only": True,
            # 23:30 UTC is the next day in Stockholm.
            "updated_on": "2026-03-03",
        }
    ]


@pytest.mark.parametrize(
    ("status", "state"),
    [("To Do", "To Do"), ("In Progress", "In Progress"), ("Resolved", "resolved"), ("Closed", "closed")],
)
def test_the_state_follows_the_category_of_the_status(jira: StandIn, status: str, state: str) -> None:
    jira.site.create("HC", {"summary": "Item"}, status=status)
    assert [row["state"] for row in jira.rows()] == [state]


def test_resolution_and_its_day_come_with_the_transition(jira: StandIn) -> None:
    issue = jira.site.create("HC", {"summary": "Item"})
    jira.site.move_to(MONDAY + timedelta(days=3))
    jira.site.move(issue, "41")
    (row,) = jira.rows()
    assert (row["state"], row["resolved_on"], row["resolution"]) == ("closed", "2026-03-05", "Done")


def test_only_the_project_and_the_issue_types_asked_for_are_read(jira: StandIn) -> None:
    jira.site.create("HC", {"summary": "A task"})
    jira.site.create("HC", {"summary": "A bug"}, issue_type="Bug")
    jira.site.create("OTHER", {"summary": "Elsewhere"})
    assert [row["title"] for row in jira.rows()] == ["A task", "A bug"]
    bugs = mapping().model_copy(update={"issue_types": ("Bug",)})
    assert [row["title"] for row in jira.rows(used=bugs)] == ["A bug"]


def test_all_pages_are_read_in_the_order_of_creation(jira: StandIn) -> None:
    fill(jira, 250)
    assert [row["id"] for row in jira.rows()] == [f"HC-{number}" for number in range(1, 251)]
    assert jira.asked()["POST search"] == 3


def test_a_project_without_issues_is_empty(jira: StandIn) -> None:
    assert jira.rows() == []
    assert jira.asked()["POST count"] == 1


@pytest.mark.parametrize("kind", ["last_too_early", "repeated_row"])
def test_known_faults_of_paging_lose_and_double_nothing(jira: StandIn, kind: str) -> None:
    fill(jira, 120)
    jira.fault(kind, "search")
    assert len(jira.rows()) == 120


def test_an_empty_page_with_a_token_is_not_the_end(jira: StandIn) -> None:
    fill(jira, 3)
    jira.fault("empty_page", "search", times=1)
    assert len(jira.rows()) == 3


def test_with_oauth_a_token_is_fetched_once_and_renewed_when_it_ended(jira: StandIn) -> None:
    fill(jira, 2)
    client = jira.client(oauth=True)
    assert client.send("GET", "myself", "who")["timeZone"] == "UTC"
    assert client.send("GET", "field", "fields")
    assert jira.asked()["POST oauth"] == 1
    jira.fault("401", "myself", times=1)
    assert client.send("GET", "myself", "who")
    assert jira.asked()["POST oauth"] == 2
    assert len(jira.rows(oauth=True)) == 2


REFUSED: list[tuple[str, str, dict[str, Any], type[HypercareError], str]] = [
    ("401", "search", {}, LoginRefusedError, "put a valid token"),
    ("anonymous", "myself", {}, LoginRefusedError, "jira_acme"),
    ("anonymous", "search", {}, LoginRefusedError, "refused"),
    ("403", "search", {}, AccessDeniedError, "do not have the permission"),
    ("404", "field", {}, ResourceMissingError, "may not see it"),
    ("410", "search", {}, ResourceMissingError, "needs an update"),
    ("429", "search", {"seconds": 500}, RateLimitedError, "500 s"),
    ("429_silent", "search", {}, RateLimitedError, "429"),
    ("500", "search", {}, TransientError, "500"),
    ("503", "search", {"seconds": 0.01}, TransientError, "503"),
    ("html", "search", {}, TransientError, "no JSON"),
    ("reset", "search", {}, TransientError, "no complete answer"),
    ("repeated_token", "search", {}, ContractError, "without an end"),
    ("empty_page", "search", {}, ContractError, "without an end"),
]


@pytest.mark.parametrize(("kind", "resource", "options", "error", "words"), REFUSED)
def test_what_does_not_pass_is_told_apart(
    jira: StandIn, kind: str, resource: str, options: dict[str, Any], error: type[HypercareError], words: str
) -> None:
    fill(jira, 3)
    jira.fault(kind, resource, **options)
    with pytest.raises(error, match=words) as caught:
        jira.rows()
    assert jira.site.api_token not in str(caught.value)


@pytest.mark.parametrize("kind", ["429", "429_silent", "500", "503", "html", "reset"])
def test_what_passes_is_waited_for(jira: StandIn, kind: str) -> None:
    fill(jira, 3)
    jira.fault(kind, times=2, seconds=0.01)
    assert len(jira.rows()) == 3


def test_a_wrong_token_is_no_empty_tracker(jira: StandIn) -> None:
    fill(jira, 3)
    with pytest.raises(LoginRefusedError):
        jira.rows(password="another")
    with pytest.raises(LoginRefusedError, match="client"):
        jira.rows(oauth=True, password="another")


def test_an_empty_list_that_the_count_contradicts_is_a_fault(jira: StandIn) -> None:
    jira.site.index_lag = 1
    fill(jira, 1)
    with pytest.raises(TransientError, match="no issue came, though"):
        jira.rows()


def test_a_project_that_is_not_there_is_named(jira: StandIn) -> None:
    with pytest.raises(ResourceMissingError, match="project GONE"):
        jira.rows("GONE")


def test_a_refused_query_says_why(jira: StandIn) -> None:
    with pytest.raises(JiraRefusalError, match="Unbounded JQL"):
        jira.client().search("ORDER BY created", ["summary"], "everything")


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("customfield_10001", "next week", "HC-1, field customfield_10001 .plan date. holds 'next week'"),
        ("customfield_10001", "2026-03-02T10:00:00", "which is no date"),
        ("customfield_10005", {"value": "Perhaps"}, "holds 'Perhaps': choose one of yes"),
        ("summary", None, "HC-1 has no summary"),
    ],
)
def test_values_that_do_not_fit_are_refused_by_issue_and_field(
    jira: StandIn, field: str, value: Any, words: str
) -> None:
    jira.site.create("HC", {"summary": "Item", field: value})
    with pytest.raises(ContractError, match=words):
        jira.rows()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None),
        ("", None),
        ([], None),
        ({}, None),
        (True, "yes"),
        (3.0, "3"),
        (0.1, "0.1"),
        ({"value": "EMEA", "child": {"value": "Nordics"}}, "EMEA / Nordics"),
        ({"accountId": "5b10", "active": False}, "5b10"),
        ([{"value": "A"}, {"displayName": "B"}, "C"], "A, B, C"),
        (document("one", "two"), "one\ntwo"),
    ],
)
def test_field_values_are_written_as_people_see_them(value: Any, text: str | None) -> None:
    assert write_value(value) == text


def write_mapping(folder: Path, change: Any) -> Path:
    content = yaml.safe_load(MAPPING.read_text(encoding="utf-8"))
    change(content)
    path = folder / "jira.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda content: content["columns"].pop("title"), "title must be mapped"),
        (lambda content: content["columns"].update(colour={"kind": "text", "fields": ["x"]}), "colour"),
        (lambda content: content["columns"].update(state={"kind": "text", "fields": ["status"]}), "state"),
        (lambda content: content.update(yes_words=["no"]), "both yes and no"),
        (lambda content: content.update(colours=1), "colours"),
        (lambda content: content["columns"]["title"].update(fields=[]), "columns.title.fields"),
    ],
)
def test_a_wrong_mapping_is_refused_with_its_place(tmp_path: Path, change: Any, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        load_jira_mapping(write_mapping(tmp_path, change))


def test_the_mapping_knows_the_columns_of_the_contract() -> None:
    contract = load_contracts(ROOT / "include" / "schemas" / "feeds")["action_items"]
    assert {column.name for column in flatten(contract.columns)} == {"id", "state", *COLUMNS}


def test_a_field_that_is_required_or_doubled_is_told(jira: StandIn, tmp_path: Path) -> None:
    def require(content: Any) -> None:
        content["columns"]["impact"] |= {"required": True}

    with pytest.raises(ConfigurationError, match="impact: there is no field called Business Impact"):
        jira.rows(used=load_jira_mapping(write_mapping(tmp_path, require)))
    twin = type(CUSTOM[0])("customfield_10099", "plan date", "date", custom=True)
    jira.site.fields = (*jira.site.fields, twin)
    with pytest.raises(ConfigurationError, match="customfield_10001 and customfield_10099 have the same name"):
        jira.rows()


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"login": ""}, "login"), ({"password": ""}, "password"), ({"extra": {"auth": "magic"}}, "'magic'")],
)
def test_an_incomplete_connection_is_refused(jira: StandIn, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        read_jira_connection(jira.connection(**changes))
