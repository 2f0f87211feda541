-- view: transactions
-- holds: every document with the date by which it belongs to a week, its currency and its amount (null where
--   its status takes it out: drafts, cancelled, rejected and voided ones)

with lines as (
    select
        purchase_order_id,
        sum(total) as total
    from order_lines
    group by purchase_order_id
)

select
    'requisitions' as feed,
    submitted_at as happened_at,
    currency_code,
    case when status not in ('draft', 'cart', 'abandoned', 'withdrawn') then total end as amount
from requisitions
union all
select
    'purchase_orders' as feed,
    purchase_orders.created_at as happened_at,
    purchase_orders.currency_code,
    case when purchase_orders.status not in ('draft', 'cancelled', 'error') then lines.total end as amount
from purchase_orders
left join lines on purchase_orders.id = lines.purchase_order_id
union all
select
    'receipts' as feed,
    transaction_date as happened_at,
    currency_code,
    total as amount
from receipts
where type like 'Receiving%' or type = 'InventoryReceipt'
union all
select
    case
        when
            coalesce(is_credit_note, false) or coalesce(document_type, '') = 'Credit Note'
            then 'credit_notes'
        else 'invoices'
    end as feed,
    created_at as happened_at,
    currency_code,
    case
        when status not in ('draft', 'voided', 'rejected', 'abandoned', 'invalid') then total_with_taxes
    end as amount
from invoices
union all
select
    'expense_reports' as feed,
    submitted_at as happened_at,
    currency_code,
    case when status not in ('draft', 'rejected') then total end as amount
from expense_reports
union all
select
    'payments' as feed,
    released_at as happened_at,
    pay_to_currency_code as currency_code,
    case when status not in ('draft', 'cancelled', 'completed_with_errors') then pay_to_total end as amount
from payments
union all
select
    'charges' as feed,
    local_midnight(charge_date) as happened_at,
    currency_code,
    total as amount
from charges
