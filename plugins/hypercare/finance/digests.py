"""The pages by which a reader verifies the finance workbook: the chain, and what the evidence rests on. Pure."""

from __future__ import annotations

from typing import Any

from hypercare.finance.evidence import FinanceEvidence
from hypercare.finance.page import Column, Page
from hypercare.ledger.chain import revision_subject

CHAIN = "Chain"
SHA256 = 71
"""The width of a column of digests in hex."""
LINK_COLUMNS = {
    "sequence": ("Link", 7),
    "kind": ("Kind", 12),
    "subject": ("What", 30),
    "payload_digest": ("Digest of what it stands for", SHA256),
    "previous_hash": ("Hash of the link before", SHA256),
    "hash": ("Hash", SHA256),
    "engagement": ("Engagement", 20),
}
"""Header and width of each of a link's columns: all that its hash is over."""


def make_chain(evidence: FinanceEvidence) -> Page:
    """List the engagement's whole hash chain; the revisions of this file are marked."""
    columns = (
        *(Column(header, width) for header, width in LINK_COLUMNS.values()),
        Column("In this file", 10),
    )
    shown = {revision_subject(str(week.week), week.revision.key.revision) for week in evidence.weeks}
    decided = evidence.decision["sequence"] if evidence.decision else None
    rows = [
        (
            link.sequence,
            link.kind,
            link.subject,
            link.payload_digest,
            link.previous_hash,
            link.hash,
            evidence.engagement.id,
            "yes" if link.subject in shown or link.sequence == decided else "",
        )
        for link in evidence.links
    ]
    lead = (
        "Each hash is the sha256 of its link as JSON with sorted keys, the hash before it and the engagement included: "
        "`hypercare verify-ledger --against <this file>`."
    )
    return Page(CHAIN, lead, columns, rows)


def make_files(evidence: FinanceEvidence) -> Page:
    """List the files and pulls on which the weeks rest, each with its digest."""
    columns = (
        Column("Kind", 20),
        Column("Name", 44),
        Column("Of", 34),
        Column("Covers", 26),
        Column("Balances", 12),
        Column("Follows", 10),
        Column("Weeks", 22),
        Column("sha256", SHA256),
    )
    rows = [*_list_workbooks(evidence), *_list_statements(evidence), *_list_pulls(evidence)]
    lead = "Workbooks and bank statements by their bytes; pulls by their contract and the bytes of all their pages."
    return Page("Files", lead, columns, rows)


def _list_workbooks(evidence: FinanceEvidence) -> list[tuple[Any, ...]]:
    return [
        (
            "hypercare workbook",
            each.file,
            f"version {each.version}, saved by {each.saved_by or 'an unnamed person'}",
            f"{each.first_as_of:%Y-%m-%d} to {each.last_as_of:%Y-%m-%d}",
            "",
            "",
            "refused" if each.refused else "",
            each.digest,
        )
        for each in evidence.workbooks
    ]


def _list_statements(evidence: FinanceEvidence) -> list[tuple[Any, ...]]:
    statements = {each.statement: each for week in evidence.weeks for each in week.rows.statements}
    weeks: dict[str, list[str]] = {}
    for week in evidence.weeks:
        for each in week.rows.statements:
            weeks.setdefault(each.statement, []).append(str(week.week))
    return [
        (
            "bank statement",
            each.file,
            f"{each.account} {each.currency}, statement {each.name}",
            f"{each.covered_from} to {each.covered_through}",
            each.arithmetic,
            each.continuity,
            _say_weeks(weeks[name]),
            each.file_digest,
        )
        for name, each in sorted(statements.items(), key=lambda item: (item[1].account, item[1].covered_from, item[0]))
    ]


def _list_pulls(evidence: FinanceEvidence) -> list[tuple[Any, ...]]:
    weeks: dict[tuple[str, str, str, str], list[str]] = {}
    for week in evidence.weeks:
        for pull in week.pulls:
            weeks.setdefault((pull.feed, pull.owner, pull.pull, pull.digest), []).append(str(week.week))
    return [
        ("pull", f"{feed} {name}", owner, "", "", "", _say_weeks(labels), digest)
        for (feed, owner, name, digest), labels in sorted(weeks.items())
    ]


def _say_weeks(labels: list[str]) -> str:
    return labels[0] if len(labels) == 1 else f"{labels[0]} to {labels[-1]}"
