"""Deliveries: an instance's flat files on their way into a published pull, each consumed once (rule R4 for files).

The watermarks of R4 do not apply: every file brings some or all records of a feed, in whatever order files arrive. All
versions are kept; of a record the version updated last counts, among equal ones the one delivered last. A file is known
by its path, size and time, and by its digest, so that the same file delivered again changes nothing. Under a changed
mapping the files that are still there are read anew.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict

from hypercare.contracts import Contract
from hypercare.errors import PermanentError, TransientError
from hypercare.lake import Lake, Manifest, StagedPage, pull_folder
from hypercare.staging import CheckLease, JoinedPages, no_lease, publish_pages, type_pages
from hypercare.systems.csv_drop import DropFile, DropFolder, by_delivery
from hypercare.systems.csv_mapping import find_unmapped
from hypercare.systems.csv_records import ParsedFile, parse_file

NOTHING_NEW = ParsedFile([], {})


class NotDeliveredError(TransientError):
    """A feed whose files stopped coming: nobody knows what happened since."""


class _Staged(BaseModel):
    """A file whose bytes are in the lake, though no manifest names them yet; written when they are there whole."""

    model_config = ConfigDict(frozen=True)

    file: DropFile
    path: str
    """In the lake."""


@dataclass(frozen=True)
class _Delivery:
    """One pull of one feed."""

    lake: Lake
    drops: DropFolder
    contract: Contract
    pull: str
    as_of: datetime
    check_lease: CheckLease

    @property
    def folder(self) -> str:
        return pull_folder("raw", self.contract.feed, self.drops.instance, self.pull)

    @property
    def name(self) -> str:
        return f"instance {self.drops.instance}, {self.contract.feed}"

    def find_consumed(self) -> list[Manifest]:
        """Return the published deliveries read by the present mapping and contract, oldest first."""
        return [
            manifest
            for manifest in self.lake.manifests(self.drops.instance, [self.contract.feed])
            if manifest.kind == "delivery"
            and manifest.mapping == self.drops.mapping.digest
            and manifest.contract_version == self.contract.version
        ]


def pull_delivery(
    lake: Lake,
    drops: DropFolder,
    contract: Contract,
    pull: str,
    *,
    as_of: datetime,
    check_lease: CheckLease = no_lease,
) -> Manifest:
    """Read a feed's new files of an instance and publish their records; a published pull is returned unchanged.

    Without new files an empty pull is published, as long as the newest one is recent enough for the run `as_of`.
    Raises NotDeliveredError naming the patterns and the newest file where it is not; IncompleteFileError for a file
    that is still being written or was cut off, ContractError for one that can't be read (nothing is published then, and
    the next run tries again); PermanentError where a later pull is already published; LeaseLostError through
    `check_lease`; what `DropFolder` raises.
    """
    published = lake.manifest(contract.feed, drops.instance, pull)
    if published is not None:
        return published
    delivery = _Delivery(lake, drops, contract, pull, as_of, check_lease)
    consumed = delivery.find_consumed()
    later = [found.pull for found in lake.manifests(drops.instance, [contract.feed]) if found.pull > pull]
    if later:
        msg = f"{delivery.name}: pull {later[-1]} is already published; judge an earlier week from the pulls there are"
        raise PermanentError(msg)
    staged = _find_staged(delivery)
    chosen = _choose(delivery, consumed, staged)
    newest = _check_freshness(delivery, chosen, consumed)
    with tempfile.TemporaryDirectory(prefix="hypercare-pull-") as scratch:
        joined = JoinedPages(contract, Path(scratch) / "records.json", several_passes=True, fields=())
        with joined:
            missing = _join_files(delivery, chosen, staged, consumed, joined)
        return publish_pages(
            lake,
            contract,
            joined,
            type_pages(contract, drops.instance, joined),
            check_lease,
            owner=drops.instance,
            pull=pull,
            kind="delivery",
            observed_at=newest,
            watermark=None,
            mapping=drops.mapping.digest,
            lacks=_find_lacks(delivery, missing, joined.rows, consumed),
        )


def _choose(
    delivery: _Delivery, consumed: Sequence[Manifest], staged: Mapping[DropFile, _Staged]
) -> tuple[DropFile, ...]:
    """Return the files not yet consumed, oldest export first: those in the folder, and staged ones taken from there."""
    known = {
        (page.source, page.size, page.modified_at)
        for manifest in consumed
        for page in manifest.pages
        if page.modified_at is not None
    }
    listed = delivery.drops.list_files(delivery.drops.mapping.feeds[delivery.contract.feed])
    there = {file.path for file in listed}
    taken = [file for file in staged if file.path not in there]
    new = (file for file in (*listed, *taken) if (file.path, file.size, file.modified_at) not in known)
    return tuple(sorted(new, key=by_delivery))


def _find_staged(delivery: _Delivery) -> dict[DropFile, _Staged]:
    """Return what pulls of this feed that never came to be published have staged, this one or stopped ones."""
    lake, owner, feed = delivery.lake, delivery.drops.instance, delivery.contract.feed
    published = {manifest.pull for manifest in lake.manifests(owner, [feed])}
    notes = [path for path in lake.list_paths(pull_folder("raw", feed, owner)) if path.endswith(".csv.json")]
    found = (_Staged.model_validate_json(lake.read(path)) for path in notes if path.split("/")[-2] not in published)
    return {each.file: each for each in found}


def _check_freshness(delivery: _Delivery, chosen: Sequence[DropFile], consumed: Sequence[Manifest]) -> datetime:
    """Return the time of the newest file; raise NotDeliveredError where it is too long ago, or where there is none."""
    feed = delivery.drops.mapping.feeds[delivery.contract.feed]
    times = {file.path: file.delivered_at for file in chosen}
    times |= {
        page.source: page.delivered_at
        for manifest in consumed
        for page in manifest.pages
        if page.delivered_at is not None
    }
    expected = f"{' or '.join(feed.files)} in {delivery.drops.url}"
    if not times:
        msg = f"{delivery.name}: nothing was delivered yet, no file matches {expected}; have the customer deliver it"
        raise NotDeliveredError(msg)
    newest = max(times, key=lambda path: (times[path], path))
    if times[newest] < delivery.as_of - timedelta(days=feed.delivered_within_days):
        msg = (
            f"{delivery.name}: not delivered since {times[newest]:%Y-%m-%d %H:%M} UTC, the newest file of {expected} "
            f"is {newest}; a file (with a header row only where nothing happened) is expected every "
            f"{feed.delivered_within_days:g} days"
        )
        raise NotDeliveredError(msg)
    return times[newest]


def _join_files(
    delivery: _Delivery,
    chosen: Sequence[DropFile],
    staged: Mapping[DropFile, _Staged],
    consumed: Sequence[Manifest],
    joined: JoinedPages,
) -> dict[str, str]:
    """Stage each file's bytes, append its records, and return the parts of the feed that one of them lacks."""
    digests = {page.sha256 for manifest in consumed for page in manifest.pages}
    missing: dict[str, str] = {}
    for place, file in enumerate(chosen, start=1):
        delivery.check_lease()
        earlier = staged.get(file)
        body = delivery.lake.read(earlier.path) if earlier else delivery.drops.read_file(file)
        digest = hashlib.sha256(body).hexdigest()
        parsed = NOTHING_NEW
        if digest not in digests:
            what = delivery.drops.describe(file)
            parsed = parse_file(body, delivery.drops.mapping, delivery.contract, file.delivered_at, what)
        digests.add(digest)
        name = _stage(delivery, file, body, digest)
        missing |= parsed.missing if parsed.records else {}
        page = StagedPage(
            name=name,
            size=len(body),
            sha256=digest,
            rows=len(parsed.records),
            source=file.path,
            delivered_at=file.delivered_at,
            modified_at=file.modified_at,
        )
        heads: list[Any] = [_head(record, place, row) for row, record in enumerate(parsed.records)]
        joined.append(page, orjson.dumps(parsed.records), heads)
    return missing


