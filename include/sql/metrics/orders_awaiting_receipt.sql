-- metric: orders_awaiting_receipt
-- title: Orders awaiting receipt
-- definition: Issued orders with a line that asks for a receipt and was not received in full, by age in
--   calendar days since the order was created. A snapshot at the end of the week, the same for all spans.
--   Received quantities (amounts, for amount lines) are those of the last version; cancelled and closed
--   lines are left out.
-- unit: count
-- denominator: none
-- business date: creation of the order
-- source: this product's own
-- feeds: purchase_orders, purchase_orders.changes, purchase_orders.order_lines.receipt_required

with expecting as (
    select distinct purchase_order_id
    from order_lines
    where
        receipt_required
        and coalesce(status, '') not in ('cancelled', 'closed', 'soft_closed')
        and coalesce(received, 0) < case when type = 'OrderAmountLine' then total else quantity end
),

pending as (
    select
        purchase_orders.id,
        purchase_orders.created_at,
        date_diff('day', local_date(purchase_orders.created_at), engagement.week_sunday) as age
    from purchase_orders
    inner join expecting on purchase_orders.id = expecting.purchase_order_id
    cross join engagement
    where purchase_orders.status = 'issued' and purchase_orders.created_at < engagement.week_end
),

figures as (
    select
        '' as dimension,
        count(*) as figure,
        min(created_at) as waiting_since
    from pending
    union all
    select
        'age/' || age_buckets.label as dimension,
        count(pending.id) as figure,
        min(pending.created_at) as waiting_since
    from age_buckets
    left join pending on age_buckets.from_days <= pending.age and age_buckets.through_days >= pending.age
    group by age_buckets.label
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
