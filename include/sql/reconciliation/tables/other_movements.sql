-- table: other_movements
-- number: 14
-- definition: What moves documents of the books without money, signed, positive lowers: credits, adjustments,
--   and corrections of their total.

with settlements as (
    select
        document_key as key,
        category,
        amount,
        entered_on
    from document_adjustments
    union all
    select
        document_key as key,
        'correction' as category,
        -amount as amount,
        corrected_on as entered_on
    from document_corrections
)

select
    settlements.key,
    settlements.category,
    books.ended_on,
    settlements.amount * books.sign as amount,
    greatest(settlements.entered_on, books.booked_on) as effective_on
from settlements
inner join books on settlements.key = books.key
where books.is_in_books
