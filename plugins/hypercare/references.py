"""What records refer to and nobody has yet: found in the lake, fetched by id, published as pulls (rule R4).

A baseline takes open documents and those created since go-live; they point at older ones. What is found missing after a
pull is fetched as `{pull}.r1`; what that points at in turn as `.r2` and `.r3`. A key that the server does not return is
written into the manifest as unresolved and asked for again only when a later pull brings a record that refers to it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hypercare.contracts import Contract, Reference, nested_lists, snake_case
from hypercare.lake import Lake, Manifest, Pass, pull_folder
from hypercare.scratch_database import open_cursor
from hypercare.staging import (
    CheckLease,
    JoinedPages,
    no_lease,
    publish_pages,
    read_started,
    stage_passes,
    type_pages,
)
from hypercare.systems.coupa import PAGE_LIMIT, CoupaClient
from hypercare.typed import typed_schema

ROUNDS = 3
"""Payments lead to invoices, those to orders and suppliers, those to requisitions and contracts."""


@dataclass(frozen=True, order=True)
class Key:
    """What a reference names: a record's id, or the id of a nested record in its table."""

    table: str
    id: str

    def __str__(self) -> str:
        return f"{self.table}:{self.id}" if self.table else self.id


@dataclass(frozen=True)
class PulledReferences:
    """What one run's references came to."""

    manifests: tuple[Manifest, ...]
    skipped: frozenset[str]
    """Feeds that are referred to but not published in this pull, so that nothing can be added to them."""


def pull_references(
    lake: Lake,
    client: CoupaClient,
    contracts: Mapping[str, Contract],
    pull: str,
    *,
    check_lease: CheckLease = no_lease,
    rounds: int = ROUNDS,
) -> PulledReferences:
    """Fetch and publish what the records of an instance's feeds refer to and what no pull up to this one holds.

    `contracts`: the feeds pulled from this instance. Call it when their pulls are done; calling it again goes on where
    it stopped. Nothing is asked where a later pull is already published. Raises what `pull_feed` raises.
    """
    own = {feed: contract for feed, contract in contracts.items() if contract.system == "coupa"}
    skipped: set[str] = set()
    for number in range(1, rounds + 1):
        manifests = lake.manifests(client.instance, own)
        if any(manifest.run > pull for manifest in manifests):
            break
        round_pull = f"{pull}.r{number}"
        # As if it were the first try: what a stopped one published in this round and later ones does not count yet.
        before = [manifest for manifest in manifests if manifest.pull < round_pull]
        wanted = _missing_keys(lake, own, before, pull)
        fed = {manifest.feed for manifest in manifests if manifest.pull == pull}
        skipped |= set(wanted) - fed
        fetched = sorted(set(wanted) & fed)
        for feed in fetched:
            _pull_keys(lake, client, own[feed], round_pull, wanted[feed], check_lease)
        if not fetched:
            # Nothing came that could refer to more.
            break
    found = lake.manifests(client.instance, own, pull)
    references = tuple(manifest for manifest in found if manifest.run == pull and manifest.kind == "references")
    return PulledReferences(references, frozenset(skipped))


def _pull_keys(
    lake: Lake, client: CoupaClient, contract: Contract, pull: str, keys: Collection[Key], check_lease: CheckLease
) -> None:
    """Fetch and publish one feed's records by the keys asked for, fifty at a time."""
    owner = client.instance
    if lake.manifest(contract.feed, owner, pull) is not None:
        return
    folder = pull_folder("raw", contract.feed, owner, pull)
    started = read_started(lake, folder, contract)
    passes = started.passes if started else tuple(_plan_passes(contract, keys))
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
            )
        typed = type_pages(contract, owner, joined)
        publish_pages(
            lake,
            contract,
            joined,
            typed,
            check_lease,
            owner=owner,
            pull=pull,
            kind="references",
            passes=passes,
            observed_at=started.observed_at,
            watermark=None,
            unresolved=_unresolved(contract, passes, str(typed.path)),
        )


def _plan_passes(contract: Contract, keys: Collection[Key]) -> Iterator[Pass]:
    for table in sorted({key.table for key in keys}):
        ids = sorted(int(key.id) for key in keys if key.table == table)
        for chunk in (ids[start : start + PAGE_LIMIT] for start in range(0, len(ids), PAGE_LIMIT)):
            query = {f"{_attribute(contract, table)}[in]": ",".join(map(str, chunk))}
            yield Pass(name=f"by {table or 'id'}", query=query, most=len(chunk))


