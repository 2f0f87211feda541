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

with cases as (
    select
        min(payment_batch_created_at) as started_at,
        min(released_at) as ended_at,
        count(released_at) = 0 and bool_or(status <> 'cancelled') as is_open
    from payments
    where payment_batch_id is not null and payment_batch_created_at is not null
    group by payment_batch_id
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
