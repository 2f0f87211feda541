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

numbered as (
    select
        id,
        created_at,
        status,
        invoice_date,
        tolerance_failures,
        count(*) over (partition by supplier_id, invoice_number) as same_number
    from received_invoices
),

attempts as (
    select
        numbered.created_at,
        failed.invoice_id is null
        and coalesce(trim(numbered.tolerance_failures), '') = ''
        and numbered.status <> 'rejected' as is_matched
    from numbered
    inner join ordered on numbered.id = ordered.invoice_id
    left join failed on numbered.id = failed.invoice_id
    where
        numbered.status not in ('new', 'processing')
        and not (numbered.status = 'rejected' and numbered.same_number > 1)
        and ordered.last_ordered_on <= coalesce(numbered.invoice_date, local_date(numbered.created_at))
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
