-- metric: on_contract_spend_share
-- title: On-contract spend
-- definition: Lines of approved invoices with a contract on the line, its invoice or its order line ÷ all
--   lines of approved invoices. The main number counts lines; the row of each currency is the share of its
--   spend, which is what the leaders report. Credit notes and lines without a positive amount are left out.
-- unit: share
-- denominator: lines (or their amount, per currency) of approved invoices
-- business date: creation of the invoice
-- source: Coupa benchmark "on-contract spend"
-- feeds: invoices, invoices.contract_id, invoices.invoice_lines.contract_id, purchase_orders
-- views: billed_lines, spend_share_by_span

with lines as (  -- noqa: ST03
    select
        created_at,
        currency_code,
        total,
        is_on_contract as counts
    from billed_lines
)

select
    span,
    dimension,
    n,
    numerator,
    denominator
from spend_share_by_span(lines)
