-- metric: invoices_past_due
-- title: Approved and past due
-- definition: What approved, unpaid invoices past their net due date come to, per currency (total with taxes
--   less what was paid on them), and how many (n); waiting tells the oldest due date. A snapshot at the end
--   of the week, the same for all spans. A currency without any is 0.00. Credit notes are left out.
-- unit: amount
-- denominator: none
-- business date: net due date
-- source: this product's own
-- feeds: invoices, invoices.changes, invoices.invoice_payments
-- views: received_invoices, paid_invoices

with paid_on_account as (
    select
        invoice_payments.invoice_id,
        sum(invoice_payments.amount_paid) as paid
    from invoice_payments
    cross join engagement
    where local_date(invoice_payments.payment_date) <= engagement.week_sunday
    group by invoice_payments.invoice_id
),

standing as (
    select
        received_invoices.currency_code,
        received_invoices.net_due_date,
        greatest(received_invoices.total_with_taxes - coalesce(paid_on_account.paid, 0), 0) as due,
        received_invoices.status = 'approved'
        and received_invoices.net_due_date <= engagement.week_sunday
        and (not received_invoices.paid or coalesce(paid_invoices.paid_on > engagement.week_sunday, false))
            as is_past_due
    from received_invoices
    cross join engagement
    left join paid_invoices on received_invoices.id = paid_invoices.id
    left join paid_on_account on received_invoices.id = paid_on_account.invoice_id
    where received_invoices.created_at < engagement.week_end
),

figures as (
    select
        currency_code,
        coalesce(sum(due) filter (where is_past_due), 0) as due,
        count(*) filter (where is_past_due) as invoices,
        local_midnight(min(net_due_date) filter (where is_past_due)) as oldest
    from standing
    group by currency_code
)

select
    spans.span,
    figures.currency_code as dimension,
    figures.due as figure,
    figures.invoices as n,
    figures.invoices as waiting,
    figures.oldest as waiting_since
from spans
cross join figures
where figures.currency_code is not null
