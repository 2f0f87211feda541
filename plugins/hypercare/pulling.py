"""Pulls: what is asked of an instance, in which passes, and from when on the next pull asks (rule R4)."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from hypercare.contracts import Contract
from hypercare.errors import PermanentError
from hypercare.lake import Lake, Manifest, Pass, pull_folder
from hypercare.staging import (
    CheckLease,
    JoinedPages,
    no_lease,
    publish_pages,
    read_started,
    stage_page,
    stage_passes,
    type_pages,
)
from hypercare.systems.coupa import CoupaClient


@dataclass(frozen=True)
class PullPolicy:
    """What a pull allows for."""

    overlap: timedelta = timedelta(minutes=15)
    """The watermark lies this far before the server's time at the pull's first answer."""


def pull_id(as_of: datetime) -> str:
    """Return the pull id of a run: its `as_of` (aware) in UTC."""
    return as_of.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def pull_feed(
    lake: Lake,
    client: CoupaClient,
    contract: Contract,
    pull: str,
    *,
    go_live: datetime,
    policy: PullPolicy | None = None,
    trusted: Collection[str] | None = None,
    check_lease: CheckLease = no_lease,
) -> Manifest:
    """Pull one feed of one instance and publish it; a published pull is returned without asking anything.

    The first pull is a baseline: everything, or the open documents and all touched since `go_live` (the earliest of the
    instance's engagements, aware). Each later one asks for what was updated since the last one's watermark; where
    `go_live` has moved earlier since, also for what was touched from then on. Where `trusted` names pull ids, the last
    one is the last of those, and without any the pull is a baseline again: what an invalid pull brought is asked anew.
    A stopped pull goes on behind its last staged page, with the questions it started with.
    Raises what `CoupaClient.read_list` raises; ContractError for pages that cannot be read; LeaseLostError through
    `check_lease`, which is called between pages and right before publishing; PermanentError where a later pull of this
    feed is already published.
    """
    owner = client.instance
    published = lake.manifest(contract.feed, owner, pull)
    if published is not None:
        return published
    last = _last_pull(lake, contract, owner, pull, trusted)
    folder = pull_folder("raw", contract.feed, owner, pull)
    started = read_started(lake, folder, contract)
    passes = started.passes if started else plan_passes(contract, last, go_live)
    with tempfile.TemporaryDirectory(prefix="hypercare-pull-") as scratch:
        joined = JoinedPages(contract, Path(scratch) / "pages.json", several_passes=len(passes) > 1)
        with joined:
            started = stage_passes(
                lake,
                folder,
                contract,
                started,
                passes,
                lambda question, after: client.read_list(contract, question.query, after),
                joined,
                check_lease,
                touched_since=None if contract.baseline.all else _earliest(go_live, last),
            )
        return publish_pages(
            lake,
            contract,
            joined,
            type_pages(contract, owner, joined),
            check_lease,
            owner=owner,
            pull=pull,
            kind="increment" if last else "baseline",
            passes=started.passes,
            observed_at=started.observed_at,
            touched_since=started.touched_since,
            watermark=started.observed_at - (policy or PullPolicy()).overlap,
        )


def plan_passes(contract: Contract, last: Manifest | None, go_live: datetime) -> tuple[Pass, ...]:
    """Return the questions of a feed's next pull; `last` is its last published one, None before the baseline."""
    if last is not None and last.watermark is not None:
        updated = Pass(name="updated", query={"updated-at[gt_or_eq]": _wire(last.watermark)})
        if last.touched_since is None or go_live >= last.touched_since:
            return (updated,)
        earlier = {"updated-at[gt_or_eq]": _wire(go_live), "updated-at[lt]": _wire(last.touched_since)}
        return updated, Pass(name="touched earlier", query=earlier)
    baseline = contract.baseline
    if baseline.all:
        return (Pass(name="all", query={}),)
    # Not only what was created since: a payment released before go-live and completed after it belongs to the weeks.
    touched = Pass(name="touched", query={"updated-at[gt_or_eq]": _wire(go_live)})
    if not baseline.open_statuses:
        return (touched,)
    conditions = {name: _wire_value(value) for name, value in baseline.open_when.items()}
    return Pass(name="open", query={"status[in]": ",".join(baseline.open_statuses), **conditions}), touched


def publish_rows(
    lake: Lake,
    contract: Contract,
    owner: str,
    pull: str,
    rows: Sequence[Mapping[str, Any]],
    observed_at: datetime,
    check_lease: CheckLease = no_lease,
) -> Manifest:
    """Publish records that another system's client read: the feed's whole state as of `observed_at` (aware).

    `rows` use the contract's wire names; dates, instants and Decimals are written as text. A published pull is returned
    unchanged. Raises LeaseLostError through `check_lease`, ContractError for rows that cannot be read.
    """
    published = lake.manifest(contract.feed, owner, pull)
    if published is not None:
        return published
    body = orjson.dumps(list(rows), default=str)
    digest = hashlib.sha256(body).hexdigest()
    check_lease()
    folder = pull_folder("raw", contract.feed, owner, pull)
    name = stage_page(lake, folder, "page-00001", body, digest)
    with tempfile.TemporaryDirectory(prefix="hypercare-pull-") as scratch:
        joined = JoinedPages(contract, Path(scratch) / "pages.json")
        with joined:
            joined.add(name, body, digest, [{"id": place} for place in range(len(rows))])
        return publish_pages(
            lake,
            contract,
            joined,
            type_pages(contract, owner, joined),
            check_lease,
            owner=owner,
            pull=pull,
            kind="snapshot",
            observed_at=observed_at.astimezone(UTC),
            watermark=None,
        )


def _last_pull(
    lake: Lake, contract: Contract, owner: str, pull: str, trusted: Collection[str] | None
) -> Manifest | None:
    pulls = [found for found in lake.manifests(owner, [contract.feed]) if found.kind in ("baseline", "increment")]
    if pulls and pulls[-1].pull > pull:
        msg = (
            f"instance {owner}, {contract.feed}: pull {pulls[-1].pull} is already published, so {pull} would be newer "
            "than its id says; judge an earlier week from the pulls that are there"
        )
        raise PermanentError(msg)
    followed = [found for found in pulls if trusted is None or found.pull in trusted]
    return followed[-1] if followed else None


def _earliest(go_live: datetime, last: Manifest | None) -> datetime:
    covered = last.touched_since if last else None
    return min(go_live.astimezone(UTC), covered) if covered else go_live.astimezone(UTC)


def _wire(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _wire_value(value: Any) -> str:  # noqa: ANN401 - YAML
    return str(value).lower() if isinstance(value, bool) else str(value)
