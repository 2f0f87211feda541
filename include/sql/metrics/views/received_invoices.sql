-- view: received_invoices
-- holds: invoices that the customer received: no credit notes, none that is still a supplier's draft,
--   voided, abandoned or invalid

select
    id,
    created_at,
    status,
    invoice_number,
    invoice_date,
    net_due_date,
    paid,
    channel,
    tolerance_failures,
    supplier_id,
    currency_code,
    total_with_taxes
from invoices
where
    status not in ('draft', 'voided', 'abandoned', 'invalid')
    and not coalesce(is_credit_note, false)
    and coalesce(document_type, '') <> 'Credit Note'
