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
-- views: billed_lines

with lines as (
    select
        created_at,
        currency_code,
        total,
        is_on_contract as counts
    from billed_lines
),

placed as (
    select
        spans.span,
        lines.currency_code,
        lines.total,
        lines.counts
    from lines
    inner join spans on lines.created_at >= spans.starts_at and lines.created_at < spans.ends_at
)

select
    spans.span,
    '' as dimension,
    count(placed.total) as n,
    count(*) filter (where placed.counts) as numerator,
    count(placed.total) as denominator
from spans
left join placed on spans.span = placed.span
group by spans.span
union all
select
    span,
    currency_code as dimension,
    count(*) as n,
    coalesce(sum(total) filter (where counts), 0) as numerator,
    sum(total) as denominator
from placed
where currency_code is not null
group by span, currency_code
