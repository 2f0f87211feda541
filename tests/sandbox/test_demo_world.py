"""The demo world's books: they add up, by a computation of their own here, at every run."""

from __future__ import annotations

import hashlib
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import orjson
import pytest
from demo_look import BY_NAME, LAST_RUN, PAYING, demo_world, look, moment, names

from sandbox.coupa.schema import CUSTOM_FIELDS, RESOURCES
from sandbox.demo import build_demo
from sandbox.demo.expectations import RUNS, WEEKS

ZERO = Decimal(0)


def working_days(first, last):
    return sum((first + timedelta(days=day)).weekday() < 5 for day in range(1, (last - first).days + 1))


def test_it_is_the_same_every_time():
    def digest(scenario):
        known = hashlib.sha256()
        for name, instance in sorted(scenario.world.instances.items()):
            instance.clock = LAST_RUN
            for resource in instance.resources():
                known.update(orjson.dumps([name, resource, list(instance.records(resource))]))
        return known.hexdigest()

    assert digest(demo_world()) == digest(build_demo())


def list_unknown(entity, body, path):
    """The attributes of a body, and of what it holds, that schema.yaml does not describe."""
    for key, value in body.items():
        if not entity.kinds or key == CUSTOM_FIELDS:
            continue
        if not entity.knows(key) and (path, key) != ("coupa_pay/statements", "status"):
            yield f"{path}.{key}"
        related = entity.related(key)
        for item in value if isinstance(value, list) else [value]:
            if related and isinstance(item, dict):
                yield from list_unknown(related, item, f"{path}.{key}")


def test_every_body_has_only_attributes_that_the_api_knows():
    checked = 0
    for instance in demo_world().world.instances.values():
        for resource in instance.resources():
            for record_id in instance.shelf(resource).ids:
                for version in instance.versions_of(resource, record_id)[-1:]:
                    found = set(list_unknown(RESOURCES[resource].entity, version.body, resource))
                    assert not found, found
                    checked += 1
    assert checked > 5000


def test_versions_carry_their_own_instant_and_ids_rise_with_creation():
    for instance in demo_world().world.instances.values():
        instance.clock = datetime(2026, 12, 31, tzinfo=UTC)
        for resource in ("invoices", "requisitions", "purchase_orders", "coupa_pay/payments", "approvals"):
            created = []
            for record_id in instance.shelf(resource).ids:
                versions = instance.versions_of(resource, record_id)
                assert all(moment(version.body["updated-at"]) == version.at for version in versions)
                created.append(moment(versions[0].body["created-at"]))
                assert created[-1] == versions[0].at
            assert created == sorted(created)


def test_offsets_follow_the_zone_over_the_changes_to_summer_time():
    def offsets(name):
        invoices = look(BY_NAME[name], "invoices")
        return {body["created-at"][-6:] for _, body in invoices}

    assert offsets("Aurora Outfitters") == {"-05:00", "-04:00"}
    assert offsets("Bergstrom Shipping") == {"+01:00", "+02:00"}
    assert offsets("Tutuila Canning") == {"-11:00"}
    assert offsets("Matai Timber") == {"+13:00"}


@pytest.mark.parametrize("run", RUNS, ids=WEEKS)
@pytest.mark.parametrize("customer", PAYING, ids=names(PAYING))
def test_payments_and_invoices_agree_to_the_cent_at_every_run(customer, run):
    paid, credited = Counter(), Counter()
    for name, payment in look(customer, "coupa_pay/payments", run.as_of):
        details = payment["payment-details"]
        if payment["pay-to-total"] != "n/a":
            assert Decimal(payment["pay-to-total"]) == sum(Decimal(detail["payment-total"]) for detail in details)
        if payment["status"] != "completed_successfully":
            continue
        for detail in details:
            key = (name, detail["source-transaction-type"], detail["source-transaction-id"])
            paid[key] += Decimal(detail["payment-total"])
            for allocation in detail["payable-allocations"]:
                credited[key] += Decimal(allocation["payable-to-amount"])
                credited[name, "InvoiceHeader", allocation["source-transaction-from-id"]] -= Decimal(
                    allocation["payable-from-amount"]
                )
    invoices = look(customer, "invoices", run.as_of)
    assert len(invoices) > 10
    for name, invoice in invoices:
        key = (name, "InvoiceHeader", invoice["id"])
        total, due = Decimal(invoice["total-with-taxes"]), Decimal(invoice["amount-due"])
        assert total == sum(Decimal(line["total"]) for line in invoice["invoice-lines"])
        assert sum(Decimal(entry["amount-paid"]) for entry in invoice["payments"]) == paid[key]
        discounts = sum(Decimal(line["amount"]) for line in invoice["reconciliation-lines"])
        if invoice["status"] != "voided":
            assert total - paid[key] - discounts - credited[key] == due
            assert invoice["paid"] == (due == 0)
    for name, report in look(customer, "expense_reports", run.as_of):
        expected = Decimal(report["total"]) if report["paid"] else ZERO
        assert paid[name, "ExpenseReport", report["id"]] == expected


