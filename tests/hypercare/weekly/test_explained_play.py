"""A returned payment that people explain: the failed week gets a new revision, and later weeks carry it (rule R9)."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from hypercare.ledger.adjustments import Confirmation
from hypercare.ledger.chain import verify_chain
from hypercare.ledger.evidence import latest_revisions
from hypercare.model import ExceptionState
from hypercare.weekly import explain
from hypercare.weekly.approvers import APPROVE
from hypercare.weekly.request import RunRequest
from hypercare.weeks import Week
from sandbox.trackers import FilledRow, FilledSheet, Tracker
from tests.hypercare.weekly.few_customers import build_world, customer
from tests.hypercare.workbooks import headers_of
from tests.playing import Play, playing

WEEK = Week(2026, 12)


def copy_open_row(folder: Path, answers: str) -> dict[str, Any]:
    """Take the one open difference off our file, as a person would."""
    sheet = load_workbook(folder / answers)["Exceptions"]
    header, *rows = sheet.iter_rows(min_row=3, values_only=True)
    (row,) = [dict(zip(header, row, strict=True)) for row in rows]
    return row


def run(play: Play, number: int, days: int = 0) -> None:
    as_of = play.scenario.runs[number].as_of + timedelta(days=days)
    play.set_clock(as_of)
    play.run_steps(RunRequest(as_of=as_of))


@pytest.mark.timeout(600)
def test_an_explained_difference_clears_its_week(tmp_path: Path, ledger_url: str, monkeypatch: pytest.MonkeyPatch):
    scenario = build_world([customer("Returner", date(2026, 3, 2), "returned", method="sepa")])
    with playing(scenario, tmp_path, ledger_url, monkeypatch) as play:
        for number in range(3):
            run(play, number)
        assert play.verdicts("Returner go-live")[str(WEEK)] == "FAIL"

        (tracker,) = scenario.trackers
        row = copy_open_row(tmp_path / "trackers", tracker.file_name.replace(".xlsx", ".answers.xlsx"))
        told = {"Reason Code": "outside_coupa", "Explanation": "Paid by cheque", "Explained By": "Ana Example"}
        accepted = {"Accepted By": "Terry Client", "Accepted On": date(2026, 3, 24)}
        seen_at = scenario.runs[2].as_of
        rows = tuple(
            FilledRow(seen_at, tuple((row | more).get(name) for name in headers_of("exceptions")), until)
            for more, until in ((told, seen_at + timedelta(days=1)), (told | accepted, None))
        )
        people = FilledSheet("People", "", ("Role", "Name"), (FilledRow(seen_at, ("finance contact", "Terry Client")),))
        explained = FilledSheet("Exceptions", "", tuple(headers_of("exceptions")), (rows[0], rows[1]))
        scenario.trackers[0] = Tracker(tracker.file_name, tracker.items, (explained, people))  # type: ignore[index]

        run(play, 2, days=1)
        assert play.verdicts("Returner go-live")[str(WEEK)] == "CLEARED"
        (engagement,) = play.standings().values()
        revision = latest_revisions(play.runtime.engine, engagement.engagement.id)[WEEK]
        assert (revision.key.revision, revision.reason) == (2, "exceptions cleared")
        (resolved,) = {row.state for row in revision.evidence.exceptions if not row.check.startswith("no_")}
        assert resolved is ExceptionState.EXPLAINED
        run(play, 3)
        assert play.verdicts("Returner go-live")["2026-W13"] == "PASS"
        assert verify_chain(play.runtime.engine) == []


@pytest.mark.timeout(600)
def test_a_difference_explained_by_form_clears_its_week(
    tmp_path: Path, ledger_url: str, monkeypatch: pytest.MonkeyPatch
):
    scenario = build_world([customer("Returner", date(2026, 3, 2), "returned", method="sepa")])
    with playing(scenario, tmp_path, ledger_url, monkeypatch, approvers="vera") as play:
        for number in range(3):
            run(play, number)
        (standing,) = play.standings().values()
        (row,) = latest_revisions(play.runtime.engine, standing.engagement.id)[WEEK].evidence.exceptions
        asked_at = scenario.runs[2].as_of + timedelta(hours=3)
        form = {"engagement": standing.engagement.name, "check": row.check, "row": row.key, "explanation": "by cheque"}
        form |= {"reason_code": "outside_coupa", "as_of": asked_at.isoformat()}
        request = explain.read_request(play.runtime, form, asked_at, "ana")
        shown = explain.tell_request(play.runtime, request)
        assert explain.record(play.runtime, request, Confirmation(APPROVE, "vera", asked_at, shown))
        assert play.verdicts("Returner go-live")[str(WEEK)] == "FAIL"
        run(play, 2, days=1)
        assert play.verdicts("Returner go-live")[str(WEEK)] == "CLEARED"
        revision = latest_revisions(play.runtime.engine, standing.engagement.id)[WEEK]
        assert (revision.key.revision, revision.reason) == (2, "exceptions cleared")
        (resolved,) = revision.evidence.exceptions
        assert (resolved.state, resolved.accepted_by) == (ExceptionState.EXPLAINED, "vera")
        assert verify_chain(play.runtime.engine) == []
