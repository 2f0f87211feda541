"""The token endpoint: client credentials and signed JWT assertions, and the sessions that come of them."""

from __future__ import annotations

import hmac
import secrets
from base64 import b64decode
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import jwt

from sandbox.salesforce.store import Org

INVALID_GRANT = "invalid_grant"
INVALID_CLIENT = "invalid_client"
INVALID_CLIENT_ID = "invalid_client_id"
UNSUPPORTED_GRANT = "unsupported_grant_type"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


class LoginRefusedError(Exception):
    """A refused login: `{"error", "error_description"}` with status 400."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(f"{error}: {description}")
        self.error = error
        self.description = description

    def write_body(self) -> dict[str, str]:
        """Write the JSON body."""
        return {"error": self.error, "error_description": self.description}


class Sessions:
    """The access tokens that are valid now."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self._tokens: set[str] = set()

    def open_session(self) -> str:
        """Make a new access token of Salesforce's shape: the org's 15-character id, `!`, and random characters."""
        token = f"{self._org.organization_id[:15]}!{secrets.token_urlsafe(48)}"
        self._tokens.add(token)
        return token

    def is_valid(self, authorization: str) -> bool:
        """Whether an `Authorization` header (Bearer or OAuth) carries a token that is valid now."""
        scheme, _, token = authorization.partition(" ")
        return scheme.lower() in {"bearer", "oauth"} and token.strip() in self._tokens

    def end_all(self) -> int:
        """End every session, as a change of the app's policy does; return how many there were."""
        count = len(self._tokens)
        self._tokens.clear()
        return count


def log_in(
    org: Org, sessions: Sessions, form: Mapping[str, str], authorization: str, instance_url: str
) -> dict[str, Any]:
    """Answer a POST to the token endpoint.

    `form` is the body, `authorization` the header (may hold the client's credentials), `instance_url` the base address
    to hand out. Raises LoginRefusedError. The refusals' texts are those that users of real orgs quote.
    """
    grant = form.get("grant_type", "")
    if grant == "client_credentials":
        _check_client(org, form, authorization)
    elif grant == JWT_BEARER:
        _check_assertion(org, form.get("assertion", ""))
    elif grant == "password":
        # Blocked in new orgs since Summer '23, with the text of any failed login.
        raise LoginRefusedError(INVALID_GRANT, "authentication failure")
    else:
        raise LoginRefusedError(UNSUPPORTED_GRANT, "grant type not supported")
    return _write_token(org, sessions.open_session(), instance_url, org.now())


def write_soap_refusal() -> str:
    """Write the fault that new orgs answer to a SOAP login, where it is disabled by default."""
    code, message = "INVALID_OPERATION", "SOAP API login() is disabled by default in this org."
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
        'xmlns:sf="urn:fault.partner.soap.sforce.com"><soapenv:Body><soapenv:Fault>'
        f"<faultcode>{code}</faultcode><faultstring>{code}: {message}</faultstring><detail><sf:LoginFault>"
        f"<sf:exceptionCode>{code}</sf:exceptionCode><sf:exceptionMessage>{message}</sf:exceptionMessage>"
        "</sf:LoginFault></detail></soapenv:Fault></soapenv:Body></soapenv:Envelope>"
    )


def _check_client(org: Org, form: Mapping[str, str], authorization: str) -> None:
    client_id, client_secret = form.get("client_id", ""), form.get("client_secret", "")
    if authorization.lower().startswith("basic "):
        client_id, client_secret = _read_basic(authorization)
    if client_id != org.client_id:
        raise LoginRefusedError(INVALID_CLIENT_ID, "client identifier invalid")
    if not hmac.compare_digest(client_secret.encode(), org.client_secret.encode()):
        raise LoginRefusedError(INVALID_CLIENT, "invalid client credentials")


def _read_basic(authorization: str) -> tuple[str, str]:
    try:
        client_id, _, client_secret = b64decode(authorization[6:], validate=True).decode().partition(":")
    except ValueError:
        raise LoginRefusedError(INVALID_CLIENT, "invalid client credentials") from None
    return client_id, client_secret


def _check_assertion(org: Org, assertion: str) -> None:
    """Check who signed, for whom, for which server and until when; `exp` is compared with the real time."""
    try:
        claimed = jwt.decode(assertion, options={"verify_signature": False})
    except jwt.InvalidTokenError:
        raise LoginRefusedError(INVALID_GRANT, "invalid assertion") from None
    if claimed.get("iss") != org.client_id:
        raise LoginRefusedError(INVALID_CLIENT_ID, "client identifier invalid")
    if org.public_key is None:
        raise LoginRefusedError(INVALID_GRANT, "invalid assertion")
    try:
        claims = jwt.decode(
            assertion, org.public_key, algorithms=["RS256"], audience=org.audiences, options={"require": ["exp", "aud"]}
        )
    except jwt.InvalidTokenError as error:
        raise LoginRefusedError(INVALID_GRANT, _describe_assertion_fault(error)) from None
    if claims.get("sub") != org.username:
        raise LoginRefusedError(INVALID_GRANT, "user hasn't approved this consumer")


def _describe_assertion_fault(error: jwt.InvalidTokenError) -> str:
    if isinstance(error, jwt.InvalidAudienceError):
        return "audience is invalid"
    return "assertion expired" if isinstance(error, jwt.ExpiredSignatureError) else "invalid assertion"


def _write_token(org: Org, token: str, instance_url: str, now: datetime) -> dict[str, Any]:
    return {
        "access_token": token,
        "signature": secrets.token_urlsafe(32),
        "scope": "api",
        "instance_url": instance_url,
        "id": f"https://login.salesforce.com/id/{org.organization_id}/{org.user_id}",
        "token_type": "Bearer",
        "issued_at": str(int(now.timestamp() * 1000)),
    }
