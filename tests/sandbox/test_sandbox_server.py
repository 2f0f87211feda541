"""The whole sandbox over HTTP: one clock for all systems, its scenario as data, its faults in their time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest
import requests
from openpyxl import load_workbook
from serving import serve

from sandbox.demo import build_demo
from sandbox.demo.customers import CUSTOMERS
from sandbox.demo.expectations import RUNS, WEEKS
from sandbox.scenario import Scenario, TimedFault
from sandbox.server import create_app

ROOT = Path(__file__).resolve().parents[2]
JSON = {"Accept": "application/json"}
VERDICTS = {"PASS", "FAIL", "UNKNOWN", "QUIET", "CLEARED", "WAIVED"}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sandbox") / "trackers"
    with serve(create_app(build_demo(), folder)) as base:
        yield base, folder


@pytest.fixture(scope="module")
def scenario(sandbox):
    return requests.get(f"{sandbox[0]}/admin/scenario", timeout=10).json()


def set_clock(base, at):
    return requests.put(f"{base}/admin/clock", json={"at": at}, timeout=60)


def connect(scenario, conn_id):
    return next(each for each in scenario["connections"] if each["conn_id"] == conn_id)


def address(connection):
    return f"{connection['schema']}://{connection['host']}:{connection['port']}{connection['extra']['path']}"


def ask_token(connection):
    form = {
        "grant_type": "client_credentials",
        "client_id": connection["login"],
        "client_secret": connection["password"],
        "scope": connection["extra"]["scopes"],
    }
    return requests.post(f"{address(connection)}/oauth2/token", data=form, timeout=10)


def call(connection, resource, **parameters):
    token = ask_token(connection)
    assert token.status_code == 200, token.text
    headers = {**JSON, "Authorization": f"Bearer {token.json()['access_token']}"}
    return requests.get(f"{address(connection)}/api/{resource}", params=parameters, headers=headers, timeout=10)


def query(scenario, soql):
    connection = connect(scenario, "salesforce_default")
    keys = connection["extra"]["consumer_key"], connection["extra"]["consumer_secret"]
    form = {"grant_type": "client_credentials"}
    login = requests.post(f"{address(connection)}/services/oauth2/token", data=form, auth=keys, timeout=10).json()
    answer = requests.get(
        f"{address(connection)}/services/data/v59.0/query/",
        params={"q": soql},
        headers={"Authorization": f"Bearer {login['access_token']}"},
        timeout=10,
    )
    assert answer.status_code == 200, answer.text
    return answer.json()["records"]


def test_the_scenario_says_everything_that_a_play_needs(scenario, sandbox):
    assert [run["label"] for run in scenario["runs"]] == list(WEEKS)
    assert [run["expected_state"] for run in scenario["runs"]] == ["success", "failed", "failed", "failed", "success"]
    assert all(run["clock"] == run["as_of"] for run in scenario["runs"])
    assert all(bool(run["expected_faults"]) == (run["expected_state"] == "failed") for run in scenario["runs"])
    assert scenario["trackers"] == str(sandbox[1])
    airflow = {"conn_id", "conn_type", "host", "port", "schema", "login", "password", "extra"}
    served = [each for each in scenario["connections"] if "drops" not in each["extra"]]
    assert len(served) == len(scenario["connections"]) - 1
    assert all(set(connection) == airflow for connection in served)
    instances = {name for customer in CUSTOMERS for name in customer.instances}
    ids = [connection["conn_id"] for connection in scenario["connections"]]
    assert sorted(ids) == sorted([*(f"coupa_{name}" for name in instances), "jira_vantage", "salesforce_default"])


def test_every_engagement_in_hypercare_has_its_expectation(scenario):
    stages = "select Name, Tracker__c, Hypercare_Workbook__c from ICM__c where Stage__c = 'In Hypercare'"
    found = query(scenario, stages)
    engagements = {each["Name"]: each["Hypercare_Workbook__c"] or each["Tracker__c"] for each in found}
    expected = {entry["engagement"]: entry for entry in scenario["expected"]}
    assert len(expected) == len(engagements) == len(CUSTOMERS) > 17
    assert set(expected) == set(engagements)
    assert len(query(scenario, "select Id from ICM__c")) > len(engagements)
    assert len({entry["scenario"] for entry in expected.values()}) == len(expected)
    for entry in expected.values():
        assert list(entry["weeks"])[-len(WEEKS) :] == list(WEEKS)
        assert set(entry["weeks"].values()) <= VERDICTS
        assert (entry["cycle"] == "PASS") == (entry["state"] not in ("IN CYCLE", "EXCEPTION"))
        for weeks in entry["weeks_by_run"].values():
            assert set(weeks) <= set(WEEKS)
    assert Counter(entry["state"] for entry in expected.values())["READY"] > 8
    assert all((Path(scenario["trackers"]) / name).is_file() for name in engagements.values())


def test_every_instance_answers_with_the_scopes_that_the_scenario_tells(scenario, sandbox):
    set_clock(sandbox[0], RUNS[0].as_of.isoformat())
    for connection in scenario["connections"]:
        if connection["conn_id"].startswith("coupa_") and "drops" not in connection["extra"]:
            assert len(call(connection, "suppliers").json()) == 11


def test_one_clock_moves_every_system(scenario, sandbox):
    base, folder = sandbox
    aurora = connect(scenario, "coupa_aurora")
    seen = []
    for run in scenario["runs"][:2]:
        assert set_clock(base, run["clock"]).json() == {"at": run["clock"]}
        answer = call(aurora, "invoices", order_by="id", dir="desc")
        assert parsedate_to_datetime(answer.headers["Date"]) == datetime.fromisoformat(run["clock"])
        newest = max(datetime.fromisoformat(row["updated-at"]) for row in answer.json())
        cases = query(scenario, "select CaseNumber, IsClosed from Case where Subject = 'How to add a second approver'")
        items = load_workbook(folder / "aurora-outfitters-action-items.xlsx")["Action Items"].max_row - 1
        seen.append((newest, cases[0]["IsClosed"], items))
        assert newest <= datetime.fromisoformat(run["clock"])
    assert seen[0][0] < seen[1][0]
    assert [closed for _, closed, _ in seen] == [False, True]
    assert [items for _, _, items in seen] == [2, 3]
    set_clock(base, scenario["runs"][0]["clock"])
    again = call(aurora, "invoices", order_by="id", dir="desc")
    assert max(datetime.fromisoformat(row["updated-at"]) for row in again.json()) == seen[0][0]


@pytest.mark.parametrize("body", [{}, {"at": None}, {"at": "2026-03-09T14:30:00"}, {"at": "Monday"}])
def test_a_clock_without_an_offset_is_refused_and_nothing_moves(sandbox, body):
    set_clock(sandbox[0], RUNS[1].as_of.isoformat())
    assert requests.put(f"{sandbox[0]}/admin/clock", json=body, timeout=10).status_code == 400
    assert requests.get(f"{sandbox[0]}/admin/clock", timeout=10).json() == {"at": RUNS[1].as_of.isoformat()}


def test_one_api_is_down_at_the_run_of_week_four_only(scenario, sandbox):
    eastgate, aurora = connect(scenario, "coupa_eastgate"), connect(scenario, "coupa_aurora")
    states = []
    for run in scenario["runs"]:
        set_clock(sandbox[0], run["clock"])
        states.append(ask_token(eastgate).status_code)
        assert ask_token(aurora).status_code == 200
    assert states == [200, 200, 200, 503, 200]
    set_clock(sandbox[0], scenario["runs"][2]["clock"])
    headers = {**JSON, "Authorization": f"Bearer {ask_token(eastgate).json()['access_token']}"}
    set_clock(sandbox[0], scenario["runs"][3]["clock"])
    down = requests.get(f"{address(eastgate)}/api/invoices", headers=headers, timeout=10)
    assert (down.status_code, down.headers["Content-Type"].split(";")[0]) == (503, "text/html")


def test_a_column_is_gone_at_the_run_of_week_three_only(scenario, sandbox):
    ironwood = connect(scenario, "coupa_ironwood")
    present = []
    for run in scenario["runs"]:
        set_clock(sandbox[0], run["clock"])
        rows = call(ironwood, "invoices", fields='["id","status"]').json()
        present.append({"status" in row for row in rows})
    assert present == [{True}, {True}, {False}, {True}, {True}]


def test_a_default_filter_hides_fields_unless_they_are_named(scenario, sandbox):
    set_clock(sandbox[0], RUNS[1].as_of.isoformat())
    tutuila = connect(scenario, "coupa_tutuila")
    assert set(call(tutuila, "invoices").json()[0]) == {"id", "invoice-number", "status", "total-with-taxes"}
    named = call(tutuila, "invoices", fields='["id","amount-due",{"supplier":["name"]}]').json()[0]
    assert named["supplier"]["name"]
    assert named["amount-due"] is not None


def test_a_scope_that_was_not_granted_is_refused(scenario):
    matai = connect(scenario, "coupa_matai")
    assert "core.pay.statements.read" not in matai["extra"]["scopes"].split()
    assert call(matai, "coupa_pay/statements").status_code == 403
    greedy = {**matai, "extra": {**matai["extra"], "scopes": "core.pay.statements.read"}}
    assert ask_token(greedy).status_code == 400


def test_without_coupa_pay_its_resources_are_not_there(scenario):
    assert call(connect(scenario, "coupa_juniper"), "coupa_pay/payments").status_code == 404


def test_a_fault_of_an_instance_that_is_not_there_is_refused(tmp_path):
    demo = build_demo()
    wrong = Scenario("wrong", demo.world, demo.org, demo.runs, (), faults=[TimedFault("nowhere", {"kind": "slow"})])
    with pytest.raises(ValueError, match="nowhere"):
        create_app(wrong, tmp_path / "trackers")


def test_the_process_tells_its_port_first_and_refuses_unknown_worlds(tmp_path):
    trackers = tmp_path / "trackers"
    command = [sys.executable, "-m", "sandbox", "--port", "0", "--trackers", str(trackers)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        announced = json.loads(process.stdout.readline())
        assert announced["trackers"] == str(trackers.resolve())
        told = requests.get(f"{announced['base_url']}/admin/scenario", timeout=30).json()
        ports = {each["port"] for each in told["connections"] if "drops" not in each["extra"]}
        assert ports == {announced["port"]}
    finally:
        process.terminate()
        process.wait(timeout=20)
        process.stdout.close()
    refused = subprocess.run(
        [*command, "--world", "mars"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert refused.returncode == 2
    assert "mars" in refused.stderr
