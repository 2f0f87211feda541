-- check: both_sides_agree
-- number: 4
-- title: Both sides agree
-- definition: What documents show as paid is what completed payments paid. A completed payment offends when a
--   document it pays does not show it, or is covered by it and not marked paid, or is marked paid with less.
--   A payment that a document shows offends when no Coupa Pay payment that did not fail backs it. A paid mark
--   without amounts offends when payments come to less; a document voided although it was paid offends. For
--   documents that are not paid through Coupa Pay, and without Coupa Pay, the document's own payments are
--   compared with its total and its paid mark. A document not pulled, or not approved, is the matter of check
--   1.
-- judged on: completed payments: first seen completed. Payments that documents show: their date, or that of
--   their entry where later. Paid marks: first seen. Voids: first seen, or the completion of the payment
--   where later. None moves when the other side follows.
-- feeds: invoices, invoices.changes; with Coupa Pay: payments, payments.changes; optional: expense_reports
-- source: rule R8.4

with entries as (
    select
        documents.key,
        document_entries.entry_id,
        coalesce(document_entries.entered_on, documents.approved_on, documents.paid_on) as entered_on,
        abs(document_entries.amount) * case
            when documents.is_credit_note or document_entries.amount >= 0 then 1 else -1
        end as amount
    from document_entries
    inner join documents on document_entries.document_key = documents.key
    where document_entries.category = 'payment' and document_entries.amount <> 0
),

shown as (
    select
        *,
        sum(amount) over (partition by key order by entered_on, entry_id rows unbounded preceding) as running
    from entries
),

adjusted as (
    select
        document_key,
        sum(amount) as amount
    from document_adjustments
    group by document_key
),

payable as (
    select
        documents.*,
        documents.size - coalesce(adjusted.amount, 0) as capacity
    from documents
    left join adjusted on documents.key = adjusted.document_key
),

coverage as (
    select
        shown.key,
        sum(shown.amount) as shown,
        min(shown.entered_on) filter (where shown.running >= payable.capacity - $tolerance) as covered_on
    from shown
    inner join payable on shown.key = payable.key
    group by shown.key
),

sides as (
    select
        payable.*,
        coverage.shown,
        coverage.covered_on
    from payable
    left join coverage on payable.key = coverage.key
),

completed as (
    select
        documents.key,
        payment_lines.payment_id,
        payment_lines.succeeded_on,
        payment_lines.currency,
        documents.currency as document_currency,
        documents.words,
        abs(payment_lines.amount) as amount,
        sum(abs(payment_lines.amount)) over (partition by documents.key) as total,
        row_number() over (
            partition by documents.key order by payment_lines.succeeded_on desc, payment_lines.payment_id desc
        ) as from_last
    from payment_lines
    inner join documents on payment_lines.document_key = documents.key
    where payment_lines.is_successful and payment_lines.amount <> 0
),

line_faults as (
    select
        completed.payment_id,
        case
            when completed.currency <> completed.document_currency
                then completed.words || ' is in ' || completed.document_currency
            when not document_payments.is_shown
                then
                    completed.words || case
                        when document_payments.comparison = 'mark' and sides.is_paid
                            then
                                ' needed no more than '
                                || money(document_payments.capacity, completed.currency)
                        when document_payments.comparison = 'mark' then ' is not marked paid'
                        else ' does not show it'
                    end
            when sides.shown is not null and completed.from_last = 1 and sides.ended_on is null
                then case
                    when not sides.is_paid and completed.total >= sides.capacity - $tolerance
                        then completed.words || ' is covered and not marked paid'
                    when sides.is_paid and sides.shown < sides.capacity - $tolerance
                        then
                            completed.words
                            || ' is marked paid and shows '
                            || money(sides.shown, sides.currency)
                            || ' of ' || money(sides.capacity, sides.currency)
                end
        end as fault
    from completed
    inner join sides on completed.key = sides.key
    left join document_payments
        on
            completed.key = document_payments.document_key
            and completed.payment_id = document_payments.payment_id
),

payment_faults as (
    select
        payment_id,
        string_agg(fault, '; ' order by fault) as fault
    from line_faults
    group by payment_id
),

