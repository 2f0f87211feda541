"""A digest of everything that the ledger and the lake hold, free of clock times and paths.

Two installations that saw the same worlds in the same runs have the same digest, however often tasks were killed.
"""

from __future__ import annotations

import hashlib

from sqlalchemy import Engine, select

from hypercare.canonical import canonical_json, plain
from hypercare.lake import Lake
from hypercare.ledger import tables

LEFT_OUT = {"leases", "runs"}
"""Tables that tell how work went, not what came of it."""
PATHS = {"path", "rejects_path", "failing_rows_path"}


def digest_contents(engine: Engine, lake: Lake) -> dict[str, str]:
    """Return a sha256 for each table and for the lake, and one of them all under `all`."""
    digests = {
        table.name: _digest_table(engine, table.name)
        for table in tables.metadata.sorted_tables
        if table.name not in LEFT_OUT
    }
    digests["lake"] = _digest_lake(lake)
    digests["all"] = hashlib.sha256(canonical_json(digests).encode()).hexdigest()
    return digests


def _digest_table(engine: Engine, name: str) -> str:
    table = tables.metadata.tables[name]
    columns = [column for column in table.columns if column.name not in PATHS]
    found = hashlib.sha256()
    with engine.connect() as connection:
        for row in connection.execute(select(*columns).order_by(*table.primary_key.columns)):
            found.update(canonical_json({key: plain(value) for key, value in row._mapping.items()}).encode() + b"\n")
    return found.hexdigest()


def _digest_lake(lake: Lake) -> str:
    found = hashlib.sha256()
    for manifest in lake.all_manifests():
        line = [manifest.feed, manifest.owner, manifest.pull, manifest.digest, manifest.rows, manifest.misfits]
        found.update(canonical_json(line).encode() + b"\n")
    return found.hexdigest()
