-- check: bank_side
-- number: 11
-- title: Bank side
-- definition: A completed payment stands on a bank statement: by reference, amount and value date, alone, in
--   several bookings, or in one with others, and was not taken back (see bank_matches). It has the business
--   days of its method after its completion and $bank_match_business_days more. What no statement covers yet
--   can't be told; payments released before the statements of an account begin are judged only where they
--   were found. A payment that the bank takes back after those days, and one that failed in Coupa and was
--   booked all the same, offend too. Virtual cards are not on bank accounts (check 9).
-- judged on: the last of those days; it stays there when the booking comes later. Taken back later: that day.
--   Failed and booked: the later of both days
-- feeds: where given: bank_statements, bank_entries; payments
-- products: Coupa Pay
-- source: rule R8.11

with accounts as (
    select
        account,
        currency,
        min(covered_from) as covered_from,
        max(covered_through) as covered_through
    from bank_statements
    group by account, currency
),

coverage as (
    select
        max(covered_from) as covered_from,
        min(covered_through) as covered_through
    from accounts
),

placed as (
    select
        released_payments.id,
        released_payments.amount,
        released_payments.currency,
        released_payments.legal_entity,
        released_payments.is_successful,
        released_payments.is_failed,
        released_payments.released_on,
        released_payments.failed_on,
        released_payments.succeeded_on,
        bank_matches.state,
        bank_matches.basis,
        bank_matches.entries,
        bank_matches.booked_on,
        bank_matches.returned_on,
        bank_matches.words,
        coverage.covered_from,
        coverage.covered_through,
        local_date(engagement.observed_at) as observed_on,
        add_business_days(
            released_payments.succeeded_on, released_payments.business_days + $bank_match_business_days
        ) as deadline
    from released_payments
    inner join bank_matches on released_payments.id = bank_matches.payment_id
    cross join coverage
    cross join engagement
),

judged as (
    select
        *,
        'payment:' || id as key,
        deadline as judged_on,
        case
            when state = 'matched' or (state = 'returned' and returned_on > deadline) then false
            when state <> 'returned' and covered_through < deadline then null
            else true
        end as offending,
        'completed on ' || succeeded_on || ' and has until ' || deadline || '; ' || case
            when state <> 'returned' and covered_through < deadline
                then 'the statements end on ' || covered_through
            else words
        end as fault
    from placed
    where
        is_successful
        and deadline < observed_on
        and (state in ('matched', 'returned') or released_on >= covered_from)
    union all
    select
        *,
        'payment:' || id || ':returned' as key,
        returned_on as judged_on,
        true as offending,
        'completed on ' || succeeded_on || ' and ' || words as fault
    from placed
    where is_successful and state = 'returned' and returned_on > deadline
    union all
    select
        *,
        'payment:' || id || ':booked' as key,
        greatest(failed_on, booked_on) as judged_on,
        true as offending,
        'failed on ' || failed_on || ', and the bank booked it on ' || booked_on || ': ' || words as fault
    from placed
    where is_failed and state = 'matched'
)

select
    key,
    judged_on,
    offending,
    amount,
    currency,
    legal_entity,
    json_object(
        'payment', id,
        'completed_on', case when is_successful then cast(succeeded_on as varchar) end,
        'state', state,
        'basis', basis,
        'entries', entries
    ) as detail,
    case
        when coalesce(offending, true)
            then 'payment ' || id || ' of ' || money(amount, currency) || ' ' || fault
    end as words
from judged
