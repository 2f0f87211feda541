-- metric: requisition_to_order_time
-- title: Requisition-to-order time
-- definition: From the submission of a requisition to the creation of its first order. The main number is
--   the median in business hours of the customer's calendar; elapsed_* are hours by the clock. A
--   requisition that was submitted again after its first order is left out. Waiting: submitted requisitions
--   without an order at the end of the week, without those withdrawn or abandoned.
-- unit: hours
-- denominator: requisitions whose first order was created in the span
-- business date: creation of the first order
-- source: Coupa benchmark "requisition-to-order cycle time"
-- feeds: requisitions, purchase_orders
-- waiting: requisitions.pending, purchase_orders.pending
-- views: hours_by_span

with first_orders as (
    select
        requisition_header_id,
        min(created_at) as ordered_at
    from purchase_orders
    where requisition_header_id is not null and status <> 'draft'
    group by requisition_header_id
),

cases as (  -- noqa: ST03
    select
        requisitions.submitted_at as started_at,
        first_orders.ordered_at as ended_at,
        first_orders.ordered_at is null
        and requisitions.status in ('pending_buyer_action', 'pending_approval', 'approved') as is_open
    from requisitions
    left join first_orders on requisitions.id = first_orders.requisition_header_id
    where requisitions.submitted_at is not null and requisitions.status not in ('draft', 'cart')
)

select
    span,
    dimension,
    figure,
    n,
    waiting,
    waiting_since
from hours_by_span(cases)
