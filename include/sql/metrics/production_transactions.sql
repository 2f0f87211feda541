-- metric: production_transactions
-- title: Production transactions seen from end to end
-- definition: Per flow, how many complete chains of documents ended in the span, all of them created since
--   go-live; the detail names the newest chain. A payment is a completed Coupa Pay payment where the
--   customer has Coupa Pay, else the invoice marked paid. Order chains need a receipt where a line of the
--   order asks for one. A credit note counts once approved and applied to an invoice or settled. A virtual
--   card counts once charged for its payment or order.
-- unit: count
-- denominator: none
-- business date: date of the chain's last document (expense reports without Coupa Pay: their last change)
-- source: seed 4.4, production transaction verification
-- feeds: requisitions, purchase_orders, invoices; optional: receipts, expense_reports, payments, charges
-- rests on: requisition_to_order = requisitions, purchase_orders
-- rests on: order_to_receipt = purchase_orders, receipts.transaction_date
-- rests on: order_to_invoice = purchase_orders, invoices
-- rests on: invoice_to_payment = invoices.changes; optional: payments.released_at, payments.changes
-- rests on: requisition_to_payment = requisitions, purchase_orders.order_lines.receipt_required,
--   invoices.changes; optional: receipts.transaction_date, payments.released_at, payments.changes
-- rests on: non_order_invoice_to_payment = invoices.changes; optional: payments.released_at, payments.changes
-- rests on: expense_to_reimbursement = expense_reports.changes; optional: payments.released_at,
--   payments.changes
-- rests on: virtual_card = payments, charges, purchase_orders
-- rests on: credit_note = invoices.changes; optional: payments.payable_allocations

with flows as (
    select
        unnest([
            'requisition_to_order',
            'order_to_receipt',
            'order_to_invoice',
            'invoice_to_payment',
            'requisition_to_payment',
            'non_order_invoice_to_payment',
            'expense_to_reimbursement',
            'virtual_card',
            'credit_note'
        ]) as flow
),

orders as (
    select
        purchase_orders.id,
        purchase_orders.requisition_header_id,
        purchase_orders.created_at
    from purchase_orders
    cross join engagement
    where
        purchase_orders.status in ('issued', 'closed', 'exported', 'expensed')
        and purchase_orders.created_at >= engagement.go_live_at
),

asks as (
    select
        requisitions.id,
        requisitions.submitted_at
    from requisitions
    cross join engagement
    where requisitions.submitted_at >= engagement.go_live_at
),

receipt_needed as (
    select
        purchase_order_id,
        coalesce(bool_or(receipt_required), false) as is_needed
    from order_lines
    group by purchase_order_id
),

received as (
    select
        receipts.order_line_order_header_id as order_id,
        min_by(receipts.id, (receipts.transaction_date, receipts.id)) as receipt_id,
        min(receipts.transaction_date) as received_at
    from receipts
    cross join engagement
    where
        receipts.type in ('ReceivingQuantityConsumption', 'ReceivingAmountConsumption', 'InventoryReceipt')
        and receipts.transaction_date >= engagement.go_live_at
    group by receipts.order_line_order_header_id
),

bills as (
    select
        invoices.id,
        invoices.created_at,
        invoices.paid,
        invoices.payment_date,
        coalesce(invoices.is_credit_note, false) or coalesce(invoices.document_type, '') = 'Credit Note'
            as is_credit
    from invoices
    cross join engagement
    where invoices.status = 'approved' and invoices.created_at >= engagement.go_live_at
),

bill_orders as (
    select distinct
        invoice_lines.invoice_id,
        order_lines.purchase_order_id as order_id
    from invoice_lines
    inner join order_lines on invoice_lines.order_line_id = order_lines.id
),

order_billed as (
    select distinct invoice_id
    from invoice_lines
    where order_line_id is not null or nullif(po_number, '') is not null
),

completed as (
    select
        payment_details.source_transaction_id as document_id,
        payment_details.source_transaction_type as document_type,
        min_by(payments.id, (payments.released_at, payments.id)) as payment_id,
        min(payments.released_at) as paid_at
    from payments
    inner join payment_details on payments.id = payment_details.payment_id
    where payments.status = 'completed_successfully'
    group by payment_details.source_transaction_id, payment_details.source_transaction_type
),

