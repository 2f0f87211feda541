-- table: document_corrections
-- number: 10
-- definition: Changes of a document's total while it was owed, as pulls saw them: corrected_on is the day of
--   the record's change, amount what its size rose by. Of documents whose size is their total only, and none
--   after their end.

with owed as (
    select
        key,
        min(number) filter (where is_approved) as number
    from document_states
    group by key
),

followed as (
    select
        key,
        number,
        since,
        size,
        lag(size) over (partition by key order by number) as size_before,
        lag(last_seen) over (partition by key order by number) as seen_before
    from document_states
)

select
    documents.key as document_key,
    local_date(followed.since) as corrected_on,
    followed.size - followed.size_before as amount
from followed
inner join owed on followed.key = owed.key
inner join documents on followed.key = documents.key
where
    followed.number > owed.number
    and followed.size <> followed.size_before
    and local_date(followed.seen_before) >= documents.booked_on
    and coalesce(local_date(followed.since) <= documents.ended_on, true)
    and documents.size = documents.total
