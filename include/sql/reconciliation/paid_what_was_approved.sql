-- check: paid_what_was_approved
-- number: 1
-- title: Paid what was approved
-- definition: A payment offends when a document it pays is not approved, was voided before the release, was
--   not pulled, or when what was released for that document up to this payment, and the credits on it, exceed
--   the payable: the payment released last is the one too many. Failed payments do not count. An approved
--   document that is paid through Coupa Pay offends when it is still unpaid after its due date (or its
--   approval or the end of its hold, where later), the next scheduled payment run and
--   $late_after_business_days business days; it is listed only if nothing was released for it in time. On
--   hold, disputed, or with the supplier on hold: listed apart, never offending. Expense reports are
--   documents like invoices.
-- judged on: payments: final, or overdue where that was earlier. Documents: the last day on which they were
--   not late. Neither moves when the payment completes or the document is paid later; then the row no longer
--   offends.
-- feeds: invoices, invoices.changes, payments, payments.changes, payments.released_at; optional:
--   expense_reports, suppliers
-- products: Coupa Pay
-- source: rule R8.1

with credited as (
    select
        document_key,
        sum(amount) filter (where category = 'credit') as credits,
        sum(amount) as amount
    from document_adjustments
    group by document_key
),

standing as (
    select
        payment_lines.payment_id,
        payment_lines.kind,
        payment_lines.document_words,
        payment_lines.released_on,
        documents.key,
        documents.words,
        documents.status,
        documents.approved_on,
        documents.ended_on,
        documents.size,
        documents.currency,
        payment_lines.currency = documents.currency as is_comparable,
        coalesce(credited.credits, 0) as credits,
        sum(abs(payment_lines.amount)) over (
            partition by payment_lines.document_key
            order by payment_lines.released_at, payment_lines.payment_id rows unbounded preceding
        ) as released
    from payment_lines
    left join documents on payment_lines.document_key = documents.key
    left join credited on payment_lines.document_key = credited.document_key
    where not payment_lines.is_failed
),

faults as (
    select
        payment_id,
        case
            when kind = 'other' then null
            when kind = 'unnamed' then 'it names no document that it pays'
            when key is null then document_words || ' is not among the records pulled'
            when approved_on is null then words || ' is not approved (' || status || ')'
            when ended_on < released_on then words || ' was ' || status || ' before, on ' || ended_on
            when is_comparable and released + credits > size + $tolerance
                then
                    words || ' was payable with ' || money(size, currency) || ' and has '
                    || money(released, currency) || ' released'
                    || case
                        when credits <> 0 then ' and ' || money(credits, currency) || ' credited' else ''
                    end
        end as fault
    from standing
),

judged_payments as (
    select
        payment_id,
        string_agg(fault, '; ' order by fault) as fault
    from faults
    group by payment_id
),

released as (
    select
        document_key,
        sum(abs(amount)) filter (where not is_failed) as amount
    from payment_lines
    group by document_key
),

shown as (
    select
        document_key,
        sum(abs(amount)) as amount
    from document_entries
    where category = 'payment'
    group by document_key
),

due as (
    select
        documents.*,
        greatest(
            documents.due_on,
            documents.approved_on,
            case when not documents.is_held then documents.held_on end
        ) as payable_from
    from documents
    where
        documents.via_coupa_pay
        and not documents.is_credit_note
        and documents.size > 0
        and documents.due_on is not null
        and documents.approved_on is not null
),

scheduled as (
    select
        *,
        coalesce(
            payable_from
            + cast((cast($payment_run_weekday as integer) - isodow(payable_from) + 7) % 7 as integer),
            list_min(list_filter(
                list_transform(
                    flatten(list_transform(
                        cast($payment_run_days_of_month as integer[]),
                        lambda d: [
                            least(
                                last_day(payable_from),
                                cast(date_trunc('month', payable_from) as date) + d - 1
                            ),
                            least(last_day(last_day(payable_from) + 1), last_day(payable_from) + d)
                        ]
                    )),
                    lambda d: cast(d as date)
                ),
                lambda d: d >= payable_from
            ))
        ) as run_on
    from due
),

dated as (
    select
        *,
        add_business_days(run_on, $late_after_business_days) as late_on
    from scheduled
),

released_in_time as (
    select
        dated.key,
        sum(abs(payment_lines.amount)) as amount
    from dated
    inner join payment_lines on dated.key = payment_lines.document_key
    where payment_lines.released_on <= dated.late_on
    group by dated.key
),

shown_in_time as (
    select
        dated.key,
        sum(abs(document_entries.amount)) as amount
    from dated
    inner join document_entries on dated.key = document_entries.document_key
    where document_entries.category = 'payment' and document_entries.entered_on <= dated.late_on
    group by dated.key
),

outstanding as (
    select
        dated.*,
        coalesce(suppliers.on_hold, false) as is_supplier_held,
        dated.size - coalesce(credited.amount, 0)
        - greatest(coalesce(released.amount, 0), coalesce(shown.amount, 0)) as open_amount,
        dated.size - coalesce(credited.amount, 0)
        - greatest(coalesce(released_in_time.amount, 0), coalesce(shown_in_time.amount, 0)) as open_in_time
    from dated
    left join released on dated.key = released.document_key
    left join shown on dated.key = shown.document_key
    left join released_in_time on dated.key = released_in_time.key
    left join shown_in_time on dated.key = shown_in_time.key
    left join credited on dated.key = credited.document_key
    left join suppliers on dated.supplier_id = suppliers.id
),

late as (
    select
        outstanding.*,
        case
            when outstanding.is_paid or outstanding.ended_on is not null then false
            when outstanding.open_amount <= $tolerance then false
            else true
        end as is_open,
        case
            when outstanding.is_held then replace(outstanding.status, '_', ' ')
            when outstanding.is_supplier_held then 'supplier on hold'
        end as apart
    from outstanding
    cross join engagement
    where
        outstanding.late_on < local_date(engagement.observed_at)
        and outstanding.open_in_time > $tolerance
        and coalesce(outstanding.paid_on > outstanding.late_on, true)
        and coalesce(outstanding.ended_on > outstanding.late_on, true)
)

select
    'payment:' || released_payments.id as key,
    released_payments.judged_on,
    judged_payments.fault is not null as offending,
    released_payments.amount,
    released_payments.currency,
    released_payments.legal_entity,
    case
        when judged_payments.fault is not null
            then
                'payment ' || released_payments.id || ' of '
                || money(released_payments.amount, released_payments.currency)
                || ': '
                || judged_payments.fault
    end as words,
    cast(null as json) as detail
from released_payments
inner join judged_payments on released_payments.id = judged_payments.payment_id
where not released_payments.is_failed and released_payments.judged_on is not null
union all
select
    key,
    late_on as judged_on,
    is_open and apart is null as offending,
    case when is_open then open_amount else size end as amount,
    currency,
    legal_entity,
    case
        when is_open and apart is null
            then
                words || ' is unpaid: ' || money(open_amount, currency) || ', due ' || due_on
                || ', payment run ' || run_on || ', late after ' || late_on
        when
            is_open
            then
                words || ' is unpaid: ' || money(open_amount, currency) || ', due ' || due_on || ', ' || apart
    end as words,
    case when is_open and apart is not null then json_object('apart', apart) end as detail
from late
