"""Keeps what was written through a site's API in a file, so that a sandbox that starts again stands where it stood.

One line a write, in JSON: the site's clock, what was done, and with what. Happenings are not kept: they come again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from sandbox.jira.site import Site


def keep_journal(site: Site, file: Path) -> None:
    """Do again what the file tells, if it is there, and add to it from here on."""
    if file.exists():
        for line in file.read_bytes().splitlines():
            told = orjson.loads(line)
            site.move_to(datetime.fromisoformat(told["at"]))
            ACTS[told["act"]](site, told["facts"])
    file.parent.mkdir(parents=True, exist_ok=True)
    site.journal = file


def note(site: Site, act: str, **facts: Any) -> None:  # noqa: ANN401 - JSON
    """Tell the journal, where one is kept, of what was just done."""
    if site.journal is not None:
        with site.journal.open("ab") as journal:
            journal.write(orjson.dumps({"at": site.now().isoformat(), "act": act, "facts": facts}) + b"\n")


def _create(site: Site, facts: Mapping[str, Any]) -> None:
    site.create_from_screen(facts["fields"]).properties.update(facts["properties"])


def _edit(site: Site, facts: Mapping[str, Any]) -> None:
    site.edit(site.find_issue(facts["issue"]), **facts["values"])


def _move(site: Site, facts: Mapping[str, Any]) -> None:
    site.move(site.find_issue(facts["issue"]), facts["transition"])


def _comment(site: Site, facts: Mapping[str, Any]) -> None:
    site.comment(site.find_issue(facts["issue"]), facts["body"])


def _put_property(site: Site, facts: Mapping[str, Any]) -> None:
    site.find_issue(facts["issue"]).properties[facts["name"]] = facts["value"]


ACTS: Mapping[str, Callable[[Site, Mapping[str, Any]], None]] = {
    "create": _create,
    "edit": _edit,
    "move": _move,
    "comment": _comment,
    "put_property": _put_property,
}
