"""One clock for the whole sandbox: Coupa instances, Salesforce org, Jira sites and tracker workbooks."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from sandbox.bank.drop import drop_statements
from sandbox.coupa.csv_export import export_up_to
from sandbox.scenario import Scenario, bank_folder, drops_folder
from sandbox.trackers import write_trackers


class Clocks:
    """Moves everything that a scenario shows to one instant."""

    def __init__(self, scenario: Scenario, trackers_folder: Path) -> None:
        self.scenario = scenario
        self.trackers_folder = trackers_folder
        self.at: datetime | None = None

    def move_to(self, at: datetime) -> None:
        """Show every system as of an instant, rewrite the workbooks, and let the due exports and statements be written.

        Raises ValueError for a naive instant.
        """
        if at.tzinfo is None:
            message = f"{at.isoformat()} needs a UTC offset"
            raise ValueError(message)
        self.at = at.astimezone(UTC)
        for instance in self.scenario.world.instances.values():
            instance.clock = self.at
        self.scenario.org.clock = self.at
        for site in self.scenario.jira_sites:
            site.move_to(self.at)
        write_trackers(self.scenario.trackers, self.trackers_folder, self.at)
        for drop in self.scenario.drops:
            folder = drops_folder(self.trackers_folder) / drop.instance
            export_up_to(drop, self.scenario.world.instances[drop.instance], folder, self.at)
        drop_statements(self.scenario.bank_accounts, bank_folder(self.trackers_folder), self.at)
