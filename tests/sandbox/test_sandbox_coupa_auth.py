"""Tokens, scopes, licences and the rate limit."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from sandbox.coupa.app import create_app
from sandbox.coupa.schema import RESOURCES
from sandbox.coupa.tenant import LeakyBucket
from sandbox.world import Instance, World
from tests.sandbox.coupa_visit import JSON, Visit
from tests.sandbox.serving import serve

CLOCK = datetime(2026, 11, 5, 6, 7, 8, tzinfo=UTC)
READ = "core.invoice.read core.common.read"


@pytest.fixture(scope="module")
def base():
    world = World()
    world.add(Instance("acme", requests_per_second=None, clock=CLOCK))
    world.add(Instance("narrow", requests_per_second=None, clock=CLOCK, scopes=READ.split(), unlicensed={"invoices"}))
    world.add(Instance("delayed", requests_per_second=None, clock=CLOCK, token_delay_seconds=3600))
    world.add(Instance("limited", requests_per_second=0.0001, burst=3, clock=CLOCK))
    with serve(create_app(world)) as base:
        yield base


@pytest.fixture
def visit(base):
    return Visit(base)


@pytest.mark.parametrize("path", ["/oauth2/token", "/oauth2/access_tokens"])
def test_a_token_is_a_jwt_for_a_day(visit, path):
    answer = visit.ask_token(path, scope=READ).json()
    assert answer["expires_in"] == 86399
    assert answer["token_type"] == "bearer"
    assert set(answer["scope"].split()) == set(READ.split())
    claims = json.loads(base64.urlsafe_b64decode(answer["access_token"].split(".")[1] + "=="))
    assert claims["exp"] - claims["iat"] == 86399


def test_basic_authentication_works_too(visit):
    good = visit.ask_token(auth=("hypercare", "sandbox-secret"), client_id="", client_secret="")
    assert good.status_code == 200
    assert visit.ask_token(auth=("hypercare", "wrong"), client_id="", client_secret="").status_code == 401


@pytest.mark.parametrize(
    ("form", "status", "code"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "somebody"}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": ""}, 400, "unsupported_grant_type"),
        ({"scope": ""}, 400, "invalid_scope"),
    ],
    ids=str,
)
def test_token_requests_are_refused(visit, form, status, code):
    answer = visit.ask_token(**form)
    assert (answer.status_code, answer.json()["error"]) == (status, code)
    assert "access_token" not in answer.json()


def test_a_scope_that_was_not_granted_is_refused(base):
    narrow = Visit(base, "narrow", scope=READ)
    answer = narrow.ask_token(scope=READ + " core.user.read")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")
    assert "core.user.read" in answer.json()["error_description"]


@pytest.mark.parametrize("resource", sorted(RESOURCES))
def test_every_resource_needs_its_scope(base, resource):
    needed = RESOURCES[resource].scope
    assert Visit(base, scope=needed).get(resource).status_code == 200
    other = "core.user.read" if needed != "core.user.read" else "core.common.read"
    refused = Visit(base, scope=other).get(resource)
    assert refused.status_code == 403
    assert needed in refused.text


def test_an_unlicensed_resource_is_missing(base):
    assert Visit(base, "narrow", scope=READ).get("invoices").status_code == 404


def test_unknown_paths_and_instances(base, visit):
    assert visit.get("no_such_things").status_code == 404
    assert requests.get(f"{base}/coupa/nobody/api/invoices", headers=JSON, timeout=10).status_code == 404


def test_calls_without_a_valid_token_answer_401(visit):
    for headers in (
        {"Authorization": ""},
        {"Authorization": "Bearer nonsense"},
        {"Authorization": "Basic aHlwZXI6Y2FyZQ=="},
        {"X-COUPA-API-KEY": "k" * 40},
    ):
        assert visit.get("invoices", headers=headers).status_code == 401, headers
    token = visit.session.headers["Authorization"].removeprefix("Bearer ")
    assert visit.get("invoices", headers={"Authorization": f"bearer {token}"}).status_code == 200


def test_expired_tokens_answer_401_until_renewed(visit):
    assert visit.get("invoices").status_code == 200
    assert visit.steer("DELETE", "tokens").json()["expired"] >= 1
    assert visit.get("invoices").status_code == 401
    visit.renew()
    assert visit.get("invoices").status_code == 200


def test_a_fresh_token_may_not_be_ready_yet(base):
    assert Visit(base, "delayed").get("invoices").status_code == 401


def test_the_rate_limit_answers_429_with_a_wait(base):
    limited = Visit(base, "limited")
    answers = [limited.get("invoices") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert int(answers[-1].headers["Retry-After"]) >= 1
    assert limited.ask_token().status_code == 200, "the token endpoint is not limited"


def test_the_bucket_admits_its_burst_and_then_its_rate():
    bucket = LeakyBucket(per_second=25, burst=20)
    assert [bucket.admit(100.0) for _ in range(25)] == [True] * 20 + [False] * 5
    assert bucket.admit(100.041)
    assert not bucket.admit(100.042)
    assert sum(bucket.admit(200.0) for _ in range(100)) == 20


@given(gaps=st.lists(st.floats(0, 2), min_size=1, max_size=200))
def test_the_bucket_never_admits_more_than_burst_plus_rate(gaps):
    bucket, now, admitted = LeakyBucket(per_second=5, burst=4), 0.0, 0
    for gap in gaps:
        now += gap
        admitted += bucket.admit(now)
    assert admitted >= 1
    assert admitted <= 4 + 5 * (now - gaps[0]) + 1e-6
