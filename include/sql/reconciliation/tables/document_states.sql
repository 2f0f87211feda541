-- table: document_states
-- number: 4
-- definition: The states in which pulls saw invoices, credit notes and expense reports, a row each time that
--   one changed into another, in the order of number. since, last_seen: the record's own `updated_at` when a
--   pull first and last saw it so. size: what the document is about as its total told then, always positive.

select
    'invoice:' || invoice_id as key,
    number,
    since,
    last_seen,
    paid as is_paid,
    abs(total_with_taxes) as size,
    status in ('approved', 'payable_adjustment') as is_approved,
    status in ('on_hold', 'ap_hold', 'booking_hold', 'disputed') as is_held,
    status in ('voided', 'rejected', 'abandoned', 'invalid') or coalesce(canceled, false) as is_ended
from invoice_history
union all
select
    'expense_report:' || expense_report_id as key,
    number,
    since,
    last_seen,
    coalesce(paid, false) or status = 'paid' as is_paid,
    abs(coalesce(reimbursable_total_amount, total)) as size,
    status in (
        'approved', 'accounting_review', 'approved_for_payment', 'scheduled_for_payment', 'paid'
    ) as is_approved,
    status in ('accounting_review', 'pending_info') as is_held,
    status in ('rejected', 'voided') as is_ended
from expense_report_history
