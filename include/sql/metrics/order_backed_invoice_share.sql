-- metric: order_backed_invoice_share
-- title: Invoices backed by an order
-- definition: Received invoices with at least one line that names an order ÷ received invoices. The first
--   weeks hold invoices from before go-live: dated_since_go_live counts only those whose own date is not
--   before it. Credit notes, drafts, rejected, voided, abandoned and invalid ones are left out.
-- unit: share
-- denominator: received invoices
-- business date: creation of the invoice
-- source: APQC and OpsDog "invoices with a purchase order"
-- feeds: invoices, invoices.pending
-- views: received_invoices

with backed as (
    select distinct invoice_id
    from invoice_lines
    where order_line_id is not null or nullif(po_number, '') is not null
),

arrived as (
    select
        received_invoices.created_at,
        backed.invoice_id is not null as is_backed,
        coalesce(received_invoices.invoice_date >= engagement.go_live, false) as is_new
    from received_invoices
    cross join engagement
    left join backed on received_invoices.id = backed.invoice_id
    where received_invoices.status <> 'rejected'
),

summary as (
    select
        spans.span,
        count(arrived.created_at) as received,
        count(*) filter (where arrived.is_backed) as backed,
        count(*) filter (where arrived.is_new) as new_received,
        count(*) filter (where arrived.is_new and arrived.is_backed) as new_backed
    from spans
    left join arrived on spans.starts_at <= arrived.created_at and spans.ends_at > arrived.created_at
    group by spans.span
)

select
    span,
    unnest(['', 'dated_since_go_live']) as dimension,
    unnest([received, new_received]) as n,
    unnest([backed, new_backed]) as numerator,
    unnest([received, new_received]) as denominator
from summary
