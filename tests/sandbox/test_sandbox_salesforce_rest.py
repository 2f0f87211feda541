"""The Salesforce stand-in over a real socket: login, paging, errors, describe, clock, faults, counters."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from sandbox.salesforce.app import create_app, create_routes
from sandbox.salesforce.ids import new_id
from sandbox.salesforce.store import Org
from tests.sandbox.serving import serve

NOVEMBER = datetime(2026, 11, 2, 8, tzinfo=UTC)
DATA = "/services/data/v59.0"
TOKEN = "/services/oauth2/token"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
GRANT = {"grant_type": "client_credentials", "client_id": "client", "client_secret": "secret"}


def make_keys() -> tuple[str, str]:
    """A private and a public key, as PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


PRIVATE_KEY, PUBLIC_KEY = make_keys()
OTHER_PRIVATE_KEY, _ = make_keys()


class Caller:
    """A client that knows nothing but HTTP."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.http = requests.Session()
        self.http.trust_env = False

    def log_in(self) -> Caller:
        answer = self.http.post(f"{self.base}{TOKEN}", data=GRANT, timeout=10)
        assert answer.status_code == 200, answer.text
        self.http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        return self

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.http.get(f"{self.base}{path}", timeout=10, **options)

    def query(self, text: str, **options: Any) -> requests.Response:
        return self.get(f"{DATA}/query/", params={"q": text}, **options)

    def order(self, method: str, path: str, body: object = None) -> Any:
        answer = self.http.request(method, f"{self.base}/admin/salesforce/{path}", json=body, timeout=10)
        assert answer.ok, answer.text
        return answer.json()


def read_error(answer: requests.Response) -> tuple[int, str]:
    """The status and code of an error answer, whose shape is checked on the way."""
    (error,) = answer.json()
    assert set(error) <= {"message", "errorCode", "fields"}
    assert error["message"]
    return answer.status_code, error["errorCode"]


@pytest.fixture
def org() -> Org:
    org = Org(
        "Demo",
        "client",
        "secret",
        public_key=PUBLIC_KEY,
        audiences=("https://login.salesforce.com", "https://acme.my.salesforce.com"),
        clock=NOVEMBER,
    )
    for number in range(1, 6):
        org.put("Account", NOVEMBER - timedelta(days=10 - number), {"Name": f"Customer {number}"})
    return org


@pytest.fixture
def caller(org: Org) -> Iterator[Caller]:
    with serve(create_app(org)) as base:
        yield Caller(base).log_in()


# --- login ---


def test_client_credentials_in_the_form_or_the_basic_header(caller: Caller, org: Org):
    basic = "Basic " + b64encode(b"client:secret").decode()
    for form, headers in ((GRANT, {}), ({"grant_type": "client_credentials"}, {"Authorization": basic})):
        answer = requests.post(f"{caller.base}{TOKEN}", data=form, headers=headers, timeout=10).json()
        assert answer["instance_url"] == caller.base
        assert answer["token_type"] == "Bearer"
        assert answer["access_token"].startswith(org.organization_id[:15] + "!")
        found = requests.get(
            f"{caller.base}{DATA}/limits", headers={"Authorization": f"Bearer {answer['access_token']}"}, timeout=10
        )
        assert found.status_code == 200


@pytest.mark.parametrize(
    ("form", "error", "description"),
    [
        ({**GRANT, "client_secret": "wrong"}, "invalid_client", "invalid client credentials"),
        ({**GRANT, "client_id": "wrong"}, "invalid_client_id", "client identifier invalid"),
        ({"grant_type": "client_credentials"}, "invalid_client_id", "client identifier invalid"),
        (
            {**GRANT, "grant_type": "password", "username": "a", "password": "b"},
            "invalid_grant",
            "authentication failure",
        ),
        ({**GRANT, "grant_type": "magic"}, "unsupported_grant_type", "grant type not supported"),
        ({}, "unsupported_grant_type", "grant type not supported"),
        ({"grant_type": JWT_BEARER}, "invalid_grant", "invalid assertion"),
    ],
)
def test_refused_logins(caller: Caller, form: dict[str, str], error: str, description: str):
    answer = requests.post(f"{caller.base}{TOKEN}", data=form, timeout=10)
    assert answer.status_code == 400
    assert answer.json() == {"error": error, "error_description": description}


def assert_jwt(caller: Caller, key: str = PRIVATE_KEY, algorithm: str = "RS256", **changes: Any) -> requests.Response:
    claims: dict[str, Any] = {
        "iss": "client",
        "sub": "integration@example.com",
        "aud": "https://acme.my.salesforce.com",
        # As simple-salesforce sends it: a text.
        "exp": str(int(datetime.now(UTC).timestamp()) + 180),
        **changes,
    }
    claims = {name: value for name, value in claims.items() if value is not None}
    form = {"grant_type": JWT_BEARER, "assertion": jwt.encode(claims, key, algorithm=algorithm)}
    return requests.post(f"{caller.base}{TOKEN}", data=form, timeout=10)


def test_a_signed_assertion_opens_a_session(caller: Caller):
    token = assert_jwt(caller).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    assert requests.get(f"{caller.base}{DATA}/limits", headers=headers, timeout=10).status_code == 200


@pytest.mark.parametrize(
    ("changes", "description"),
    [
        ({"exp": 1_700_000_000}, "assertion expired"),
        ({"exp": None}, "invalid assertion"),
        ({"aud": "https://test.salesforce.com"}, "audience is invalid"),
        ({"iss": "another"}, "client identifier invalid"),
        ({"sub": "somebody@example.com"}, "user hasn't approved this consumer"),
        ({"key": OTHER_PRIVATE_KEY}, "invalid assertion"),
        ({"key": "secret" * 10, "algorithm": "HS256"}, "invalid assertion"),
    ],
)
def test_an_assertion_that_is_wrong_in_one_thing_is_refused(caller: Caller, changes: dict[str, Any], description: str):
    answer = assert_jwt(caller, **changes)
    assert answer.status_code == 400
    assert answer.json()["error_description"] == description


def test_without_session_nothing_is_served_but_the_versions(caller: Caller):
    stranger = Caller(caller.base)
    for path in (f"{DATA}/limits", f"{DATA}/sobjects/Account", f"{DATA}/nowhere"):
        assert read_error(stranger.get(path)) == (401, "INVALID_SESSION_ID")
    assert stranger.get("/services/data").json()[-1]["version"] == "68.0"
    stranger.http.headers["Authorization"] = "Bearer 00D000000000001!made-up"
    assert read_error(stranger.get(f"{DATA}/limits")) == (401, "INVALID_SESSION_ID")


def test_sessions_end_on_demand_and_a_new_login_works(caller: Caller):
    assert caller.get(f"{DATA}/limits").status_code == 200
    assert caller.order("DELETE", "tokens") == {"expired": 1}
    assert read_error(caller.get(f"{DATA}/limits")) == (401, "INVALID_SESSION_ID")
    assert caller.log_in().get(f"{DATA}/limits").status_code == 200


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


# --- limits, clock, faults, counters ---


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
