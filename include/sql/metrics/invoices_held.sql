-- metric: invoices_held
-- title: Invoices on hold or disputed
-- definition: Received invoices with status on_hold, ap_hold, booking_hold or disputed, and their most
--   frequent reasons: dispute reasons and unresolved tolerance failures; an invoice with two reasons counts
--   in both. A snapshot at the end of the week, the same for all spans.
-- unit: count
-- denominator: none
-- business date: creation of the invoice
-- source: this product's own
-- feeds: invoices, invoices.pending, invoices.changes, invoices.invoice_dispute_reasons
-- parameters: listed_reasons
-- views: received_invoices

with held as (
    select
        received_invoices.id,
        received_invoices.created_at,
        received_invoices.status
    from received_invoices
    cross join engagement
    where
        received_invoices.status in ('on_hold', 'ap_hold', 'booking_hold', 'disputed')
        and received_invoices.created_at < engagement.week_end
),

reasons as (
    select
        invoice_id,
        coalesce(nullif(code, ''), description) as reason
    from invoice_dispute_reasons
    union
    select
        invoice_id,
        code as reason
    from invoice_failed_tolerances
    where not coalesce(resolved, false)
),

counted as (
    select
        reasons.reason,
        count(*) as invoices,
        min(held.created_at) as oldest,
        row_number() over (order by count(*) desc, reasons.reason) as place
    from held
    inner join reasons on held.id = reasons.invoice_id
    where reasons.reason is not null
    group by reasons.reason
),

figures as (
    select
        '' as dimension,
        count(*) as figure,
        min(created_at) as waiting_since
    from held
    union all
    select
        'status/' || status as dimension,
        count(*) as figure,
        min(created_at) as waiting_since
    from held
    group by status
    union all
    select
        'reason/' || reason as dimension,
        invoices as figure,
        oldest as waiting_since
    from counted
    where place <= $listed_reasons
)

select
    spans.span,
    figures.dimension,
    figures.figure,
    figures.figure as n,
    figures.figure as waiting,
    figures.waiting_since
from spans
cross join figures
