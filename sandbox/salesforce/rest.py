"""The REST API's read side and the token endpoint, as routes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from email.utils import format_datetime
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.salesforce.answers import JSONAnswer, answer_fault
from sandbox.salesforce.describe import describe_all, describe_basics, describe_object
from sandbox.salesforce.errors import ApiError, external_id_unknown, resource_missing
from sandbox.salesforce.filters import make_comparable
from sandbox.salesforce.gate import DATA_PATH, NEWEST_VERSION, OLDEST_VERSION
from sandbox.salesforce.ids import complete_id
from sandbox.salesforce.oauth import LoginRefusedError, log_in, write_soap_refusal
from sandbox.salesforce.queries import read_batch_size, run_query, write_attributes
from sandbox.salesforce.schema import Field, SObject
from sandbox.salesforce.service import Service
from sandbox.salesforce.store import Record
from sandbox.salesforce.values import read_value, write_value


def create_api(service: Service) -> Starlette:
    """Make the API of one org; what stands before it (faults, versions, sessions) is the gate's."""
    rest = _Rest(service)
    data = f"{DATA_PATH}/{{version}}"
    return Starlette(
        routes=[
            Route("/services/oauth2/token", rest.answer_token, methods=["POST"]),
            Route("/services/Soap/u/{version}", rest.refuse_soap, methods=["POST"]),
            Route(DATA_PATH, rest.list_versions),
            Route(data, rest.list_resources),
            Route(f"{data}/limits", rest.tell_limits),
            Route(f"{data}/query", rest.query),
            Route(f"{data}/query/{{locator}}", rest.read_on),
            Route(f"{data}/tooling/query", rest.query_tooling),
            Route(f"{data}/queryAll", rest.query_all),
            Route(f"{data}/queryAll/{{locator}}", rest.read_on),
            Route(f"{data}/sobjects", rest.describe_global),
            Route(f"{data}/sobjects/{{name}}", rest.describe_basics),
            Route(f"{data}/sobjects/{{name}}/describe", rest.describe),
            Route(f"{data}/sobjects/{{name}}/{{record_id}}", rest.get_record),
            Route(f"{data}/sobjects/{{name}}/{{field}}/{{value:path}}", rest.get_by_external_id),
        ],
        exception_handlers={
            ApiError: _answer_fault,
            LoginRefusedError: _answer_refusal,
            404: _answer_missing,
            405: _answer_wrong_method,
        },
    )


