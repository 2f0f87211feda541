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
-- views: spend_share_by_span

with lines as (  -- noqa: ST03
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
)

select
    span,
    dimension,
    n,
    numerator,
    denominator
from spend_share_by_span(lines)
