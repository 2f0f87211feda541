-- view: hours_by_span
-- takes: cases
-- holds: what a metric of the time from started_at to ended_at returns, of the rows of `cases`: medians,
--   means and 90th percentiles in business hours of the customer's calendar and by the clock (elapsed_*), of
--   those that ended in the span; waiting are those begun by the end of the week that had not ended then, of
--   those without any end the ones marked is_open

with begun as (
    select
        started_at,
        ended_at,
        is_open
    from query_table(cases)
),

measured as (
    select
        ended_at,
        cast(business_hours(started_at, ended_at) as decimal(18, 6)) as business,
        cast((epoch(ended_at) - epoch(started_at)) / 3600 as decimal(18, 6)) as elapsed
    from begun
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
        min(begun.started_at) as waiting_since
    from begun
    cross join engagement
    where
        begun.started_at < engagement.week_end
        and (begun.ended_at >= engagement.week_end or begun.is_open)
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
