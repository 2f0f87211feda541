"""The Coupa client against the stand-in, over real sockets."""

from __future__ import annotations

import itertools
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import requests

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
from hypercare.systems.coupa import CoupaClient, CoupaConnection, Page
from hypercare.systems.http import RateLimiter, RequestPolicy, retry_after
from sandbox.coupa import shapes
from tests.hypercare.coupa_stand_in import CONTRACTS, IMPATIENT, SCOPES, StandIn, stand_in

SUPPLIERS = CONTRACTS["suppliers"]
REPEATS = itertools.count(1)
"""A scope named twice asks for no more, but makes another connection."""
START = datetime(2026, 1, 5, tzinfo=UTC)


@pytest.fixture(scope="module")
def served() -> Iterator[StandIn]:
    with stand_in() as found:
        for number in range(1, 121):
            found.instance.put("suppliers", START, shapes.supplier(id=number, created_at=START))
        yield found


@pytest.fixture
def coupa(served: StandIn) -> StandIn:
    served.clear_faults()
    served.forget_requests()
    return served


def with_fresh_token(coupa: StandIn, **settings: object) -> CoupaClient:
    """Return a client that shares its token with no client of another test."""
    return coupa.client(scopes=(*SCOPES, *[SCOPES[0]] * next(REPEATS)), **settings)


def settling(coupa: StandIn, **settings: object) -> CoupaClient:
    """Return a client that takes no token for a young one."""
    return with_fresh_token(coupa, token_settles_within=0.0, **settings)


def read_all(client: CoupaClient, query: dict[str, str] | None = None) -> list[int]:
    ids: list[int] = []
    page = client.read_list(SUPPLIERS, query or {})
    while True:
        ids += [head["id"] for head in page.heads]
        if len(page.heads) < 50:
            return ids
        page = client.read_list(SUPPLIERS, query or {}, after=ids[-1])


def test_pages_by_id_and_asks_for_the_contracts_fields_only(coupa: StandIn) -> None:
    page = coupa.client().read_list(SUPPLIERS, {})
    assert set(json.loads(page.body)[0]) == set(SUPPLIERS.columns.fields)
    assert read_all(coupa.client()) == list(range(1, 121))


def test_takes_the_servers_own_clock(coupa: StandIn) -> None:
    coupa.instance.clock = datetime(2026, 3, 1, 4, 5, 6, tzinfo=UTC)
    try:
        assert coupa.client().read_list(SUPPLIERS, {}).server_date == coupa.instance.clock
    finally:
        coupa.instance.clock = None


PASSING = [
    {"kind": "status", "status": 500},
    {"kind": "status", "status": 502, "html": True},
    {"kind": "status", "status": 503},
    {"kind": "status", "status": 429},
    {"kind": "status", "status": 429, "retry_after": 0},
    {"kind": "status", "status": 404, "html": True, "after": 1},
    {"kind": "reset"},
    {"kind": "truncated"},
    {"kind": "same_page", "after": 1},
    {"kind": "empty_404", "after": 5},
    {"kind": "slow", "seconds": 0.01},
    {"kind": "token_not_ready", "requests": 2},
]


@pytest.mark.parametrize("fault", PASSING, ids=str)
def test_a_passing_fault_loses_and_doubles_nothing(coupa: StandIn, fault: dict[str, object]) -> None:
    coupa.fault(resource="suppliers", **{"times": 2 if fault["kind"] == "token_not_ready" else 1, **fault})
    assert read_all(with_fresh_token(coupa)) == list(range(1, 121))


LASTING = [
    ({"kind": "status", "status": 500}, TransientError, "acme.*suppliers.*500.*next run"),
    ({"kind": "status", "status": 503}, TransientError, "acme.*suppliers.*503.*be back soon"),
    ({"kind": "status", "status": 429}, RateLimitedError, "acme.*suppliers.*429"),
    ({"kind": "status", "status": 403}, AccessDeniedError, "acme.*suppliers.*core.supplier.read"),
    ({"kind": "status", "status": 400}, ContractError, "acme.*suppliers.*400.*contract suppliers version 1"),
    ({"kind": "status", "status": 404}, ResourceMissingError, "acme.*suppliers.*not licensed"),
    ({"kind": "status", "status": 302}, ConfigurationError, "acme.*suppliers.*redirected"),
    ({"kind": "reset"}, TransientError, "acme.*suppliers.*no complete answer"),
    ({"kind": "truncated"}, TransientError, "acme.*suppliers.*no complete JSON array"),
    ({"kind": "missing_field", "field": "id"}, ContractError, "acme.*suppliers.*no numeric id"),
]


