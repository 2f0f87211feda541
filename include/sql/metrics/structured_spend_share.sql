-- metric: structured_spend_share
-- title: Structured spend
-- definition: Order lines from a hosted catalog (they carry an item) or a punch-out site ÷ order lines. The
--   main number counts lines, because money is not summed over currencies; the row of each currency is the
--   share of its spend, which is what the leaders report. Issued orders only; cancelled lines and lines
--   without a positive amount are left out.
-- unit: share
-- denominator: lines (or their amount, per currency) of issued orders
-- business date: creation of the order
-- source: Coupa benchmark "structured spend"
-- feeds: purchase_orders, purchase_orders.currency_code, purchase_orders.order_lines.item_id,
--   purchase_orders.order_lines.requisition_line_id, requisitions.requisition_lines.punchout_site_id

with lines as (
    select
        purchase_orders.created_at,
        purchase_orders.currency_code,
        order_lines.total,
        order_lines.item_id is not null or requisition_lines.punchout_site_id is not null as counts
    from order_lines
    inner join purchase_orders on order_lines.purchase_order_id = purchase_orders.id
    left join requisition_lines on order_lines.requisition_line_id = requisition_lines.id
    where
        purchase_orders.status in ('issued', 'closed', 'exported', 'expensed')
        and coalesce(order_lines.status, '') <> 'cancelled'
        and order_lines.total > 0
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
