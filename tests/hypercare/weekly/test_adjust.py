"""Adjustments between weekly runs: what they change there, who may confirm them, and that the chain holds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from hypercare.adjustment_effects import tell_effect
from hypercare.cli import app
from hypercare.errors import ConfigurationError, PermanentError
from hypercare.ledger.adjustments import Confirmation, read_adjustments, record_confirmation
from hypercare.ledger.chain import verify_chain
from hypercare.ledger.pulls import read_pulls
from hypercare.ledger.roster import find_engagement
from hypercare.runtime import Runtime
from hypercare.weekly.adjust import (
    AdjustmentRequest,
    find_effect,
    judge_adjusted,
    list_confirmers,
    read_request,
    record,
    record_confirmed,
)
from hypercare.weekly.health import UnhealthyRunError
from hypercare.weeks import Week
from sandbox.demo.expectations import RUNS
from sandbox.scenario import Scenario, TimedFault
from tests.hypercare.weekly.few_customers import build_world, customer
from tests.playing import Play, playing

GO_LIVE = date(2026, 3, 2)
ACME, BETA, CODY = "Acme go-live", "Beta go-live", "Cody go-live"
W10, W11, W12 = "2026-W10", "2026-W11", "2026-W12"
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
SAID = {"reason": "agreed with the customer", "decided_by": "ops"}


def ask(runtime: Runtime, engagement: str, kind: str, at: str, by: str = "ops", **entries: Any) -> AdjustmentRequest:
    form = {"engagement": engagement, "kind": kind, "as_of": f"{at}T12:00:00+00:00", **SAID, **entries}
    return read_request(runtime, form, NOW, by)


def answer(runtime: Runtime, request: AdjustmentRequest, option: str = "Approve", by: str = "vera") -> Confirmation:
    return Confirmation(option, by, NOW, tell_effect(request.adjustment, find_effect(runtime, request)))


def adjust(play: Play, engagement: str, kind: str, at: str, **entries: Any) -> int:
    """Record an adjustment that Vera confirms, and judge it; return how many decisions that made."""
    request = ask(play.runtime, engagement, kind, at, **entries)
    assert record(play.runtime, request, answer(play.runtime, request))
    return judge_adjusted(play.runtime, request)


def build_few() -> Scenario:
    down = {"kind": "status", "status": 503, "from": "2026-03-14T00:00:00Z", "until": "2026-03-24T00:00:00Z"}
    customers = [customer(name.split()[0], GO_LIVE) for name in (ACME, BETA, CODY)]
    scenario = build_world(customers, [TimedFault("acme", down)])
    (record,) = (r for r in scenario.org.list_records("ICM__c") if r["Name"] == BETA)
    moved = {"Id": record["Id"], "Go_Live_Date__c": date(2026, 3, 16)}
    scenario.org.put("ICM__c", datetime(2026, 3, 12, 9, tzinfo=UTC), moved)
    return scenario


@pytest.fixture
def play(tmp_path: Path, ledger_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Play]:
    with playing(build_few(), tmp_path, ledger_url, monkeypatch, approvers="vera, jonas, ops", batches=1) as played:
        yield played


@pytest.mark.timeout(600)
def test_adjustments_hold_through_the_weekly_runs(play: Play) -> None:
    play.run(RUNS[0].as_of)
    # A pause of Acme, a cancelled Cody, another manager for Beta.
    assert adjust(play, ACME, "pause", "2026-03-10", starts_on="2026-03-09") == 0
    assert adjust(play, CODY, "cancelled", "2026-03-10") == 0
    assert adjust(play, BETA, "owner_changed", "2026-03-10", role="EM", person="Ben") == 0
    assert [play.standings()[name].state for name in (ACME, CODY)] == ["PAUSED", "CANCELLED"]

    with pytest.raises(UnhealthyRunError) as red:
        play.run(RUNS[1].as_of)
    told = str(red.value)
    new = told[told.index("new:") : told.index("known:")]
    assert f"{BETA}: engagements (go-live)" in new
    assert "record go_live_moved to confirm it" in new
    assert ACME not in new
    assert ACME in told
    assert CODY not in told
    standings = play.standings()
    assert standings[ACME].verdict_of(Week.parse(W11)) == "UNKNOWN (paused)"
    assert play.verdicts(BETA).keys() == {W10, W11}
    assert play.verdicts(CODY).keys() == {W10}
    assert len({pull.pull for pull in read_pulls(play.runtime.engine, ["cody"], "9")}) == 1
    beta = find_engagement(play.runtime.engine, BETA)
    assert (beta.go_live, beta.roles["EM"]) == (GO_LIVE, "Ben")

    # The go-live is confirmed; Acme goes on, and the fault that it had all along is told now.
    assert adjust(play, BETA, "go_live_moved", "2026-03-17", go_live="2026-03-16") == 2
    assert play.standings()[BETA].cycle_reason.startswith("cycle not started")
    assert adjust(play, ACME, "resume", "2026-03-20", resumes_on="2026-03-16") == 1
    with pytest.raises(UnhealthyRunError) as red:
        play.run(RUNS[2].as_of)
    told = str(red.value)
    assert ACME in told[: told.index("optional:")]
    assert "503" in told
    assert f"recovered: {BETA}: engagements (go-live)" in told
    assert play.verdicts(BETA).keys() == {W10, W11, W12}
    assert verify_chain(play.runtime.engine) == []
    engagement = find_engagement(play.runtime.engine, ACME)
    assert [each.confirmed_by for each in read_adjustments(play.runtime.engine, engagement.id)] == ["vera", "vera"]


@pytest.fixture
def judged(play: Play) -> Play:
    play.run(RUNS[0].as_of)
    return play


def test_only_a_persons_answer_to_what_was_shown_is_recorded_and_once(judged: Play) -> None:
    runtime = judged.runtime
    request = ask(runtime, BETA, "pause", "2026-03-10", starts_on="2026-03-09")
    with pytest.raises(PermanentError, match="nobody has confirmed this pause"):
        record_confirmed(runtime, request, "hypercare_adjust manual__1")
    refused = {
        "rejected": answer(runtime, request, "Reject"),
        "may not confirm": answer(runtime, request, by="mallory"),
        "has changed since": Confirmation("Approve", "vera", NOW, "something else"),
    }
    for words, each in refused.items():
        with pytest.raises(PermanentError, match=words):
            record(runtime, request, each)
    assert read_adjustments(runtime.engine, request.engagement.id) == ()
    record_confirmation(runtime.engine, "hypercare_adjust manual__1", answer(runtime, request))
    assert record_confirmed(runtime, request, "hypercare_adjust manual__1")
    assert not record_confirmed(runtime, request, "hypercare_adjust manual__1")
    assert len(read_adjustments(runtime.engine, request.engagement.id)) == 1


def test_whoever_asks_confirms_no_waiver(judged: Play) -> None:
    runtime = judged.runtime
    waiver = {"criterion": "reconciliation_cycle"}
    asked = ask(runtime, BETA, "waiver_asked", "2026-03-10", expires_on="2026-05-01", **waiver)
    assert {each.id for each in list_confirmers(runtime, asked)} == {"vera", "jonas", "ops"}
    assert record(runtime, asked, answer(runtime, asked, by="ops"))
    by_mia = {"evidence": "mail", "decided_by": "Mia Example", **waiver}
    granted = ask(runtime, BETA, "waiver_approved", "2026-03-10", by="mia", **by_mia)
    assert {each.id for each in list_confirmers(runtime, granted)} == {"vera", "jonas"}
    with pytest.raises(PermanentError, match="ops may not confirm"):
        record(runtime, granted, answer(runtime, granted, by="ops"))
    own = ask(runtime, BETA, "waiver_approved", "2026-03-10", by="vera", **by_mia)
    with pytest.raises(
        ConfigurationError, match=r"2 people beside vera and ops must be able to confirm a waiver_approved"
    ):
        list_confirmers(runtime, own)
    assert judged.standings()[BETA].state == "IN CYCLE"
    assert record(runtime, granted, answer(runtime, granted))
    assert judge_adjusted(runtime, granted) == 1
    # What people are still to answer keeps it from READY.
    assert (judged.standings()[BETA].cycle, judged.standings()[BETA].state) == ("FAIL", "CYCLE COMPLETE")
    assert verify_chain(runtime.engine) == []


def test_the_command_line_shows_the_effect_and_records_only_what_was_confirmed(
    judged: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hypercare.commands.adjust.open_migrated_runtime", lambda: nullcontext(judged.runtime))
    runner = CliRunner()
    pause = [
        "adjust",
        BETA,
        "pause",
        "starts_on=2026-03-09",
        "reason=year end",
        "decided_by=ana",
        "--requested-by",
        "ana",
    ]
    pause += ["--as-of", "2026-03-10T12:00:00+00:00"]
    for options in ([], ["--dry-run"], ["--dry-run", "--confirmed-by", "vera"]):
        shown = runner.invoke(app, [*pause, *options])
        assert shown.exit_code == 0, shown.output
        assert f"{BETA} rests from 2026-03-09 until it is resumed" in shown.output
        assert "gate: IN CYCLE" in shown.output
        assert "nothing is recorded" in shown.output
    refused = runner.invoke(app, [*pause, "--confirmed-by", "mallory"])
    assert refused.exit_code == 1
    assert "mallory may not confirm" in refused.output
    recorded = runner.invoke(app, [*pause, "--confirmed-by", "vera"])
    assert recorded.exit_code == 0, recorded.output
    assert "recorded; 0 decisions" in recorded.output
    again = runner.invoke(app, [*pause, "--confirmed-by", "vera"])
    assert again.exit_code == 1
    assert "refused by R16: it rests from 2026-03-09 through now; resume first" in again.output
    wrong = runner.invoke(app, ["adjust", "Nobody", "cancelled", "reason=x"])
    assert wrong.exit_code == 1
    assert "no engagement is called Nobody" in wrong.output
