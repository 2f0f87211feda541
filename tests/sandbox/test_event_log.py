"""Event logs as Coupa records: hand-picked real cases against the rows of the CSV, and small logs for the edges."""

from __future__ import annotations

import csv
import gzip
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path

import pytest

from sandbox.event_log import load_event_logs
from sandbox.event_records import read_number, round_to_cents

DATA = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "bpic2020"
WEEKS = "2018-W10..2018-W14"
COLUMNS = {
    "RequestForPayment": "case,time:timestamp,(case)_Cost_Type,(case)_OrganizationalEntity,(case)_RequestedAmount,"
    "(case)_RfpNumber,(case)_Rfp_id,concept:name",
    "DomesticDeclarations": "case,time:timestamp,(case)_Amount,(case)_DeclarationNumber,(case)_id,concept:name",
}
REQUEST = "c1,{at},0,organizational unit 7,{amount},request for payment number 12,request for payment 11,{activity}"
DECLARATION = "d1,{at},{amount},UNKNOWN,declaration 21,{activity}"


# --- small logs ---


def write_log(folder, name, template, events, amount="10.005"):
    rows = [template.format(at=at, amount=amount, activity=activity) for at, activity in events]
    with gzip.open(folder / f"{name}.csv.gz", "wt") as file:
        file.write("\n".join([COLUMNS[name], *rows]) + "\n")
    return folder


def at(day, hour=9):
    return f"2018-03-{day:02d}T{hour:02d}:00:00.000+01:00"


def show(scenario, instance, resource, moment):
    shown = scenario.world.instances[instance]
    shown.clock = datetime.fromisoformat(moment)
    return list(shown.records(resource))


def test_a_case_becomes_a_record_step_by_step(tmp_path):
    events = [
        (at(5), "Request For Payment SUBMITTED by EMPLOYEE"),
        (at(6), "Request For Payment REJECTED by ADMINISTRATION"),
        (at(7), "Request For Payment SUBMITTED by EMPLOYEE"),
        (at(8), "Request For Payment FINAL_APPROVED by SUPERVISOR"),
        (at(9), "Request Payment"),
        (at(12), "Payment Handled"),
    ]
    scenario = load_event_logs(write_log(tmp_path, "RequestForPayment", REQUEST, events), WEEKS)

    def invoice(day):
        (only,) = show(scenario, "unit7", "invoices", at(day, 9))
        return only

    assert show(scenario, "unit7", "invoices", at(5, 8)) == []
    statuses = [invoice(day)["status"] for day in (5, 6, 7, 8, 9, 12)]
    assert statuses == ["pending_approval", "rejected", "pending_approval", "approved", "approved", "approved"]
    assert invoice(12)["created-at"] == "2018-03-05T09:00:00+01:00"
    assert invoice(12)["updated-at"] == "2018-03-12T09:00:00+01:00"
    assert invoice(7)["net-due-date"] is None
    assert invoice(8)["net-due-date"] == "2018-03-22T00:00:00+01:00"
    assert (invoice(9)["paid"], invoice(9)["amount-due"]) == (False, "10.00")
    assert (invoice(12)["paid"], invoice(12)["amount-due"]) == (True, "0.00")
    assert [payment["amount-paid"] for payment in invoice(12)["payments"]] == ["10.00"]
    steps = [
        (step["type"], step["status"], step["created-at"][:10], step["approval-date"][:10])
        for step in invoice(12)["approvals"]
    ]
    assert steps == [
        ("ADMINISTRATION", "rejected", "2018-03-05", "2018-03-06"),
        ("SUPERVISOR", "approved", "2018-03-07", "2018-03-08"),
    ]
    assert show(scenario, "unit7", "coupa_pay/payments", at(8)) == []
    (released,) = show(scenario, "unit7", "coupa_pay/payments", at(10))
    (completed,) = show(scenario, "unit7", "coupa_pay/payments", at(12))
    assert (released["status"], released["released-at"]) == ("payment_initiated", "2018-03-09T09:00:00+01:00")
    assert (completed["status"], completed["released-at"]) == ("completed_successfully", released["released-at"])
    assert completed["pay-to-total"] == completed["payment-details"][0]["payment-total"] == "10.00"


def test_due_dates_are_local_midnights_over_the_change_to_summer_time(tmp_path):
    events = [(at(20), "Request For Payment FINAL_APPROVED by SUPERVISOR")]
    scenario = load_event_logs(write_log(tmp_path, "RequestForPayment", REQUEST, events), WEEKS)
    (invoice,) = show(scenario, "unit7", "invoices", at(20))
    assert invoice["net-due-date"] == "2018-04-03T00:00:00+02:00"


