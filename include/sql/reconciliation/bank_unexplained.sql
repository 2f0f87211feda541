-- check: bank_unexplained
-- number: 12
-- title: Booked without a payment
-- definition: Debits on bank statements that look like payments and are none that Coupa Pay released, and
--   credits that bring back another amount than the payment that they name. Customers pay from the same
--   accounts by other ways too, so this is reported, never failing.
-- judged on: the booking date
-- feeds: where given: bank_statements, bank_entries; payments
-- products: Coupa Pay
-- reported: true
-- source: rule R8.11

select
    booked_on as judged_on,
    true as offending,
    amount,
    currency,
    '' as legal_entity,
    words,
    cast(null as json) as detail,
    'bank_entry:' || entry_id as key
from bank_unexplained
