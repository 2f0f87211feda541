"""An engagement's bank statements: the camt.053 and CSV files of its folder, read as one (rule R8.11).

The folder is `<bank folder>/<ICM record id>`, local or a URL that fsspec knows. Nothing is guessed: a file that cannot
be taken refuses them all, since the payments that it holds would look as if the bank had not paid them.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

import fsspec

from hypercare.bank_entries import BankEntry, BankStatement
from hypercare.errors import ConfigurationError, ContractError, HypercareError, ResourceMissingError, TransientError
from hypercare.systems.bank_csv import BankCsvMapping, CsvLayout, read_bank_csv
from hypercare.systems.camt053 import FileRead, read_camt053

MOST_BYTES = 50_000_000
"""Of one file; a statement of 20,000 payments takes about 30 MB."""


@dataclass(frozen=True)
class BankRead:
    """What an engagement's banks say, duplicates removed, in the order of accounts and days."""

    statements: tuple[BankStatement, ...]
    entries: tuple[BankEntry, ...]
    warnings: tuple[str, ...]
    """Gaps, sums that do not agree, files that are no statements: each names the file and the place."""


def read_bank_folder(folder_or_url: str, engagement: str, mapping: BankCsvMapping) -> BankRead:
    """Read every statement of an engagement (ICM record id).

    Raises ResourceMissingError where it has none, ContractError naming file and place for one that cannot be taken or
    that stands there twice, ConfigurationError for a folder that cannot be right or read, TransientError where the
    store fails.
    """
    layout = mapping.layout_of(engagement)
    digests: dict[str, str] = {}
    reads: list[FileRead] = []
    warnings: list[str] = []
    for name, content in _fetch_files(folder_or_url, engagement):
        if not name.lower().endswith((".xml", ".csv")):
            warnings.append(f"bank statement {name}: neither .xml nor .csv, not read; unpack or remove it")
            continue
        digest = hashlib.sha256(content).hexdigest()
        first = digests.setdefault(digest, name)
        if first != name:
            msg = f"bank statement {name}: is the same file as {first}; remove one of them"
            raise ContractError(msg)
        reads.append(_read_file(content, name, digest, layout))
    if not reads:
        msg = f"there are no bank statements (.xml, .csv) in {folder_or_url}/{engagement}"
        raise ResourceMissingError(msg)
    return _join(reads, warnings)


def _read_file(content: bytes, name: str, digest: str, layout: CsvLayout) -> FileRead:
    file = f"bank statement {name}"
    if len(content) > MOST_BYTES:
        msg = f"{file}: larger than {MOST_BYTES:,} bytes; ask the bank for a file a week"
        raise ContractError(msg)
    if not content.strip():
        msg = f"{file}: is empty; fetch it from the bank again"
        raise ContractError(msg)
    if name.lower().endswith(".csv"):
        return read_bank_csv(content, file, digest, layout)
    return read_camt053(content, file, digest)


def _fetch_files(folder_or_url: str, engagement: str) -> Iterator[tuple[str, bytes]]:
    """Yield name and bytes of each file of the engagement's folder, by name; of too big ones no more than is asked."""
    try:
        files, root = fsspec.core.url_to_fs(folder_or_url)
    except (ImportError, ValueError) as error:
        msg = f"the bank folder {folder_or_url!r} cannot be opened: {error}"
        raise ConfigurationError(msg) from error
    try:
        files.invalidate_cache()
        folder = str(PurePosixPath(root) / engagement)
        for path in sorted(files.find(folder, maxdepth=1)):
            name = PurePosixPath(path).name
            if not name.startswith("."):
                with files.open(path, "rb") as stream:
                    yield name, stream.read(MOST_BYTES + 1)
    except HypercareError:
        raise
    except PermissionError as error:
        msg = f"bank statements of {engagement}: may not be read in {folder_or_url} ({error}); grant read access"
        raise ConfigurationError(msg) from error
    except FileNotFoundError:
        return
    except Exception as error:  # each store has its own: botocore's, aiohttp's, OSError
        msg = (
            f"bank statements of {engagement}: cannot be read from {folder_or_url} ({error}); the next run tries again"
        )
        raise TransientError(msg) from error


def _join(reads: Sequence[FileRead], warnings: list[str]) -> BankRead:
    """Put the files together: what a bank sent twice counts once."""
    warnings += [words for read in reads for words in read.warnings]
    statements = list(_drop_duplicates([one for read in reads for one in read.statements], warnings))
    taken = {(statement.id, statement.file_digest) for statement in statements}
    entries: dict[str, BankEntry] = {}
    repeated: Counter[tuple[str, str]] = Counter()
    for entry in (entry for read in reads for entry in read.entries if (entry.statement, entry.file_digest) in taken):
        kept = entries.setdefault(entry.id, entry)
        repeated[entry.file, kept.file] += kept is not entry
    warnings += [
        f"{file}: {count} rows stand in {first} too; counted once" for (file, first), count in repeated.items() if count
    ]
    linked = list(_link(statements, warnings))
    ordered = sorted(entries.values(), key=lambda entry: (entry.booked_on, entry.account, entry.id))
    return BankRead(tuple(linked), tuple(ordered), tuple(warnings))


def _drop_duplicates(statements: Iterable[BankStatement], warnings: list[str]) -> Iterator[BankStatement]:
    """Yield each statement once; raise ContractError for two that the bank does not mark as copies."""
    by_id: dict[str, list[BankStatement]] = {}
    for statement in statements:
        by_id.setdefault(statement.id, []).append(statement)
    for same in by_id.values():
        originals = [statement for statement in same if not statement.is_duplicate]
        if len(originals) > 1:
            places = " and ".join(f"{one.file.removeprefix('bank statement ')}, {one.place}" for one in originals)
            msg = f"bank statement {originals[0].name} of account {originals[0].account} stands in {places}: remove one"
            raise ContractError(msg)
        kept = (originals or same)[0]
        warnings += [f"{one.file}, {one.place}: a copy of {kept.file}; counted once" for one in same if one is not kept]
        yield kept


def _link(statements: Sequence[BankStatement], warnings: list[str]) -> Iterator[BankStatement]:
    """Yield the statements by account and day, each with whether it goes on from the one before."""
    before: BankStatement | None = None
    for statement in sorted(
        statements, key=lambda one: (one.account, one.currency, one.covered_from, one.sequence or 0, one.page, one.id)
    ):
        same = before is not None and (before.account, before.currency) == (statement.account, statement.currency)
        if before is None or not same:
            state, words = "first", ""
        else:
            state, words = _compare(before, statement)
        if words:
            warnings.append(f"{statement.file}, {statement.place}: {words}; ask the bank for what is missing")
        yield replace(statement, continuity=state)
        before = statement


def _compare(before: BankStatement, statement: BankStatement) -> tuple[str, str]:
    """Return whether a statement follows another of its account, and in words why not."""
    if before.sequence is not None and statement.sequence is not None:
        follows = statement.sequence == before.sequence + 1
        repeats = statement.sequence == before.sequence and statement.page == before.page + 1
        if not follows and not repeats and not _is_new_year(before, statement):
            return "gap", f"statement {statement.sequence} of {statement.account} follows {before.sequence}"
    if before.closing is None or statement.opening is None:
        return "untold", ""
    if before.closing != statement.opening:
        return "gap", (
            f"account {statement.account} opens with {statement.opening}, but closed with {before.closing} "
            f"on {before.covered_through}"
        )
    return "linked", ""


def _is_new_year(before: BankStatement, statement: BankStatement) -> bool:
    return statement.sequence == 1 and statement.covered_through.year > before.covered_through.year
