"""Which fields Salesforce keeps the history of: who changed them, and when.

`describe` does not tell; the Tooling API's FieldDefinition does (docs/contracts.md, "Field history").
"""

from __future__ import annotations

from hypercare.errors import ContractError
from hypercare.systems.salesforce_rest import SalesforceClient, quote_soql


def read_tracked_fields(client: SalesforceClient, object_name: str) -> frozenset[str]:
    """Return the API names of an object's fields whose history is tracked.

    Raises what `SalesforceClient.send` raises: AccessDeniedError or ConfigurationError where the user may not see the
    set-up; and ContractError for an answer of another shape.
    """
    what = f"Salesforce, field history of {object_name}"
    soql = (
        "SELECT QualifiedApiName FROM FieldDefinition "
        f"WHERE EntityDefinition.QualifiedApiName = {quote_soql(object_name)} AND IsFieldHistoryTracked = true"
    )
    answer = client.send("GET", "tooling/query", what, parameters={"q": soql})
    try:
        return frozenset(str(record["QualifiedApiName"]) for record in answer.json()["records"])
    except (ValueError, TypeError, KeyError) as error:
        msg = f"{what}: the answer does not have the shape of the Tooling API ({error!r})"
        raise ContractError(msg) from error
