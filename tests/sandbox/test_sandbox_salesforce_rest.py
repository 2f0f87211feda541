"""The Salesforce stand-in's REST API over a real socket: paging, records, errors, describe, mounting."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from sandbox.salesforce.app import create_app, create_routes
from sandbox.salesforce.ids import new_id
from sandbox.salesforce.store import Org
from tests.sandbox.salesforce_caller import DATA, GRANT, NOVEMBER, TOKEN, Caller, make_org, read_error
from tests.sandbox.serving import serve


@pytest.fixture
def org() -> Org:
    return make_org()


@pytest.fixture
def caller(org: Org) -> Iterator[Caller]:
    with serve(create_app(org)) as base:
        yield Caller(base).log_in()


# --- paging ---


@pytest.mark.parametrize("size", [1, 2, 4, 5, 6])
def test_pages_hold_every_row_once_and_follow_next_records_url(caller: Caller, org: Org, size: int):
    org.page_size = size
    page = caller.query("SELECT Name FROM Account ORDER BY Name").json()
    names, pages = [row["Name"] for row in page["records"]], 1
    while not page["done"]:
        assert page["nextRecordsUrl"].startswith(f"{DATA}/query/01g")
        assert len(page["records"]) == size
        page = caller.get(page["nextRecordsUrl"]).json()
        assert page["totalSize"] == 5
        names += [row["Name"] for row in page["records"]]
        pages += 1
    assert names == [f"Customer {number}" for number in range(1, 6)]
    assert pages == -(-5 // size)
    assert "nextRecordsUrl" not in page


def test_a_result_stays_as_it_was_found(caller: Caller, org: Org):
    org.page_size = 3
    page = caller.query("SELECT Name FROM Account ORDER BY Name").json()
    for record in list(org.list_records("Account")):
        org.put("Account", NOVEMBER, {"Id": record["Id"], "Name": "Changed"})
    names = [row["Name"] for row in caller.get(page["nextRecordsUrl"]).json()["records"]]
    assert names == ["Customer 4", "Customer 5"]


def test_a_batch_size_is_asked_for_in_the_header(caller: Caller, org: Org):
    for number in range(300):
        org.put("Contact", NOVEMBER, {"Name": f"Person {number}"})
    page = caller.query("SELECT Id FROM Contact", headers={"Sforce-Query-Options": "batchSize=250"}).json()
    assert (len(page["records"]), page["done"], page["totalSize"]) == (250, False, 300)
    small = caller.query("SELECT Id FROM Contact", headers={"Sforce-Query-Options": "batchSize=1"}).json()
    assert len(small["records"]) == 200
    assert caller.query("SELECT Id FROM Contact").json()["done"] is True


def test_locators_end(caller: Caller, org: Org):
    org.page_size = 2
    first = caller.query("SELECT Id FROM Account").json()["nextRecordsUrl"]
    for _ in range(9):
        last = caller.query("SELECT Id FROM Account").json()["nextRecordsUrl"]
    assert caller.get(first).status_code == 200
    caller.query("SELECT Id FROM Account")
    assert read_error(caller.get(first)) == (400, "INVALID_QUERY_LOCATOR")
    assert caller.get(last).status_code == 200
    assert read_error(caller.get(last + "0")) == (400, "INVALID_QUERY_LOCATOR")
    assert caller.order("DELETE", "results") == {"closed": 10}
    assert read_error(caller.get(last)) == (400, "INVALID_QUERY_LOCATOR")


def test_deleted_records_are_shown_by_query_all_only(caller: Caller, org: Org):
    org.page_size = 3
    gone = caller.query("SELECT Id FROM Account WHERE Name = 'Customer 2'").json()["records"][0]["Id"]
    caller.order("DELETE", f"records/Account/{gone}")
    assert caller.query("SELECT COUNT() FROM Account").json() == {"totalSize": 4, "done": True, "records": []}
    page = caller.get(f"{DATA}/queryAll/", params={"q": "SELECT Id, IsDeleted FROM Account"}).json()
    rows = page["records"] + caller.get(page["nextRecordsUrl"]).json()["records"]
    assert page["nextRecordsUrl"].startswith(f"{DATA}/queryAll/")
    assert {row["Id"] for row in rows if row["IsDeleted"]} == {gone}
    assert len(rows) == 5
    assert read_error(caller.get(f"{DATA}/sobjects/Account/{gone}")) == (404, "ENTITY_IS_DELETED")


# --- records, describe, errors ---


def test_a_record_by_id_carries_every_field_in_json_form(caller: Caller, org: Org):
    account = next(iter(org.list_records("Account")))["Id"]
    record_id = org.put(
        "ICM__c",
        NOVEMBER,
        {
            "Name": "One",
            "Account__c": account,
            "Go_Live_Date__c": "2026-10-05",
            "Products__c": ["Invoicing", "Coupa Pay"],
        },
    )
    answer = caller.get(f"{DATA}/sobjects/icm__c/{record_id[:15]}")
    body = answer.json()
    assert body["attributes"] == {"type": "ICM__c", "url": f"{DATA}/sobjects/ICM__c/{record_id}"}
    assert body["Go_Live_Date__c"] == "2026-10-05"
    assert body["Products__c"] == "Invoicing;Coupa Pay"
    assert body["CreatedDate"] == "2026-11-02T08:00:00.000+0000"
    assert body["Tracker__c"] is None
    described = caller.get(f"{DATA}/sobjects/ICM__c/describe").json()
    assert set(body) == {"attributes", *(field["name"] for field in described["fields"])}
    assert answer.headers["Last-Modified"] == "Mon, 02 Nov 2026 08:00:00 GMT"
    chosen = caller.get(f"{DATA}/sobjects/ICM__c/{record_id}", params={"fields": "Id,Name"}).json()
    assert set(chosen) == {"attributes", "Id", "Name"}


def test_records_by_external_id(caller: Caller, org: Org):
    org.put("Case", NOVEMBER, {"Subject": "One", "Handoff_Key__c": "acme/1"})
    found = caller.get(f"{DATA}/sobjects/Case/Handoff_Key__c/ACME%2F1")
    assert found.json()["Subject"] == "One"
    org.put("Case", NOVEMBER, {"Subject": "Two", "Handoff_Key__c": "acme/1"})
    several = caller.get(f"{DATA}/sobjects/Case/Handoff_Key__c/acme%2F1")
    assert several.status_code == 300
    assert [url.rsplit("/", 1)[0] for url in several.json()] == [f"{DATA}/sobjects/Case"] * 2
    assert read_error(caller.get(f"{DATA}/sobjects/Case/Handoff_Key__c/none")) == (404, "NOT_FOUND")
    assert read_error(caller.get(f"{DATA}/sobjects/Case/Subject/One")) == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        (f"/sobjects/Account/{new_id('001', 'nobody')}", 404, "NOT_FOUND"),
        ("/sobjects/Account/acme", 404, "NOT_FOUND"),
        ("/sobjects/Opportunity", 404, "NOT_FOUND"),
        ("/sobjects/Opportunity/describe", 404, "NOT_FOUND"),
        ("/nowhere", 404, "NOT_FOUND"),
        ("/query", 400, "MALFORMED_QUERY"),
        ("/query?q=SELECT+Id+FORM+Account", 400, "MALFORMED_QUERY"),
        ("/query?q=SELECT+Nmae+FROM+Account", 400, "INVALID_FIELD"),
        ("/query?q=SELECT+Id+FROM+Acount", 400, "INVALID_TYPE"),
    ],
)
def test_errors_are_lists_with_a_code(caller: Caller, path: str, status: int, code: str):
    answer = caller.get(DATA + path)
    assert read_error(answer) == (status, code)
    assert answer.headers["Content-Type"] == "application/json;charset=UTF-8"


def test_a_field_that_is_not_there_is_refused_by_name(caller: Caller, org: Org):
    account = next(iter(org.list_records("Account")))["Id"]
    answer = caller.get(f"{DATA}/sobjects/Account/{account}", params={"fields": "Name,foo"})
    assert answer.json() == [
        {"message": "No such column 'foo' on sobject of type Account", "errorCode": "INVALID_FIELD"}
    ]


def test_writes_are_not_served_here(caller: Caller, org: Org):
    account = next(iter(org.list_records("Account")))["Id"]
    answer = caller.http.put(f"{caller.base}{DATA}/sobjects/Account/{account}", json={"Name": "x"}, timeout=10)
    assert read_error(answer) == (405, "METHOD_NOT_ALLOWED")


def test_retired_and_unborn_versions(caller: Caller):
    query = "/query?q=SELECT+Id+FROM+Account"
    assert caller.get(f"/services/data/v30.0{query}").status_code == 410
    assert caller.get(f"/services/data/v21.0{query}").status_code == 410
    assert caller.get(f"/services/data/v31.0{query}").status_code == 200
    for version in ("v99.0", "v59", "59.0", "v59.5"):
        assert read_error(caller.get(f"/services/data/{version}{query}")) == (404, "NOT_FOUND")


def test_describe_tells_what_a_preflight_asks(caller: Caller):
    names = [each["name"] for each in caller.get(f"{DATA}/sobjects/").json()["sobjects"]]
    assert {"Account", "ICM__c", "Case", "User", "Contact"} <= set(names)
    described = caller.get(f"{DATA}/sobjects/ICM__c/describe/").json()
    fields = {field["name"]: field for field in described["fields"]}
    handoff, stage, manager = fields["CVM_Handoff_Date__c"], fields["Stage__c"], fields["Engagement_Manager__c"]
    assert (described["keyPrefix"], described["custom"], described["updateable"]) == ("a0I", True, True)
    assert (handoff["type"], handoff["updateable"], handoff["nillable"], handoff["soapType"]) == (
        "date",
        True,
        True,
        "xsd:date",
    )
    assert stage["restrictedPicklist"] is True
    assert "In Hypercare" in [value["value"] for value in stage["picklistValues"] if value["active"]]
    assert (manager["referenceTo"], manager["relationshipName"], manager["length"]) == (
        ["User"],
        "Engagement_Manager__r",
        18,
    )
    assert fields["Id"]["updateable"] is False
    assert fields["Legal_Entities__c"]["filterable"] is False
    basics = caller.get(f"{DATA}/sobjects/ICM__c/").json()
    assert basics["objectDescribe"]["label"] == "ICM"


# --- mounting ---


def test_the_org_stands_below_a_prefix_beside_other_routes(org: Org):
    app = Starlette(
        routes=[Route("/elsewhere", lambda _: PlainTextResponse("here")), *create_routes(org, "/salesforce")]
    )
    org.page_size = 2
    with serve(app) as root:
        assert requests.get(f"{root}/elsewhere", timeout=10).text == "here"
        caller = Caller(f"{root}/salesforce").log_in()
        page = caller.query("SELECT Id FROM Account").json()
        # Relative to the instance address that the login hands out, wherever that is mounted.
        assert caller.get(page["nextRecordsUrl"]).json()["totalSize"] == 5
        assert caller.get(page["records"][0]["attributes"]["url"]).json()["Name"] == "Customer 1"
        token = requests.post(f"{root}/salesforce{TOKEN}", data=GRANT, timeout=10).json()
        assert token["instance_url"] == f"{root}/salesforce"
        assert requests.get(f"{root}{DATA}/limits", timeout=10).status_code == 404
        clock = requests.get(f"{root}/admin/salesforce/clock", timeout=10).json()
        assert clock["at"] == NOVEMBER.isoformat()
