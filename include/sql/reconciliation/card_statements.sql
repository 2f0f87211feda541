-- check: card_statements
-- number: 9
-- title: Card statements
-- definition: The total and the number of lines of a card partner's statement are those of its charges.
--   Charges without a document are information.
-- judged on: the statement's date, or its creation in Coupa where that is later
-- feeds: optional: statements, charges
-- products: Coupa Pay
-- source: rule R8.9

with charged as (
    select
        statement_id,
        count(*) as line_count,
        sum(total) as total,
        count(*) filter (where coalesce(document_type, '') = '') as unbacked_lines,
        coalesce(sum(total) filter (where coalesce(document_type, '') = ''), 0) as unbacked
    from charges
    where statement_id is not null
    group by statement_id
),

compared as (
    select
        statements.id,
        statements.name,
        statements.total,
        statements.number_of_lines,
        coalesce(statements.currency_code, '') as currency,
        greatest(statements.statement_date, local_date(statements.created_at)) as judged_on,
        coalesce(charged.line_count, 0) as line_count,
        coalesce(charged.total, 0) as charged,
        coalesce(charged.unbacked_lines, 0) as unbacked_lines,
        coalesce(charged.unbacked, 0) as unbacked,
        abs(statements.total - coalesce(charged.total, 0)) > $tolerance
        or coalesce(statements.number_of_lines <> coalesce(charged.line_count, 0), false) as offending
    from statements
    left join charged on statements.id = charged.statement_id
)

select
    judged_on,
    offending,
    total as amount,
    currency,
    '' as legal_entity,
    'statement:' || id as key,
    case
        when offending
            then
                'statement ' || coalesce(name, id) || ' says ' || money(total, currency)
                || coalesce(' in ' || number_of_lines || ' lines', '')
                || ', its charges '
                || money(charged, currency)
                || ' in ' || line_count
        when unbacked_lines > 0
            then
                'statement '
                || coalesce(name, id)
                || ': '
                || unbacked_lines
                || ' charges without a document, '
                || money(unbacked, currency)
    end as words,
    case
        when unbacked_lines > 0
            then json_object('unbacked_lines', unbacked_lines, 'unbacked', cast(unbacked as varchar))
    end as detail
from compared
