-- issue: failed_order_transmissions
-- title: Orders that did not reach the supplier
-- definition: Orders created since go-live and by the end of the week whose last transmission failed,
--   without the cancelled ones; an order that was sent again with success is no longer among them.
-- severity: medium
-- feeds: purchase_orders
-- source: seed 4.4; the choice of what is one issue is this product's own

select
    cast(null as varchar) as integration_key,
    purchase_orders.created_at as failed_at,
    'purchase_order:' || purchase_orders.id as failure,
    'purchase_order:' || purchase_orders.id as document_key,
    'Order ' || purchase_orders.po_number || ' was not transmitted' as words,
    coalesce(purchase_orders.supplier_name, 'the supplier') || ' does not know of it' as impact
from purchase_orders
cross join engagement
where
    purchase_orders.transmission_status = 'transmission_failure'
    and purchase_orders.status <> 'cancelled'
    and purchase_orders.created_at >= engagement.go_live_at
    and purchase_orders.created_at < engagement.week_end
