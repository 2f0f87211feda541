-- metric: licensed_user_share
-- title: Licensed users who are active
-- definition: Active people with a licence who did in the span what that licence is for ÷ active people with
--   it, per licence: purchasing (requisitions, orders, receipts and approvals of requisitions), invoicing
--   (invoices entered or approved), expense (reports submitted or approved). The main number takes any of
--   the three. Sourcing, contracts, inventory and analytics licences leave no trace in these records and
--   are not measured.
-- unit: share
-- denominator: active people who hold the licence at the end of the week
-- business date: submission, creation, receipt or approval
-- source: Gainsight's "usage indicator ÷ licensed users"
-- feeds: users, users.created_at, users.api_user, users.invoicing_user, requisitions.requested_by_id,
--   requisitions.pending, purchase_orders.created_by_id, purchase_orders.pending, invoices.created_by_id,
--   invoices.pending; optional: approvals, receipts.transaction_date, receipts.created_by_id,
--   expense_reports.expensed_by_id, expense_reports.pending
-- views: people, user_activity

with kinds as (
    select
        people.id as user_id,
        unnest(['purchasing', 'invoicing', 'expense']) as licence,
        unnest([people.purchasing_user, people.invoicing_user, people.expense_user]) as is_held
    from people
    cross join engagement
    where people.active and people.created_at < engagement.week_end
),

licensed as (
    select
        user_id,
        licence
    from kinds
    where is_held
),

acts as (
    select distinct
        spans.span,
        licensed.licence,
        licensed.user_id
    from user_activity
    inner join licensed
        on user_activity.user_id = licensed.user_id and user_activity.licence = licensed.licence
    inner join spans on user_activity.acted_at >= spans.starts_at and user_activity.acted_at < spans.ends_at
)

select
    spans.span,
    '' as dimension,
    count(distinct licensed.user_id) as n,
    count(distinct acts.user_id) as numerator,
    count(distinct licensed.user_id) as denominator
from spans
left join licensed on true
left join acts
    on spans.span = acts.span and licensed.user_id = acts.user_id and licensed.licence = acts.licence
group by spans.span
union all
select
    spans.span,
    'licence/' || licensed.licence as dimension,
    count(*) as n,
    count(acts.user_id) as numerator,
    count(*) as denominator
from spans
cross join licensed
left join acts
    on spans.span = acts.span and licensed.user_id = acts.user_id and licensed.licence = acts.licence
group by spans.span, licensed.licence
