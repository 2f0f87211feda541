-- check: no_duplicates
-- number: 8
-- title: No duplicates
-- definition: No two invoices of one supplier carry the same number (case and outer spaces aside), currency
--   and amount, leaving out what was voided, rejected, abandoned, cancelled, found invalid, or credited in
--   full by a credit note that names the number. The later of two is the duplicate. Suppliers are told apart
--   by instance.
-- judged on: creation
-- feeds: invoices, invoices.pending
-- advisory: true
-- source: rule R8.8

with numbered as (
    select
        invoices.id,
        invoices.supplier_id,
        invoices.supplier_name,
        invoices.invoice_number,
        invoices.created_at,
        invoices.currency_code,
        upper(trim(invoices.invoice_number)) as number,
        upper(trim(invoices.original_invoice_number)) as credited_number,
        abs(invoices.total_with_taxes) as amount,
        coalesce(invoices.account_type_legal_entity_name, '') as legal_entity,
        coalesce(invoices.is_credit_note, false) or invoices.document_type = 'Credit Note' as is_credit_note,
        invoices.status not in ('voided', 'rejected', 'abandoned', 'invalid')
        and not coalesce(invoices.canceled, false) as is_standing
    from invoices
),

credited as (
    select
        supplier_id,
        credited_number,
        currency_code,
        sum(amount) as amount
    from numbered
    where is_credit_note and is_standing and credited_number is not null
    group by supplier_id, credited_number, currency_code
),

standing as (
    select
        numbered.*,
        numbered.is_standing and numbered.amount > coalesce(credited.amount, 0) as counts
    from numbered
    left join credited
        on
            numbered.supplier_id = credited.supplier_id
            and numbered.number = credited.credited_number
            and numbered.currency_code = credited.currency_code
    where not numbered.is_credit_note
),

ordered as (
    select
        *,
        count(*) filter (where counts) over same_invoice as earlier,
        first_value(id) over (
            partition by supplier_id, number, currency_code, amount
            order by counts desc, created_at asc, id asc
        ) as first_id
    from standing
    window
        same_invoice as (
            partition by supplier_id, number, currency_code, amount
            order by created_at, id
            rows between unbounded preceding and 1 preceding
        )
)

select
    amount,
    currency_code as currency,
    legal_entity,
    cast(null as json) as detail,
    'invoice:' || id as key,
    local_date(created_at) as judged_on,
    counts and earlier > 0 and supplier_id is not null as offending,
    case
        when counts and earlier > 0 and supplier_id is not null
            then
                'invoice ' || invoice_number || ' of ' || coalesce(supplier_name, 'supplier ' || supplier_id)
                || ' over '
                || money(amount, currency_code)
                || ' is there twice: '
                || first_id
                || ' and '
                || id
    end as words
from ordered
