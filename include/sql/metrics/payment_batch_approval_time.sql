-- metric: payment_batch_approval_time
-- title: Payment batch approval time
-- definition: From the creation of a payment batch to the first release of one of its payments: a proxy,
--   since the batch itself tells no approval. The main number is the median in business hours of the
--   customer's calendar; elapsed_* are hours by the clock. Waiting: batches of which nothing was released
--   at the end of the week, without those whose payments were all cancelled.
-- unit: hours
-- denominator: payment batches of which the first payment was released in the span
-- business date: first release
-- source: Coupa benchmark "payment batch approval cycle time", by proxy
-- feeds: payments, payments.changes, payments.released_at, payments.payment_batch_created_at
-- products: Coupa Pay
-- views: hours_by_span

with cases as (  -- noqa: ST03
    select
        min(payment_batch_created_at) as started_at,
        min(released_at) as ended_at,
        count(released_at) = 0 and bool_or(status <> 'cancelled') as is_open
    from payments
    where payment_batch_id is not null and payment_batch_created_at is not null
    group by payment_batch_id
)

select
    span,
    dimension,
    figure,
    n,
    waiting,
    waiting_since
from hours_by_span(cases)
