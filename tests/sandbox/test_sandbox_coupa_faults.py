"""Every fault, as a client meets it over a real socket."""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
import requests

from sandbox.coupa import shapes
from sandbox.coupa.app import create_app
from sandbox.world import Instance, World
from tests.sandbox.coupa_visit import Visit
from tests.sandbox.serving import serve

CLOCK = datetime(2026, 11, 5, tzinfo=UTC)


@pytest.fixture(scope="module")
def served():
    world = World()
    instance = world.add(Instance("acme", requests_per_second=None, clock=CLOCK))
    for number in range(1, 8):
        line = shapes.invoice_line(id=number * 10)
        body = shapes.invoice(id=number, lines=[line], created_at=CLOCK - timedelta(days=1))
        instance.put("invoices", CLOCK - timedelta(days=1), body)
    world.add(Instance("quiet", requests_per_second=None, clock=CLOCK))
    with serve(create_app(world)) as base:
        yield base, instance


@pytest.fixture
def visit(served):
    base, instance = served
    instance.clock = CLOCK
    visit = Visit(base)
    visit.steer("DELETE", "faults")
    return visit


def _statuses(visit: Visit, count: int, resource: str = "invoices") -> list[int]:
    return [visit.get(resource, limit=1).status_code for _ in range(count)]


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500])
def test_status(visit, status):
    visit.add_fault(kind="status", status=status, resource="invoices", times=1)
    answer = visit.get("invoices")
    assert (answer.status_code, "errors" in answer.json()) == (status, True)
    assert visit.get("invoices").status_code == 200


def test_429_with_and_without_a_wait(visit):
    visit.add_fault(kind="status", status=429, retry_after=7, times=1)
    visit.add_fault(kind="status", status=429, times=1)
    waits = [visit.get("invoices").headers.get("Retry-After") for _ in range(2)]
    assert waits == ["7", None]


def test_503_is_a_page_of_html(visit):
    visit.add_fault(kind="status", status=503, times=1)
    answer = visit.get("invoices")
    assert (answer.status_code, answer.headers["content-type"]) == (503, "text/html; charset=utf-8")
    assert "<html" in answer.text
    assert answer.headers["Date"] == "Thu, 05 Nov 2026 00:00:00 GMT"


def test_after_and_times_count_matching_requests_only(visit):
    visit.add_fault(kind="status", status=500, resource="invoices", after=2, times=2)
    assert _statuses(visit, 1, "users") == [200]
    assert _statuses(visit, 6) == [200, 200, 500, 500, 200, 200]
    assert visit.steer("GET", "faults").json()[0]["struck"] == 2


def test_a_fault_without_times_lasts_until_cleared(visit):
    first = visit.add_fault(kind="status", status=500, resource="invoices")
    visit.add_fault(kind="status", status=403, resource="users")
    assert _statuses(visit, 3) == [500, 500, 500]
    assert visit.steer("DELETE", f"faults/{first}").json() == {"cleared": 1}
    assert (_statuses(visit, 1), _statuses(visit, 1, "users")) == ([200], [403])
    assert visit.steer("DELETE", "faults").json() == {"cleared": 1}
    assert _statuses(visit, 1, "users") == [200]


def test_a_window_is_measured_by_the_instances_clock(visit):
    visit.add_fault(kind="status", status=500, **{"from": "2026-11-23T00:00:00Z", "until": "2026-11-30T00:00:00Z"})
    answers = []
    for day in ("22T23:59:59", "23T00:00:00", "29T23:59:59", "30T00:00:00"):
        visit.steer("PUT", "clock", {"at": f"2026-11-{day}Z"})
        answers += _statuses(visit, 1)
    assert answers == [200, 500, 500, 200]


def test_faults_are_one_tenants_own(served, visit):
    visit.add_fault(kind="status", status=500)
    assert _statuses(visit, 1) == [500]
    assert _statuses(Visit(served[0], "quiet"), 1) == [200]


def test_the_token_endpoint_fails_only_when_it_is_named(visit):
    visit.add_fault(kind="status", status=500)
    assert visit.ask_token().status_code == 200
    visit.add_fault(kind="status", status=503, resource="oauth", times=1)
    assert [visit.ask_token().status_code for _ in range(2)] == [503, 200]


def test_slow_outlasts_the_clients_patience(visit):
    visit.add_fault(kind="slow", seconds=5, times=1)
    with pytest.raises(requests.exceptions.ReadTimeout):
        visit.session.get(f"{visit.host}/api/invoices", timeout=0.3)
    assert visit.get("invoices").status_code == 200


