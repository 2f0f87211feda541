"""What holds of every matching: it adds up, uses nothing twice, and depends neither on order nor on strangers."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

from bank_records import CENT, credit, debit, match, pay
from hypothesis import given, settings
from hypothesis import strategies as st

from hypercare.bank_amounts import list_entry_sums, list_payment_sums
from hypercare.bank_entries import BankEntry
from hypercare.bank_payments import BankPayment

AMOUNTS = st.sampled_from(["10.00", "20.00", "30.00", "40.00", "50.00", "70.00"])
NAMES = st.sampled_from(["1", "2", "3", "4", "5"])
DAYS = st.integers(8, 20)


@st.composite
def payments_of(draw: Any) -> list[BankPayment]:
    names = sorted(draw(st.sets(NAMES, min_size=1)))
    return [
        pay(name, draw(AMOUNTS), batch=draw(st.sampled_from(["", "7", "8"])), is_failed=draw(st.booleans()))
        for name in names
    ]


@st.composite
def entries_of(draw: Any) -> list[BankEntry]:
    entries = []
    for number in range(draw(st.integers(0, 7))):
        make = credit if draw(st.integers(0, 3)) == 0 else debit
        references = [f"PAY-{name}" for name in sorted(draw(st.sets(NAMES, max_size=2)))]
        entries.append(
            make(
                f"e{number}",
                draw(AMOUNTS),
                *references,
                on=draw(DAYS),
                remittance=draw(st.sampled_from(["", "INV-1", "INV-2 INV-3"])),
                charges=draw(st.sampled_from([Decimal(0), Decimal(10)])),
                is_reversal=draw(st.booleans()) if make is credit else False,
                batch_references=draw(st.sampled_from([(), ("7",)])),
                payments_told=draw(st.sampled_from([None, 1, 2])),
            )
        )
    return entries


@settings(deadline=None)
@given(payments_of(), entries_of(), st.randoms(use_true_random=False))
def test_the_order_does_not_matter(payments: list[Any], entries: list[Any], chance: random.Random) -> None:
    found = match(payments, entries)
    chance.shuffle(payments)
    chance.shuffle(entries)
    assert match(payments, entries) == found


@settings(deadline=None)
@given(payments_of(), entries_of())
def test_what_is_matched_comes_to_the_same(payments: list[Any], entries: list[Any]) -> None:
    paid, booked = {one.id: one for one in payments}, {one.id: one for one in entries}
    for one in match(payments, entries).matches:
        theirs = dict(list_payment_sums([paid[name] for name in one.payments]))
        ours = list_entry_sums([booked[name] for name in one.entries])
        assert any(currency in theirs and abs(theirs[currency] - total) <= CENT for currency, total in ours)


@settings(deadline=None)
@given(payments_of(), entries_of())
def test_nothing_is_used_twice_and_every_payment_is_somewhere(payments: list[Any], entries: list[Any]) -> None:
    found = match(payments, entries)
    used = [entry for one in found.matches for entry in one.entries]
    assert len(used) == len(set(used))
    assert not set(used) & {one.entry for one in found.unexplained}
    matched = [payment for one in found.matches for payment in one.payments]
    assert len(matched) == len(set(matched))
    told = {*matched, *(one.payment for one in found.returns)}
    still_open = {one.payment for one in found.open}
    assert told | still_open == {payment.id for payment in payments}
    assert not told & still_open


@settings(deadline=None)
@given(payments_of(), entries_of(), st.booleans(), DAYS)
def test_a_stranger_changes_nothing(payments: list[Any], entries: list[Any], comes_in: bool, on: int) -> None:
    found = match(payments, entries)
    stranger = (credit if comes_in else debit)("stranger", "999.99", "RENT-2026", on=on, remittance="Rent of March")
    seen = match(payments, [*entries, stranger])
    assert (seen.matches, seen.returns, seen.open) == (found.matches, found.returns, found.open)
    assert {one.entry for one in seen.unexplained} - {one.entry for one in found.unexplained} == (
        set() if comes_in else {"stranger"}
    )


@settings(deadline=None)
@given(payments_of(), entries_of())
def test_a_matched_debit_was_not_taken_back_as_a_whole(payments: list[Any], entries: list[Any]) -> None:
    found = match(payments, entries)
    taking = {one.entry for one in found.returns}
    assert not taking & {entry for one in found.matches for entry in one.entries}
    assert all(one.is_credit for one in entries if one.id in taking)
