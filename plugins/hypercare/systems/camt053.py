"""Reads ISO 20022 bank statements (camt.053, every version from 001.01 on) by element names, whatever the namespace.

docs/contracts.md names the sources of what the versions write differently.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from hypercare.bank_entries import BOOKED, BankEntry, BankStatement, digest_of, mask_account
from hypercare.errors import ContractError, say_faults
from hypercare.systems.camt053_elements import (
    ElementFaultError,
    parse_day,
    read_amount,
    read_day,
    read_direction,
    read_text,
    signed,
)
from hypercare.systems.camt053_entries import StatementContext, read_entries

NAMESPACE = re.compile(r"camt\.053\.001\.\d\d$")
OTHER_MESSAGES = {
    "BkToCstmrAcctRpt": "a camt.052, an intraday report whose entries may still change",
    "BkToCstmrDbtCdtNtfctn": "a camt.054, an advice without balances",
}
DUPLICATE_WORDS = ("DUPL", "CODU")


@dataclass(frozen=True)
class FileRead:
    """What one file holds."""

    statements: tuple[BankStatement, ...]
    entries: tuple[BankEntry, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Balance:
    code: str
    currency: str
    amount: Decimal
    day: date


def read_camt053(content: bytes, file: str, digest: str) -> FileRead:
    """Read the statements of a file's bytes; `file` names it in messages, `digest` is its sha256.

    Raises ContractError, naming the file, the places and what to do, for what is no camt.053, declares a document type,
    is cut short, or holds an entry without amount, currency, direction or status.
    """
    message = _parse(content, file)
    statements: list[BankStatement] = []
    entries: list[BankEntry] = []
    faults: list[str] = []
    warnings: list[str] = []
    for number, element in enumerate(message.findall("Stmt"), start=1):
        try:
            context = _open_statement(element, number, message, file, digest)
            statement, own = _read_statement(element, context)
        except ElementFaultError as fault:
            faults.append(f"Stmt {number}: {fault}")
            continue
        statements.append(statement)
        entries += own
        faults += context.faults
        warnings += [f"{file}, {words}" for words in (*context.warnings, *_check_balances(statement))]
    if not statements and not faults:
        faults.append("it holds no statement (Stmt)")
    if faults:
        msg = f"{file}: {say_faults(faults)}. Ask the bank for the file anew"
        raise ContractError(msg)
    return FileRead(tuple(statements), tuple(entries), tuple(warnings))


def _parse(content: bytes, file: str) -> Element:
    """Return the message's element, all names without their namespaces."""
    try:
        document = fromstring(content, forbid_dtd=True)
    except DefusedXmlException as error:
        msg = f"{file}: declares a document type or entities, as no bank does; ask the bank for the file anew"
        raise ContractError(msg) from error
    except (ParseError, ValueError, LookupError) as error:
        msg = f"{file}: is no XML, or cut short ({error}); fetch it from the bank again"
        raise ContractError(msg) from error
    messages, namespace = [], ""
    for element in document.iter():
        space, _, name = str(element.tag).rpartition("}")
        element.tag = name
        if name in OTHER_MESSAGES:
            msg = f"{file}: is {OTHER_MESSAGES[name]}; give the account statement, camt.053"
            raise ContractError(msg)
        if name == "BkToCstmrStmt":
            messages.append(element)
            namespace = space.removeprefix("{")
    if len(messages) != 1 or (namespace and not NAMESPACE.search(namespace)):
        found = namespace or document.tag
        msg = f"{file}: is no account statement, it says {found[:80]!r}; give the account statement, camt.053"
        raise ContractError(msg)
    return messages[0]


def _open_statement(element: Element, number: int, message: Element, file: str, digest: str) -> StatementContext:
    identification = read_text(element, "Acct/Id/IBAN") or read_text(element, "Acct/Id/Othr/Id")
    name = read_text(element, "Id")
    page = read_text(element, "StmtPgntn/PgNb") or read_text(message, "GrpHdr/MsgPgntn/PgNb") or "1"
    if not identification or not name or not page.isdigit():
        what = "account (Acct/Id)" if not identification else "id (Id)" if not name else "page number (PgNb)"
        msg = f"it has no {what}"
        raise ElementFaultError(msg)
    currency = read_text(element, "Acct/Ccy") or next((b.currency for b in _read_balances(element)), "")
    account = mask_account(identification)
    return StatementContext(
        statement=digest_of(account, currency, name, page)[:16],
        name=name,
        page=int(page),
        account=account,
        currency=currency,
        place=f"Stmt {number} ({name})",
        last_day=_find_period(element)[1],
        file=file,
        file_digest=digest,
    )


