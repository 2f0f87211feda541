"""The roll-forward (check 10): cases worked out by hand; test_roll_forward_laws.py has its laws."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import records as wire
from reconciling import bill, books, entry, pay

from hypercare.reconciliation import RollForward

CHECK = "roll_forward"
PAID = {"shows": [entry(5, "100.00", "3-11")], "paid": True}
NO_COUPA_PAY = wire.engagement(products=frozenset())


def amounts(row: RollForward) -> dict[str, str]:
    return {
        name: f"{value:.2f}"
        for name, value in dataclasses.asdict(row).items()
        if isinstance(value, Decimal) and (value or name in ("closing", "difference"))
    }


def test_every_movement_of_a_week_by_hand(tmp_path: Path) -> None:
    invoices = [
        bill(1, "1000.00", approved="3-4", shows=[entry(11, "400.00", "3-11")], lines=[]),
        bill(2, "200.00", approved="3-10"),
        bill(3, "70.00", approved="3-4", status="voided", seen="3-12"),
        bill(4, "-50.00", approved="3-11", is_credit_note=True, document_type="Credit Note"),
        bill(5, "300.00", approved="3-3", lines=[entry(12, "30.00", "3-9", "discount")]),
        bill(6, "80.00", approved="3-17"),
        bill(7, "90.00", approved=None),
    ]
    first = [{**invoices[2], "status": "approved", "updated-at": "2026-03-04T12:00:00Z"}]
    with books(tmp_path, {"invoices": first}, {"invoices": invoices, "payments": [pay(1, "400.00")]}) as open_books:
        judged = open_books.judge("3-11")
    assert judged.offending(CHECK) == {}
    (row,) = judged.found.roll_forward
    assert (row.legal_entity, row.currency) == ("Acme Inc.", "USD")
    # 1000 + 70 + 300, then + 200 - 400 - 70 - 50 - 30
    assert amounts(row) == {
        "opening": "1370.00",
        "approved": "200.00",
        "paid": "400.00",
        "voided": "70.00",
        "credited": "50.00",
        "adjusted": "30.00",
        "closing": "1020.00",
        "difference": "0.00",
    }


def test_entities_and_currencies_stay_apart_and_a_break_in_one_fails_only_that(tmp_path: Path) -> None:
    invoices = [
        bill(1, **PAID),
        bill(2, "200.00", entity="Acme GmbH", currency="EUR"),
        bill(3, "30.00", entity="Acme GmbH", shows=[entry(7, "30.00", "3-12")], paid=True),
        bill(4, "1.00", entity="Acme GmbH", payment_channel="erp", shows=[entry(8, "1.00", "3-12")]),
    ]
    payments = [
        pay(1),
        pay(2, "200.00", to=2, pay_to_currency="EUR", legal_entity_name="Acme GmbH"),
        pay(3, "30.00", to=3, legal_entity_name="Acme GmbH"),
    ]
    with books(tmp_path, {"invoices": invoices, "payments": payments}) as open_books:
        judged = open_books.judge("3-11")
    assert [(row.legal_entity, row.currency, row.difference) for row in judged.found.roll_forward] == [
        ("Acme GmbH", "EUR", Decimal(200)),
        ("Acme GmbH", "USD", Decimal(0)),
        ("Acme Inc.", "USD", Decimal(0)),
    ]
    assert judged.offending(CHECK) == {
        "roll_forward:2026-W11:Acme GmbH:EUR": (
            "Acme GmbH does not close by 200.00 EUR: payment acme/2 of 200.00 EUR is not shown on invoice INV-2"
        )
    }
    assert judged.exception(CHECK).amount == Decimal(200)


@pytest.mark.parametrize(
    ("invoices", "payments", "words"),
    [
        (
            [bill(1, approved=None, **PAID)],
            [pay(1)],
            "by 100.00 USD: payment acme/1 of 100.00 USD pays invoice INV-1, which is not approved (pending_approval)",
        ),
        (
            [],
            [pay(1)],
            "by 100.00 USD: payment acme/1 of 100.00 USD pays invoice INV-1, which is not among the records pulled",
        ),
        (
            [bill(1, **PAID)],
            [],
            "by -100.00 USD: invoice INV-1 shows 100.00 USD paid that no completed payment backs",
        ),
        (
            [bill(1, paid=True, seen="3-12")],
            [],
            "by -100.00 USD: invoice INV-1 shows 100.00 USD paid that no completed payment backs",
        ),
        (
            [bill(1, **PAID)],
            [pay(1), pay(2)],
            "by 100.00 USD: payment acme/2 of 100.00 USD is not shown on invoice INV-1",
        ),
        (
            [bill(1, **PAID)],
            [pay(1, "90.00")],
            (
                "by -10.00 USD: payment acme/1 of 90.00 USD is not shown on invoice INV-1; "
                "invoice INV-1 shows 100.00 USD paid that no completed payment backs"
            ),
        ),
        ([], [pay(1, to=[])], "by 100.00 USD: payment acme/1 of 100.00 USD pays a document that it does not name"),
    ],
)
def test_what_keeps_it_from_closing_is_named(
    tmp_path: Path, invoices: list[Any], payments: list[Any], words: str
) -> None:
    with books(tmp_path, {"invoices": invoices, "payments": payments}) as open_books:
        judged = open_books.judge("3-11")
        others = [open_books.judge(week).offending(CHECK) for week in ("3-3", "3-18")]
    assert list(judged.offending(CHECK).values()) == [f"Acme Inc. does not close {words}"]
    assert others == [{}, {}]


def test_a_payment_after_the_void_is_named(tmp_path: Path) -> None:
    voided = {"invoices": [bill(1, status="voided", seen="3-9")], "payments": [pay(1)]}
    with books(tmp_path, {"invoices": [bill(1)]}, voided) as open_books:
        (words,) = open_books.judge("3-11").offending(CHECK).values()
    assert words.endswith("payment acme/1 of 100.00 USD pays invoice INV-1, which was voided on 2026-03-09")


def test_later_evidence_closes_it(tmp_path: Path) -> None:
    behind = {"invoices": [bill(1)], "payments": [pay(1)]}
    with books(tmp_path, behind) as open_books:
        assert open_books.judge("3-11").offending(CHECK)
    caught_up = {"invoices": [bill(1, paid=True, shows=[entry(5, "100.00", "3-17")], seen="3-17")]}
    with books(tmp_path, behind, caught_up, as_of="3-23") as open_books:
        assert [open_books.judge(week).offending(CHECK) for week in ("3-11", "3-17")] == [{}, {}]


def test_a_payment_before_the_approval_moves_to_the_approval(tmp_path: Path) -> None:
    early = {"invoices": [bill(1, approved=None)], "payments": [pay(1)]}
    approved = {"invoices": [bill(1, approved="3-17", paid=True, seen="3-18")]}
    with books(tmp_path, early) as open_books:
        assert open_books.judge("3-11").offending(CHECK)
    with books(tmp_path, early, approved, as_of="3-23") as open_books:
        first, second = open_books.judge("3-11"), open_books.judge("3-17")
    assert (first.offending(CHECK), second.offending(CHECK)) == ({}, {})
    assert amounts(second.found.roll_forward[0]) == {
        "approved": "100.00",
        "paid": "100.00",
        "closing": "0.00",
        "difference": "0.00",
    }


def test_only_the_first_rows_are_named(tmp_path: Path) -> None:
    invoices = [bill(number) for number in range(1, 6)]
    payments = [pay(number, f"{number * 10}.00", to=number) for number in range(1, 6)]
    shown = bill(9, payment_channel="erp", shows=[entry(90, "1.00", "2-27")])
    with books(tmp_path, {"invoices": [*invoices, shown], "payments": payments}) as open_books:
        (words,) = open_books.judge("3-11").offending(CHECK).values()
    assert words == (
        "Acme Inc. does not close by 150.00 USD: payment acme/5 of 50.00 USD is not shown on invoice INV-5; "
        "payment acme/4 of 40.00 USD is not shown on invoice INV-4; "
        "payment acme/3 of 30.00 USD is not shown on invoice INV-3; and 2 more"
    )


def test_a_credit_applied_through_a_payment_lowers_both_documents(tmp_path: Path) -> None:
    allocation = wire.allocation(
        1,
        payable_from_amount="30.00",
        payable_to_amount="30.00",
        source_transaction_from_id=2,
        source_transaction_from_type="InvoiceHeader",
        created_at="2026-03-10T12:00:00Z",
    )
    detail = wire.payment_detail(1, transaction_total="70.00", payment_total="70.00", payable_allocations=[allocation])
    invoices = [
        bill(1, shows=[entry(5, "70.00", "3-11")], paid=True),
        bill(2, "-30.00", approved="3-4", is_credit_note=True, document_type="Credit Note"),
    ]
    with books(tmp_path, {"invoices": invoices, "payments": [pay(1, "70.00", payment_details=[detail])]}) as open_books:
        judged = open_books.judge("3-11")
    assert amounts(judged.found.roll_forward[0]) == {
        "opening": "70.00",
        "paid": "70.00",
        "closing": "0.00",
        "difference": "0.00",
    }
    assert judged.offending("paid_what_was_approved") == judged.offending("both_sides_agree") == {}


def test_a_credit_note_marked_paid_without_a_payment_was_used_up(tmp_path: Path) -> None:
    invoices = [
        bill(1, shows=[entry(5, "70.00", "3-11")], lines=[entry(6, "30.00", "3-11", "credit")], paid=True),
        bill(2, "-30.00", is_credit_note=True, document_type="Credit Note", paid=True, seen="3-11"),
    ]
    with books(tmp_path, {"invoices": invoices, "payments": [pay(1, "70.00")]}) as open_books:
        judged = open_books.judge("3-11")
    assert judged.found.exceptions == ()
    assert amounts(judged.found.roll_forward[0]) == {
        "opening": "70.00",
        "paid": "70.00",
        "closing": "0.00",
        "difference": "0.00",
    }


def test_a_discount_taken_by_the_payment_is_an_adjustment(tmp_path: Path) -> None:
    detail = wire.payment_detail(1, transaction_total="100.00", discount_total="2.00", payment_total="98.00")
    records = {"invoices": [bill(1, paid=True)], "payments": [pay(1, "98.00", payment_details=[detail])]}
    with books(tmp_path, records) as open_books:
        judged = open_books.judge("3-11")
    assert judged.found.exceptions == ()
    assert amounts(judged.found.roll_forward[0]) == {
        "opening": "100.00",
        "paid": "98.00",
        "adjusted": "2.00",
        "closing": "0.00",
        "difference": "0.00",
    }


def test_without_coupa_pay_it_rests_on_the_invoices_own_payments(tmp_path: Path) -> None:
    fair = bill(1, shows=[entry(5, "40.00", "3-11")])
    false = bill(2, shows=[entry(6, "40.00", "3-11")], paid=True, seen="3-12")
    with books(tmp_path, {"invoices": [fair]}, who=NO_COUPA_PAY) as open_books:
        judged = open_books.judge("3-11")
    assert judged.offending(CHECK) == {}
    assert judged.found.roll_forward[0].paid == Decimal(40)
    other = tmp_path / "false"
    other.mkdir()
    with books(other, {"invoices": [fair, false]}, who=NO_COUPA_PAY) as open_books:
        judged = open_books.judge("3-11")
    assert list(judged.offending(CHECK).values()) == [
        "Acme Inc. does not close by -60.00 USD: invoice INV-2 shows 60.00 USD paid that no completed payment backs"
    ]
