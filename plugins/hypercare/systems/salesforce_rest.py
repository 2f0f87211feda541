"""Salesforce's REST API, carefully: logins that end, time-outs, faults told apart by error code, whole query results.

simple-salesforce makes the token request and signs JWT assertions (`SalesforceLogin`) and quotes SOQL values; its REST
client is not used, having no time-outs, endless re-logins, and dropping a guarded write's headers when it logs in anew.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import urlencode

import requests

from hypercare.errors import (
    AccessDeniedError,
    ConfigurationError,
    ContractError,
    HypercareError,
    LoginRefusedError,
    PermanentError,
    RateLimitedError,
    ResourceMissingError,
    TransientError,
)
from hypercare.systems.http import TRANSIENT_STATUSES, RequestPolicy, request_with_retries, retry_after, shown_body
from hypercare.systems.salesforce_login import SalesforceLogin, Session, exchange

TRANSIENT_CODES = frozenset(
    {"UNABLE_TO_LOCK_ROW", "API_TEMPORARILY_UNAVAILABLE", "SERVER_UNAVAILABLE", "QUERY_TIMEOUT", "UNKNOWN_EXCEPTION"}
)
DENIED_CODES = frozenset(
    {
        "INSUFFICIENT_ACCESS",
        "INSUFFICIENT_ACCESS_OR_READONLY",
        "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY",
        "API_DISABLED_FOR_ORG",
        "API_CURRENTLY_DISABLED",
    }
)
MISSING_CODES = frozenset({"NOT_FOUND", "ENTITY_IS_DELETED"})
MAPPING_CODES = frozenset({"INVALID_FIELD", "INVALID_TYPE", "MALFORMED_QUERY", "UNSUPPORTED_API_VERSION"})
WRONG_ADDRESS = frozenset({301, 302, 303, 307, 308, 404, 405})
"""Statuses that, without an error code of Salesforce's, come from something else that answers there."""
SESSION_CODES = frozenset({"INVALID_SESSION_ID", "INVALID_AUTH_HEADER"})
DAILY_LIMIT_WAIT = 3600.0
"""Seconds after which a used up quota of 24 rolling hours may have room again; nobody waits for it in a task."""
API_USAGE = re.compile(r"\bapi-usage=(\d+)/(\d+)")
RECORD_ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?")
API_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ApiFault:
    """One entry of an error answer."""

    code: str
    """Salesforce's `errorCode`; empty where the answer has none."""
    message: str
    fields: tuple[str, ...] = ()


class RefusedRequestError(PermanentError):
    """A request that Salesforce refused for what it says; `faults` tell why, `status` is HTTP's."""

    def __init__(self, message: str, status: int, faults: tuple[ApiFault, ...]) -> None:
        super().__init__(message)
        self.status = status
        self.faults = faults


class _ResultClosedError(HypercareError):
    """The further pages of a query can no longer be fetched, however often: Salesforce closed its cursor."""


@dataclass(frozen=True)
class ApiUsage:
    """How many of the org's requests of the last 24 hours are used, over all that calls it."""

    used: int
    allowed: int


def quote_soql(value: str) -> str:
    """Return a text as a SOQL literal, its quotes, backslashes and line breaks escaped."""
    from simple_salesforce.format import quote_soql_value

    return str(quote_soql_value(value))


def check_record_id(text: str, what: str) -> str:
    """Return a record id of 15 or 18 letters and digits; raise ContractError for anything else."""
    if not RECORD_ID.fullmatch(text):
        msg = f"{what}: {text[:40]!r} is no Salesforce record id (15 or 18 letters and digits)"
        raise ContractError(msg)
    return text


