-- check: roll_forward
-- number: 10
-- title: Roll-forward
-- definition: Per legal entity and currency: opening approved-unpaid + approved − paid − voided and credited
--   ± adjustments = closing; the difference must be 0.00 and is never summed over currencies. Opening and
--   closing are read from the documents alone: what is approved and not voided, less what each shows as
--   settled before that midnight. Paid is read from the completed Coupa Pay payments. So a payment that no
--   document shows, one that pays what is not approved, was voided or was not pulled, and a settlement that
--   no payment backs keep it from closing, and are named. What both sides agree on is dated by the payment. A
--   payment of a document approved later counts with its approval; one that came back is taken back on the
--   day that a pull first saw so, and a total corrected while it is owed adjusts it: weeks that were judged
--   before stay as they were, and each opens as the one before closed. Credit notes are negative documents
--   from their approval on; a credit applied lowers both. For documents that are not paid through Coupa Pay,
--   and without Coupa Pay, paid is read from the documents' own payments: that is weaker and compares them
--   with their paid marks only. Payments of orders and external payables stand apart. Expense reports are
--   part of it. Every row that differs stands in the detail, also where others make up for it.
-- judged on: the week's Sunday, one row per legal entity and currency; the key names the week
-- feeds: invoices, invoices.changes; with Coupa Pay: payments, payments.changes; optional: expense_reports
-- source: rule R8.10

with bounds as (
    select
        week,
        week_monday as first_day,
        week_sunday as last_day
    from engagement
),

money_sums as (
    select
        movements.key,
        coalesce(sum(movements.amount) filter (
            where movements.is_shown and movements.effective_on < bounds.first_day
        ), 0) as shown_before,
        coalesce(sum(movements.amount) filter (
            where movements.is_shown and movements.effective_on <= bounds.last_day
        ), 0) as shown_through,
        coalesce(sum(movements.amount) filter (
            where movements.is_shown and movements.effective_on <= movements.ended_on
        ), 0) as shown_until_end,
        coalesce(sum(movements.amount) filter (
            where movements.is_backed and movements.effective_on between bounds.first_day and bounds.last_day
        ), 0) as paid
    from money_movements as movements
    cross join bounds
    where not movements.is_in_flight
    group by movements.key
),

other_sums as (
    select
        movements.key,
        coalesce(sum(movements.amount) filter (where movements.effective_on < bounds.first_day), 0)
            as settled_before,
        coalesce(sum(movements.amount) filter (where movements.effective_on <= bounds.last_day), 0)
            as settled_through,
        coalesce(sum(movements.amount), 0) as until_end,
        coalesce(sum(movements.amount) filter (
            where
            movements.category = 'credit'
            and movements.effective_on between bounds.first_day and bounds.last_day
        ), 0) as credited,
        coalesce(sum(movements.amount) filter (
            where
            movements.category <> 'credit'
            and movements.effective_on between bounds.first_day and bounds.last_day
        ), 0) as adjusted
    from other_movements as movements
    cross join bounds
    where coalesce(movements.effective_on <= movements.ended_on, true)
    group by movements.key
),

document_components as (
    select
        books.key,
        books.legal_entity,
        books.currency,
        case
            when
                books.is_in_books
                and books.booked_on < bounds.first_day
                and coalesce(books.ended_on >= bounds.first_day, true)
                then
                    books.payable
                    - coalesce(money_sums.shown_before, 0)
                    - coalesce(other_sums.settled_before, 0)
            else 0
        end as opening,
        case
            when
                books.is_in_books
                and not books.is_credit_note
                and books.booked_on between bounds.first_day and bounds.last_day
                then books.payable
            else 0
        end as approved,
        coalesce(money_sums.paid, 0) as paid,
        case
            when books.is_in_books and books.ended_on between bounds.first_day and bounds.last_day
                then
                    books.payable
                    - coalesce(money_sums.shown_until_end, 0)
                    - coalesce(other_sums.until_end, 0)
            else 0
        end as voided,
        coalesce(other_sums.credited, 0) - case
            when
                books.is_in_books
                and books.is_credit_note
                and books.booked_on between bounds.first_day and bounds.last_day
                then books.payable
            else 0
        end as credited,
        coalesce(other_sums.adjusted, 0) as adjusted,
        case
            when
                books.is_in_books
                and books.booked_on <= bounds.last_day
                and coalesce(books.ended_on > bounds.last_day, true)
                then
                    books.payable
                    - coalesce(money_sums.shown_through, 0)
                    - coalesce(other_sums.settled_through, 0)
            else 0
        end as closing
    from books
    left join money_sums on books.key = money_sums.key
    left join other_sums on books.key = other_sums.key
    cross join bounds
),

strangers as (
    select
        payment_lines.payment_id,
        payment_lines.legal_entity,
        payment_lines.currency,
        payment_lines.amount,
        payment_lines.document_words,
        payment_lines.succeeded_on,
        books.words,
        books.currency as document_currency
    from payment_lines
    left join books on payment_lines.document_key = books.key
    cross join bounds
    where
        payment_lines.is_successful
        and payment_lines.kind <> 'other'
        and payment_lines.amount <> 0
        and coalesce(books.currency <> payment_lines.currency, true)
        and payment_lines.succeeded_on between bounds.first_day and bounds.last_day
),

