-- table: released_payments
-- number: 1
-- definition: Every Coupa Pay payment that was released, with the dates by which checks place it into a week.
--   Payments carry no date of their end, so it is the record's `updated_at` when a pull first saw the final
--   status (`payment_history`): a later change of the record, such as its export, does not move it, and a
--   payment that a pull saw in flight never ends before that pull. failed_on: first seen completed with
--   errors or cancelled; succeeded_on: first seen completed; final_on: the earlier of the two. returned_on:
--   of one that failed, first seen so after its completion. deadline:
--   release (or the day on which the bank was asked to execute, where that is later) plus the business days
--   of the method; a method that is not told counts as ACH. judged_on: final_on or the deadline, whichever
--   came first; null while in flight within its days.

with seen as (
    select
        payment_id,
        min(since) filter (where status in ('completed_with_errors', 'cancelled')) as failed_at,
        min(since) filter (where status = 'completed_successfully') as succeeded_at
    from payment_history
    group by payment_id
),

undone as (
    select
        payment_history.payment_id,
        min(payment_history.since) as returned_at
    from payment_history
    inner join seen on payment_history.payment_id = seen.payment_id
    where
        payment_history.status in ('completed_with_errors', 'cancelled')
        and payment_history.since > seen.succeeded_at
    group by payment_history.payment_id
),

methods as (
    select
        id,
        case
            when pay_from_account_account_kind = 'virtual_card' then $virtual_card_business_days
            when pay_from_account_payment_option = 'digital_check' then $digital_check_business_days
            when lower(transfer_type) like '%wire%' then $wire_business_days
            when lower(transfer_type) like '%sepa%' then $sepa_business_days
            else $ach_business_days
        end as business_days
    from payments
),

dated as (
    select
        payments.id,
        payments.payment_batch_id,
        payments.status,
        payments.released_at,
        payments.exported,
        methods.business_days,
        payments.pay_to_total as amount,
        payments.pay_to_currency_code as currency,
        coalesce(payments.legal_entity_name, '') as legal_entity,
        payments.status = 'completed_successfully' as is_successful,
        payments.status in ('completed_with_errors', 'cancelled') as is_failed,
        local_date(coalesce(payments.released_at, payments.created_at)) as released_on,
        greatest(
            local_date(coalesce(payments.released_at, payments.created_at)), payments.requested_execution_date
        ) as starts_on,
        local_date(seen.failed_at) as failed_on,
        local_date(seen.succeeded_at) as succeeded_on,
        case
            when payments.status in ('completed_with_errors', 'cancelled') then local_date(undone.returned_at)
        end as returned_on,
        local_date(engagement.observed_at) as observed_on
    from payments
    inner join methods on payments.id = methods.id
    inner join seen on payments.id = seen.payment_id
    left join undone on payments.id = undone.payment_id
    cross join engagement
    where
        payments.released_at is not null
        or payments.status in ('completed_successfully', 'completed_with_errors')
),

timed as (
    select
        *,
        least(failed_on, succeeded_on) as final_on,
        coalesce(
            add_business_days(starts_on, business_days), starts_on + cast(business_days as integer)
        ) as deadline
    from dated
)

select
    id,
    payment_batch_id,
    status,
    released_at,
    exported,
    business_days,
    amount,
    currency,
    legal_entity,
    is_successful,
    is_failed,
    released_on,
    failed_on,
    succeeded_on,
    returned_on,
    final_on,
    deadline,
    case when final_on is not null or deadline < observed_on then least(final_on, deadline) end as judged_on
from timed
