"""The API of one tenant: the token endpoint, lists, single records, and marking records exported."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import orjson

from sandbox.coupa.faults import BEFORE, EMPTY, PAGE, ROWS, STORED, WIRE, Fault, change_rows, spoil_rows
from sandbox.coupa.oauth import TokenRefusedError
from sandbox.coupa.projection import BadRequestError, projector
from sandbox.coupa.query import parse_list_query, select_rows
from sandbox.coupa.rendering import JSON_TYPE, NO_MATCH, XML_TYPE, render_list, render_record
from sandbox.coupa.schema import RESOURCES, Resource, find_resource
from sandbox.coupa.wire import Answer, RefusedError, Request, html_page, refusal
from sandbox.striking import OAUTH

if TYPE_CHECKING:
    from sandbox.coupa.oauth import Token
    from sandbox.coupa.tenant import Tenant

Body = dict[str, Any]
TOKEN_PATHS = (["oauth2", "token"], ["oauth2", "access_tokens"])


def name_resource(request: Request) -> str:
    """Name what the request is about, for counters and faults: a resource's path, `oauth`, or the path itself."""
    if request.segments in TOKEN_PATHS:
        return OAUTH
    if request.segments[:1] == ["api"]:
        resource, rest = find_resource(request.segments[1:])
        return resource.path if resource else "/".join(rest)
    return "/".join(request.segments)


async def answer_request(tenant: Tenant, request: Request, resource_name: str) -> Answer:
    """Answer one request; faults strike in the order before, stored rows, page, row contents, wire."""
    try:
        await _strike_before(tenant, request, resource_name)
        if resource_name == OAUTH:
            answer = _issue_token(tenant, request)
        elif request.segments[:1] == ["api"]:
            answer = _answer_api(tenant, request)
        else:
            return refusal(request, 404, f"there is nothing at /{resource_name}")
    except RefusedError as refused:
        return refused.answer
    except BadRequestError as mistake:
        return refusal(request, 400, str(mistake), at=mistake.attribute)
    for fault in tenant.faults.striking(WIRE, resource_name, tenant.instance.now()):
        answer = Answer(answer.status, answer.body, answer.content_type, answer.headers, ending=fault.kind)
    return answer


async def _strike_before(tenant: Tenant, request: Request, resource_name: str) -> None:
    for fault in tenant.faults.striking(BEFORE, resource_name, tenant.instance.now()):
        if fault.kind == "slow":
            await asyncio.sleep(fault.options.get("seconds", 1))
        elif fault.kind == "token_not_ready":
            _refuse_young_token(tenant, request, fault)
        else:
            raise RefusedError(_faulty_answer(request, fault))


def _faulty_answer(request: Request, fault: Fault) -> Answer:
    status = fault.options["status"]
    wait = fault.options.get("retry_after")
    headers = {} if wait is None else {"Retry-After": str(wait)}
    if fault.options.get("html", status == 503):
        return html_page(status, tuple(headers.items()))
    return refusal(request, status, fault.options.get("message", f"status {status}"), headers=headers)


def _refuse_young_token(tenant: Tenant, request: Request, fault: Fault) -> None:
    token = tenant.tokens.find(request.headers.get("authorization", ""))
    if token is None:
        return
    seconds, uses = fault.options.get("seconds"), fault.options.get("requests")
    if seconds is not None and time.monotonic() - token.issued_at >= seconds:
        return
    if uses is not None and token.uses >= uses:
        return
    token.uses += 1
    raise RefusedError(refusal(request, 401, "the access token is not valid yet"))


def _issue_token(tenant: Tenant, request: Request) -> Answer:
    if request.method != "POST":
        return refusal(request, 404, "tokens are issued by POST")
    try:
        issued = tenant.tokens.issue(request.headers, request.query, request.body)
    except TokenRefusedError as refused:
        body = orjson.dumps({"error": refused.code, "error_description": str(refused)})
        return Answer(refused.status, body)
    return Answer(200, orjson.dumps(issued), headers=(("Cache-Control", "no-store"),))


def _answer_api(tenant: Tenant, request: Request) -> Answer:
    if not tenant.admit():
        return refusal(request, 429, "rate limit exceeded", headers={"Retry-After": "1"})
    token = _authenticate(tenant, request)
    resource, rest = find_resource(request.segments[1:])
    if resource is None or resource.path in tenant.instance.quirks.unlicensed:
        return refusal(request, 404, f"there is no resource /{'/'.join(request.segments)}")
    writes = request.method != "GET"
    _check_scope(request, token, resource.scope.replace(".read", ".write") if writes else resource.scope)
    if writes:
        return _mark_exported(tenant, request, resource, rest)
    if not rest:
        return _answer_list(tenant, request, resource)
    return _answer_record(tenant, request, resource, rest)


