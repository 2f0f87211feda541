"""How the cases of an event log become Coupa records: invoices or expense reports, approvals, payments.

Bodies carry only the attributes that a log fills; the server answers null for the others that a call names.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from sandbox.coupa import shapes
from sandbox.world import Instance

Body = dict[str, Any]
Row = Mapping[str, str]

PREPARED = datetime(2016, 1, 1, tzinfo=UTC)
"""Before the first event: when users, suppliers, accounts and engagements were made."""

DUE_AFTER = timedelta(days=14)
CURRENCY = "EUR"
EURO = shapes.currency_stub(CURRENCY)
SIGNER = shapes.user_stub(1, "Unit", "Signer")
"""The one user of every customer: the logs name roles, not people."""

UNKNOWN = "UNKNOWN"
STEP = re.compile(r"^(?:Request For Payment|Declaration) (SAVED|SUBMITTED|APPROVED|FINAL_APPROVED|REJECTED) by (.+)$")
STATUS = {
    "SAVED": "draft",
    "SUBMITTED": "pending_approval",
    "APPROVED": "pending_approval",
    "FINAL_APPROVED": "approved",
    "REJECTED": "rejected",
}
REQUESTED, HANDLED = "Request Payment", "Payment Handled"


@dataclass(frozen=True)
class LogKind:
    """What the cases of a log are, and in which columns their facts stand."""

    resource: str
    approvable_type: str
    payable_type: str
    id_column: str
    number_column: str
    amount_column: str


INVOICES = LogKind(
    "invoices", "InvoiceHeader", "Payables::Invoice", "(case)_Rfp_id", "(case)_RfpNumber", "(case)_RequestedAmount"
)
EXPENSE_REPORTS = LogKind(
    "expense_reports", "ExpenseReport", "Payables::Expense", "(case)_id", "(case)_DeclarationNumber", "(case)_Amount"
)


@dataclass
class Unit:
    """One customer of the logs on its own instance; `skipped` counts activities that no record stands for."""

    name: str
    instance: Instance
    skipped: Counter[str]
    suppliers: dict[str, Body] = field(default_factory=dict)
    """By cost type."""
    batches: dict[date, Body] = field(default_factory=dict)
    """Payments released on the same local day are one batch."""
    approval_ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def chart(self) -> Body:
        """The unit as the legal entity of its documents."""
        return {"id": 1, "name": self.name, "legal-entity-name": self.name}

    def find_supplier(self, cost_type: str) -> Body:
        """Return the supplier that stands for a cost type; it was always there."""
        if cost_type not in self.suppliers:
            number = len(self.suppliers) + 1
            stub = shapes.supplier_stub(number, f"cost type {cost_type}")
            body = shapes.supplier(id=number, created_at=PREPARED, zone=self.instance.time_zone, name=stub["name"])
            self.instance.put("suppliers", PREPARED, body)
            self.suppliers[cost_type] = stub
        return self.suppliers[cost_type]

    def find_batch(self, at: datetime, stamp: str) -> Body:
        """Return the batch of the payments that are released on a day."""
        day = at.date()
        if day not in self.batches:
            batch_id = int(f"{day:%Y%m%d}")
            self.batches[day] = {"id": batch_id, "status": "approved", "created-at": stamp, "updated-at": stamp}
        return self.batches[day]


def round_to_cents(amount: str) -> str:
    """Return an amount of the logs, which carry many decimals, rounded half-even to cents."""
    return str(Decimal(amount).quantize(Decimal("0.01"), ROUND_HALF_EVEN))


def read_number(text: str) -> int:
    """Return the number at the end of an id such as `request for payment 148214`; raise ValueError without one."""
    found = re.search(r"\d+$", text)
    if found is None:
        message = f"{text!r} does not end in a number"
        raise ValueError(message)
    return int(found.group())


def tell_case(unit: Unit, kind: LogKind, rows: Sequence[Row]) -> None:
    """Put every version of one case's records; `rows` are its events, of which equal times keep their order."""
    case: _Case | None = None
    for row in sorted(rows, key=lambda each: datetime.fromisoformat(each["time:timestamp"])):
        activity = row["concept:name"]
        step = STEP.match(activity)
        if step is None and activity not in (REQUESTED, HANDLED):
            unit.skipped[activity] += 1
            continue
        at = datetime.fromisoformat(row["time:timestamp"])
        case = case or _Case.begin(unit, kind, row, at)
        case.happen(at, activity, step)


