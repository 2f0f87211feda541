"""The light of every feed of an instance, over real sockets against the stand-in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from hypercare.connecting.feed_access import Access, FeedAccess, Light, check_instances
from hypercare.connecting.scopes import imagine_engagement
from hypercare.runtime import Runtime, open_runtime
from hypercare.settings import Settings
from sandbox.coupa import shapes
from tests.hypercare.coupa_stand_in import SCOPES, StandIn, stand_in

START = datetime(2026, 1, 5, tzinfo=UTC)


@pytest.fixture
def coupa() -> Iterator[StandIn]:
    with stand_in() as found:
        found.instance.put("suppliers", START, shapes.supplier(id=1, created_at=START))
        found.instance.put("suppliers", START, shapes.supplier(id=2, created_at=START))
        yield found


@pytest.fixture
def runtime(ledger_url: str, tmp_path: Path) -> Iterator[Runtime]:
    settings = Settings(
        ledger_url=ledger_url, state_folder=tmp_path, allow_test_instances=True, coupa_requests_per_second=None,
        coupa_backoff_seconds=0.01,
    )  # fmt: skip
    with open_runtime(settings) as opened:
        yield opened


def connect(monkeypatch: pytest.MonkeyPatch, coupa: StandIn, **changes: object) -> None:
    address = urlsplit(coupa.base_url)
    connection = {
        "conn_type": "http", "schema": "http", "host": address.hostname, "port": address.port,
        "login": coupa.instance.client_id, "password": coupa.instance.client_secret,
        "extra": {"path": address.path, "scopes": " ".join(SCOPES)}, **changes,
    }  # fmt: skip
    monkeypatch.setenv("AIRFLOW_CONN_COUPA_ACME", json.dumps(connection))


def check(runtime: Runtime, instance: str = "acme") -> dict[str, FeedAccess]:
    found = check_instances(runtime, [instance], [])
    assert len({each.feed for each in found}) == len(found) == 14
    return {each.feed: each for each in found}


def test_what_is_granted_is_green_after_one_record_a_feed(
    runtime: Runtime, coupa: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, coupa)
    found = check(runtime)
    assert {each.light for each in found.values()} == {Light.GREEN}
    assert found["suppliers"].words == ""
    assert found["invoices"].words == "there is no record yet, so its fields were not seen"
    lists = [entry for entry in coupa.requests_seen()["log"] if entry["method"] == "GET"]
    assert len(lists) == 14
    assert all("limit=1&" in f"{entry['query']}&" for entry in lists)


def test_an_ungranted_scope_is_named_though_the_login_refuses_all_of_them(
    runtime: Runtime, coupa: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, coupa)
    coupa.instance.scopes = frozenset(SCOPES) - {"core.invoice.read", "core.contract.read"}
    found = check(runtime)
    refused = {feed for feed, each in found.items() if each.access is Access.REFUSED}
    assert refused == {"invoices", "contracts"}
    assert "core.invoice.read" in found["invoices"].words
    assert found["invoices"].light is Light.RED
    assert found["contracts"].light is Light.YELLOW
    # What is granted does not come either while the connection asks for more.
    assert found["suppliers"].access is Access.GRANTED
    assert found["suppliers"].light is Light.RED
    assert "coupa_acme also asks for scopes that are not" in found["suppliers"].words


def test_a_scope_that_the_connection_does_not_ask_for_is_named(
    runtime: Runtime, coupa: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    scopes = [scope for scope in SCOPES if scope != "core.user.read"]
    extra = {"path": urlsplit(coupa.base_url).path, "scopes": " ".join(scopes)}
    connect(monkeypatch, coupa, extra=extra)
    found = check(runtime)
    assert found["users"].access is Access.REFUSED
    assert "core.user.read is not among those of connection coupa_acme" in found["users"].words
    assert found["suppliers"].light is Light.GREEN
    assert coupa.asked("users") == 0


@pytest.mark.parametrize(
    ("fault", "access", "words"),
    [
        ({"kind": "status", "status": 403, "resource": "users"}, Access.REFUSED, "grant the scope core.user.read"),
        ({"kind": "status", "status": 404, "resource": "users"}, Access.NOT_LICENSED, "not licensed"),
        ({"kind": "status", "status": 503, "resource": "users"}, Access.FAULT, "answers 503"),
    ],
)
def test_what_a_feed_answers_is_told_apart(
    runtime: Runtime,
    coupa: StandIn,
    monkeypatch: pytest.MonkeyPatch,
    fault: dict[str, object],
    access: Access,
    words: str,
) -> None:
    connect(monkeypatch, coupa)
    coupa.fault(**fault)  # type: ignore[arg-type]
    found = check(runtime)
    assert (found["users"].access, found["users"].light) == (access, Light.RED)
    assert words in found["users"].words
    assert {each.light for feed, each in found.items() if feed != "users"} == {Light.GREEN}


def test_fields_that_do_not_come_are_named_down_to_the_lists(
    runtime: Runtime, coupa: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, coupa)
    coupa.instance.put("invoices", START, shapes.invoice(id=1, created_at=START))
    coupa.fault("missing_field", "suppliers", field="status")
    coupa.fault("missing_field", "invoices", field="supplier.id")
    found = check(runtime)
    assert found["suppliers"].access is Access.FIELDS_HIDDEN
    assert found["suppliers"].light is Light.YELLOW
    assert "came without status:" in found["suppliers"].words
    assert "came without supplier.id:" in found["invoices"].words


def test_an_instance_that_is_down_is_left_alone_soon(
    runtime: Runtime, coupa: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, coupa)
    coupa.fault("status", "*", status=503)
    found = check(runtime)
    assert {each.access for each in found.values()} == {Access.FAULT}
    assert sum("not tried, since" in each.words for each in found.values()) == 12


def test_refused_credentials_are_said_of_every_feed_and_no_secret_is(
    runtime: Runtime, coupa: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, coupa, password="wr0ng-secret")
    found = check(runtime)
    assert {each.access for each in found.values()} == {Access.REFUSED}
    assert all("renew client id and secret in connection coupa_acme" in each.words for each in found.values())
    assert "wr0ng-secret" not in str(found)


def test_a_connection_that_is_not_there_is_a_fault(runtime: Runtime) -> None:
    found = check(runtime, "nowhere")
    assert {each.access for each in found.values()} == {Access.FAULT}
    assert "no Airflow connection 'coupa_nowhere'" in found["users"].words


def test_the_servers_clock_is_compared_with_ours(
    runtime: Runtime, coupa: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, coupa)
    coupa.instance.clock = datetime.now(UTC) + timedelta(hours=1)
    ahead = check(runtime)["users"].clock_ahead
    assert ahead is not None
    assert timedelta(minutes=50) < ahead < timedelta(minutes=70)


def test_only_what_the_engagements_of_an_instance_have_is_asked_for(
    runtime: Runtime, coupa: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    connect(monkeypatch, coupa)
    engagement = replace(imagine_engagement([]), instances=("acme",))
    found = check_instances(runtime, [], [engagement])
    assert {each.instance for each in found} == {"acme"}
    assert not any("pay" in each.scope for each in found)
