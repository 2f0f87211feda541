-- metric: paid_on_time_share
-- title: Paid on time
-- definition: Invoices paid no later than their net due date ÷ invoices paid, by count; the row of each
--   currency by amount. Credit notes, negative amounts, voided invoices and those without a due or payment
--   date are left out. Waiting: approved invoices that were due and unpaid at the end of the week, and the
--   oldest due date.
-- unit: share
-- denominator: invoices paid (or their amount, per currency)
-- business date: payment date
-- source: this product's own
-- feeds: invoices, invoices.changes
-- views: paid_invoices, received_invoices

with paid as (
    select
        spans.span,
        paid_invoices.currency_code,
        paid_invoices.total_with_taxes as total,
        paid_invoices.paid_on <= paid_invoices.net_due_date as is_on_time
    from paid_invoices
    inner join spans
        on
            paid_invoices.paid_at >= spans.starts_at
            and paid_invoices.paid_at < spans.ends_at
    where paid_invoices.net_due_date is not null
),

waiting as (
    select
        count(*) as waiting,
        min(local_midnight(received_invoices.net_due_date)) as waiting_since
    from received_invoices
    cross join engagement
    left join paid_invoices on received_invoices.id = paid_invoices.id
    where
        received_invoices.status = 'approved'
        and received_invoices.created_at < engagement.week_end
        and received_invoices.net_due_date <= engagement.week_sunday
        and (not received_invoices.paid or paid_invoices.paid_on > engagement.week_sunday)
),

figures as (
    select
        spans.span,
        '' as dimension,
        count(paid.total) as n,
        count(*) filter (where paid.is_on_time) as numerator,
        count(paid.total) as denominator
    from spans
    left join paid on spans.span = paid.span
    group by spans.span
    union all
    select
        span,
        currency_code as dimension,
        count(*) as n,
        coalesce(sum(total) filter (where is_on_time), 0) as numerator,
        sum(total) as denominator
    from paid
    group by span, currency_code
)

select
    figures.*,
    case when figures.dimension = '' then waiting.waiting end as waiting,
    case when figures.dimension = '' then waiting.waiting_since end as waiting_since
from figures
cross join waiting
