-- table: bank_payments
-- number: 9
-- definition: The released payments that can show on a bank account, as bank entries are matched with them;
--   those by virtual card are the card partner's matter (check 9). earliest and latest: the days on which
--   the bank may have booked one, from the day before its release to bank_match_business_days after the
--   business days of its method, counted from its end where that is known. own_references name it alone,
--   documents are those that it pays.

with documents_paid as (
    select
        payment_id,
        list(distinct source_transaction_reference order by source_transaction_reference) as documents
    from payment_details
    where source_transaction_reference is not null
    group by payment_id
),

references_named as (
    select
        id,
        list_filter(
            [payment_identifier, external_ref_id, digital_check_check_number],
            lambda reference: reference is not null
        ) as own_references
    from payments
)

select
    released_payments.id,
    released_payments.amount,
    released_payments.currency,
    released_payments.is_failed,
    released_payments.legal_entity,
    payments.pay_from_total as account_amount,
    references_named.own_references,
    released_payments.released_on - 1 as earliest,
    coalesce(
        add_business_days(
            released_payments.final_on, released_payments.business_days + $bank_match_business_days
        ),
        add_business_days(released_payments.deadline, $bank_match_business_days),
        released_payments.deadline
    ) as latest,
    coalesce(payments.pay_from_currency_code, '') as account_currency,
    coalesce(documents_paid.documents, []) as documents,
    coalesce(split_part(released_payments.payment_batch_id, '/', -1), '') as batch,
    coalesce(payments.pay_from_account_payment_option, '') as payment_option
from released_payments
inner join payments on released_payments.id = payments.id
inner join references_named on released_payments.id = references_named.id
left join documents_paid on released_payments.id = documents_paid.payment_id
where coalesce(payments.pay_from_account_account_kind, '') <> 'virtual_card'
