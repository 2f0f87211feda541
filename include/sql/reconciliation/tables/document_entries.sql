-- table: document_entries
-- number: 3
-- definition: What invoices and credit notes say themselves about how they were settled: their payments and
--   their reconciliation lines, each with its category. Coupa may list a payment in both, so reconciliation
--   lines of the category payment, and those that repeat a payment, are left out. A positive amount lowers
--   what is owed, in every category (Coupa does not document the sign of an adjustment). entered_on: its own
--   date or the day it was entered, the later of the two, so that an entry dated back does not fall into a
--   week that was judged without it.

with entries as (
    select
        invoice_id,
        id as entry_id,
        coalesce(amount_paid, 0) as amount,
        payment_date as dated_on,
        created_at,
        lower(coalesce(category, 'payment')) as category
    from invoice_payments
    union all
    select
        invoice_id,
        id as entry_id,
        coalesce(amount, amount_paid, 0) as amount,
        coalesce(adjustment_date, payment_date) as dated_on,
        created_at,
        lower(coalesce(category, 'adjustment')) as category
    from invoice_reconciliation_lines
    where
        coalesce(lower(category), '') <> 'payment'
        and not exists (
            select 1 from invoice_payments
            where
                invoice_payments.invoice_id = invoice_reconciliation_lines.invoice_id
                and invoice_payments.id = invoice_reconciliation_lines.id
                and invoice_payments.category = invoice_reconciliation_lines.category
        )
)

select
    entry_id,
    category,
    amount,
    'invoice:' || invoice_id as document_key,
    greatest(dated_on, local_date(created_at)) as entered_on
from entries
