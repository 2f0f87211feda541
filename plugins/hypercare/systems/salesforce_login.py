"""Logging in to Salesforce: client credentials first, else a signed JWT; from a connection of SalesforceHook's shape.

Password and SOAP logins are not served: Salesforce blocks them in new orgs and ends them in 2027.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import requests

from hypercare.errors import ConfigurationError, HypercareError, LoginRefusedError, TransientError
from hypercare.systems.connections import SystemConnection
from hypercare.systems.http import UNUSABLE_ADDRESS, RequestPolicy, shown_body

API_VERSION = "60.0"
SHARED_DOMAINS = ("login", "test")
"""They log in users, not clients."""
DOMAIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]|\.(?=[A-Za-z0-9]))*")
VERSION = re.compile(r"[3-9]\d\.0|1\d\d\.0")
LONGEST_LOGIN_ANSWER_SHOWN = 200


@dataclass(frozen=True)
class Session(requests.auth.AuthBase):
    """An open session: where to call, and the header to call with, set per request so that no .netrc replaces it."""

    base_url: str
    token: str = field(repr=False)

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the header."""
        request.headers["Authorization"] = f"Bearer {self.token}"
        return request


@dataclass(frozen=True)
class SalesforceLogin:
    """All that a login needs."""

    connection_id: str
    domain: str
    """Such as `acme.my`, in front of `.salesforce.com`; `login` or `test` for JWT."""
    base_url: str = ""
    """Address to log in and call at instead of Salesforce's own, for gateways and tests."""
    version: str = API_VERSION
    username: str = ""
    consumer_key: str = field(repr=False, default="")
    consumer_secret: str = field(repr=False, default="")
    private_key: str = field(repr=False, default="")
    private_key_file: str = ""
    proxies: Mapping[str, str] = field(repr=False, default_factory=dict)

    def open(self, http: requests.Session, policy: RequestPolicy) -> Session:
        """Log in once; raise LoginRefusedError where the credentials are refused, TransientError for passing faults."""
        from simple_salesforce.exceptions import SalesforceAuthenticationFailed
        from simple_salesforce.login import SalesforceLogin as log_in  # noqa: N813

        endpoint = _TokenEndpoint(http, policy, self)
        try:
            if self.consumer_secret:
                token, instance = log_in(
                    session=endpoint,
                    domain=self.domain,
                    consumer_key=self.consumer_key,
                    consumer_secret=self.consumer_secret,
                )
            else:
                token, instance = log_in(
                    session=endpoint,
                    domain=self.domain,
                    username=self.username,
                    consumer_key=self.consumer_key,
                    privatekey=self.private_key or None,
                    privatekey_file=self.private_key_file or None,
                )
        except SalesforceAuthenticationFailed as error:
            msg = f"{endpoint.what}: refused ({error.code}: {error.auth_message}); {self._advise()}"
            raise LoginRefusedError(msg) from error
        except HypercareError:
            raise
        except Exception:  # noqa: BLE001
            # All that is left to fail is reading the private key and signing with it; the text may hold parts of it.
            msg = f"{endpoint.what}: its private key cannot be read or used; give an RSA key in PEM"
            raise ConfigurationError(msg) from None
        return Session(self.base_url or f"https://{instance}", token)

    def _advise(self) -> str:
        if self.consumer_secret:
            return f"renew consumer key and secret in connection {self.connection_id}, and check the app's run-as user"
        return (
            f"check consumer key, username and certificate of connection {self.connection_id}, and the app's approval"
        )


def read_login(connection: SystemConnection, base_url: str = "") -> SalesforceLogin:
    """Return the login that a connection describes; `base_url` replaces Salesforce's address, as a host does.

    Extras as in SalesforceHook: consumer_key, consumer_secret, domain, private_key, private_key_file_path, version,
    proxies; `login` is JWT's user. Raises ConfigurationError that names what is missing.
    """
    read = _Extras(connection)
    base = (base_url or _read_address(connection)).rstrip("/")
    found = SalesforceLogin(
        connection_id=connection.id,
        domain=_read_domain(read("domain") or "login", connection.id),
        base_url=base,
        version=read("version").removeprefix("v") or API_VERSION,
        username=connection.login,
        consumer_key=read("consumer_key"),
        consumer_secret=read("consumer_secret"),
        private_key=read("private_key").replace("\\n", "\n"),
        private_key_file=read("private_key_file_path"),
        proxies=read.proxies(),
    )
    _refuse_incomplete(found)
    if base and found.consumer_secret and found.domain in SHARED_DOMAINS:
        # simple-salesforce refuses these for client credentials, though the address behind them is another.
        return replace(found, domain="gateway.my")
    return found


