"""The roll-forward (check 10): cases by hand, and the law that it closes for every history and for no broken one."""

from __future__ import annotations

import dataclasses
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import records as wire
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from reconciling import bill, books, day, entry, pay, report

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


FIRST_DAY = day("3-2")
DAYS = 28
GROUPS = [("Acme Inc.", "USD"), ("Acme Inc.", "EUR"), ("Acme GmbH", "EUR")]
CATEGORIES = ["discount", "credit", "adjustment"]


@dataclass(frozen=True)
class Story:
    """What happened to one document; days count from FIRST_DAY, amounts are cents."""

    kind: str
    group: int
    approved: int
    voided: int | None
    payments: tuple[tuple[int, int, int], ...]
    """(released, completed, amount)"""
    others: tuple[tuple[int, str, int], ...]
    total: int


@st.composite
def stories(draw: st.DrawFn) -> Story:
    kind = draw(st.sampled_from(["invoice", "invoice", "invoice", "credit", "expense"]))
    group = draw(st.integers(0, len(GROUPS) - 1))
    approved = draw(st.integers(0, DAYS - 1))
    total = draw(st.integers(1, 100_000))
    voided = draw(st.one_of(st.none(), st.integers(approved, DAYS - 1))) if kind != "expense" else None
    last = DAYS - 1 if voided is None else voided
    left, payments, others = total, [], []
    if kind == "invoice":
        for _ in range(draw(st.integers(0, 3))):
            amount = draw(st.integers(0, left))
            released = draw(st.integers(approved, last))
            if amount:
                payments.append((released, draw(st.integers(released, last)), amount))
                left -= amount
        for _ in range(draw(st.integers(0, 2))):
            amount = draw(st.integers(-left, left))
            if amount:
                others.append((draw(st.integers(approved, last)), draw(st.sampled_from(CATEGORIES)), amount))
                left -= max(amount, 0)
    elif kind == "expense" and draw(st.booleans()):
        released = draw(st.integers(approved, last))
        payments.append((released, draw(st.integers(released, last)), total))
    return Story(kind, group, approved, voided, tuple(payments), tuple(others), total)


def on(number: int) -> str:
    one = FIRST_DAY + timedelta(days=number)
    return f"{one.month}-{one.day}"


def money(cents: int) -> str:
    return f"{Decimal(cents) / 100:.2f}"


def write(history: Iterable[Story]) -> tuple[dict[str, list[Any]], dict[str, list[Any]]]:
    """The records as they stood once approved, and as they stand at the end."""
    first: dict[str, list[Any]] = {"invoices": []}
    last: dict[str, list[Any]] = {"invoices": [], "expense_reports": [], "payments": []}
    # One invoice that the ERP pays shows that the instance writes payments on invoices.
    last["invoices"].append(bill(999, payment_channel="erp", approved="2-2", shows=[entry(9_990, "100.00", "2-3")]))
    for id, story in enumerate(history, start=1):
        entity, currency = GROUPS[story.group]
        kind = "ExpenseReport" if story.kind == "expense" else "InvoiceHeader"
        if story.kind == "expense":
            line = wire.expense_line(id, account={"account-type": {"legal-entity-name": entity}})
            paid = bool(story.payments)
            seen = on(story.payments[0][1]) if paid else on(story.approved)
            last["expense_reports"].append(
                report(
                    id,
                    money(story.total),
                    approved=on(story.approved),
                    currency=currency,
                    paid=paid,
                    expense_lines=[line],
                    updated_at=f"{FIRST_DAY.year}-{int(seen.split('-')[0]):02d}-{int(seen.split('-')[1]):02d}T12:00:00Z",
                )
            )
        else:
            plain: dict[str, Any] = {
                "approved": on(story.approved),
                "entity": entity,
                "currency": currency,
                "payment_channel": "coupa_pay",
                "is_credit_note": story.kind == "credit",
            }
            sign = "-" if story.kind == "credit" else ""
            shows = [entry(id * 10 + n, money(a), on(released)) for n, (released, _, a) in enumerate(story.payments)]
            lines = [entry(id * 10 + 5 + n, money(a), on(d), c) for n, (d, c, a) in enumerate(story.others)]
            ends = {} if story.voided is None else {"status": "voided", "seen": on(story.voided)}
            first["invoices"].append(bill(id, sign + money(story.total), **plain))
            last["invoices"].append(bill(id, sign + money(story.total), shows=shows, lines=lines, **plain, **ends))
        last["payments"] += [
            pay(
                id * 10 + n,
                money(amount),
                to=[(kind, id, money(amount))],
                released=on(released),
                ended=on(completed),
                pay_to_currency=currency,
                legal_entity_name=entity,
            )
            for n, (released, completed, amount) in enumerate(story.payments)
        ]
    return first, last


