-- table: documents
-- number: 5
-- definition: Invoices, credit notes and expense reports as payables. approved_on: the last approval of a
--   document that is approved, or was and is now held, disputed or voided; without any approval step, the day
--   on which a pull first saw it approved; null when it is not approved. booked_on: since when it is owed,
--   until it ends: the approval, or where a pull saw it wait or held after that, the day on which one first
--   saw it approved; it stays when the approval is repeated. ended_on: first seen voided,
--   cancelled, rejected or abandoned. paid_on: first seen marked paid. size: what it is about, always
--   positive; sign: -1 for credit notes. The size is the total with taxes, or the amount due where that is
--   lower for another reason than being paid (withheld taxes; some tenants lower it with each payment
--   instead). An expense report belongs to the legal entity of its lines, the first by name where they
--   differ. via_coupa_pay: Coupa Pay is where its payment is looked for: bought, and its channel names it, or
--   no such document of the instance has a channel, or a payment exists. shows_payments: its instance writes
--   payments on invoices at all; where it does not, the paid mark is all there is to compare with.

with steps as (
    select
        'invoice:' || invoice_id as key,
        approval_date
    from invoice_approvals
    where status = 'approved'
    union all
    select
        'expense_report:' || expense_report_id as key,
        approval_date
    from expense_approvals
    where status = 'approved'
    union all
    select
        case approvable_type
            when 'InvoiceHeader' then 'invoice:'
            else 'expense_report:'
        end || approvable_id as key,
        approval_date
    from approvals
    where approvable_type in ('InvoiceHeader', 'ExpenseReport') and status = 'approved'
),

last_steps as (
    select
        key,
        max(approval_date) as approved_at
    from steps
    group by key
),

seen as (
    select
        key,
        min(since) filter (where is_approved) as approved_at,
        min(since) filter (where is_ended) as ended_at,
        min(since) filter (where is_paid) as paid_at,
        max(last_seen) filter (where is_held) as held_at
    from document_states
    group by key
),

ended as (
    select
        key,
        max(number) filter (where is_ended) as last_number,
        max(number) as newest
    from document_states
    group by key
),

entering as (
    select
        document_states.key,
        min(document_states.number) filter (where document_states.is_approved) as number,
        min(document_states.since) filter (where document_states.is_approved) as seen_at
    from document_states
    inner join ended on document_states.key = ended.key
    where
        ended.last_number is null
        or ended.last_number = ended.newest
        or document_states.number > ended.last_number
    group by document_states.key
),

waited as (
    select
        document_states.key,
        max(document_states.last_seen) as waited_until
    from document_states
    inner join entering on document_states.key = entering.key
    where
        not document_states.is_approved
        and not document_states.is_ended
        and coalesce(document_states.number < entering.number, true)
    group by document_states.key
),

entities as (
    select
        expense_report_id,
        min(account_account_type_legal_entity_name) as legal_entity
    from expense_lines
    group by expense_report_id
),

plain as (
    select
        'invoice' as kind,
        'invoice:' || id as key,
        id,
        instance,
        status,
        supplier_id,
        payment_channel,
        paid as is_paid,
        net_due_date as due_on,
        currency_code as currency,
        created_at,
        coalesce(exported, false) as is_exported,
        last_exported_at,
        coalesce(is_credit_note, false) or document_type = 'Credit Note' as is_credit_note,
        case when is_credit_note or document_type = 'Credit Note' then 'credit note ' else 'invoice ' end
        || invoice_number as words,
        coalesce(account_type_legal_entity_name, account_type_name, '') as legal_entity,
        abs(coalesce(total_with_taxes, gross_total, 0)) as total,
        abs(amount_due) as due,
        status in ('approved', 'payable_adjustment') as is_approved,
        status in ('on_hold', 'ap_hold', 'booking_hold', 'disputed') as is_held,
        status in ('voided', 'rejected', 'abandoned', 'invalid') or coalesce(canceled, false) as is_ended
    from invoices
    union all
    select
        'expense_report' as kind,
        'expense_report:' || expense_reports.id as key,
        expense_reports.id,
        expense_reports.instance,
        expense_reports.status,
        null as supplier_id,
        expense_reports.payment_channel,
        coalesce(expense_reports.paid, false) or expense_reports.status = 'paid' as is_paid,
        expense_reports.report_due_date as due_on,
        coalesce(expense_reports.currency_code, '') as currency,
        expense_reports.created_at,
        coalesce(expense_reports.exported, false) as is_exported,
        null as last_exported_at,
        false as is_credit_note,
        'expense report ' || expense_reports.id as words,
        coalesce(entities.legal_entity, '') as legal_entity,
        abs(coalesce(expense_reports.reimbursable_total_amount, expense_reports.total, 0)) as total,
        null as due,
        expense_reports.status in (
            'approved', 'approved_for_payment', 'scheduled_for_payment', 'paid'
        ) as is_approved,
        expense_reports.status in ('accounting_review', 'pending_info') as is_held,
        expense_reports.status in ('rejected', 'voided') as is_ended
    from expense_reports
    left join entities on expense_reports.id = entities.expense_report_id
),

