"""Workbooks as bytes in a folder or an object store: theirs are only ever read, ours appear whole or not at all."""

from __future__ import annotations

import re
import uuid
from pathlib import PurePosixPath
from typing import Any

import fsspec

from hypercare.errors import ConfigurationError, ContractError, ResourceMissingError, TransientError
from hypercare.systems.workbook_package import WorkbookLimits

UNFIT_NAME = re.compile(r"://|::|\\|^/|(^|/)\.\.(/|$)|[\x00-\x1f]")
"""What would lead out of the tracker folder, or be read as another file system."""
ANSWERS = ".answers.xlsx"
"""How our own file beside a workbook ends."""


def fetch_workbook(folder_or_url: str, name: str, limits: WorkbookLimits, kind: str = "tracker") -> bytes:
    """Return the bytes of the workbook `name` of a local folder or of a URL that fsspec knows; it is opened to read.

    `kind` is the field of the ICM record that names it. Raises ResourceMissingError where there is no such file,
    ContractError for one that is too large, ConfigurationError for a name or URL that cannot be right, TransientError
    where the store fails.
    """
    files, root = _open_folder(folder_or_url, name, kind)
    try:
        with files.open(str(PurePosixPath(root) / name), "rb") as stream:
            content: bytes = stream.read(limits.compressed_bytes + 1)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        msg = f"{kind} {name}: there is no such file in {folder_or_url}; put it there, or correct the ICM record"
        raise ResourceMissingError(msg) from error
    except PermissionError as error:
        msg = f"{kind} {name}: may not be read in {folder_or_url} ({error}); grant read access"
        raise ConfigurationError(msg) from error
    except Exception as error:  # each store has its own: botocore's, aiohttp's, OSError
        msg = f"{kind} {name}: cannot be read from {folder_or_url} ({error}); the next run tries again"
        raise TransientError(msg) from error
    if len(content) > limits.compressed_bytes:
        msg = f"{kind} {name}: larger than {limits.compressed_bytes:,} bytes; remove what is no action item"
        raise ContractError(msg)
    return content


def name_answers(name: str) -> str:
    """Return the name of our own file beside a workbook.

    Raises ConfigurationError for a workbook that bears such a name itself.
    """
    if name.lower().endswith(ANSWERS):
        msg = f"workbook {name}: names that end in {ANSWERS} are those of our answers; rename it, and in the ICM record"
        raise ConfigurationError(msg)
    return name.removesuffix(".xlsx") + ANSWERS


def has_file(folder_or_url: str, name: str) -> bool:
    """Tell whether a file is there; raise ConfigurationError for a name or URL that cannot be right."""
    files, root = _open_folder(folder_or_url, name, "workbook")
    files.invalidate_cache()
    return bool(files.exists(str(PurePosixPath(root) / name)))


def write_own_file(folder_or_url: str, name: str, content: bytes, kind: str = "answers") -> None:
    """Write a file of our own, whole or not at all, in the place of what stood there; `kind` names it in messages.

    Raises ConfigurationError for a name or URL that cannot be right, TransientError where the store fails.
    """
    files, root = _open_folder(folder_or_url, name, kind)
    path = str(PurePosixPath(root) / name)
    try:
        if "file" not in ((files.protocol,) if isinstance(files.protocol, str) else files.protocol):
            files.pipe_file(path, content)  # an object appears when its last byte was taken
            return
        temporary = str(PurePosixPath(path).with_name(f".{PurePosixPath(path).name}.{uuid.uuid4().hex}"))
        files.pipe_file(temporary, content)
        files.mv(temporary, path)
    except Exception as error:  # each store has its own
        msg = f"{kind} {name}: cannot be written to {folder_or_url} ({error}); make that folder, or grant write access"
        raise TransientError(msg) from error


def _open_folder(folder_or_url: str, name: str, kind: str) -> tuple[Any, str]:
    if not name.strip():
        msg = f"the ICM record names no {kind}: write the workbook's file name into its {kind} field"
        raise ResourceMissingError(msg)
    if UNFIT_NAME.search(name):
        msg = f"{kind} {name!r}: write only the file's name, below the tracker folder, into the ICM record"
        raise ConfigurationError(msg)
    try:
        files, root = fsspec.core.url_to_fs(folder_or_url)
    except (ImportError, ValueError) as error:
        msg = f"the {kind} folder {folder_or_url!r} cannot be opened: {error}"
        raise ConfigurationError(msg) from error
    return files, str(root)
