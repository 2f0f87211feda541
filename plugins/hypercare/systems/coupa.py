"""Coupa's Core API, read only: a token, and lists by ascending id.

Sources of the wire facts: Coupa Compass "Core API" and the R39 schemas. 50 records a page at most and no totals, so a
page shorter than that is the last one; an empty list may answer 404; a fresh token may be refused for some seconds.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, NotRequired
from urllib.parse import urlencode

import orjson
import requests
from pydantic import Strict, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from hypercare.contracts import Contract, fields_parameter
from hypercare.errors import (
    AccessDeniedError,
    ConfigurationError,
    ContractError,
    LoginRefusedError,
    PermanentError,
    ResourceMissingError,
    TransientError,
)
from hypercare.systems.http import (
    RequestPolicy,
    adopt_environment,
    http_date,
    request_with_retries,
    send_once,
    shared_limiter,
    shown_body,
)

PAGE_LIMIT = 50
REQUESTS_PER_SECOND = 5.0
"""Of the 25 a second that the vendor allows an instance, whose other integrations need theirs."""
TOKEN_LIFETIME = 20 * 3600.0
TOKEN_SETTLES_WITHIN = 10.0
NO_MATCH = "no results match"
"""What the documented 404 of an empty list says."""
TEST_ADDRESSES = (
    "-test", "-dev", "-uat", "-stage", "-sandbox", "-demo", "-train", "-support", "coupacloud", "coupadev",
)  # fmt: skip
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CoupaConnection:
    """How to reach one instance; built from the Airflow connection `coupa_<instance>`."""

    instance: str
    base_url: str
    """Such as `https://acme.coupahost.com`."""
    client_id: str
    client_secret: str = field(repr=False)
    scopes: tuple[str, ...]
    """Exactly those granted to the client: asking for another fails the login."""


RecordHead = TypedDict("RecordHead", {"id": Annotated[int, Strict()], "updated-at": NotRequired[Any]})
"""Of a record only what paging needs: making Python objects of all the rest takes longer than downloading it."""
HEADS = TypeAdapter(list[RecordHead])


@dataclass(frozen=True)
class Page:
    """One answer of a list call."""

    body: bytes
    """As it came: a JSON array."""
    heads: list[RecordHead]
    """What paging needs of each record; ids ascend."""
    server_date: datetime
    """The server's own clock (its Date header), UTC."""


class UnorderedPageError(TransientError):
    """A page whose ids do not ascend from the cursor: a page served twice, or a filter that was ignored."""


def refuse_test_address(connection: CoupaConnection) -> None:
    """Raise ConfigurationError where the address looks like a test instance (rule R4)."""
    found = [mark for mark in TEST_ADDRESSES if mark in connection.base_url.lower()]
    if found:
        msg = (
            f"instance {connection.instance}: {connection.base_url} looks like a test instance ({found[0]}); "
            "production evidence comes from production: correct the connection, or allow test instances in the settings"
        )
        raise ConfigurationError(msg)


def read_page(body: bytes, after: int | None, what: str) -> list[RecordHead]:
    """Return the heads of a page's records, checked: a JSON array of objects whose ids ascend, all above `after`.

    Raises TransientError for a body that is cut short or no array, UnorderedPageError for ids out of order, and
    ContractError for records without a numeric id.
    """
    try:
        heads = HEADS.validate_json(body)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        if fault["type"] in ("json_invalid", "list_type"):
            msg = f"{what}: the page is no complete JSON array ({fault['msg']}); the next run tries again"
            raise TransientError(msg) from error
        at = ".".join(map(str, fault["loc"]))
        msg = f"{what}: a record has no numeric id and cannot be paged by it (row {at}: {fault['msg']}); ask the vendor"
        raise ContractError(msg) from error
    last = after
    for head in heads:
        if last is not None and head["id"] <= last:
            msg = f"{what}: id {head['id']} follows id {last}: the server repeats a page or ignores id[gt] or order_by"
            raise UnorderedPageError(msg)
        last = head["id"]
    return heads


