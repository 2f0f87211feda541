-- table: week_facts
-- number: 8
-- definition: One row about the week, apart from the checks. settled_runs: payment batches of which the last
--   payment became final in the week (a payment without a batch is its own); without Coupa Pay, days of the
--   week on which the ERP's payments are shown on documents: each stands for a run. activity: anything was
--   released, in flight beyond its days, or due and unpaid at the week's end; for documents that are not paid
--   through Coupa Pay a payment shown in the week stands for a release. first_payment_released and
--   first_invoice_exported: whenever that was.

with runs as (
    select
        coalesce(payment_batch_id, id) as run,
        max(final_on) as settled_on
    from released_payments
    group by run
    having count(*) = count(final_on)
),

settled as (
    select
        document_payments.document_key,
        sum(document_payments.amount) as amount
    from document_payments
    cross join engagement
    where coalesce(document_payments.settled_on, document_payments.shown_on) <= engagement.week_sunday
    group by document_payments.document_key
),

adjusted as (
    select
        document_adjustments.document_key,
        sum(document_adjustments.amount) as amount
    from document_adjustments
    cross join engagement
    where document_adjustments.entered_on <= engagement.week_sunday
    group by document_adjustments.document_key
),

due as (
    select documents.key
    from documents
    cross join engagement
    left join settled on documents.key = settled.document_key
    left join adjusted on documents.key = adjusted.document_key
    where
        not documents.is_credit_note
        and documents.approved_on <= engagement.week_sunday
        and documents.due_on <= engagement.week_sunday
        and coalesce(documents.ended_on > engagement.week_sunday, true)
        and documents.size - coalesce(settled.amount, 0) - coalesce(adjusted.amount, 0) > $tolerance
),

settlements as (
    select
        settled_on,
        run
    from runs
    union all
    select distinct
        document_payments.shown_on as settled_on,
        'payments of ' || document_payments.shown_on as run
    from document_payments
    cross join engagement
    where document_payments.comparison = 'own' and not engagement.has_coupa_pay
),

counted_runs as (
    select count(*) as settled_runs
    from settlements
    cross join engagement
    where settlements.settled_on between engagement.week_monday and engagement.week_sunday
),

active_payments as (
    select count(*) as active
    from released_payments
    cross join engagement
    where
        released_payments.released_on between engagement.week_monday and engagement.week_sunday
        or (
            released_payments.deadline <= engagement.week_sunday
            and coalesce(released_payments.final_on > engagement.week_sunday, true)
        )
),

shown_payments as (
    select count(*) as shown
    from document_payments
    cross join engagement
    where
        document_payments.comparison = 'own'
        and document_payments.shown_on between engagement.week_monday and engagement.week_sunday
)

select
    counted_runs.settled_runs,
    active_payments.active > 0 or shown_payments.shown > 0 or exists (select 1 from due) as activity,
    (select min(released_payments.released_on) from released_payments) as first_payment_released,
    (
        select min(coalesce(local_date(documents.last_exported_at), documents.approved_on)) from documents
        where
            documents.is_exported
            and documents.approved_on is not null
            and starts_with(documents.key, 'invoice:')
    ) as first_invoice_exported
from counted_runs
cross join active_payments
cross join shown_payments
