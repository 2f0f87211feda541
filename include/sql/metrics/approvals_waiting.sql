-- metric: approvals_waiting
-- title: Approvals waiting
-- definition: Approval steps whose turn it was and that nobody had decided, by the approver's role and by
--   the kind of document. A snapshot at the end of the week, the same for all spans. An approver with two
--   roles counts in both; one without a role, or who is a group, counts under the kind of approver.
-- unit: count
-- denominator: none
-- business date: creation of the approval step
-- source: this product's own
-- feeds: approvals, users.user_roles

with undecided as (
    select
        approvals.id,
        approvals.approvable_type,
        approvals.approvable_id,
        approvals.approver_id,
        approvals.approver_type,
        approvals.created_at,
        coalesce(approvals.position, 0) as turn
    from approvals
    cross join engagement
    where
        approvals.created_at < engagement.week_end
        and (
            approvals.status not in ('approved', 'rejected', 'skipped')
            or (
                approvals.status in ('approved', 'rejected')
                and approvals.approval_date >= engagement.week_end
            )
        )
),

first_turns as (
    select
        approvable_type,
        approvable_id,
        min(turn) as turn
    from undecided
    group by approvable_type, approvable_id
),

steps as (
    select
        undecided.id,
        undecided.approvable_type,
        undecided.created_at,
        undecided.approver_type,
        undecided.approver_id
    from undecided
    inner join first_turns
        on
            undecided.approvable_type = first_turns.approvable_type
            and undecided.approvable_id = first_turns.approvable_id
            and undecided.turn = first_turns.turn
),

roles as (
    select distinct
        user_id,
        name
    from user_roles
    where name is not null
),

figures as (
    select
        '' as dimension,
        count(*) as figure,
        min(created_at) as waiting_since
    from steps
    union all
    select
        'document/' || approvable_type as dimension,
        count(*) as figure,
        min(created_at) as waiting_since
    from steps
    group by approvable_type
    union all
    select
        'role/' || coalesce(roles.name, steps.approver_type, 'not told') as dimension,
        count(*) as figure,
        min(steps.created_at) as waiting_since
    from steps
    left join roles on steps.approver_id = roles.user_id and steps.approver_type = 'User'
    group by coalesce(roles.name, steps.approver_type, 'not told')
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
