"""Writes account statements as ISO 20022 camt.053.001.08, elements in the order of its schema."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from sandbox.bank.account import Booking, Statement, Transfer

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"
NOT_PROVIDED = "NOTPROVIDED"
"""ISO's word for an end-to-end id that nobody gave."""


def render_statement(statement: Statement) -> bytes:
    """Return the file of one statement."""
    document = Element("Document", xmlns=NAMESPACE)
    message = SubElement(document, "BkToCstmrStmt")
    created = statement.created_at.isoformat()
    header = SubElement(message, "GrpHdr")
    _add(header, "MsgId", f"MSG-{statement.account.iban[-4:]}-{statement.name}")
    _add(header, "CreDtTm", created)
    body = SubElement(message, "Stmt")
    _add(body, "Id", statement.name)
    _add(body, "ElctrncSeqNb", str(statement.sequence))
    _add(body, "CreDtTm", created)
    account = SubElement(body, "Acct")
    _add(SubElement(account, "Id"), "IBAN", statement.account.iban)
    _add(account, "Ccy", statement.account.currency)
    _add_balance(body, statement, "OPBD", statement.opening, statement.monday)
    _add_balance(body, statement, "CLBD", statement.closing, statement.sunday)
    for number, booking in enumerate(statement.bookings, start=1):
        _add_booking(body, booking, f"{statement.name}-{number:03d}", statement.account.currency)
    ElementTree.indent(document)
    content: bytes = ElementTree.tostring(document, encoding="UTF-8", xml_declaration=True)
    return content


def _add(parent: Element, name: str, text: str) -> Element:
    child = SubElement(parent, name)
    child.text = text
    return child


def _add_amount(parent: Element, amount: Decimal, currency: str) -> None:
    _add(parent, "Amt", format(abs(amount), "f")).set("Ccy", currency)


def _add_direction(parent: Element, *, is_credit: bool) -> None:
    _add(parent, "CdtDbtInd", "CRDT" if is_credit else "DBIT")


def _add_day(parent: Element, name: str, day: date) -> None:
    _add(SubElement(parent, name), "Dt", day.isoformat())


def _add_balance(parent: Element, statement: Statement, code: str, amount: Decimal, day: date) -> None:
    balance = SubElement(parent, "Bal")
    _add(SubElement(SubElement(balance, "Tp"), "CdOrPrtry"), "Cd", code)
    _add_amount(balance, amount, statement.account.currency)
    _add_direction(balance, is_credit=amount >= 0)
    _add_day(balance, "Dt", day)


def _add_booking(parent: Element, booking: Booking, reference: str, currency: str) -> None:
    entry = SubElement(parent, "Ntry")
    _add_amount(entry, booking.amount, currency)
    _add_direction(entry, is_credit=booking.is_credit)
    _add(SubElement(entry, "Sts"), "Cd", "BOOK")
    _add_day(entry, "BookgDt", booking.booked_on)
    _add_day(entry, "ValDt", booking.value_on or booking.booked_on)
    _add(entry, "AcctSvcrRef", reference)
    domain, family, sub_family = booking.code
    code = SubElement(SubElement(entry, "BkTxCd"), "Domn")
    _add(code, "Cd", domain)
    families = SubElement(code, "Fmly")
    _add(families, "Cd", family)
    _add(families, "SubFmlyCd", sub_family)
    details = SubElement(entry, "NtryDtls")
    if booking.batch:
        batch = SubElement(details, "Btch")
        _add(batch, "PmtInfId", booking.batch)
        _add(batch, "NbOfTxs", str(len(booking.transfers)))
    for transfer in booking.transfers if booking.is_itemised else ():
        _add_transfer(details, transfer, currency, is_credit=booking.is_credit)
    if booking.words:
        _add(entry, "AddtlNtryInf", booking.words)


def _add_transfer(parent: Element, transfer: Transfer, currency: str, *, is_credit: bool) -> None:
    detail = SubElement(parent, "TxDtls")
    _add(SubElement(detail, "Refs"), "EndToEndId", transfer.reference or NOT_PROVIDED)
    _add_amount(detail, transfer.amount, currency)
    _add_direction(detail, is_credit=is_credit)
    if transfer.remittance:
        _add(SubElement(detail, "RmtInf"), "Ustrd", transfer.remittance[:140])
