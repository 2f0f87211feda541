"""Revisions, decisions and adjustments as one hash chain an engagement: a changed row breaks its link.

What the chain shows by itself: a changed, added or removed row of what it stands for, a changed or missing link, and a
revision, decision or adjustment without a link. What it can't show without an anchor outside of this database, such as
a hash that was printed in a report: that the last links were cut off together with what they stand for, or that
somebody who may write every table has rebuilt the whole chain.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, Row, Table, select, union
from sqlalchemy.dialects.postgresql import insert

from hypercare.canonical import canonical_json, digest
from hypercare.errors import ConfigurationError
from hypercare.ledger import tables
from hypercare.ledger.row_tables import ROW_TABLES

GENESIS = "0" * 64
REVISION_TABLES = (tables.week_revisions, tables.metrics, tables.checks, tables.exceptions)
ADDED_TABLES = frozenset(table.name for table in ROW_TABLES)
"""Tables that count where they hold rows, so that what was sealed before they were there keeps its digest."""
SEQUENCED = {"decision": tables.decisions, "adjustment": tables.adjustments}
"""Tables whose rows have the sequence number of their own link, by the link's kind."""
NAMED_BY = {"decision": "week", "adjustment": "kind"}
"""The column that tells such a row from others, for people."""
DERIVED = {"digest", "sealed"}
"""Columns of a revision that its digest can't cover, being set with it; verifying compares them with the link."""


@dataclass(frozen=True)
class ChainLink:
    """One link of an engagement's chain, as it stands in the ledger."""

    sequence: int
    kind: str
    subject: str
    payload_digest: str
    previous_hash: str
    hash: str


@dataclass(frozen=True)
class BrokenLink:
    """The first link of an engagement's chain that does not hold."""

    engagement: str
    sequence: int
    subject: str
    reason: str


def lock_engagement(connection: Connection, engagement: str) -> None:
    """Let nobody else append to this engagement's chain until the transaction ends.

    Raises ConfigurationError for an engagement that the ledger does not know.
    """
    lock = select(tables.engagements.c.id).where(tables.engagements.c.id == engagement).with_for_update()
    if connection.execute(lock).scalar_one_or_none() is None:
        msg = f"engagement {engagement} is not in the ledger; it comes in when a run reads it from Salesforce"
        raise ConfigurationError(msg)


def append_link(connection: Connection, engagement: str, kind: str, subject: str, payload_digest: str) -> int:
    """Append a link under a lock on the engagement's row, and return its sequence number."""
    lock_engagement(connection, engagement)
    last = connection.execute(
        select(tables.chain.c.sequence, tables.chain.c.hash)
        .where(tables.chain.c.engagement == engagement)
        .order_by(tables.chain.c.sequence.desc())
        .limit(1)
    ).one_or_none()
    link = {
        "engagement": engagement,
        "sequence": last.sequence + 1 if last else 1,
        "kind": kind,
        "subject": subject,
        "payload_digest": payload_digest,
        "previous_hash": last.hash if last else GENESIS,
    }
    connection.execute(insert(tables.chain).values(**link, hash=hash_link(link)))
    return int(str(link["sequence"]))


def revision_digest(connection: Connection, engagement: str, week: str, revision: int) -> str:
    """Return the digest of a revision as it stands in the ledger: its own row and all that belongs to it.

    Rows are put in order here, since databases order text by collations of their own.
    """
    payload = {}
    for table in (*REVISION_TABLES, *ROW_TABLES):
        query = select(table).where(
            table.c.engagement == engagement, table.c.week == week, table.c.revision == revision
        )
        payload[table.name] = sorted(
            canonical_json({name: value for name, value in row._mapping.items() if name not in DERIVED})
            for row in connection.execute(query)
        )
    return digest({name: rows for name, rows in payload.items() if rows or name not in ADDED_TABLES})


def sequenced_digest(connection: Connection, table: Table, engagement: str, sequence: int) -> str | None:
    """Return the digest of a decision or adjustment as it stands in the ledger; None where it is gone."""
    query = select(table).where(table.c.engagement == engagement, table.c.sequence == sequence)
    row = connection.execute(query).one_or_none()
    return None if row is None else values_digest(dict(row._mapping))


def values_digest(values: Mapping[str, object]) -> str:
    """Return the digest of a row's columns; its sequence number is bound by the link that carries the digest."""
    return digest({name: value for name, value in values.items() if name != "sequence"})


def read_links(engine: Engine, engagement: str) -> tuple[ChainLink, ...]:
    """Return the links of an engagement's chain in their order."""
    table = tables.chain
    query = select(table).where(table.c.engagement == engagement).order_by(table.c.sequence)
    with engine.connect() as connection:
        rows = [dict(row._mapping) for row in connection.execute(query)]
    return tuple(ChainLink(**{name: value for name, value in row.items() if name != "engagement"}) for row in rows)


