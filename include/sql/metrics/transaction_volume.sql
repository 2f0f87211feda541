-- metric: transaction_volume
-- title: Documents
-- definition: How many documents of each kind there were in the span, whatever became of them; credit notes
--   apart from invoices, receipts without voids and returns' reversals.
-- unit: count
-- denominator: none
-- business date: requisitions and expense reports: submission; orders, invoices and credit notes: creation;
--   receipts: transaction; payments: release; charges: charge date
-- source: this product's own
-- feeds: requisitions, purchase_orders, invoices; optional: receipts, expense_reports, payments, charges
-- views: transactions
-- rests on: requisitions = requisitions.pending
-- rests on: purchase_orders = purchase_orders.pending
-- rests on: receipts = receipts.transaction_date
-- rests on: invoices = invoices.pending
-- rests on: credit_notes = invoices.pending
-- rests on: expense_reports = expense_reports.pending
-- rests on: payments = payments.released_at, payments.changes
-- rests on: charges = charges

with kinds as (
    select
        unnest([
            'requisitions',
            'purchase_orders',
            'receipts',
            'invoices',
            'credit_notes',
            'expense_reports',
            'payments',
            'charges'
        ]) as feed
)

select
    spans.span,
    kinds.feed as dimension,
    count(transactions.feed) as figure,
    count(transactions.feed) as n
from spans
cross join kinds
left join transactions
    on
        kinds.feed = transactions.feed
        and spans.starts_at <= transactions.happened_at
        and spans.ends_at > transactions.happened_at
group by spans.span, kinds.feed