class SalesforceClient:
    """One org. One thread at a time; the session is kept for the client's life."""

    def __init__(self, login: SalesforceLogin, policy: RequestPolicy | None = None) -> None:
        self.policy = policy or RequestPolicy(attempts=5)
        self.api_usage: ApiUsage | None = None
        """As the last answer told."""
        self._login = login
        self._http = requests.Session()
        self._http.headers.update({"Accept": "application/json", "User-Agent": "hypercare"})
        self._http.proxies.update(login.proxies)
        self._session: Session | None = None

    def send(
        self,
        method: str,
        path: str,
        what: str,
        *,
        parameters: Mapping[str, str] | None = None,
        json: object = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool | None = None,
    ) -> requests.Response:
        """Send a request to `path` below `/services/data/vXX.X` and return its answer (2xx).

        Transient faults are tried again where the request is `repeatable` (default: GETs are). An ended session is
        renewed once, and the request repeated with the same headers: Salesforce did nothing of what it refused so.
        Raises TransientError, RateLimitedError, LoginRefusedError, AccessDeniedError, ResourceMissingError,
        ConfigurationError for names that the org does not know, RefusedRequestError for all other refusals.
        """
        address = f"/services/data/v{self._login.version}/{path}"
        if parameters:
            address += f"?{urlencode(parameters)}"

        def attempt() -> requests.Response:
            return self._send_in_session(requests.Request(method, address, json=json, headers=headers), what)

        if repeatable if repeatable is not None else method == "GET":
            return request_with_retries(attempt, self.policy, what)
        request_with_retries(self._log_in, self.policy, what)
        return attempt()

    def describe(self, name: str) -> dict[str, Any]:
        """Return what `describe` says of an object; raise ResourceMissingError where there is none of that name."""
        if not API_NAME.fullmatch(name):
            msg = f"{name!r} is no object's API name"
            raise ConfigurationError(msg)
        what = f"Salesforce, describe of {name}"
        described = _read_object(self.send("GET", f"sobjects/{name}/describe", what), what)
        if not isinstance(described.get("fields"), list):
            _refuse_shape(what, "no list of fields")
        return described

    def query(self, soql: str, what: str) -> list[dict[str, Any]]:
        """Return all records of a query, over all its pages.

        Raises what `send` raises; TransientError where pages or records are missing at the end.
        """
        try:
            return self._query(soql, what)
        except _ResultClosedError as closed:
            log.warning("%s: asking anew: %s", what, closed)
        try:
            return self._query(soql, what)
        except _ResultClosedError as closed:
            msg = f"{closed}; the next run tries again"
            raise TransientError(msg) from closed

    def _query(self, soql: str, what: str) -> list[dict[str, Any]]:
        page = _read_object(self.send("GET", "query", what, parameters={"q": soql}), what)
        total = page.get("totalSize")
        records: list[dict[str, Any]] = []
        while True:
            found = page.get("records")
            if not isinstance(found, list):
                _refuse_shape(what, "no list of records")
            records.extend(found)
            if page.get("done"):
                break
            page = _read_object(self.send("GET", self._next_path(page, what), what), what)
            if not page.get("records"):
                break
        if len(records) != total:
            msg = f"{what}: {len(records)} of {total} records came; the next run tries again"
            raise TransientError(msg)
        return records

    def _next_path(self, page: Mapping[str, Any], what: str) -> str:
        """Return the next page's path; it names another version or host only if something is wrong."""
        address = str(page.get("nextRecordsUrl", ""))
        start = f"/services/data/v{self._login.version}/"
        if not re.fullmatch(re.escape(start) + r"query/[\w-]+", address):
            _refuse_shape(what, f"the next page's address {address[:80]!r}")
        return address.removeprefix(start)

    def _log_in(self) -> Session:
        if self._session is None:
            self._session = self._login.open(self._http, self.policy)
        return self._session

    def _send_in_session(self, request: requests.Request, what: str) -> requests.Response:
        """Send a request; where its session has ended, once more in a new one."""
        path, session = request.url, self._log_in()
        for is_last in (False, True):
            request.url, request.auth = f"{session.base_url}{path}", session
            response = exchange(self._http, self._http.prepare_request(request), self.policy, what)
            self._note_usage(response)
            faults = _read_faults(response)
            if not _is_session_fault(response, faults):
                _refuse_fault(response, faults, what)
                return response
            self._session = None
            if not is_last:
                session = self._log_in()
        msg = (
            f"{what}: Salesforce refuses a fresh session ({shown_body(response)}); check the policies of the app (IP "
            f"ranges, API access of its user) that connection {self._login.connection_id} logs in to"
        )
        raise LoginRefusedError(msg)

    def _note_usage(self, response: requests.Response) -> None:
        told = API_USAGE.search(response.headers.get("Sforce-Limit-Info", ""))
        if told:
            self.api_usage = ApiUsage(int(told[1]), int(told[2]))


