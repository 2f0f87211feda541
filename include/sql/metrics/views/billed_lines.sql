-- view: billed_lines
-- holds: lines of approved invoices with a positive amount (no credit notes), and whether an order or a
--   contract stands behind them; an order that was not pulled counts as backing, but not as placed before

select
    invoice_lines.invoice_id,
    invoices.created_at,
    invoices.currency_code,
    invoice_lines.total,
    invoice_lines.order_line_id is not null
    or nullif(invoice_lines.po_number, '') is not null as is_order_backed,
    coalesce(
        local_date(purchase_orders.created_at)
        <= coalesce(invoices.invoice_date, local_date(invoices.created_at)),
        false
    ) as is_ordered_before,
    coalesce(invoice_lines.contract_id, invoices.contract_id, order_lines.contract_id) is not null
        as is_on_contract
from invoice_lines
inner join invoices on invoice_lines.invoice_id = invoices.id
left join order_lines on invoice_lines.order_line_id = order_lines.id
left join purchase_orders on order_lines.purchase_order_id = purchase_orders.id
where
    invoices.status = 'approved'
    and not coalesce(invoices.is_credit_note, false)
    and coalesce(invoices.document_type, '') <> 'Credit Note'
    and invoice_lines.total > 0
