-- issue: failed_payments
-- title: Payments that failed
-- definition: Payments that completed with errors or were cancelled after their release by the end of the
--   week, without a later success for the same documents: the offending rows of the check errors_resolved,
--   of any week since go-live.
-- severity: high
-- feeds: payments
-- source: seed 4.4, rule R8.6

select
    errors_resolved.key as failure,
    cast(null as varchar) as integration_key,
    errors_resolved.key as document_key,
    local_midnight(errors_resolved.judged_on) as failed_at,
    upper(left(errors_resolved.words, 1)) || substr(errors_resolved.words, 2) as words,
    'the supplier waits for ' || money(errors_resolved.amount, errors_resolved.currency) as impact
from errors_resolved
cross join engagement
where
    errors_resolved.offending
    and errors_resolved.judged_on between engagement.go_live and engagement.week_sunday
