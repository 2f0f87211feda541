"""Technical issues proposed as action items: kept, written into Jira, cleared; once, whatever is killed where."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from hypercare.model import FeedState, Severity
from hypercare.pulling import publish_rows, pull_id
from hypercare.systems.jira_rest import JiraClient
from hypercare.technical_issues import ProposalState
from hypercare.weekly.items import read_items
from hypercare.weekly.trackers import open_trackers
from tests.hypercare import records as wire
from tests.hypercare.weekly.proposing import Installation, installing

FIRST = datetime(2026, 3, 30, 9, tzinfo=UTC)
SECOND, THIRD = FIRST + timedelta(days=7), FIRST + timedelta(days=14)
FAILED = [wire.integration_run(1, status="failed")]
CLEARED = [*FAILED, wire.integration_run(2, start_time="2026-03-31T14:00:00Z")]
LOST = [wire.purchase_order(1, transmission_status="transmission_failure")]
INTEGRATION = "integration acme/1"


@pytest.fixture
def installed(ledger_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    with installing(ledger_engine, tmp_path, monkeypatch) as installation:
        yield installation


def test_an_issue_is_proposed_written_told_of_news_and_closed(installed: Installation) -> None:
    installed.pull(FIRST, integration_runs=FAILED, purchase_orders=LOST)
    assert installed.propose(FIRST) == 2
    kept = installed.kept()[INTEGRATION]
    assert (kept.external_key, kept.tracker, kept.told) == ("HC-2", "jira:acme/HC", kept.proposal.mark)
    assert installed.jira.site.find_issue("HC-2").values["labels"] == [kept.proposal.label]
    again = wire.integration_run(3, status="errored", start_time="2026-04-02T14:00:00Z")
    installed.pull(SECOND, integration_runs=[*FAILED, again], purchase_orders=LOST)
    assert installed.propose(SECOND) == 2
    assert installed.shown() == [("HC-1", "To Do", 0), ("HC-2", "To Do", 1)]
    healed = wire.integration_run(4, start_time="2026-04-09T14:00:00Z")
    installed.pull(THIRD, integration_runs=[*FAILED, again, healed], purchase_orders=LOST)
    assert installed.propose(THIRD) == 1
    assert installed.shown() == [("HC-1", "To Do", 0), ("HC-2", "Resolved", 2)]
    assert installed.kept()[INTEGRATION].proposal.state is ProposalState.CLEARED
    assert installed.faults() == []


def test_what_fails_again_opens_the_same_issue(installed: Installation) -> None:
    installed.pull(FIRST, integration_runs=FAILED)
    installed.propose(FIRST)
    installed.pull(SECOND, integration_runs=CLEARED)
    installed.propose(SECOND)
    later = wire.integration_run(5, status="failed", start_time="2026-04-08T14:00:00Z")
    installed.pull(THIRD, integration_runs=[*CLEARED, later])
    assert installed.propose(THIRD) == 1
    assert installed.shown() == [("HC-1", "To Do", 2)]
    assert installed.kept()[INTEGRATION].proposal.occurrence == 2


def test_the_same_run_again_changes_and_asks_nothing(installed: Installation) -> None:
    installed.pull(FIRST, integration_runs=FAILED)
    installed.propose(FIRST)
    asked, kept = installed.jira.asked(), installed.kept()
    assert installed.propose(FIRST) == 1
    assert (installed.jira.asked(), installed.kept()) == (asked, kept)


def test_a_feed_that_is_not_valid_clears_nothing_and_an_earlier_run_neither(installed: Installation) -> None:
    installed.pull(FIRST, integration_runs=FAILED)
    installed.propose(FIRST)
    installed.pull(SECOND, {"integration_runs": FeedState.INVALID}, integration_runs=CLEARED)
    assert installed.propose(SECOND) == 1
    assert installed.propose(THIRD) == 1
    installed.pull(FIRST - timedelta(days=7), integration_runs=[])
    assert installed.propose(FIRST - timedelta(days=7)) == 1


@pytest.mark.parametrize(
    "changes", [{"tracker_writable": False}, {"tracker": "acme-action-items.xlsx"}, {"tracker": ""}]
)
def test_nothing_is_written_where_it_is_not_allowed(installed: Installation, changes: dict[str, Any]) -> None:
    installed.let(**changes)
    installed.pull(FIRST, integration_runs=FAILED)
    assert installed.propose(FIRST) == 1
    assert installed.jira.asked() == {}
    assert installed.kept()[INTEGRATION].proposal.severity is Severity.HIGH
    installed.let()
    installed.propose(FIRST)
    assert installed.shown() == [("HC-1", "To Do", 0)]


def test_what_cleared_before_it_was_allowed_is_never_written(installed: Installation) -> None:
    installed.let(tracker_writable=False)
    installed.pull(FIRST, integration_runs=FAILED)
    installed.propose(FIRST)
    installed.let()
    installed.pull(SECOND, integration_runs=CLEARED)
    installed.propose(SECOND)
    assert installed.shown() == []


def test_a_site_that_is_down_is_a_fault_that_the_next_run_mends(installed: Installation) -> None:
    installed.jira.fault("503", seconds=0.001)
    installed.pull(FIRST, integration_runs=FAILED)
    assert installed.propose(FIRST) == 1
    (fault,) = installed.faults()
    assert (fault.cause, fault.required) == ("propose", False)
    installed.jira.mend()
    installed.propose(FIRST)
    assert (installed.faults(), installed.shown()) == ([], [("HC-1", "To Do", 0)])


def test_one_issue_that_somebody_deleted_does_not_stop_the_others(installed: Installation) -> None:
    installed.pull(FIRST, integration_runs=FAILED, purchase_orders=LOST)
    installed.propose(FIRST)
    installed.jira.site.issues.pop(10000)
    installed.pull(SECOND, integration_runs=CLEARED, purchase_orders=[wire.purchase_order(1)])
    assert installed.propose(SECOND) == 0
    assert [fault.words.partition(":")[0] for fault in installed.faults()] == [
        "1 of 2 technical issues could not be written"
    ]
    assert installed.shown() == [("HC-2", "Resolved", 1)]


def test_a_lost_answer_creates_one_issue(installed: Installation) -> None:
    installed.jira.site.index_lag = 2
    installed.jira.fault("lost_answer", "issue", times=1)
    installed.pull(FIRST, integration_runs=FAILED)
    installed.propose(FIRST)
    assert installed.shown() == [("HC-1", "To Do", 0)]
    assert installed.kept()[INTEGRATION].external_key == "HC-1"


class Killed(BaseException):
    """Ends a try where it stands, as SIGKILL does: nothing that catches exceptions catches it."""


class Killer:
    """Kills at one moment (0: never): right after a commit, right before and after a write to Jira."""

    def __init__(self, kill_at: int) -> None:
        self.kill_at = kill_at
        self.moments: list[str] = []

    def watch(self, installed: Installation, patches: pytest.MonkeyPatch) -> None:
        dialect = installed.runtime.engine.dialect
        commit, send = dialect.do_commit, JiraClient.send

        def commit_and_pass(connection: Any) -> None:
            commit(connection)
            self._pass("after commit")

        def pass_and_send(client: JiraClient, method: str, path: str, *args: Any, **options: Any) -> Any:
            is_write = method != "GET" and not path.startswith("search")
            if is_write:
                self._pass(f"before {path}")
            found = send(client, method, path, *args, **options)
            if is_write:
                self._pass(f"after {path}")
            return found

        patches.setattr(dialect, "do_commit", commit_and_pass)
        patches.setattr(JiraClient, "send", pass_and_send)

    def _pass(self, name: str) -> None:
        self.moments.append(name)
        if len(self.moments) == self.kill_at:
            raise Killed(name)


def play_with_a_kill(engine: Engine, folder: Path, kill_at: int) -> Killer:
    """Propose in one week and clear in a later one, each run repeated as after a kill; nothing may be doubled."""
    with engine.begin() as connection:
        connection.execute(text("truncate proposals, pulls, rule_results, leases, faults, engagements"))
    killer = Killer(kill_at)
    with pytest.MonkeyPatch.context() as patches, installing(engine, folder, patches) as installed:
        installed.jira.site.index_lag = 2
        for as_of, runs in ((FIRST, FAILED), (SECOND, CLEARED)):
            installed.pull(as_of, integration_runs=runs)
            with pytest.MonkeyPatch.context() as deadly, contextlib.suppress(Killed):
                killer.watch(installed, deadly)
                installed.propose(as_of)
            installed.propose(as_of)
        assert installed.shown() == [("HC-1", "Resolved", 1)], killer.moments[-1]
        kept = installed.kept()[INTEGRATION]
        assert (kept.told, kept.external_key) == (kept.proposal.mark, "HC-1"), killer.moments[-1]
    return killer


def test_a_kill_at_any_moment_doubles_nothing(ledger_engine: Engine, tmp_path: Path) -> None:
    undisturbed = play_with_a_kill(ledger_engine, tmp_path / "undisturbed", 0).moments
    assert [moment for moment in undisturbed if moment.startswith("after issue")] == [
        "after issue",
        "after issue/10000/comment",
        "after issue/10000/transitions",
    ]
    for moment in range(1, len(undisturbed) + 1):
        killed = play_with_a_kill(ledger_engine, tmp_path / str(moment), moment)
        assert killed.moments[moment - 1] == undisturbed[moment - 1]


def test_the_issue_is_read_as_an_action_item_by_jiras_own_words(installed: Installation) -> None:
    installed.pull(FIRST, integration_runs=FAILED)
    installed.propose(FIRST)
    rows = open_trackers(installed.runtime.settings).read_items(installed.who)
    assert [(row["id"], row["state"], row["priority"]) for row in rows] == [("HC-1", "To Do", "High")]
    installed.jira.site.edit(installed.jira.site.find_issue("HC-1"), priority={"name": "Lowest"})
    rows = open_trackers(installed.runtime.settings).read_items(installed.who)
    contract = installed.runtime.contracts["action_items"]
    publish_rows(installed.runtime.lake, contract, installed.who.id, pull_id(FIRST), rows, FIRST)
    (item,) = read_items(installed.runtime, installed.who, FIRST)
    assert (item.severity, item.is_open) == (Severity.LOW, True)
