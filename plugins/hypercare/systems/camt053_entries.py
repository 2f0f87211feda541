"""The entries of a camt.053 statement: bookings, and the payments of batch bookings.

An entry's direction is its `CdtDbtInd`, on a reversal too. Only `Ntry/Amt` is in the account's currency for certain, so
a batch is taken apart only where its details tell amounts in that currency and come to it; else it stays one entry with
the references of all its details. Names, accounts and addresses of the other side are not read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import NamedTuple
from xml.etree.ElementTree import Element

from hypercare.bank_entries import BOOKED, PENDING, BankEntry, digest_of, drop_empty
from hypercare.systems.camt053_elements import (
    ElementFaultError,
    read_amount,
    read_day,
    read_direction,
    read_text,
    read_texts,
)

STATES = {"BOOK": BOOKED, "PDNG": PENDING}
PAYER_REFERENCES = ("Refs/EndToEndId", "Refs/InstrId", "Refs/ChqNb", "Refs/UETR")
BANK_REFERENCES = ("Refs/AcctSvcrRef", "Refs/TxId", "Refs/ClrSysRef")
BATCH_REFERENCES = ("Refs/PmtInfId", "Refs/MsgId")
REMITTANCE = (
    "RmtInf/Ustrd",
    "RmtInf/Strd/RfrdDocInf/Nb",
    "RmtInf/Strd/CdtrRefInf/Ref",
    "RmtInf/Strd/CdtrRefInf/CdtrRef",
    "RmtInf/Strd/AddtlRmtInf",
    "AddtlTxInf",
)
OWN_AMOUNTS = ("Amt", "AmtDtls/TxAmt/Amt", "AmtDtls/CntrValAmt/Amt", "AmtDtls/InstdAmt/Amt")
"""Where a detail may tell its amount; 001.02 has no `Amt` of its own there."""
ORDERED_AMOUNTS = ("AmtDtls/InstdAmt/Amt", "AmtDtls/TxAmt/Amt", "Amt")
RATES = ("AmtDtls/InstdAmt/CcyXchg/XchgRate", "AmtDtls/TxAmt/CcyXchg/XchgRate", "AmtDtls/CntrValAmt/CcyXchg/XchgRate")


class _Ordered(NamedTuple):
    """What the payer ordered, where it is not what was booked."""

    amount: Decimal | None = None
    currency: str = ""
    rate: Decimal | None = None


@dataclass(frozen=True)
class StatementContext:
    """The statement whose entries are read, and what was found on the way."""

    statement: str
    name: str
    page: int
    account: str
    currency: str
    place: str
    last_day: date
    file: str
    file_digest: str
    faults: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def read_entries(node: Element, number: int, context: StatementContext) -> list[BankEntry]:
    """Read one booking (`Ntry`), as one entry or as one for each of its payments.

    What cannot be taken goes to `context.faults`, what is odd to `context.warnings`.
    """
    place = f"{context.place}, Ntry {number}"
    try:
        booking = _read_booking(node, number, place, context)
        details = node.findall("NtryDtls/TxDtls")
        parts = [_read_detail(detail, booking, alone=len(details) == 1) for detail in details]
        amounts = [_find_amount(detail, OWN_AMOUNTS, booking.currency) for detail in details]
    except ElementFaultError as fault:
        context.faults.append(f"{place}: {fault}")
        return []
    if len(parts) < 2 or None in amounts:
        return [_gather(booking, parts)]
    told = [amount for amount in amounts if amount is not None]
    net = sum(
        (amount if part.is_credit == booking.is_credit else -amount for amount, part in zip(told, parts, strict=True)),
        Decimal(0),
    )
    if net != booking.amount:
        context.warnings.append(f"{place}: its payments come to {net}, the booking to {booking.amount}")
        return [_gather(booking, parts)]
    return [
        replace(
            part,
            id=digest_of(booking.id, n)[:16],
            amount=amount,
            batch=booking.id,
            remittance=_join([part.remittance, booking.remittance]),
            place=f"{place}, TxDtls {n}",
        )
        for n, (part, amount) in enumerate(zip(parts, told, strict=True), start=1)
    ]


def _read_booking(node: Element, number: int, place: str, context: StatementContext) -> BankEntry:
    """Read what the entry itself says."""
    amount, currency = read_amount(node.find("Amt"), "Amt")
    state = read_text(node, "Sts/Cd") or read_text(node, "Sts/Prtry") or read_text(node, "Sts")
    if not state:
        msg = "it has no status (Sts)"
        raise ElementFaultError(msg)
    value_on = read_day(node.find("ValDt"))
    booked_on = read_day(node.find("BookgDt"))
    if booked_on is None and state == "BOOK":
        context.warnings.append(f"{place}: it has no booking date, taken as {context.last_day}")
    ordered = _read_ordered(node, amount, currency)
    batches = node.findall("NtryDtls/Btch")
    counts = [read_text(batch, "NbOfTxs") for batch in batches]
    return BankEntry(
        id=digest_of(context.statement, number)[:16],
        account=context.account,
        currency=currency,
        amount=amount,
        is_credit=read_direction(node),
        booked_on=booked_on or context.last_day,
        value_on=value_on,
        status=STATES.get(state, state.lower()),
        is_reversal=read_text(node, "RvslInd") in ("true", "1"),
        bank_references=drop_empty(read_texts(node, "AcctSvcrRef", "NtryRef")),
        batch_references=drop_empty([text for batch in batches for text in read_texts(batch, "PmtInfId", "MsgId")]),
        payments_told=sum(map(int, counts)) if counts and all(count.isdigit() for count in counts) else None,
        remittance=read_text(node, "AddtlNtryInf"),
        charges=_read_charges(node, currency),
        transaction_code=_read_code(node),
        statement=context.statement,
        file=context.file,
        file_digest=context.file_digest,
        place=place,
        instructed_amount=ordered.amount,
        instructed_currency=ordered.currency,
        exchange_rate=ordered.rate,
    )


def _read_detail(node: Element, booking: BankEntry, *, alone: bool) -> BankEntry:
    """Read what one payment of a booking says; what it does not, the booking says. `alone`: it is the only one."""
    own = read_text(node, "CdtDbtInd")
    amount = None if alone else _find_amount(node, OWN_AMOUNTS, booking.currency)
    ordered = _read_ordered(node, booking.amount if amount is None else amount, booking.currency)
    return replace(
        booking,
        is_credit=read_direction(node) if own else booking.is_credit,
        return_reason=read_text(node, "RtrInf/Rsn/Cd") or read_text(node, "RtrInf/Rsn/Prtry"),
        payer_references=drop_empty(read_texts(node, *PAYER_REFERENCES)),
        bank_references=drop_empty([*booking.bank_references, *read_texts(node, *BANK_REFERENCES)]),
        batch_references=drop_empty([*booking.batch_references, *read_texts(node, *BATCH_REFERENCES)]),
        payments_told=None,
        remittance=_join(read_texts(node, *REMITTANCE)),
        charges=_read_charges(node, booking.currency),
        transaction_code=_read_code(node) or booking.transaction_code,
        instructed_amount=ordered.amount,
        instructed_currency=ordered.currency,
        exchange_rate=ordered.rate,
    )


def _gather(booking: BankEntry, parts: Sequence[BankEntry]) -> BankEntry:
    """Return a booking as one entry that bears what its payments say."""
    if not parts:
        return booking
    alone = parts[0] if len(parts) == 1 else None
    return replace(
        booking,
        return_reason=next((part.return_reason for part in parts if part.return_reason), ""),
        payer_references=drop_empty([text for part in parts for text in part.payer_references]),
        bank_references=drop_empty([text for part in parts for text in part.bank_references]),
        batch_references=drop_empty([text for part in parts for text in part.batch_references]),
        payments_told=booking.payments_told or len(parts),
        remittance=_join([*(part.remittance for part in parts), booking.remittance]),
        charges=booking.charges or sum((part.charges for part in parts), Decimal(0)),
        instructed_amount=booking.instructed_amount or (alone.instructed_amount if alone else None),
        instructed_currency=booking.instructed_currency or (alone.instructed_currency if alone else ""),
        exchange_rate=booking.exchange_rate or (alone.exchange_rate if alone else None),
    )


def _join(texts: Sequence[str]) -> str:
    return " ".join(dict.fromkeys(text for text in texts if text))


def _find_amount(node: Element, paths: Sequence[str], currency: str) -> Decimal | None:
    """Return the first amount at one of some paths that is in a currency."""
    for path in paths:
        element = node.find(path)
        if element is not None:
            amount, own = read_amount(element, path)
            if own == currency:
                return amount
    return None


def _read_ordered(node: Element, amount: Decimal, currency: str) -> _Ordered:
    """Return what was ordered where that is not what was booked: another amount, or one in another currency."""
    for path in ORDERED_AMOUNTS:
        element = node.find(path)
        if element is not None:
            ordered, own = read_amount(element, path)
            if (ordered, own) != (amount, currency):
                return _Ordered(ordered, own, _read_rate(next((text for text in read_texts(node, *RATES) if text), "")))
    return _Ordered()


def _read_rate(text: str) -> Decimal | None:
    if not text:
        return None
    if not text.replace(".", "", 1).isdigit():
        msg = f"{text[:40]!r} is no exchange rate (CcyXchg/XchgRate)"
        raise ElementFaultError(msg)
    return Decimal(text)


def _read_charges(node: Element, currency: str) -> Decimal:
    """Return what the bank took within the booked amount, as far as it tells.

    001.02 repeats `Chrgs` for each charge, later versions list `Rcrd`s in one; a record that says that it is not
    included (`ChrgInclInd`) is booked on its own.
    """
    total = Decimal(0)
    for charges in node.findall("Chrgs"):
        records = charges.findall("Rcrd") or [charges]
        for record in records:
            path = "Amt" if record.find("Amt") is not None else "TtlChrgsAndTaxAmt"
            if record.find(path) is None or read_text(record, "ChrgInclInd") in ("false", "0"):
                continue
            amount, own = read_amount(record.find(path), f"Chrgs/{path}")
            if own == currency:
                total += -amount if read_text(record, "CdtDbtInd") == "CRDT" else amount
    return total


def _read_code(node: Element) -> str:
    domain = read_text(node, "BkTxCd/Domn/Cd")
    if domain:
        family, sub = read_text(node, "BkTxCd/Domn/Fmly/Cd"), read_text(node, "BkTxCd/Domn/Fmly/SubFmlyCd")
        return "-".join(part for part in (domain, family, sub) if part)
    own = read_text(node, "BkTxCd/Prtry/Cd")
    return f"own:{own}" if own else ""