def _authenticate(tenant: Tenant, request: Request) -> Token:
    if "x-coupa-api-key" in request.headers:
        raise RefusedError(refusal(request, 401, "API keys are no longer supported, use OAuth 2.0"))
    token = tenant.tokens.find(request.headers.get("authorization", ""))
    if token is None:
        raise RefusedError(refusal(request, 401, "the access token is missing, expired or unknown"))
    if time.monotonic() - token.issued_at < tenant.instance.quirks.token_delay_seconds:
        raise RefusedError(refusal(request, 401, "the access token is not valid yet"))
    token.uses += 1
    return token


def _check_scope(request: Request, token: Token, scope: str) -> None:
    if scope not in token.scopes:
        raise RefusedError(refusal(request, 403, f"the access token lacks the scope {scope}"))


def _answer_list(tenant: Tenant, request: Request, resource: Resource) -> Answer:
    instance, now = tenant.instance, tenant.instance.now()
    for fault in tenant.faults.striking(STORED, resource.path, now):
        change_rows(instance, resource.path, fault)
    shelf = instance.shelf(resource.path)
    project = projector(resource, instance, dict(request.parameters))
    known = shelf.attributes.union(instance.custom_fields.get(resource.path, ()))
    found = select_rows(shelf, parse_list_query(request.parameters, resource, known))
    rows = [project(body) for body in found]
    for _ in tenant.faults.striking(PAGE, resource.path, now):
        rows = tenant.last_page.get(resource.path, rows)
    tenant.last_page[resource.path] = rows
    for fault in tenant.faults.striking(ROWS, resource.path, now):
        rows = spoil_rows(rows, fault)
    if not rows and _hides_empty(tenant, request, resource):
        return refusal(request, 404, NO_MATCH)
    return _succeed(request, render_list(rows, resource, as_json=request.as_json))


def _hides_empty(tenant: Tenant, request: Request, resource: Resource) -> bool:
    struck = list(tenant.faults.striking(EMPTY, resource.path, tenant.instance.now()))
    return not request.as_json or tenant.instance.quirks.empty_as_404 or bool(struck)


def _find_record(tenant: Tenant, request: Request, resource: Resource, record_id: str) -> Body:
    body = tenant.instance.record(resource.path, int(record_id)) if record_id.isdecimal() else None
    if body is None:
        raise RefusedError(refusal(request, 404, f"there is no {resource.element} with id {record_id}"))
    return body


def _answer_record(tenant: Tenant, request: Request, resource: Resource, rest: list[str]) -> Answer:
    if len(rest) > 1:
        return refusal(request, 404, f"there is nothing at /{'/'.join(request.segments)}")
    body = _find_record(tenant, request, resource, rest[0])
    row = projector(resource, tenant.instance, dict(request.parameters))(body)
    for fault in tenant.faults.striking(ROWS, resource.path, tenant.instance.now()):
        row = spoil_rows([row], fault)[0]
    return _succeed(request, render_record(row, resource, as_json=request.as_json))


def _mark_exported(tenant: Tenant, request: Request, resource: Resource, rest: list[str]) -> Answer:
    flag = dict(request.parameters).get("exported")
    by_action = len(rest) == 2 and rest[1] == "export" and "/" in resource.path
    by_flag = len(rest) == 1 and flag in {"true", "false"}
    if request.method != "PUT" or not resource.exportable or not (by_action or by_flag):
        return refusal(request, 400, f"{request.method} is not served on {resource.path} beyond marking as exported")
    instance, now = tenant.instance, tenant.instance.now()
    body = _find_record(tenant, request, resource, rest[0])
    stamp = now.astimezone(instance.time_zone).isoformat(timespec="seconds")
    exported = by_action or flag == "true"
    body = {**body, "exported": exported, "last-exported-at": stamp if exported else body.get("last-exported-at")}
    instance.put(resource.path, now, body)
    row = projector(resource, instance, {})(body)
    return _succeed(request, render_record(row, resource, as_json=request.as_json))


def _succeed(request: Request, body: bytes) -> Answer:
    return Answer(200, body, JSON_TYPE if request.as_json else XML_TYPE)


def every_scope() -> frozenset[str]:
    """Name every read scope that the served resources need."""
    return frozenset(resource.scope for resource in RESOURCES.values())
