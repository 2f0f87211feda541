-- metric: expense_approval_time
-- title: Expense report approval time
-- definition: From the submission of an expense report to its last approval. The main number is the median
--   in business hours of the customer's calendar; elapsed_* are hours by the clock. Rejected reports and
--   those that nobody had to approve are left out. Waiting: submitted reports with an undecided step at the
--   end of the week.
-- unit: hours
-- denominator: expense reports whose last approval falls into the span
-- business date: last approval
-- source: Coupa benchmark "expense report approval cycle time"
-- feeds: expense_reports, expense_reports.expense_approvals, expense_reports.pending
-- views: hours_by_span

with steps as (
    select
        expense_report_id,
        max(approval_date) filter (where status = 'approved') as last_approved_at,
        bool_or(status not in ('approved', 'rejected', 'skipped')) as has_open_step
    from expense_approvals
    group by expense_report_id
),

cases as (  -- noqa: ST03
    select
        expense_reports.submitted_at as started_at,
        steps.has_open_step as is_open,
        case when not steps.has_open_step then steps.last_approved_at end as ended_at
    from steps
    inner join expense_reports on steps.expense_report_id = expense_reports.id
    where expense_reports.submitted_at is not null and expense_reports.status not in ('draft', 'rejected')
)

select
    span,
    dimension,
    figure,
    n,
    waiting,
    waiting_since
from hours_by_span(cases)
