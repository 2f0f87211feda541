"""REST v3 as endpoints: what a reader and a writer of issues ask for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.jira.errors import ApiError, api_removed, not_signed_in
from sandbox.jira.faults import Fault, answer_json
from sandbox.jira.journal import note
from sandbox.jira.search import LARGEST_PAGE, MOST_RECONCILED, Searches
from sandbox.jira.shapes import ONLY_ID, write_comment, write_field, write_issue, write_status, write_user
from sandbox.jira.site import Issue, Site

USUAL_PAGE = 50
FEW_FIELDS = 2
"""Up to so many fields a page is as long as it was asked to be."""


def create_api(site: Site) -> Starlette:
    """Make the API of a site; who asks, and faults, are the host's business (`scope["state"]`)."""
    rest = _Rest(site)
    issue = "/rest/api/3/issue/{issue}"
    return Starlette(
        routes=[
            Route("/rest/api/3/myself", rest.tell_user),
            Route("/rest/api/3/field", rest.list_fields),
            Route("/rest/api/3/project/{key}", rest.get_project),
            Route("/rest/api/3/search", rest.refuse_removed, methods=["GET", "POST"]),
            Route("/rest/api/3/search/jql", rest.search, methods=["GET", "POST"]),
            Route("/rest/api/3/search/approximate-count", rest.count, methods=["POST"]),
            Route("/rest/api/3/issue", rest.create, methods=["POST"]),
            Route(issue, rest.get_issue, methods=["GET"]),
            Route(issue, rest.edit, methods=["PUT"]),
            Route(f"{issue}/transitions", rest.list_transitions, methods=["GET"]),
            Route(f"{issue}/transitions", rest.move, methods=["POST"]),
            Route(f"{issue}/comment", rest.list_comments, methods=["GET"]),
            Route(f"{issue}/comment", rest.comment, methods=["POST"]),
            Route(f"{issue}/properties/{{name}}", rest.get_property, methods=["GET"]),
            Route(f"{issue}/properties/{{name}}", rest.put_property, methods=["PUT"]),
        ],
        exception_handlers={ApiError: _answer_error, 404: _answer_missing, 405: _answer_wrong_method},
    )


