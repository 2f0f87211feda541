"""Pages on their way into a published pull: staged as they came, joined, typed, and published by a manifest.

A staged page's name holds its pass, number, cursor and digest. So a later try, on any machine, goes on behind the last
page without asking for it again, and two tries that overlap for a while never change each other's pages.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import duckdb
import orjson
from pydantic import BaseModel, ConfigDict

from hypercare.contracts import Contract
from hypercare.errors import ContractError
from hypercare.lake import Lake, Manifest, Pass, StagedPage, pull_folder
from hypercare.scratch_database import open_cursor
from hypercare.systems.coupa import PAGE_LIMIT, RecordHead, read_page
from hypercare.typed import TypedFile, write_empty, write_typed

CheckLease = Callable[[], None]
"""Raises LeaseLostError where another try has taken over."""

PAGE_NAME = re.compile(r"pass-(?P<pass>\d+)/page-\d+-after-(?P<after>\d+)-(?P<digest>[0-9a-f]{16})\.json$")
TYPING_SLOTS = threading.BoundedSemaphore((os.cpu_count() or 1) + 1)
"""Files typed at once: one more than there are cores keeps all of them busy, others would only take memory."""


def no_lease() -> None:
    """Stand for a lease where nobody else can be at work."""


class Answer(Protocol):
    """A page as a client returns it."""

    @property
    def body(self) -> bytes: ...  # noqa: D102
    @property
    def heads(self) -> list[RecordHead]: ...  # noqa: D102
    @property
    def server_date(self) -> datetime: ...  # noqa: D102


class Started(BaseModel):
    """What a pull set out with; a later try goes on with the same."""

    model_config = ConfigDict(frozen=True)

    observed_at: datetime
    contract_version: int
    passes: tuple[Pass, ...]
    touched_since: datetime | None = None


class JoinedPages:
    """The pages of a pull as one JSON array in a local file, with the counts for the manifest. A context manager."""

    def __init__(
        self, contract: Contract, path: Path, *, several_passes: bool = False, fields: Iterable[str] | None = None
    ) -> None:
        """`fields`: the top-level fields to look for in the records, where those are not all of the contract's."""
        self.path = path
        self.pages: list[StagedPage] = []
        self.rows = 0
        self.superseded: list[int] = []
        self._fields_unseen = set(contract.columns.fields if fields is None else fields)
        self._largest_body = 0
        self._several_passes = several_passes
        self._seen: dict[int, tuple[int, str | None]] = {}
        self._file = path.open("wb")
        self._file.write(b"[")

    def __enter__(self) -> JoinedPages:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._file.closed:
            self._file.write(b"]")
            self._file.close()

    @property
    def columns_missing(self) -> tuple[str, ...]:
        """Top-level fields of the contract that no record so far has."""
        return tuple(sorted(self._fields_unseen)) if self.rows else ()

    @property
    def largest_record(self) -> int:
        """Bytes that no record exceeds: those of the largest page, and a megabyte at least."""
        return max(1024 * 1024, self._largest_body)

    def add(self, name: str, body: bytes, digest: str, heads: Sequence[RecordHead]) -> None:
        """Append a page: its name and sha256, its bytes as they came, and the heads of its records."""
        self.append(StagedPage(name=name, size=len(body), sha256=digest, rows=len(heads)), body, heads)

    def append(self, page: StagedPage, body: bytes, heads: Sequence[RecordHead]) -> None:
        """Append the records of a page, as a JSON array, and their heads."""
        self.pages.append(page)
        self._largest_body = max(self._largest_body, len(body))
        if not heads:
            return
        if self.rows:
            self._file.write(b",")
        self._file.write(body.strip()[1:-1])
        if self._several_passes:
            self._supersede(heads)
        if self._fields_unseen:
            self._fields_unseen.difference_update(*orjson.loads(body))
        self.rows += len(heads)

    def _supersede(self, heads: Sequence[RecordHead]) -> None:
        for place, head in enumerate(heads, start=self.rows):
            version = place, head.get("updated-at")
            earlier = self._seen.get(head["id"])
            if earlier is not None:
                version, loser = (version, earlier) if _is_later(version[1], earlier[1]) else (earlier, version)
                self.superseded.append(loser[0])
            self._seen[head["id"]] = version


def _is_later(updated_at: str | None, than: str | None) -> bool:
    """Tell whether a version fetched later is not older; the one fetched later wins where nothing tells."""
    if updated_at == than:
        return True
    try:
        return _instant(updated_at) >= _instant(than)
    except (TypeError, ValueError):
        return True


def _instant(text: Any) -> datetime:  # noqa: ANN401 - whatever the server put there
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def stage_page(lake: Lake, folder: str, name: str, body: bytes, digest: str) -> str:
    """Write a page below a pull's raw folder; return its name, which ends in its digest."""
    full_name = f"{name}-{digest[:16]}.json"
    lake.write(f"{folder}/{full_name}", body)
    return full_name


