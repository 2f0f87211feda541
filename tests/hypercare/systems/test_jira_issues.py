"""Issues written into Jira, over real sockets: once, whatever breaks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from hypercare.errors import ConfigurationError, ResourceMissingError, TransientError
from hypercare.model import Severity
from hypercare.systems.jira_issues import IssueDraft, IssueReference
from sandbox.jira.site import IN_PROGRESS, NEW, Project, Status
from tests.hypercare.systems.jira_stand_in import StandIn, stand_in

DRAFT = IssueDraft(
    "hc-0123456789ab", "Export fails → payments\nwait", ("Seen", "Run 7"), Severity.HIGH, "hypercare:ff00"
)


@pytest.fixture
def jira() -> Iterator[StandIn]:
    with stand_in() as served:
        yield served


def test_an_issue_is_created_with_label_priority_and_mark_and_found_again(jira: StandIn) -> None:
    created = jira.issues().create(DRAFT)
    assert created == IssueReference("10000", "HC-1")
    assert jira.issues().find(DRAFT.label, patient=False) == created
    assert jira.issues().find("hc-another", patient=False) is None
    issue = jira.site.find_issue("HC-1")
    assert issue.values["summary"] == "Export fails → payments wait"
    assert issue.values["priority"] == {"name": "High"}
    assert jira.issues().tell(created, DRAFT.mark, ("Again",)) is False
    assert issue.comments == []


def test_something_new_is_told_once(jira: StandIn) -> None:
    created = jira.issues().create(DRAFT)
    told = [jira.issues().tell(created, mark, ("News",)) for mark in ("hypercare:01", "hypercare:01", "hypercare:02")]
    assert told == [True, False, True]
    assert len(jira.site.find_issue("HC-1").comments) == 2


def test_a_mark_is_found_behind_many_comments(jira: StandIn) -> None:
    created = jira.issues().create(DRAFT)
    for number in range(130):
        jira.issues().tell(created, f"hypercare:{number:04d}", ("News",))
    assert jira.issues().tell(created, "hypercare:0129", ("News",)) is False


def test_fields_that_the_create_screen_lacks_are_left_out(jira: StandIn) -> None:
    jira.site.projects["HC"] = Project("HC", "Hypercare", screen=frozenset({"labels", "description"}))
    jira.issues().create(DRAFT)
    assert jira.site.find_issue("HC-1").values["labels"] == [DRAFT.label]
    assert len(jira.site.issues) == 1


def test_without_labels_nothing_is_created(jira: StandIn) -> None:
    jira.site.projects["HC"] = Project("HC", "Hypercare", screen=frozenset({"description", "priority"}))
    with pytest.raises(ConfigurationError, match="put Labels on the create screen"):
        jira.issues().create(DRAFT)
    jira.site.projects["HC"] = Project("HC", "Hypercare", issue_types=("Story",))
    with pytest.raises(ConfigurationError, match="Specify a valid issue type"):
        jira.issues().create(DRAFT)
    assert jira.site.issues == {}


def test_a_long_summary_is_cut(jira: StandIn) -> None:
    jira.issues().create(replace(DRAFT, summary="x" * 400))
    assert len(jira.site.find_issue("HC-1").values["summary"]) == 250


@pytest.mark.parametrize("kind", ["lost_answer", "500", "reset", "429"])
def test_a_create_is_never_sent_twice(jira: StandIn, kind: str) -> None:
    jira.fault(kind, "issue")
    with pytest.raises(TransientError):
        jira.issues().create(DRAFT)
    assert jira.asked()["POST issue"] == 1
    assert len(jira.site.issues) == (kind == "lost_answer")


def test_patience_finds_what_the_index_does_not_know_yet(jira: StandIn) -> None:
    jira.site.index_lag = 3
    created = jira.issues().create(DRAFT)
    assert jira.issues().find(DRAFT.label, patient=False) is None
    assert jira.issues().find(DRAFT.label, patient=True) == created


def test_closing_and_opening_again_go_by_the_category(jira: StandIn) -> None:
    created = jira.issues().create(DRAFT)
    issues, issue = jira.issues(), jira.site.find_issue("HC-1")
    issues.reopen(created)
    assert "POST transitions" not in jira.asked()
    issues.close(created)
    assert issue.status.name == "Resolved"
    issues.close(created)
    assert jira.asked()["POST transitions"] == 1
    issues.reopen(created)
    assert issue.status.name == "To Do"


def test_a_workflow_without_a_way_is_left_alone() -> None:
    statuses = (Status("1", "To Do", NEW, "11"), Status("2", "Doing", IN_PROGRESS, "21"))
    with stand_in(statuses=statuses) as jira:
        created = jira.issues().create(DRAFT)
        jira.issues().close(created)
        assert jira.site.find_issue("HC-1").status.name == "To Do"


def test_an_issue_that_somebody_deleted_is_named(jira: StandIn) -> None:
    with pytest.raises(ResourceMissingError, match="issue HC-9"):
        jira.issues().tell(IssueReference("9999", "HC-9"), "hypercare:01", ("News",))