def test_a_saved_declaration_is_a_draft_and_unknown_numbers_fall_back_on_the_id(tmp_path):
    log = write_log(tmp_path, "DomesticDeclarations", DECLARATION, [(at(5), "Declaration SAVED by EMPLOYEE")])
    scenario = load_event_logs(log, WEEKS)
    (report,) = show(scenario, "domestic", "expense_reports", at(6))
    assert (report["status"], report["submitted-at"], report["title"]) == ("draft", None, "declaration 21")


def test_skipped_activities_are_counted_and_make_no_record(tmp_path):
    events = [
        (at(5), "Permit SUBMITTED by EMPLOYEE"),
        (at(6), "Permit SUBMITTED by EMPLOYEE"),
        (at(7), "Send Reminder"),
    ]
    scenario = load_event_logs(write_log(tmp_path, "RequestForPayment", REQUEST, events), WEEKS)
    assert scenario.skipped == {"Permit SUBMITTED by EMPLOYEE": 2, "Send Reminder": 1}
    assert scenario.describe("127.0.0.1", 1, tmp_path)["skipped"] == dict(scenario.skipped)
    assert show(scenario, "unit7", "invoices", at(8)) == []


def test_a_payment_handled_that_nobody_requested_marks_the_document_only(tmp_path):
    scenario = load_event_logs(write_log(tmp_path, "RequestForPayment", REQUEST, [(at(5), "Payment Handled")]), WEEKS)
    (invoice,) = show(scenario, "unit7", "invoices", at(5))
    assert (invoice["paid"], invoice["status"]) == (True, "draft")
    assert show(scenario, "unit7", "coupa_pay/payments", at(5)) == []
    assert sum(scenario.skipped.values()) == 1


def test_equal_times_keep_the_order_of_the_file(tmp_path):
    events = [
        (at(5), "Request For Payment SUBMITTED by EMPLOYEE"),
        (at(5), "Request For Payment FINAL_APPROVED by SUPERVISOR"),
    ]
    scenario = load_event_logs(write_log(tmp_path, "RequestForPayment", REQUEST, events), WEEKS)
    (invoice,) = show(scenario, "unit7", "invoices", at(5))
    assert invoice["status"] == "approved"


@pytest.mark.parametrize(
    ("amount", "cents"), [("10.005", "10.00"), ("10.015", "10.02"), ("0.0", "0.00"), ("7", "7.00")]
)
def test_amounts_are_rounded_half_even(amount, cents):
    assert round_to_cents(amount) == cents


def test_refusals_say_what_is_wrong(tmp_path):
    with pytest.raises(ValueError, match="holds no event log"):
        load_event_logs(tmp_path, WEEKS)
    with pytest.raises(ValueError, match=r"2018-W10\.\.2018-W14"):
        load_event_logs(tmp_path, "2018-10")
    with pytest.raises(ValueError, match="ends before it begins"):
        load_event_logs(tmp_path, "2018-W14..2018-W10")
    with pytest.raises(ValueError, match="does not end in a number"):
        read_number("UNKNOWN")
    with gzip.open(tmp_path / "Other.csv.gz", "wt") as file:
        file.write("case,time:timestamp,concept:name\n1,2018-03-05T00:00:00+01:00,Anything\n")
    with pytest.raises(ValueError, match=r"Other\.csv\.gz"):
        load_event_logs(tmp_path, WEEKS)


def test_weeks_choose_go_live_and_runs(tmp_path):
    log = write_log(tmp_path, "RequestForPayment", REQUEST, [(at(5), "Request For Payment SAVED by EMPLOYEE")])
    scenario = load_event_logs(log, "2017-W52..2018-W02")
    assert [run.label for run in scenario.runs] == ["2017-W52", "2018-W01", "2018-W02"]
    assert scenario.runs[0].as_of == datetime(2018, 1, 1, 14, 30, tzinfo=UTC)
    assert {run.expected_state for run in scenario.runs} == {"finished"}
    (engagement,) = scenario.org.list_records("ICM__c")
    assert engagement["Go_Live_Date__c"] == date(2017, 12, 25)
    assert (engagement["Coupa_Instances__c"], engagement["Stage__c"]) == ("unit7", "In Hypercare")


# --- the real logs ---


def read_cases(name):
    cases = {}
    with gzip.open(DATA / f"{name}.csv.gz", "rt") as file:
        for row in csv.DictReader(file):
            cases.setdefault(row["case"], []).append(row)
    return cases


