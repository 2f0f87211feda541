"""Answers in Salesforce's JSON."""

from __future__ import annotations

from starlette.responses import JSONResponse

from sandbox.salesforce.errors import ApiError


class JSONAnswer(JSONResponse):
    """JSON with the content type that Salesforce sends."""

    media_type = "application/json;charset=UTF-8"


def answer_fault(fault: ApiError) -> JSONAnswer:
    """Answer a request that failed."""
    return JSONAnswer(fault.write_body(), status_code=fault.status)
