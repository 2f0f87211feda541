"""simple-salesforce, as the Airflow provider brings it, against the Salesforce stand-in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import (
    SalesforceAuthenticationFailed,
    SalesforceExpiredSession,
    SalesforceGeneralError,
    SalesforceMalformedRequest,
    SalesforceMoreThanOneRecord,
    SalesforceRefusedRequest,
    SalesforceResourceNotFound,
)

from sandbox.salesforce.app import create_app
from sandbox.salesforce.ids import new_id
from sandbox.salesforce.store import Org
from tests.sandbox.salesforce_caller import NOVEMBER, PRIVATE_KEY, PUBLIC_KEY
from tests.sandbox.serving import serve


class LoopbackAdapter(HTTPAdapter):
    """Sends what is meant for any https:// host to the stand-in: the client has https and its hosts hard-coded."""

    def __init__(self, base: str, prefix: str) -> None:
        super().__init__()
        self.base = base
        self.prefix = prefix

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        assert request.url is not None
        parts = urlsplit(request.url)
        path = parts.path if parts.path.startswith(self.prefix) else self.prefix + parts.path
        request.url = f"{self.base}{path}" + (f"?{parts.query}" if parts.query else "")
        kwargs["timeout"] = 10
        return super().send(request, *args, **kwargs)


def make_session(base: str, prefix: str = "") -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.mount("https://", LoopbackAdapter(base, prefix))
    return session


@pytest.fixture
def org() -> Org:
    org = Org(
        "Demo",
        "client",
        "secret",
        public_key=PUBLIC_KEY,
        audiences=("https://acme.my.salesforce.com",),
        clock=NOVEMBER,
        page_size=2,
    )
    account = org.put("Account", NOVEMBER, {"Id": new_id("001", "acme"), "Name": "Acme"})
    for number in range(1, 6):
        org.put("ICM__c", NOVEMBER, {"Name": f"Acme {number}", "Account__c": account})
    return org


@pytest.fixture(params=["", "/salesforce"], ids=["at-root", "below-prefix"])
def client(org: Org, request: pytest.FixtureRequest) -> Iterator[Salesforce]:
    with serve(create_app(org, request.param)) as base:
        yield log_in(base, request.param)


@pytest.fixture
def base(org: Org) -> Iterator[str]:
    with serve(create_app(org)) as base:
        yield base


def log_in(base: str, prefix: str = "", **options: Any) -> Salesforce:
    credentials = {"consumer_key": "client", "consumer_secret": "secret", "domain": "acme.my", **options}
    return Salesforce(session=make_session(base, prefix), **credentials)


def test_query_all_follows_the_pages(client: Salesforce):
    found = client.query_all("SELECT Id, Name, Account__r.Name FROM ICM__c ORDER BY Name")
    assert found["totalSize"] == 5
    assert [row["Name"] for row in found["records"]] == [f"Acme {number}" for number in range(1, 6)]
    assert {row["Account__r"]["Name"] for row in found["records"]} == {"Acme"}
    assert client.api_usage["api-usage"].used == 3


def test_query_answers_the_first_page(client: Salesforce):
    page = client.query("SELECT Id FROM ICM__c")
    assert (page["totalSize"], page["done"], len(page["records"])) == (5, False, 2)
    assert client.query("SELECT COUNT() FROM ICM__c WHERE Name LIKE 'Acme%'")["totalSize"] == 5
    assert client.query_all("SELECT Id FROM ICM__c", include_deleted=True)["totalSize"] == 5


def test_describe_limits_get_and_versions(client: Salesforce):
    assert "ICM__c" in [each["name"] for each in client.describe()["sobjects"]]
    assert client.ICM__c.describe()["fields"][0]["name"] == "Id"
    assert client.Account.metadata()["objectDescribe"]["keyPrefix"] == "001"
    assert client.limits()["DailyApiRequests"]["Max"] == 15000
    account = new_id("001", "acme")
    assert client.Account.get(account)["Name"] == "Acme"
    assert client.User.get_by_custom_id("Username", "integration@example.com")["Name"] == "Integration"
    assert client.is_sandbox() is False
    assert client.restful("sobjects/Account/" + account, params={"fields": "Name"})["Name"] == "Acme"


