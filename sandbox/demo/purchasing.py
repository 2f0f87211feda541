"""From a requisition to an approved invoice that the ERP took over: the documents of one engagement's purchases."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sandbox.coupa import shapes
from sandbox.demo.books import Body, Books, Document, Vendor
from sandbox.demo.customers import Customer

CENT = Decimal("0.01")
SECOND_APPROVAL_FROM = Decimal(4000)
TERMS = (7, 7, 14, 14, 21, 30)
TRANSMITTED = {"cxml": "sent_via_cxml", "email": "sent_via_email", "prompt": "sent_manually"}
PAY_CHANNEL = "coupa_pay_invoice_payment"
OUTSIDE_CHANNEL = "erp"


@dataclass
class Bill:
    """An approved document that is to be paid: an invoice or an expense report.

    `remaining` and `reserved` are amounts: what is still owed, and what payments in flight will pay of it.
    `next_part`: what the next run pays, where that is not all; `credit`: the allocation of a credit note to it.
    """

    document: Document
    supplier: Body
    total: Decimal
    due: date
    remaining: Decimal
    reserved: Decimal = Decimal(0)
    is_kept_back: bool = False
    next_part: Decimal | None = None
    credit: Body | None = None
    discount: Decimal = Decimal(0)
    payments: list[Body] = field(default_factory=list)

    @property
    def is_invoice(self) -> bool:
        """Whether it is an invoice, and not an expense report."""
        return self.document.resource == "invoices"


@dataclass
class Approvals:
    """The approval chain of one document, in its own feed and inside the document."""

    books: Books
    approvable_type: str
    approvable_id: int
    steps: list[Document] = field(default_factory=list)

    def ask(self, at: datetime, position: int) -> None:
        """Ask the approver of a position."""
        approver = self.books.approver(position)
        self.steps.append(
            self.books.open(
                "approvals",
                shapes.approval,
                at,
                approvable_type=self.approvable_type,
                approvable_id=self.approvable_id,
                status="pending_approval",
                approver=approver,
                position=position,
            )
        )

    def answer(self, at: datetime, status: str = "approved") -> None:
        """Answer the step that is waiting."""
        self.books.save(self.steps[-1], at, status=status, approval_date=at)

    @property
    def bodies(self) -> list[Body]:
        """The steps as they stand inside the document."""
        return [step.body for step in self.steps]


class Purchasing:
    """The purchases of one engagement on one instance; approved documents end up in `bills`."""

    def __init__(self, books: Books, customer: Customer, entity_id: int) -> None:
        self.books = books
        self.customer = customer
        self.bills: list[Bill] = []
        self.chart = shapes.legal_entity(
            entity_id, f"{customer.legal_entity} Chart", customer.legal_entity, customer.currency
        )
        self.account = {
            "id": entity_id * 100, "code": "100-6000", "name": "Operating expense", "account-type": self.chart,
        }  # fmt: skip

    @property
    def currency(self) -> str:
        """The currency of this engagement's documents."""
        return self.customer.currency

    def later(self, at: datetime, hours: float) -> datetime:
        """Return a working instant about that many hours later."""
        return self.books.timeline.working_hours_after(at, hours * self.books.random.uniform(0.7, 1.3))

    def start_purchase(self, at: datetime) -> None:
        """Let somebody ask for something: draft, submission, approval, then the order."""
        books, currency = self.books, self.currency
        vendor = books.random.choice(books.vendors)
        quantity = Decimal(books.random.randint(1, 12))
        price = (Decimal(books.random.randint(2500, 90000)) * CENT).quantize(CENT)
        requester = books.requester()
        line = shapes.requisition_line(
            id=books.next_id("requisition_lines"), created_at=at, zone=books.zone, quantity=quantity, unit_price=price,
            currency=currency, supplier=vendor.stub, account=self.account, contract=vendor.contract, status="created",
            **self._source_of(vendor),
        )  # fmt: skip
        requisition = books.open(
            "requisitions", shapes.requisition, at, status="draft", requested_by=requester, created_by=requester,
            total=quantity * price, currency=currency, lines=[line], department={"id": 1, "name": "Operations"},
        )  # fmt: skip
        chain = Approvals(books, "RequisitionHeader", requisition.id)

        def submit(now: datetime) -> None:
            chain.ask(now, 1)
            books.save(
                requisition, now, status="pending_approval", submitted_at=now, approvals=chain.bodies,
                current_approval={"id": chain.steps[-1].id},
            )  # fmt: skip
            books.timeline.plan(self.later(now, 5), approve)

        def approve(now: datetime) -> None:
            if books.random.random() < 0.04:
                chain.answer(now, "rejected")
                books.save(requisition, now, status="abandoned", approvals=chain.bodies, current_approval=None)
                return
            chain.answer(now)
            books.save(requisition, now, status="approved", approvals=chain.bodies, current_approval=None)
            books.timeline.plan(
                now + timedelta(minutes=12), lambda ordered: self._order(ordered, requisition, vendor, quantity, price)
            )

        books.timeline.plan(self.later(at, 0.5), submit)

    def _source_of(self, vendor: Vendor) -> dict[str, Any]:
        if vendor.order_method == "cxml" and self.books.random.random() < 0.6:
            return {"source_type": "Punchout", "punchout_site": {"id": vendor.stub["id"], "name": vendor.stub["name"]}}
        if self.books.random.random() < 0.4:
            number = self.books.random.randint(1, 40)
            return {"source_type": "Catalog", "item": {"id": number, "name": f"Item {number}"}}
        return {}

    def _order(self, at: datetime, requisition: Document, vendor: Vendor, quantity: Decimal, price: Decimal) -> None:
        books = self.books
        requisition_line = requisition.facts["lines"][0]
        order_id = books.next_id("order_numbers")
        line = shapes.order_line(
            id=books.next_id("order_lines"), created_at=at, zone=books.zone, quantity=quantity, price=price,
            currency=self.currency, receipt_required=True, requisition_line_id=requisition_line["id"],
            item=requisition_line["item"], contract=vendor.contract, account_type=self.chart, account=self.account,
        )  # fmt: skip
        fails = books.random.random() < 0.04
        order = books.open(
            "purchase_orders", shapes.purchase_order, at, supplier=vendor.stub, currency=self.currency,
            requisition_id=requisition.id, lines=[line], created_by=requisition.facts["requested_by"],
            po_number=f"PO-{order_id}",
            transmission_status="transmission_failure" if fails else TRANSMITTED[vendor.order_method],
        )  # fmt: skip
        ordered = {**requisition_line, "status": "ordered", "order-line-id": line["id"]}
        books.save(requisition, at, status="ordered", lines=[ordered])
        if fails:
            books.timeline.plan(
                self.later(at, 6), lambda now: books.save(order, now, version=2, transmission_status="sent_via_email")
            )
        else:
            books.timeline.plan(
                self.later(at, 3), lambda now: books.save(order, now, acknowledged_flag=True, acknowledged_at=now)
            )
        books.timeline.plan(self.later(at, 20), lambda now: self._receive(now, order, requisition, vendor))

    def _receive(self, at: datetime, order: Document, requisition: Document, vendor: Vendor) -> None:
        books = self.books
        line = order.facts["lines"][0]
        quantity = Decimal(line["quantity"])
        # Now and then goods came the week before and are entered only today.
        late = timedelta(days=6) if books.random.random() < 0.08 else timedelta(0)
        books.open(
            "receiving_transactions", shapes.receipt, at, type="ReceivingQuantityConsumption",
            order_line_id=line["id"], order_id=order.id, quantity=quantity, price=Decimal(line["price"]),
            currency=self.currency, transaction_date=at - late, account=self.account,
            created_by=requisition.facts["requested_by"],
        )  # fmt: skip
        books.save(order, at, lines=[{**line, "received": str(quantity), "status": "received"}])
        books.save(requisition, at, status="received")
        books.timeline.plan(self.later(at, 5), lambda now: self.receive_invoice(now, vendor, order=order))

    def receive_invoice(
        self,
        at: datetime,
        vendor: Vendor,
        *,
        order: Document | None = None,
        total: Decimal | None = None,
        terms: int | None = None,
        credit_note: bool = False,
        then: Callable[[datetime, Bill], None] | None = None,
    ) -> Document:
        """Enter an invoice (with an order: of its first line) and let it be approved, exported, and put to the bills.

        `terms`: days until it is due; `then` is told the bill at its approval.
        """
        books = self.books
        line, order_line = self._bill_line(at, order, total)
        amount = Decimal(line["total"])
        today = at.astimezone(books.zone).date()
        due = self.customer.due_date(today, terms if terms is not None else books.random.choice(TERMS))
        fails_tolerance = order is not None and books.random.random() < 0.1
        invoice = books.open(
            "invoices", shapes.invoice, at, status="pending_approval", total=amount, currency=self.currency,
            supplier=vendor.stub, account_type=self.chart, channel=vendor.channel, invoice_date=today,
            net_due_date=due, lines=[line], contract=vendor.contract, credit_note=credit_note,
            payment_channel=PAY_CHANNEL if self.customer.has_coupa_pay else OUTSIDE_CHANNEL,
            requested_by=order.facts["created_by"] if order else None,
            failed_tolerances=[_failed_tolerance(books, at)] if fails_tolerance else [],
            created_by=books.people[2],
        )  # fmt: skip
        if order is not None:
            billed = {**order_line, "invoiced": order_line["quantity"], "status": "invoiced"}
            books.save(order, at, lines=[billed], status="closed")
        if order is None and total is None and books.random.random() < 0.08:
            reason = [{"id": 1, "code": "price", "description": "Price differs from the agreement"}]
            books.timeline.plan(
                self.later(at, 4), lambda now: books.save(invoice, now, status="disputed", dispute_reasons=reason)
            )
            return invoice
        bill = Bill(invoice, vendor.stub, amount, due, amount, is_kept_back=credit_note)
        self._approve(at, bill, "InvoiceHeader", "approved", then)
        return invoice

    def _bill_line(self, at: datetime, order: Document | None, total: Decimal | None) -> tuple[Body, Body]:
        order_line = order.facts["lines"][0] if order else {}
        if order_line:
            quantity, price = Decimal(order_line["quantity"]), Decimal(order_line["price"])
        else:
            quantity = Decimal(1)
            price = total or (Decimal(self.books.random.randint(9000, 250000)) * CENT).quantize(CENT)
        line = shapes.invoice_line(
            id=self.books.next_id("invoice_lines"), created_at=at, zone=self.books.zone, quantity=quantity, price=price,
            currency=self.currency, po_number=order.facts["po_number"] if order else None,
            order_line_id=order_line.get("id"), status="matched" if order else None, account=self.account,
            contract=order_line.get("contract"),
        )  # fmt: skip
        return line, order_line

    def start_expense_report(self, at: datetime) -> None:
        """Let somebody claim expenses: draft, submission, approval; paid with the next payment run."""
        books = self.books
        employee = books.requester()
        amounts = [(Decimal(books.random.randint(800, 42000)) * CENT).quantize(CENT) for _ in range(2)]
        lines = [
            shapes.expense_line(
                id=books.next_id("expense_lines"),
                created_at=at,
                zone=books.zone,
                line_number=number,
                amount=amount,
                currency=self.currency,
                over_limit=books.random.random() < 0.08,
                account=self.account,
            )
            for number, amount in enumerate(amounts, start=1)
        ]
        report = books.open(
            "expense_reports", shapes.expense_report, at, status="draft", expensed_by=employee, created_by=employee,
            total=sum(amounts, Decimal(0)), currency=self.currency, lines=lines,
            payment_channel=PAY_CHANNEL if self.customer.has_coupa_pay else OUTSIDE_CHANNEL,
        )  # fmt: skip

        def submit(now: datetime) -> None:
            books.save(report, now, status="pending_approval", submitted_at=now)
            due = now.astimezone(books.zone).date() + timedelta(days=7)
            bill = Bill(report, employee, report.facts["total"], due, report.facts["total"])
            self._approve(now, bill, "ExpenseReport", "approved_for_payment", None)

        books.timeline.plan(self.later(at, 2), submit)

    def _approve(
        self,
        at: datetime,
        bill: Bill,
        approvable_type: str,
        status: str,
        then: Callable[[datetime, Bill], None] | None,
    ) -> None:
        books, document = self.books, bill.document
        chain = Approvals(books, approvable_type, document.id)
        chain.ask(at, 1)
        books.save(document, at, approvals=chain.bodies)

        def approve(now: datetime) -> None:
            chain.answer(now)
            if bill.total >= SECOND_APPROVAL_FROM and len(chain.steps) == 1:
                chain.ask(now, 2)
                books.save(document, now, approvals=chain.bodies)
                books.timeline.plan(self.later(now, 4), approve)
                return
            books.save(document, now, status=status, approvals=chain.bodies)
            self.bills.append(bill)
            if self.customer.erp_leg != "none":
                books.timeline.plan(now + timedelta(minutes=45), export)
            if then:
                then(now, bill)

        def export(now: datetime) -> None:
            books.save(document, now, exported=True, last_exported_at=now)

        books.timeline.plan(self.later(at, 6), approve)


def _failed_tolerance(books: Books, at: datetime) -> Body:
    return {
        "id": books.next_id("failed_tolerances"),
        "code": "price_tolerance",
        "resolved": True,
        "created-at": shapes.write_instant(at, books.zone),
    }
