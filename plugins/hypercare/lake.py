"""The lake: raw pages, typed Parquet, and the manifest of every published pull; a local folder, or s3://, gs://, abfs://.

Layout, with `p` a pull id and `i` its owner (an instance; for Salesforce and tracker feeds an engagement):

- `raw/{feed}/{i}/{p}/…`: pages as they came
- `typed/{feed}/{i}/{p}/part-….parquet`, and `part-….rejects.parquet` where values did not fit
- `manifests/{feed}/{i}/{p}.json`: written last and once; a pull exists when this does

Folders are not called `pull={p}`: DuckDB would take that for a column of the file (Hive partitioning).
Nothing that a manifest names is ever changed. A pull id is the run's `as_of` as `YYYYMMDDTHHMMSSZ`; records that others
refer to and that were fetched afterwards have `.r1`, `.r2` … behind it. Pull ids sort by time.
"""

from __future__ import annotations

import os
import re
import shutil
import threading
import uuid
from collections.abc import Collection, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import duckdb
import fsspec
from pydantic import BaseModel, ConfigDict

from hypercare.errors import ConfigurationError, ContractError
from hypercare.feed_tables import TypedPull

PULL_ID = re.compile(r"\d{8}T\d{6}Z(\.r\d+)?")
OWNER = re.compile(r"[A-Za-z0-9][\w.-]*")


class Pass(BaseModel):
    """One question to the server, paged to its end."""

    model_config = ConfigDict(frozen=True)

    name: str
    query: Mapping[str, str]
    most: int | None = None
    """How many records can match at most; None: any number."""


class StagedPage(BaseModel):
    """One page of a pull, as it came."""

    model_config = ConfigDict(frozen=True)

    name: str
    """Below the pull's raw folder."""
    size: int
    """Bytes."""
    sha256: str
    rows: int
    source: str = ""
    """Of a delivered file: its path below the drop folder."""
    delivered_at: datetime | None = None
    """Of a delivered file: the export's own time, UTC."""
    modified_at: datetime | None = None
    """Of a delivered file: when it was last written, UTC."""


class Manifest(BaseModel):
    """What one published pull holds, and what it rests on."""

    model_config = ConfigDict(frozen=True)

    feed: str
    owner: str
    pull: str
    contract_version: int
    kind: Literal["baseline", "increment", "references", "snapshot", "delivery"]
    """A snapshot is the feed's whole state; the others add versions to what earlier pulls brought.

    A delivery is of files: it holds each version that they bring, and the one updated last counts, since files may
    arrive late.
    """
    passes: tuple[Pass, ...] = ()
    pages: tuple[StagedPage, ...]
    rows: int
    duplicates: int
    """Records that two passes brought; the version with the later `updated-at` was kept."""
    misfits: int
    columns_missing: tuple[str, ...]
    """Top-level fields of the contract that no record has as a key, though there are records."""
    unresolved: tuple[str, ...] = ()
    """Keys that were asked for and are not there: an id, or `table:id` for a nested record's."""
    observed_at: datetime
    """The server's own time at the first answer, UTC."""
    touched_since: datetime | None = None
    """From when on every record that was created or changed is covered; None: from the beginning, or not by date."""
    watermark: datetime | None
    """From when on the next pull asks for updates; None where there is no next one of this kind."""
    typed: str
    """Path of the Parquet file in the lake."""
    rejects: str | None
    mapping: str = ""
    """Of a delivery: digest of the mapping by which its files were read."""
    lacks: Mapping[str, str] = {}
    """Of a delivery: the parts of the feed that its files do not hold, each with the reason."""
    digest: str
    """sha256 over the contract and the pages' digests: what the evidence names."""

    @property
    def run(self) -> str:
        """The pull id without the part that tells later fetched references."""
        return self.pull.partition(".")[0]


_ATTACHING = threading.Lock()


