-- table: document_adjustments
-- number: 6
-- definition: What settled a document without money, with its category: the document's own entries
--   (discounts, credits, taxes, adjustments); where it has none of its own, the credit notes that a payment
--   which did not fail allocated to it, and the discount and adjustment that completed payments took. amount:
--   of the document's size, positive lowers it. A credit lowers both sides of it, the invoice and the credit
--   note; a credit note that has entries or payments of its own is settled by those, and one that is marked
--   paid without any was used up then. What a payment settled that came back is taken back on that day.

with own as (
    select
        document_key,
        category,
        amount,
        entered_on
    from document_entries
    where category <> 'payment'
),

allocations as (
    select
        payable_allocations.id,
        min(payable_allocations.source_transaction_from_id) as from_id,
        min(payable_allocations.source_transaction_to_id) as to_id,
        min(payable_allocations.payable_from_amount) as from_amount,
        min(payable_allocations.payable_to_amount) as to_amount,
        min(
            coalesce(local_date(payable_allocations.created_at), released_payments.released_on)
        ) as entered_on,
        min(released_payments.returned_on) as returned_on
    from payable_allocations
    inner join released_payments on payable_allocations.payment_id = released_payments.id
    where
        (not released_payments.is_failed or released_payments.returned_on is not null)
        and not regexp_matches(lower(coalesce(payable_allocations.status, '')), 'fail|reject|cancel|void')
    group by payable_allocations.id
),

moves as (
    select
        from_id,
        to_id,
        abs(from_amount) as from_amount,
        abs(to_amount) as to_amount,
        entered_on
    from allocations
    union all
    select
        from_id,
        to_id,
        -abs(from_amount) as from_amount,
        -abs(to_amount) as to_amount,
        returned_on as entered_on
    from allocations
    where returned_on is not null
),

credits as (
    select
        moves.*,
        'invoice:' || moves.from_id as from_key,
        'invoice:' || moves.to_id as to_key
    from moves
    inner join documents on 'invoice:' || moves.from_id = documents.key
    where documents.is_credit_note
),

used as (
    select
        credits.from_key as document_key,
        credits.entered_on,
        credits.from_amount as amount
    from credits
    where
        credits.from_key not in (select document_entries.document_key from document_entries)
        and credits.from_key not in (
            select payment_lines.document_key from payment_lines
            where payment_lines.document_key is not null
        )
),

used_up as (
    select
        documents.key as document_key,
        documents.paid_on as entered_on,
        documents.size - coalesce(sum(used.amount), 0) as amount
    from documents
    left join used on documents.key = used.document_key
    where
        documents.is_credit_note
        and documents.is_paid
        and documents.key not in (select document_entries.document_key from document_entries)
        and documents.key not in (
            select payment_lines.document_key from payment_lines
            where payment_lines.document_key is not null
        )
    group by documents.key, documents.paid_on, documents.size
),

taking as (
    select
        document_key,
        succeeded_on as entered_on,
        discount,
        adjustment
    from payment_lines
    where is_successful or returned_on is not null
    union all
    select
        document_key,
        returned_on as entered_on,
        -discount as discount,
        -adjustment as adjustment
    from payment_lines
    where returned_on is not null
),

taken as (
    select
        document_key,
        entered_on,
        unnest(['discount', 'adjustment']) as category,
        unnest([discount, adjustment]) as amount
    from taking
    where
        document_key not in (
            select own.document_key from own
            where own.category <> 'credit'
        )
)

select
    documents.key as document_key,
    own.category,
    own.entered_on,
    case when documents.is_credit_note then abs(own.amount) else own.amount end as amount
from own
inner join documents on own.document_key = documents.key
union all
select
    to_key as document_key,
    'credit' as category,
    entered_on,
    to_amount as amount
from credits
where
    credits.to_key not in (
        select own.document_key from own
        where own.category = 'credit'
    )
union all
select
    document_key,
    'credit' as category,
    entered_on,
    amount
from used
union all
select
    document_key,
    'credit' as category,
    entered_on,
    amount
from used_up
where amount > 0
union all
select
    document_key,
    category,
    entered_on,
    amount
from taken
where amount <> 0