class CoupaClient:
    """Reads one instance. One thread at a time; threads and clients of a process share token and rate limit."""

    def __init__(
        self,
        connection: CoupaConnection,
        policy: RequestPolicy | None = None,
        *,
        requests_per_second: float | None = REQUESTS_PER_SECOND,
        allow_test_instances: bool = False,
        token_settles_within: float = TOKEN_SETTLES_WITHIN,
    ) -> None:
        """`token_settles_within`: for how many seconds a fresh token's 401 is answered by the same token again.

        Raises ConfigurationError for the address of a test instance, unless they are allowed.
        """
        if not allow_test_instances:
            refuse_test_address(connection)
        self.connection = connection
        self.policy = policy or RequestPolicy()
        self._base_url = connection.base_url.rstrip("/")
        self._settles_within = token_settles_within
        self._limiter = shared_limiter(self._base_url, requests_per_second)
        self._prepared: tuple[Contract, Mapping[str, str], requests.PreparedRequest] | None = None
        self._session = _ReadOnlySession(f"{self._base_url}/oauth2/token")

    @property
    def instance(self) -> str:
        """The instance's name."""
        return self.connection.instance

    def close(self) -> None:
        """Close the client's sockets."""
        self._session.close()

    def read_list(
        self, contract: Contract, query: Mapping[str, str], after: int | None = None, limit: int = PAGE_LIMIT
    ) -> Page:
        """Return the first page of the records that match `query` (Coupa's filters) with ids greater than `after`.

        Asks for the contract's fields only, and for `limit` records at most. Raises TransientError or RateLimitedError
        when the policy's attempts are used up; LoginRefusedError; AccessDeniedError naming the scope;
        ResourceMissingError where the resource itself is not there; ContractError where the server keeps
        answering something else than what was asked.
        """
        what = f"instance {self.instance}, {contract.resource}"
        request = self._prepare(contract, {**query, "limit": str(limit)}, after)

        def attempt() -> Page:
            response = self._get(request, contract, what)
            if response.status_code == 404 and NO_MATCH not in response.text.lower():
                response = self._ask_again(request, contract, what)
            body = b"[]" if response.status_code == 404 else response.content
            return Page(body, read_page(body, after, what), _server_date(response, what))

        try:
            return request_with_retries(attempt, self.policy, what)
        except UnorderedPageError as error:
            msg = f"{error} (asked {self.policy.attempts} times); nothing of this page is kept, report it to the vendor"
            raise ContractError(msg) from error

    def _ask_again(self, request: requests.PreparedRequest, contract: Contract, what: str) -> requests.Response:
        """Tell an empty list's 404 from a missing resource's and from a passing one.

        Without filters a resource that is there shows a record, or says that none matches; one that is not licensed
        does neither. Then the question is repeated, so that a single stray 404 does not end a list early.
        """
        parameters = urlencode({"fields": '["id"]', "limit": 1})
        unfiltered = f"{self._base_url}/api/{contract.resource}?{parameters}"
        probe = self._get(self._session.prepare_request(requests.Request("GET", unfiltered)), contract, what)
        if probe.status_code == 404 and NO_MATCH not in probe.text.lower():
            msg = (
                f"{what}: answers 404 even without filters ({shown_body(probe)}): not licensed, or not part of this "
                "release; ask the customer's administrator, or take the feed off this engagement"
            )
            raise ResourceMissingError(msg)
        return self._get(request, contract, what)

    def _prepare(self, contract: Contract, query: Mapping[str, str], after: int | None) -> requests.PreparedRequest:
        """Prepare a list call; `fields`, two thousand characters, is encoded once for all pages of a list."""
        if self._prepared is None or self._prepared[0] is not contract or self._prepared[1] != query:
            settings = {"fields": fields_parameter(contract), "order_by": "id", "dir": "asc"}
            url = f"{self._base_url}/api/{contract.resource}?{urlencode({**query, **settings})}"
            self._prepared = contract, dict(query), self._session.prepare_request(requests.Request("GET", url))
        request = self._prepared[2].copy()
        if after is not None:
            request.url = f"{request.url}&{urlencode({'id[gt]': after})}"
        return request

    def _get(self, request: requests.PreparedRequest, contract: Contract, what: str) -> requests.Response:
        """Return an answer of 200 or 404."""
        response = self._get_with_token(request, what)
        if response.status_code in (200, 404):
            return response
        if response.status_code == 403:
            msg = f"{what}: access denied ({shown_body(response)}); grant the scope {contract.scope} to the client"
            raise AccessDeniedError(msg)
        msg = (
            f"{what}: answers {response.status_code} ({shown_body(response)}); "
            f"contract {contract.feed} version {contract.version} asks for something that this release does not serve"
        )
        raise ContractError(msg)

    def _get_with_token(self, request: requests.PreparedRequest, what: str) -> requests.Response:
        """Send a GET; a young token's 401 is repeated with the same token, an older one's once with a new token."""
        renewed = False
        wait = min(1.0, self.policy.first_wait)
        while True:
            token = _tokens.get(self.connection, self._fetch_token)
            request.headers["Authorization"] = f"Bearer {token.text}"
            self._limiter.wait()
            response = send_once(self._session, request, self.policy, what)
            if response.status_code != 401:
                return response
            if token.age() < self._settles_within:
                time.sleep(wait)
                wait *= 2
            elif renewed:
                msg = (
                    f"{what}: refuses a fresh token ({shown_body(response)}); "
                    f"check the client of connection coupa_{self.instance} in Coupa's OAuth2 set-up"
                )
                raise LoginRefusedError(msg)
            else:
                _tokens.forget(self.connection, token)
                renewed = True

    def _fetch_token(self) -> _Token:
        what = f"instance {self.instance}, login"
        connection = self.connection
        form = {
            "grant_type": "client_credentials",
            "client_id": connection.client_id,
            "client_secret": connection.client_secret,
            "scope": " ".join(connection.scopes),
        }
        asked = self._session.prepare_request(requests.Request("POST", self._session.token_url, data=form))
        self._limiter.wait()
        response = send_once(self._session, asked, self.policy, what)
        if response.status_code == 200:
            return _read_token(response, what)
        if response.status_code == 404:
            msg = f"{what}: nothing answers at {self._session.token_url}; correct connection coupa_{self.instance}"
            raise ConfigurationError(msg)
        if "invalid_scope" in response.text:
            msg = (
                f"{what}: the scopes {' '.join(connection.scopes)} are not all granted ({shown_body(response)}); "
                f"grant them to the client in Coupa, or take the missing one out of connection coupa_{self.instance}"
            )
            raise AccessDeniedError(msg)
        msg = (
            f"{what}: refused with {response.status_code} ({shown_body(response)}); "
            f"renew client id and secret in connection coupa_{self.instance}"
        )
        raise LoginRefusedError(msg)