unbacked as (
    select
        document_key,
        entry_id,
        amount
    from document_payments
    where is_shown and not is_backed
),

entry_faults as (
    select
        shown.entry_id,
        shown.entered_on,
        shown.amount,
        sides.currency,
        sides.legal_entity,
        sides.words,
        case
            when unbacked.entry_id is not null then 'no Coupa Pay payment backs it'
            when not sides.via_coupa_pay and shown.running > sides.capacity + $tolerance
                then
                    'that makes ' || money(shown.running, sides.currency) || ' of '
                    || money(sides.capacity, sides.currency)
        end as fault
    from shown
    inner join sides on shown.key = sides.key
    left join unbacked on shown.key = unbacked.document_key and shown.entry_id = unbacked.entry_id
),

paid_in_time as (
    select
        sides.key,
        coalesce(sum(completed.amount) filter (where completed.succeeded_on <= sides.paid_on), 0) as amount
    from sides
    left join completed on sides.key = completed.key
    group by sides.key
),

mark_faults as (
    select
        sides.key,
        sides.paid_on as marked_on,
        sides.capacity as amount,
        sides.currency,
        sides.legal_entity,
        case
            when unbacked.amount is not null
                then
                    sides.words || ' is marked paid, of ' || money(sides.capacity, sides.currency)
                    || ' Coupa Pay payments lack ' || money(unbacked.amount, sides.currency)
        end as fault
    from sides
    inner join paid_in_time on sides.key = paid_in_time.key
    left join unbacked on sides.key = unbacked.document_key and unbacked.entry_id is null
    where
        sides.via_coupa_pay
        and sides.is_paid
        and sides.shown is null
        and paid_in_time.amount < sides.capacity - $tolerance
    union all
    select
        key,
        least(covered_on, paid_on) as marked_on,
        capacity as amount,
        currency,
        legal_entity,
        case
            when is_paid and shown < capacity - $tolerance
                then
                    words || ' is marked paid and shows ' || money(shown, currency) || ' of '
                    || money(capacity, currency)
            when not is_paid and ended_on is null and covered_on is not null
                then words || ' shows ' || money(shown, currency) || ' paid and is not marked paid'
        end as fault
    from sides
    where not via_coupa_pay and shown is not null and least(covered_on, paid_on) is not null
),

voided as (
    select
        sides.key,
        sides.words,
        sides.status,
        sides.currency,
        sides.legal_entity,
        sum(completed.amount) as amount,
        greatest(sides.ended_on, max(completed.succeeded_on)) as judged_on
    from sides
    inner join completed on sides.key = completed.key
    where sides.ended_on is not null
    group by sides.key, sides.words, sides.status, sides.currency, sides.legal_entity, sides.ended_on
)

select
    'payment:' || released_payments.id as key,
    released_payments.succeeded_on as judged_on,
    payment_faults.fault is not null as offending,
    released_payments.amount,
    released_payments.currency,
    released_payments.legal_entity,
    'payment '
    || released_payments.id
    || ' of '
    || money(released_payments.amount, released_payments.currency)
    || ' completed on ' || released_payments.succeeded_on || ': ' || payment_faults.fault as words,
    cast(null as json) as detail
from released_payments
left join payment_faults on released_payments.id = payment_faults.payment_id
where released_payments.is_successful
union all
select
    'invoice_payment:' || entry_id as key,
    entered_on as judged_on,
    fault is not null as offending,
    amount,
    currency,
    legal_entity,
    words || ' shows ' || money(amount, currency) || ' paid on ' || entered_on || ': ' || fault as words,
    cast(null as json) as detail
from entry_faults
union all
select
    key,
    marked_on as judged_on,
    fault is not null as offending,
    amount,
    currency,
    legal_entity,
    fault as words,
    cast(null as json) as detail
from mark_faults
union all
select
    key || ':ended' as key,
    judged_on,
    true as offending,
    amount,
    currency,
    legal_entity,
    words || ' is ' || status || ' although ' || money(amount, currency) || ' was paid on it' as words,
    cast(null as json) as detail
from voided
