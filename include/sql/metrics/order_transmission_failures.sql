-- metric: order_transmission_failures
-- title: Orders that failed to reach the supplier
-- definition: Orders whose last transmission failed, cancelled ones left out; the detail names the newest of
--   them. Orders sent again with success are no longer among them.
-- unit: count
-- denominator: none
-- business date: creation of the order
-- source: this product's own
-- feeds: purchase_orders, purchase_orders.changes
-- parameters: listed_ids

with policy as (
    select $listed_ids as most
),

failures as (
    select
        spans.span,
        purchase_orders.id,
        purchase_orders.created_at,
        purchase_orders.po_number,
        row_number()
            over (partition by spans.span order by purchase_orders.created_at desc, purchase_orders.id asc)
            as place
    from purchase_orders
    inner join spans
        on purchase_orders.created_at >= spans.starts_at and purchase_orders.created_at < spans.ends_at
    where
        purchase_orders.transmission_status = 'transmission_failure' and purchase_orders.status <> 'cancelled'
)

select
    spans.span,
    '' as dimension,
    count(failures.id) as figure,
    count(failures.id) as n,
    coalesce(
        string_agg(failures.po_number, ', ' order by failures.place) filter (
            where failures.place <= policy.most
        ),
        ''
    ) as detail
from spans
cross join policy
left join failures on spans.span = failures.span
group by spans.span