@pytest.mark.parametrize(("fault", "error", "words"), LASTING, ids=str)
def test_a_lasting_fault_ends_in_a_message(
    coupa: StandIn, fault: dict[str, object], error: type[Exception], words: str
) -> None:
    coupa.fault(resource="suppliers", **fault)
    with pytest.raises(error, match=f"(?s){words}") as raised:
        coupa.client().read_list(SUPPLIERS, {})
    assert type(raised.value) is error
    if error is TransientError:
        assert coupa.asked("suppliers") == IMPATIENT.attempts


def test_the_same_page_again_and_again_is_a_broken_contract(coupa: StandIn) -> None:
    client = coupa.client()
    first = client.read_list(SUPPLIERS, {})
    coupa.fault("same_page", "suppliers")
    with pytest.raises(ContractError, match="repeats a page"):
        client.read_list(SUPPLIERS, {}, after=first.heads[-1]["id"])


def test_a_slow_answer_is_given_up(coupa: StandIn) -> None:
    coupa.fault("slow", "suppliers", seconds=0.6)
    with pytest.raises(TransientError, match="no complete answer"):
        coupa.client(replace(IMPATIENT, read_timeout=0.1, attempts=2)).read_list(SUPPLIERS, {})


def test_retry_after_is_waited_for_or_handed_on(coupa: StandIn) -> None:
    coupa.fault("status", "suppliers", status=429, retry_after=1, times=1)
    assert coupa.client().read_list(SUPPLIERS, {}).heads
    coupa.fault("status", "suppliers", status=503, retry_after=3600)
    coupa.forget_requests()
    with pytest.raises(RateLimitedError, match="3600 s") as raised:
        coupa.client().read_list(SUPPLIERS, {})
    assert raised.value.retry_after == 3600
    assert coupa.asked("suppliers") == 1


@pytest.mark.parametrize(
    ("told", "seconds"),
    [("7", 7.0), ("Mon, 16 Nov 2026 02:00:30 GMT", 30.0), ("soon", None), ("", None), ("-3", 0.0)],
)
def test_reads_retry_after(told: str, seconds: float | None) -> None:
    headers = {"Retry-After": told, "Date": "Mon, 16 Nov 2026 02:00:00 GMT"}
    assert retry_after(headers) == seconds


def test_an_empty_list_is_empty_whichever_way_it_is_said(coupa: StandIn) -> None:
    nothing = {"id[gt]": "9999"}
    assert coupa.client().read_list(SUPPLIERS, nothing).body == b"[]"
    coupa.fault("empty_404", "suppliers")
    assert coupa.client().read_list(SUPPLIERS, nothing).body == b"[]"
    assert coupa.client().read_list(CONTRACTS["receipts"], {}).heads == []


def test_an_undocumented_404_is_empty_only_where_the_resource_shows_itself(coupa: StandIn) -> None:
    coupa.fault("status", "suppliers", status=404, times=1)
    assert coupa.client().read_list(SUPPLIERS, {}).heads, "asked again, the list is there"


def test_an_unlicensed_resource_is_missing_not_empty() -> None:
    with stand_in(unlicensed=["suppliers"]) as coupa, pytest.raises(ResourceMissingError, match="not licensed"):
        coupa.client().read_list(SUPPLIERS, {})


def test_one_token_serves_many_requests_clients_and_threads(coupa: StandIn) -> None:
    connection = with_fresh_token(coupa).connection
    clients = [CoupaClient(connection, IMPATIENT, requests_per_second=None) for _ in range(4)]
    threads = [threading.Thread(target=read_all, args=[client]) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert coupa.requests_seen()["counts"] == {"GET": {"suppliers": 12}, "POST": {"oauth": 1}}


def test_a_young_tokens_401_is_repeated_with_the_same_token(coupa: StandIn) -> None:
    coupa.fault("token_not_ready", "suppliers", requests=3)
    assert with_fresh_token(coupa).read_list(SUPPLIERS, {}).heads
    seen = coupa.requests_seen()
    assert seen["statuses"]["401"] == 3
    assert seen["counts"]["POST"] == {"oauth": 1}


def test_an_older_tokens_401_brings_one_new_token(coupa: StandIn) -> None:
    client = settling(coupa)
    assert client.read_list(SUPPLIERS, {}).heads
    coupa.forget_requests()
    coupa.expire_tokens()
    assert client.read_list(SUPPLIERS, {}).heads
    assert coupa.requests_seen()["counts"] == {"GET": {"suppliers": 2}, "POST": {"oauth": 1}}


def test_a_token_refused_twice_is_a_refused_login(coupa: StandIn) -> None:
    coupa.fault("status", "suppliers", status=401)
    with pytest.raises(LoginRefusedError, match=r"acme.*suppliers.*coupa_acme"):
        settling(coupa).read_list(SUPPLIERS, {})


def test_wrong_credentials_are_refused_at_once_and_never_shown(coupa: StandIn) -> None:
    client = coupa.client(client_secret="wrong-and-private")
    with pytest.raises(LoginRefusedError, match=r"acme.*coupa_acme") as raised:
        client.read_list(SUPPLIERS, {})
    assert coupa.requests_seen()["counts"] == {"POST": {"oauth": 1}}
    assert "wrong-and-private" not in str(raised.value) + repr(client.connection)


def test_a_scope_that_is_not_granted_is_named() -> None:
    with stand_in(scopes=["core.invoice.read"]) as coupa:
        with pytest.raises(AccessDeniedError, match=r"core.supplier.read"):
            coupa.client(scopes=("core.invoice.read", "core.supplier.read")).read_list(SUPPLIERS, {})
        with pytest.raises(AccessDeniedError, match=r"grant the scope core.supplier.read"):
            coupa.client(scopes=("core.invoice.read",)).read_list(SUPPLIERS, {})


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"kind": "status", "status": 500}, TransientError),
        ({"kind": "truncated"}, TransientError),
        ({"kind": "status", "status": 429}, RateLimitedError),
        ({"kind": "status", "status": 404}, ConfigurationError),
    ],
    ids=str,
)
def test_a_faulty_login_is_told(coupa: StandIn, fault: dict[str, object], error: type[Exception]) -> None:
    coupa.fault(resource="oauth", **fault)
    with pytest.raises(error, match="acme, login"):
        with_fresh_token(coupa).read_list(CONTRACTS["users"], {})