def stage_passes(
    lake: Lake,
    folder: str,
    contract: Contract,
    started: Started | None,
    passes: Sequence[Pass],
    fetch: Callable[[Pass, int | None], Answer],
    joined: JoinedPages,
    check_lease: CheckLease,
    touched_since: datetime | None = None,
) -> Started:
    """Bring all pages of all passes into the raw folder and the joined file; ask only for those not yet staged.

    `started` is what an earlier try left (see `read_started`); without it, this try's is written at the first answer.
    Raises what `fetch` and `check_lease` raise; what was staged by then stays.
    """
    staged = _staged_pages(lake, folder) if started else {}
    for number, question in enumerate(passes, start=1):
        after, count, page_number = None, 0, 0
        while True:
            check_lease()
            page_number += 1
            page = _read_staged(lake, folder, staged.get((number, after or 0)), after, contract)
            if page is None:
                answer = fetch(question, after)
                if started is None:
                    started = _start(lake, folder, contract, passes, answer.server_date, touched_since)
                digest = hashlib.sha256(answer.body).hexdigest()
                name = f"pass-{number}/page-{page_number:05d}-after-{after or 0}"
                page = stage_page(lake, folder, name, answer.body, digest), answer.body, digest, answer.heads
            joined.add(*page)
            heads = page[3]
            count += len(heads)
            if len(heads) < PAGE_LIMIT or count == question.most:
                break
            after = heads[-1]["id"]
    assert started is not None, "a pull has at least one pass"
    return started


def read_started(lake: Lake, folder: str, contract: Contract) -> Started | None:
    """Return what an earlier try set out with; one made under another contract version is removed with its pages."""
    try:
        started = Started.model_validate_json(lake.read(f"{folder}/started.json"))
    except FileNotFoundError:
        return None
    if started.contract_version != contract.version:
        lake.remove_folder(folder)
        return None
    return started


def _start(
    lake: Lake,
    folder: str,
    contract: Contract,
    passes: Sequence[Pass],
    observed_at: datetime,
    touched_since: datetime | None,
) -> Started:
    """Write down what this pull sets out with; where an overlapping try came first, its earlier date counts."""
    started = Started(
        observed_at=observed_at, contract_version=contract.version, passes=tuple(passes), touched_since=touched_since
    )
    if lake.create(f"{folder}/started.json", started.model_dump_json(indent=1).encode()):
        return started
    return read_started(lake, folder, contract) or started


def _staged_pages(lake: Lake, folder: str) -> dict[tuple[int, int], str]:
    matches = (PAGE_NAME.search(path) for path in lake.list_paths(folder))
    return {(int(match["pass"]), int(match["after"])): match[0] for match in matches if match}


def _read_staged(
    lake: Lake, folder: str, name: str | None, after: int | None, contract: Contract
) -> tuple[str, bytes, str, list[RecordHead]] | None:
    """Return a staged page; None where there is none, or where its bytes are not those that were written."""
    if name is None:
        return None
    body = lake.read(f"{folder}/{name}")
    digest = hashlib.sha256(body).hexdigest()
    if f"-{digest[:16]}.json" not in name:
        return None
    return name, body, digest, read_page(body, after, f"staged page {name} of {contract.feed}")


def type_pages(contract: Contract, owner: str, joined: JoinedPages) -> TypedFile:
    """Write the joined pages as Parquet beside them. Raises ContractError where they cannot be read at all."""
    target = joined.path.with_name("part.parquet")
    if not joined.rows:
        return write_empty(contract, target)
    with TYPING_SLOTS, open_cursor() as connection:
        try:
            return write_typed(connection, contract, joined.path, target, joined.superseded, joined.largest_record)
        except (duckdb.InvalidInputException, duckdb.ConversionException) as error:
            msg = (
                f"{owner}, {contract.feed}: the records cannot be read by contract version {contract.version}: {error}"
            )
            raise ContractError(msg) from error


def publish_pages(
    lake: Lake,
    contract: Contract,
    joined: JoinedPages,
    typed: TypedFile,
    check_lease: CheckLease,
    **facts: Any,  # noqa: ANN401
) -> Manifest:
    """Move the typed files into the lake and publish them by their manifest; `facts` are its other fields.

    Raises LeaseLostError (through `check_lease`) where another try has taken over; nothing is published then.
    """
    parts = [f"{contract.feed} {contract.version}", *(page.sha256 for page in joined.pages)]
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    folder = pull_folder("typed", contract.feed, facts["owner"], facts["pull"])
    path = f"{folder}/part-{digest[:16]}.parquet"
    rejects = f"{folder}/part-{digest[:16]}.rejects.parquet" if typed.rejects_path else None
    check_lease()
    lake.put_file(typed.path, path)
    if typed.rejects_path and rejects:
        lake.put_file(typed.rejects_path, rejects)
    manifest = Manifest(
        feed=contract.feed,
        contract_version=contract.version,
        pages=tuple(joined.pages),
        rows=typed.rows,
        duplicates=len(joined.superseded),
        misfits=typed.misfits,
        columns_missing=joined.columns_missing,
        typed=path,
        rejects=rejects,
        digest=digest,
        **facts,
    )
    check_lease()
    return lake.publish(manifest)