@dataclass
class _Case:
    """One case on its way: the document, its approvals and its payment as they stand."""

    unit: Unit
    kind: LogKind
    document: Body
    payment: Body | None
    last_stamp: str

    @classmethod
    def begin(cls, unit: Unit, kind: LogKind, row: Row, at: datetime) -> _Case:
        stamp = _write(at)
        number = read_number(row[kind.id_column])
        amount = round_to_cents(row[kind.amount_column])
        document: Body = {
            "id": number, "created-at": stamp, "updated-at": stamp, "status": "draft", "currency": EURO, "paid": False,
            "exported": False, "payment-channel": "coupa_pay_invoice_payment", "created-by": SIGNER, "approvals": [],
        }  # fmt: skip
        fill = _fill_invoice if kind is INVOICES else _fill_report
        fill(document, unit, row, at, amount)
        return cls(unit, kind, document, None, stamp)

    def happen(self, at: datetime, activity: str, step: re.Match[str] | None) -> None:
        stamp = _write(at)
        changes: Body = {"updated-at": stamp}
        if step is not None:
            changes |= self._take_step(at, stamp, step.group(1), step.group(2))
        elif activity == REQUESTED:
            self._release(at, stamp)
        else:
            changes |= self._complete(at, stamp)
        self.document = {**self.document, **changes}
        self.unit.instance.put(self.kind.resource, at, self.document)
        self.last_stamp = stamp

    def _take_step(self, at: datetime, stamp: str, verb: str, role: str) -> Body:
        changes: Body = {"status": STATUS[verb]}
        if verb == "SUBMITTED" and self.kind is EXPENSE_REPORTS:
            changes["submitted-at"] = stamp
        if verb in ("APPROVED", "FINAL_APPROVED", "REJECTED"):
            changes["approvals"] = [*self.document["approvals"], self._answer(at, stamp, verb, role)]
        if verb == "FINAL_APPROVED":
            due = _write_midnight(at.date() + DUE_AFTER, self.unit.instance.time_zone.key)
            changes["net-due-date" if self.kind is INVOICES else "report-due-date"] = due
        return changes

    def _answer(self, at: datetime, stamp: str, verb: str, role: str) -> Body:
        """Put the approval (or rejection) of a role; it was asked for by the event before."""
        approval = {
            "id": next(self.unit.approval_ids), "created-at": self.last_stamp, "updated-at": stamp,
            "approvable-type": self.kind.approvable_type, "approvable-id": self.document["id"],
            "status": "rejected" if verb == "REJECTED" else "approved", "approval-date": stamp, "type": role,
            "position": len(self.document["approvals"]) + 1, "approver-id": SIGNER["id"], "approver-type": "User",
            "approver": SIGNER, "approved-by": SIGNER,
        }  # fmt: skip
        self.unit.instance.put("approvals", at, approval)
        return approval

    def _release(self, at: datetime, stamp: str) -> None:
        document = self.document
        amount = document["total-with-taxes" if self.kind is INVOICES else "total"]
        batch = self.unit.find_batch(at, stamp)
        reference = document.get("invoice-number") or document["title"]
        self.payment = {
            "id": document["id"], "created-at": stamp, "updated-at": stamp, "status": "payment_initiated",
            "payment-batch-id": batch["id"], "payment-batch": batch, "payment-identifier": f"PAY-{document['id']}",
            "released-at": stamp, "pay-from-total": amount, "pay-to-total": amount, "exchange-rate": "1.000000000",
            "pay-from-currency": EURO, "pay-to-currency": EURO, "legal-entity-name": self.unit.name, "exported": False,
            "payment-details": [
                {
                    "id": document["id"], "payment-id": str(document["id"]), "payable-id": document["id"],
                    "payable-type": self.kind.payable_type, "source-transaction-id": document["id"],
                    "source-transaction-type": self.kind.approvable_type, "source-transaction-reference": reference,
                    "transaction-total": amount, "discount-total": "0.00", "adjustment-total": "0.00",
                    "payment-total": amount, "payable-allocations": [],
                }
            ],
        }  # fmt: skip
        self.unit.instance.put("coupa_pay/payments", at, self.payment)

    def _complete(self, at: datetime, stamp: str) -> Body:
        """Complete the payment, where one was requested before, and say what that changes in the document."""
        if self.payment is None:
            self.unit.skipped[f"{HANDLED} without an earlier {REQUESTED}: no payment, the document is marked paid"] += 1
        else:
            self.payment = {**self.payment, "status": "completed_successfully", "updated-at": stamp}
            self.unit.instance.put("coupa_pay/payments", at, self.payment)
        if self.kind is EXPENSE_REPORTS:
            return {"paid": True}
        entry = {
            "id": self.document["id"], "created-at": stamp, "amount-paid": self.document["total-with-taxes"],
            "payment-date": stamp, "category": "payment",
        }  # fmt: skip
        return {"paid": True, "payment-date": stamp, "amount-due": "0.00", "payments": [entry]}


def _fill_invoice(document: Body, unit: Unit, row: Row, at: datetime, amount: str) -> None:
    number = row["(case)_RfpNumber"]
    known = str(read_number(number)) if number != UNKNOWN else f"RFP {document['id']}"
    document |= {
        "invoice-number": known, "document-type": "Invoice", "is-credit-note": False, "canceled": False,
        "invoice-date": _write_midnight(at.date(), unit.instance.time_zone.key), "net-due-date": None,
        "gross-total": amount, "total-with-taxes": amount, "amount-due": amount,
        "supplier": unit.find_supplier(row["(case)_Cost_Type"]), "account-type": unit.chart,
        "invoice-lines": [{"id": document["id"], "line-num": 1, "type": "InvoiceAmountLine", "total": amount}],
        "payments": [],
    }  # fmt: skip


def _fill_report(document: Body, unit: Unit, row: Row, at: datetime, amount: str) -> None:
    number = row["(case)_DeclarationNumber"]
    document |= {
        "title": number if number != UNKNOWN else row["(case)_id"], "total": amount, "submitted-at": None,
        "reimbursable-total-amount": amount, "expensed-by": SIGNER, "report-due-date": None,
        "expense-lines": [
            {
                "id": document["id"], "line-number": 1, "amount": amount, "approved-amount": amount,
                "expense-date": _write(at), "account": {"id": 1, "account-type": unit.chart},
            }
        ],
    }  # fmt: skip


def _write(at: datetime) -> str:
    return at.isoformat(timespec="seconds")


@lru_cache(maxsize=4096)
def _write_midnight(day: date, zone: str) -> str:
    return shapes.write_instant(day, ZoneInfo(zone))
