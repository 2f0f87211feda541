"""The read side of Salesforce, over real sockets against the stand-in."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from hypercare.contracts import load_contracts
from hypercare.errors import (
    AccessDeniedError,
    ConfigurationError,
    ContractError,
    LoginRefusedError,
    PermanentError,
    RateLimitedError,
    ResourceMissingError,
    TransientError,
)
from hypercare.model import Cadence, Delivery, ErpLeg, Segment
from hypercare.settings import Settings
from hypercare.systems.connections import SystemConnection
from hypercare.systems.salesforce import open_salesforce
from hypercare.systems.salesforce_login import read_login
from hypercare.systems.salesforce_mapping import load_salesforce_mapping
from hypercare.systems.salesforce_rest import (
    ApiUsage,
    RefusedRequestError,
    SalesforceClient,
    check_record_id,
    quote_soql,
)
from sandbox.salesforce.soql import parse_query
from tests.hypercare.systems.salesforce_stand_in import IMPATIENT, MAPPING, NOVEMBER, ROOT, StandIn, stand_in
from tests.sandbox.salesforce_caller import PRIVATE_KEY, PUBLIC_KEY, make_keys
from tests.sandbox.serving import serve

AUDIENCES = ("https://login.salesforce.com", "https://acme.my.salesforce.com")


@pytest.fixture
def org() -> Iterator[StandIn]:
    with stand_in(public_key=PUBLIC_KEY, audiences=AUDIENCES) as served:
        yield served


def write_mapping(folder: Path, change: Any) -> Path:
    """Write the shipped mapping, changed."""
    document = yaml.safe_load(MAPPING.read_text(encoding="utf-8"))
    change(document)
    path = folder / "salesforce.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


# Engagements


def test_an_engagement_has_all_that_its_records_say(org: StandIn):
    em = org.org.put("User", NOVEMBER, {"Name": "Erin Manager", "Username": "e@example.com", "Email": "e@example.com"})
    pm = org.org.put("Contact", NOVEMBER, {"Name": "Pat Partner", "LastName": "Partner", "AccountId": org.account})
    icm = org.add_icm(
        "Acme phase 1",
        Coupa_Instances__c="acme, acme-eu , acme",
        Legal_Entities__c="Acme Inc; Acme GmbH;\nAcme SA;",
        Payment_Cadence__c="semi-monthly",
        Delivery__c="partner",
        ERP_Leg__c="integration_runs",
        Holiday_Calendar__c="US-CA",
        Tracker__c="acme.xlsx",
        Tracker_Writable__c=True,
        OpenAir_Project__c="4711",
        Engagement_Manager__c=em,
        Partner_PM__c=pm,
    )
    read = org.reader().read_engagements()
    assert read.problems == []
    (found,) = read.engagements
    assert (found.id, found.name, found.customer, found.account_id) == (
        icm, "Acme phase 1", "Acme Industries", org.account,
    )  # fmt: skip
    assert (found.segment, found.region, found.go_live) == (Segment.ENTERPRISE, "US", date(2026, 9, 14))
    assert found.products == {"Procurement", "Coupa Pay"} and found.has_coupa_pay
    assert found.instances == ("acme", "acme-eu")
    assert found.scope == ("Acme Inc", "Acme GmbH", "Acme SA")
    assert (found.payment_cadence, found.delivery, found.erp_leg) == (
        Cadence.SEMI_MONTHLY, Delivery.PARTNER, ErpLeg.INTEGRATION_RUNS,
    )  # fmt: skip
    assert found.tracker_writable
    assert (found.holiday_calendar, found.fiscal_calendar) == ("US-CA", "calendar-month")
    assert (found.tracker, found.openair_project) == ("acme.xlsx", "4711")
    assert found.roles == {"EM": "Erin Manager", "partner PM": "Pat Partner"}


def test_rows_have_exactly_the_columns_of_their_contracts(org: StandIn):
    org.add_icm("Acme")
    org.org.put("Case", NOVEMBER, {"AccountId": org.account, "Subject": "Help", "Status": "New"})
    contracts = load_contracts(ROOT / "include" / "schemas" / "feeds")
    reader = org.reader()
    (engagement,) = reader.read_engagements().rows
    (case,) = reader.read_case_rows(org.account)
    assert set(engagement) == set(contracts["engagements"].columns.fields)
    assert set(case) == set(contracts["cases"].columns.fields)
    for row, contract in ((engagement, contracts["engagements"]), (case, contracts["cases"])):
        assert all(row[column.name] is not None for column in contract.required_columns)
        json.dumps(row)


def test_only_records_in_the_mapped_stages_are_read(org: StandIn, tmp_path: Path):
    org.add_icm("In it")
    org.add_icm("Planned", Stage__c="Planned")
    org.add_icm("Resting", Stage__c="Paused")
    assert [each.name for each in org.reader().read_engagements().engagements] == ["In it"]

    def add_paused(document: dict[str, Any]) -> None:
        document["engagements"]["stage"]["in_hypercare"].append("Paused")

    read = org.reader(write_mapping(tmp_path, add_paused)).read_engagements()
    assert [each.name for each in read.engagements] == ["In it", "Resting"]


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("Time_Zone__c", "Mars/Olympus", ["Time_Zone__c is 'Mars/Olympus'", "America/New_York"]),
        ("Time_Zone__c", "../etc/passwd", ["Time_Zone__c", "no such time zone"]),
        ("Time_Zone__c", None, ["Time_Zone__c (time zone) is blank", "fill it in"]),
        ("Go_Live_Date__c", None, ["Go_Live_Date__c (go live) is blank"]),
        ("Coupa_Instances__c", " , ,", ["Coupa_Instances__c is ', ,'", "coupa_<instance>"]),
        ("Coupa_Instances__c", None, ["Coupa_Instances__c (instances) is blank"]),
        ("Coupa_Instances__c", "https://acme.coupahost.com", ["'https://acme.coupahost.com' names no instance"]),
        ("Payment_Cadence__c", "fortnightly", ["'fortnightly'", "weekly, semi-monthly, monthly"]),
        ("Holiday_Calendar__c", "ZZ", ["Holiday_Calendar__c is 'ZZ'", "no such country"]),
        ("Products__c", None, ["Products__c (products) is blank"]),
    ],
)
def test_a_bad_record_is_told_in_words_and_stops_nobody_else(
    org: StandIn, field: str, value: str | None, words: list[str]
):
    org.add_icm("Aaa good")
    bad = org.add_icm("Bad one", **{field: value})
    org.add_icm("Zzz good")
    read = org.reader().read_engagements()
    assert [each.name for each in read.engagements] == ["Aaa good", "Zzz good"]
    ((name, told),) = read.problems
    assert name == "Bad one"
    assert told.startswith("ICM record Bad one: ")
    assert all(word in told for word in words), told
    assert bad in {row["id"] for row in read.rows}


def test_all_faults_of_a_record_are_told_at_once(org: StandIn):
    blank = org.org.put("Account", NOVEMBER, {"Name": "No segment"})
    org.add_icm("Bad", Account__c=blank, Go_Live_Date__c=None, Time_Zone__c="Nowhere")
    ((_, told),) = org.reader().read_engagements().problems
    for field in ("Account__r.Segment__c", "Account__r.Region__c", "Go_Live_Date__c", "Time_Zone__c"):
        assert field in told


def test_results_of_many_pages_are_read_to_their_end():
    with stand_in(page_size=200) as org:
        names = [f"Engagement {number:04d}" for number in range(450)]
        for name in names:
            org.add_icm(name)
        read = org.reader().read_engagements()
        assert [each.name for each in read.engagements] == names
        assert org.asked()["GET query"] == 3


def test_a_reader_asks_for_engagements_once(org: StandIn):
    org.add_icm("Acme")
    reader = org.reader()
    assert reader.read_engagements() == reader.read_engagements()
    assert org.asked()["GET query"] == 1


def test_a_result_that_salesforce_closes_is_asked_for_anew():
    with stand_in(page_size=200) as org:
        for number in range(250):
            org.add_icm(f"E{number:03d}")
        client = org.client()
        first = client.send("GET", "query", "x", parameters={"q": "SELECT Id FROM ICM__c"}).json()
        org.service.results.close_all()
        locator = first["nextRecordsUrl"].removeprefix("/services/data/v60.0/")
        with pytest.raises(Exception, match="INVALID_QUERY_LOCATOR"):
            client.send("GET", locator, "x")
        before = org.asked()["GET query"]
        original = client._next_path
        closings = iter([True])

        def close_first(page: Any, what: str) -> str:
            if next(closings, False):
                org.service.results.close_all()
            return original(page, what)

        client._next_path = close_first  # type: ignore[method-assign]
        assert len(client.query("SELECT Id FROM ICM__c", "x")) == 250
        assert org.asked()["GET query"] == before + 4


# Cases


def test_cases_of_one_account_with_instants_that_have_an_offset(org: StandIn):
    other = org.org.put("Account", NOVEMBER, {"Name": "Other"})
    case = org.org.put("Case", NOVEMBER, {"AccountId": org.account, "Subject": "It's \\ broken", "Status": "New"})
    org.org.put("Case", NOVEMBER, {"AccountId": other, "Subject": "Not ours", "Status": "New"})
    (row,) = org.reader().read_case_rows(org.account)
    assert row == {
        "id": case,
        "case_number": "00000001",
        "account_id": org.account,
        "subject": "It's \\ broken",
        "status": "New",
        "priority": None,
        "is_closed": False,
        "created_at": "2026-11-02T08:00:00+00:00",
        "closed_at": None,
        "owner": None,
    }


@pytest.mark.parametrize("account", ["", "001", "001000000000001' OR Name != '", "001000000000001/../", "a" * 16])
def test_only_ids_enter_a_query(org: StandIn, account: str):
    with pytest.raises(ContractError, match="no Salesforce record id"):
        org.reader().read_case_rows(account)
    assert org.asked() == {}


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_any_text_is_one_literal_of_a_query(text: str):
    condition: Any = parse_query(f"SELECT Id FROM Account WHERE Name = {quote_soql(text)}").condition
    assert condition.literal.plain == text


def test_record_ids_of_15_or_18_characters_pass():
    assert check_record_id("001000000000001AAA", "x") == "001000000000001AAA"
    assert check_record_id("001000000000001", "x") == "001000000000001"


# The mapping


def test_describe_lists_every_problem_of_the_mapping_in_one_message(org: StandIn, tmp_path: Path):
    def spoil(document: dict[str, Any]) -> None:
        engagements = document["engagements"]
        engagements["stage"]["in_hypercare"] = ["In Hypercare", "Hyper Care"]
        engagements["fields"]["go_live"] = "Golive_Date__c"
        engagements["fields"]["segment"] = "Acct__r.Segment__c"
        engagements["fields"]["region"] = "Account__r.Area__c"
        engagements["fields"]["account_id"] = "Name"
        engagements["roles"]["EM"] = "Engagement_Manager__r.Nickname"
        document["cases"]["object"] = "Ticket__c"

    reader = org.reader(write_mapping(tmp_path, spoil))
    with pytest.raises(ConfigurationError) as caught:
        reader.read_engagements()
    told = str(caught.value)
    assert "(7 problems)" in told
    for words in (
        "'Hyper Care' is no active value of Stage__c: Planned, Implementation, In Hypercare",
        "engagements.fields.go_live: ICM__c has no field Golive_Date__c (there is Go_Live_Date__c)",
        "Acct__r.Segment__c: ICM__c has no relationship Acct__r",
        "Account__r.Area__c: Account has no field Area__c",
        "engagements.fields.account_id: Name is of type string, not reference",
        "engagements.roles.EM: Engagement_Manager__r.Nickname: User has no field Nickname",
        "cases.object: there is no object Ticket__c",
    ):
        assert words in told, told
    assert "GET query" not in org.asked()


def test_a_missing_object_is_one_problem_not_one_for_each_field(org: StandIn, tmp_path: Path):
    path = write_mapping(tmp_path, lambda document: document["engagements"].update(object="Nothing__c"))
    with pytest.raises(ConfigurationError, match=r"\(1 problems\)"):
        org.reader(path).read_engagements()


def test_each_object_is_described_once(org: StandIn):
    reader = org.reader()
    reader.read_engagements()
    reader.read_case_rows(org.account)
    described = {name: count for name, count in org.asked().items() if name.endswith("/describe")}
    assert set(described.values()) == {1}
    assert {"GET sobjects/ICM__c/describe", "GET sobjects/Account/describe", "GET sobjects/Case/describe"} <= set(
        described
    )


def test_optional_fields_may_be_left_out_or_empty(org: StandIn, tmp_path: Path):
    def strip(document: dict[str, Any]) -> None:
        fields = document["engagements"]["fields"]
        del fields["tracker"]
        fields["erp_leg"] = ""
        document["engagements"]["roles"] = {}
        del document["cases"]["fields"]["owner"]

    org.add_icm("Acme", ERP_Leg__c="file", Tracker__c="acme.xlsx")
    org.org.put("Case", NOVEMBER, {"AccountId": org.account, "Status": "New"})
    reader = org.reader(write_mapping(tmp_path, strip))
    read = reader.read_engagements()
    assert (read.engagements[0].erp_leg, read.engagements[0].tracker) == (ErpLeg.EXPORTED_FLAG, "")
    assert read.rows[0]["tracker"] is None
    assert reader.read_case_rows(org.account)[0]["owner"] is None


def test_a_wrong_mapping_file_is_told_before_anything_is_asked(tmp_path: Path):
    def spoil(document: dict[str, Any]) -> None:
        del document["engagements"]["fields"]["go_live"]
        document["engagements"]["fields"]["colour"] = "Colour__c"
        document["cases"]["fields"]["subject"] = "Subject FROM Case --"
        document["extra"] = 1

    with pytest.raises(ConfigurationError) as caught:
        load_salesforce_mapping(write_mapping(tmp_path, spoil))
    for words in ("no field is given for go_live", "colour: no such column", "is no field", "extra"):
        assert words in str(caught.value)


# Login


def test_a_jwt_logs_in_where_there_is_no_consumer_secret(org: StandIn):
    key = PRIVATE_KEY.replace("\n", "\\n")  # as it stands in a connection written as JSON by hand
    client = org.client(consumer_secret="", private_key=key, domain="login")
    assert client.query("SELECT Id FROM ICM__c", "x") == []


def test_a_gateway_needs_no_domain(org: StandIn):
    assert org.client(domain="").query("SELECT Id FROM ICM__c", "x") == []


def test_client_credentials_come_first(org: StandIn):
    client = org.client(private_key=make_keys()[0])
    assert client.query("SELECT Id FROM ICM__c", "x") == []


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ({"consumer_secret": "wrong"}, "invalid_client: invalid client credentials"),
        ({"consumer_key": "wrong"}, "invalid_client_id"),
        ({"consumer_secret": "", "private_key": make_keys()[0]}, "invalid_grant"),
    ],
)
def test_refused_credentials_are_not_tried_again(org: StandIn, extra: dict[str, str], words: str):
    with pytest.raises(LoginRefusedError, match=words) as caught:
        org.client(**extra).query("SELECT Id FROM ICM__c", "x")
    assert "salesforce_default" in str(caught.value)
    assert org.asked() == {"POST oauth": 1}


def test_an_unreadable_private_key_is_told_without_showing_it(org: StandIn):
    client = org.client(consumer_secret="", private_key="-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END-----")
    with pytest.raises(ConfigurationError, match="private key cannot be read") as caught:
        client.query("SELECT Id FROM ICM__c", "x")
    assert "c2VjcmV0" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("host", "extra", "words"),
    [
        ("", {}, "consumer_key.*consumer_secret"),
        ("", {"consumer_key": "k", "consumer_secret": "s"}, "must name your My Domain"),
        ("", {"consumer_key": "k", "consumer_secret": "s", "domain": "127.0.0.1:8443/#"}, "domain"),
        ("", {"consumer_key": "k", "consumer_secret": "s", "domain": "evil.example/x?"}, "domain"),
        ("", {"consumer_key": "k", "private_key": "p"}, "the login"),
        ("", {"consumer_key": "k", "consumer_secret": "s", "domain": "acme.my", "version": "60"}, "version"),
        ("acme.my.salesforce.com", {"consumer_key": "k", "consumer_secret": "s"}, "has no scheme"),
    ],
)
def test_an_incomplete_connection_is_told(host: str, extra: dict[str, str], words: str):
    with pytest.raises(ConfigurationError, match=words):
        read_login(SystemConnection("salesforce_default", host, None, "", "", "", extra))


def test_real_domains_are_salesforces_own():
    extra = {
        "extra__salesforce__consumer_key": "k",
        "consumer_secret": "s",
        "domain": "https://acme.my.salesforce.com/",
    }
    login = read_login(SystemConnection("salesforce_default", "", None, "", "", "", extra))
    assert (login.domain, login.base_url, login.version) == ("acme.my", "", "60.0")
    assert "'s'" not in repr(login)


def test_settings_and_connection_lead_to_the_org(org: StandIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    pytest.importorskip("airflow.sdk", reason="Airflow is not there: reading its connections is not tested")
    keys = {"consumer_key": "client", "consumer_secret": "secret", "domain": "acme.my"}
    monkeypatch.setenv("AIRFLOW_CONN_ORG", json.dumps({"conn_type": "salesforce", "extra": keys}))
    shutil.copytree(MAPPING.parent, tmp_path / "mappings")
    settings = Settings(
        salesforce_connection="org", salesforce_base_url=org.base_url, include_folder=tmp_path, state_folder=tmp_path
    )
    org.add_icm("Acme")
    assert [each.name for each in open_salesforce(settings, IMPATIENT).read_engagements().engagements] == ["Acme"]


def test_nothing_is_opened_before_the_first_call():
    settings = Settings(salesforce_connection="there_is_none")
    reader = open_salesforce(settings)
    with pytest.raises(ConfigurationError, match="there_is_none"):
        reader.read_engagements()


# Faults


def test_an_ended_session_is_renewed_once_and_nobody_notices(org: StandIn):
    org.add_icm("Acme")
    client = org.client()
    client.query("SELECT Id FROM ICM__c", "x")
    org.service.sessions.end_all()
    assert len(client.query("SELECT Id FROM ICM__c", "x")) == 1
    assert org.asked() == {"POST oauth": 2, "GET query": 3}


def test_a_session_that_is_always_refused_ends_after_one_more_login(org: StandIn):
    org.fault("401")
    with pytest.raises(LoginRefusedError, match="refuses a fresh session"):
        org.client().query("SELECT Id FROM ICM__c", "x")
    assert org.asked() == {"POST oauth": 2, "GET query": 2}


@pytest.mark.parametrize("kind", ["503", "500", "reset"])
def test_passing_faults_are_tried_again(org: StandIn, kind: str):
    org.add_icm("Acme")
    org.fault(kind, "query", times=2)
    assert len(org.client().query("SELECT Id FROM ICM__c", "x")) == 1
    assert org.asked()["GET query"] == 3


def test_a_maintenance_page_that_stays_is_a_transient_fault(org: StandIn):
    org.fault("503")
    with pytest.raises(TransientError, match=r"503.*maintenance.*the next run tries again"):
        org.reader().read_engagements()


def test_a_maintenance_page_at_the_login_is_no_refusal(org: StandIn):
    org.fault("503", "oauth", times=2)
    assert org.client().query("SELECT Id FROM ICM__c", "x") == []
    org.fault("503", "oauth")
    with pytest.raises(TransientError, match="instead of a token"):
        org.client().query("SELECT Id FROM ICM__c", "x")


def test_a_server_that_does_not_answer_is_a_transient_fault(org: StandIn):
    from dataclasses import replace

    org.fault("slow", "query", seconds=1.0)
    client = org.client(replace(IMPATIENT, attempts=1, read_timeout=0.1))
    with pytest.raises(TransientError, match="no complete answer"):
        client.query("SELECT Id FROM ICM__c", "x")


def test_a_used_up_quota_is_not_hammered():
    with stand_in(request_limit=0) as org:
        with pytest.raises(RateLimitedError, match="quota is used up") as caught:
            org.client().query("SELECT Id FROM ICM__c", "x")
        assert caught.value.retry_after == 3600
        assert org.asked()["GET query"] == 1


def test_a_refused_api_and_unknown_names_are_told_apart(org: StandIn):
    client = org.client()
    with pytest.raises(ResourceMissingError, match="NOT_FOUND"):
        client.describe("Nothing__c")
    with pytest.raises(ConfigurationError, match="INVALID_FIELD"):
        client.query("SELECT Colour__c FROM ICM__c", "x")
    with pytest.raises(ConfigurationError):
        client.describe("../../oauth2/token")
    org.fault("403", times=1)
    with pytest.raises(AccessDeniedError, match="API_DISABLED_FOR_ORG"):
        client.query("SELECT Id FROM ICM__c", "x")


def test_the_last_answers_api_usage_is_remembered(org: StandIn):
    client = org.client()
    assert client.api_usage is None
    client.query("SELECT Id FROM ICM__c", "x")
    client.query("SELECT Id FROM ICM__c", "x")
    assert client.api_usage == ApiUsage(2, 15000)


class Rude:
    """A server that answers as told, and notes what it was sent."""

    def __init__(self, *answers: Response) -> None:
        self.answers = list(answers)
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        self.logins = 0

    def app(self) -> Starlette:
        async def token(request: Request) -> Response:
            self.logins += 1
            base = f"{request.url.scheme}://{request.url.netloc}"
            return JSONResponse({"access_token": f"t{self.logins}", "instance_url": base})

        async def answer(request: Request) -> Response:
            self.seen.append((request.method, request.url.path, dict(request.headers)))
            return self.answers.pop(0)

        methods = ["GET", "POST", "PATCH"]
        return Starlette(
            routes=[
                Route("/services/oauth2/token", token, methods=["POST"]),
                Route("/{p:path}", answer, methods=methods),
            ]
        )


@pytest.fixture
def rude() -> Iterator[tuple[Rude, SalesforceClient]]:
    server = Rude()
    with serve(server.app()) as url:
        extra = {"consumer_key": "k", "consumer_secret": "s", "domain": "acme.my"}
        yield server, SalesforceClient(read_login(SystemConnection("sf", url, None, "", "", "", extra)), IMPATIENT)


def fault(code: str, status: int = 400) -> Response:
    return JSONResponse([{"errorCode": code, "message": "words", "fields": ["A__c"]}], status)


def test_headers_outlive_a_new_login(rude: tuple[Rude, SalesforceClient]):
    server, client = rude
    server.answers = [fault("INVALID_SESSION_ID", 401), Response(status_code=204)]
    guard = {"If-Unmodified-Since": "Mon, 02 Nov 2026 08:00:00 GMT"}
    answer = client.send("PATCH", "sobjects/ICM__c/a0I", "x", json={"A__c": 1}, headers=guard)
    assert answer.status_code == 204
    sent = [headers for _, _, headers in server.seen]
    assert [each["authorization"] for each in sent] == ["Bearer t1", "Bearer t2"]
    assert {each["if-unmodified-since"] for each in sent} == set(guard.values())
    assert {each["content-length"] for each in sent} == {"11"}


def test_a_write_is_not_repeated_by_itself(rude: tuple[Rude, SalesforceClient]):
    server, client = rude
    server.answers = [fault("UNABLE_TO_LOCK_ROW"), Response(status_code=204)]
    with pytest.raises(TransientError, match="UNABLE_TO_LOCK_ROW"):
        client.send("PATCH", "sobjects/ICM__c/a0I", "x", json={})
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (fault("UNABLE_TO_LOCK_ROW", 400), TransientError),
        (fault("REQUEST_LIMIT_EXCEEDED", 503), RateLimitedError),
        (fault("INSUFFICIENT_ACCESS_OR_READONLY", 500), AccessDeniedError),
        (fault("ENTITY_IS_DELETED", 404), ResourceMissingError),
        (fault("FIELD_CUSTOM_VALIDATION_EXCEPTION", 400), RefusedRequestError),
        (JSONResponse([], 412), RefusedRequestError),
        (PlainTextResponse("bad gateway", 502), TransientError),
        (PlainTextResponse("no such page", 404), ConfigurationError),
    ],
)
def test_the_error_code_decides_not_the_status(
    rude: tuple[Rude, SalesforceClient], answer: Response, error: type[Exception]
):
    server, client = rude
    server.answers = [answer] * 3
    with pytest.raises(error) as caught:
        client.send("GET", "limits", "what is asked")
    assert type(caught.value) is error
    assert "what is asked" in str(caught.value)


def test_a_refusal_carries_its_codes_and_fields(rude: tuple[Rude, SalesforceClient]):
    server, client = rude
    server.answers = [fault("DUPLICATE_VALUE")]
    with pytest.raises(RefusedRequestError) as caught:
        client.send("POST", "sobjects/Case", "x", json={})
    assert (caught.value.status, caught.value.faults[0].code, caught.value.faults[0].fields) == (
        400, "DUPLICATE_VALUE", ("A__c",),
    )  # fmt: skip


@pytest.mark.parametrize(
    "address", ["http://evil.example/x", "//evil.example/x", "/services/data/v60.0/query/../sobjects", ".evil.example/"]
)
def test_the_session_goes_nowhere_but_to_the_next_page(rude: tuple[Rude, SalesforceClient], address: str):
    server, client = rude
    server.answers = [
        JSONResponse({"totalSize": 2, "done": False, "records": [{"Id": "1"}], "nextRecordsUrl": address})
    ]
    with pytest.raises(PermanentError, match="next page"):
        client.query("SELECT Id FROM Case", "x")


def test_missing_records_are_noticed(rude: tuple[Rude, SalesforceClient]):
    server, client = rude
    server.answers = [JSONResponse({"totalSize": 3, "done": True, "records": [{"Id": "1"}]})]
    with pytest.raises(TransientError, match="1 of 3 records"):
        client.query("SELECT Id FROM Case", "x")


def test_an_answer_of_another_shape_is_told(rude: tuple[Rude, SalesforceClient]):
    server, client = rude
    server.answers = [JSONResponse(["surprise"]), PlainTextResponse("<html>login page</html>")]
    with pytest.raises(ContractError, match="shape"):
        client.query("SELECT Id FROM Case", "x")
    with pytest.raises(TransientError, match="no complete JSON"):
        client.query("SELECT Id FROM Case", "x")
