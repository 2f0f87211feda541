-- check: errors_resolved
-- number: 6
-- title: Errors resolved
-- definition: A payment that completed with errors or was cancelled after its release offends until it, or
--   payments released later for the same documents, completed with at least its amounts.
-- judged on: the day on which a pull first saw it failed, else completed; a failed payment that completes
--   later stays on the day of its failure
-- feeds: payments, payments.changes, payments.released_at
-- products: Coupa Pay
-- source: rule R8.6

with unresolved as (
    select
        payment_lines.payment_id,
        payment_lines.document_words,
        payment_lines.amount,
        payment_lines.currency
    from payment_lines
    left join payment_lines as later
        on
            payment_lines.document_key = later.document_key
            and payment_lines.currency = later.currency
            and payment_lines.released_at < later.released_at
            and later.is_successful
    where not payment_lines.is_successful
    group by
        payment_lines.payment_id,
        payment_lines.document_key,
        payment_lines.document_words,
        payment_lines.amount,
        payment_lines.currency
    having coalesce(sum(abs(later.amount)), 0) < abs(payment_lines.amount) - $tolerance
),

missing as (
    select
        payment_id,
        string_agg(
            money(amount, currency) || ' for ' || document_words, ', '
            order by document_words
        ) as words
    from unresolved
    group by payment_id
)

select
    released_payments.amount,
    released_payments.currency,
    released_payments.legal_entity,
    cast(null as json) as detail,
    'payment:' || released_payments.id as key,
    coalesce(released_payments.failed_on, released_payments.succeeded_on) as judged_on,
    missing.payment_id is not null as offending,
    'payment ' || released_payments.id
    || case released_payments.status
        when 'cancelled' then ' was cancelled: '
        when 'completed_with_errors' then ' completed with errors: '
        else ' failed and is ' || replace(released_payments.status, '_', ' ') || ': '
    end || missing.words || ', no later success' as words
from released_payments
left join missing on released_payments.id = missing.payment_id
where released_payments.final_on is not null
