"""The check of closing that the demo and the real data are held to can itself fail."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.hypercare.closing import Closing, check_closing


def revision(week: str, **figures: str) -> dict[str, Any]:
    names = ("opening", "approved", "paid", "voided", "credited", "adjusted", "closing", "difference")
    row = {"legal_entity": "Acme", "currency": "EUR", **dict.fromkeys(names, "0"), **figures}
    return {"engagement": "a", "week": week, "revision": 1, "sealed": True, "details": {"roll_forward": [row]}}


def check(*revisions: dict[str, Any], named: str = "") -> Closing:
    keys = [{name: one[name] for name in ("engagement", "week", "revision")} for one in revisions]
    judged = [{**key, "check": "roll_forward", "verdict": "PASS"} for key in keys]
    row = {"legal_entity": "Acme", "currency": "EUR", "difference": Decimal(named or 0)}
    return check_closing(revisions, judged, [{**keys[0], **row}] if named else [])


FIRST = revision("2026-W10", approved="10", closing="10")


def test_what_closes_and_continues_holds() -> None:
    found = check(FIRST, revision("2026-W11", opening="10", paid="4", closing="6"))
    assert (found.rows, found.links, found.named, found.faults) == (2, 1, 0, [])


def test_a_difference_must_be_named_in_full() -> None:
    broken = revision("2026-W10", approved="10", closing="8", difference="-2")
    assert check(broken, named="-2").named == 1
    assert len(check(broken).faults) == len(check(broken, named="-1").faults) == 1


def test_a_difference_that_is_not_told_is_found() -> None:
    (fault,) = check(revision("2026-W10", approved="10", closing="8"), named="-2").faults
    assert "its figures come to -2" in fault


def test_a_week_that_opens_otherwise_is_found() -> None:
    (fault,) = check(FIRST, revision("2026-W11", opening="9", closing="9")).faults
    assert "it opens with 9, the week before closed with 10" in fault


def test_a_balance_that_is_gone_is_found() -> None:
    gone = revision("2026-W11")
    gone["details"]["roll_forward"] = []
    assert len(check(FIRST, gone).faults) == 1


def test_what_was_not_judged_is_not_looked_at() -> None:
    assert check_closing([FIRST], [], []) == Closing()
