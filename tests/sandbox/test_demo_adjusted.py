"""What people decide in the demo world, and what gives them reason to."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from demo_look import BY_NAME, LAST_RUN, demo_world, look, moment

from sandbox.demo.adjusted import ADJUSTED, DECISIONS
from sandbox.demo.expectations import RUNS
from sandbox.demo.workbooks import fill_sheets

BY_LABEL = {run.label: run for run in RUNS}


def test_decisions_are_told_as_the_form_takes_them_and_lie_between_their_run_and_the_next():
    told = demo_world().describe("127.0.0.1", 1, Path())["decisions"]
    assert json.loads(json.dumps(told)) == told
    assert len(told) == len(DECISIONS) >= 6
    order = list(BY_LABEL)
    for decision, entry in zip(DECISIONS, told, strict=True):
        assert entry["form"]["engagement"] == entry["engagement"] in {customer.name for customer in ADJUSTED}
        assert entry["form"]["as_of"] == decision.at.isoformat()
        assert {"kind", "reason", "decided_by"} <= entry["form"].keys()
        assert entry["asked_by"] != entry["confirmed_by"]
        # After the last run nothing would be left to show what came of it.
        following = RUNS[order.index(decision.after_run) + 1]
        assert BY_LABEL[decision.after_run].as_of < decision.at < following.as_of


@pytest.mark.parametrize(
    "wrong",
    [(DECISIONS[0], DECISIONS[0]), (replace(DECISIONS[0], after_run="2026-W30"),)],
    ids=["two of one engagement after a run", "after a run that there is not"],
)
def test_decisions_that_would_not_be_made_by_themselves_are_refused(wrong):
    assert replace(demo_world(), decisions=DECISIONS[:1]).decisions == DECISIONS[:1]
    with pytest.raises(ValueError, match="decisions"):
        replace(demo_world(), decisions=wrong)


def test_one_go_live_moves_in_salesforce_after_its_first_week():
    org = demo_world().org
    seen = []
    for run in RUNS:
        org.clock = run.as_of
        seen += [r["Go_Live_Date__c"] for r in org.list_records("ICM__c") if r["Name"] == "Xenia Ceramics go-live"]
    assert [str(day) for day in seen] == ["2026-03-02", *["2026-03-16"] * 4]


def test_one_payment_of_week_two_never_reaches_the_erp():
    payments = [body for _, body in look(BY_NAME["Zinnia Cosmetics"], "coupa_pay/payments")]
    settled = [body for body in payments if body["status"] == "completed_successfully"]
    lost = [body for body in settled if not body["exported"]]
    assert [moment(body["released-at"]).date() for body in lost] == [date(2026, 3, 10)]
    assert len(settled) > 10


def test_who_is_paused_goes_on_buying_and_paying():
    willowbrook = BY_NAME["Willowbrook Dairies"]
    for resource, instant in (("invoices", "created-at"), ("coupa_pay/payments", "released-at")):
        weeks = {moment(body[instant]).isocalendar()[1] for _, body in look(willowbrook, resource) if body[instant]}
        assert {12, 13} <= weeks, resource


def test_who_wants_out_says_so_before_the_last_run_and_leaves_the_rest_of_the_checklist():
    checklist, people = fill_sheets(BY_NAME["Yarrow Publishing"])
    rows = [row.values[:3] for row in checklist.rows if row.stands(RUNS[-2].as_of)]
    assert rows == [row.values[:3] for row in checklist.rows if row.stands(LAST_RUN)] == [("CR-1", None, "Yes")]
    assert not any(row.stands(RUNS[-3].as_of) for row in checklist.rows)
    assert people.rows


def test_a_partner_answers_too_early_and_then_in_time():
    checklist, _ = fill_sheets(BY_NAME["Lumen Textiles"])
    days = [{row.values[5] for row in checklist.rows if row.stands(run.as_of)} for run in RUNS]
    assert days == [set(), set(), set(), {date(2026, 3, 27)}, {date(2026, 4, 6)}]
