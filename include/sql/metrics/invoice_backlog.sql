-- metric: invoice_backlog
-- title: Invoices not yet approved
-- definition: Received invoices that were not approved, by status and by age in calendar days since they
--   were created. A snapshot at the end of the week, the same for all spans. Credit notes, drafts,
--   rejected, voided, abandoned and invalid ones are left out; the status is that of the last version.
-- unit: count
-- denominator: none
-- business date: creation of the invoice
-- source: this product's own
-- feeds: invoices, invoices.pending
-- views: received_invoices

with pending as (
    select
        received_invoices.id,
        received_invoices.status,
        received_invoices.created_at,
        date_diff('day', local_date(received_invoices.created_at), engagement.week_sunday) as age
    from received_invoices
    cross join engagement
    where
        received_invoices.status not in ('approved', 'rejected', 'payable_adjustment')
        and received_invoices.created_at < engagement.week_end
),

figures as (
    select
        '' as dimension,
        count(*) as figure,
        min(created_at) as waiting_since
    from pending
    union all
    select
        'status/' || status as dimension,
        count(*) as figure,
        min(created_at) as waiting_since
    from pending
    group by status
    union all
    select
        'age/' || age_buckets.label as dimension,
        count(pending.id) as figure,
        min(pending.created_at) as waiting_since
    from age_buckets
    left join pending on age_buckets.from_days <= pending.age and age_buckets.through_days >= pending.age
    group by age_buckets.label
)

select
    spans.span,
    figures.dimension,
    figures.figure,
    figures.figure as n,
    figures.figure as waiting,
    figures.waiting_since
from spans
cross join figures