def exchange(
    http: requests.Session, request: requests.PreparedRequest, policy: RequestPolicy, what: str
) -> requests.Response:
    """Send one request and read its whole body, without redirects; the answer may have any status.

    Raises TransientError where no whole answer came, ConfigurationError for addresses and certificates that cannot be
    right.
    """
    try:
        return http.send(
            request,
            timeout=(policy.connect_timeout, policy.read_timeout),
            allow_redirects=False,
            **http.merge_environment_settings(request.url or "", {}, None, None, None),
        )
    except UNUSABLE_ADDRESS as error:
        msg = f"{what}: {error}; correct the connection's address"
        raise ConfigurationError(msg) from error
    except requests.RequestException as error:
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            msg = f"{what}: the certificate is not trusted; check the address and this machine's certificates"
            raise ConfigurationError(msg) from error
        msg = f"{what}: no complete answer ({type(error).__name__}: {error}); the next run tries again"
        raise TransientError(msg) from error


class _TokenEndpoint:
    """Stands in simple-salesforce's login for a requests session: time-outs, our address, answers checked."""

    def __init__(self, http: requests.Session, policy: RequestPolicy, login: SalesforceLogin) -> None:
        self.what = f"Salesforce login by connection {login.connection_id}"
        self._http = http
        self._policy = policy
        self._base_url = login.base_url

    def post(self, url: str, data: Any, headers: Mapping[str, str] | None = None, **_: Any) -> requests.Response:  # noqa: ANN401 - requests' own
        """Send the token request; return an answer that simple-salesforce can read: JSON, complete where it is 200."""
        if self._base_url:
            url = f"{self._base_url}/services/oauth2/token"
        # An auth of our own keeps requests from looking for the host in .netrc.
        request = requests.Request("POST", url, data=data, headers=headers, auth=_leave_as_it_is)
        response = exchange(self._http, self._http.prepare_request(request), self._policy, self.what)
        try:
            told = response.json()
        except ValueError:
            told = None
        is_error = isinstance(told, dict) and "error" in told and response.status_code < 500
        is_token = isinstance(told, dict) and bool(told.get("access_token")) and bool(told.get("instance_url"))
        if is_error or (is_token and response.status_code == 200):
            return response
        shown = f"{response.status_code} ({shown_body(response)[:LONGEST_LOGIN_ANSWER_SHOWN]})"
        if 300 <= response.status_code < 500:
            msg = f"{self.what}: {url} answers {shown}; correct the connection's domain or address"
            raise ConfigurationError(msg)
        msg = f"{self.what}: answers {shown} instead of a token; the next run tries again"
        raise TransientError(msg)


def _leave_as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


class _Extras:
    """A connection's extras, by their short or long name; blank ones are empty."""

    def __init__(self, connection: SystemConnection) -> None:
        self._extra = connection.extra
        self._id = connection.id

    def __call__(self, name: str) -> str:
        return str(self._extra.get(name) or self._extra.get(f"extra__salesforce__{name}") or "").strip()

    def proxies(self) -> dict[str, str]:
        given = self._extra.get("proxies") or {}
        if not isinstance(given, dict):
            msg = f'connection {self._id}: the extra \'proxies\' must be a JSON object such as {{"https": "http://…"}}'
            raise ConfigurationError(msg)
        return {str(scheme): str(address) for scheme, address in given.items()}


def _read_address(connection: SystemConnection) -> str:
    """Return the address that a connection gives; none where its host is empty, as with Salesforce itself."""
    if not connection.host:
        return ""
    if "://" in connection.host or connection.schema in ("http", "https"):
        return connection.base_url
    msg = (
        f"connection {connection.id}: the host {connection.host!r} has no scheme; leave it empty and put the My Domain "
        "into the extra 'domain' (acme.my), or write http:// or https:// before the address of a gateway"
    )
    raise ConfigurationError(msg)


def _read_domain(domain: str, connection_id: str) -> str:
    """Return the domain in front of `.salesforce.com`; an address in its place would receive the secret."""
    name = domain.removeprefix("https://").rstrip("/").removesuffix(".salesforce.com")
    if not DOMAIN.fullmatch(name):
        msg = (
            f"connection {connection_id}: the domain {domain!r} is none; write the part before .salesforce.com: acme.my"
        )
        raise ConfigurationError(msg)
    return name


def _refuse_incomplete(login: SalesforceLogin) -> None:
    missing = []
    if not VERSION.fullmatch(login.version):
        missing.append(f"the extra 'version' must look like {API_VERSION}, not {login.version!r}")
    if not login.consumer_key:
        missing.append("the extra 'consumer_key' is missing")
    if login.consumer_secret:
        if login.domain in SHARED_DOMAINS and not login.base_url:
            missing.append(
                "the extra 'domain' must name your My Domain (acme.my): clients cannot log in at login or test"
            )
    elif not (login.username and (login.private_key or login.private_key_file)):
        missing.append("give the extra 'consumer_secret', or for JWT the login (user) and the extra 'private_key'")
    if missing:
        msg = f"connection {login.connection_id}: {'; '.join(missing)}"
        raise ConfigurationError(msg)
