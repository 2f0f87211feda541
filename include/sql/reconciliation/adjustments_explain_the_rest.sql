-- check: adjustments_explain_the_rest
-- number: 3
-- title: Adjustments explain the rest
-- definition: What a payment's detail pays is its transaction total less the discount and less or plus the
--   adjustment. Coupa does not document the adjustment's sign, so either explains the rest; a part of a
--   document paid is a difference too. Reported, never failing.
-- judged on: final, or overdue where that was earlier
-- feeds: payments, payments.changes
-- products: Coupa Pay
-- reported: true
-- source: rule R8.3

with differences as (
    select
        payment_id,
        id,
        source_transaction_reference,
        payment_total,
        transaction_total,
        transaction_total - coalesce(discount_total, 0) - payment_total as rest,
        coalesce(adjustment_total, 0) as adjustment
    from payment_details
),

unexplained as (
    select
        payment_id,
        sum(rest) as rest,
        string_agg(
            coalesce(source_transaction_reference, id) || ' pays ' || money(payment_total, '') || ' of '
            || money(transaction_total, '') || ', unexplained ' || money(rest, ''),
            '; '
            order by id
        ) as words
    from differences
    where abs(rest - adjustment) > $tolerance and abs(rest + adjustment) > $tolerance
    group by payment_id
)

select
    released_payments.judged_on,
    released_payments.amount,
    released_payments.currency,
    released_payments.legal_entity,
    'payment:' || released_payments.id as key,
    unexplained.payment_id is not null as offending,
    'payment '
    || released_payments.id
    || ' ('
    || released_payments.currency
    || '): '
    || unexplained.words as words,
    case
        when unexplained.payment_id is not null
            then json_object('unexplained', cast(unexplained.rest as varchar))
    end as detail
from released_payments
left join unexplained on released_payments.id = unexplained.payment_id
where released_payments.judged_on is not null
