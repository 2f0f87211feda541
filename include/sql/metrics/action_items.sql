-- metric: action_items
-- title: Action items
-- definition: Items of the engagement's tracker; closed are the states closed and resolved. The main number
--   counts those open at the end of the week, the same for all spans; new/* were raised and closed/* closed
--   in the span, by severity; open/* and aged/* (open for more business days than the policy allows) are by
--   severity too. Priority words that the policy does not map are unsorted.
-- unit: count
-- denominator: none
-- business date: raised and resolved dates of the tracker
-- source: seed 4.4, action item tracker
-- feeds: action_items
-- parameters: aged_after_business_days
-- views: items_by_severity

with told as (  -- noqa: ST03
    select
        priority,
        local_midnight(raised_on) as raised_at,
        local_midnight(resolved_on) as closed_at,
        lower(trim(state)) in ('closed', 'resolved') as is_closed
    from action_items
)

select
    span,
    dimension,
    figure,
    n,
    waiting,
    waiting_since
from items_by_severity(told, 'tracker', $aged_after_business_days)
