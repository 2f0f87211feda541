-- check: erp_leg
-- number: 7
-- title: ERP leg
-- definition: The ERP took over what Coupa settled. With exported_flag: every completed payment and every
--   approved invoice is marked exported. With integration_runs: an outbound run for the kind of record (or
--   one that names no kind) succeeded on that day or later, and no error of that record is unresolved. Each
--   has $erp_leg_business_days business days. An invoice that was voided before its export need not be
--   exported.
-- judged on: the last of those days after completion or approval; it stays there when the export comes later
-- feeds: invoices, invoices.changes; with Coupa Pay: payments, payments.changes; with integration_runs:
--   integration_runs; optional with integration_runs: integration_errors
-- erp legs: exported_flag, integration_runs
-- source: rule R8.7

with runs as (
    select
        integration_business_object as business_object,
        start_time,
        unnest(['payment', 'invoice']) as kind,
        unnest(['%payment%', '%invoice%']) as pattern
    from integration_runs
    where status = 'successful' and coalesce(integration_direction, 'from_coupa') = 'from_coupa'
),

last_runs as (
    select
        kind,
        max(start_time) as started_at
    from runs
    where business_object is null or business_object ilike pattern
    group by kind
),

errors as (
    select case document_type when 'InvoiceHeader' then 'invoice:' else 'payment:' end || document_id as key
    from integration_errors
    where not coalesce(resolved, false) and document_type in ('InvoiceHeader', 'CoupaPay::Payment')
),

records as (
    select
        'payment' as kind,
        'payment:' || id as key,
        'payment ' || id as words,
        succeeded_on as settled_on,
        'completed' as settled,
        coalesce(exported, false) as is_exported,
        amount,
        currency,
        legal_entity
    from released_payments
    where is_successful
    union all
    select
        'invoice' as kind,
        key,
        words,
        approved_on as settled_on,
        'approved' as settled,
        is_exported,
        size as amount,
        currency,
        legal_entity
    from documents
    where starts_with(key, 'invoice:') and approved_on is not null and (is_exported or ended_on is null)
),

judged as (
    select
        records.*,
        add_business_days(records.settled_on, $erp_leg_business_days) as judged_on,
        local_date(engagement.observed_at) as observed_on,
        case
            when
                engagement.erp_leg = 'exported_flag' and not records.is_exported
                then 'is not marked exported'
            when engagement.erp_leg = 'integration_runs' and records.key in (select errors.key from errors)
                then 'has an unresolved integration error'
            when
                engagement.erp_leg = 'integration_runs'
                and coalesce(local_date(last_runs.started_at) < records.settled_on, true)
                then 'has no successful integration run after it'
        end as fault
    from records
    cross join engagement
    left join last_runs on records.kind = last_runs.kind
)

select
    key,
    judged_on,
    amount,
    currency,
    legal_entity,
    cast(null as json) as detail,
    fault is not null as offending,
    words
    || ' of '
    || money(amount, currency)
    || ', '
    || settled
    || ' '
    || settled_on
    || ', '
    || fault as words
from judged
where judged_on < observed_on
