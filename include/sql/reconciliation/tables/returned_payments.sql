-- table: returned_payments
-- number: 11
-- definition: Money on documents by payments that ended with errors or were cancelled: one row per payment
--   and document. returned_on: of one that had completed, the day it came back. entry_id, is_shown: what the
--   document still shows of it, by equal amounts, though no payment backs that any more; the paid mark has
--   no entry_id.

with failed as (
    select
        documents.key,
        payment_lines.payment_id,
        payment_lines.succeeded_on,
        payment_lines.returned_on,
        payment_lines.failed_on,
        case when documents.is_credit_note then abs(payment_lines.amount) else payment_lines.amount end
            as amount
    from payment_lines
    inner join
        documents
        on payment_lines.document_key = documents.key and payment_lines.currency = documents.currency
    where payment_lines.is_failed and payment_lines.amount <> 0
),

ranked as (
    select
        *,
        row_number() over (partition by key, amount order by failed_on desc, payment_id asc) as rank
    from failed
),

unbacked as (
    select
        document_key,
        entry_id,
        amount,
        row_number() over (partition by document_key, amount order by shown_on desc, entry_id asc) as rank
    from document_payments
    where is_shown and not is_backed
)

select
    ranked.key as document_key,
    ranked.payment_id,
    ranked.amount,
    ranked.failed_on,
    ranked.succeeded_on,
    ranked.returned_on,
    unbacked.entry_id,
    unbacked.document_key is not null as is_shown
from ranked
left join unbacked
    on
        ranked.key = unbacked.document_key
        and ranked.amount = unbacked.amount
        and ranked.rank = unbacked.rank
