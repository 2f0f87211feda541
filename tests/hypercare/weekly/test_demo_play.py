"""The demo world, played through the steps without Airflow: every run and verdict as the world says it must be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import select

from hypercare.ledger.chain import verify_chain
from hypercare.ledger.contents import digest_contents
from hypercare.ledger.decisions import latest_decision
from hypercare.ledger.embedded import EmbeddedPostgres
from hypercare.ledger.evidence import Revision, latest_revisions
from hypercare.ledger.proposals import read_proposals
from hypercare.ledger.tables import metrics
from hypercare.model import CheckResult, ExceptionState, FeedState, Verdict
from hypercare.weekly.health import UnhealthyRunError
from launch.outcome import find_differences
from sandbox.demo import build_demo
from sandbox.demo.customer import Customer
from sandbox.demo.evidenced import QUARRYSTONE, RAVENNA, SOLSTICE, TIDEWATER, UMBRIA, VANTAGE
from tests.hypercare.closing import read_closing
from tests.playing import Play, playing, unlimited

LATE = "paid_what_was_approved"


def find_earlier_differences(play: Play, label: str) -> list[str]:
    """Return where an engagement does not stand after a run as the world says that it must then."""
    standings = play.standings()
    differences = []
    for expected in play.scenario.expected:
        standing = standings[expected.engagement]
        verdicts = {str(line.week): line.verdict for line in standing.weeks}
        words = " ".join((*standing.reasons, standing.cycle_reason))
        weeks, state = expected.weeks_by_run.get(label, {}), expected.states_by_run.get(label)
        wrong = [f"{week} {verdicts.get(week)}" for week, verdict in weeks.items() if verdicts.get(week) != verdict]
        wrong += [standing.state] if state and standing.state != state else []
        wrong += [words] if expected.reasons_by_run.get(label, "") not in words else []
        differences += [f"{label}, {expected.engagement}: {each}" for each in wrong]
    return differences


@dataclass(frozen=True)
class PlayedDemo:
    """The demo world after its last run."""

    play: Play
    words: Mapping[str, str]
    """By run, what its last task complained about; empty where it was healthy."""
    earlier: Sequence[str]
    """Where somebody did not stand after an earlier run as they must."""

    def revisions(self, customer: Customer) -> dict[str, Revision]:
        """Return the latest revisions of an engagement's weeks, by week label."""
        found = latest_revisions(self.play.runtime.engine, self.id_of(customer))
        return {str(week): revision for week, revision in found.items()}

    def evidence_level(self, customer: Customer) -> Mapping[str, Any]:
        """Return what the latest decision says of the level of an engagement's evidence."""
        decision = latest_decision(self.play.runtime.engine, self.id_of(customer))
        assert decision is not None
        (level,) = [each for each in decision["criteria"] if each["criterion"] == "evidence_level"]
        return dict(level)

    def id_of(self, customer: Customer) -> str:
        """Return the id of an engagement's ICM record."""
        return self.play.standings()[customer.name].engagement.id


@pytest.fixture(scope="module")
def demo(
    postgres: EmbeddedPostgres, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PlayedDemo]:
    """Play every run once, and what people decide after it."""
    with psycopg.connect(postgres.admin_dsn, autocommit=True) as connection:
        connection.execute(f"create database demo_play template {migrated_template}")
    folder, url = tmp_path_factory.mktemp("demo-play"), postgres.url("demo_play")
    with (
        pytest.MonkeyPatch.context() as monkeypatch,
        playing(unlimited(build_demo()), folder, url, monkeypatch) as play,
    ):
        words, earlier = {}, []
        for run in play.scenario.runs:
            words[run.label] = run_once(play, run.as_of)
            earlier += find_earlier_differences(play, run.label)
            play.decide_after(run)
        yield PlayedDemo(play, words, earlier)


def run_once(play: Play, as_of: datetime) -> str:
    """Play a run; return what its last task complained about."""
    try:
        play.run(as_of)
    except UnhealthyRunError as error:
        return str(error)
    return ""


pytestmark = pytest.mark.timeout(1200)


def test_the_demo_world_holds(demo: PlayedDemo) -> None:
    for run in demo.play.scenario.runs:
        words = demo.words[run.label]
        assert bool(words) == (run.expected_state == "failed"), (run.label, words)
        for word in run.expected_faults:
            assert word in words
    assert demo.earlier == []
    described = demo.play.scenario.describe("127.0.0.1", 1, Path())["expected"]
    assert len(described) >= 27
    assert find_differences(described, list(demo.play.standings().values())) == []
    assert verify_chain(demo.play.runtime.engine) == []


def test_every_roll_forward_closes_or_names_its_rows(demo: PlayedDemo) -> None:
    closing = read_closing(demo.play.runtime.engine)
    assert closing.faults == []
    assert closing.rows > 60
    assert closing.links > 40


def test_the_last_run_played_again_changes_nothing(demo: PlayedDemo) -> None:
    runtime = demo.play.runtime
    before = digest_contents(runtime.engine, runtime.lake)
    assert run_once(demo.play, demo.play.scenario.runs[-1].as_of) == ""
    assert digest_contents(runtime.engine, runtime.lake) == before


