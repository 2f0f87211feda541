-- view: items_by_severity
-- takes: told, told_by, aged_after
-- holds: what a metric of items returns, of the rows of `told` (priority, raised_at, closed_at, is_closed):
--   open, new, closed and aged (open for more than aged_after business days), by the severity that the policy
--   gives to the priority words of told_by

with severities as (
    select unnest(['high', 'medium', 'low', 'unsorted']) as severity
),

raised as (
    select
        raised_at,
        closed_at,
        is_closed,
        told_by as origin,
        lower(trim(priority)) as word,
        add_business_days(local_date(raised_at), aged_after) as old_after
    from query_table(told)
),

items as (
    select
        raised.raised_at,
        raised.closed_at,
        coalesce(priority_words.severity, 'unsorted') as severity,
        coalesce(raised.raised_at < engagement.week_end, true)
        and (not raised.is_closed or coalesce(raised.closed_at >= engagement.week_end, false)) as is_open,
        raised.old_after < engagement.week_sunday as is_old
    from raised
    cross join engagement
    left join priority_words on raised.origin = priority_words.source and raised.word = priority_words.word
),

standing as (
    select
        severities.severity,
        count(*) filter (where items.is_open) as open_items,
        count(*) filter (where items.is_open and items.is_old) as aged_items,
        min(items.raised_at) filter (where items.is_open) as oldest
    from severities
    left join items on severities.severity = items.severity
    group by severities.severity
),

moved as (
    select
        spans.span,
        severities.severity,
        count(*) filter (where items.raised_at >= spans.starts_at and items.raised_at < spans.ends_at)
            as new_items,
        count(*) filter (where items.closed_at >= spans.starts_at and items.closed_at < spans.ends_at)
            as closed_items
    from spans
    cross join severities
    left join items on severities.severity = items.severity
    group by spans.span, severities.severity
),

figures as (
    select
        spans.span,
        '' as dimension,
        sum(standing.open_items) as figure,
        min(standing.oldest) as waiting_since
    from spans
    cross join standing
    group by spans.span
    union all
    select
        spans.span,
        unnest(['open/' || standing.severity, 'aged/' || standing.severity]) as dimension,
        unnest([standing.open_items, standing.aged_items]) as figure,
        unnest([standing.oldest, null]) as waiting_since
    from spans
    cross join standing
    union all
    select
        moved.span,
        unnest(['new/' || moved.severity, 'closed/' || moved.severity]) as dimension,
        unnest([moved.new_items, moved.closed_items]) as figure,
        null as waiting_since
    from moved
)

select
    span,
    dimension,
    figure,
    figure as n,
    waiting_since,
    case when dimension = '' or dimension like 'open/%' then figure end as waiting
from figures