def _read_faults(response: requests.Response) -> tuple[ApiFault, ...]:
    """Return the entries of an error answer: none for success, one without a code for what is not Salesforce's JSON."""
    if response.ok and response.status_code < 300:
        return ()
    try:
        told = response.json()
    except ValueError:
        told = None
    entries = [entry for entry in told if isinstance(entry, dict)] if isinstance(told, list) else []
    faults = tuple(
        ApiFault(
            str(entry.get("errorCode", "")),
            str(entry.get("message", "")),
            tuple(str(name) for name in entry.get("fields") or ()),
        )
        for entry in entries
    )
    return faults or (ApiFault("", shown_body(response)),)


def _is_session_fault(response: requests.Response, faults: tuple[ApiFault, ...]) -> bool:
    codes = {fault.code for fault in faults}
    return bool(codes & SESSION_CODES) or (response.status_code == 401 and codes == {""})


def _refuse_fault(response: requests.Response, faults: tuple[ApiFault, ...], what: str) -> None:
    """Raise what the faults' codes mean; the HTTP status counts only for codes that say nothing to us."""
    if not faults:
        return
    codes = {fault.code for fault in faults}
    status = response.status_code
    words = "; ".join(" ".join(f"{fault.code} {fault.message}".split()) for fault in faults)[:600]
    told = f"{what}: Salesforce answers {status} ({words})"
    if "REQUEST_LIMIT_EXCEEDED" in codes:
        _refuse_over_limit(told, words, response)
    if "INVALID_QUERY_LOCATOR" in codes:
        raise _ResultClosedError(told)
    if codes & DENIED_CODES:
        msg = f"{told}; grant the integration user access"
        raise AccessDeniedError(msg)
    if codes & MISSING_CODES:
        raise ResourceMissingError(told)
    if codes & MAPPING_CODES or (codes == {""} and status in WRONG_ADDRESS):
        msg = f"{told}; correct mappings/salesforce.yaml, or the connection's address and version"
        raise ConfigurationError(msg)
    if codes & TRANSIENT_CODES or status in TRANSIENT_STATUSES:
        wait = retry_after(response.headers)
        msg = f"{told}; the next run tries again"
        raise TransientError(msg) if wait is None else RateLimitedError(msg, wait)
    raise RefusedRequestError(told, status, faults)


def _refuse_over_limit(told: str, words: str, response: requests.Response) -> NoReturn:
    wait = retry_after(response.headers)
    if wait is None and "concurrent" not in words.lower():
        wait = DAILY_LIMIT_WAIT
    msg = f"{told}; the org's API quota is used up: try later, or find what uses it"
    raise RateLimitedError(msg, wait)


def _read_object(response: requests.Response, what: str) -> dict[str, Any]:
    try:
        told = response.json()
    except ValueError as error:
        msg = f"{what}: the answer is no complete JSON ({shown_body(response)[:80]}); the next run tries again"
        raise TransientError(msg) from error
    if not isinstance(told, dict):
        _refuse_shape(what, "no JSON object")
    return told


def _refuse_shape(what: str, words: str) -> NoReturn:
    msg = f"{what}: the answer does not have the shape of Salesforce's API: {words}"
    raise ContractError(msg)