components as (
    select
        key,
        legal_entity,
        currency,
        opening,
        approved,
        paid,
        voided,
        credited,
        adjusted,
        closing
    from document_components
    union all
    select
        'payment:' || payment_id as key,
        legal_entity,
        currency,
        0 as opening,
        0 as approved,
        amount as paid,
        0 as voided,
        0 as credited,
        0 as adjusted,
        0 as closing
    from strangers
),

differences as (
    select
        *,
        closing - (opening + approved - paid - voided - credited - adjusted) as difference
    from components
),

payment_reasons as (
    select
        movements.key,
        string_agg(
            case
                when not movements.is_backed
                    then
                        books.words || ' shows ' || money(movements.amount, books.currency)
                        || ' paid that no completed payment backs'
                else
                    case when movements.is_return then 'the return of payment ' else 'payment ' end
                    || movements.payment_id
                    || ' of '
                    || money(abs(movements.amount), books.currency)
                    || case
                        when not movements.is_in_books
                            then ' pays ' || books.words || ', which is not approved (' || books.status || ')'
                        when movements.effective_on > movements.ended_on
                            then
                                ' pays '
                                || books.words
                                || ', which was '
                                || books.status
                                || ' on '
                                || movements.ended_on
                        else ' is not shown on ' || books.words
                    end
            end,
            '; '
            order by movements.payment_id, movements.amount
        ) as words
    from money_movements as movements
    inner join books on movements.key = books.key
    cross join bounds
    where
        not movements.is_in_flight
        and movements.effective_on between bounds.first_day and bounds.last_day
        and (
            movements.is_shown <> movements.is_backed
            or not movements.is_in_books
            or coalesce(movements.effective_on > movements.ended_on, false)
        )
    group by movements.key
),

reasons as (
    select
        key,
        words
    from payment_reasons
    union all
    select
        'payment:' || payment_id as key,
        string_agg(
            'payment ' || payment_id || ' of ' || money(amount, currency) || ' pays ' || coalesce(
                words || ', which is in ' || document_currency,
                document_words || case
                    when document_words like 'a document%' then '' else
                        ', which is not among the records pulled'
                end
            ),
            '; '
            order by amount
        ) as words
    from strangers
    group by payment_id
),

named as (
    select
        differences.legal_entity,
        differences.currency,
        differences.key,
        differences.difference,
        coalesce(reasons.words, differences.key) as words,
        row_number() over (
            partition by differences.legal_entity, differences.currency
            order by abs(differences.difference) desc, differences.key
        ) as rank,
        count(*) over (partition by differences.legal_entity, differences.currency) as rows_in_all
    from differences
    left join reasons on differences.key = reasons.key
    where round(differences.difference, 2) <> 0
),

listed as (
    select
        legal_entity,
        currency,
        string_agg(words, '; ' order by rank) filter (where rank <= $named_rows)
        || case
            when max(rows_in_all) > $named_rows then '; and ' || (max(rows_in_all) - $named_rows) || ' more'
            else ''
        end as words,
        list(
            json_object('key', key, 'difference', cast(difference as varchar), 'words', words)
            order by rank
        ) as named_rows
    from named
    group by legal_entity, currency
),

rolled as (
    select
        legal_entity,
        currency,
        sum(opening) as opening,
        sum(approved) as approved,
        sum(paid) as paid,
        sum(voided) as voided,
        sum(credited) as credited,
        sum(adjusted) as adjusted,
        sum(closing) as closing,
        sum(difference) as difference
    from differences
    where
        opening <> 0
        or approved <> 0
        or paid <> 0
        or voided <> 0
        or credited <> 0
        or adjusted <> 0
        or closing <> 0
    group by legal_entity, currency
)

select
    bounds.last_day as judged_on,
    rolled.currency,
    rolled.legal_entity,
    'roll_forward:' || bounds.week || ':' || rolled.legal_entity || ':' || rolled.currency as key,
    round(rolled.difference, 2) <> 0 as offending,
    abs(rolled.difference) as amount,
    case
        when round(rolled.difference, 2) <> 0
            then
                coalesce(nullif(rolled.legal_entity, ''), 'no legal entity') || ' does not close by '
                || money(rolled.difference, rolled.currency) || ': ' || coalesce(listed.words, '')
    end as words,
    json_object(
        'opening', cast(rolled.opening as varchar),
        'approved', cast(rolled.approved as varchar),
        'paid', cast(rolled.paid as varchar),
        'voided', cast(rolled.voided as varchar),
        'credited', cast(rolled.credited as varchar),
        'adjusted', cast(rolled.adjusted as varchar),
        'closing', cast(rolled.closing as varchar),
        'difference', cast(rolled.difference as varchar),
        'rows', coalesce(listed.named_rows, [])
    ) as detail
from rolled
cross join bounds
left join listed on rolled.legal_entity = listed.legal_entity and rolled.currency = listed.currency
