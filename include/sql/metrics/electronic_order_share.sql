-- metric: electronic_order_share
-- title: Electronic purchase orders
-- definition: Orders transmitted by cXML, XML or bought online ÷ orders transmitted in any way, failures
--   included. Whether e-mail counts is the policy's choice for the main number; both ways stand beside it.
--   Orders born outside Coupa, drafts, cancelled and held ones are left out. Waiting: orders created by the
--   end of the week and not transmitted yet.
-- unit: share
-- denominator: orders that were transmitted, or failed to be
-- business date: creation of the order
-- source: Coupa benchmark "electronic PO processing"
-- feeds: purchase_orders, purchase_orders.changes
-- waiting: purchase_orders.pending, purchase_orders.changes
-- parameters: email_is_electronic

with policy as (
    select $email_is_electronic as email_counts
),

orders as (
    select
        created_at,
        transmission_status in ('sent_via_cxml', 'sent_via_xml', 'purchased_online') as is_digital,
        transmission_status = 'sent_via_email' as is_email,
        coalesce(
            transmission_status in (
                'sent_via_cxml',
                'sent_via_xml',
                'purchased_online',
                'sent_via_email',
                'sent_manually',
                'transmission_failure'
            ),
            false
        ) as is_transmitted
    from purchase_orders
    where
        status in ('issued', 'closed', 'exported', 'expensed', 'error')
        and coalesce(type, '') <> 'ExternalOrderHeader'
),

summary as (
    select
        spans.span,
        count(orders.created_at) as transmitted,
        count(*) filter (where orders.is_digital) as without_email,
        count(*) filter (where orders.is_digital or orders.is_email) as with_email
    from spans
    left join orders
        on
            orders.is_transmitted
            and spans.starts_at <= orders.created_at
            and spans.ends_at > orders.created_at
    group by spans.span
),

waiting as (
    select
        count(*) as waiting,
        min(orders.created_at) as waiting_since
    from orders
    cross join engagement
    where not orders.is_transmitted and orders.created_at < engagement.week_end
)

select
    summary.span,
    summary.transmitted as n,
    summary.transmitted as denominator,
    waiting.waiting,
    waiting.waiting_since,
    unnest(['', 'email_counted', 'email_not_counted']) as dimension,
    unnest([
        case when policy.email_counts then summary.with_email else summary.without_email end,
        summary.with_email,
        summary.without_email
    ]) as numerator
from summary
cross join waiting
cross join policy