class _ReadOnlySession(requests.Session):
    """A session through which nothing leaves but GET, and POST to the token endpoint."""

    def __init__(self, token_url: str) -> None:
        super().__init__()
        self.token_url = token_url
        adopt_environment(self, token_url)
        self.headers.update({"Accept": "application/json", "User-Agent": "hypercare"})

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:  # noqa: ANN401 - requests' own
        """Send a request that only reads; raise PermanentError for any other."""
        if request.method != "GET" and not (request.method == "POST" and request.url == self.token_url):
            msg = f"{request.method} {request.url} would write: customers' instances are only read"
            raise PermanentError(msg)
        return super().send(request, **options)


@dataclass(frozen=True)
class _Token:
    text: str = field(repr=False)
    issued_at: float
    """On this process's monotonic clock."""
    lifetime: float

    def age(self) -> float:
        return time.monotonic() - self.issued_at


class _TokenCache:
    """The tokens of this process: one for each connection, fetched by one thread while the others wait for it."""

    def __init__(self) -> None:
        self._tokens: dict[CoupaConnection, _Token] = {}
        self._locks: dict[CoupaConnection, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, connection: CoupaConnection, fetch: Callable[[], _Token]) -> _Token:
        with self._lock:
            lock = self._locks.setdefault(connection, threading.Lock())
        with lock:
            token = self._tokens.get(connection)
            if token is None or token.age() >= token.lifetime:
                token = self._tokens[connection] = fetch()
            return token

    def forget(self, connection: CoupaConnection, token: _Token) -> None:
        """Drop a refused token, unless another thread has already replaced it."""
        with self._lock:
            if self._tokens.get(connection) is token:
                del self._tokens[connection]


_tokens = _TokenCache()


def _read_token(response: requests.Response, what: str) -> _Token:
    """Read a token; raise TransientError for an answer without a token, such as a maintenance page."""
    try:
        answer = orjson.loads(response.content)
        text, lifetime = str(answer["access_token"]), float(answer.get("expires_in", TOKEN_LIFETIME))
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        msg = f"{what}: the answer holds no token ({type(error).__name__}); the next run tries again"
        raise TransientError(msg) from error
    return _Token(text, time.monotonic(), min(TOKEN_LIFETIME, 0.8 * lifetime))


def _server_date(response: requests.Response, what: str) -> datetime:
    date = http_date(response.headers.get("Date", ""))
    if date is None:
        msg = f"{what}: the answer has no Date header, so no watermark can be set; look for a proxy that removes it"
        raise ContractError(msg)
    return date
