"""Jira Cloud's REST API v3, carefully: who asks, faults told apart, whole search results, no write sent twice.

Wire facts: developer.atlassian.com/cloud/jira/platform/rest/v3 and docs/contracts.md, "Jira Cloud". A refused login may
answer 200 with an empty list, since search is open to the anonymous; the header `X-Seraph-LoginReason` tells.
"""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn
from urllib.parse import urlencode

import requests

from hypercare.errors import (
    AccessDeniedError,
    ConfigurationError,
    ContractError,
    LoginRefusedError,
    PermanentError,
    ResourceMissingError,
    TransientError,
)
from hypercare.systems.connections import SystemConnection
from hypercare.systems.http import (
    RequestPolicy,
    adopt_environment,
    request_with_retries,
    send_once,
    shared_limiter,
    shown_body,
)

TOKEN_URL = "https://auth.atlassian.com/oauth/token"  # noqa: S105 - an address
RENEW_BEFORE = 120.0
"""Seconds before its end at which an access token is no longer used."""
TOKEN_LIFETIME = 3600.0
REQUESTS_PER_SECOND = 5.0
PAGE_SIZE = 100
MOST_PAGES = 1000
MOST_EMPTY_PAGES = 5
REFUSED_LOGINS = frozenset({"AUTHENTICATED_FAILED", "AUTHENTICATION_DENIED"})
AUTHS = ("basic", "oauth2")


class JiraRefusalError(PermanentError):
    """A request that Jira refused for what it says; `fields` tells by field what is wrong there."""

    def __init__(self, message: str, fields: Mapping[str, str]) -> None:
        super().__init__(message)
        self.fields = fields


@dataclass(frozen=True)
class JiraConnection:
    """How to reach one site; built from the Airflow connection `jira_<name>`."""

    id: str
    base_url: str
    """`https://acme.atlassian.net`, or `https://api.atlassian.com/ex/jira/<cloudId>` for OAuth and scoped tokens."""
    login: str
    """The user's mail address, or the client id."""
    secret: str = field(repr=False)
    """The API token, or the client secret."""
    uses_oauth: bool = False
    token_url: str = TOKEN_URL


def read_jira_connection(connection: SystemConnection) -> JiraConnection:
    """Return what an Airflow connection says; raise ConfigurationError naming what is missing."""
    auth = str(connection.extra.get("auth") or "basic")
    missing = [name for name in ("host", "login", "password") if not getattr(connection, name)]
    if missing or auth not in AUTHS:
        msg = (
            f"connection {connection.id}: {' and '.join(missing) or 'the auth ' + repr(auth)} cannot be used; give "
            "host, login and password (mail and API token, or with the extra 'auth' oauth2 client id and secret)"
        )
        raise ConfigurationError(msg)
    return JiraConnection(
        id=connection.id,
        base_url=connection.base_url.rstrip("/"),
        login=connection.login,
        secret=connection.password,
        uses_oauth=auth == "oauth2",
        token_url=str(connection.extra.get("token_url") or TOKEN_URL),
    )