def test_every_payment_of_the_bank_matched_one_is_found(demo: PlayedDemo) -> None:
    revisions = demo.revisions(RAVENNA)
    sides = {week: find_check(revision, "bank_side") for week, revision in revisions.items()}
    assert {week: side.rows for week, side in sides.items()} == {
        "2026-W10": 0, "2026-W11": 6, "2026-W12": 3, "2026-W13": 2, "2026-W14": 4,
    }  # fmt: skip
    assert {side.verdict for side in sides.values()} == {Verdict.PASS}
    assert demo.evidence_level(RAVENNA)["evidence"] == [
        "2026-W11 level 3", "2026-W12 level 3", "2026-W13 level 3", "2026-W14 level 3",
    ]  # fmt: skip
    assert [find_check(each, "bank_unexplained").rows for each in revisions.values()] == [0] * 5


def test_an_explained_difference_is_carried(demo: PlayedDemo) -> None:
    revisions = demo.revisions(SOLSTICE)
    rows = {week: [row for row in each.evidence.exceptions if row.check == LATE] for week, each in revisions.items()}
    assert [len(rows[week]) for week in sorted(rows)] == [0, 1, 0, 1, 1]
    (key,) = {row.key for found in rows.values() for row in found}
    assert key.startswith("invoice:solstice/")
    for week in ("2026-W11", "2026-W13", "2026-W14"):
        (row,) = rows[week]
        assert (row.state, str(row.week), row.accepted_by) == (ExceptionState.EXPLAINED, "2026-W11", "Terry Solstice")
    for week in ("2026-W13", "2026-W14"):
        assert "1 explained in an earlier week" in find_check(revisions[week], LATE).reason
        assert revisions[week].key.revision == 1


def test_clearing_does_not_heal_what_is_systemic(demo: PlayedDemo) -> None:
    revision = demo.revisions(TIDEWATER)["2026-W11"]
    assert (revision.judgement.systemic, revision.judgement.open_until, revision.key.revision) == (True, None, 1)
    refused = {row.key.rpartition("/")[2] for row in revision.evidence.exceptions if row.check == "errors_resolved"}
    payments = list(demo.play.scenario.world.instances["tidewater"].records("coupa_pay/payments"))
    completed = [each for each in payments if each["status"] == "completed_successfully"]
    owed = list_invoices(each for each in payments if str(each["id"]) in refused)
    assert len(refused) == 3
    assert owed
    assert owed <= list_invoices(completed)


def test_suppliers_are_counted_by_the_list_that_the_workbook_holds(demo: PlayedDemo) -> None:
    measured = {}
    for customer in ("Aurora Outfitters go-live", "Harbourline Media go-live"):
        engagement = demo.play.standings()[customer].engagement.id
        chosen = (metrics.c.engagement == engagement) & (metrics.c.week == "2026-W14") & (metrics.c.span == "week")
        query = select(metrics.c.detail, metrics.c.n).where(
            chosen, metrics.c.metric == "supplier_enablement_share", metrics.c.dimension == ""
        )
        with demo.play.runtime.engine.connect() as connection:
            (row,) = connection.execute(query)
        measured[customer] = (row.detail, row.n)
    assert measured["Aurora Outfitters go-live"] == ("of targeted suppliers", 4)
    assert measured["Harbourline Media go-live"][0] == "of suppliers with spend"


def test_the_one_fed_by_files_is_never_asked(demo: PlayedDemo) -> None:
    runtime = demo.play.runtime
    kinds = {manifest.kind for manifest in runtime.lake.manifests("umbria", ["invoices", "payments", "users"])}
    assert kinds == {"delivery"}
    feeds = {feed.feed: feed.state for feed in demo.revisions(UMBRIA)["2026-W14"].evidence.feeds}
    assert feeds["approvals"] is FeedState.NOT_HELD
    assert feeds["payments"] is FeedState.VALID


def test_a_failed_integration_ends_up_in_jira_and_holds_the_exit(demo: PlayedDemo) -> None:
    (site,) = demo.play.scenario.jira_sites
    kept = read_proposals(demo.play.runtime.engine, demo.id_of(VANTAGE))
    written = {each.external_key: each.proposal for each in kept.values() if each.external_key}
    assert list(written) == ["HC-2"]
    issue = site.find_issue("HC-2")
    assert issue.values["labels"] == [written["HC-2"].label]
    assert issue.created == demo.play.scenario.runs[3].as_of
    assert len(issue.comments) == 1
    assert site.find_issue("HC-1").status.name == "Resolved"


def test_a_signature_counts_from_the_day_on_which_it_was_given(demo: PlayedDemo) -> None:
    level = demo.evidence_level(QUARRYSTONE)
    assert (level["verdict"], level["value"]) == ("PASS", "signed off")
    assert "signed off by Terry Quarrystone on 2 April" in level["reason"]
    signed = [line.partition(" ")[0] for line in level["evidence"] if "closing" in line]
    assert signed == ["2026-W09", "2026-W10", "2026-W11", "2026-W12"]


def find_check(revision: Revision, name: str) -> CheckResult:
    """Return one check of a week."""
    (check,) = [each for each in revision.evidence.checks if each.check == name]
    return check


def list_invoices(payments: Iterable[Mapping[str, Any]]) -> set[int]:
    """Return the invoices that some payments, as they are on the wire, are for."""
    return {detail["source-transaction-id"] for payment in payments for detail in payment["payment-details"]}
