"""The demo world's scenarios: each has its special fact, and nobody else has it."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from decimal import Decimal

import pytest
from demo_look import BY_NAME, LAST_RUN, PAYING, demo_world, look, moment

from sandbox.demo.customers import CUSTOMERS
from sandbox.demo.expectations import RUNS

RETURNED = "completed_with_errors"


def find_payments(name, status, at=LAST_RUN):
    return [body for _, body in look(BY_NAME[name], "coupa_pay/payments", at) if body["status"] == status]


def week_of(text):
    return moment(text).date().isocalendar()[1]


@pytest.mark.parametrize(
    ("name", "paid_again"), [("Bergstrom Shipping", []), ("Cascadia Foods", [13]), ("Yarrow Publishing", [])]
)
def test_a_payment_is_returned_in_week_three(name, paid_again):
    (returned,) = find_payments(name, RETURNED)
    assert "returned" in returned["error-text"]
    assert week_of(returned["released-at"]) == week_of(returned["updated-at"]) == 12
    invoice = returned["payment-details"][0]["source-transaction-id"]
    again = [
        week_of(payment["updated-at"])
        for payment in find_payments(name, "completed_successfully")
        if payment["payment-details"][0]["source-transaction-id"] == invoice
    ]
    assert again == paid_again


def test_nobody_else_has_a_returned_payment():
    elsewhere = [
        customer.name
        for customer in PAYING
        if not {"returned", "returned_and_paid_again", "run_refused"} & set(customer.stories)
        and find_payments(customer.name.removesuffix(" go-live"), RETURNED)
    ]
    assert elsewhere == []


def test_the_monthly_payer_releases_on_the_month_ends_only_and_owes_nothing_between():
    dunmore = BY_NAME["Dunmore Hotels"]
    released = {moment(body["released-at"]).date() for _, body in look(dunmore, "coupa_pay/payments")}
    assert released == {date(2026, 2, 27), date(2026, 3, 31)}
    for run in RUNS[:4]:
        overdue = [
            invoice
            for _, invoice in look(dunmore, "invoices", run.as_of)
            if not invoice["paid"] and moment(invoice["net-due-date"]) <= run.as_of
        ]
        assert overdue == []


def test_first_payments_begin_the_cycle_in_week_two():
    for customer in PAYING:
        first = min(
            moment(body["released-at"]) for _, body in look(customer, "coupa_pay/payments") if body["released-at"]
        )
        assert customer.go_live < first.date() < customer.go_live + timedelta(days=5)


def test_one_total_is_no_number_between_the_runs_of_weeks_two_and_three():
    def spoilt(run):
        return [
            body["id"]
            for _, body in look(BY_NAME["Harbourline Media"], "coupa_pay/payments", run.as_of)
            if body["pay-to-total"] == "n/a"
        ]

    assert [len(spoilt(run)) for run in RUNS] == [0, 1, 0, 0, 0]


def test_one_payment_never_reaches_the_erp():
    lost = [
        body for body in find_payments("Northbridge Retail Ireland", "completed_successfully") if not body["exported"]
    ]
    assert [week_of(body["released-at"]) for body in lost] == [12]
    assert all(body["exported"] for body in find_payments("Northbridge Retail UK", "completed_successfully"))


def test_two_engagements_share_an_instance_and_one_has_two():
    uses = Counter(name for customer in CUSTOMERS for name in customer.instances)
    assert [name for name, count in uses.items() if count > 1] == ["northbridge"]
    both = [
        body["legal-entity-name"] for body in demo_world().world.instances["northbridge"].records("coupa_pay/payments")
    ]
    assert set(both) == {"Northbridge Retail UK Ltd", "Northbridge Retail Ireland DAC"}
    assert len(BY_NAME["Pampas Agro"].instances) == 2
    assert all(find_payments("Pampas Agro", "completed_successfully"))


def test_the_odd_documents_are_there():
    invoices = [body for _, body in look(BY_NAME["Gullfoss Energy"], "invoices")]
    (note,) = [body for body in invoices if body["is-credit-note"]]
    assert (note["total-with-taxes"], note["amount-due"], note["paid"]) == ("-400.00", "0.00", True)
    assert [body["status"] for body in invoices].count("voided") == 1
    (parts,) = [body for _, body in look(BY_NAME["Tutuila Canning"], "invoices") if len(body["payments"]) > 1]
    assert [entry["amount-paid"] for entry in parts["payments"]] == ["3600.00", "2400.00"]
    discounted = [body for _, body in look(BY_NAME["Aurora Outfitters"], "invoices") if body["reconciliation-lines"]]
    assert [line["amount"] for body in discounted for line in body["reconciliation-lines"]] == ["25.00"]


def test_card_statements_agree_with_their_charges():
    aurora = BY_NAME["Aurora Outfitters"]
    charges = [body for _, body in look(aurora, "charges")]
    statements = [body for _, body in look(aurora, "coupa_pay/statements")]
    assert len(statements) == 5
    for statement in statements:
        own = [charge for charge in charges if charge["statement-id"] == statement["id"]]
        assert len(own) == statement["number-of-lines"] > 1
        assert sum(Decimal(charge["total"]) for charge in own) == Decimal(statement["total"])
    assert any(charge["document-type"] is None for charge in charges)


def test_without_coupa_pay_invoices_are_exported_and_paid_by_the_erp():
    juniper = BY_NAME["Juniper Valley Schools"]
    assert look(juniper, "coupa_pay/payments") == []
    invoices = [body for _, body in look(juniper, "invoices") if body["paid"]]
    assert len(invoices) > 10
    for invoice in invoices:
        assert invoice["exported"]
        assert sum(Decimal(entry["amount-paid"]) for entry in invoice["payments"]) == Decimal(
            invoice["total-with-taxes"]
        )


def test_one_customer_has_no_transaction_at_all():
    kestrel = demo_world().world.instances["kestrel"]
    kestrel.clock = LAST_RUN
    present = {resource for resource in kestrel.resources() if kestrel.shelf(resource).ids}
    assert present == {"contracts", "suppliers", "users"}


def test_integration_runs_follow_every_payment_of_the_customer_that_shows_its_erp_by_them():
    lumen = BY_NAME["Lumen Textiles"]
    assert lumen.erp_leg == "integration_runs"
    runs = [
        moment(body["start-time"])
        for _, body in look(lumen, "integration_runs")
        if body["status"] == "successful" and body["integration"]["business-object"] == "CoupaPay::Payment"
    ]
    completed = find_payments("Lumen Textiles", "completed_successfully")
    assert len(completed) >= 10
    for payment in completed:
        assert any(0 <= (run - moment(payment["updated-at"])).days <= 1 for run in runs)
    errors = [body for _, body in look(lumen, "integration_errors")]
    assert [error["resolved"] for error in errors] == [True]