def open_at(story: Story, before: int) -> int:
    """What was approved and unpaid at the midnight that begins a day, in cents."""
    if story.approved >= before or (story.voided is not None and story.voided < before):
        return 0
    if story.kind == "credit":
        return -story.total
    paid = sum(amount for _, completed, amount in story.payments if completed < before)
    return story.total - paid - sum(amount for happened, _, amount in story.others if happened < before)


def expect(history: Iterable[Story], week: int) -> dict[tuple[str, str], tuple[int, int, int]]:
    """Opening, paid and closing per entity and currency, in cents."""
    sums: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    start, end = week * 7, week * 7 + 7
    for story in history:
        total = sums[GROUPS[story.group]]
        total[0] += open_at(story, start)
        total[1] += sum(amount for _, completed, amount in story.payments if start <= completed < end)
        total[2] += open_at(story, end)
    return {group: (opening, paid, closing) for group, (opening, paid, closing) in sums.items()}


HISTORIES = st.lists(stories(), min_size=1, max_size=8)
TOLERANCE = Decimal("0.01")
SETTINGS = settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],  # shrinking over Parquet takes minutes
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


@SETTINGS
@given(history=HISTORIES)
def test_it_closes_for_every_history(history: list[Story]) -> None:
    first, last = write(history)
    with tempfile.TemporaryDirectory() as folder, books(Path(folder), first, last, as_of="4-6") as open_books:
        for week in range(DAYS // 7):
            judged = open_books.judge(on(week * 7), only=CHECK)
            assert judged.offending(CHECK) == {}
            expected = expect(history, week)
            found = {(row.legal_entity, row.currency): row for row in judged.found.roll_forward}
            for group, (opening, paid, closing) in expected.items():
                row = found.pop(group, None)
                if row is None:
                    assert (opening, paid, closing) == (0, 0, 0)
                    continue
                assert row.difference == 0
                assert (row.opening * 100, row.paid * 100, row.closing * 100) == (opening, paid, closing)
            assert not found


@SETTINGS
@given(history=HISTORIES, data=st.data())
def test_a_dropped_or_doubled_payment_breaks_it_and_is_named(history: list[Story], data: st.DataObject) -> None:
    first, last = write(history)
    victims = [payment for payment in last["payments"] if Decimal(payment["pay-to-total"]) > TOLERANCE]
    assume(victims)
    victim = data.draw(st.sampled_from(victims))
    doubled = data.draw(st.booleans())
    payments = [payment for payment in last["payments"] if payment is not victim]
    if doubled:
        payments = [*last["payments"], {**victim, "id": 5_000_000}]
    document = victim["payment-details"][0]
    name = (
        f"invoice INV-{document['source-transaction-id']}"
        if document["source-transaction-type"] == "InvoiceHeader"
        else f"expense report acme/{document['source-transaction-id']}"
    )
    broken = {**last, "payments": payments}
    with tempfile.TemporaryDirectory() as folder, books(Path(folder), first, broken, as_of="4-6") as open_books:
        found = [
            (words, week)
            for week in range(DAYS // 7)
            for words in open_books.judge(on(week * 7), only=CHECK).offending(CHECK).values()
        ]
    assert len(found) == 1, found
    (words, _) = found[0]
    amount = f"{Decimal(victim['pay-to-total']):,.2f}"
    assert name in words
    assert amount in words
    assert ("is not shown on" in words) if doubled else ("no completed payment backs" in words)
