-- table: money_movements
-- number: 13
-- definition: The money on each document of the books, signed, as both sides tell it: is_shown by the
--   document, is_backed by a payment. effective_on: when it counts, never before the document was booked. A
--   payment that came back stands twice: paid, and taken back on that day (is_return). Money that a document
--   goes on showing after its payment failed counts from then on, since until then the payment backed it.

with money as (
    select
        document_payments.document_key as key,
        document_payments.payment_id,
        document_payments.amount,
        document_payments.is_shown,
        document_payments.is_backed,
        false as is_return,
        case
            when document_payments.is_backed then document_payments.settled_on
            else greatest(document_payments.shown_on, returned_payments.failed_on)
        end as happened_on
    from document_payments
    left join returned_payments
        on
            document_payments.document_key = returned_payments.document_key
            and document_payments.entry_id is not distinct from returned_payments.entry_id
            and document_payments.amount = returned_payments.amount
            and returned_payments.is_shown
            and not document_payments.is_backed
    where returned_payments.returned_on is null
    union all
    select
        document_key as key,
        payment_id,
        amount,
        true as is_shown,
        true as is_backed,
        false as is_return,
        succeeded_on as happened_on
    from returned_payments
    where returned_on is not null
    union all
    select
        document_key as key,
        payment_id,
        -amount as amount,
        not is_shown as is_shown,
        true as is_backed,
        true as is_return,
        returned_on as happened_on
    from returned_payments
    where returned_on is not null
)

select
    money.key,
    money.payment_id,
    money.is_shown,
    money.is_backed,
    money.is_return,
    books.ended_on,
    books.is_in_books,
    money.amount * books.sign as amount,
    greatest(money.happened_on, books.booked_on) as effective_on,
    money.is_backed and money.happened_on is null as is_in_flight
from money
inner join books on money.key = books.key
