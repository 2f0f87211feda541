"""JQL in the Jira stand-in: what is read, what it finds, what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hypercare.systems.jira_rest import quote_jql
from sandbox.jira.errors import ApiError
from sandbox.jira.jql import Comparison, Conjunction, Disjunction, Emptiness, Membership, Negation, Sort, parse_jql
from sandbox.jira.search import Searches
from sandbox.jira.site import Project, Site, User

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def project(key: str) -> Comparison:
    return Comparison("project", "=", key)


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("project = HC", project("HC")),
        ('PROJECT="H C"', project("H C")),
        ("'project' = 'it\\'s'", project("it's")),
        ("updated >= '2026-03-02 09:30'", Comparison("updated", ">=", "2026-03-02 09:30")),
        ('text ~ "cXML order"', Comparison("text", "~", "cXML order")),
        ("status not in (Done, 'In Progress')", Membership("status", ("Done", "In Progress"), negated=True)),
        ("labels is not EMPTY", Emptiness("labels", negated=True)),
        ("labels is null", Emptiness("labels", negated=False)),
        ("project = A and labels = b", Conjunction((project("A"), Comparison("labels", "=", "b")))),
        (
            "project = A or project = B and not project = C",
            Disjunction((project("A"), Conjunction((project("B"), Negation(project("C")))))),
        ),
        (
            "(project = A or project = B) and project = C",
            Conjunction((Disjunction((project("A"), project("B"))), project("C"))),
        ),
        ("project = ORDERS", project("ORDERS")),
    ],
)
def test_a_condition_is_read(text: str, condition: Any) -> None:
    assert parse_jql(text).condition == condition


def test_an_order_is_read() -> None:
    query = parse_jql("project = HC ORDER BY created ASC, key desc, id")
    assert query.order == (
        Sort("created", descending=False),
        Sort("key", descending=True),
        Sort("id", descending=False),
    )
    assert parse_jql("order by created").condition is None
    assert parse_jql("").condition is None


@pytest.mark.parametrize(
    "text",
    ["project", "project =", "project = A and", "= A", "project = A B", "project in ()", "a.b = c", "project = 'A"],
)
def test_what_is_no_jql_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(ApiError, match=r"Error in the JQL Query"):
        parse_jql(text)


@given(st.text())
def test_any_text_can_be_quoted(value: str) -> None:
    assert parse_jql(f"labels = {quote_jql(value)}").condition == Comparison("labels", "=", value)


@pytest.fixture
def site() -> Site:
    served = Site("acme", [Project("HC", "Hypercare"), Project("OTHER", "Other")])
    for number, (summary, labels) in enumerate([("cXML order lost", ["hc-1"]), ("Tax", []), ("Order of cXML", ["x"])]):
        served.move_to(NOON + timedelta(days=number))
        issue = served.create("HC", {"summary": summary, "labels": labels}, issue_type="Bug" if number else "Task")
    served.move(issue, "31")
    served.create("OTHER", {"summary": "Elsewhere"})
    return served


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("project = HC ORDER BY key ASC", ["HC-1", "HC-2", "HC-3"]),
        ("project = hypercare ORDER BY created DESC", ["HC-3", "HC-2", "HC-1"]),
        ("project = HC AND labels = hc-1", ["HC-1"]),
        ("project = HC AND labels != hc-1", ["HC-3"]),
        ("project = HC AND labels is empty", ["HC-2"]),
        ("project = HC AND labels is not empty ORDER BY key", ["HC-1", "HC-3"]),
        ("project = HC AND issuetype = Task", ["HC-1"]),
        ("project = HC AND type in (Bug) ORDER BY key", ["HC-2", "HC-3"]),
        ("status = Resolved", ["HC-3"]),
        ("statusCategory = done", ["HC-3"]),
        ("project = HC AND status != Resolved ORDER BY key", ["HC-1", "HC-2"]),
        ("summary ~ 'order cXML' ORDER BY key", ["HC-1", "HC-3"]),
        ("text ~ '\"cXML order\"'", ["HC-1"]),
        ("text !~ order AND project = HC", ["HC-2"]),
        ("project = HC AND updated >= '2026-03-03 12:00' ORDER BY key", ["HC-2", "HC-3"]),
        ("project = HC AND created < '2026-03-03'", ["HC-1"]),
        ("key in (HC-1, OTHER-1) ORDER BY key", ["HC-1", "OTHER-1"]),
        ("project = OTHER OR key = HC-1 ORDER BY id", ["HC-1", "OTHER-1"]),
    ],
)
def test_a_query_finds(site: Site, text: str, keys: list[str]) -> None:
    assert [issue.key for issue in Searches(site).find_all(text)] == keys


def test_dates_are_those_of_the_calling_user() -> None:
    site = Site(
        "acme", [Project("HC", "Hypercare")], user=User("5b10", "Bot", "bot@example.com", time_zone="Asia/Tokyo")
    )
    site.move_to(NOON)
    site.create("HC", {"summary": "Item"})
    assert len(Searches(site).find_all("created >= '2026-03-02 21:00'")) == 1
    assert Searches(site).find_all("created >= '2026-03-02 21:01'") == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ORDER BY created", "Unbounded JQL"),
        ("project = GONE", "The value 'GONE' does not exist for the field 'project'"),
        ("status = Gone", "does not exist for the field 'status'"),
        ("colour = red", "Field 'colour' does not exist"),
        ("updated >= tomorrow", "Date value 'tomorrow' for field 'updated' is invalid"),
        ("project ~ HC", "operator '~' is not supported"),
        ("labels > a", "operator '>' is not supported"),
        ("project = HC ORDER BY colour", "Field 'colour' does not exist"),
        ("project = HC ORDER BY key, key, key, key, key, key, key, key", "maximum number of fields in ORDER BY"),
    ],
)
def test_a_query_that_makes_no_sense_is_refused(site: Site, text: str, words: str) -> None:
    with pytest.raises(ApiError, match=words) as caught:
        Searches(site).find_all(text)
    assert caught.value.status == 400