def verify_chain(engine: Engine, only: str | None = None) -> list[BrokenLink]:
    """Check every link of every chain; return the first broken one of each engagement, by the engagement's name.

    `only` is the id of the one engagement whose chain is asked for.
    """
    broken = []
    # One snapshot for all statements: what a run appends meanwhile is seen whole or not at all.
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        for engagement, name in _list_chained(connection):
            link = _first_broken(connection, engagement, name) if only in (None, engagement) else None
            if link:
                broken.append(link)
    return broken


def _list_chained(connection: Connection) -> list[tuple[str, str]]:
    """Return id and name of every engagement that has a link or something that needs one, known or not."""
    chained = (tables.chain, tables.week_revisions, *SEQUENCED.values())
    ids = union(select(tables.engagements.c.id), *(select(table.c.engagement) for table in chained))
    known = connection.execute(select(tables.engagements.c.id, tables.engagements.c.name))
    names = {row.id: row.name for row in known}
    found = [(engagement, names.get(engagement, engagement)) for engagement in connection.execute(ids).scalars()]
    return sorted(found, key=lambda entry: (entry[1], entry[0]))


def _first_broken(connection: Connection, engagement: str, name: str) -> BrokenLink | None:
    previous, expected, linked = GENESIS, 1, set()
    query = select(tables.chain).where(tables.chain.c.engagement == engagement).order_by(tables.chain.c.sequence)
    for link in connection.execute(query).all():
        reason = ""
        if link.sequence != expected or link.previous_hash != previous:
            reason = "it does not follow the link before it"
        elif link.hash != hash_link(dict(link._mapping)):
            reason = "its hash does not fit its contents"
        else:
            reason = _compare_payload(connection, link)
        if reason:
            return BrokenLink(name, link.sequence, link.subject, reason)
        linked.add(link.subject if link.kind == "revision" else (link.kind, link.sequence))
        previous, expected = link.hash, expected + 1
    return _find_unlinked(connection, engagement, name, linked, expected)


def _compare_payload(connection: Connection, link: Row[tuple[object, ...]]) -> str:
    """Return what is wrong with what a link stands for; empty where nothing is."""
    if link.kind in SEQUENCED:
        found = sequenced_digest(connection, SEQUENCED[link.kind], link.engagement, link.sequence)
        if found is None:
            return f"the {link.kind} is gone"
        return "" if found == link.payload_digest else f"the {link.kind} was changed after it was recorded"
    week, _, revision = link.subject.partition(" revision ")
    table = tables.week_revisions
    own = connection.execute(
        select(table.c.digest, table.c.sealed).where(
            table.c.engagement == link.engagement, table.c.week == week, table.c.revision == int(revision)
        )
    ).one_or_none()
    if own is None:
        return "the revision is gone"
    found = revision_digest(connection, link.engagement, week, int(revision))
    intact = own.sealed and own.digest == found == link.payload_digest
    return "" if intact else "the revision was changed after it was recorded"


def _find_unlinked(
    connection: Connection, engagement: str, name: str, linked: set[str | tuple[str, int]], expected: int
) -> BrokenLink | None:
    """Find a sealed revision, a decision or an adjustment that has no link."""
    revisions = tables.week_revisions
    sealed = connection.execute(
        select(revisions.c.week, revisions.c.revision)
        .where(revisions.c.engagement == engagement, revisions.c.sealed)
        .order_by(revisions.c.week, revisions.c.revision)
    )
    for week, revision in sealed:
        subject = revision_subject(week, revision)
        if subject not in linked:
            return BrokenLink(name, expected, subject, "its link is missing")
    for kind, table in SEQUENCED.items():
        own = select(table.c.sequence, table.c[NAMED_BY[kind]]).where(table.c.engagement == engagement)
        for sequence, called in connection.execute(own.order_by(table.c.sequence)):
            if (kind, sequence) not in linked:
                return BrokenLink(name, sequence, f"{kind} on {called}", "its link is missing")
    return None


def revision_subject(week: str, revision: int) -> str:
    """Name a revision in the chain."""
    return f"{week} revision {revision}"


def decision_subject(week: str) -> str:
    """Name a decision in the chain."""
    return f"decision on {week}"


def hash_link(link: Mapping[str, object]) -> str:
    """Return a link's hash: over all its columns but itself, the engagement and the hash before it among them."""
    return hashlib.sha256(
        canonical_json({name: value for name, value in link.items() if name != "hash"}).encode()
    ).hexdigest()
