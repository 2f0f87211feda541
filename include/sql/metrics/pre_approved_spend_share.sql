-- metric: pre_approved_spend_share
-- title: Pre-approved spend
-- definition: Lines of approved invoices whose order was created no later than the invoice's date ÷ all
--   lines of approved invoices. The main number counts lines; the row of each currency is the share of its
--   spend, which is what the leaders report. Credit notes and lines without a positive amount are left out.
--   An order that was not pulled does not count as placed before.
-- unit: share
-- denominator: lines (or their amount, per currency) of approved invoices
-- business date: creation of the invoice
-- source: Coupa benchmark "pre-approved spend"
-- feeds: invoices, purchase_orders
-- views: billed_lines, spend_share_by_span

with lines as (  -- noqa: ST03
    select
        created_at,
        currency_code,
        total,
        is_ordered_before as counts
    from billed_lines
)

select
    span,
    dimension,
    n,
    numerator,
    denominator
from spend_share_by_span(lines)