def test_reset_breaks_the_connection_in_mid_body(visit):
    visit.add_fault(kind="reset", times=1)
    address = urlsplit(visit.host)
    with socket.create_connection((address.hostname, address.port), timeout=10) as raw:
        request = (
            "GET /coupa/acme/api/invoices HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\n"
            f"Authorization: {visit.session.headers['Authorization']}\r\n\r\n"
        )
        raw.sendall(request.encode())
        received = b""
        with pytest.raises(ConnectionResetError):
            while chunk := raw.recv(65536):
                received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    promised = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    assert head.startswith(b"HTTP/1.1 200")
    assert 0 < len(body) < promised
    assert visit.get("invoices").status_code == 200


def test_truncated_is_a_complete_answer_around_cut_json(visit):
    visit.add_fault(kind="truncated", times=1)
    answer = visit.get("invoices")
    assert answer.status_code == 200
    assert int(answer.headers["content-length"]) == len(answer.content)
    with pytest.raises(requests.exceptions.JSONDecodeError):
        answer.json()


def test_wrong_type_on_one_record(visit):
    visit.add_fault(kind="wrong_type", field="invoice_lines.total", value="a lot", ids=[2], times=1)
    assert [row["invoice-lines"][0]["total"] for row in visit.rows("invoices", {"limit": 3})] == [
        "0.00",
        "a lot",
        "0.00",
    ]
    assert visit.rows("invoices", {"id": 2})[0]["invoice-lines"][0]["total"] == "0.00", "the record itself is untouched"


def test_wrong_type_on_all_records_and_on_a_single_one(visit):
    visit.add_fault(kind="wrong_type", field="supplier", value=["no", "object"])
    assert {str(row["supplier"]) for row in visit.rows("invoices")} == {"['no', 'object']"}
    assert visit.get("invoices/3").json()["supplier"] == ["no", "object"]


def test_missing_and_extra_field(visit):
    visit.add_fault(kind="missing_field", field="supplier.name")
    visit.add_fault(kind="extra_field", field="release-44-novelty", value={"a": 1})
    rows = visit.rows("invoices", {"fields": '["id",{"supplier":["id","name"]}]'})
    assert rows[0] == {"id": 1, "supplier": {"id": 1}, "release-44-novelty": {"a": 1}}


def test_a_row_is_touched_after_the_first_page(served, visit):
    instance = Instance("drifting", requests_per_second=None, clock=CLOCK)
    for number in range(1, 5):
        instance.put("invoices", CLOCK - timedelta(days=9), {"id": number, "updated-at": "2026-10-01T00:00:00+00:00"})
    world = World()
    world.add(instance)
    with serve(create_app(world)) as base:
        drifting = Visit(base, "drifting")
        drifting.add_fault(
            kind="rows_changed", resource="invoices", after=1, times=1, touch=[1], put=[{"id": 9}], delete=[4]
        )
        window = {"updated_at[lt]": "2026-11-01", "limit": 2}
        assert drifting.ids("invoices", {**window, "offset": 0}) == [1, 2]
        assert drifting.ids("invoices", {**window, "offset": 2}) == [], "row 3 slid onto the page already read"
        assert drifting.ids("invoices") == [1, 2, 3, 9]
        assert drifting.rows("invoices", {"id": 1})[0]["updated-at"] == "2026-11-05T00:00:00+00:00"


def test_the_same_page_twice(visit):
    visit.add_fault(kind="same_page", resource="invoices", after=1, times=1)
    pages = [visit.ids("invoices", {"id[gt]": last, "limit": 2}) for last in (0, 2, 2)]
    assert pages == [[1, 2], [1, 2], [3, 4]]


def test_token_not_ready_for_some_requests(visit):
    visit.add_fault(kind="token_not_ready", requests=2)
    visit.renew()
    assert _statuses(visit, 4) == [401, 401, 200, 200]
    visit.renew()
    assert _statuses(visit, 3) == [401, 401, 200]


def test_token_not_ready_for_some_seconds(visit):
    visit.add_fault(kind="token_not_ready", seconds=3600)
    assert _statuses(visit, 2) == [401, 401]
    visit.steer("DELETE", "faults")
    visit.add_fault(kind="token_not_ready", seconds=0)
    assert _statuses(visit, 1) == [200]


def test_empty_as_404_strikes_empty_lists_only(visit):
    visit.add_fault(kind="empty_404", times=1)
    assert visit.get("invoices").status_code == 200
    answer = visit.get("invoices", id=99)
    assert (answer.status_code, "No results match" in answer.text) == (404, True)
    assert visit.get("invoices", id=99).status_code == 200


@pytest.mark.parametrize(
    "fault",
    [
        {},
        {"kind": "earthquake"},
        {"kind": "status"},
        {"kind": "wrong_type", "value": 1},
        {"kind": "slow", "from": "2026-11-23"},
    ],
    ids=str,
)
def test_a_fault_that_makes_no_sense_is_refused(visit, fault):
    answer = visit.steer("POST", "faults", fault)
    assert (answer.status_code, visit.steer("GET", "faults").json()) == (400, [])