settled as (
    select
        bills.id,
        case
            when engagement.has_coupa_pay then completed.paid_at
            when bills.paid then coalesce(local_midnight(bills.payment_date), bills.created_at)
        end as paid_at,
        'invoice:'
        || bills.id
        || case when engagement.has_coupa_pay then ', payment:' || completed.payment_id else ' paid' end
            as documents
    from bills
    cross join engagement
    left join completed on bills.id = completed.document_id and completed.document_type = 'InvoiceHeader'
    where not bills.is_credit
),

applied as (
    select distinct source_transaction_from_id as credit_id
    from payable_allocations
    where coalesce(status, '') <> 'cancelled'
),

chains as (
    select
        'requisition_to_order' as flow,
        orders.created_at as ended_at,
        'requisition:' || asks.id || ', purchase_order:' || orders.id as documents
    from asks
    inner join orders on asks.id = orders.requisition_header_id
    union all
    select
        'order_to_receipt' as flow,
        received.received_at as ended_at,
        'purchase_order:' || orders.id || ', receipt:' || received.receipt_id as documents
    from orders
    inner join received on orders.id = received.order_id
    union all
    select
        'order_to_invoice' as flow,
        bills.created_at as ended_at,
        'purchase_order:' || orders.id || ', invoice:' || bills.id as documents
    from orders
    inner join bill_orders on orders.id = bill_orders.order_id
    inner join bills on bill_orders.invoice_id = bills.id
    where not bills.is_credit
    union all
    select
        'invoice_to_payment' as flow,
        settled.paid_at as ended_at,
        settled.documents
    from settled
    union all
    select
        'requisition_to_payment' as flow,
        greatest(settled.paid_at, received.received_at) as ended_at,
        'requisition:'
        || asks.id
        || ', purchase_order:'
        || orders.id
        || coalesce(', receipt:' || received.receipt_id, '')
        || ', '
        || settled.documents as documents
    from asks
    inner join orders on asks.id = orders.requisition_header_id
    inner join receipt_needed on orders.id = receipt_needed.purchase_order_id
    left join received on orders.id = received.order_id
    inner join bill_orders on orders.id = bill_orders.order_id
    inner join settled on bill_orders.invoice_id = settled.id
    where received.receipt_id is not null or not receipt_needed.is_needed
    union all
    select
        'non_order_invoice_to_payment' as flow,
        settled.paid_at as ended_at,
        settled.documents
    from settled
    left join order_billed on settled.id = order_billed.invoice_id
    where order_billed.invoice_id is null
    union all
    select
        'expense_to_reimbursement' as flow,
        coalesce(completed.paid_at, case when expense_reports.paid then expense_reports.updated_at end)
            as ended_at,
        'expense_report:'
        || expense_reports.id
        || coalesce(', payment:' || completed.payment_id, ' paid') as documents
    from expense_reports
    cross join engagement
    left join completed
        on expense_reports.id = completed.document_id and completed.document_type = 'ExpenseReport'
    where expense_reports.submitted_at >= engagement.go_live_at
    union all
    select
        'virtual_card' as flow,
        local_midnight(charges.charge_date) as ended_at,
        'payment:' || payments.id || ', charge:' || charges.id as documents
    from charges
    inner join payments on charges.document_id = payments.id
    where
        charges.document_type = 'CoupaPay::Payment'
        and payments.pay_from_account_account_kind = 'virtual_card'
    union all
    select
        'virtual_card' as flow,
        local_midnight(charges.charge_date) as ended_at,
        'purchase_order:' || orders.id || ', charge:' || charges.id as documents
    from charges
    inner join orders on charges.document_id = orders.id
    where charges.document_type = 'OrderHeader'
    union all
    select
        'credit_note' as flow,
        bills.created_at as ended_at,
        'credit_note:' || bills.id as documents
    from bills
    left join applied on bills.id = applied.credit_id
    where bills.is_credit and (applied.credit_id is not null or bills.paid)
),

seen as (
    select
        spans.span,
        chains.flow,
        count(*) as chains,
        max_by(chains.documents, (chains.ended_at, chains.documents)) as documents
    from chains
    inner join spans on chains.ended_at >= spans.starts_at and chains.ended_at < spans.ends_at
    group by spans.span, chains.flow
)

select
    spans.span,
    flows.flow as dimension,
    coalesce(seen.chains, 0) as figure,
    coalesce(seen.chains, 0) as n,
    coalesce(seen.documents, '') as detail
from spans
cross join flows
left join seen on spans.span = seen.span and flows.flow = seen.flow
