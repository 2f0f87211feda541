-- table: document_payments
-- number: 7
-- definition: The money on each document as both sides tell it: is_shown by the document (its payments, or
--   its paid mark where it lists none), is_backed by a Coupa Pay payment that did not fail. Rows on which
--   both agree carry the payment's date, since the document's own may be the release. Agreement is looked for
--   in the totals of a document first, then payment by payment of equal amounts. A paid mark shows the whole
--   size, so what payments come to beyond it is not shown, and what they lack of it is shown and not backed.
--   settled_on: completed; null while in flight. A document that is not paid through Coupa Pay has only its
--   own side: its payments back themselves, and the paid mark is compared with them. amount: of the
--   document's size. Payments in another currency than the document's can't be compared: not shown.

with adjusted as (
    select
        document_key,
        sum(amount) as amount
    from document_adjustments
    group by document_key
),

shown as (
    select
        documents.key,
        document_entries.entry_id,
        coalesce(document_entries.entered_on, documents.approved_on, documents.paid_on) as entered_on,
        abs(document_entries.amount) * case
            when documents.is_credit_note or document_entries.amount >= 0 then 1 else -1
        end as amount
    from document_entries
    inner join documents on document_entries.document_key = documents.key
    where document_entries.category = 'payment' and document_entries.amount <> 0
),

backed as (
    select
        documents.key,
        payment_lines.payment_id,
        payment_lines.is_successful,
        case when payment_lines.is_successful then payment_lines.succeeded_on end as settled_on,
        case when documents.is_credit_note then abs(payment_lines.amount) else payment_lines.amount end
            as amount
    from payment_lines
    inner join
        documents
        on payment_lines.document_key = documents.key and payment_lines.currency = documents.currency
    where not payment_lines.is_failed and payment_lines.amount <> 0
),

shown_totals as (
    select
        key,
        sum(amount) as amount
    from shown
    group by key
),

backed_totals as (
    select
        key,
        sum(amount) as amount,
        coalesce(sum(amount) filter (where is_successful), 0) as completed
    from backed
    group by key
),

sides as (
    select
        documents.key,
        documents.is_paid,
        documents.paid_on,
        shown_totals.amount as shown,
        coalesce(backed_totals.amount, 0) as backed,
        documents.size - coalesce(adjusted.amount, 0) as capacity,
        case
            when not documents.via_coupa_pay then 'own'
            when
                abs(shown_totals.amount - coalesce(backed_totals.amount, 0)) <= $tolerance
                or abs(shown_totals.amount - coalesce(backed_totals.completed, 0)) <= $tolerance
                then 'agree'
            when shown_totals.amount is not null then 'differ'
            when documents.is_paid or not documents.shows_payments then 'mark'
            else 'silent'
        end as comparison
    from documents
    left join shown_totals on documents.key = shown_totals.key
    left join backed_totals on documents.key = backed_totals.key
    left join adjusted on documents.key = adjusted.document_key
),

unmatched_shown as (
    select
        *,
        row_number() over (partition by key, amount order by entered_on, entry_id) as rank
    from shown
    where key in (
        select sides.key from sides
        where sides.comparison = 'differ'
    )
),

unmatched_backed as (
    select
        *,
        row_number() over (
            partition by key, amount order by is_successful desc, settled_on asc, payment_id asc
        ) as rank
    from backed
    where key in (
        select sides.key from sides
        where sides.comparison = 'differ'
    )
),

marked as (
    select
        backed.*,
        sides.capacity,
        sides.is_paid,
        sum(backed.amount) over (
            partition by backed.key
            order by backed.is_successful desc, backed.settled_on asc, backed.payment_id asc
            rows unbounded preceding
        ) as running
    from backed
    inner join sides on backed.key = sides.key
    where sides.comparison = 'mark'
),

covering as (
    select
        *,
        case
            when running <= capacity + $tolerance and (is_paid or running < capacity - $tolerance) then amount
            when is_paid then greatest(0, least(amount, capacity - (running - amount)))
            else 0
        end as covered
    from marked
),

both_sides as (
    select
        backed.key,
        backed.payment_id,
        null as entry_id,
        backed.amount,
        true as is_backed,
        backed.settled_on,
        null as shown_on,
        sides.comparison = 'agree' as is_shown
    from backed
    inner join sides on backed.key = sides.key
    where sides.comparison in ('agree', 'silent')
    union all
    select
        key,
        payment_id,
        null as entry_id,
        unnest([covered, amount - covered]) as amount,
        true as is_backed,
        settled_on,
        null as shown_on,
        unnest([true, false]) as is_shown
    from covering
    union all
    select
        coalesce(unmatched_shown.key, unmatched_backed.key) as key,
        unmatched_backed.payment_id,
        unmatched_shown.entry_id,
        coalesce(unmatched_shown.amount, unmatched_backed.amount) as amount,
        unmatched_backed.key is not null as is_backed,
        unmatched_backed.settled_on,
        unmatched_shown.entered_on as shown_on,
        unmatched_shown.key is not null as is_shown
    from unmatched_shown
    full outer join unmatched_backed
        on
            unmatched_shown.key = unmatched_backed.key
            and unmatched_shown.amount = unmatched_backed.amount
            and unmatched_shown.rank = unmatched_backed.rank
    union all
    select
        shown.key,
        null as payment_id,
        shown.entry_id,
        shown.amount,
        true as is_backed,
        shown.entered_on as settled_on,
        shown.entered_on as shown_on,
        true as is_shown
    from shown
    inner join sides on shown.key = sides.key
    where sides.comparison = 'own'
    union all
    select
        key,
        null as payment_id,
        null as entry_id,
        capacity - case comparison when 'own' then coalesce(shown, 0) else backed end as amount,
        comparison = 'own' and shown is null as is_backed,
        case when comparison = 'own' and shown is null then paid_on end as settled_on,
        paid_on as shown_on,
        true as is_shown
    from sides
    where
        is_paid
        and comparison in ('own', 'mark')
        and capacity - case comparison when 'own' then coalesce(shown, 0) else backed end > $tolerance
)

select
    both_sides.key as document_key,
    both_sides.payment_id,
    both_sides.entry_id,
    both_sides.amount,
    both_sides.is_shown,
    both_sides.is_backed,
    both_sides.settled_on,
    both_sides.shown_on,
    sides.comparison,
    sides.capacity
from both_sides
inner join sides on both_sides.key = sides.key
where both_sides.amount <> 0