class _Rest:
    """The endpoints; each answers one call."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._searches = Searches(site)

    async def tell_user(self, request: Request) -> Response:
        _require_user(request)
        return answer_json({**write_user(self._site.user), "timeZone": self._site.user.time_zone, "locale": "en_US"})

    async def list_fields(self, request: Request) -> Response:
        known = self._site.fields
        # Nobody in particular sees no custom field.
        return answer_json([write_field(each) for each in known if _is_signed_in(request) or not each.custom])

    async def get_project(self, request: Request) -> Response:
        key = request.path_params["key"]
        project = self._site.projects.get(key)
        if project is None or not _is_signed_in(request):
            raise ApiError(404, f"No project could be found with key '{key}'.")
        types = [{"id": str(10100 + place), "name": name} for place, name in enumerate(project.issue_types)]
        return answer_json({"id": "10200", "key": key, "name": project.name, "issueTypes": types})

    async def refuse_removed(self, _request: Request) -> Response:
        raise api_removed()

    async def search(self, request: Request) -> Response:
        asked = _read_query(request) if request.method == "GET" else await _read_object(request)
        wanted = tuple(asked.get("fields") or ONLY_ID)
        size = min(int(asked.get("maxResults", USUAL_PAGE)), LARGEST_PAGE)
        if len(wanted) > FEW_FIELDS or any(name.startswith("*") for name in wanted):
            size = min(size, self._site.most_with_fields)
        reconciled = [int(each) for each in asked.get("reconcileIssues") or ()]
        if len(reconciled) > MOST_RECONCILED or size < 1:
            raise ApiError(400, "Invalid request payload. Refer to the REST API documentation and try again.")
        jql, token = str(asked.get("jql") or ""), asked.get("nextPageToken")
        page = self._searches.find_page(jql, size, token, reconciled)
        issues = list(page.issues) if _is_signed_in(request) else []
        shown = {
            "issues": [write_issue(self._site, issue, wanted, _find_base(request)) for issue in issues],
            "isLast": page.token is None,
        }
        if page.token is not None and _is_signed_in(request):
            shown["nextPageToken"] = page.token
        return answer_json(_distort(shown, request.state.fault, token, self._searches.hand_out(jql, 0)))

    async def count(self, request: Request) -> Response:
        jql = str((await _read_object(request)).get("jql") or "")
        return answer_json({"count": len(self._searches.find_all(jql)) if _is_signed_in(request) else 0})

    async def create(self, request: Request) -> Response:
        _require_user(request)
        asked = await _read_object(request)
        fields = asked.get("fields") or {}
        properties = {each["key"]: each["value"] for each in asked.get("properties") or ()}
        issue = self._site.create_from_screen(fields)
        issue.properties.update(properties)
        note(self._site, "create", fields=fields, properties=properties)
        address = f"{_find_base(request)}/rest/api/3/issue/{issue.id}"
        return answer_json({"id": str(issue.id), "key": issue.key, "self": address}, 201)

    async def get_issue(self, request: Request) -> Response:
        wanted = request.query_params.get("fields", "*all").split(",")
        return answer_json(write_issue(self._site, self._find(request), wanted, _find_base(request)))

    async def edit(self, request: Request) -> Response:
        issue = self._find(request)
        asked = await _read_object(request)
        values = dict(asked.get("fields") or {})
        for change in (asked.get("update") or {}).get("labels", ()):
            labels = [
                each for each in values.get("labels", issue.values.get("labels", ())) if each not in change.values()
            ]
            values["labels"] = [*labels, change["add"]] if "add" in change else labels
        self._site.check_values(values)
        self._site.edit(issue, **values)
        note(self._site, "edit", issue=issue.key, values=values)
        return answer_json(None, 204)

    async def list_transitions(self, request: Request) -> Response:
        issue = self._find(request)
        possible = [status for status in self._site.statuses if status is not issue.status]
        shown = [
            {
                "id": status.transition, "name": status.name, "to": write_status(status),
                "hasScreen": False, "isAvailable": True, "isGlobal": True,
            }
            for status in possible
        ]  # fmt: skip
        return answer_json({"expand": "transitions", "transitions": shown})

    async def move(self, request: Request) -> Response:
        issue = self._find(request)
        transition = str(((await _read_object(request)).get("transition") or {}).get("id"))
        self._site.move(issue, transition)
        note(self._site, "move", issue=issue.key, transition=transition)
        return answer_json(None, 204)

    async def list_comments(self, request: Request) -> Response:
        comments = self._find(request).comments
        start, size = (
            int(request.query_params.get(name, usual)) for name, usual in (("startAt", 0), ("maxResults", 50))
        )
        shown = [write_comment(each) for each in comments[start : start + size]]
        return answer_json({"startAt": start, "maxResults": size, "total": len(comments), "comments": shown})

    async def comment(self, request: Request) -> Response:
        issue = self._find(request)
        body = (await _read_object(request)).get("body") or {}
        written = self._site.comment(issue, body)
        note(self._site, "comment", issue=issue.key, body=body)
        return answer_json(write_comment(written), 201)

    async def get_property(self, request: Request) -> Response:
        name = request.path_params["name"]
        value = self._find(request).properties.get(name)
        if value is None:
            raise ApiError(404, f"The property with key '{name}' does not exist.")
        return answer_json({"key": name, "value": value})

    async def put_property(self, request: Request) -> Response:
        issue, name, value = self._find(request), request.path_params["name"], orjson.loads(await request.body())
        issue.properties[name] = value
        note(self._site, "put_property", issue=issue.key, name=name, value=value)
        return answer_json(None, 201)

    def _find(self, request: Request) -> Issue:
        _require_user(request)
        return self._site.find_issue(request.path_params["issue"])


def _distort(shown: dict[str, Any], fault: Fault | None, token: str | None, first_page: str) -> dict[str, Any]:
    """Do to a page what a fault wants."""
    match fault.kind if fault else "":
        case "repeated_token":
            return {**shown, "nextPageToken": token or first_page, "isLast": False}
        case "last_too_early":
            return {**shown, "isLast": True}
        case "repeated_row":
            return {**shown, "issues": [*shown["issues"], *shown["issues"][:1]]}
        case "empty_page":
            return {"issues": [], "isLast": False, "nextPageToken": first_page}
    return shown


def _is_signed_in(request: Request) -> bool:
    return bool(request.state.signed_in)


def _require_user(request: Request) -> None:
    if not _is_signed_in(request):
        raise not_signed_in()


def _find_base(request: Request) -> str:
    return f"{request.url.scheme}://{request.url.netloc}{request.scope.get('root_path', '')}"


def _read_query(request: Request) -> dict[str, Any]:
    asked: dict[str, Any] = dict(request.query_params)
    return {**asked, "fields": asked["fields"].split(",")} if "fields" in asked else asked


async def _read_object(request: Request) -> Mapping[str, Any]:
    try:
        content = orjson.loads(await request.body())
    except orjson.JSONDecodeError:
        content = None
    if not isinstance(content, dict):
        raise ApiError(400, "Invalid request payload. Refer to the REST API documentation and try again.")
    return content


async def _answer_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return answer_json(error.write_body(), error.status)


async def _answer_missing(_request: Request, _error: Exception) -> Response:
    return answer_json({"errorMessages": ["null for uri"], "errors": {}}, 404)


async def _answer_wrong_method(_request: Request, _error: Exception) -> Response:
    return answer_json({"errorMessages": ["Method Not Allowed"], "errors": {}}, 405)