@pytest.fixture(scope="module")
def real():
    if not DATA.is_dir():
        pytest.skip("../shared/data/bpic2020 is absent: the real records are not being tested")
    return load_event_logs(DATA, WEEKS), read_cases("RequestForPayment"), read_cases("DomesticDeclarations")


@pytest.mark.real_data
def test_every_case_is_there_and_36_customers(real):
    scenario, requests, declarations = real
    instances = scenario.world.instances
    assert len(instances) == len(list(scenario.org.list_records("ICM__c"))) == 36
    for instance in instances.values():
        instance.clock = datetime(2030, 1, 1, tzinfo=UTC)
    by_unit = Counter(
        rows[0]["(case)_OrganizationalEntity"].replace("organizational unit ", "unit") for rows in requests.values()
    )
    assert len(by_unit) == 35
    assert {name: len(instances[name].shelf("invoices").ids) for name in by_unit} == dict(by_unit)
    assert len(instances["domestic"].shelf("expense_reports").ids) == len(declarations) == 10357
    completed = sum(
        payment["status"] == "completed_successfully"
        for instance in instances.values()
        for payment in instance.records("coupa_pay/payments")
    )
    handled = sum(
        {"Payment Handled", "Request Payment"} <= {row["concept:name"] for row in rows}
        for rows in [*requests.values(), *declarations.values()]
    )
    assert completed == handled > 16000


@pytest.mark.real_data
@pytest.mark.parametrize(
    "case", ["requestforpayment148214", "declaration86791", "declaration124535", "requestforpayment176718"]
)
def test_hand_picked_cases_agree_with_the_log_after_each_event(real, case):
    scenario, requests, declarations = real
    rows = requests.get(case) or declarations[case]
    unit = rows[0].get("(case)_OrganizationalEntity", "domestic").replace("organizational unit ", "unit")
    resource, total = ("invoices", "total-with-taxes") if case in requests else ("expense_reports", "total")
    number = int(rows[0].get("(case)_Rfp_id", rows[0].get("(case)_id")).split()[-1])
    amount = Decimal(rows[0].get("(case)_RequestedAmount", rows[0].get("(case)_Amount")))
    instance = scenario.world.instances[unit]
    for count, row in enumerate(rows, start=1):
        instance.clock = datetime.fromisoformat(row["time:timestamp"])
        seen = {each["concept:name"] for each in rows[:count]}
        record = instance.record(resource, number)
        assert datetime.fromisoformat(record["updated-at"]) == instance.clock
        assert datetime.fromisoformat(record["created-at"]) == datetime.fromisoformat(rows[0]["time:timestamp"])
        assert Decimal(record[total]) == amount.quantize(Decimal("0.01"), ROUND_HALF_EVEN)
        assert record["paid"] == ("Payment Handled" in seen)
        assert len(record["approvals"]) == sum(
            "APPROVED by" in each["concept:name"] or "REJECTED by" in each["concept:name"] for each in rows[:count]
        )
        payment = instance.record("coupa_pay/payments", number)
        assert (payment is not None) == ("Request Payment" in seen)
        if payment:
            expected = "completed_successfully" if "Payment Handled" in seen else "payment_initiated"
            assert payment["status"] == expected
            assert Decimal(payment["pay-to-total"]) == Decimal(record[total])


@pytest.mark.real_data
def test_the_known_facts_of_the_logs_hold(real):
    scenario, *_ = real
    unapproved = unpaid = 0
    for instance in scenario.world.instances.values():
        instance.clock = datetime(2030, 1, 1, tzinfo=UTC)
        for resource in ("invoices", "expense_reports"):
            for record in instance.records(resource):
                steps = [step["status"] for step in record["approvals"]]
                unpaid += not record["paid"]
                unapproved += record["paid"] and "approved" not in steps
    assert unpaid == 17117 - 16099
    assert unapproved == 2
    assert sum(scenario.skipped.values()) == 2


@pytest.mark.real_data
def test_nothing_is_shown_before_its_event(real):
    scenario, *_ = real
    moment = datetime(2018, 3, 12, 14, 30, tzinfo=UTC)
    shown = 0
    for instance in scenario.world.instances.values():
        instance.clock = moment
        for resource in ("invoices", "expense_reports", "approvals", "coupa_pay/payments"):
            for record in instance.records(resource):
                shown += 1
                assert datetime.fromisoformat(record["updated-at"]) <= moment + timedelta(seconds=1)
    assert shown > 10000
