-- metric: integration_errors_unresolved
-- title: Unresolved integration errors
-- definition: Errors of the span that nobody has resolved, over all and per kind of document. Waiting: all
--   unresolved ones at the end of the week, however old. Whether one is resolved is told by its last
--   version.
-- unit: count
-- denominator: none
-- business date: creation of the error
-- source: this product's own
-- feeds: integration_errors

with unresolved as (
    select
        created_at,
        coalesce(document_type, 'not told') as document_type
    from integration_errors
    where not coalesce(resolved, false) and coalesce(status, '') <> 'resolved'
),

waiting as (
    select
        count(*) as waiting,
        min(unresolved.created_at) as waiting_since
    from unresolved
    cross join engagement
    where unresolved.created_at < engagement.week_end
),

figures as (
    select
        spans.span,
        '' as dimension,
        count(unresolved.created_at) as figure
    from spans
    left join unresolved
        on spans.starts_at <= unresolved.created_at and spans.ends_at > unresolved.created_at
    group by spans.span
    union all
    select
        spans.span,
        'document/' || unresolved.document_type as dimension,
        count(*) as figure
    from unresolved
    inner join spans on unresolved.created_at >= spans.starts_at and unresolved.created_at < spans.ends_at
    group by spans.span, unresolved.document_type
)

select
    figures.span,
    figures.dimension,
    figures.figure,
    figures.figure as n,
    case when figures.dimension = '' then waiting.waiting end as waiting,
    case when figures.dimension = '' then waiting.waiting_since end as waiting_since
from figures
cross join waiting
