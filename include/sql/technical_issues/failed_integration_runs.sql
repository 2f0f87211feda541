-- issue: failed_integration_runs
-- title: Failed integration runs
-- definition: Runs since go-live that failed or ended with errors and began by the end of the week, after
--   which no run of the same integration has succeeded.
-- severity: high
-- feeds: integration_runs
-- source: seed 4.4; the choice of what is one issue is this product's own

with runs as (
    select
        id,
        status,
        coalesce(start_time, created_at) as started_at,
        coalesce(integration_id, instance || '/' || coalesce(integration_code, integration_name, 'not told'))
            as integration_key,
        coalesce(integration_name, integration_code, 'that is not named') as integration_words
    from integration_runs
),

successes as (
    select
        integration_key,
        max(started_at) as succeeded_at
    from runs
    where status = 'successful'
    group by integration_key
)

select
    runs.integration_key,
    cast(null as varchar) as document_key,
    runs.started_at as failed_at,
    'what it carries does not arrive' as impact,
    'integration_run:' || runs.id as failure,
    'Integration ' || runs.integration_words || ' fails (run ' || runs.id || ' ' || runs.status || ' on '
    || local_date(runs.started_at) || ')' as words
from runs
cross join engagement
left join successes on runs.integration_key = successes.integration_key
where
    runs.status in ('failed', 'errored')
    and runs.started_at >= engagement.go_live_at
    and runs.started_at < engagement.week_end
    and (successes.succeeded_at is null or successes.succeeded_at < runs.started_at)
