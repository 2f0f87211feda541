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
-- views: items_by_severity

with told as (  -- noqa: ST03
    select
        priority,
        created_at as raised_at,
        is_closed,
        case when is_closed then closed_at end as closed_at
    from cases
)

select
    span,
    dimension,
    figure,
    n,
    waiting,
    waiting_since
from items_by_severity(told, 'salesforce', $aged_after_business_days)
