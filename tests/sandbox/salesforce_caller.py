"""What the tests of the Salesforce stand-in share: an org, keys, and a client that knows nothing but HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from sandbox.salesforce.store import Org

NOVEMBER = datetime(2026, 11, 2, 8, tzinfo=UTC)
DATA = "/services/data/v59.0"
TOKEN = "/services/oauth2/token"
GRANT = {"grant_type": "client_credentials", "client_id": "client", "client_secret": "secret"}


def make_keys() -> tuple[str, str]:
    """A private and a public key, as PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


PRIVATE_KEY, PUBLIC_KEY = make_keys()


def make_org() -> Org:
    """An org with five accounts, made on the five days from 24 October on."""
    org = Org(
        "Demo",
        "client",
        "secret",
        public_key=PUBLIC_KEY,
        audiences=("https://login.salesforce.com", "https://acme.my.salesforce.com"),
        clock=NOVEMBER,
    )
    for number in range(1, 6):
        org.put("Account", NOVEMBER - timedelta(days=10 - number), {"Name": f"Customer {number}"})
    return org


class Caller:
    """A client that knows nothing but HTTP."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.http = requests.Session()
        self.http.trust_env = False

    def log_in(self) -> Caller:
        answer = self.http.post(f"{self.base}{TOKEN}", data=GRANT, timeout=10)
        assert answer.status_code == 200, answer.text
        self.http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        return self

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.http.get(f"{self.base}{path}", timeout=10, **options)

    def query(self, text: str, **options: Any) -> requests.Response:
        return self.get(f"{DATA}/query/", params={"q": text}, **options)

    def order(self, method: str, path: str, body: object = None) -> Any:
        answer = self.http.request(method, f"{self.base}/admin/salesforce/{path}", json=body, timeout=10)
        assert answer.ok, answer.text
        return answer.json()


def read_error(answer: requests.Response) -> tuple[int, str]:
    """The status and code of an error answer, whose shape is checked on the way."""
    (error,) = answer.json()
    assert set(error) <= {"message", "errorCode", "fields"}
    assert error["message"]
    return answer.status_code, error["errorCode"]
