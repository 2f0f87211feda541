-- metric: first_time_match_share
-- title: First-time match
-- definition: Invoices with an order that matched without any tolerance failure ÷ invoices with an order
--   that went through matching. Left out: rejected duplicates (same supplier and number as another
--   invoice), invoices of which an order was raised after the invoice's date, new and still processing
--   ones, credit notes, drafts, voided, abandoned and invalid ones. Other rejected invoices count as not
--   matched. It rests on the last version of each invoice: a failure that Coupa no longer lists is not
--   seen.
-- unit: share
-- denominator: matched invoices with an order
-- business date: creation of the invoice
-- source: sharedserviceslink's definition (orders only, no rejected duplicates, no orders after the invoice)
-- feeds: invoices, invoices.pending, invoices.invoice_failed_tolerances, purchase_orders
-- views: received_invoices

with ordered as (
    select
        invoice_lines.invoice_id,
        max(local_date(purchase_orders.created_at)) as last_ordered_on
    from invoice_lines
    inner join order_lines on invoice_lines.order_line_id = order_lines.id
    inner join purchase_orders on order_lines.purchase_order_id = purchase_orders.id
    group by invoice_lines.invoice_id
),

failed as (
    select distinct invoice_id
    from invoice_failed_tolerances
),

rejected as (
    select
        received_invoices.id,
        count(*) > 1 as is_duplicate
    from received_invoices
    inner join received_invoices as namesakes
        on
            received_invoices.supplier_id is not distinct from namesakes.supplier_id
            and received_invoices.invoice_number is not distinct from namesakes.invoice_number
    where received_invoices.status = 'rejected'
    group by received_invoices.id
),

attempts as (
    select
        received_invoices.created_at,
        failed.invoice_id is null
        and coalesce(trim(received_invoices.tolerance_failures), '') = ''
        and received_invoices.status <> 'rejected' as is_matched
    from received_invoices
    inner join ordered on received_invoices.id = ordered.invoice_id
    left join failed on received_invoices.id = failed.invoice_id
    left join rejected on received_invoices.id = rejected.id
    where
        received_invoices.status not in ('new', 'processing')
        and not coalesce(rejected.is_duplicate, false)
        and ordered.last_ordered_on
        <= coalesce(received_invoices.invoice_date, local_date(received_invoices.created_at))
)

select
    spans.span,
    '' as dimension,
    count(attempts.created_at) as n,
    count(*) filter (where attempts.is_matched) as numerator,
    count(attempts.created_at) as denominator
from spans
left join attempts on spans.starts_at <= attempts.created_at and spans.ends_at > attempts.created_at
group by spans.span
