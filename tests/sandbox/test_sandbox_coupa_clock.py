"""What the clock shows: versions, deletions, the Date header; on the wire and as a law."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from sandbox.coupa.app import create_app
from sandbox.world import Instance, World
from tests.sandbox.coupa_visit import Visit
from tests.sandbox.serving import serve

MONDAY = datetime(2026, 11, 2, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def served():
    world = World()
    instance = world.add(Instance("acme", time_zone="America/New_York", clock=MONDAY, requests_per_second=None))
    world.add(Instance("other", clock=MONDAY))
    instance.put("invoices", MONDAY, {"id": 1, "status": "draft"})
    instance.put("invoices", MONDAY + DAY, {"id": 1, "status": "approved"})
    instance.put("invoices", MONDAY + 2 * DAY, {"id": 2, "status": "draft"})
    instance.delete("invoices", MONDAY + 3 * DAY, 1)
    with serve(create_app(world)) as base:
        yield base, world


def _states(visit: Visit) -> dict[int, str]:
    return {row["id"]: row["status"] for row in visit.rows("invoices", {"fields": '["id","status"]'})}


def test_the_clock_shows_each_records_last_version(served):
    visit = Visit(served[0])
    shown = []
    for days in (-1, 0, 1, 2, 3, 1):  # also back again
        at = (MONDAY + days * DAY).isoformat()
        assert visit.steer("PUT", "clock", {"at": at}).status_code == 200
        shown.append(_states(visit))
    assert shown == [
        {},
        {1: "draft"},
        {1: "approved"},
        {1: "approved", 2: "draft"},
        {2: "draft"},
        {1: "approved"},
    ]


def test_every_answer_is_dated_by_the_instances_clock(served):
    visit = Visit(served[0])
    visit.steer("PUT", "clock", {"at": "2026-11-09T03:04:05.678901+01:00"})
    answers = [
        visit.get("invoices"),
        visit.get("invoices", no_such=1),
        visit.get("invoices/99"),
        visit.get("invoices", headers={"Authorization": "Bearer no"}),
        visit.get("no_such"),
        visit.ask_token(),
        visit.ask_token(grant_type="no"),
    ]
    assert [answer.status_code for answer in answers] == [200, 400, 404, 401, 404, 200, 400]
    assert {answer.headers["Date"] for answer in answers} == {"Mon, 09 Nov 2026 02:04:05 GMT"}


def test_one_clock_moves_alone_and_all_move_together(served):
    base, world = served
    visit = Visit(base)
    visit.steer("PUT", "clock", {"at": "2026-12-01T00:00:00Z"})
    assert world.instances["other"].clock == MONDAY
    answer = requests.put(f"{base}/admin/clock", json={"at": "2026-12-24T00:00:00Z"}, timeout=10)
    assert answer.json()["instances"] == 2
    assert {instance.clock for instance in world.instances.values()} == {datetime(2026, 12, 24, tzinfo=UTC)}


def test_without_a_set_clock_the_server_shows_real_time(served):
    base, world = served
    visit = Visit(base)
    visit.steer("PUT", "clock", {"at": None})
    before = datetime.now(UTC).replace(microsecond=0)
    said = parsedate_to_datetime(visit.get("invoices").headers["Date"])
    assert before <= said <= datetime.now(UTC)
    assert visit.steer("GET", "clock").json()["at"] is None
    world.instances["acme"].put("invoices", datetime.now(UTC), {"id": 77, "status": "new"})
    assert _states(visit)[77] == "new"


@pytest.mark.parametrize("content", [{}, {"at": "2026-11-09T00:00:00"}, {"at": "soon"}, {"at": 5}, ["x"]], ids=str)
def test_a_clock_that_is_no_instant_is_refused(served, content):
    assert Visit(served[0]).steer("PUT", "clock", content).status_code == 400


def test_the_world_refuses_what_it_cannot_show():
    instance = Instance("acme")
    with pytest.raises(ValueError, match="int id"):
        instance.put("invoices", MONDAY, {"id": "1"})
    with pytest.raises(ValueError, match="time zone"):
        instance.put("invoices", datetime(2026, 11, 2), {"id": 1})  # noqa: DTZ001
    world = World()
    world.add(instance)
    with pytest.raises(ValueError, match="already"):
        world.add(Instance("acme"))


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 9), st.integers(1, 4)),
        st.tuples(st.just("delete"), st.integers(0, 9), st.integers(1, 4)),
        st.tuples(st.just("look"), st.integers(-1, 10), st.just(0)),
    ),
    max_size=30,
)


@given(steps=STEPS)
def test_whatever_the_order_of_puts_and_looks_the_last_visible_version_shows(steps):
    instance = Instance("acme")
    told: list[tuple[int, int, dict | None]] = []
    for number, (action, day, record_id) in enumerate([*steps, ("look", 10, 0)]):
        if action == "put":
            body = {"id": record_id, "number": number}
            instance.put("invoices", MONDAY + day * DAY, body)
            told.append((day, record_id, body))
        elif action == "delete":
            instance.delete("invoices", MONDAY + day * DAY, record_id)
            told.append((day, record_id, None))
        else:
            instance.clock = MONDAY + day * DAY
            visible = sorted((entry for entry in told if entry[0] <= day), key=lambda entry: entry[0])
            expected = {record_id: body for _, record_id, body in visible}
            present = [expected[key] for key in sorted(expected) if expected[key] is not None]
            assert list(instance.records("invoices")) == present
            assert instance.shelf("invoices").ids == [body["id"] for body in present]
