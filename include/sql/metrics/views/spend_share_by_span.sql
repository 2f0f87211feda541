-- view: spend_share_by_span
-- takes: lines
-- holds: what a metric of the share of lines returns, of the rows of `lines` (created_at, currency_code,
--   total and counts, whether it is one of those asked for): by number, and for each currency by spend

with dated as (
    select
        created_at,
        currency_code,
        total,
        counts
    from query_table(lines)
),

placed as (
    select
        spans.span,
        dated.currency_code,
        dated.total,
        dated.counts
    from dated
    inner join spans on dated.created_at >= spans.starts_at and dated.created_at < spans.ends_at
)

select
    spans.span,
    '' as dimension,
    count(placed.total) as n,
    count(*) filter (where placed.counts) as numerator,
    count(placed.total) as denominator
from spans
left join placed on spans.span = placed.span
group by spans.span
union all
select
    span,
    currency_code as dimension,
    count(*) as n,
    coalesce(sum(total) filter (where counts), 0) as numerator,
    sum(total) as denominator
from placed
where currency_code is not null
group by span, currency_code
