"""What a served Coupa stand-in was asked, so that a test can tell what was asked twice."""

from __future__ import annotations

from urllib.parse import parse_qs

import requests


def take_cursors(base_url: str, instance: str) -> dict[str, list[str | None]]:
    """Return, by resource, the cursor of every list request since the last call; None where it had none."""
    address = f"{base_url}/admin/coupa/{instance}/requests"
    log = requests.get(address, timeout=30).json()["log"]
    requests.delete(address, timeout=30).raise_for_status()
    found: dict[str, list[str | None]] = {}
    for entry in log:
        if entry["method"] == "GET":
            cursor = parse_qs(entry["query"]).get("id[gt]", [None])[0]
            found.setdefault(entry["resource"], []).append(cursor)
    return found
