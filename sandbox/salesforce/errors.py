"""Error answers in Salesforce's own shape: a list of `{"message", "errorCode", "fields"?}`."""

from __future__ import annotations

from typing import Any


class ApiError(Exception):
    """An answer other than success: HTTP status, error code, text, and the fields it is about."""

    def __init__(self, status: int, code: str, message: str, fields: list[str] | None = None) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.fields = fields

    def write_body(self) -> list[dict[str, Any]]:
        """Write the JSON body."""
        body: dict[str, Any] = {"message": self.message, "errorCode": self.code}
        if self.fields is not None:
            body["fields"] = self.fields
        return [body]


def refuse_query(query: str, offset: int, code: str, detail: str) -> ApiError:
    """Refuse a query, showing as Salesforce does the line, a caret, the place, and what is wrong there."""
    before = query[:offset]
    row = before.count("\n") + 1
    column = offset - (before.rfind("\n") + 1) + 1
    lines = query.split("\n")
    excerpt = lines[row - 1]
    place = f"\n{excerpt}\n{' ' * (column - 1)}^\nERROR at Row:{row}:Column:{column}\n"
    return ApiError(400, code, place + detail)


def malformed_query(query: str, offset: int, detail: str) -> ApiError:
    """Refuse a query that is not SOQL, or asks for what SOQL does not allow."""
    return refuse_query(query, offset, "MALFORMED_QUERY", detail)


def unknown_object(query: str, offset: int, name: str) -> ApiError:
    """Refuse a query about an object that the org does not have, or that we may not see."""
    detail = (
        f"sObject type '{name}' is not supported. If you are attempting to use a custom object, be sure to append the "
        "'__c' after the entity name. Please reference your WSDL or the describe call for the appropriate names."
    )
    return refuse_query(query, offset, "INVALID_TYPE", detail)


def unknown_field(query: str, offset: int, name: str, sobject: str) -> ApiError:
    """Refuse a query that names a field which the object does not have, or that we may not see."""
    detail = (
        f"No such column '{name}' on entity '{sobject}'. If you are attempting to use a custom field, be sure to "
        "append the '__c' after the custom field name. Please reference your WSDL or the describe call for the "
        "appropriate names."
    )
    return refuse_query(query, offset, "INVALID_FIELD", detail)


def unknown_relationship(query: str, offset: int, name: str) -> ApiError:
    """Refuse a query that walks a relationship which the object does not have."""
    detail = (
        f"Didn't understand relationship '{name}' in field path. If you are attempting to use a custom relationship, "
        "be sure to append the '__r' after the custom relationship name. Please reference your WSDL or the describe "
        "call for the appropriate names."
    )
    return refuse_query(query, offset, "INVALID_FIELD", detail)


def session_invalid() -> ApiError:
    """Refuse a request without session, or with one that has ended or that policy refuses."""
    return ApiError(401, "INVALID_SESSION_ID", "Session expired or invalid")


def resource_missing() -> ApiError:
    """Refuse an address at which there is nothing."""
    return ApiError(404, "NOT_FOUND", "The requested resource does not exist")


def external_id_unknown(name: str) -> ApiError:
    """Refuse an address where neither an id nor a field to look records up by stands after the object."""
    message = f"Provided external ID field does not exist or is not accessible: {name}"
    return ApiError(404, "NOT_FOUND", message)


def request_limit_exceeded() -> ApiError:
    """Refuse a request when those of the last 24 hours are used up."""
    return ApiError(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")


def version_retired() -> ApiError:
    """Refuse an API version that is no longer served; the wording is a guess, the status is not."""
    return ApiError(410, "UNSUPPORTED_API_VERSION", "The requested resource is no longer available")
