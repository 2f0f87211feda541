-- check: not_stuck
-- number: 5
-- title: Not stuck
-- definition: A released payment reaches a final status (completed, completed with errors, cancelled) within
--   the business days of its method, counted from the release or from the day on which the bank was asked to
--   execute, where later. In flight within its days is no row yet.
-- judged on: final, or the last of its days where that was earlier; it stays there when the payment completes
--   late
-- feeds: payments, payments.changes, payments.released_at
-- products: Coupa Pay
-- source: rule R8.5

select
    judged_on,
    amount,
    currency,
    legal_entity,
    cast(null as json) as detail,
    'payment:' || id as key,
    final_on is null as offending,
    case
        when final_on is null
            then
                'payment ' || id || ' of ' || money(amount, currency) || ' is ' || replace(status, '_', ' ')
                || ' since '
                || released_on
                || ', its '
                || business_days
                || ' business days ended on '
                || deadline
    end as words
from released_payments
where judged_on is not null