partly_due as (
    select key
    from plain
    where due > 0 and due < total
),

settled as (
    select
        document_entries.document_key as key,
        sum(document_entries.amount) as shown
    from document_entries
    inner join partly_due on document_entries.document_key = partly_due.key
    group by document_entries.document_key
),

lined as (
    select
        payment_lines.document_key as key,
        sum(payment_lines.amount) filter (where payment_lines.is_successful) as completed
    from payment_lines
    inner join partly_due on payment_lines.document_key = partly_due.key
    group by payment_lines.document_key
),

channels as (
    select
        instance,
        kind,
        bool_or(coalesce(payment_channel, '') <> '') as are_named
    from plain
    group by instance, kind
),

dated as (
    select
        plain.*,
        settled.shown,
        lined.completed,
        seen.held_at,
        channels.are_named as names_channels,
        case
            when plain.is_approved then coalesce(last_steps.approved_at, seen.approved_at, plain.created_at)
            when (plain.is_held or plain.is_ended) and seen.approved_at is not null
                then coalesce(last_steps.approved_at, seen.approved_at)
            when plain.status = 'voided' then last_steps.approved_at
        end as approved_at,
        case
            when waited.waited_until >= last_steps.approved_at then entering.seen_at
            when plain.is_approved or entering.seen_at is not null
                then coalesce(least(last_steps.approved_at, entering.seen_at), plain.created_at)
            when plain.status = 'voided' then last_steps.approved_at
        end as booked_at,
        case when plain.is_ended then seen.ended_at end as ended_at,
        case when plain.is_paid then seen.paid_at end as paid_at
    from plain
    inner join channels on plain.instance = channels.instance and plain.kind = channels.kind
    left join last_steps on plain.key = last_steps.key
    left join seen on plain.key = seen.key
    left join entering on plain.key = entering.key
    left join waited on plain.key = waited.key
    left join settled on plain.key = settled.key
    left join lined on plain.key = lined.key
)

select
    dated.key,
    dated.id,
    dated.status,
    dated.words,
    dated.legal_entity,
    dated.currency,
    dated.is_paid,
    dated.is_held,
    dated.is_exported,
    dated.is_credit_note,
    dated.due_on,
    dated.supplier_id,
    dated.last_exported_at,
    dated.total,
    case when dated.is_credit_note then -1 else 1 end as sign,
    case
        when dated.due is null or dated.due = 0 or dated.due >= dated.total then dated.total
        when abs(dated.due + abs(dated.shown) - dated.total) <= $tolerance then dated.total
        when abs(dated.due + abs(dated.completed) - dated.total) <= $tolerance then dated.total
        else dated.due
    end as size,
    local_date(dated.approved_at) as approved_on,
    local_date(dated.booked_at) as booked_on,
    local_date(dated.ended_at) as ended_on,
    local_date(dated.paid_at) as paid_on,
    local_date(dated.held_at) as held_on,
    engagement.has_coupa_pay and (
        not dated.names_channels
        or dated.payment_channel ilike '%coupa%pay%'
        or dated.key in (
            select payment_lines.document_key from payment_lines
            where payment_lines.document_key is not null
        )
    ) as via_coupa_pay,
    dated.instance in (select invoice_payments.instance from invoice_payments)
    and dated.kind = 'invoice' as shows_payments
from dated
cross join engagement
