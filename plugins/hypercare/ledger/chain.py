"""Revisions and decisions as one hash chain an engagement: a changed row breaks its link."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, select
from sqlalchemy.dialects.postgresql import insert

from hypercare.canonical import digest, plain
from hypercare.ledger import tables

GENESIS = "0" * 64
REVISION_TABLES = (tables.week_revisions, tables.metrics, tables.checks, tables.exceptions)
DERIVED = {"digest", "sealed"}
"""Columns of a revision that its digest can't cover: the digest itself, and the flag that is set with it."""


@dataclass(frozen=True)
class BrokenLink:
    """The first link of an engagement's chain that does not hold."""

    engagement: str
    sequence: int
    subject: str
    reason: str


def append_link(connection: Connection, engagement: str, kind: str, subject: str, payload_digest: str) -> int:
    """Append a link under a lock on the engagement's row, and return its sequence number."""
    lock = select(tables.engagements.c.id).where(tables.engagements.c.id == engagement).with_for_update()
    connection.execute(lock).scalar_one()
    last = connection.execute(
        select(tables.chain.c.sequence, tables.chain.c.hash)
        .where(tables.chain.c.engagement == engagement)
        .order_by(tables.chain.c.sequence.desc())
        .limit(1)
    ).one_or_none()
    sequence, previous = (last.sequence + 1, last.hash) if last else (1, GENESIS)
    connection.execute(
        insert(tables.chain).values(
            engagement=engagement,
            sequence=sequence,
            kind=kind,
            subject=subject,
            payload_digest=payload_digest,
            previous_hash=previous,
            hash=_hash(previous, kind, subject, payload_digest),
        )
    )
    return sequence


def revision_digest(connection: Connection, engagement: str, week: str, revision: int) -> str:
    """Return the digest of a revision as it stands in the ledger: its own row, metrics, checks and exceptions."""
    payload = {}
    for table in REVISION_TABLES:
        query = (
            select(table)
            .where(table.c.engagement == engagement, table.c.week == week, table.c.revision == revision)
            .order_by(*table.primary_key.columns)
        )
        payload[table.name] = [
            {name: plain(value) for name, value in row._mapping.items() if name not in DERIVED}
            for row in connection.execute(query)
        ]
    return digest(payload)


def decision_digest(connection: Connection, engagement: str, sequence: int) -> str:
    """Return the digest of a decision as it stands in the ledger."""
    query = select(tables.decisions).where(
        tables.decisions.c.engagement == engagement, tables.decisions.c.sequence == sequence
    )
    row = connection.execute(query).one_or_none()
    return digest({}) if row is None else values_digest(dict(row._mapping))


def values_digest(decision: dict[str, object]) -> str:
    """Return the digest of a decision's columns; its sequence number is bound by the link that carries the digest."""
    return digest({name: value for name, value in decision.items() if name != "sequence"})


def verify_chain(engine: Engine) -> list[BrokenLink]:
    """Check every link of every chain; return the first broken one of each engagement."""
    broken = []
    with engine.connect() as connection:
        names = connection.execute(
            select(tables.engagements.c.id, tables.engagements.c.name).order_by(tables.engagements.c.name)
        ).all()
        for engagement, name in names:
            link = _first_broken(connection, engagement, name)
            if link:
                broken.append(link)
    return broken


def _first_broken(connection: Connection, engagement: str, name: str) -> BrokenLink | None:
    previous, expected, linked = GENESIS, 1, set()
    query = select(tables.chain).where(tables.chain.c.engagement == engagement).order_by(tables.chain.c.sequence)
    for link in connection.execute(query).all():
        reason = ""
        if link.sequence != expected or link.previous_hash != previous:
            reason = "it does not follow the link before it"
        elif link.hash != _hash(link.previous_hash, link.kind, link.subject, link.payload_digest):
            reason = "its hash does not fit its contents"
        elif link.payload_digest != _payload_digest(
            connection, link.engagement, link.sequence, link.kind, link.subject
        ):
            reason = f"the {link.kind} was changed after it was recorded"
        if reason:
            return BrokenLink(name, link.sequence, link.subject, reason)
        linked.add(link.subject)
        previous, expected = link.hash, expected + 1
    return _unlinked(connection, engagement, name, linked, expected)


def _unlinked(connection: Connection, engagement: str, name: str, linked: set[str], expected: int) -> BrokenLink | None:
    """Find a sealed revision or a last decision that has lost its link."""
    sealed = connection.execute(
        select(tables.week_revisions.c.week, tables.week_revisions.c.revision)
        .where(tables.week_revisions.c.engagement == engagement, tables.week_revisions.c.sealed)
        .order_by(tables.week_revisions.c.week, tables.week_revisions.c.revision)
    )
    for week, revision in sealed:
        subject = revision_subject(week, revision)
        if subject not in linked:
            return BrokenLink(name, expected, subject, "its link is missing")
    return None


def revision_subject(week: str, revision: int) -> str:
    """Name a revision in the chain."""
    return f"{week} revision {revision}"


def _payload_digest(connection: Connection, engagement: str, sequence: int, kind: str, subject: str) -> str:
    if kind == "decision":
        return decision_digest(connection, engagement, sequence)
    week, _, revision = subject.partition(" revision ")
    return revision_digest(connection, engagement, week, int(revision))


def _hash(previous: str, kind: str, subject: str, payload_digest: str) -> str:
    return hashlib.sha256("\n".join((previous, kind, subject, payload_digest)).encode()).hexdigest()
