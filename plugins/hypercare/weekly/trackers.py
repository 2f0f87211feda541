"""The trackers of the engagements: workbooks and Jira projects, read as the ICM records say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from hypercare.model import Engagement
from hypercare.settings import Settings
from hypercare.tracker_address import JiraAddress, parse_tracker_address

if TYPE_CHECKING:
    from hypercare.systems.jira_issues import JiraIssues
    from hypercare.systems.jira_mapping import JiraMapping
    from hypercare.systems.jira_rest import JiraClient
    from hypercare.systems.tracker_mapping import TrackerMapping


@dataclass
class Trackers:
    """Opens each kind of tracker, and each Jira site, when it is first needed. One thread at a time."""

    settings: Settings
    _clients: dict[str, JiraClient] = field(default_factory=dict)

    def read_items(self, engagement: Engagement) -> Sequence[Mapping[str, Any]]:
        """Return an engagement's action items as rows of the feed; raises what the tracker's reader raises."""
        from hypercare.systems.jira import read_jira_items
        from hypercare.systems.tracker import read_tracker

        address = parse_tracker_address(engagement.tracker)
        if isinstance(address, JiraAddress):
            client = self._open_client(address)
            return read_jira_items(client, address.project, self._jira_mapping, engagement.time_zone)
        folder = self.settings.tracker_url or str(self.settings.state_folder / "trackers")
        return read_tracker(folder, address.file, self._workbook_mapping).rows

    def open_issues(self, address: JiraAddress) -> JiraIssues:
        """Return what writes into a Jira project; raise ConfigurationError for a missing connection."""
        from hypercare.systems.jira_issues import JiraIssues, Patience

        patience = Patience(first_wait=self.settings.jira_index_seconds)
        return JiraIssues(self._open_client(address), address.project, self._jira_mapping.writing, patience)

    def close(self) -> None:
        """Close the sockets."""
        for client in self._clients.values():
            client.close()

    def _open_client(self, address: JiraAddress) -> JiraClient:
        from hypercare.systems.jira import open_jira

        if address.connection not in self._clients:
            self._clients[address.connection] = open_jira(self.settings, address.connection)
        return self._clients[address.connection]

    @cached_property
    def _workbook_mapping(self) -> TrackerMapping:
        from hypercare.systems.tracker import load_tracker_mapping

        return load_tracker_mapping(self.settings.include_folder / "mappings" / "tracker.yaml")

    @cached_property
    def _jira_mapping(self) -> JiraMapping:
        from hypercare.systems.jira_mapping import load_jira_mapping

        return load_jira_mapping(self.settings.include_folder / "mappings" / "jira.yaml")


def open_trackers(settings: Settings) -> Trackers:
    """Return the trackers of an installation; nothing is opened before it is needed."""
    return Trackers(settings)
