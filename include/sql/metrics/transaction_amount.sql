-- metric: transaction_amount
-- title: Amounts
-- definition: What the documents of each kind came to in the span, per currency; drafts, cancelled, rejected
--   and voided ones are left out (n counts the others). Returns to the supplier count against receipts as
--   Coupa signs them. A currency seen since go-live stays listed with 0.00.
-- unit: amount
-- denominator: none
-- business date: as for the number of documents
-- source: this product's own
-- feeds: requisitions, purchase_orders, invoices; optional: receipts, expense_reports, payments, charges
-- views: transactions
-- rests on: requisitions = requisitions.pending
-- rests on: purchase_orders = purchase_orders.pending, purchase_orders.currency_code
-- rests on: receipts = receipts.transaction_date
-- rests on: invoices = invoices.pending
-- rests on: credit_notes = invoices.pending
-- rests on: expense_reports = expense_reports.pending
-- rests on: payments = payments.released_at, payments.changes
-- rests on: charges = charges

with valued as (
    select
        transactions.feed,
        transactions.currency_code,
        transactions.amount,
        transactions.happened_at
    from transactions
    where transactions.amount is not null and transactions.currency_code is not null
),

kinds as (
    select distinct
        valued.feed,
        valued.currency_code
    from valued
    cross join engagement
    where valued.happened_at >= engagement.go_live_at and valued.happened_at < engagement.week_end
)

select
    spans.span,
    kinds.feed || '/' || kinds.currency_code as dimension,
    coalesce(sum(valued.amount), 0) as figure,
    count(valued.amount) as n
from spans
cross join kinds
left join valued
    on
        kinds.feed = valued.feed
        and kinds.currency_code = valued.currency_code
        and spans.starts_at <= valued.happened_at
        and spans.ends_at > valued.happened_at
group by spans.span, kinds.feed, kinds.currency_code