class Lake:
    """Bytes by path below one root, and the pulls published there. Safe to share between threads."""

    def __init__(self, root_url: str, **storage_options: Any) -> None:  # noqa: ANN401 - fsspec's own
        """`root_url`: a folder or a URL that fsspec knows. Raises ConfigurationError where it does not."""
        try:
            self._files, root = fsspec.core.url_to_fs(root_url, **storage_options)
        except (ImportError, ValueError) as error:
            msg = f"the lake's address {root_url!r} cannot be used: {error}; install its fsspec driver or correct it"
            raise ConfigurationError(msg) from error
        self._root = str(root).rstrip("/")
        protocol = self._files.protocol
        self.is_local = "file" in ((protocol,) if isinstance(protocol, str) else protocol)

    def read(self, path: str) -> bytes:
        """Return an object's bytes; raise FileNotFoundError where there is none."""
        found: bytes = self._files.cat_file(self._full(path))
        return found

    def exists(self, path: str) -> bool:
        """Tell whether an object is there."""
        return bool(self._files.exists(self._full(path)))

    def list_paths(self, folder: str) -> list[str]:
        """Return the paths of all objects below a folder, sorted; none where there is no such folder."""
        self._files.invalidate_cache()
        found = (str(full)[len(self._root) :].lstrip("/") for full in self._files.find(self._full(folder)))
        return sorted(path for path in found if not path.rpartition("/")[2].startswith("."))

    def write(self, path: str, data: bytes) -> None:
        """Write an object, whole or not at all."""
        if not self.is_local:
            self._files.pipe_file(self._full(path), data)
            return
        temporary = self._temporary(path)
        temporary.write_bytes(data)
        temporary.replace(self._full(path))

    def create(self, path: str, data: bytes) -> bool:
        """Write an object, whole or not at all, unless it is already there; tell whether it was written."""
        try:
            if self.is_local:
                temporary = self._temporary(path)
                temporary.write_bytes(data)
                try:
                    os.link(temporary, self._full(path))
                finally:
                    temporary.unlink()
            else:
                self._files.pipe_file(self._full(path), data, mode="create")
        except FileExistsError:
            return False
        return True

    def put_file(self, local: Path, path: str) -> None:
        """Copy a local file into the lake, whole or not at all."""
        if not self.is_local:
            self._files.put_file(str(local), self._full(path))
            return
        temporary = self._temporary(path)
        shutil.copyfile(local, temporary)
        temporary.replace(self._full(path))

    def remove_folder(self, folder: str) -> None:
        """Remove all objects below a folder that no manifest names."""
        if self.list_paths(folder):
            self._files.rm(self._full(folder), recursive=True)

    def attach(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Let a connection read what `locate` names; cursors of one instance share what any of them was given."""
        if self.is_local:
            return
        protocol = self._files.protocol
        with _ATTACHING:
            if not connection.filesystem_is_registered(protocol if isinstance(protocol, str) else protocol[0]):
                connection.register_filesystem(self._files)

    def locate(self, path: str) -> str:
        """Return the local path, or the URL, by which an attached DuckDB connection reads an object."""
        full = self._full(path)
        return full if self.is_local else str(self._files.unstrip_protocol(full))

    def manifest(self, feed: str, owner: str, pull: str) -> Manifest | None:
        """Return a pull's manifest; None where that pull is not published."""
        try:
            return _read_manifest(self.read(manifest_path(feed, owner, pull)))
        except FileNotFoundError:
            return None

    def manifests(self, owner: str, feeds: Collection[str], up_to_pull: str | None = None) -> list[Manifest]:
        """Return the published pulls of an owner's feeds, earliest first, up to and with a run's pull id.

        With a pull come the references that were fetched for it.
        """
        found = [
            _read_manifest(self.read(path))
            for feed in feeds
            for path in self.list_paths(pull_folder("manifests", feed, owner))
            if up_to_pull is None or _run_of(path) <= up_to_pull.partition(".")[0]
        ]
        return sorted(found, key=lambda manifest: (manifest.pull, manifest.feed))

    def all_manifests(self) -> list[Manifest]:
        """Return every published pull, by feed, owner and pull id."""
        return [_read_manifest(self.read(path)) for path in self.list_paths("manifests")]

    def typed_pulls(self, owner: str, feeds: Collection[str], up_to_pull: str | None = None) -> list[TypedPull]:
        """Return what makes up the state of an owner's feeds as of a pull: all versions, or the latest snapshot."""
        manifests = self.manifests(owner, feeds, up_to_pull)
        latest = {manifest.feed: manifest.pull for manifest in manifests}
        filled = {(manifest.feed, manifest.contract_version) for manifest in manifests if manifest.rows}
        filled_feeds = {feed for feed, _ in filled}
        return [
            TypedPull(
                feed=manifest.feed,
                owner=manifest.owner,
                pull=manifest.pull,
                path=self.locate(manifest.typed),
                observed_at=manifest.observed_at,
                is_delivery=manifest.kind == "delivery",
                # A later contract's columns may stand in an empty file alone.
                is_empty=not manifest.rows
                and (manifest.feed not in filled_feeds or (manifest.feed, manifest.contract_version) in filled),
            )
            for manifest in manifests
            if manifest.kind != "snapshot" or manifest.pull == latest[manifest.feed]
        ]

    def publish(self, manifest: Manifest) -> Manifest:
        """Write a manifest, unless that pull is already published; return the one that stands there."""
        path = manifest_path(manifest.feed, manifest.owner, manifest.pull)
        if self.create(path, manifest.model_dump_json(indent=1).encode()):
            return manifest
        return _read_manifest(self.read(path))

    def _full(self, path: str) -> str:
        return f"{self._root}/{path}"

    def _temporary(self, path: str) -> Path:
        target = Path(self._full(path))
        target.parent.mkdir(parents=True, exist_ok=True)
        return target.with_name(f".{target.name}.{uuid.uuid4().hex}")


def pull_folder(part: str, feed: str, owner: str, pull: str | None = None) -> str:
    """Return the folder of `raw`, `typed` or `manifests` for an owner's feed (and one pull).

    Raises ConfigurationError for an owner or pull id that cannot be part of a path.
    """
    if not OWNER.fullmatch(owner):
        msg = f"{owner!r} cannot name an instance or engagement in the lake: use letters, digits, '-', '_' and '.'"
        raise ConfigurationError(msg)
    if pull is not None and not PULL_ID.fullmatch(pull):
        msg = f"{owner}, {feed}: {pull!r} is no pull id; write it as 20261116T020000Z"
        raise ConfigurationError(msg)
    folder = f"{part}/{feed}/{owner}"
    return folder if pull is None else f"{folder}/{pull}"


def manifest_path(feed: str, owner: str, pull: str) -> str:
    """Return where a pull's manifest stands in the lake."""
    return pull_folder("manifests", feed, owner, pull) + ".json"


def _run_of(path: str) -> str:
    return path.rpartition("/")[2].partition(".")[0]


def _read_manifest(data: bytes) -> Manifest:
    try:
        return Manifest.model_validate_json(data)
    except ValueError as error:
        msg = f"a manifest in the lake cannot be read ({data[:120]!r}): {error}"
        raise ContractError(msg) from error
