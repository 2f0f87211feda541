"""The Salesforce stand-in's limits, clock, faults and counters over a real socket."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from sandbox.salesforce.app import create_app
from sandbox.salesforce.ids import new_id
from sandbox.salesforce.store import Org
from tests.sandbox.salesforce_caller import DATA, GRANT, TOKEN, Caller, make_org, read_error
from tests.sandbox.serving import serve


@pytest.fixture
def org() -> Org:
    return make_org()


@pytest.fixture
def caller(org: Org) -> Iterator[Caller]:
    with serve(create_app(org)) as base:
        yield Caller(base).log_in()


def test_every_answer_tells_the_api_usage(caller: Caller, org: Org):
    for number, path in enumerate(("/limits/", "/nowhere", "/query?q=nonsense"), start=1):
        assert caller.get(DATA + path).headers["Sforce-Limit-Info"] == f"api-usage={number}/15000"
    org.request_limit = 4
    assert caller.get(f"{DATA}/limits").json() == {"DailyApiRequests": {"Max": 4, "Remaining": 0}}
    refused = caller.get(f"{DATA}/limits")
    assert read_error(refused) == (403, "REQUEST_LIMIT_EXCEEDED")
    assert refused.headers["Sforce-Limit-Info"] == "api-usage=4/4"


def test_the_clock_decides_what_is_there(caller: Caller):
    def names() -> list[str]:
        return [row["Name"] for row in caller.query("SELECT Name FROM Account ORDER BY Name").json()["records"]]

    assert len(names()) == 5
    assert caller.order("PUT", "clock", {"at": "2026-10-25T08:00:00Z"})["at"] == "2026-10-25T08:00:00+00:00"
    assert names() == ["Customer 1", "Customer 2"]
    assert caller.get(f"{DATA}/limits").headers["Date"] == "Sun, 25 Oct 2026 08:00:00 GMT"
    assert caller.query("SELECT Name FROM Account WHERE CreatedDate = TODAY").json()["totalSize"] == 1
    assert caller.order("PUT", "clock", {"at": None})["at"] is None
    assert len(names()) == 5
    for wrong in ({"at": "2026-10-25T08:00:00"}, {"now": None}, {}):
        answer = caller.http.put(f"{caller.base}/admin/salesforce/clock", json=wrong, timeout=10)
        assert answer.status_code == 400


def test_records_can_be_changed_by_hand(caller: Caller, org: Org):
    account = next(iter(org.list_records("Account")))["Id"]
    caller.order("PUT", "clock", {"at": "2026-11-09T08:00:00Z"})
    caller.order("POST", "records/Account", {"Id": account, "Customer_Status__c": "Live"})
    body = caller.get(f"{DATA}/sobjects/Account/{account}").json()
    assert (body["Name"], body["Customer_Status__c"]) == ("Customer 1", "Live")
    assert body["LastModifiedDate"] == "2026-11-09T08:00:00.000+0000"
    url = f"{caller.base}/admin/salesforce/records/Account"
    refused = caller.http.post(url, json={"Nmae": "x"}, timeout=10)
    assert (refused.status_code, refused.json()) == (400, {"error": "Account has no field 'Nmae'"})


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("401", 401, "INVALID_SESSION_ID"),
        (403, 403, "API_DISABLED_FOR_ORG"),
        ("500", 500, "UNKNOWN_EXCEPTION"),
        ("limit", 403, "REQUEST_LIMIT_EXCEEDED"),
    ],
)
def test_faults_strike_after_some_requests_as_often_as_asked(caller: Caller, kind: object, status: int, code: str):
    caller.order("POST", "faults", {"kind": kind, "after": 1, "times": 2})
    assert caller.get(f"{DATA}/limits").status_code == 200
    for _ in range(2):
        assert read_error(caller.get(f"{DATA}/limits")) == (status, code)
    assert caller.get(f"{DATA}/limits").status_code == 200
    (fault,) = caller.order("GET", "faults")
    assert fault["struck"] == 2


def test_a_503_is_a_page_of_html(caller: Caller):
    caller.order("POST", "faults", {"kind": "503", "times": 1})
    answer = caller.get(f"{DATA}/limits")
    assert answer.status_code == 503
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "<html>" in answer.text


def test_a_reset_breaks_the_connection_inside_the_answer(caller: Caller):
    caller.order("POST", "faults", {"kind": "reset", "times": 1})
    with pytest.raises(requests.RequestException):
        caller.get(f"{DATA}/limits")
    assert caller.get(f"{DATA}/limits").status_code == 200
    assert caller.order("GET", "requests")["by_status"]["broken"] == 1


def test_a_slow_answer_outlasts_an_impatient_client(caller: Caller):
    caller.order("POST", "faults", {"kind": "slow", "seconds": 3, "times": 1})
    with pytest.raises(requests.ReadTimeout):
        caller.http.get(f"{caller.base}{DATA}/limits", timeout=0.3)
    assert caller.get(f"{DATA}/limits").status_code == 200


def test_faults_can_be_bound_to_a_window_and_a_resource_and_be_cleared(caller: Caller):
    window = {"from": "2026-11-09T00:00:00Z", "until": "2026-11-10T00:00:00Z"}
    caller.order("POST", "faults", {"kind": "500", "resource": "query", **window})
    seen = {}
    for day in (8, 9, 10):
        caller.order("PUT", "clock", {"at": f"2026-11-{day:02d}T00:00:00Z"})
        seen[day] = (caller.query("SELECT Id FROM Account").status_code, caller.get(f"{DATA}/limits").status_code)
    assert seen == {8: (200, 200), 9: (500, 200), 10: (200, 200)}
    named = caller.order("POST", "faults", {"kind": "403", "resource": "sobjects/Account/describe"})["id"]
    assert caller.get(f"{DATA}/sobjects/Account/describe").status_code == 403
    assert caller.get(f"{DATA}/sobjects/Case/describe").status_code == 200
    assert caller.order("DELETE", f"faults/{named}") == {"cleared": 1}
    assert caller.get(f"{DATA}/sobjects/Account/describe").status_code == 200
    assert caller.order("DELETE", "faults") == {"cleared": 1}


def test_the_login_can_fail_by_order_and_only_when_named(caller: Caller):
    caller.order("POST", "faults", {"kind": "500"})
    assert requests.post(f"{caller.base}{TOKEN}", data=GRANT, timeout=10).status_code == 200
    caller.order("POST", "faults", {"kind": "401", "resource": "oauth", "times": 1})
    refused = requests.post(f"{caller.base}{TOKEN}", data=GRANT, timeout=10)
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_session_id")


def test_a_fault_nobody_knows_is_refused(caller: Caller):
    for wrong in ({"kind": "418"}, {"kind": "500", "time": 1}, {"kind": "500", "times": 0}):
        answer = caller.http.post(f"{caller.base}/admin/salesforce/faults", json=wrong, timeout=10)
        assert answer.status_code == 400
    assert caller.order("GET", "faults") == []


def test_requests_are_counted_by_resource_without_secrets(caller: Caller):
    caller.query("SELECT Id FROM Account")
    caller.get(f"{DATA}/sobjects/Account/describe")
    caller.get(f"{DATA}/sobjects/Account/{new_id('001', 1)}")
    counted = caller.order("GET", "requests")
    assert counted["by_resource"] == {
        "POST oauth": 1,
        "GET query": 1,
        "GET sobjects/Account/describe": 1,
        "GET sobjects/Account": 1,
    }
    assert (counted["total"], counted["api_usage"]) == (4, 3)
    assert caller.http.headers["Authorization"].split()[1] not in str(counted)
    assert caller.order("DELETE", "requests") == {"total": 0}
    assert caller.order("GET", "requests")["total"] == 0
