-- metric: supplier_enablement_share
-- title: Supplier enablement
-- definition: Of the suppliers on the engagement's target list (by number or name), or where there is none
--   of suppliers with spend in the span (an issued order or a received invoice): how many are enabled (main
--   number), and of the enabled how many transact. Enabled: active, not on hold, takes orders by cXML, XML
--   or online buying (by e-mail where the policy says so) and may send invoices by the supplier portal or
--   cXML; a proxy, since the portal link itself is not told. Transacting: an electronic order or an
--   electronic invoice in the span. spend/* is the enabled suppliers' part of the received invoices, per
--   currency.
-- unit: share
-- denominator: targeted suppliers, or suppliers with spend where no target list exists; the detail says
--   which
-- business date: creation of the order or invoice
-- source: this product's own, after SAP Ariba's separate enablement and transacting status
-- feeds: suppliers, suppliers.po_method, suppliers.allow_inv_from_connect, suppliers.on_hold,
--   purchase_orders, purchase_orders.changes, invoices, invoices.pending, invoices.channel
-- parameters: email_is_electronic, electronic_channels
-- views: received_invoices

with policy as (
    select
        $email_is_electronic as email_counts,
        cast($electronic_channels as varchar[]) as electronic_channels
),

known as (
    select
        suppliers.id,
        suppliers.status = 'active'
        and not coalesce(suppliers.on_hold, false)
        and (
            coalesce(suppliers.po_method, '') in ('cxml', 'xml', 'buy_online')
            or (suppliers.po_method = 'email' and policy.email_counts)
        )
        and (
            coalesce(suppliers.allow_inv_from_connect, false)
            or coalesce(suppliers.allow_cxml_invoicing, false)
        )
            as is_enabled
    from suppliers
    cross join policy
),

targets as (
    select distinct coalesce(suppliers.id, supplier_targets.supplier) as supplier_id
    from supplier_targets
    left join suppliers
        on
            supplier_targets.supplier = suppliers.number
            or lower(trim(supplier_targets.supplier)) = lower(trim(suppliers.name))
),

documents as (
    select
        purchase_orders.supplier_id,
        purchase_orders.created_at,
        null as currency_code,
        0 as total,
        coalesce(purchase_orders.transmission_status, '') in (
            'sent_via_cxml', 'sent_via_xml', 'purchased_online'
        )
        or (
            coalesce(purchase_orders.transmission_status, '') = 'sent_via_email' and policy.email_counts
        ) as is_electronic
    from purchase_orders
    cross join policy
    where purchase_orders.status in ('issued', 'closed', 'exported', 'expensed')
    union all
    select
        received_invoices.supplier_id,
        received_invoices.created_at,
        received_invoices.currency_code,
        received_invoices.total_with_taxes as total,
        coalesce(list_contains(policy.electronic_channels, lower(trim(received_invoices.channel))), false)
            as is_electronic
    from received_invoices
    cross join policy
    where received_invoices.status <> 'rejected'
),

dealings as (
    select
        spans.span,
        documents.supplier_id,
        documents.currency_code,
        sum(documents.total) as total,
        bool_or(documents.is_electronic) as is_electronic
    from documents
    inner join spans on documents.created_at >= spans.starts_at and documents.created_at < spans.ends_at
    where documents.supplier_id is not null
    group by spans.span, documents.supplier_id, documents.currency_code
),

with_spend as (
    select
        span,
        supplier_id,
        bool_or(is_electronic) as is_transacting
    from dealings
    group by span, supplier_id
),

judged as (
    select
        spans.span,
        targets.supplier_id
    from spans
    cross join targets
    union all
    select
        with_spend.span,
        with_spend.supplier_id
    from with_spend
    where not exists (select 1 from targets)
),

states as (
    select
        judged.span,
        judged.supplier_id,
        coalesce(known.is_enabled, false) as is_enabled,
        coalesce(known.is_enabled and with_spend.is_transacting, false) as is_transacting
    from judged
    left join known on judged.supplier_id = known.id
    left join with_spend on judged.span = with_spend.span and judged.supplier_id = with_spend.supplier_id
),

summary as (
    select
        spans.span,
        count(states.supplier_id) as suppliers,
        count(*) filter (where states.is_enabled) as enabled,
        count(*) filter (where states.is_transacting) as transacting
    from spans
    left join states on spans.span = states.span
    group by spans.span
),

basis as (
    select case when count(*) > 0 then 'of targeted suppliers' else 'of suppliers with spend' end as words
    from targets
)

select
    summary.span,
    basis.words as detail,
    unnest(['', 'transacting']) as dimension,
    unnest([summary.suppliers, summary.enabled]) as n,
    unnest([summary.enabled, summary.transacting]) as numerator,
    unnest([summary.suppliers, summary.enabled]) as denominator
from summary
cross join basis
union all
select
    dealings.span,
    'of suppliers with spend' as detail,
    'spend/' || dealings.currency_code as dimension,
    count(*) as n,
    coalesce(sum(greatest(dealings.total, 0)) filter (where known.is_enabled), 0) as numerator,
    sum(greatest(dealings.total, 0)) as denominator
from dealings
left join known on dealings.supplier_id = known.id
where dealings.currency_code is not null
group by dealings.span, dealings.currency_code
