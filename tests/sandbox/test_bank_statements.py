"""The bank's statements: what they say adds up, and a published reading of ISO 20022 takes them as they are."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import canonicalize
from zoneinfo import ZoneInfo

import pytest
from pyiso20022.camt.camt_053_001_08.camt_053_001_08 import Document
from xsdata.formats.dataclass.parsers import XmlParser
from xsdata.formats.dataclass.parsers.config import ParserConfig
from xsdata.formats.dataclass.serializers import XmlSerializer
from xsdata.formats.dataclass.serializers.config import SerializerConfig

from sandbox.bank.account import CHARGE, INCOMING_TRANSFER, BankAccount, Booking, Transfer
from sandbox.bank.camt053 import NAMESPACE, render_statement
from sandbox.bank.drop import drop_statements

MONDAY = date(2026, 3, 2)
ROME = ZoneInfo("Europe/Rome")
BOOKINGS = (
    Booking(MONDAY, (Transfer(Decimal("1250.50"), "PAY-1", "INV-7 INV-8"),), value_on=MONDAY + timedelta(days=1)),
    Booking(MONDAY, (Transfer(Decimal("10.00"), "PAY-2"), Transfer(Decimal("20.25"), "PAY-3")), batch="1002"),
    Booking(date(2026, 3, 4), (Transfer(Decimal("99")), Transfer(Decimal("1"))), batch="1003", is_itemised=False),
    Booking(date(2026, 3, 8), (Transfer(Decimal("2.50")),), code=CHARGE, words="Charges"),
    Booking(date(2026, 3, 9), (Transfer(Decimal("5000.00")),), is_credit=True, code=INCOMING_TRANSFER),
)
ACCOUNT = BankAccount("a0X1", "IT60X0542811101000000123456", "EUR", ROME, MONDAY, Decimal("1000.00"), BOOKINGS)
LATER = datetime(2026, 3, 24, tzinfo=UTC)
SERIALIZER = XmlSerializer(config=SerializerConfig(xml_declaration=False))
"""Writes elements in the order of the schema."""


def read(content: bytes) -> Any:
    """Read a file by the classes of the ISO schema; an element that it does not know is an error."""
    config = ParserConfig(fail_on_unknown_properties=True, fail_on_unknown_attributes=True)
    return XmlParser(config=config).from_bytes(content, Document)


def test_the_published_classes_take_every_element_in_its_place() -> None:
    statements = list(ACCOUNT.list_statements(LATER))
    assert len(statements) == 3
    for statement in statements:
        content = render_statement(statement)
        written = SERIALIZER.render(read(content), {None: NAMESPACE})
        assert canonicalize(written, strip_text=True) == canonicalize(content.decode(), strip_text=True)


def test_what_is_booked_is_told() -> None:
    files = (render_statement(each) for each in ACCOUNT.list_statements(LATER))
    first, second, _ = (read(content).bk_to_cstmr_stmt.stmt[0] for content in files)
    assert [(entry.amt.value, entry.cdt_dbt_ind.value) for entry in first.ntry] == [
        (Decimal("1250.50"), "DBIT"), (Decimal("30.25"), "DBIT"), (Decimal("100"), "DBIT"), (Decimal("2.50"), "DBIT"),
    ]  # fmt: skip
    details = [entry.ntry_dtls[0] for entry in first.ntry]
    references = [[transfer.refs.end_to_end_id for transfer in detail.tx_dtls] for detail in details]
    assert references == [["PAY-1"], ["PAY-2", "PAY-3"], [], ["NOTPROVIDED"]]
    assert [detail.btch and detail.btch.nb_of_txs for detail in details] == [None, "2", "2", None]
    assert str(first.ntry[0].val_dt.dt) == "2026-03-03"
    (entry,) = second.ntry
    assert (entry.cdt_dbt_ind.value, str(entry.bookg_dt.dt)) == ("CRDT", "2026-03-09")


def test_each_statement_goes_on_from_the_one_before() -> None:
    balances = []
    for statement in ACCOUNT.list_statements(LATER):
        (told,) = read(render_statement(statement)).bk_to_cstmr_stmt.stmt
        sides = [each.amt.value if each.cdt_dbt_ind.value == "CRDT" else -each.amt.value for each in told.bal]
        moved = sum(e.amt.value if e.cdt_dbt_ind.value == "CRDT" else -e.amt.value for e in told.ntry)
        assert sides[0] + moved == sides[1]
        assert [each.tp.cd_or_prtry.cd for each in told.bal] == ["OPBD", "CLBD"]
        balances.append(sides)
    assert balances == [
        [Decimal("1000.00"), Decimal("-383.25")], [Decimal("-383.25"), Decimal("4616.75")], [Decimal("4616.75")] * 2,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("at", "count"),
    [
        (datetime(2026, 3, 9, 4, 59, tzinfo=ROME), 0),
        (datetime(2026, 3, 9, 5, 0, tzinfo=ROME), 1),
        (datetime(2026, 3, 16, 12, tzinfo=UTC), 2),
    ],
)
def test_a_week_is_told_on_the_monday_after_it(tmp_path: Path, at: datetime, count: int) -> None:
    written = drop_statements([ACCOUNT], tmp_path, at)
    assert sorted(path.name for path in (tmp_path / "a0X1").glob("*")) == sorted(path.name for path in written)
    assert len(written) == count


def test_what_was_delivered_stays(tmp_path: Path) -> None:
    (path,) = drop_statements([ACCOUNT], tmp_path, datetime(2026, 3, 10, tzinfo=UTC))
    path.write_bytes(b"kept")
    assert len(drop_statements([ACCOUNT], tmp_path, LATER)) == 2
    assert drop_statements([ACCOUNT], tmp_path, datetime(2026, 3, 10, tzinfo=UTC)) == []
    assert path.read_bytes() == b"kept"
