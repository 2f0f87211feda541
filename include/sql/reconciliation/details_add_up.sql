-- check: details_add_up
-- number: 2
-- title: Details add up
-- definition: The payment totals of a payment's details add up to what is paid to the payee, in the payment's
--   currency.
-- judged on: final, or overdue where that was earlier
-- feeds: payments, payments.changes
-- products: Coupa Pay
-- source: rule R8.2

with details as (
    select
        payment_id,
        count(*) as line_count,
        sum(payment_total) as total
    from payment_details
    group by payment_id
),

compared as (
    select
        released_payments.*,
        coalesce(details.line_count, 0) as line_count,
        coalesce(details.total, 0) as total,
        abs(coalesce(details.total, 0) - released_payments.amount) > $tolerance as offending
    from released_payments
    left join details on released_payments.id = details.payment_id
)

select
    judged_on,
    offending,
    amount,
    currency,
    legal_entity,
    cast(null as json) as detail,
    'payment:' || id as key,
    case
        when offending
            then
                'payment '
                || id
                || ' pays '
                || money(amount, currency)
                || ', its '
                || line_count
                || ' details add up to '
                || money(total, currency)
    end as words
from compared
where judged_on is not null
