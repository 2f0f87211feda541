-- table: books
-- number: 12
-- definition: Documents as the roll-forward keeps them: payable is what each was booked with, signed, before
--   its total was corrected; is_in_books: whether it was ever owed.

with corrected as (
    select
        document_key,
        sum(amount) as amount
    from document_corrections
    group by document_key
)

select
    documents.key,
    documents.legal_entity,
    documents.currency,
    documents.words,
    documents.status,
    documents.is_credit_note,
    documents.sign,
    documents.booked_on,
    documents.ended_on,
    (documents.size - coalesce(corrected.amount, 0)) * documents.sign as payable,
    coalesce(documents.ended_on >= documents.booked_on, documents.booked_on is not null)
        as is_in_books
from documents
left join corrected on documents.key = corrected.document_key
