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

with first_orders as (
    select
        requisition_header_id,
        min(created_at) as ordered_at
    from purchase_orders
    where requisition_header_id is not null and status <> 'draft'
    group by requisition_header_id
),

cases as (
    select
        requisitions.submitted_at as started_at,
        first_orders.ordered_at as ended_at,
        first_orders.ordered_at is null
        and requisitions.status in ('pending_buyer_action', 'pending_approval', 'approved') as is_open
    from requisitions
    left join first_orders on requisitions.id = first_orders.requisition_header_id
    where requisitions.submitted_at is not null and requisitions.status not in ('draft', 'cart')
),

measured as (
    select
        ended_at,
        cast(business_hours(started_at, ended_at) as decimal(18, 6)) as business,
        cast((epoch(ended_at) - epoch(started_at)) / 3600 as decimal(18, 6)) as elapsed
    from cases
    where ended_at >= started_at
),

summary as (
    select
        spans.span,
        cast(avg(measured.business) as decimal(18, 6)) as business_mean,
        cast(avg(measured.elapsed) as decimal(18, 6)) as elapsed_mean,
        count(measured.ended_at) as n,
        median(measured.business) as business_median,
        quantile_cont(measured.business, 0.9) as business_p90,
        median(measured.elapsed) as elapsed_median,
        quantile_cont(measured.elapsed, 0.9) as elapsed_p90
    from spans
    left join measured on spans.starts_at <= measured.ended_at and spans.ends_at > measured.ended_at
    group by spans.span
),

waiting as (
    select
        count(*) as waiting,
        min(cases.started_at) as waiting_since
    from cases
    cross join engagement
    where
        cases.started_at < engagement.week_end
        and (cases.ended_at >= engagement.week_end or cases.is_open)
)

select
    summary.span,
    summary.n,
    waiting.waiting,
    waiting.waiting_since,
    unnest(['', 'business_mean', 'business_p90', 'elapsed_median', 'elapsed_mean', 'elapsed_p90'])
        as dimension,
    unnest([
        summary.business_median,
        summary.business_mean,
        summary.business_p90,
        summary.elapsed_median,
        summary.elapsed_mean,
        summary.elapsed_p90
    ]) as figure
from summary
cross join waiting
