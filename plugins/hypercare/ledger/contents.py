"""A digest of everything that the ledger and the lake hold, free of clock times and paths.

Two installations that saw the same worlds in the same runs have the same digest, however often tasks were killed.
"""

from __future__ import annotations

import hashlib

from sqlalchemy import Engine, select

from hypercare.canonical import canonical_json, digest
from hypercare.lake import Lake
from hypercare.ledger import tables

LEFT_OUT = {"acknowledgements", "confirmations", "leases", "runs"}
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
    digests["all"] = digest(digests)
    return digests


def _digest_table(engine: Engine, name: str) -> str:
    table = tables.metadata.tables[name]
    columns = [column for column in table.columns if column.name not in PATHS]
    with engine.connect() as connection:
        lines = [canonical_json(dict(row._mapping)) for row in connection.execute(select(*columns))]
    # In order here: databases order text by collations of their own.
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def _digest_lake(lake: Lake) -> str:
    found = hashlib.sha256()
    for manifest in lake.all_manifests():
        line = [manifest.feed, manifest.owner, manifest.pull, manifest.digest, manifest.rows, manifest.misfits]
        found.update(canonical_json(line).encode() + b"\n")
    return found.hexdigest()
