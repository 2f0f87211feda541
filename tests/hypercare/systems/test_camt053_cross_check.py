"""Our camt.053 reader against a published one: classes generated from the ISO schemas (pyiso20022), read by xsdata.

Both must agree on every amount, direction, day, status, reference and balance. A library that is missing is an error,
not a skip: without it nothing independent says that we read right.
"""

from __future__ import annotations

from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from xsdata.formats.dataclass.parsers import XmlParser

from hypercare.bank_entries import drop_empty
from hypercare.systems.camt053 import read_camt053

SHAPES = Path(__file__).parent / "resources" / "bank"
STATES = {"BOOK": "booked", "PDNG": "pending"}


def read_theirs(name: str) -> list[Any]:
    version = name.rpartition("_")[2]
    package = f"camt_053_001_{version}"
    document = import_module(f"pyiso20022.camt.{package}.{package}").Document
    found = XmlParser().from_string((SHAPES / f"{name}.xml").read_text(encoding="utf-8"), document)
    return list(found.bk_to_cstmr_stmt.stmt)


def say(code: Any) -> str:
    """The word of a code, be it text, an enumeration or one of ISO's choices."""
    if hasattr(code, "cd"):
        return say(code.cd if code.cd is not None else code.prtry)
    return str(getattr(code, "value", code))


def day_of(choice: Any) -> str | None:
    told = None if choice is None else choice.dt or choice.dt_tm
    return None if told is None else str(told)[:10]


def list_references(entry: Any) -> tuple[str, ...]:
    refs = [detail.refs for group in entry.ntry_dtls for detail in group.tx_dtls if detail.refs]
    names = [(r.end_to_end_id, r.instr_id, r.chq_nb, getattr(r, "uetr", None)) for r in refs]
    return drop_empty([name for some in names for name in some])


@pytest.mark.parametrize("name", ["sepa_02", "swiss_08", "cash_pool_04"])
def test_both_readers_say_the_same(name: str) -> None:
    theirs = read_theirs(name)
    ours = read_camt053((SHAPES / f"{name}.xml").read_bytes(), name, "")
    assert [one.name for one in ours.statements] == [one.id for one in theirs]
    compared = 0
    for statement, own in zip(theirs, ours.statements, strict=True):
        balances = {
            say(bal.tp.cd_or_prtry): (bal.amt.value if say(bal.cdt_dbt_ind) == "CRDT" else -bal.amt.value)
            for bal in statement.bal
        }
        assert own.opening == balances.get("OPBD", balances.get("PRCD"))
        assert own.closing == balances["CLBD"]
        for number, entry in enumerate(statement.ntry, start=1):
            place = f"({statement.id}), Ntry {number}"
            parts = [e for e in ours.entries if e.place.partition(", TxDtls")[0].endswith(place)]
            assert sum((part.amount for part in parts), Decimal(0)) == entry.amt.value
            assert {part.currency for part in parts} == {entry.amt.ccy}
            assert {part.is_credit for part in parts} == {say(entry.cdt_dbt_ind) == "CRDT"}
            assert {part.is_reversal for part in parts} == {bool(entry.rvsl_ind)}
            assert {part.status for part in parts} == {STATES[say(entry.sts)]}
            assert {str(p.value_on) if p.value_on else None for p in parts} == {day_of(entry.val_dt)}
            if entry.bookg_dt is not None:
                assert {str(part.booked_on) for part in parts} == {day_of(entry.bookg_dt)}
            assert drop_empty([ref for part in parts for ref in part.payer_references]) == list_references(entry)
            compared += 1
    assert compared == sum(len(one.ntry) for one in theirs) > 0
