-- view: paid_invoices
-- holds: invoices marked paid (no credit notes or negative amounts, none voided) with the local date of
--   their payment (paid_at: its midnight): the invoice's own, else the last of its payment records

with paid as (
    select
        invoice_id,
        max(local_date(payment_date)) as last_paid_on
    from invoice_payments
    group by invoice_id
)

select
    invoices.id,
    invoices.currency_code,
    invoices.total_with_taxes,
    invoices.net_due_date,
    coalesce(invoices.payment_date, paid.last_paid_on) as paid_on,
    local_midnight(coalesce(invoices.payment_date, paid.last_paid_on)) as paid_at
from invoices
left join paid on invoices.id = paid.invoice_id
where
    invoices.paid
    and invoices.total_with_taxes >= 0
    and invoices.status <> 'voided'
    and not coalesce(invoices.is_credit_note, false)
    and coalesce(invoices.document_type, '') <> 'Credit Note'
