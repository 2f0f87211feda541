-- metric: support_cases
-- title: Support cases
-- definition: Cases of the customer's account in Salesforce. The main number counts those open at the end of
--   the week, the same for all spans; new/* were raised and closed/* closed in the span, by severity;
--   open/* and aged/* (open for more business days than the policy allows) are by severity too. Priority
--   words that the policy does not map are unsorted.
-- unit: count
-- denominator: none
-- business date: creation and closing of the case
-- source: this product's own
-- feeds: cases
-- parameters: aged_after_business_days

with policy as (
    select $aged_after_business_days as aged_after
),

severities as (
    select unnest(['high', 'medium', 'low', 'unsorted']) as severity
),

told as (
    select
        priority,
        created_at as raised_at,
        is_closed,
        case when is_closed then closed_at end as closed_at
    from cases
),

items as (
    select
        told.raised_at,
        told.closed_at,
        coalesce(priority_words.severity, 'unsorted') as severity,
        coalesce(told.raised_at < engagement.week_end, true)
        and (not told.is_closed or coalesce(told.closed_at >= engagement.week_end, false)) as is_open,
        add_business_days(local_date(told.raised_at), policy.aged_after) < engagement.week_sunday as is_old
    from told
    cross join engagement
    cross join policy
    left join priority_words
        on priority_words.source = 'salesforce' and lower(trim(told.priority)) = priority_words.word
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
