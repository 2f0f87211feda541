-- metric: active_users
-- title: Active users
-- definition: People who did something in the span, by the part they played: requester, buyer (orders
--   without a requisition), receiver, approver, invoice_entry, expense_submitter. The main number counts
--   each person once. API, support and supplier users are no people. Coupa tells no last login, so somebody
--   who only looked is not seen.
-- unit: count
-- denominator: none
-- business date: submission, creation, receipt or approval
-- source: this product's own
-- feeds: users, users.api_user, requisitions.requested_by_id, requisitions.pending,
--   purchase_orders.created_by_id, purchase_orders.pending, invoices.created_by_id, invoices.pending;
--   optional: approvals, receipts.transaction_date, receipts.created_by_id, expense_reports.expensed_by_id,
--   expense_reports.pending
-- views: people, user_activity
-- rests on: part/requester = users.api_user, requisitions.requested_by_id, requisitions.pending
-- rests on: part/buyer = users.api_user, purchase_orders.created_by_id, purchase_orders.pending
-- rests on: part/receiver = users.api_user, receipts.transaction_date, receipts.created_by_id
-- rests on: part/approver = users.api_user, approvals
-- rests on: part/invoice_entry = users.api_user, invoices.created_by_id, invoices.pending
-- rests on: part/expense_submitter = users.api_user, expense_reports.expensed_by_id, expense_reports.pending

with parts as (
    select
        unnest(
            ['requester', 'buyer', 'receiver', 'approver', 'invoice_entry', 'expense_submitter']
        ) as part
),

acts as (
    select distinct
        spans.span,
        user_activity.part,
        user_activity.user_id
    from user_activity
    inner join people on user_activity.user_id = people.id
    inner join spans on user_activity.acted_at >= spans.starts_at and user_activity.acted_at < spans.ends_at
)

select
    spans.span,
    '' as dimension,
    count(distinct acts.user_id) as figure,
    count(distinct acts.user_id) as n
from spans
left join acts on spans.span = acts.span
group by spans.span
union all
select
    spans.span,
    'part/' || parts.part as dimension,
    count(acts.user_id) as figure,
    count(acts.user_id) as n
from spans
cross join parts
left join acts on spans.span = acts.span and parts.part = acts.part
group by spans.span, parts.part
