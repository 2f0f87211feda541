-- metric: invoice_approval_time
-- title: Invoice approval time
-- definition: From the creation of an invoice's first approval step to its last approval. The main number is
--   the median in business hours of the customer's calendar; elapsed_* are hours by the clock. Left out are
--   invoices that were voided, rejected or abandoned, and those that nobody had to approve. Waiting:
--   invoices with an undecided step at the end of the week.
-- unit: hours
-- denominator: invoices whose last approval falls into the span
-- business date: last approval
-- source: Coupa benchmark "invoice approval cycle time"; where it begins is this product's choice
-- feeds: invoices, invoices.invoice_approvals, invoices.pending
-- views: hours_by_span

with steps as (
    select
        invoice_id,
        min(created_at) as started_at,
        max(approval_date) filter (where status = 'approved') as last_approved_at,
        bool_or(status not in ('approved', 'rejected', 'skipped')) as has_open_step
    from invoice_approvals
    group by invoice_id
),

cases as (  -- noqa: ST03
    select
        steps.started_at,
        steps.has_open_step as is_open,
        case when not steps.has_open_step then steps.last_approved_at end as ended_at
    from steps
    inner join invoices on steps.invoice_id = invoices.id
    where invoices.status not in ('voided', 'rejected', 'abandoned', 'invalid')
)

select
    span,
    dimension,
    figure,
    n,
    waiting,
    waiting_since
from hours_by_span(cases)
