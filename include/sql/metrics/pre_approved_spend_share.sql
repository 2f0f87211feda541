-- metric: pre_approved_spend_share
-- title: Pre-approved spend
-- definition: Lines of approved invoices whose order was created no later than the invoice's date ÷ all
--   lines of approved invoices. The main number counts lines; the row of each currency is the share of its
--   spend, which is what the leaders report. Credit notes and lines without a positive amount are left out.
--   An order that was not pulled does not count as placed before.
-- unit: share
-- denominator: lines (or their amount, per currency) of approved invoices
-- business date: creation of the invoice
-- source: Coupa benchmark "pre-approved spend"
-- feeds: invoices, purchase_orders
-- views: billed_lines

with lines as (
    select
        created_at,
        currency_code,
        total,
        is_ordered_before as counts
    from billed_lines
),

placed as (
    select
        spans.span,
        lines.currency_code,
        lines.total,
        lines.counts
    from lines
    inner join spans on lines.created_at >= spans.starts_at and lines.created_at < spans.ends_at
)

select
    spans.span,
    '' as dimension,
    count(placed.total) as n,
    count(*) filter (where placed.counts) as numerator,
    count(placed.total) as denominator
from spans
left join placed on spans.span = placed.span
group by spans.span
union all
select
    span,
    currency_code as dimension,
    count(*) as n,
    coalesce(sum(total) filter (where counts), 0) as numerator,
    sum(total) as denominator
from placed
where currency_code is not null
group by span, currency_code