def _read_statement(element: Element, context: StatementContext) -> tuple[BankStatement, list[BankEntry]]:
    balances = list(_read_balances(element))
    starts, ends = _find_period(element)
    nodes = element.findall("Ntry")
    entries = [entry for number, node in enumerate(nodes, start=1) for entry in read_entries(node, number, context)]
    sequence = read_text(element, "ElctrncSeqNb") or read_text(element, "LglSeqNb")
    opening, closing = _find_ends(balances)
    statement = BankStatement(
        id=context.statement,
        account=context.account,
        currency=context.currency or (entries[0].currency if entries else ""),
        name=context.name,
        page=context.page,
        sequence=int(sequence) if sequence.isdigit() else None,
        covered_from=starts,
        covered_through=ends,
        opening=opening,
        closing=closing,
        entries=len(nodes),
        movement=sum((signed(e.is_credit, e.amount) for e in entries if e.status == BOOKED), Decimal(0)),
        is_duplicate=read_text(element, "CpyDplctInd") in DUPLICATE_WORDS,
        file=context.file,
        file_digest=context.file_digest,
        place=context.place,
    )
    return statement, entries


def _check_balances(statement: BankStatement) -> list[str]:
    if statement.arithmetic != "unbalanced":
        return []
    words = f"opening {statement.opening} and entries of {statement.movement} do not come to {statement.closing}"
    return [f"{statement.place}: {words}; ask the bank whether the statement is complete"]


def _read_balances(element: Element) -> Iterator[_Balance]:
    for balance in element.findall("Bal"):
        amount, currency = read_amount(balance.find("Amt"), "Bal/Amt")
        code = read_text(balance, "Tp/CdOrPrtry/Cd")
        day = read_day(balance.find("Dt"))
        if day is None:
            msg = f"balance {code} has no date (Bal/Dt)"
            raise ElementFaultError(msg)
        yield _Balance(code, currency, signed(read_direction(balance), amount), day)


def _find_ends(balances: Sequence[_Balance]) -> tuple[Decimal | None, Decimal | None]:
    """Return opening and closing balance; some banks send the previous closing one as opening, pages interim ones."""
    by_code: dict[str, list[Decimal]] = {}
    for balance in balances:
        by_code.setdefault(balance.code, []).append(balance.amount)
    interim = by_code.get("ITBD", [])
    opening = by_code.get("OPBD") or by_code.get("PRCD")
    closing = by_code.get("CLBD")
    if opening is None and interim and (closing is not None or len(interim) > 1):
        opening = interim[:1]
    if closing is None and interim and (opening is not interim[:1] or len(interim) > 1):
        closing = interim[-1:]
    return (opening[0] if opening else None), (closing[-1] if closing else None)


def _find_period(element: Element) -> tuple[date, date]:
    """Return the days that a statement covers: by its balances, else as it says, else by its entries."""
    balances = list(_read_balances(element))
    told = [parse_day(read_text(element, f"FrToDt/{name}")) for name in ("FrDtTm", "ToDtTm")]
    booked = [day for node in element.findall("Ntry") if (day := read_day(node.find("BookgDt")))]
    starts = [balance.day for balance in balances if balance.code == "OPBD"]
    ends = [balance.day for balance in balances if balance.code in ("CLBD", "ITBD")]
    created = parse_day(read_text(element, "CreDtTm"))
    last = max(ends, default=None) or told[1] or max(booked, default=None) or created
    if last is None:
        msg = "it does not say which days it covers (Bal/Dt, FrToDt, CreDtTm)"
        raise ElementFaultError(msg)
    first = min(starts, default=None) or told[0] or min(booked, default=None) or last
    return min(first, last), last
