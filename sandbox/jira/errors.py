"""Error answers in Jira's shape: `{"errorMessages": […], "errors": {field: text}}`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class ApiError(Exception):
    """An answer other than success: HTTP status, texts of the whole, texts by field."""

    def __init__(self, status: int, *messages: str, fields: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{status}: {messages or fields}")
        self.status = status
        self.messages = messages
        self.fields = dict(fields or {})

    def write_body(self) -> dict[str, Any]:
        """Write the JSON body."""
        return {"errorMessages": list(self.messages), "errors": self.fields}


def not_signed_in() -> ApiError:
    """Refuse a call that needs somebody, from nobody."""
    return ApiError(401, "You are not authenticated. Authentication required to perform this operation.")


def issue_missing() -> ApiError:
    """Refuse an issue that is not there or not for this user: the answer does not tell which."""
    return ApiError(404, "Issue does not exist or you do not have permission to see it.")


def off_screen(field: str) -> ApiError:
    """Refuse a field that the create screen does not have."""
    text = f"Field '{field}' cannot be set. It is not on the appropriate screen, or unknown."
    return ApiError(400, fields={field: text})


def api_removed() -> ApiError:
    """Answer the search that Atlassian took away in 2025."""
    return ApiError(
        410,
        "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API. A full migration "
        "guideline is available at https://developer.atlassian.com/changelog/#CHANGE-2046",
    )