class _Rest:
    """The endpoints; each answers one resource of the API."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._org = service.org

    async def answer_token(self, request: Request) -> Response:
        form = {name: str(value) for name, value in (await request.form()).items()}
        authorization = request.headers.get("authorization", "")
        base = f"{request.url.scheme}://{request.url.netloc}{request.scope.get('root_path', '')}"
        return JSONAnswer(log_in(self._org, self._service.sessions, form, authorization, base))

    async def refuse_soap(self, _request: Request) -> Response:
        return Response(write_soap_refusal(), status_code=500, media_type="text/xml;charset=UTF-8")

    async def list_versions(self, _request: Request) -> Response:
        numbers = range(OLDEST_VERSION, NEWEST_VERSION + 1)
        versions = [{"label": f"v{n}", "url": f"{DATA_PATH}/v{n}.0", "version": f"{n}.0"} for n in numbers]
        return JSONAnswer(versions)

    async def list_resources(self, request: Request) -> Response:
        names = ("limits", "query", "queryAll", "sobjects")
        return JSONAnswer({name: f"{_find_data_path(request)}/{name}" for name in names})

    async def tell_limits(self, _request: Request) -> Response:
        limit = self._org.request_limit
        remaining = max(0, limit - self._service.traffic.api_usage)
        return JSONAnswer({"DailyApiRequests": {"Max": limit, "Remaining": remaining}})

    async def query(self, request: Request) -> Response:
        return self._run_query(request, "query", include_deleted=False)

    async def query_all(self, request: Request) -> Response:
        return self._run_query(request, "queryAll", include_deleted=True)

    async def query_tooling(self, request: Request) -> Response:
        return self._run_query(request, "tooling/query", include_deleted=False)

    async def read_on(self, request: Request) -> Response:
        query_path = f"{_find_data_path(request)}/{'queryAll' if '/queryAll/' in request.url.path else 'query'}"
        size = self._find_page_size(request)
        return JSONAnswer(self._service.results.read_on(request.path_params["locator"], size, query_path))

    async def describe_global(self, request: Request) -> Response:
        return JSONAnswer(describe_all(self._org.schema, _find_data_path(request)))

    async def describe_basics(self, request: Request) -> Response:
        return JSONAnswer(describe_basics(self._find_object(request), _find_data_path(request)))

    async def describe(self, request: Request) -> Response:
        return JSONAnswer(describe_object(self._org.schema, self._find_object(request), _find_data_path(request)))

    async def get_record(self, request: Request) -> Response:
        sobject = self._find_object(request)
        given = request.path_params["record_id"]
        try:
            record_id = complete_id(given)
        except ValueError:
            raise external_id_unknown(given) from None
        record = self._org.get(sobject.name, record_id)
        if record is None:
            raise resource_missing()
        if record.get("IsDeleted"):
            raise ApiError(404, "ENTITY_IS_DELETED", "entity is deleted", [])
        return self._answer_record(request, sobject, record)

    async def get_by_external_id(self, request: Request) -> Response:
        sobject = self._find_object(request)
        field = sobject.find_field(request.path_params["field"])
        if field is None or not (field.external_id or field.id_lookup):
            raise external_id_unknown(request.path_params["field"])
        wanted = make_comparable(field, read_value(field, request.path_params["value"]))
        records = [
            record
            for record in self._org.list_records(sobject.name)
            if record[field.name] is not None and make_comparable(field, record[field.name]) == wanted
        ]
        if not records:
            raise resource_missing()
        if len(records) > 1:
            data_path = _find_data_path(request)
            urls = [write_attributes(sobject.name, record, data_path)["url"] for record in records]
            return JSONAnswer(urls, status_code=300)
        return self._answer_record(request, sobject, records[0])

    def _run_query(self, request: Request, resource: str, *, include_deleted: bool) -> Response:
        text = request.query_params.get("q")
        if not text:
            raise ApiError(400, "MALFORMED_QUERY", "A query string has to be specified")
        data_path = _find_data_path(request)
        size = self._find_page_size(request)
        result = run_query(self._org, text, data_path, include_deleted=include_deleted)
        return JSONAnswer(self._service.results.open_result(result, size, f"{data_path}/{resource}"))

    def _find_page_size(self, request: Request) -> int:
        return read_batch_size(request.headers.get("sforce-query-options", ""), self._org.page_size)

    def _find_object(self, request: Request) -> SObject:
        found = self._org.schema.find_object(request.path_params["name"])
        if found is None:
            raise resource_missing()
        return found

    def _answer_record(self, request: Request, sobject: SObject, record: Record) -> Response:
        """Answer a record with all its fields, or those that `?fields=` names."""
        fields = _choose_fields(sobject, request.query_params.get("fields"))
        body: dict[str, Any] = {"attributes": write_attributes(sobject.name, record, _find_data_path(request))}
        body |= {field.name: write_value(record[field.name]) for field in fields}
        answer = JSONAnswer(body)
        modified = record["SystemModstamp"]
        assert isinstance(modified, datetime)
        answer.headers["Last-Modified"] = format_datetime(modified, usegmt=True)
        return answer


def _choose_fields(sobject: SObject, names: str | None) -> Iterable[Field]:
    if names is None:
        return sobject.fields
    chosen = {}
    for name in names.split(","):
        field = sobject.find_field(name.strip())
        if field is None:
            message = f"No such column '{name.strip()}' on sobject of type {sobject.name}"
            raise ApiError(400, "INVALID_FIELD", message)
        chosen[field.name] = field
    return chosen.values()


def _find_data_path(request: Request) -> str:
    return f"{DATA_PATH}/{request.path_params['version']}"


def _answer_fault(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return answer_fault(error)


def _answer_refusal(_request: Request, error: Exception) -> Response:
    assert isinstance(error, LoginRefusedError)
    return JSONAnswer(error.write_body(), status_code=400)


def _answer_missing(_request: Request, _error: Exception) -> Response:
    return answer_fault(resource_missing())


def _answer_wrong_method(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    allowed = (error.headers or {}).get("Allow", "GET")
    message = f"HTTP Method '{request.method}' not allowed. Allowed are {allowed}"
    return answer_fault(ApiError(405, "METHOD_NOT_ALLOWED", message))