def quote_jql(value: str) -> str:
    """Return a text as a JQL literal."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return f'"{escaped}"'


class JiraClient:
    """One site. One thread at a time."""

    def __init__(
        self,
        connection: JiraConnection,
        policy: RequestPolicy | None = None,
        *,
        requests_per_second: float | None = REQUESTS_PER_SECOND,
    ) -> None:
        self.connection = connection
        self.policy = policy or RequestPolicy(attempts=5, first_wait=2.0)
        self._limiter = shared_limiter(connection.base_url, requests_per_second)
        self._http = requests.Session()
        self._http.headers.update({"Accept": "application/json", "User-Agent": "hypercare"})
        adopt_environment(self._http, connection.base_url)
        self._token = ""
        self._token_ends = 0.0

    def close(self) -> None:
        """Close the client's sockets."""
        self._http.close()

    def send(
        self,
        method: str,
        path: str,
        what: str,
        *,
        parameters: Mapping[str, str] | None = None,
        json: object = None,
        repeatable: bool | None = None,
    ) -> Any:  # noqa: ANN401 - JSON
        """Send a request to `path` below `/rest/api/3` and return its answer's JSON, None for an empty one.

        Transient faults are tried again where the request is `repeatable` (default: GETs are). Raises TransientError
        (for a write: nobody knows whether it took effect), RateLimitedError, LoginRefusedError, AccessDeniedError,
        ResourceMissingError, JiraRefusalError for all other refusals.
        """
        address = f"/rest/api/3/{path}" + (f"?{urlencode(parameters)}" if parameters else "")

        def attempt() -> Any:  # noqa: ANN401 - JSON
            response = self._send_signed(method, address, json, what)
            return None if response.status_code == 204 or not response.content else _read_json(response, what)

        if repeatable if repeatable is not None else method == "GET":
            return request_with_retries(attempt, self.policy, what)
        if self.connection.uses_oauth:
            request_with_retries(lambda: self._authorize(what), self.policy, what)
        return attempt()

    def search(self, jql: str, fields: Sequence[str], what: str) -> list[dict[str, Any]]:
        """Return every issue that a query finds, each once, with the fields asked for.

        Raises what `send` raises; ContractError where the pages do not come to an end.
        """
        issues: dict[str, dict[str, Any]] = {}
        asked = {"jql": jql, "fields": list(fields), "maxResults": PAGE_SIZE}
        token: str | None = None
        seen: set[str] = set()
        empty = 0
        while True:
            body = asked if token is None else {**asked, "nextPageToken": token}
            page = self.send("POST", "search/jql", what, json=body, repeatable=True)
            rows = page.get("issues") if isinstance(page, dict) else None
            if not isinstance(rows, list):
                _refuse_shape(what, "no list of issues")
            # Rows move between pages while issues change; of two versions the later shown is the newer.
            issues.update({str(row["id"]): row for row in rows})
            token = page.get("nextPageToken")
            # `isLast` has been seen true with pages to come, so the token alone decides.
            if not token:
                return list(issues.values())
            empty = 0 if rows else empty + 1
            if token in seen or empty > MOST_EMPTY_PAGES or len(seen) == MOST_PAGES:
                _refuse_shape(what, "pages without an end")
            seen.add(token)

    def count(self, jql: str, what: str) -> int:
        """Return about how many issues a query finds."""
        answer = self.send("POST", "search/approximate-count", what, json={"jql": jql}, repeatable=True)
        return int(answer["count"])

    def _send_signed(self, method: str, address: str, json: object, what: str) -> requests.Response:
        response = self._send(method, address, json, what)
        if response.status_code == 401 and self.connection.uses_oauth:
            # Refused before anything was done: a token that was ended early is replaced once.
            self._token = ""
            response = self._send(method, address, json, what)
        _refuse(response, self.connection, what)
        return response

    def _send(self, method: str, address: str, json: object, what: str) -> requests.Response:
        headers = {"Authorization": self._authorize(what)}
        request = requests.Request(method, self.connection.base_url + address, json=json, headers=headers)
        self._limiter.wait()
        return send_once(self._http, self._http.prepare_request(request), self.policy, what)

    def _authorize(self, what: str) -> str:
        """Return the header's value, with a new access token where there is none that lasts."""
        connection = self.connection
        if not connection.uses_oauth:
            return "Basic " + b64encode(f"{connection.login}:{connection.secret}".encode()).decode()
        if not self._token or time.monotonic() > self._token_ends:
            form = {
                "grant_type": "client_credentials",
                "client_id": connection.login,
                "client_secret": connection.secret,
            }
            request = self._http.prepare_request(requests.Request("POST", connection.token_url, data=form))
            response = send_once(self._http, request, self.policy, f"{what}, access token")
            told = _read_json(response, what) if response.ok else {}
            if not response.ok or not told.get("access_token"):
                msg = (
                    f"{what}: the client of connection {connection.id} was refused ({response.status_code} "
                    f"{shown_body(response)}); correct client id and secret"
                )
                raise LoginRefusedError(msg)
            self._token = str(told["access_token"])
            self._token_ends = time.monotonic() + float(told.get("expires_in") or TOKEN_LIFETIME) - RENEW_BEFORE
        return f"Bearer {self._token}"


def _refuse(response: requests.Response, connection: JiraConnection, what: str) -> None:
    status = response.status_code
    if status == 401 or response.headers.get("X-Seraph-LoginReason") in REFUSED_LOGINS:
        msg = (
            f"{what}: the login of connection {connection.id} is refused (API tokens end after a year at most); put a "
            "valid token into the connection"
        )
        raise LoginRefusedError(msg)
    if response.ok:
        return
    words, fields = _read_faults(response)
    if status == 403:
        msg = f"{what}: not permitted ({words}); grant the user of connection {connection.id} the project and scope"
        raise AccessDeniedError(msg)
    if status == 404:
        msg = f"{what}: it is not there, or the user of connection {connection.id} may not see it ({words})"
        raise ResourceMissingError(msg)
    if status == 410:
        msg = f"{what}: Jira no longer has this call ({words}); this release of the product needs an update"
        raise ResourceMissingError(msg)
    msg = f"{what}: refused with {status} ({words})"
    raise JiraRefusalError(msg, fields)


def _read_faults(response: requests.Response) -> tuple[str, dict[str, str]]:
    """Return what an error answer says, whatever shape it has, and what it says of fields."""
    try:
        body = response.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        return shown_body(response), {}
    told = body.get("errors")
    fields = {str(name): str(text) for name, text in told.items()} if isinstance(told, dict) else {}
    messages = body.get("errorMessages")
    texts = [str(text) for text in messages] if isinstance(messages, list) else []
    words = "; ".join([*texts, *(f"{name}: {text}" for name, text in fields.items())])
    return words or shown_body(response), fields


def _read_json(response: requests.Response, what: str) -> Any:  # noqa: ANN401 - JSON
    try:
        return response.json()
    except (ValueError, RecursionError) as error:
        msg = f"{what}: answers no JSON ({shown_body(response)}); the next run tries again"
        raise TransientError(msg) from error


def _refuse_shape(what: str, found: str) -> NoReturn:
    msg = f"{what}: answers in another shape than Jira's REST API v3 gives ({found}); report it to the vendor"
    raise ContractError(msg)
