"""An engagement's bank statements, read from its folder into the feeds `bank_statements` and `bank_entries`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hypercare.bank_entries import write_row
from hypercare.errors import HypercareError, ResourceMissingError
from hypercare.model import Engagement
from hypercare.runtime import Runtime
from hypercare.systems.bank_csv import load_bank_csv_mapping
from hypercare.systems.bank_statement import BankRead, read_bank_folder

BANK_FEEDS = ("bank_statements", "bank_entries")
log = logging.getLogger(__name__)
Rows = Sequence[Mapping[str, Any]]


def open_bank_readers(runtime: Runtime) -> dict[str, Callable[[Engagement], Rows | None]]:
    """Return, by feed, what reads it for an engagement; None: it has no statements, and never had.

    The files are read once for both feeds, so that they speak of the same. A reader raises what `read_bank_folder`
    raises, and ResourceMissingError where statements were given once and are gone: a check that failed must not vanish
    with its file.
    """
    folders = _BankFolders(runtime)

    def read_statements(engagement: Engagement) -> Rows | None:
        found = folders.read(engagement)
        return None if found is None else [write_row(one) for one in found.statements]

    def read_entries(engagement: Engagement) -> Rows | None:
        found = folders.read(engagement)
        return None if found is None else [write_row(one) for one in found.entries]

    return {"bank_statements": read_statements, "bank_entries": read_entries}


class _BankFolders:
    """Reads each engagement's folder once and remembers what came of it."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._outcomes: dict[str, BankRead | HypercareError | None] = {}

    def read(self, engagement: Engagement) -> BankRead | None:
        if not engagement.has_coupa_pay:
            return None
        if engagement.id not in self._outcomes:
            self._outcomes[engagement.id] = self._attempt(engagement)
        outcome = self._outcomes[engagement.id]
        if isinstance(outcome, HypercareError):
            raise outcome
        return outcome

    def _attempt(self, engagement: Engagement) -> BankRead | HypercareError | None:
        try:
            found = self._read_folder(engagement)
        except ResourceMissingError as error:
            was_given = bool(self._runtime.lake.manifests(engagement.id, BANK_FEEDS))
            return ResourceMissingError(f"{error}; they were given before: put them back") if was_given else None
        except HypercareError as error:
            return error
        for words in found.warnings:
            log.warning("%s: %s", engagement.name, words)
        return found

    def _read_folder(self, engagement: Engagement) -> BankRead:
        settings = self._runtime.settings
        if not settings.bank_url:
            msg = "HYPERCARE_BANK_URL names no folder of bank statements"
            raise ResourceMissingError(msg)
        mapping = load_bank_csv_mapping(settings.include_folder / "mappings" / "bank_csv.yaml")
        return read_bank_folder(settings.bank_url, engagement.id, mapping)
