-- view: people
-- holds: users who are persons of the customer: no API, support or supplier users

select
    id,
    created_at,
    active,
    purchasing_user,
    expense_user,
    invoicing_user
from users
where
    not coalesce(api_user, false) and not coalesce(support_user, false) and not coalesce(supplier_user, false)
