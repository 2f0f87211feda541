-- view: user_activity
-- holds: who did what and when: user_id, acted_at, part, and the licence that it needs; orders made from a
--   requisition carry its requester and say nothing about a buyer

select
    requested_by_id as user_id,
    submitted_at as acted_at,
    'requester' as part,
    'purchasing' as licence
from requisitions
union all
select
    created_by_id as user_id,
    created_at as acted_at,
    'buyer' as part,
    'purchasing' as licence
from purchase_orders
where requisition_header_id is null
union all
select
    created_by_id as user_id,
    transaction_date as acted_at,
    'receiver' as part,
    'purchasing' as licence
from receipts
union all
select
    created_by_id as user_id,
    created_at as acted_at,
    'invoice_entry' as part,
    'invoicing' as licence
from invoices
union all
select
    expensed_by_id as user_id,
    submitted_at as acted_at,
    'expense_submitter' as part,
    'expense' as licence
from expense_reports
union all
select
    coalesce(approved_by_id, case when approver_type = 'User' then approver_id end) as user_id,
    approval_date as acted_at,
    'approver' as part,
    case approvable_type
        when 'RequisitionHeader' then 'purchasing'
        when 'InvoiceHeader' then 'invoicing'
        when 'ExpenseReport' then 'expense'
    end as licence
from approvals
where status in ('approved', 'rejected')
