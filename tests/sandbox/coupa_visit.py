"""A client of the Coupa stand-in for tests: it knows one tenant's paths and holds a token with every scope."""

from __future__ import annotations

from typing import Any

import requests

from sandbox.coupa.api import every_scope

JSON = {"Accept": "application/json"}
WRITE_SCOPES = ("core.invoice.write", "core.pay.payments.write", "core.pay.statements.write")


class Visit:
    def __init__(self, base: str, instance: str = "acme", *, scope: str | None = None) -> None:
        self.host = f"{base}/coupa/{instance}"
        self.admin = f"{base}/admin/coupa/{instance}"
        self.session = requests.Session()
        self.session.headers.update(JSON)
        self.scope = scope or " ".join(sorted({*every_scope(), *WRITE_SCOPES}))
        self.renew()

    def renew(self) -> None:
        self.session.headers["Authorization"] = f"Bearer {self.ask_token().json()['access_token']}"

    def ask_token(self, path: str = "/oauth2/token", auth: Any = None, **form: str) -> requests.Response:
        asked = {
            "grant_type": "client_credentials",
            "client_id": "hypercare",
            "client_secret": "sandbox-secret",
            "scope": self.scope,
            **form,
        }
        asked = {key: value for key, value in asked.items() if value}
        return requests.post(self.host + path, data=asked, auth=auth, timeout=10)

    def get(self, resource: str, *, headers: dict[str, str] | None = None, **parameters: Any) -> requests.Response:
        return self.session.get(f"{self.host}/api/{resource}", params=parameters, headers=headers, timeout=10)

    def rows(self, resource: str, parameters: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        response = self.get(resource, **(parameters or {}))
        assert response.status_code == 200, response.text
        return response.json()

    def ids(self, resource: str, parameters: dict[str, Any] | None = None) -> list[int]:
        return [row["id"] for row in self.rows(resource, parameters)]

    def put(self, path: str, **parameters: str) -> requests.Response:
        return self.session.put(f"{self.host}/api/{path}", params=parameters, timeout=10)

    def add_fault(self, **fault: Any) -> str:
        response = requests.post(f"{self.admin}/faults", json=fault, timeout=10)
        assert response.status_code == 201, response.text
        return response.json()["id"]

    def steer(self, method: str, path: str, content: Any = None, **parameters: Any) -> requests.Response:
        return requests.request(method, f"{self.admin}/{path}", json=content, params=parameters, timeout=10)
