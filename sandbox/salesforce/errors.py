"""Error answers in Salesforce's own shape: a list of `{"message", "errorCode", "fields"?}`."""

from __future__ import annotations

from typing import Any


class SalesforceFault(Exception):
    """An answer other than success: HTTP status, error code, text, and the fields it is about."""

    def __init__(self, status: int, code: str, message: str, fields: list[str] | None = None) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.fields = fields

    def write_body(self) -> list[dict[str, Any]]:
        """The JSON body."""
        body: dict[str, Any] = {"message": self.message, "errorCode": self.code}
        if self.fields is not None:
            body["fields"] = self.fields
        return [body]


def query_fault(code: str, query: str, offset: int, detail: str) -> SalesforceFault:
    """A fault in a query's text, shown as Salesforce does: the line, a caret, the place, and what is wrong there."""
    before = query[:offset]
    row = before.count("\n") + 1
    column = offset - (before.rfind("\n") + 1) + 1
    lines = query.split("\n")
    excerpt = lines[row - 1]
    place = f"\n{excerpt}\n{' ' * (column - 1)}^\nERROR at Row:{row}:Column:{column}\n"
    return SalesforceFault(400, code, place + detail)


def malformed_query(query: str, offset: int, detail: str) -> SalesforceFault:
    """The query is not SOQL, or asks for what SOQL does not allow."""
    return query_fault("MALFORMED_QUERY", query, offset, detail)


def unknown_object(query: str, offset: int, name: str) -> SalesforceFault:
    """The query is about an object that the org does not have, or that we may not see."""
    detail = (
        f"sObject type '{name}' is not supported. If you are attempting to use a custom object, be sure to append the "
        "'__c' after the entity name. Please reference your WSDL or the describe call for the appropriate names."
    )
    return query_fault("INVALID_TYPE", query, offset, detail)


def unknown_field(query: str, offset: int, name: str, sobject: str) -> SalesforceFault:
    """The query names a field that the object does not have, or that we may not see."""
    detail = (
        f"No such column '{name}' on entity '{sobject}'. If you are attempting to use a custom field, be sure to append "
        "the '__c' after the custom field name. Please reference your WSDL or the describe call for the appropriate "
        "names."
    )
    return query_fault("INVALID_FIELD", query, offset, detail)


def unknown_relationship(query: str, offset: int, name: str) -> SalesforceFault:
    """The query walks a relationship that the object does not have."""
    detail = (
        f"Didn't understand relationship '{name}' in field path. If you are attempting to use a custom relationship, be "
        "sure to append the '__r' after the custom relationship name. Please reference your WSDL or the describe call "
        "for the appropriate names."
    )
    return query_fault("INVALID_FIELD", query, offset, detail)


def session_invalid() -> SalesforceFault:
    """No session, one that has ended, or one that policy refuses."""
    return SalesforceFault(401, "INVALID_SESSION_ID", "Session expired or invalid")


def resource_missing() -> SalesforceFault:
    """There is nothing at this address."""
    return SalesforceFault(404, "NOT_FOUND", "The requested resource does not exist")


def request_limit_exceeded() -> SalesforceFault:
    """The org's requests of the last 24 hours are used up."""
    return SalesforceFault(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")


def version_retired() -> SalesforceFault:
    """The API version is no longer served; the body's wording is a guess, the status is not."""
    return SalesforceFault(410, "UNSUPPORTED_API_VERSION", "The requested resource is no longer available")
