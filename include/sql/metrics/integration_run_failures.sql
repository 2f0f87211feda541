-- metric: integration_run_failures
-- title: Failed integration runs
-- definition: Failed or errored runs ÷ finished runs, over all integrations and per integration. Waiting:
--   runs that began by the end of the week and have not finished.
-- unit: share
-- denominator: runs that finished, successfully or not
-- business date: start of the run
-- source: this product's own
-- feeds: integration_runs

with runs as (
    select
        coalesce(start_time, created_at) as started_at,
        coalesce(nullif(integration_code, ''), integration_name, 'not told') as told_integration,
        status in ('failed', 'errored') as is_failed,
        status in ('successful', 'failed', 'errored') as is_finished
    from integration_runs
),

finished as (
    select
        spans.span,
        runs.told_integration,
        runs.is_failed
    from runs
    inner join spans on runs.started_at >= spans.starts_at and runs.started_at < spans.ends_at
    where runs.is_finished
),

waiting as (
    select
        count(*) as waiting,
        min(runs.started_at) as waiting_since
    from runs
    cross join engagement
    where not runs.is_finished and runs.started_at < engagement.week_end
),

figures as (
    select
        spans.span,
        '' as dimension,
        count(finished.told_integration) as n,
        count(*) filter (where finished.is_failed) as numerator
    from spans
    left join finished on spans.span = finished.span
    group by spans.span
    union all
    select
        span,
        'integration/' || told_integration as dimension,
        count(*) as n,
        count(*) filter (where is_failed) as numerator
    from finished
    group by span, told_integration
)

select
    figures.span,
    figures.dimension,
    figures.n,
    figures.numerator,
    figures.n as denominator,
    case when figures.dimension = '' then waiting.waiting end as waiting,
    case when figures.dimension = '' then waiting.waiting_since end as waiting_since
from figures
cross join waiting
