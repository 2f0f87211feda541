"""Which tracker an ICM record names."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hypercare.action_items import parse_action_items
from hypercare.errors import ConfigurationError
from hypercare.model import Severity
from hypercare.tracker_address import JiraAddress, WorkbookAddress, parse_tracker_address, words_of
from hypercare.weekly.parameters import metric_parameters
from tests.hypercare.gate_evidence import POLICY_FILE, make_engagement


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("acme-action-items.xlsx", WorkbookAddress("acme-action-items.xlsx")),
        ("", WorkbookAddress("")),
        ("jira.xlsx", WorkbookAddress("jira.xlsx")),
        ("jira:acme/HC", JiraAddress("jira_acme", "HC")),
        (" Jira:acme-eu / hc1 ", JiraAddress("jira_acme_eu", "HC1")),
        ("https://acme.atlassian.net/browse/HC", JiraAddress("jira_acme", "HC")),
        ("https://acme.atlassian.net/browse/HC-12?filter=1", JiraAddress("jira_acme", "HC")),
        ("https://acme-co.atlassian.net/jira/software/c/projects/HC/boards/3", JiraAddress("jira_acme_co", "HC")),
    ],
)
def test_an_address_is_read(text: str, address: JiraAddress | WorkbookAddress) -> None:
    assert parse_tracker_address(text) == address
    assert words_of(text) == ("jira" if isinstance(address, JiraAddress) else "tracker")
    if isinstance(address, JiraAddress):
        assert parse_tracker_address(str(address)) == address


@pytest.mark.parametrize(
    "text", ["jira:", "jira:acme", "jira:acme/", "jira:/HC", "jira:acme/H C", "https://acme.atlassian.net/wiki/HC"]
)
def test_what_begins_like_jira_must_name_a_project(text: str) -> None:
    with pytest.raises(ConfigurationError, match="jira:<connection>/<PROJECT>"):
        parse_tracker_address(text)


def test_priorities_are_sorted_by_the_words_of_the_tracker() -> None:
    engagement = make_engagement(tracker="jira:acme/HC")
    policy = POLICY_FILE.for_engagement(engagement)
    rows = [{"id": "HC-1", "title": "Item", "state": "To Do", "priority": "Lowest"}]
    severities = [parse_action_items(rows, [], policy, words)[0].severity for words in ("jira", "tracker")]
    assert severities == [Severity.LOW, Severity.UNSORTED]
    words = policy.action_items.priority_words
    parameters = [metric_parameters(policy, replace(engagement, tracker=text)) for text in ("jira:acme/HC", "a.xlsx")]
    told = [each["priority_words"]["tracker"][Severity.LOW.value] for each in parameters]
    assert told == [list(words[source][Severity.LOW]) for source in ("jira", "tracker")]
