"""Logins to the Salesforce stand-in over a real socket."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest
import requests

from sandbox.salesforce.app import create_app
from sandbox.salesforce.store import Org
from tests.sandbox.salesforce_caller import DATA, GRANT, PRIVATE_KEY, TOKEN, Caller, make_keys, make_org, read_error
from tests.sandbox.serving import serve

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
OTHER_PRIVATE_KEY, _ = make_keys()


@pytest.fixture
def org() -> Org:
    return make_org()


@pytest.fixture
def caller(org: Org) -> Iterator[Caller]:
    with serve(create_app(org)) as base:
        yield Caller(base).log_in()


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
