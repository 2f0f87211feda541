-- issue: unresolved_integration_errors
-- title: Unresolved integration errors
-- definition: Errors since go-live and by the end of the week that nobody has resolved, as their last version
--   tells; one issue for each integration and document.
-- severity: medium
-- feeds: integration_errors
-- source: seed 4.4; the choice of what is one issue is this product's own

with unresolved as (
    select
        id,
        document_id,
        created_at,
        coalesce(document_type, 'document') as document_type,
        coalesce(integration_id, instance || '/' || coalesce(integration_code, integration_name))
            as integration_key,
        coalesce(integration_name, integration_code, 'an integration that is not named') as integration_words
    from integration_errors
    where not coalesce(resolved, false) and coalesce(status, '') <> 'resolved'
)

select
    unresolved.integration_key,
    unresolved.created_at as failed_at,
    'it is missing on the other side' as impact,
    'integration_error:' || unresolved.id as failure,
    case
        when unresolved.document_id is not null
            then unresolved.document_type || ':' || unresolved.document_id
    end as document_key,
    case
        when
            unresolved.document_id is null
            then 'Integration ' || unresolved.integration_words || ' reports an error'
        else
            unresolved.document_type || ' ' || unresolved.document_id || ' does not get through '
            || unresolved.integration_words
    end as words
from unresolved
cross join engagement
where
    unresolved.created_at >= engagement.go_live_at
    and unresolved.created_at < engagement.week_end
