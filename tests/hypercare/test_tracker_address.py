"""Which tracker an ICM record names."""

from __future__ import annotations

import pytest

from hypercare.errors import ConfigurationError
from hypercare.tracker_address import JiraAddress, WorkbookAddress, parse_tracker_address, words_of


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
