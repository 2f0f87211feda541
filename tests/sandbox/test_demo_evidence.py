"""The demo world's evidence beside the API: what finance signs, a bank books, people explain, files and Jira hold."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

from demo_look import BY_NAME, LAST_RUN, PAYING, demo_world, look, moment
from openpyxl import load_workbook

from sandbox.clocks import Clocks
from sandbox.demo.evidence_incidents import INTEGRATION_DOWN, SUPPLIER_WAITS_FOR
from sandbox.demo.evidenced import EVIDENCED
from sandbox.demo.expectations import RUNS
from sandbox.demo.finance import CYCLE, count_week

WEEK = timedelta(days=7)


def payments_of(name, status="completed_successfully"):
    return [body for _, body in look(BY_NAME[name], "coupa_pay/payments") if body["status"] == status]


def test_the_figures_that_finance_signs_roll_forward():
    instance = demo_world().world.instances["quarrystone"]
    weeks = [count_week(instance, monday) for monday in (CYCLE[0] - WEEK, *CYCLE)]
    for before, week in pairwise(weeks):
        assert before.closing + week.approved - week.paid == week.closing
        assert week.approved > 0
        assert week.paid > 0


def test_they_stand_in_the_workbook_before_the_last_run_only(tmp_path):
    clocks, found = Clocks(demo_world(), tmp_path / "trackers"), []
    for run in RUNS:
        clocks.move_to(run.as_of)
        sheet = load_workbook(tmp_path / "trackers" / "quarrystone-cement-action-items.xlsx")["Finance sign-off"]
        found.append([row for row in sheet.iter_rows(min_row=4, values_only=True) if row[0]])
    assert [len(rows) for rows in found] == [0, 0, 0, 0, 4]
    assert [row[0] for row in found[-1]] == ["2026-W09", "2026-W10", "2026-W11", "2026-W12"]
    instance = demo_world().world.instances["quarrystone"]
    for row, monday in zip(found[-1], CYCLE, strict=True):
        figures = count_week(instance, monday)
        assert [Decimal(str(cell)) for cell in row[3:6]] == [figures.approved, figures.paid, figures.closing]


def test_nobody_else_signs_or_explains():
    sheets = Counter(sheet.title for tracker in demo_world().trackers for sheet in tracker.sheets)
    assert (sheets["Finance sign-off"], sheets["Exceptions"]) == (1, 1)


def test_the_bank_books_what_was_paid():
    (account,) = demo_world().bank_accounts
    completed = payments_of("Ravenna Glass")
    debits = [booking for booking in account.bookings if booking.code == ("PMNT", "ICDT", "ESCT")]
    assert sum(each.amount for each in debits) == sum(Decimal(body["pay-to-total"]) for body in completed)
    assert sum(len(each.transfers) for each in debits) == len(completed) >= 10
    named = {transfer.reference for each in debits for transfer in each.transfers} - {""}
    assert named <= {body["payment-identifier"] for body in completed}
    shapes = {(bool(each.batch), each.is_itemised, bool(each.transfers[0].reference)) for each in debits}
    assert shapes == {(False, True, True), (True, True, True), (False, True, False), (True, False, True)}


def test_statements_lie_in_the_folder_of_its_icm_record(tmp_path):
    clocks = Clocks(demo_world(), tmp_path / "trackers")
    demo_world().org.clock = LAST_RUN
    by_name = {record["Name"]: record["Id"] for record in demo_world().org.list_records("ICM__c")}
    for number, run in enumerate(RUNS, start=1):
        clocks.move_to(run.as_of)
        assert [folder.name for folder in (tmp_path / "bank").iterdir()] == [by_name["Ravenna Glass go-live"]]
        assert len(list((tmp_path / "bank").glob("*/*.xml"))) == number


def test_one_invoice_waits_and_its_due_date_moves():
    solstice = BY_NAME["Solstice Brewing"]
    due = []
    for run in RUNS:
        (waiting,) = [
            body
            for _, body in look(solstice, "invoices", run.as_of)
            if Decimal(body["total-with-taxes"]) == SUPPLIER_WAITS_FOR
        ]
        assert (waiting["status"], waiting["paid"]) == ("approved", False)
        due.append(moment(waiting["net-due-date"]).date())
    assert due == [date(2026, 3, 3)] * 3 + [date(2026, 3, 17), date(2026, 3, 24)]


def test_the_bank_refuses_one_whole_run_whose_invoices_are_paid_a_week_later():
    refused = payments_of("Tidewater Marine", "completed_with_errors")
    assert {moment(body["released-at"]).date() for body in refused} == {date(2026, 3, 10)}
    assert len(refused) >= 3
    released = [body for _, body in look(BY_NAME["Tidewater Marine"], "coupa_pay/payments") if body["released-at"]]
    assert [body for body in released if moment(body["released-at"]).date() == date(2026, 3, 10)] == refused
    owed = {detail["source-transaction-id"] for body in refused for detail in body["payment-details"]}
    paid = {
        detail["source-transaction-id"]: moment(body["released-at"]).date()
        for body in payments_of("Tidewater Marine")
        for detail in body["payment-details"]
    }
    assert {paid[invoice] for invoice in owed} == {date(2026, 3, 17)}


def test_one_gives_no_api_and_drops_files(tmp_path):
    described = demo_world().describe("127.0.0.1", 1, tmp_path / "trackers")["connections"]
    without = [each["conn_id"] for each in described if "drops" in each["extra"]]
    assert without == ["coupa_umbria"]
    Clocks(demo_world(), tmp_path / "trackers").move_to(LAST_RUN)
    files = list((tmp_path / "drops" / "umbria").glob("*/*.csv"))
    assert len({path.parent.name for path in files}) >= 8
    assert len(files) < 250


def test_one_integration_fails_from_week_four_on():
    runs = [
        (moment(body["start-time"]).date(), body["status"])
        for _, body in look(BY_NAME["Vantage Couriers"], "integration_runs")
        if body["integration"]["name"] == INTEGRATION_DOWN
    ]
    failed = {day for day, status in runs if status == "failed"}
    assert min(failed) == date(2026, 3, 26)
    assert {day for day, status in runs if status == "successful"} == {day for day, _ in runs if day < min(failed)}


def test_its_people_track_their_items_in_jira():
    (site,) = demo_world().jira_sites
    demo_world().org.clock = LAST_RUN
    trackers = {record["Name"]: record for record in demo_world().org.list_records("ICM__c")}
    vantage = trackers["Vantage Couriers go-live"]
    assert vantage["Tracker__c"] == f"jira:{site.name}/HC"
    assert vantage["Tracker_Writable__c"] is True
    writable = [name for name, record in trackers.items() if record["Tracker_Writable__c"]]
    assert writable == ["Vantage Couriers go-live"]
    (workbook,) = [each for each in demo_world().trackers if each.file_name == vantage["Hypercare_Workbook__c"]]
    assert workbook.items == ()


def test_they_stay_small():
    sizes = {customer.name: len(look(customer, "invoices")) for customer in PAYING if customer in EVIDENCED}
    assert len(sizes) == len(EVIDENCED)
    assert max(sizes.values()) < 50, sizes