@pytest.mark.parametrize("customer", PAYING, ids=names(PAYING))
def test_every_week_rolls_forward(customer):
    def balance(at):
        return sum(
            Decimal(invoice["amount-due"])
            for _, invoice in look(customer, "invoices", at)
            if invoice["status"] == "approved"
        )

    last = {(name, invoice["id"]): invoice for name, invoice in look(customer, "invoices")}
    moved = 0
    for start, end in zip(
        [RUNS[0].as_of - timedelta(days=7), *(run.as_of for run in RUNS)], [run.as_of for run in RUNS], strict=False
    ):

        def within(text, start=start, end=end):
            return text is not None and start < moment(text) <= end

        change = ZERO
        for invoice in last.values():
            total = Decimal(invoice["total-with-taxes"])
            steps = [step["approval-date"] for step in invoice["approvals"] if step["status"] == "approved"]
            if invoice["status"] in ("approved", "voided") and within(max(steps)):
                change += total
            if invoice["status"] == "voided" and within(invoice["updated-at"]):
                change -= total
            change -= sum(Decimal(each["amount-paid"]) for each in invoice["payments"] if within(each["payment-date"]))
            change -= sum(
                Decimal(each["amount"]) for each in invoice["reconciliation-lines"] if within(each["adjustment-date"])
            )
        assert balance(end) - balance(start) == change
        moved += change != 0
    assert moved >= 3


@pytest.mark.parametrize("customer", PAYING, ids=names(PAYING))
def test_every_released_payment_ends_within_its_days_and_reaches_the_erp(customer):
    ended = 0
    for name, payment in look(customer, "coupa_pay/payments"):
        versions = demo_world().world.instances[name].versions_of("coupa_pay/payments", payment["id"])
        final = [version for version in versions if version.body["status"].startswith("completed")]
        if not payment["released-at"] or not final or final[0].at > LAST_RUN:
            continue
        ended += 1
        zone = demo_world().world.instances[name].time_zone
        days = working_days(moment(payment["released-at"]).astimezone(zone).date(), final[0].at.astimezone(zone).date())
        assert days <= (2 if customer.method == "wire" else 3)
        exported = [version for version in final if version.body["exported"]]
        lost = any(story.startswith("not_exported") for story in customer.stories) and not exported
        assert exported or lost or customer.erp_leg == "none"
        assert not exported or exported[0].at - final[0].at <= timedelta(hours=1)
    assert ended >= 10


def test_chains_lead_from_a_requisition_to_a_payment():
    aurora = BY_NAME["Aurora Outfitters"]
    by_id = {
        resource: {body["id"]: body for _, body in look(aurora, resource)}
        for resource in (
            "requisitions",
            "purchase_orders",
            "receiving_transactions",
            "invoices",
            "suppliers",
            "contracts",
        )
    }
    lines = {line["id"]: order for order in by_id["purchase_orders"].values() for line in order["order-lines"]}
    chains = 0
    for invoice in by_id["invoices"].values():
        assert invoice["supplier"]["id"] in by_id["suppliers"]
        line = invoice["invoice-lines"][0]
        if line["order-line-id"] is None:
            continue
        order = lines[line["order-line-id"]]
        requisition = by_id["requisitions"][order["requisition-header"]["id"]]
        received = [
            receipt
            for receipt in by_id["receiving_transactions"].values()
            if receipt["order-line"]["id"] == line["order-line-id"]
        ]
        assert [Decimal(receipt["quantity"]) for receipt in received] == [Decimal(line["quantity"])]
        assert line["po-number"] == order["po-number"]
        instants = [requisition["submitted-at"], order["created-at"], received[0]["created-at"], invoice["created-at"]]
        assert sorted(map(moment, instants)) == list(map(moment, instants))
        assert requisition["total"] == order["order-lines"][0]["total"] == invoice["total-with-taxes"]
        if line["contract"]:
            assert line["contract"]["id"] in by_id["contracts"]
        chains += invoice["paid"]
    assert chains >= 10


def test_there_are_open_documents_from_before_go_live_and_late_entries():
    for customer in PAYING:
        at = datetime.combine(customer.go_live, datetime.min.time(), UTC)
        assert sum(not invoice["paid"] for _, invoice in look(customer, "invoices", at)) >= 8
    late = [
        receipt
        for customer in PAYING
        if not customer.scope
        for _, receipt in look(customer, "receiving_transactions")
        if moment(receipt["created-at"]) - moment(receipt["transaction-date"]) > timedelta(days=5)
    ]
    assert len(late) >= 5