def test_login_by_jwt(base: str):
    client = log_in(base, consumer_secret=None, username="integration@example.com", privatekey=PRIVATE_KEY)
    assert client.query_all("SELECT Id FROM ICM__c")["totalSize"] == 5


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"consumer_secret": "wrong"}, "invalid_client"),
        ({"consumer_key": "wrong"}, "invalid_client_id"),
        ({"consumer_secret": None, "username": "nobody@example.com", "privatekey": PRIVATE_KEY}, "invalid_grant"),
        (
            {
                "username": "integration@example.com",
                "domain": "test",
                "consumer_secret": None,
                "privatekey": PRIVATE_KEY,
            },
            "invalid_grant",
        ),
        ({"username": "integration@example.com", "password": "x"}, "invalid_grant"),
        ({"username": "integration@example.com", "password": "x", "security_token": ""}, "INVALID_OPERATION"),
    ],
    ids=["secret", "key", "user", "audience", "password-flow", "soap"],
)
@pytest.mark.filterwarnings("ignore:(?s).*self-authorize:UserWarning")
def test_refused_logins_say_why(base: str, options: dict[str, Any], code: str):
    with pytest.raises(SalesforceAuthenticationFailed) as caught:
        log_in(base, **options)
    assert caught.value.code == code
    assert caught.value.auth_message


def test_errors_become_the_clients_exceptions(base: str, org: Org):
    client = log_in(base)
    with pytest.raises(SalesforceMalformedRequest) as malformed:
        client.query("SELECT Id FROM Acount")
    assert malformed.value.content[0]["errorCode"] == "INVALID_TYPE"
    with pytest.raises(SalesforceResourceNotFound):
        client.Account.get(new_id("001", "nobody"))
    for _ in range(2):
        org.put("Case", NOVEMBER, {"Handoff_Key__c": "twice"})
    with pytest.raises(SalesforceMoreThanOneRecord) as several:
        client.Case.get_by_custom_id("Handoff_Key__c", "twice")
    assert len(several.value.content) == 2
    org.request_limit = 0
    with pytest.raises(SalesforceRefusedRequest) as refused:
        client.limits()
    assert refused.value.content[0]["errorCode"] == "REQUEST_LIMIT_EXCEEDED"
    with pytest.raises(SalesforceGeneralError) as retired:
        log_in(base, version="30.0").limits()
    assert retired.value.status == 410


def test_an_ended_session_is_renewed_and_a_stubborn_one_is_not_endless(base: str):
    client = log_in(base)
    requests.delete(f"{base}/admin/salesforce/tokens", timeout=10)
    assert client.query("SELECT COUNT() FROM ICM__c")["totalSize"] == 5
    requests.post(f"{base}/admin/salesforce/faults", json={"kind": "401"}, timeout=10)
    requests.delete(f"{base}/admin/salesforce/requests", timeout=10)
    with pytest.raises(SalesforceExpiredSession):
        client.query("SELECT COUNT() FROM ICM__c")
    counted = requests.get(f"{base}/admin/salesforce/requests", timeout=10).json()["by_resource"]
    # What the client is known to do: four calls, a login after each.
    assert counted == {"GET query": 4, "POST oauth": 4}


def test_a_page_of_html_is_a_general_error(base: str):
    client = log_in(base)
    requests.post(f"{base}/admin/salesforce/faults", json={"kind": "503"}, timeout=10)
    with pytest.raises(SalesforceGeneralError) as caught:
        client.limits()
    assert caught.value.status == 503
    assert "<html>" in caught.value.content
