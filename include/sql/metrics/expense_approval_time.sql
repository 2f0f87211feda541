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

with steps as (
    select
        expense_report_id,
        max(approval_date) filter (where status = 'approved') as last_approved_at,
        bool_or(status not in ('approved', 'rejected', 'skipped')) as has_open_step
    from expense_approvals
    group by expense_report_id
),

cases as (
    select
        expense_reports.submitted_at as started_at,
        steps.has_open_step as is_open,
        case when not steps.has_open_step then steps.last_approved_at end as ended_at
    from steps
    inner join expense_reports on steps.expense_report_id = expense_reports.id
    where expense_reports.submitted_at is not null and expense_reports.status not in ('draft', 'rejected')
),

measured as (
    select
        ended_at,
        cast(business_hours(started_at, ended_at) as decimal(18, 6)) as business,
        cast((epoch(ended_at) - epoch(started_at)) / 3600 as decimal(18, 6)) as elapsed
    from cases
    where ended_at >= started_at
),

summary as (
    select
        spans.span,
        cast(avg(measured.business) as decimal(18, 6)) as business_mean,
        cast(avg(measured.elapsed) as decimal(18, 6)) as elapsed_mean,
        count(measured.ended_at) as n,
        median(measured.business) as business_median,
        quantile_cont(measured.business, 0.9) as business_p90,
        median(measured.elapsed) as elapsed_median,
        quantile_cont(measured.elapsed, 0.9) as elapsed_p90
    from spans
    left join measured on spans.starts_at <= measured.ended_at and spans.ends_at > measured.ended_at
    group by spans.span
),

waiting as (
    select
        count(*) as waiting,
        min(cases.started_at) as waiting_since
    from cases
    cross join engagement
    where
        cases.started_at < engagement.week_end
        and (cases.ended_at >= engagement.week_end or cases.is_open)
)

select
    summary.span,
    summary.n,
    waiting.waiting,
    waiting.waiting_since,
    unnest(['', 'business_mean', 'business_p90', 'elapsed_median', 'elapsed_mean', 'elapsed_p90'])
        as dimension,
    unnest([
        summary.business_median,
        summary.business_mean,
        summary.business_p90,
        summary.elapsed_median,
        summary.elapsed_mean,
        summary.elapsed_p90
    ]) as figure
from summary
cross join waiting
