"""Client-credentials tokens: issued as JWTs, remembered, and checked on every call."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote_plus

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox.world import Instance

LIFETIME_SECONDS = 86399
_SIGNING_KEY = secrets.token_bytes(32)


class TokenRefusedError(Exception):
    """The token endpoint refuses: an HTTP status and the error code of RFC 6749."""

    def __init__(self, *, status: int, code: str, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.code = code


@dataclass
class Token:
    """One issued token; the instants are seconds of the monotonic clock, so that moving an instance's clock ages none.

    `uses`: how many API calls carried it.
    """

    text: str
    scopes: frozenset[str]
    issued_at: float
    expires_at: float
    uses: int = 0


@dataclass
class TokenDesk:
    """Issues and checks the tokens of one tenant."""

    instance: Instance
    tokens: dict[str, Token] = field(default_factory=dict)

    def issue(self, headers: Mapping[str, str], query: str, body: bytes) -> dict[str, Any]:
        """Answer one token request (form body, or HTTP Basic for id and secret): the JSON of the token response.

        Raises TokenRefusedError: wrong grant type, wrong credentials, scopes that are missing or not granted.
        """
        form = {key: values[0] for key, values in parse_qs(body.decode("utf-8", "replace")).items()}
        asked = {key: values[0] for key, values in parse_qs(query).items()} | form
        if asked.get("grant_type") != "client_credentials":
            raise TokenRefusedError(status=400, code="unsupported_grant_type", why="only client_credentials is served")
        client_id, secret = _credentials(headers, asked)
        if (client_id, secret) != (self.instance.client_id, self.instance.client_secret):
            raise TokenRefusedError(status=401, code="invalid_client", why="client authentication failed")
        scopes = frozenset(asked.get("scope", "").split())
        refused = scopes - self.instance.scopes if self.instance.scopes is not None else frozenset()
        if refused or not scopes:
            named = " ".join(sorted(refused)) or "none was asked for"
            raise TokenRefusedError(status=400, code="invalid_scope", why=f"the scope is invalid or unknown: {named}")
        token = self._remember(scopes)
        return {
            "access_token": token.text,
            "token_type": "bearer",
            "expires_in": LIFETIME_SECONDS,
            "scope": " ".join(sorted(scopes)),
        }

    def find(self, authorization: str) -> Token | None:
        """Find the unexpired token of an Authorization header; None when it grants nothing."""
        kind, _, text = authorization.partition(" ")
        token = self.tokens.get(text.strip()) if kind.lower() == "bearer" else None
        if token is None or token.expires_at <= time.monotonic():
            return None
        return token

    def expire_all(self) -> int:
        """Make every token issued so far invalid; returns how many there were."""
        count = len(self.tokens)
        self.tokens.clear()
        return count

    def _remember(self, scopes: frozenset[str]) -> Token:
        now = time.monotonic()
        token = Token(_write_jwt(self.instance, scopes), scopes, now, now + LIFETIME_SECONDS)
        self.tokens[token.text] = token
        return token


def _credentials(headers: Mapping[str, str], asked: Mapping[str, str]) -> tuple[str, str]:
    kind, _, encoded = headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return asked.get("client_id", ""), asked.get("client_secret", "")
    try:
        client_id, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as fault:
        raise TokenRefusedError(status=401, code="invalid_client", why="the Basic header is malformed") from fault
    return unquote_plus(client_id), unquote_plus(secret)


def _write_jwt(instance: Instance, scopes: frozenset[str]) -> str:
    issued = int(time.time())
    claims = {
        "iss": instance.name,
        "sub": instance.client_id,
        "iat": issued,
        "exp": issued + LIFETIME_SECONDS,
        "jti": secrets.token_hex(16),
        "scope": sorted(scopes),
    }
    head = _base64(orjson.dumps({"alg": "HS256", "typ": "JWT"})) + "." + _base64(orjson.dumps(claims))
    return head + "." + _base64(hmac.new(_SIGNING_KEY, head.encode(), hashlib.sha256).digest())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