def _stage(delivery: _Delivery, file: DropFile, body: bytes, digest: str) -> str:
    """Keep a file's bytes, once it was found to be whole, and beside them what it was; return their name."""
    key = hashlib.sha256(repr(file).encode()).hexdigest()
    name = f"file-{key[:16]}-{digest[:16]}.csv"
    path = f"{delivery.folder}/{name}"
    if not delivery.lake.exists(f"{path}.json"):
        delivery.lake.write(path, body)
        delivery.lake.write(f"{path}.json", _Staged(file=file, path=path).model_dump_json().encode())
    return name


def _head(record: Mapping[str, Any], place: int, row: int) -> dict[str, Any]:
    """Return what tells versions apart: of one time the one delivered last counts; those without id stay apart."""
    updated_at = record.get("updated-at")
    return {"id": (record.get("id") or f"no id {place}.{row}", updated_at), "updated-at": updated_at}


def _find_lacks(
    delivery: _Delivery, missing: Mapping[str, str], rows: int, consumed: Sequence[Manifest]
) -> dict[str, str]:
    """Return what the feed lacks: what is not mapped, and what a file with records, now or earlier, did not have."""
    unmapped = find_unmapped(delivery.drops.mapping.feeds[delivery.contract.feed], delivery.contract)
    earlier = {part: why for manifest in consumed if manifest.rows for part, why in manifest.lacks.items()}
    return dict(sorted({**earlier, **(missing if rows else {}), **unmapped}.items()))
