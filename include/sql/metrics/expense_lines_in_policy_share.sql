-- metric: expense_lines_in_policy_share
-- title: Expense lines within policy
-- definition: Expense lines that are not over their limit and carry no violation ÷ expense lines of
--   submitted reports. Violations that name no line count in the detail only. Drafts and rejected reports
--   are left out.
-- unit: share
-- denominator: lines of submitted expense reports
-- business date: submission of the report
-- source: Coupa benchmark "expense report lines within policy"
-- feeds: expense_reports, expense_reports.pending, expense_reports.expense_lines.over_limit,
--   expense_reports.expense_violations

with violated as (
    select distinct violator_id
    from expense_violations
    where violator_id is not null
),

unplaced as (
    select expense_report_id
    from expense_violations
    where violator_id is null
    union all
    select expense_report_id
    from expense_policy_violations
),

reports as (
    select
        expense_reports.id,
        spans.span
    from expense_reports
    inner join spans
        on
            expense_reports.submitted_at >= spans.starts_at
            and expense_reports.submitted_at < spans.ends_at
    where expense_reports.status not in ('draft', 'rejected')
),

lines as (
    select
        reports.span,
        count(*) as submitted,
        count(*) filter (where not coalesce(expense_lines.over_limit, false) and violated.violator_id is null)
            as within_policy
    from reports
    inner join expense_lines on reports.id = expense_lines.expense_report_id
    left join violated on expense_lines.id = violated.violator_id
    group by reports.span
),

others as (
    select
        reports.span,
        count(*) as violations
    from reports
    inner join unplaced on reports.id = unplaced.expense_report_id
    group by reports.span
)

select
    spans.span,
    '' as dimension,
    coalesce(lines.submitted, 0) as n,
    coalesce(lines.within_policy, 0) as numerator,
    coalesce(lines.submitted, 0) as denominator,
    coalesce(others.violations || ' violations of a report as a whole', '') as detail
from spans
left join lines on spans.span = lines.span
left join others on spans.span = others.span
