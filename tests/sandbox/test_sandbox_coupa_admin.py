"""Counters that can prove that a client only read, records changed from outside, and marking as exported."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from sandbox.coupa import shapes
from sandbox.coupa.app import create_app
from sandbox.world import Instance, World
from tests.sandbox.coupa_visit import Visit
from tests.sandbox.serving import serve

CLOCK = datetime(2026, 11, 5, 6, 7, 8, tzinfo=UTC)


@pytest.fixture
def visit():
    world = World()
    instance = world.add(Instance("acme", time_zone="Asia/Tokyo", requests_per_second=None, clock=CLOCK))
    zone = ZoneInfo("Asia/Tokyo")
    instance.put("invoices", CLOCK, shapes.invoice(id=1, zone=zone))
    instance.put("coupa_pay/payments", CLOCK, shapes.payment(id=1, zone=zone))
    instance.put("coupa_pay/statements", CLOCK, shapes.statement(id=1, zone=zone))
    instance.put("approvals", CLOCK, shapes.approval(id=1))
    with serve(create_app(world)) as base:
        yield Visit(base)


def test_requests_are_counted_by_method_and_resource(visit):
    visit.get("invoices", limit=1)
    visit.get("invoices/1")
    visit.get("coupa_pay/payments", no_such=1)
    visit.session.post(f"{visit.host}/api/invoices", json={}, timeout=10)
    visit.session.delete(f"{visit.host}/api/invoices/1", timeout=10)
    told = visit.steer("GET", "requests").json()
    assert told["counts"] == {
        "DELETE": {"invoices": 1},
        "GET": {"coupa_pay/payments": 1, "invoices": 2},
        "POST": {"invoices": 1, "oauth": 1},
    }
    assert (told["total"], told["statuses"]["200"]) == (6, 3)
    assert told["log"][1] == {
        "method": "GET",
        "resource": "invoices",
        "path": "/api/invoices",
        "query": "limit=1",
        "status": 200,
        "clock": "2026-11-05T06:07:08+00:00",
    }
    assert visit.steer("DELETE", "requests").status_code == 200
    assert visit.steer("GET", "requests").json()["counts"] == {}


def test_writes_change_nothing_but_the_export_mark(visit):
    assert visit.session.post(f"{visit.host}/api/invoices", json={"id": 2}, timeout=10).status_code in {400, 403}
    assert visit.session.delete(f"{visit.host}/api/invoices/1", timeout=10).status_code == 400
    assert visit.put("invoices/1", status="voided").status_code == 400
    assert visit.put("approvals/1", exported="true").status_code == 403
    assert visit.ids("invoices") == [1]


@pytest.mark.parametrize("resource", ["invoices", "coupa_pay/payments", "coupa_pay/statements"])
def test_marking_as_exported_takes_the_record_away_and_is_counted(visit, resource):
    assert visit.ids(resource, {"exported": "false"}) == [1]
    assert visit.put(f"{resource}/1", exported="true").status_code == 200
    assert visit.ids(resource, {"exported": "false"}) == []
    row = visit.rows(resource)[0]
    assert (row["exported"], row["last-exported-at"]) == (True, "2026-11-05T15:07:08+09:00")
    assert visit.steer("GET", "requests").json()["counts"]["PUT"] == {resource: 1}


def test_export_action_of_coupa_pay(visit):
    assert visit.put("coupa_pay/payments/1/export").status_code == 200
    assert visit.rows("coupa_pay/payments")[0]["exported"] is True
    assert visit.put("invoices/1/export").status_code == 400
    assert visit.put("coupa_pay/payments/9/export").status_code == 404


def test_marking_needs_the_write_scope(visit):
    reader = Visit(visit.host.removesuffix("/coupa/acme"), scope="core.invoice.read")
    assert reader.put("invoices/1", exported="true").status_code == 403
    assert reader.rows("invoices")[0]["exported"] is False


def test_records_can_be_changed_from_outside(visit):
    assert visit.steer("POST", "records/invoices", {"id": 5, "status": "new"}).status_code == 201
    assert visit.steer("PATCH", "records/invoices", {"id": 1, "status": "voided"}).status_code == 201
    rows = {row["id"]: row for row in visit.rows("invoices")}
    assert rows[5] == {"id": 5, "status": "new"}
    assert (rows[1]["status"], rows[1]["invoice-number"]) == ("voided", "INV-1")
    assert visit.steer("POST", "records/coupa_pay/payments", {"id": 8}).status_code == 201
    assert visit.ids("coupa_pay/payments") == [1, 8]
    assert visit.steer("DELETE", "records/invoices", id=5).status_code == 200
    assert visit.ids("invoices") == [1]
    visit.steer("PUT", "clock", {"at": "2026-11-05T06:07:07Z"})
    assert visit.ids("invoices") == []


def test_what_the_admin_cannot_do_is_refused(visit):
    assert visit.steer("POST", "records/invoices", {"status": "new"}).status_code == 400
    assert visit.steer("POST", "records/invoices", ["x"]).status_code == 400
    assert visit.steer("DELETE", "records/invoices", id=9).status_code == 404
    assert visit.steer("DELETE", "faults/fault-9").status_code == 404
    visit.admin += "x"
    assert visit.steer("GET", "requests").status_code == 404
