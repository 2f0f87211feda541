-- metric: electronic_invoice_share
-- title: Electronic invoices
-- definition: Invoices that arrived through an electronic channel ÷ invoices received. Which channel words
--   are electronic and which are not is the policy's; invoices without a channel, or with a word that the
--   policy does not know, are left out and counted in the detail. Credit notes, drafts, voided, abandoned
--   and invalid ones are left out.
-- unit: share
-- denominator: received invoices whose channel is known
-- business date: creation of the invoice
-- source: Coupa benchmark "electronic invoice processing"; the six supplier channels of Coupa's own count
-- feeds: invoices, invoices.pending, invoices.channel
-- parameters: electronic_channels, other_channels
-- views: received_invoices

with arrived as (
    select
        spans.span,
        lower(trim(received_invoices.channel)) as channel
    from received_invoices
    inner join spans
        on received_invoices.created_at >= spans.starts_at and received_invoices.created_at < spans.ends_at
),

channels as (
    select
        span,
        channel,
        count(*) as invoices,
        coalesce(list_contains(cast($electronic_channels as varchar[]), channel), false) as is_electronic,
        coalesce(list_contains(cast($other_channels as varchar[]), channel), false) as is_other
    from arrived
    group by span, channel
)

select
    spans.span,
    '' as dimension,
    coalesce(sum(channels.invoices) filter (where channels.is_electronic or channels.is_other), 0) as n,
    coalesce(sum(channels.invoices) filter (where channels.is_electronic), 0) as numerator,
    coalesce(sum(channels.invoices) filter (where channels.is_electronic or channels.is_other), 0)
        as denominator,
    coalesce(
        'left out: '
        || string_agg(
            channels.invoices || ' ' || coalesce(channels.channel, 'without channel'),
            ', ' order by channels.channel
        )
        filter (where not channels.is_electronic and not channels.is_other),
        ''
    ) as detail
from spans
left join channels on spans.span = channels.span
group by spans.span
