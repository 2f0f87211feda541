"""A ledger with judged weeks of one engagement, and the workbook that its people fill; no outside system is needed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from openpyxl import load_workbook
from sqlalchemy import select

from hypercare.canonical import plain
from hypercare.ledger.evidence import RevisionKey, begin_revision, seal_revision, write_reconciliation
from hypercare.ledger.roster import record_engagements
from hypercare.ledger.workbook_tables import form_entries
from hypercare.model import (
    COUPA_PAY,
    CheckResult,
    Engagement,
    ErpLeg,
    FeedHealth,
    FeedState,
    ReconciliationException,
    Segment,
    Verdict,
    WeekEvidence,
    WeekFacts,
)
from hypercare.policy import CheckLevel
from hypercare.reconciled_rows import NO_ROWS, ReconciledRows
from hypercare.runtime import Runtime, open_runtime
from hypercare.settings import Settings
from hypercare.week_verdict import judge_week
from hypercare.weekly.answering import answer_workbooks
from hypercare.weekly.judge import judge_all
from hypercare.weekly.workbooks import read_workbooks
from hypercare.weeks import Week
from tests.hypercare.workbooks import FORM, headers_of, make_file, row_of

NAME = "acme.xlsx"
ANSWERS = "acme.answers.xlsx"
WEEKS = [Week(2026, number) for number in (10, 11, 12, 13, 14)]
RUN = datetime(2026, 4, 6, 14, 30, tzinfo=UTC)
"""The Monday after the cycle's last week."""
DAY = timedelta(days=1)
ENGAGEMENT = Engagement(
    id="a0X000000000001",
    name="Acme go-live",
    customer="Acme",
    account_id="001000000000001",
    segment=Segment.ENTERPRISE,
    region="EMEA",
    go_live=date(2026, 3, 2),
    products=frozenset({COUPA_PAY}),
    time_zone="Europe/Berlin",
    instances=("acme",),
    tracker=NAME,
    roles={"EM": "Mo Vendor", "CVM": "Bo Example", "finance contact": "Terry Client"},
)
OPEN = ReconciliationException(
    check="errors_resolved",
    key="payment:776",
    week=WEEKS[-1],
    words="payment 776 failed and is cancelled, no later success",
    amount=Decimal("100.00"),
    currency="EUR",
    legal_entity="Acme SE",
)
ROLL_FORWARD = {
    "legal_entity": "Acme SE",
    "currency": "EUR",
    "opening": "40",
    "approved": "100",
    "paid": "60",
    "closing": "80",
}
CHECKED = {"answer": "Yes", "answered_by": "Mo Vendor", "role": "EM", "answered_on": date(2026, 4, 7)}
ITEMS = ("CP-1", "CP-2", "CP-3", "CP-4", "CP-5", "CP-6", "CP-7", "CR-1")


@dataclass(frozen=True)
class Desk:
    """One engagement's ledger and folder."""

    runtime: Runtime
    folder: Path
    engagement: Engagement

    def seal(
        self,
        week: Week,
        exceptions: Sequence[ReconciliationException] = (),
        as_of: datetime = RUN,
        *,
        details: Mapping[str, Any] | None = None,
        rows: ReconciledRows = NO_ROWS,
        pulls: Sequence[Sequence[str]] = (),
    ) -> None:
        """Freeze a week that is good apart from these exceptions; `details` and `rows` are what stands behind it."""
        policy = self.runtime.policy.for_engagement(self.engagement)
        named = {row.check for row in exceptions}
        checks = tuple(
            CheckResult(
                name,
                check.title,
                Verdict.FAIL if name in named else Verdict.PASS,
                required=True,
                advisory=False,
                rows=200,
                exceptions=sum(row.check == name for row in exceptions),
            )
            for name, check in policy.reconciliation.checks.items()
            if policy.find_check_level(name, self.engagement) is CheckLevel.REQUIRED
        )
        names = [*policy.list_required_feeds(self.engagement), *policy.action_items.required_sources]
        feeds = tuple(FeedHealth(name, FeedState.VALID, required=True) for name in names)
        facts = WeekFacts(1, True, date(2026, 3, 3), date(2026, 3, 3))
        evidence = WeekEvidence(week, 1, checks, tuple(exceptions), feeds, facts)
        judgement = judge_week(evidence, policy, as_of, self.engagement)
        key = RevisionKey(self.engagement.id, week, 1)
        opening: dict[str, Any] = {"reason": "first", "words": "", "as_of": as_of, "pulls": list(pulls), "facts": {}}
        with self.runtime.engine.begin() as connection:
            assert begin_revision(connection, key, {**opening, "feeds": plain(feeds)})
            write_reconciliation(connection, key, checks, exceptions, rows)
            seal_revision(connection, key, judgement, facts, dict(details or {"roll_forward": [ROLL_FORWARD]}))

    def save(self, sheets: Mapping[str, Sequence[Mapping[str, Any]]], **options: Any) -> bytes:
        """Let people save their workbook: rows of the form's sheets."""
        filled = {
            FORM.sheets[name].title: [headers_of(name), *(row_of(name, **row) for row in rows)]
            for name, rows in sheets.items()
        }
        content = make_file({"Action Items": [["ID", "Problem", "State"]], **filled}, **options)
        (self.folder / NAME).write_bytes(content)
        return content

    def run(self, as_of: datetime = RUN) -> None:
        """Read, judge, answer."""
        assert read_workbooks(self.runtime, as_of) == []
        judge_all(self.runtime, as_of)
        assert answer_workbooks(self.runtime, as_of) == []

    def answers(self, sheet: str) -> list[tuple[Any, ...]]:
        """What our file says on one of its sheets, below its header."""
        rows = load_workbook(self.folder / ANSWERS)[sheet].iter_rows(min_row=4, values_only=True)
        return [row for row in rows if any(value is not None for value in row)]

    def list_form_entries(self) -> list[tuple[Any, ...]]:
        """What forms have told: key, told by, requested by, confirmed by, as of."""
        table = form_entries
        query = select(table.c.key, table.c.told_by, table.c.requested_by, table.c.confirmed_by, table.c.recorded_as_of)
        with self.runtime.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(query.order_by(table.c.recorded_as_of, table.c.key))]


@contextmanager
def opening_desk(folder: Path, ledger_url: str, approvers: str = "", **changes: Any) -> Iterator[Desk]:
    """Open a ledger in which one engagement is in hypercare."""
    from dataclasses import replace

    engagement = replace(ENGAGEMENT, **changes)
    trackers = folder / "trackers"
    trackers.mkdir()
    settings = Settings(state_folder=folder, ledger_url=ledger_url, tracker_url=str(trackers), approvers=approvers)
    with open_runtime(settings) as runtime:
        record_engagements(runtime.engine, [engagement], RUN)
        yield Desk(runtime, trackers, engagement)


LEVEL_ONE = {"erp_leg": ErpLeg.NONE}
