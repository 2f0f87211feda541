"""The folder into which an instance without an API drops its flat files: only read, nothing is moved or deleted.

The customer's own middleware may take files away once it has them, and marks as exported are the customer's: ask for a
copy of the files, or for an export of our own.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import fsspec

from hypercare.contracts import Contract
from hypercare.errors import ConfigurationError, ContractError, ResourceMissingError, TransientError
from hypercare.systems.csv_mapping import CsvFeed, CsvMapping, load_csv_mapping
from hypercare.systems.csv_table import IncompleteFileError

STAMPS = (
    (re.compile(r"(?<!\d)(\d{8})[_T-]?(\d{6})Z?(?!\d)"), "%Y%m%d%H%M%S"),
    (re.compile(r"(?<!\d)(\d{6})(\d{6})(?!\d)"), "%d%m%y%H%M%S"),
)
"""`InvoiceHeader_20260309_140000Z_.csv`, and of older releases `invoices090326140000_.csv`; both in UTC."""


@dataclass(frozen=True)
class DropFile:
    """One file as the folder shows it."""

    path: str
    """Below the drop folder."""
    size: int
    """Bytes."""
    modified_at: datetime | None
    """When it was last written, UTC; None where the store does not tell."""

    @property
    def delivered_at(self) -> datetime:
        """The export's own time, UTC: that of the name, else when the file was written."""
        name = self.path.rpartition("/")[2]
        for pattern, form in STAMPS:
            match = pattern.search(name)
            if match:
                with suppress(ValueError):
                    return datetime.strptime("".join(match.groups()), form).replace(tzinfo=UTC)
        return self.modified_at or datetime(1970, 1, 1, tzinfo=UTC)


def by_delivery(file: DropFile) -> tuple[datetime, datetime, str]:
    """Return what files are ordered by: the export's time, then that of writing; never the name alone."""
    return file.delivered_at, file.modified_at or file.delivered_at, file.path


@dataclass(frozen=True)
class DropFolder:
    """The files of one instance, and how they are read."""

    instance: str
    url: str
    mapping: CsvMapping
    settle_seconds: float

    def list_files(self, feed: CsvFeed) -> list[DropFile]:
        """Return the files of a feed, oldest export first.

        Raises ResourceMissingError where there is no such folder, TransientError where the store fails.
        """
        files, root = self._open()
        try:
            files.invalidate_cache()
            if not files.isdir(root):
                msg = f"instance {self.instance}: there is no drop folder {self.url}; correct connection or settings"
                raise ResourceMissingError(msg)
            found = files.find(root, detail=True)
        except OSError as error:
            msg = f"instance {self.instance}: the drop folder {self.url} cannot be listed ({error}); try again"
            raise TransientError(msg) from error
        listed = [_describe(path, info, root) for path, info in found.items()]
        matching = [file for file in listed if _matches(file.path, feed.files)]
        return sorted(matching, key=by_delivery)

    def read_file(self, file: DropFile) -> bytes:
        """Return a file's bytes, once it has come to rest.

        Raises IncompleteFileError for one that is empty, was written just now or changes meanwhile; ContractError for
        one that is too large; TransientError where the store fails.
        """
        what = self.describe(file)
        if file.size > self.mapping.largest_file:
            msg = f"{what} has {file.size} bytes, more than the {self.mapping.largest_file} that the mapping allows"
            raise ContractError(msg)
        settles = timedelta(seconds=self.settle_seconds)
        if not file.size or (file.modified_at and datetime.now(UTC) - file.modified_at < settles):
            state = "is empty" if not file.size else f"was written less than {self.settle_seconds:g} s ago"
            msg = f"{what} {state}: it may still be being written, the next run tries again"
            raise IncompleteFileError(msg)
        files, root = self._open()
        try:
            body: bytes = files.cat_file(f"{root}/{file.path}")
            files.invalidate_cache()
            now = _describe(f"{root}/{file.path}", files.info(f"{root}/{file.path}"), root)
        except OSError as error:
            msg = f"{what} cannot be read ({error}); the next run tries again"
            raise TransientError(msg) from error
        if now != file or len(body) != file.size:
            msg = f"{what} changed while it was read: it is still being written, the next run tries again"
            raise IncompleteFileError(msg)
        return body

    def describe(self, file: DropFile) -> str:
        """Name a file in messages."""
        return f"instance {self.instance}, file {file.path}"

    def _open(self) -> tuple[Any, str]:
        files, root = fsspec.core.url_to_fs(self.url)
        return files, str(root).rstrip("/")


def open_drop_folder(
    instance: str,
    place: str,
    override: str,
    root_url: str,
    mappings: Path,
    contracts: Mapping[str, Contract],
    required: Collection[str] = (),
    settle_seconds: float = 60,
) -> DropFolder:
    """Return an instance's drop folder.

    `place` is a folder below `root_url`, or a path or URL of its own; `override` the file below `mappings` that says
    how this customer's columns differ, if they do; it can't take away `required` feeds.

    Raises ConfigurationError for an address or mapping that can't be used.
    """
    url = place if "://" in place or place.startswith("/") else f"{root_url.rstrip('/')}/{place}"
    try:
        fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as error:
        msg = f"instance {instance}: the drop folder {url!r} cannot be used: {error}; correct connection or settings"
        raise ConfigurationError(msg) from error
    mapping = load_csv_mapping(mappings, override, contracts, required)
    return DropFolder(instance, url.rstrip("/"), mapping, settle_seconds)


def _describe(path: str, info: Mapping[str, Any], root: str) -> DropFile:
    written = next((info[name] for name in ("mtime", "LastModified", "last_modified", "updated") if name in info), None)
    if isinstance(written, int | float):
        written = datetime.fromtimestamp(written, UTC)
    if isinstance(written, str):
        written = datetime.fromisoformat(written)
    below = str(path)[len(root) :].lstrip("/")
    return DropFile(below, int(info["size"]), written.astimezone(UTC) if isinstance(written, datetime) else None)


def _matches(path: str, patterns: tuple[str, ...]) -> bool:
    name = path.rpartition("/")[2]
    if name.startswith("."):
        return False
    return any(fnmatchcase((path if "/" in pattern else name).casefold(), pattern.casefold()) for pattern in patterns)
