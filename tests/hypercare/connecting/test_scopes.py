"""Which scopes are asked for, and the mail that asks."""

from __future__ import annotations

from pathlib import Path

import pytest

from hypercare.connecting.access_mail import write_access_mail
from hypercare.connecting.scopes import ScopeNeed, find_purposes, imagine_engagement, list_needed_feeds, list_scopes
from hypercare.contracts import load_contracts
from hypercare.metric_definitions import load_metrics
from hypercare.model import COUPA_PAY, ErpLeg
from hypercare.policy import load_policy
from hypercare.reconciliation_checks import load_checks

INCLUDE = Path(__file__).resolve().parents[3] / "include"
CONTRACTS = load_contracts(INCLUDE / "schemas" / "feeds")
POLICY = load_policy(INCLUDE / "policies" / "exit_gate.v1.yaml")
PURPOSES = find_purposes(load_metrics(INCLUDE / "sql" / "metrics"), load_checks(INCLUDE / "sql" / "reconciliation"))


def needs(*products: str, erp_leg: ErpLeg = ErpLeg.EXPORTED_FLAG) -> list[ScopeNeed]:
    feeds = list_needed_feeds([imagine_engagement(products, erp_leg)], CONTRACTS, POLICY)
    return list_scopes(feeds, PURPOSES)


def scopes(found: list[ScopeNeed], *, required: bool) -> set[str]:
    return {need.scope for need in found if need.required is required}


def test_the_minimum_is_what_policy_requires() -> None:
    assert scopes(needs(), required=True) == {
        "core.invoice.read",
        "core.purchase_order.read",
        "core.requisition.read",
        "core.supplier.read",
        "core.user.read",
    }
    assert not any("pay" in need.scope for need in needs())


@pytest.mark.parametrize(
    ("products", "erp_leg", "scope"),
    [
        ([COUPA_PAY], ErpLeg.EXPORTED_FLAG, "core.pay.payments.read"),
        ([], ErpLeg.INTEGRATION_RUNS, "core.integration.read"),
    ],
)
def test_a_product_and_an_erp_leg_bring_their_own(products: list[str], erp_leg: ErpLeg, scope: str) -> None:
    assert scope in scopes(needs(*products, erp_leg=erp_leg), required=True)
    assert scope not in scopes(needs(), required=True)


def test_only_read_scopes_are_asked_for_and_each_once() -> None:
    found = [need.scope for need in needs(COUPA_PAY)]
    assert all(scope.endswith(".read") for scope in found)
    assert len(set(found)) == len(found)


def test_an_instance_of_two_engagements_is_asked_for_what_either_needs() -> None:
    both = [imagine_engagement([COUPA_PAY]), imagine_engagement([], ErpLeg.INTEGRATION_RUNS)]
    feeds = {each.contract.feed: each.required for each in list_needed_feeds(both, CONTRACTS, POLICY)}
    assert feeds["payments"]
    assert feeds["integration_runs"]
    assert not feeds["charges"]


def test_the_mail_names_every_scope_apart_by_whether_it_is_needed() -> None:
    text = write_access_mail(needs(COUPA_PAY), "Acme go-live 1", ["acme", "acme-eu"])
    before, after = text.split("These are optional")
    for need in needs(COUPA_PAY):
        assert (need.scope in before) is need.required
        assert (need.scope in after) is not need.required
    assert "(Acme go-live 1)" in text
    assert "your instances acme and acme-eu" in text
    assert "invoices and payments" in text
    assert "Client credentials" in text
    assert all(len(line) <= 200 for line in text.splitlines())


def test_the_mail_to_a_customer_without_pay_speaks_of_no_payments() -> None:
    text = write_access_mail(needs())
    assert "payment" not in text.casefold()
    assert "from your instance." in text


def test_a_mail_without_anything_optional_numbers_its_steps_without_a_gap() -> None:
    text = write_access_mail([ScopeNeed("core.invoice.read", ("invoices",), required=True)])
    assert "optional" not in text
    assert [line[:2] for line in text.splitlines() if line[:1].isdigit()] == ["1.", "2.", "3."]
