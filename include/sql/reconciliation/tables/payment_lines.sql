-- table: payment_lines
-- number: 2
-- definition: What each released payment pays: one row per payment and document, the payment's details
--   summed. kind: invoice, expense_report, other (orders and external payables, of which no approval is
--   pulled; expense reports too where the instance shows none) or unnamed. amount: the money; discount and
--   adjustment: what the payment says it settles beyond the money, the adjustment with the sign by which the
--   detail adds up.

with details as (
    select
        payment_id,
        source_transaction_id,
        source_transaction_reference,
        coalesce(payment_total, 0) as payment_total,
        coalesce(discount_total, 0) as discount_total,
        coalesce(adjustment_total, 0) as adjustment_total,
        coalesce(transaction_total - payment_total, 0) as withheld,
        coalesce(source_transaction_type, case
            when payable_type in ('CoupaPay::Invoice', 'Payables::Invoice') then 'InvoiceHeader'
            when payable_type = 'Payables::Expense' then 'ExpenseReport'
            else payable_type
        end) as source_type
    from payment_details
),

named as (
    select
        *,
        case
            when source_type is null or source_transaction_id is null then 'unnamed'
            when source_type = 'InvoiceHeader' then 'invoice'
            when source_type ilike 'Expense%' and exists (select 1 from expense_reports) then 'expense_report'
            else 'other'
        end as kind
    from details
),

lines as (
    select
        payment_id,
        kind,
        case
            when kind = 'other' then source_type || ':' || source_transaction_id
            when kind <> 'unnamed' then kind || ':' || source_transaction_id
        end as document_key,
        max(source_transaction_reference) as reference,
        sum(payment_total) as amount,
        sum(discount_total) as discount,
        sum(
            case
                when abs(withheld - discount_total) = abs(adjustment_total) then withheld - discount_total
                else 0
            end
        ) as adjustment
    from named
    group by payment_id, kind, document_key
    union all
    select
        released_payments.id as payment_id,
        'unnamed' as kind,
        null as document_key,
        null as reference,
        released_payments.amount,
        0 as discount,
        0 as adjustment
    from released_payments
    where released_payments.id not in (select payment_details.payment_id from payment_details)
)

select
    lines.payment_id,
    lines.kind,
    lines.document_key,
    lines.reference,
    lines.amount,
    lines.discount,
    lines.adjustment,
    released_payments.currency,
    released_payments.legal_entity,
    released_payments.is_successful,
    released_payments.is_failed,
    released_payments.released_at,
    released_payments.released_on,
    released_payments.succeeded_on,
    released_payments.returned_on,
    released_payments.failed_on,
    coalesce(
        lines.kind || ' ' || coalesce(lines.reference, split_part(lines.document_key, ':', -1)),
        'a document that it does not name'
    ) as document_words
from lines
inner join released_payments on lines.payment_id = released_payments.id