def test_nobody_listening_is_a_passing_fault() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    connection = CoupaConnection("acme", f"http://127.0.0.1:{port}", "id", "secret", SCOPES)
    with pytest.raises(TransientError, match="acme, login"):
        CoupaClient(connection, IMPATIENT).read_list(SUPPLIERS, {})


@pytest.mark.parametrize(
    "host",
    ["acme-test.coupahost.com", "acme-UAT.coupahost.com", "acme.coupacloud.com", "x.coupadev.com", "a-sandbox.example"],
)
def test_test_instances_are_refused_unless_allowed(host: str) -> None:
    connection = CoupaConnection("acme", f"https://{host}", "id", "secret", SCOPES)
    with pytest.raises(ConfigurationError, match=r"acme.*production"):
        CoupaClient(connection)
    CoupaClient(connection, allow_test_instances=True)
    CoupaClient(replace(connection, base_url="https://acme.coupahost.com"))


def test_nothing_but_reading_leaves_the_client(coupa: StandIn) -> None:
    session = coupa.client()._session
    for method, path in [("PUT", "/api/invoices/1?exported=true"), ("POST", "/api/invoices"), ("DELETE", "/api/x")]:
        with pytest.raises(PermanentError, match="only read"):
            session.request(method, coupa.base_url + path)
    assert coupa.requests_seen()["counts"] == {}


def test_the_limiter_spaces_requests_over_all_clients(coupa: StandIn) -> None:
    settings = {"requests_per_second": 1000.0}
    assert coupa.client(**settings)._limiter is coupa.client(**settings)._limiter
    limiter = RateLimiter(1e9)
    turns = []
    for _ in range(3):
        limiter.wait()
        turns.append(limiter._next)
    assert turns == sorted(set(turns))
    assert RateLimiter(None).wait() is None


@contextmanager
def serving_bytes(answer: bytes) -> Iterator[str]:
    """Answer every request on a socket with the same bytes and close."""
    listener = socket.create_server(("127.0.0.1", 0))

    def answer_all() -> None:
        while True:
            try:
                accepted, _ = listener.accept()
            except OSError:
                return
            with accepted:
                accepted.recv(65536)
                accepted.sendall(answer)

    thread = threading.Thread(target=answer_all, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n[", TransientError, "no complete answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", TransientError, "no token"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n<html>back at 8</htm", TransientError, "no token"),
        (b"HTTP/1.1 301 Moved\r\nLocation: https://x/\r\nContent-Length: 0\r\n\r\n", ConfigurationError, "redirected"),
        (b"not http at all\r\n\r\n", TransientError, "no complete answer"),
    ],
)
def test_broken_answers_to_the_login(answer: bytes, error: type[Exception], words: str) -> None:
    with serving_bytes(answer) as url, pytest.raises(error, match=words):
        connection = CoupaConnection("acme", url, "id", "secret", SCOPES)
        CoupaClient(connection, RequestPolicy(attempts=2, first_wait=0.001)).read_list(SUPPLIERS, {})


def test_no_proxy_or_netrc_takes_the_tokens_place(coupa: StandIn, tmp_path, monkeypatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    assert isinstance(with_fresh_token(coupa).read_list(SUPPLIERS, {}), Page)
    assert requests.utils.get_netrc_auth(coupa.base_url) == ("somebody", "else")
