-- metric: digital_payment_share
-- title: Invoices paid digitally
-- definition: Invoices paid by a completed Coupa Pay payment ÷ invoices paid, by count; the row of each
--   currency by amount, the rows method/* by count. Whether digital checks count is the policy's choice.
--   What was paid outside Coupa Pay counts as not digital, since nothing tells how. Credit notes, negative
--   amounts and voided invoices are left out, and so are those without a payment date.
-- unit: share
-- denominator: invoices paid (or their amount, per currency)
-- business date: payment date
-- source: Coupa benchmark "invoices paid digitally"; checks as in AFP's survey
-- feeds: invoices, invoices.changes, payments, payments.changes
-- products: Coupa Pay
-- parameters: digital_check_is_digital
-- views: paid_invoices

with policy as (
    select $digital_check_is_digital as check_counts
),

methods as (
    select
        payment_details.source_transaction_id as invoice_id,
        case
            when payments.pay_from_account_payment_option = 'digital_check' then 'digital_check'
            when nullif(payments.digital_check_check_number, '') is not null then 'digital_check'
            else coalesce(payments.pay_from_account_account_kind, 'unknown')
        end as pay_method
    from payment_details
    inner join payments on payment_details.payment_id = payments.id
    where
        payments.status = 'completed_successfully'
        and payment_details.source_transaction_type = 'InvoiceHeader'
),

chosen as (
    select
        invoice_id,
        max(pay_method) as pay_method
    from methods
    group by invoice_id
),

paid as (
    select
        spans.span,
        paid_invoices.currency_code,
        paid_invoices.total_with_taxes as total,
        coalesce(chosen.pay_method, 'outside_coupa_pay') as pay_method,
        chosen.pay_method is not null
        and chosen.pay_method <> 'unknown'
        and (chosen.pay_method <> 'digital_check' or policy.check_counts) as is_digital
    from paid_invoices
    cross join policy
    inner join spans
        on
            paid_invoices.paid_at >= spans.starts_at
            and paid_invoices.paid_at < spans.ends_at
    left join chosen on paid_invoices.id = chosen.invoice_id
),

totals as (
    select
        span,
        count(*) as invoices
    from paid
    group by span
)

select
    spans.span,
    '' as dimension,
    count(paid.total) as n,
    count(*) filter (where paid.is_digital) as numerator,
    count(paid.total) as denominator
from spans
left join paid on spans.span = paid.span
group by spans.span
union all
select
    span,
    currency_code as dimension,
    count(*) as n,
    coalesce(sum(total) filter (where is_digital), 0) as numerator,
    sum(total) as denominator
from paid
group by span, currency_code
union all
select
    paid.span,
    'method/' || paid.pay_method as dimension,
    count(*) as n,
    count(*) as numerator,
    any_value(totals.invoices) as denominator
from paid
inner join totals on paid.span = totals.span
group by paid.span, paid.pay_method