def _attribute(contract: Contract, table: str) -> str:
    """Return how Coupa's queries name the id of a record or of a nested one: `id`, `order_lines[id]`."""
    if not table:
        return "id"
    first, *others = (snake_case(part) for part in _wire_path(contract, table))
    return "".join([first, *(f"[{part}]" for part in [*others, "id"])])


def _asked_keys(contract: Contract, passes: Sequence[Pass]) -> Iterator[Key]:
    tables = {f"{_attribute(contract, table)}[in]": table for table in ("", *contract.tables.values())}
    for question in passes:
        for name, ids in question.query.items():
            yield from (Key(tables[name], key_id) for key_id in ids.split(","))


def _unresolved(contract: Contract, passes: Sequence[Pass], typed: str) -> tuple[str, ...]:
    """Return the asked keys that no fetched record has."""
    asked = set(_asked_keys(contract, passes))
    with open_cursor() as connection:
        for table in {key.table for key in asked}:
            rows = f"select distinct id from {_rows(contract, table, [typed])}"
            asked -= {Key(table, key_id) for (key_id,) in connection.execute(rows).fetchall()}
    return tuple(str(key) for key in sorted(asked))


def _missing_keys(
    lake: Lake, contracts: Mapping[str, Contract], manifests: Sequence[Manifest], pull: str
) -> dict[str, set[Key]]:
    """Return, by feed, the keys that records refer to and no record has, without those asked for in vain before."""
    files: dict[tuple[str, bool], list[str]] = {}
    given_up: dict[tuple[str, bool], set[str]] = {}
    for manifest in manifests:
        at = manifest.feed, manifest.run == pull
        if manifest.rows:
            files.setdefault(at, []).append(lake.locate(manifest.typed))
        given_up.setdefault(at, set()).update(manifest.unresolved)
    wanted: dict[str, set[Key]] = {}
    with open_cursor() as connection:
        lake.attach(connection)
        for contract in contracts.values():
            for reference in contract.references:
                target = contracts.get(reference.feed)
                if target is None:
                    continue
                query = _missing_query(contract, reference, target, files)
                for key_id, is_new in connection.execute(query).fetchall():
                    key = Key(reference.through, key_id)
                    in_vain = given_up.get((target.feed, True), set())
                    if not is_new:
                        in_vain = in_vain | given_up.get((target.feed, False), set())
                    if str(key) not in in_vain:
                        wanted.setdefault(target.feed, set()).add(key)
    return wanted


def _missing_query(
    contract: Contract, reference: Reference, target: Contract, files: Mapping[tuple[str, bool], list[str]]
) -> str:
    """Return SQL for (key, is_new): what a reference's column holds that the other feed has not."""
    referring = " union all ".join(
        f"select {reference.column} as key, {is_new} as is_new "
        f"from {_rows(contract, reference.table, files.get((contract.feed, is_new), []))} "
        f"where {reference.where or 'true'}"
        for is_new in (False, True)
    )
    there = [path for is_new in (False, True) for path in files.get((target.feed, is_new), [])]
    return f"""
        select key, bool_or(is_new) from ({referring})
        where regexp_full_match(key, '[0-9]{{1,18}}')
            and key not in (select id from {_rows(target, reference.through, there)} where id is not null)
        group by key
        """


def _rows(contract: Contract, table: str, files: Sequence[str]) -> str:
    """Return SQL for a feed's rows over typed files, or for those of a nested table; no files make no rows."""
    columns = ", ".join(f"null::{kind} as {name}" for name, kind in typed_schema(contract.columns).items())
    rows = f"select {columns} where false"
    if files:
        listed = ", ".join("'" + path.replace("'", "''") + "'" for path in files)
        rows += f" union all by name select * from read_parquet([{listed}], union_by_name = true)"
    for level in _levels(contract, table):
        rows = f"select unnest(item) from (select unnest({level}) as item from ({rows}))"
    return f"({rows})"


def _wire_path(contract: Contract, table: str) -> tuple[str, ...]:
    return tuple(next(path for path, name in contract.tables.items() if name == table).split("."))


def _levels(contract: Contract, table: str) -> Iterator[str]:
    """Yield the list columns to unnest on the way to a nested table, outermost first."""
    if not table:
        return
    path = _wire_path(contract, table)
    lists = {wire_path for wire_path, _ in nested_lists(contract.columns)}
    start = 0
    for end in range(1, len(path) + 1):
        if path[:end] in lists:
            yield snake_case("_".join(path[start:end]))
            start = end
